//! Whether a breaker could do in time what is asked of it.
//!
//! Invariant: a message holds the inequality and its numbers.
//! Not here: how long failures take (`failing`).

use super::failing::{self, World};
use super::planned;
use crate::plan::compile::notes::Notes;
use crate::plan::fleet::Order;
use crate::plan::words::{rate, time};
use crate::plan::{Fault, FaultKind, Fleet, OutageMode, Place};
use crate::spec::Trail;
use assay_slo::case::{Anchor, Breaker, BreakerMust, Evidence, Moment};

/// For one answer and for timers, µs: ε.
const EPSILON_US: u64 = 100_000;

/// Checks what is asked of a breaker; `trail` leads to the expectation.
pub(super) fn check(must: &BreakerMust, trail: &Trail, world: World<'_>, notes: &mut Notes<'_>) {
    let Some(breaker) = world.case.breakers.get(must.breaker) else { return };
    let fleet = breaker.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Gateway(index) => world.traffic.fleets.get(*index),
        Evidence::Arrivals(_) | Evidence::Polled(_) | Evidence::Logged { .. } => None,
    });
    let about = About { breaker, fleet, world };
    if let Some(opens) = must.opens {
        about.opens(opens, &trail.key("opens").key("within"), notes);
    }
    if let Some(closes) = must.closes {
        about.closes(closes, &trail.key("closes").key("within"), notes);
    }
}

/// The fault that a moment counts from.
pub(super) fn fault_of<'p>(moment: Moment, world: World<'p>) -> Option<&'p Fault> {
    match moment.anchor {
        Anchor::FaultStart(index) | Anchor::FaultEnd(index) => world.faults.get(index),
        Anchor::Zero
        | Anchor::LoadEnd(_)
        | Anchor::BreakerOpen(_)
        | Anchor::BreakerOpenAt { .. } => None,
    }
}

fn end(fault: &Fault) -> u64 {
    fault.ends_us()
}

#[derive(Clone, Copy)]
struct About<'p> {
    breaker: &'p Breaker,
    /// The fleet whose gateways have it.
    fleet: Option<&'p Fleet>,
    world: World<'p>,
}

impl About<'_> {
    /// `opens.within` ≥ (F − 1)/λ + f.
    fn opens(self, (after, within_us): (Moment, u64), trail: &Trail, notes: &mut Notes<'_>) {
        let Some(fault) = fault_of(after, self.world) else { return };
        let Some(fleet) = self.fleet else {
            // The timeout of callers that are not ours is known to nobody here.
            let hangs = matches!(
                fault.kind,
                FaultKind::Outage(OutageMode::BlackHole) | FaultKind::Stall | FaultKind::Pause
            );
            if hangs {
                notes.warn(format!(
                    "under `{}` a call fails when its caller gives up: `{}` can open within {} \
                     only if that timeout is shorter",
                    fault.name,
                    self.breaker.name,
                    time(within_us)
                ));
            }
            return;
        };
        let Some(failures) = self.breaker.policy.failures else { return };
        let Some(meeting) = failing::meeting(fleet, fault, self.world.links) else { return };
        let needed = failing::opens_after_us(fleet, failures, meeting.fail_us);
        let name = &self.breaker.name;
        let formula = formula(fleet, failures, meeting.fail_us);
        if needed > fault.lasts_us {
            let message = format!(
                "`{name}` needs {} to open, {formula}, and `{}` lasts {}",
                time(needed),
                fault.name,
                time(fault.lasts_us)
            );
            notes.value(trail, message, "let the fault last longer, or let the breaker see more");
            return;
        }
        let allowed = planned(after, self.world.case)
            .saturating_add(within_us)
            .saturating_sub(fault.starts_us);
        if allowed < needed {
            let message = format!(
                "`{name}` cannot open within {}: it needs at least {formula} = {}",
                time(allowed),
                time(needed)
            );
            notes.value(trail, message, format!("allow at least {}", time(needed)));
        }
    }

    /// `closes.within` ≥ R + T + 1/λ + ε.
    fn closes(self, (after, within_us): (Moment, u64), trail: &Trail, notes: &mut Notes<'_>) {
        let (Some(fault), Some(recovery_us)) =
            (fault_of(after, self.world), self.breaker.policy.recovery_us)
        else {
            return;
        };
        let trial_us = failing::trial_fails_us(self.fleet, fault);
        let (between_us, lambda) = self.fleet.map_or((0, String::new()), |fleet| {
            let milli_per_min = milli_per_min_of_one(fleet).max(1);
            (
                60_000_000_000_u64.div_ceil(milli_per_min),
                format!(
                    " + 1/λ ({} with λ = {})",
                    time(60_000_000_000 / milli_per_min),
                    rate(milli_per_min)
                ),
            )
        });
        let needed = [trial_us, between_us, EPSILON_US]
            .iter()
            .fold(recovery_us, |sum, part| sum.saturating_add(*part));
        let allowed =
            planned(after, self.world.case).saturating_add(within_us).saturating_sub(end(fault));
        if allowed < needed {
            let message = format!(
                "`{}` may need longer than {} to close: R ({}) + T ({}){lambda} + ε ({}) = {}",
                self.breaker.name,
                time(allowed),
                time(recovery_us),
                time(trial_us),
                time(EPSILON_US),
                time(needed)
            );
            notes.value(trail, message, format!("allow at least {}", time(needed)));
        }
        self.race(fault, recovery_us, trial_us, notes);
    }

    /// A trial that comes near the fault's end may meet either side of it.
    fn race(self, fault: &Fault, recovery_us: u64, trial_us: u64, notes: &mut Notes<'_>) {
        // When a service that was ended answers again is its own affair, and so is a command's end.
        if fault.kind.place() != Place::Link && fault.kind != FaultKind::Pause {
            return;
        }
        let (Some(trials), least) = (
            Trials::of(
                self.fleet,
                self.breaker.policy.failures,
                recovery_us,
                trial_us,
                fault,
                self.world,
            ),
            recovery_us / 5,
        ) else {
            return;
        };
        let (nth, at) = trials.first_from(fault.lasts_us);
        let before = trials.nth(nth.saturating_sub(1)).filter(|_| nth > 1);
        let near = [Some((nth, at)), before.map(|at| (nth - 1, at))];
        let near =
            near.into_iter().flatten().map(|(nth, at)| (at.abs_diff(fault.lasts_us), nth, at));
        let Some((apart, nth, at)) = near.min() else { return };
        if apart < least {
            notes.warn(format!(
                "a trial races the end of `{}`: trial {nth} of `{}` is due {} after its start, \
                 {} from its end; |k·R − outage| should be at least {} (20% of R)",
                fault.name,
                self.breaker.name,
                time(at),
                time(apart),
                time(least)
            ));
        }
    }
}

/// When the trials of a breaker come, µs after a fault's start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trials {
    opens_us: u64,
    recovery_us: u64,
    trial_us: u64,
}

impl Trials {
    /// None where the breaker does not open before the fault is over.
    pub(super) fn of(
        fleet: Option<&Fleet>,
        failures: Option<u64>,
        recovery_us: u64,
        trial_us: u64,
        fault: &Fault,
        world: World<'_>,
    ) -> Option<Trials> {
        let mut opens_us = 0;
        if let (Some(fleet), Some(failures)) = (fleet, failures) {
            let meeting = failing::meeting(fleet, fault, world.links)?;
            let needed = failing::opens_after_us(fleet, failures, meeting.fail_us);
            if needed > fault.lasts_us {
                return None;
            }
            // Failures that follow each other at once open it at once: k·R is what people expect.
            opens_us = if needed < recovery_us / 20 { 0 } else { needed };
        }
        (recovery_us > 0).then_some(Trials { opens_us, recovery_us, trial_us })
    }

    /// When the n-th comes, from 1.
    fn nth(self, nth: u64) -> Option<u64> {
        let waits = self.recovery_us.checked_mul(nth)?;
        let tried = self.trial_us.checked_mul(nth.checked_sub(1)?)?;
        self.opens_us.checked_add(waits)?.checked_add(tried)
    }

    /// The first that does not come before `at`, and when it comes.
    pub(super) fn first_from(self, at: u64) -> (u64, u64) {
        let first = self.opens_us.saturating_add(self.recovery_us);
        let period = self.recovery_us.saturating_add(self.trial_us).max(1);
        let more = at.saturating_sub(first).div_ceil(period);
        (more + 1, first.saturating_add(more.saturating_mul(period)))
    }
}

/// Samples of one gateway, in thousandths a minute.
fn milli_per_min_of_one(fleet: &Fleet) -> u64 {
    let gateways = fleet.gateway.as_ref().map_or(1, |gateway| u64::from(gateway.count.max(1)));
    fleet.rate_milli_per_min() / gateways
}

/// `4/λ + f (λ = 200/s, f = 2 s)`.
fn formula(fleet: &Fleet, failures: u64, fail_us: u64) -> String {
    let retry = fleet.gateway.as_ref().and_then(|gateway| gateway.retry.as_ref());
    let waits = |retry| failing::waits_us(retry).take(10_000).fold(0, u64::saturating_add);
    let (each, inside) = match retry {
        Some(retry) if retry.order == Order::InsideBreaker => {
            (format!("{} + {}f", time(waits(retry)), retry.attempts), true)
        }
        _ => ("f".to_owned(), false),
    };
    let devices = fleet.devices_of_one();
    let at_once = fleet.gateway.as_ref().map_or(devices, |gateway| {
        devices.min(u64::try_from(gateway.in_flight).unwrap_or(u64::MAX))
    });
    let numbers = format!("λ = {}, f = {}", rate(milli_per_min_of_one(fleet)), time(fail_us));
    if at_once >= failures {
        return format!("{}/λ + {each} ({numbers})", failures - failures.min(1));
    }
    let between = retry.map_or_else(String::new, |retry| {
        format!(", {} of waits in {} attempts", time(waits(retry)), retry.attempts)
    });
    let inside = if inside { " that count once" } else { "" };
    format!("{failures} failures with {at_once} under way at once ({numbers}{between}{inside})")
}
