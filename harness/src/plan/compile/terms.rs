//! What an objective says besides its limit.
//!
//! Not here: what follows from it (crate slo).

use super::notes::Notes;
use super::{MOST_WAIT_US, positive};
use crate::spec::Trail;
use crate::spec::scalar::{Count, Duration, Name};
use crate::spec::types::{Excuse, Objective};
use assay_slo::Outcome;
use assay_slo::case::Terms;
use assay_slo::time::SECOND_US;

/// The longest bursts.
const MOST_BURSTS: u64 = 10_000;

/// The terms of an objective; `trail` leads to its settings.
pub(super) fn compile(written: &Objective, trail: &Trail, notes: &mut Notes<'_>) -> Terms {
    let (excused, window, bursts) = match written {
        Objective::Latency(one) => (one.not_errors.as_slice(), one.window, one.bursts),
        Objective::ErrorRate(one) => (one.not_errors.as_slice(), one.window, one.bursts),
        Objective::ErrorCount(one) => (one.not_errors.as_slice(), None, None),
        Objective::Availability(one) => (one.not_errors.as_slice(), None, None),
        Objective::Throughput(_)
        | Objective::LatencyChange(_)
        | Objective::ErrorRateChange(_)
        | Objective::Capacity(_)
        | Objective::Openslo(_) => return Terms::default(),
    };
    Terms {
        excused: excused.iter().map(outcome).collect(),
        window_s: window.map(|window| window_s(window, &trail.key("window"), notes)),
        bursts: bursts.map(|bursts| in_bursts(bursts, &trail.key("bursts"), notes)),
    }
}

/// Warns of what is written but changes nothing, where counts are exact.
pub(super) fn without_effect(name: &Name, written: &Objective, notes: &mut Notes<'_>) {
    let (confidence, bursts) = match written {
        Objective::ErrorCount(one) => (one.confidence, one.bursts),
        Objective::Availability(one) => (one.confidence, one.bursts),
        Objective::Throughput(one) => (one.confidence, one.bursts),
        Objective::LatencyChange(one) => (None, one.bursts),
        Objective::ErrorRateChange(one) => (None, one.bursts),
        _ => return,
    };
    let keys = [("confidence", confidence.is_some()), ("bursts", bursts.is_some())];
    for (key, _) in keys.into_iter().filter(|(_, is_there)| *is_there) {
        notes.warn(format!(
            "`{name}` counts exactly what happened, so its `{key}` changes nothing: leave it out"
        ));
    }
}

fn outcome(excuse: &Excuse) -> Outcome {
    match excuse {
        Excuse::Http4xx => Outcome::Http4xx,
        Excuse::Http429 => Outcome::Http429,
        Excuse::Http5xx => Outcome::Http5xx,
        Excuse::Timeout => Outcome::Timeout,
        Excuse::ConnectError => Outcome::ConnectError,
        Excuse::ProtocolError => Outcome::ProtocolError,
        Excuse::CheckFailed => Outcome::CheckFailed,
    }
}

fn window_s(window: Duration, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    let us = positive(window, MOST_WAIT_US, trail, notes);
    if !us.is_multiple_of(SECOND_US) {
        let message = format!("a window of {window} is not in whole seconds");
        notes.value(trail, message, "write 1s, 10s, …");
    }
    (us / SECOND_US).max(1)
}

fn in_bursts(Count(bursts): Count, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    if !(1..=MOST_BURSTS).contains(&bursts) {
        let message = format!("bursts of {bursts} say nothing");
        notes.value(trail, message, format!("write 1 to {MOST_BURSTS}"));
    }
    bursts.clamp(1, MOST_BURSTS)
}
