//! How great a backlog a fault makes, and whether it could drain in time.
//!
//! Invariant: what is computed is what an ideal gateway would see; a real one is never better.
//! Not here: how long failures take (`failing`).

use super::breaker::{Trials, fault_of};
use super::failing::{self, World};
use super::planned;
use crate::plan::compile::notes::Notes;
use crate::plan::words::{count, rate, time};
use crate::plan::{Fault, Fleet};
use crate::spec::Trail;
use assay_slo::case::Moment;

/// The shortest that one sample can take, µs.
const FASTEST_US: u64 = 1_000;

/// What is asked of a fleet's backlog.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) fleet: usize,
    pub(super) peak: Option<u64>,
    pub(super) drained: Option<(Moment, u64)>,
}

/// What a fault leaves waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// From the fault's start until samples flow again, µs.
    pub(super) stands_us: u64,
    /// Samples that wait then.
    pub(super) samples: u64,
}

/// What draining in time needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Need {
    /// Samples that still come, in thousandths a minute: λ.
    pub(in crate::plan) rate_milli_per_min: u64,
    /// Samples that wait.
    pub(in crate::plan) backlog: u64,
    /// Time for them, µs.
    pub(in crate::plan) left_us: u64,
    /// λ + backlog / left, in the same unit.
    pub(in crate::plan) needed_milli_per_min: u64,
}

impl std::fmt::Display for Need {
    /// `377/s = 200/s + 3 000/17 s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/s = {} + {}/{}",
            self.needed_milli_per_min.div_ceil(60_000),
            rate(self.rate_milli_per_min),
            count(self.backlog),
            time(self.left_us)
        )
    }
}

/// What a fault leaves waiting of a fleet; none where that cannot be told.
pub(super) fn waiting(fleet: &Fleet, fault: &Fault, world: World<'_>) -> Option<Waiting> {
    let gateway = fleet.gateway.as_ref()?;
    let meeting = failing::meeting(fleet, fault, world.links).filter(|meeting| meeting.whole)?;
    let trial_us = failing::trial_fails_us(Some(fleet), fault);
    let trials = gateway.breaker.and_then(|policy| {
        let recovery_us = policy.recovery_us?;
        Trials::of(Some(fleet), policy.failures, recovery_us, trial_us, fault, world)
    });
    let stands_us = match trials {
        Some(trials) => trials.first_from(fault.lasts_us).1,
        // Without a breaker what hangs must end first.
        None => fault.lasts_us.saturating_add(meeting.fail_us),
    };
    let left = fleet.ends_us().saturating_sub(fault.starts_us);
    let samples =
        u128::from(fleet.rate_milli_per_min()) * u128::from(stands_us.min(left)) / 60_000_000_000;
    Some(Waiting { stands_us, samples: u64::try_from(samples).unwrap_or(u64::MAX) })
}

/// What draining in time needs; none where it cannot be told, or where no time is left.
pub(in crate::plan) fn need(
    fleet: &Fleet,
    (after, within_us): (Moment, u64),
    world: World<'_>,
) -> Option<Need> {
    let fault = fault_of(after, world)?;
    let waiting = waiting(fleet, fault, world)?;
    let flows = fault.starts_us.saturating_add(waiting.stands_us);
    let by = planned(after, world.case).saturating_add(within_us);
    let left_us = by.checked_sub(flows).filter(|left| *left > 0)?;
    let (rate_milli_per_min, backlog) = (fleet.rate_milli_per_min(), waiting.samples);
    let more = (u128::from(backlog) * 60_000_000_000).div_ceil(u128::from(left_us));
    let still = if flows < fleet.ends_us() { rate_milli_per_min } else { 0 };
    let needed_milli_per_min = u64::try_from(more).unwrap_or(u64::MAX).saturating_add(still);
    Some(Need { rate_milli_per_min: still, backlog, left_us, needed_milli_per_min })
}

/// Checks an expectation; `trail` leads to it.
pub(super) fn check(asked: Asked, trail: &Trail, world: World<'_>, notes: &mut Notes<'_>) {
    let Some(fleet) = world.traffic.fleets.get(asked.fleet) else { return };
    if let Some(peak) = asked.peak {
        check_peak(fleet, peak, &trail.key("peak").key("at-most"), world, notes);
    }
    let Some(drained) = asked.drained else { return };
    let way = trail.key("drained").key("within");
    let Some(fault) = fault_of(drained.0, world) else { return };
    let Some(waiting) = waiting(fleet, fault, world) else { return };
    let Some(need) = need(fleet, drained, world) else {
        let late = waiting.stands_us.saturating_sub(fault.lasts_us);
        let message = format!(
            "`{}` cannot drain within {}: samples flow again only {} after the end of `{}`",
            fleet.name,
            time(drained.1),
            time(late),
            fault.name
        );
        notes.value(&way, message, format!("allow more than {}", time(late)));
        return;
    };
    let most_milli_per_min = most_milli_per_min(fleet);
    if need.needed_milli_per_min > most_milli_per_min {
        let message = format!(
            "to drain in time `{}` must pass {need}, and with one sample in {} it passes at most \
             {}",
            fleet.name,
            time(FASTEST_US),
            rate(most_milli_per_min)
        );
        notes.value(&way, message, "allow more time, raise `in-flight`, or send fewer samples");
    }
}

/// What all gateways together can pass at best, in thousandths a minute.
fn most_milli_per_min(fleet: &Fleet) -> u64 {
    let Some(gateway) = &fleet.gateway else { return u64::MAX };
    let in_flight = u64::try_from(gateway.in_flight).unwrap_or(u64::MAX);
    let at_once = in_flight.min(fleet.devices_of_one()).saturating_mul(u64::from(gateway.count));
    at_once.min(fleet.devices).saturating_mul(60_000_000_000 / FASTEST_US)
}

fn check_peak(fleet: &Fleet, peak: u64, trail: &Trail, world: World<'_>, notes: &mut Notes<'_>) {
    let all = world.faults.iter().filter_map(|fault| Some((fault, waiting(fleet, fault, world)?)));
    let Some((fault, waiting)) = all.max_by_key(|(_, waiting)| waiting.samples) else { return };
    if waiting.samples > peak {
        let message = format!(
            "`{}` makes a backlog of {} = {} × {}, more than {}",
            fault.name,
            count(waiting.samples),
            rate(fleet.rate_milli_per_min()),
            time(waiting.stands_us),
            count(peak)
        );
        notes.value(trail, message, format!("allow more than {}", count(waiting.samples)));
    }
}

/// Warns where a fault makes more wait than the outboxes hold.
pub(super) fn check_buffers(world: World<'_>, notes: &mut Notes<'_>) {
    for fleet in world.traffic.fleets {
        let Some(gateway) = &fleet.gateway else { continue };
        let held = u64::try_from(gateway.buffer_max).unwrap_or(u64::MAX);
        let held = held.saturating_mul(u64::from(gateway.count));
        let all =
            world.faults.iter().filter_map(|fault| Some((fault, waiting(fleet, fault, world)?)));
        let Some((fault, waiting)) = all.max_by_key(|(_, waiting)| waiting.samples) else {
            continue;
        };
        if waiting.samples > held {
            notes.warn(format!(
                "`{}` makes {} samples of `{}` wait, and its outboxes hold {} (`buffer.max`): the \
                 rest is lost",
                fault.name,
                count(waiting.samples),
                fleet.name,
                count(held)
            ));
        }
    }
}
