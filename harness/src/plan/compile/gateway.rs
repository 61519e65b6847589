//! Gateways: how many, what each holds, how it tries.
//!
//! Not here: devices (`fleets`), running them (`fleet`).

use super::loads::TIMEOUT_US;
use super::notes::Notes;
use super::{MOST_RUN_US, MOST_WAIT_US, positive};
use crate::plan::fleet::{Delivery, Gateway, Mutant, Order, Retry, WhenFull};
use crate::spec::Trail;
use crate::spec::scalar::{Count, Duration, Multiplier};
use crate::spec::types;
use assay_slo::Share;
use assay_slo::case::Policy;

/// Unless the scenario says.
const IN_FLIGHT: u64 = 16;
/// Unless the scenario says.
const BUFFER: u64 = 20_000;
/// Unless the scenario says.
const FAILURES: u64 = 5;
/// Unless the scenario says.
const RECOVERY: Duration = Duration { us: 60_000_000 };
/// Unless the scenario says.
const TRIALS: u64 = 1;
/// Unless the scenario says.
const ATTEMPTS: u64 = 3;
/// Unless the scenario says.
const BASE: Duration = Duration { us: 1_000_000 };
/// Unless the scenario says.
const FACTOR: Multiplier = Multiplier { milli: 2000 };
/// Unless the scenario says.
const LONGEST_WAIT: Duration = Duration { us: 30_000_000 };

/// The most gateways of a fleet.
const MOST_GATEWAYS: u64 = 1_000;
/// The most samples under way in a gateway.
const MOST_IN_FLIGHT: u64 = 10_000;
/// The most samples in an outbox.
const MOST_BUFFER: u64 = 10_000_000;
/// The most failures, trials or attempts that are counted.
const MOST_COUNTED: u64 = 1_000_000;

/// A fleet's gateways; `trail` leads to their settings.
pub(super) fn compile(
    written: &types::Gateway,
    devices: u64,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Gateway {
    let count = counted(written.count, 1, MOST_GATEWAYS, &trail.key("count"), notes);
    if count > devices {
        let message = format!("{count} gateways for {devices} devices leave some without any");
        notes.value(&trail.key("count"), message, format!("write at most {devices}"));
    }
    if written.buffer.durable.0 {
        let message = "`durable: true` is not supported yet".to_owned();
        notes.value(&trail.key("buffer").key("durable"), message, "leave it out");
    }
    if let Some(Count(batch)) = written.batch.filter(|batch| batch.0 != 1) {
        let message = format!("a `batch` of {batch} is not supported yet");
        notes.value(&trail.key("batch"), message, "leave it out: one sample a request");
    }
    let way = trail.key("in-flight");
    let in_flight = counted(written.in_flight, IN_FLIGHT, MOST_IN_FLIGHT, &way, notes);
    let way = trail.key("buffer").key("max");
    let buffer_max = counted(written.buffer.max, BUFFER, MOST_BUFFER, &way, notes);
    let breaker = written.breaker.as_ref().map(|one| breaker(one, &trail.key("breaker"), notes));
    let mutant = written.mutant.map(|mutant| match mutant {
        types::Mutant::NeverOpens => Mutant::NeverOpens,
        types::Mutant::StaleSuccessCloses => Mutant::StaleSuccessCloses,
    });
    if mutant.is_some() && breaker.is_none() {
        let message = "without a breaker there is nothing to misbehave".to_owned();
        notes.value(&trail.key("mutant"), message, "write a `breaker:`");
    }
    Gateway {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        in_flight: usize::try_from(in_flight).unwrap_or(usize::MAX),
        timeout_us: written.timeout.map_or(TIMEOUT_US, |timeout| {
            positive(timeout, MOST_WAIT_US, &trail.key("timeout"), notes)
        }),
        buffer_max: usize::try_from(buffer_max).unwrap_or(usize::MAX),
        when_full: match written.buffer.when_full {
            None | Some(types::WhenFull::DropOldest) => WhenFull::DropOldest,
            Some(types::WhenFull::DropNewest) => WhenFull::DropNewest,
        },
        delivery: match written.delivery {
            None | Some(types::Delivery::StoreAndForward) => Delivery::StoreAndForward,
            Some(types::Delivery::FireAndForget) => Delivery::FireAndForget,
        },
        breaker,
        retry: written.retry.as_ref().map(|one| retry(one, &trail.key("retry"), notes)),
        mutant,
    }
}

fn breaker(written: &types::GatewayBreaker, trail: &Trail, notes: &mut Notes<'_>) -> Policy {
    let way = trail.key("recovery");
    let recovery = positive(written.recovery.unwrap_or(RECOVERY), MOST_RUN_US, &way, notes);
    let mut count =
        |given, default, key: &str| counted(given, default, MOST_COUNTED, &trail.key(key), notes);
    Policy {
        failures: Some(count(written.failures, FAILURES, "failures")),
        recovery_us: Some(recovery),
        trials: Some(count(written.trials, TRIALS, "trials")),
    }
}

fn retry(written: &types::Retry, trail: &Trail, notes: &mut Notes<'_>) -> Retry {
    let way = trail.key("attempts");
    let attempts = counted(written.attempts, ATTEMPTS, MOST_COUNTED, &way, notes);
    let base_us = positive(written.base.unwrap_or(BASE), MOST_WAIT_US, &trail.key("base"), notes);
    let longest = written.max.unwrap_or(LONGEST_WAIT);
    let max_us = positive(longest, MOST_WAIT_US, &trail.key("max"), notes);
    if max_us < base_us {
        let [longest, base] = [max_us, base_us].map(|us| Duration { us });
        let message = format!("the longest wait of {longest} is shorter than the first, {base}");
        notes.value(&trail.key("max"), message, format!("write at least {base}"));
    }
    let factor = written.factor.unwrap_or(FACTOR);
    if factor.milli < 1000 {
        let message = "a factor below 1 waits less each time".to_owned();
        notes.value(&trail.key("factor"), message, "write 1 or more");
    }
    let jitter = written.jitter.map_or(Share(0), |jitter| jitter.0);
    Retry {
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        base_us,
        factor_milli: factor.milli,
        max_us,
        jitter,
        order: match written.order {
            None | Some(types::Order::OutsideBreaker) => Order::OutsideBreaker,
            Some(types::Order::InsideBreaker) => Order::InsideBreaker,
        },
    }
}

/// A number from 1 to the most.
fn counted(
    given: Option<Count>,
    default: u64,
    most: u64,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> u64 {
    let count = given.map_or(default, |count| count.0);
    if count == 0 || count > most {
        let message = format!("{count} is not from 1 to {most}");
        notes.value(trail, message, format!("write one from 1 to {most}"));
    }
    count.clamp(1, most)
}
