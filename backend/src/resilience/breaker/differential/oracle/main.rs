//! Prints what tower-resilience's breaker does on random traces, as vectors for ours.
//!
//! `cargo run -- 400 > ../vectors.txt` makes the file that the tests read. A line is
//! `FAILURES TRIALS TRACE ANSWERS`. The trace is one call after the other: `s` succeeds, `f`
//! fails, `d` is dropped while it runs, `w` is no call but a wait until the recovery is over. The
//! answer to each is `x` rejected, else the state after it: `C` closed, `O` open, `H` half-open.
//!
//! Invariant: a trace is a function of its number; the waits are real, as that crate reads std's
//! clock, and all traces wait at the same time.
//! Not here: calls that overlap. There the two differ on purpose: stale results.

use std::task::Poll;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, poll};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tower::{Service, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer, CircuitState};

const RECOVERY: Duration = Duration::from_millis(1_500);
const LENGTH: usize = 32;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let traces = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(400_u64);
    // Unconstrained: a lock that is not given because tokio's budget is used up would make a
    // dropped call one that never began.
    for line in join_all((0..traces).map(|n| tokio::task::unconstrained(trace(n)))).await {
        println!("{line}");
    }
}

async fn trace(number: u64) -> String {
    let mut chance = ChaCha8Rng::seed_from_u64(number);
    let (failures, trials) = (1 + number % 4, 1 + number / 4 % 3);
    let layer = CircuitBreakerLayer::builder()
        .consecutive_failures(failures as usize)
        .permitted_calls_in_half_open(trials as usize)
        .wait_duration_in_open(RECOVERY)
        .build()
        .expect("valid settings");
    let mut breaker = layer.layer_fn(service_fn(|letter: char| -> BoxFuture<_> {
        match letter {
            's' => async { Ok(()) }.boxed(),
            'f' => async { Err(()) }.boxed(),
            _ => futures::future::pending().boxed(),
        }
    }));
    let (mut letters, mut answers) = (String::new(), String::new());
    for _ in 0..LENGTH {
        let open = breaker.state_sync() == CircuitState::Open;
        // Failures are likely enough to open it, and half of what an open one gets are waits.
        let letter = match chance.next_u32() % 16 {
            0..8 if open => 'w',
            0..6 => 's',
            6..14 => 'f',
            _ => 'd',
        };
        letters.push(letter);
        let rejected = match letter {
            'w' => {
                tokio::time::sleep(RECOVERY + RECOVERY / 5).await;
                false
            }
            'd' => {
                let mut call = breaker.ready().await.expect("ready").call('d');
                matches!(poll!(&mut call), Poll::Ready(Err(CircuitBreakerError::OpenCircuit)))
            }
            _ => {
                let end = breaker.ready().await.expect("ready").call(letter).await;
                matches!(end, Err(CircuitBreakerError::OpenCircuit))
            }
        };
        answers.push(match breaker.state_sync() {
            _ if rejected => 'x',
            CircuitState::Closed => 'C',
            CircuitState::Open => 'O',
            CircuitState::HalfOpen => 'H',
        });
    }
    format!("{failures} {trials} {letters} {answers}")
}
