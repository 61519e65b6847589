//! The composition in numbers: how long a caller takes to open the breaker in either order, what
//! is never retried, what a dropped call leaves behind.

use std::future::pending;
use std::sync::{Arc, Mutex};

use tokio::time::{Instant, sleep};

use super::*;
use crate::resilience::breaker::{BreakerSettings, State, Transition};

const S: Duration = Duration::from_secs(1);

type Result3 = Result<u16, &'static str>;

/// Answers from 500 on and errors are failures, 429 is neutral, anything else a success.
fn classify(result: &Result3) -> Verdict {
    match result {
        Ok(429) => Verdict::Neutral,
        Ok(..=499) => Verdict::Success,
        Ok(505) => Verdict::Failure { retry: false },
        Ok(_) | Err(_) => Verdict::Failure { retry: true },
    }
}

fn breaker() -> Breaker {
    Breaker::new("b", BreakerSettings::default(), Instant::now())
}

fn policy(breaker: &Breaker, order: Order) -> Policy {
    Policy::new()
        .with_breaker(breaker.clone())
        .with_retry(RetrySettings::default(), 1)
        .with_order(order)
}

fn open(breaker: &Breaker) {
    for _ in 0..5 {
        breaker.try_acquire().unwrap().failure();
    }
}

/// A breaker that says when it opened first, in seconds.
fn watched() -> (Breaker, Arc<Mutex<Option<f64>>>) {
    let opened = Arc::new(Mutex::new(None));
    let hears = Arc::clone(&opened);
    let listener = move |t: &Transition| {
        hears.lock().unwrap().get_or_insert(t.at.0 as f64 / 1e6);
    };
    let settings = BreakerSettings::default();
    (Breaker::with_listener("b", settings, Instant::now(), Arc::new(listener)), opened)
}

/// One caller, one call after the other, each attempt failing after `f`.
async fn serial(order: Order, f: Duration) -> f64 {
    let (breaker, opened) = watched();
    let policy = policy(&breaker, order);
    while breaker.state() == State::Closed {
        let refused = |_| async {
            sleep(f).await;
            Err("refused")
        };
        let _ = policy.call(refused, classify).await;
    }
    let at = opened.lock().unwrap();
    at.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_caller_alone_opens_it_after_4_and_5_failures_or_15_and_15() {
    for f in [0, 1, 10] {
        let seconds = f64::from(f);
        assert_eq!(serial(Order::OutsideBreaker, f * S).await, 4.0 + 5.0 * seconds);
        assert_eq!(serial(Order::InsideBreaker, f * S).await, 15.0 + 15.0 * seconds);
    }
}

/// 200 calls a second: the fifth begins after 4/200 s and fails after f, or after its waits and 3f.
#[tokio::test(start_paused = true)]
async fn many_callers_open_it_with_their_fifth() {
    for (order, last) in [(Order::OutsideBreaker, 1.0), (Order::InsideBreaker, 6.0)] {
        let (breaker, opened) = watched();
        let policy = Arc::new(policy(&breaker, order));
        for _ in 0..200 {
            let policy = Arc::clone(&policy);
            tokio::spawn(async move {
                let refused = |_| async {
                    sleep(S).await;
                    Err("refused")
                };
                policy.call(refused, classify).await
            });
            sleep(Duration::from_millis(5)).await;
        }
        sleep(10 * S).await;
        assert_eq!(*opened.lock().unwrap(), Some(0.02 + last));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_never_retried_and_reaches_nobody() {
    for order in [Order::OutsideBreaker, Order::InsideBreaker] {
        let breaker = breaker();
        open(&breaker);
        let start = Instant::now();
        let mut reached = 0;
        let op = |_| {
            reached += 1;
            async { Ok(200) }
        };
        let end = policy(&breaker, order).call(op, classify).await;
        assert_eq!(end, Err(CallError::Rejected { retry_after: 60 * S }));
        assert_eq!((reached, start.elapsed()), (0, Duration::ZERO));
    }
}

/// The breaker opens with the fifth failure, in the second call: its third attempt is not made.
#[tokio::test(start_paused = true)]
async fn opening_ends_the_retries_of_a_call_under_way() {
    let breaker = breaker();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let policy = policy(&breaker, Order::OutsideBreaker)
        .with_on_retry(move |r| hears.lock().unwrap().push((r.attempt, r.wait.as_secs())));
    let refused = |_| async { Err("refused") };
    assert_eq!(policy.call(refused, classify).await, Err(CallError::Failed("refused")));
    let end = policy.call(refused, classify).await;
    assert_eq!(end, Err(CallError::Rejected { retry_after: 58 * S }));
    assert_eq!(*told.lock().unwrap(), [(1, 1), (2, 2), (1, 1), (2, 2)]);
    assert_eq!(breaker.statistics().failures, 5);
}

#[tokio::test(start_paused = true)]
async fn verdicts_count_as_they_say() {
    let breaker = breaker();
    let policy = policy(&breaker, Order::OutsideBreaker);
    let counts = || {
        let n = breaker.statistics();
        (n.successes, n.failures, n.neutral)
    };
    assert_eq!(policy.call(|_| async { Ok(404) }, classify).await, Ok(404));
    assert_eq!(counts(), (1, 0, 0));
    assert_eq!(policy.call(|_| async { Ok(429) }, classify).await, Ok(429));
    assert_eq!(counts(), (1, 0, 1), "not retried either");
    assert_eq!(policy.call(|_| async { Ok(505) }, classify).await, Ok(505));
    assert_eq!(counts(), (1, 1, 1));
    let third = |a: Attempt| async move { Ok(if a.number < 3 { 503 } else { 200 }) };
    assert_eq!(policy.call(third, classify).await, Ok(200));
    assert_eq!(counts(), (2, 3, 1));
    assert_eq!(policy.call(|_| async { Ok(503) }, classify).await, Ok(503), "as it is");
}

#[tokio::test(start_paused = true)]
async fn inside_one_operation_counts_once_by_its_last_attempt() {
    let breaker = breaker();
    let policy = policy(&breaker, Order::InsideBreaker);
    let third = |a: Attempt| async move { if a.number < 3 { Err("no") } else { Ok(200) } };
    assert_eq!(policy.call(third, classify).await, Ok(200));
    let n = breaker.statistics();
    assert_eq!((n.admitted, n.successes, n.failures), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn attempts_know_that_they_are_trials() {
    for order in [Order::OutsideBreaker, Order::InsideBreaker] {
        let breaker = breaker();
        let policy = policy(&breaker, order);
        let trial = |a: Attempt| async move { Ok(u16::from(a.trial)) };
        assert_eq!(policy.call(trial, classify).await, Ok(0));
        open(&breaker);
        sleep(60 * S).await;
        assert_eq!(policy.call(trial, classify).await, Ok(1));
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_time_and_a_late_one_is_a_failure() {
    let breaker = breaker();
    let policy =
        policy(&breaker, Order::OutsideBreaker).with_timeout(Timeouts::default(), Limit::Read);
    let start = Instant::now();
    let end = policy.call(|_| pending::<Result3>(), classify).await;
    assert_eq!(end, Err(CallError::Timeout(Expired { limit: Limit::Read, after: 30 * S })));
    assert_eq!(start.elapsed(), 93 * S, "3 · 30 s and two waits");
    assert_eq!(breaker.statistics().failures, 3);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_gives_its_permit_back_as_neutral() {
    for order in [Order::OutsideBreaker, Order::InsideBreaker] {
        let breaker = breaker();
        open(&breaker);
        sleep(60 * S).await;
        let policy = Arc::new(policy(&breaker, order));
        let hung = tokio::time::timeout(S, policy.call(|_| pending::<Result3>(), classify));
        assert!(hung.await.is_err());
        let n = breaker.statistics();
        assert_eq!((n.neutral, n.failures, breaker.state()), (1, 5, State::HalfOpen));
        assert_eq!(policy.call(|_| async { Ok(200) }, classify).await, Ok(200), "room for a trial");
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn without_parts_it_is_one_attempt() {
    let start = Instant::now();
    let end = Policy::new().call(|_| async { Err("no") }, classify).await;
    assert_eq!(end, Err(CallError::Failed("no")));
    assert_eq!(start.elapsed(), Duration::ZERO);
}
