//! A planned gateway's retries and breaker, as the resilience kit takes them.
//!
//! Invariant: what the plan leaves open gets the platform's defaults: 5 failures, 60 s, 1 trial.
//! Not here: the rules of breakers and retries (crate assay-backend).

use super::log::Log;
use super::shared::lock;
use crate::clock::Clock;
use crate::plan::fleet::{Gateway, Mutant, Order, Retry};
use assay_backend::resilience as kit;
use assay_backend::{DEVICE_BREAKER, DeviceTelemetry};
use assay_slo::At;
use assay_slo::event::{BreakerEvent, BreakerState};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Beyond the longest honest attempt, so that its own timeout comes before the lease's end.
const LEASE_MARGIN_US: u64 = 1_000_000;

/// Whose breaker it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) fleet: usize,
    pub(super) name: &'a str,
    pub(super) gateway: u32,
    pub(super) seed: u64,
}

/// The policy of one gateway; its breaker's changes go to the log.
///
/// # Errors
/// A setting that the kit refuses, in its words.
pub(super) fn policy(
    plan: &Gateway,
    owner: Owner<'_>,
    clock: Clock,
    log: &Arc<Mutex<Log>>,
    told: Option<&Arc<DeviceTelemetry>>,
) -> Result<kit::Policy, kit::Invalid> {
    let mut policy = kit::Policy::new();
    if let Some(retry) = &plan.retry {
        let order = match retry.order {
            Order::OutsideBreaker => kit::Order::OutsideBreaker,
            Order::InsideBreaker => kit::Order::InsideBreaker,
        };
        policy = policy.with_retry(settings(retry)?, seed_of(owner)).with_order(order);
    }
    let Some(asked) = &plan.breaker else { return Ok(policy) };
    let settings = kit::BreakerSettings::new(
        count(asked.failures.unwrap_or(5)),
        Duration::from_micros(asked.recovery_us.unwrap_or(60_000_000)),
        count(asked.trials.unwrap_or(1)),
        Duration::from_micros(lease_us(plan)),
    )?;
    let settings = match plan.mutant {
        Some(Mutant::NeverOpens) => settings.with_mutant(kit::BreakerMutant::NeverOpens),
        Some(Mutant::StaleSuccessCloses) => {
            settings.with_mutant(kit::BreakerMutant::StaleSuccessCloses)
        }
        None => settings,
    };
    let (log, fleet, gateway) = (Arc::clone(log), owner.fleet, owner.gateway);
    let hears = told.cloned();
    let hear = move |change: &kit::Transition| {
        if let Some(told) = &hears {
            told.breaker(change);
        }
        lock(&log).breaker(BreakerEvent {
            fleet,
            gateway,
            from: state(change.from),
            to: state(change.to),
            at: At(change.at.0),
            failures: u64::from(change.failures),
            in_flight: change.in_flight,
        });
    };
    let name = match told {
        // A process of devices is one client of the platform.
        Some(_) => DEVICE_BREAKER.to_owned(),
        None => format!("{}-{gateway}", owner.name),
    };
    let epoch = clock.instant(At(0));
    let breaker = kit::Breaker::with_listener(&name, settings, epoch, Arc::new(hear));
    if let Some(told) = told {
        told.watch(breaker.clone());
    }
    Ok(policy.with_breaker(breaker))
}

fn settings(retry: &Retry) -> Result<kit::RetrySettings, kit::Invalid> {
    kit::RetrySettings::new(
        retry.attempts,
        Duration::from_micros(retry.base_us),
        retry.factor_milli as f64 / 1000.0,
        Duration::from_micros(retry.max_us),
        retry.jitter.fraction(),
    )
}

/// How long one permit may be out: an attempt, or an operation with all its attempts and waits.
fn lease_us(plan: &Gateway) -> u64 {
    let whole = match &plan.retry {
        Some(retry) if retry.order == Order::InsideBreaker => {
            let attempts = u64::from(retry.attempts).saturating_mul(plan.timeout_us);
            let waits = u64::from(retry.attempts).saturating_mul(retry.max_us);
            attempts.saturating_add(waits)
        }
        _ => plan.timeout_us,
    };
    whole.saturating_add(LEASE_MARGIN_US)
}

fn count(planned: u64) -> u32 {
    u32::try_from(planned).unwrap_or(u32::MAX)
}

fn state(state: kit::State) -> BreakerState {
    match state {
        kit::State::Closed => BreakerState::Closed,
        kit::State::Open => BreakerState::Open,
        kit::State::HalfOpen => BreakerState::HalfOpen,
    }
}

/// A gateway's own stream of chance.
fn seed_of(owner: Owner<'_>) -> u64 {
    let mut hash = Sha256::new();
    hash.update(owner.seed.to_le_bytes());
    hash.update(b"gateway ");
    hash.update(owner.gateway.to_le_bytes());
    hash.update(owner.name.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    hash.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fleet::{Delivery, WhenFull};
    use assay_backend::resilience::{CallError, Verdict};
    use assay_slo::case::Policy;
    use assay_slo::{Event, Share};
    use tokio::time::sleep;

    fn planned(order: Order) -> Gateway {
        Gateway {
            count: 1,
            in_flight: 1,
            timeout_us: 2_000_000,
            buffer_max: 1,
            when_full: WhenFull::DropOldest,
            delivery: Delivery::StoreAndForward,
            breaker: Some(Policy { failures: Some(2), ..Policy::default() }),
            retry: Some(Retry {
                attempts: 3,
                base_us: 1_000_000,
                factor_milli: 2000,
                max_us: 30_000_000,
                jitter: Share(0),
                order,
            }),
            mutant: None,
        }
    }

    /// Instants, in seconds, at which a failing far end was called, and the breaker's changes.
    async fn calls(order: Order, operations: u32) -> (Vec<u64>, Vec<(BreakerState, u64, u64)>) {
        let clock = Clock::start();
        sleep(Duration::from_secs(100)).await;
        let log = Arc::new(Mutex::new(Log::new(0)));
        let owner = Owner { fleet: 3, name: "trucks", gateway: 1, seed: 1 };
        let policy = policy(&planned(order), owner, clock, &log, None).unwrap();
        let mut called = Vec::new();
        for _ in 0..operations {
            let op = |_| {
                called.push(clock.now().0 / 1_000_000);
                async { Err::<(), ()>(()) }
            };
            let end = policy.call(op, |_| Verdict::Failure { retry: true }).await;
            assert!(!matches!(end, Ok(()) | Err(CallError::Timeout(_))));
        }
        let changes = lock(&log).take().into_iter().map(|event| match event {
            Event::Breaker(change) => {
                assert_eq!((change.fleet, change.gateway), (3, 1));
                (change.to, change.at.0 / 1_000_000, change.failures)
            }
            other => panic!("{other:?}"),
        });
        (called, changes.collect())
    }

    #[tokio::test(start_paused = true)]
    async fn outside_the_breaker_each_attempt_counts_on_the_runs_clock() {
        let (called, changes) = calls(Order::OutsideBreaker, 3).await;
        // The third attempt is 2 s later, and rejected; so are the next two operations.
        assert_eq!(called, [100, 101]);
        assert_eq!(changes, [(BreakerState::Open, 101, 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn inside_the_breaker_each_operation_counts() {
        let (called, changes) = calls(Order::InsideBreaker, 3).await;
        assert_eq!(called, [100, 101, 103, 103, 104, 106]);
        assert_eq!(changes, [(BreakerState::Open, 106, 2)]);
    }

    #[test]
    fn the_lease_outlasts_the_longest_honest_permit() {
        assert_eq!(lease_us(&planned(Order::OutsideBreaker)), 3_000_000);
        assert!(lease_us(&planned(Order::InsideBreaker)) > 3 * 2_000_000 + 3_000_000);
    }

    #[test]
    fn each_gateway_has_its_own_chance() {
        let of = |gateway, seed, name| seed_of(Owner { fleet: 0, name, gateway, seed });
        assert_ne!(of(0, 1, "a"), of(1, 1, "a"));
        assert_ne!(of(0, 1, "a"), of(0, 2, "a"));
        assert_ne!(of(0, 1, "a"), of(0, 1, "b"));
    }
}
