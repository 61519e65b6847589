//! The shell: permits, tokio's paused clock, listeners, threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, OnceLock};

use tokio::time::{advance, sleep};

use super::*;

const S: Duration = Duration::from_secs(1);

/// Everything it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<Transition>>);

impl Listener for Heard {
    fn on_transition(&self, transition: &Transition) {
        self.0.lock().unwrap().push(transition.clone());
    }
}

impl Heard {
    /// `(from, to, seconds)` of each.
    fn lines(&self) -> Vec<(State, State, u64)> {
        let heard = self.0.lock().unwrap();
        heard.iter().map(|t| (t.from, t.to, t.at.0 / 1_000_000)).collect()
    }
}

fn heard() -> (Breaker, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let settings = BreakerSettings::default();
    let listener = Arc::clone(&heard) as Arc<dyn Listener>;
    (Breaker::with_listener("uplink", settings, Instant::now(), listener), heard)
}

fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.try_acquire().unwrap().failure();
    }
}

fn retry_after(breaker: &Breaker) -> Duration {
    breaker.try_acquire().unwrap_err().retry_after
}

#[tokio::test(start_paused = true)]
async fn a_life_of_three_minutes_on_the_paused_clock() {
    let (breaker, heard) = heard();
    sleep(10 * S).await;
    fail(&breaker, 4);
    breaker.try_acquire().unwrap().success();
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(retry_after(&breaker), 60 * S);
    sleep(20 * S).await;
    assert_eq!(retry_after(&breaker), 40 * S);
    assert_eq!(breaker.ask_again(40 * S), 40 * S);
    sleep(40 * S).await;
    assert_eq!(breaker.state(), State::Open, "until somebody asks");
    let trial = breaker.try_acquire().unwrap();
    assert!(trial.is_trial() && trial.generation() == 2);
    assert_eq!(retry_after(&breaker), 60 * S, "one trial only");
    assert_eq!(breaker.ask_again(60 * S), S, "its result is near");
    trial.failure();
    sleep(60 * S).await;
    breaker.try_acquire().unwrap().success();
    let permit = breaker.try_acquire().unwrap();
    assert!(!permit.is_trial());
    permit.neutral();

    use State::{Closed, HalfOpen, Open};
    let life = [
        (Closed, Open, 10),
        (Open, HalfOpen, 70),
        (HalfOpen, Open, 70),
        (Open, HalfOpen, 130),
        (HalfOpen, Closed, 130),
    ];
    assert_eq!(heard.lines(), life);
    let first = heard.0.lock().unwrap()[0].clone();
    assert_eq!((&*first.name, first.cause, first.failures), ("uplink", Cause::Failures, 5));
    let n = breaker.statistics();
    assert_eq!((n.successes, n.failures, n.neutral, n.rejections, n.stale), (2, 10, 1, 3, 0));
    assert_eq!((n.transitions(Open, HalfOpen), n.transitions(HalfOpen, Open)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_trial_makes_room_and_a_hung_one_reopens() {
    let (breaker, heard) = heard();
    fail(&breaker, 5);
    advance(60 * S).await;
    drop(breaker.try_acquire().unwrap());
    let hung = breaker.try_acquire().unwrap();
    assert!(hung.is_trial());
    advance(60 * S).await;
    assert_eq!(retry_after(&breaker), 60 * S);
    hung.success();
    assert_eq!(breaker.state(), State::Open);
    let causes: Vec<_> = heard.0.lock().unwrap().iter().map(|t| t.cause).collect();
    assert_eq!(causes, [Cause::Failures, Cause::RecoveryOver, Cause::LeaseExpired]);
    assert_eq!((breaker.statistics().neutral, breaker.statistics().stale), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn instants_count_from_the_epoch_and_stop_at_it() {
    let later = Instant::now() + 5 * S;
    let at = Arc::new(AtomicU64::new(u64::MAX));
    let hears = Arc::clone(&at);
    let listener = Arc::new(move |t: &Transition| hears.store(t.at.0, Ordering::Relaxed));
    let breaker = Breaker::with_listener("b", BreakerSettings::default(), later, listener);
    fail(&breaker, 5);
    assert_eq!(at.load(Ordering::Relaxed), 0);
}

/// A listener that itself moves the breaker would deadlock if it were called under the lock.
#[tokio::test(start_paused = true)]
async fn a_listener_may_use_the_breaker_and_still_hears_in_order() {
    let heard = Arc::new(Heard::default());
    let this: Arc<OnceLock<Breaker>> = Arc::default();
    let listener = {
        let (heard, this) = (Arc::clone(&heard), Arc::clone(&this));
        move |t: &Transition| {
            let breaker = this.get().unwrap();
            if t.to == State::HalfOpen {
                // The trial is out, so this is rejected; its failure then reopens.
                assert!(breaker.try_acquire().is_err());
            }
            if t.to == State::Closed {
                fail(breaker, 5);
            }
            heard.on_transition(t);
        }
    };
    let settings = BreakerSettings::default();
    let breaker = Breaker::with_listener("b", settings, Instant::now(), Arc::new(listener));
    this.set(breaker.clone()).unwrap();
    fail(&breaker, 5);
    advance(60 * S).await;
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), State::Open);
    let to: Vec<_> = heard.lines().into_iter().map(|(_, to, _)| to).collect();
    assert_eq!(to, [State::Open, State::HalfOpen, State::Closed, State::Open]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_is_called_again() {
    let calls = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&calls);
    let listener = move |_: &Transition| {
        if counts.fetch_add(1, Ordering::Relaxed) == 0 {
            panic!("the first time");
        }
    };
    let settings = BreakerSettings::default();
    let breaker = Breaker::with_listener("b", settings, Instant::now(), Arc::new(listener));
    let caller = breaker.clone();
    assert!(tokio::spawn(async move { fail(&caller, 5) }).await.is_err());
    assert_eq!(breaker.state(), State::Open);
    advance(60 * S).await;
    breaker.try_acquire().unwrap().success();
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

/// Four threads at one breaker whose recovery is over at once: a trial is never out twice, and
/// the listener hears an unbroken chain.
#[test]
fn threads_share_one_trial_and_hear_one_chain() {
    let (threads, rounds) = (4, 5_000);
    let micro = Duration::from_micros(1);
    let settings = BreakerSettings::new(1, micro, 1, 3600 * S).unwrap();
    let heard = Arc::new(Heard::default());
    let listener = Arc::clone(&heard) as Arc<dyn Listener>;
    let breaker = Breaker::with_listener("b", settings, Instant::now(), listener);
    let (out, most, start) = (AtomicU64::new(0), AtomicU64::new(0), Barrier::new(threads));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (breaker, out, most, start) = (&breaker, &out, &most, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..rounds {
                    let Ok(permit) = breaker.try_acquire() else { continue };
                    if permit.is_trial() {
                        let now = out.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        out.fetch_sub(1, Ordering::SeqCst);
                    }
                    match (round + thread) % 3 {
                        0 => permit.failure(),
                        1 => permit.success(),
                        _ => drop(permit),
                    }
                }
            });
        }
    });
    let n = breaker.statistics();
    assert_eq!(most.load(Ordering::SeqCst), 1, "trials out at once");
    assert_eq!(n.admitted, n.successes + n.failures + n.neutral);
    assert_eq!(n.admitted + n.rejections, threads as u64 * rounds as u64);
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len() as u64, heard.last().unwrap().generation, "each change once");
    for pair in heard.windows(2) {
        assert_eq!((pair[0].to, pair[0].generation + 1), (pair[1].from, pair[1].generation));
        assert!(pair[0].at <= pair[1].at);
    }
}
