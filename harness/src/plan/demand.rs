//! How many requests a question can expect, and how many could decide it.
//!
//! Invariant: what is expected of even arrivals is exact for a run that goes as planned: it counts
//! due instants. Of Poisson arrivals it is the mean, whatever the seed draws; of journeys what comes
//! if none breaks off and every answer is at once. Of users it is the
//! most that they could begin; of fleets nothing is known.
//! Not here: what is said when they are too few (`compile::feasible`), statistics (crate slo).

use super::cycle::Tally;
use super::traffic::Traffic;
use super::{Arrivals, Load, Spread, phases, poisson};
use assay_slo::Share;
use assay_slo::baseline;
use assay_slo::case::{Ask, Case, During, Objective, Of, Pace};
use assay_slo::interval::{greatest_bad, least_n};
use assay_slo::time::SECOND_US;
use std::ops::Range;

/// Valid slices that an availability needs to be met.
const LEAST_SLICES: u64 = 60;

/// Some requests of some loads, countable over any stretch.
pub struct Pool<'l> {
    parts: Vec<(&'l Load, Tally)>,
}

impl<'l> Pool<'l> {
    /// These requests.
    #[must_use]
    pub fn new(loads: &'l [Load], of: &[Of]) -> Pool<'l> {
        let parts = loads.iter().enumerate().filter_map(|(index, load)| {
            let counted = |request| of.contains(&Of { load: index, request });
            let tally = Tally::new(&load.cycle, counted);
            (tally.before(load.cycle.len() as u64) > 0).then_some((load, tally))
        });
        Pool { parts: parts.collect() }
    }

    /// How many of them are due in a stretch, µs after time 0.
    #[must_use]
    pub fn due_in(&self, stretch: &Range<u64>) -> u64 {
        let due = |(load, tally): &(&Load, Tally)| {
            let arrived = |us| load.arrivals.expected_before(us);
            let before = |us| tally.before(arrived(us).saturating_mul(load.each()));
            before(stretch.end).saturating_sub(before(stretch.start))
        };
        self.parts.iter().map(due).sum()
    }

    /// Whether chance decides how many of them come in a stretch, or the answers to others do.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.parts.iter().any(|(load, _)| load.arrivals.is_drawn() || load.journey.is_some())
    }

    /// How many of the slices on the grid of time 0 that lie wholly in these stretches have at
    /// least so many requests due; of drawn ones as many as can be expected to.
    fn valid_slices(&self, stretches: &[Range<u64>], slice_s: u64, least: u64) -> u64 {
        let slice_us = slice_s.saturating_mul(SECOND_US).max(1);
        let slices = stretches.iter().flat_map(|stretch| {
            (stretch.start.div_ceil(slice_us)..stretch.end / slice_us)
                .map(|slice| slice * slice_us..(slice + 1) * slice_us)
        });
        if self.is_drawn() {
            let chance = |slice| poisson::at_least(least, self.due_in(&slice) as f64);
            return slices.map(chance).sum::<f64>() as u64;
        }
        slices.filter(|slice| self.due_in(slice) >= least).count() as u64
    }

    /// Its load's arrivals, if it has one load with a constant rate.
    #[must_use]
    pub fn constant(&self) -> Option<&Arrivals> {
        let [(load, _)] = self.parts.as_slice() else { return None };
        if load.journey.is_some() || matches!(load.arrivals.spread, Spread::Logged(_)) {
            return None;
        }
        match load.arrivals.stretches.as_slice() {
            [only] if only.end_milli_per_min == load.arrivals.start_milli_per_min => {
                Some(&load.arrivals)
            }
            _ => None,
        }
    }

    /// Whole requests that a rate (thousandths of a request a minute) makes of these stretches. A load
    /// that starts with a stretch has its first request there; each of several others may have one less.
    fn at_rate(&self, stretches: &[Range<u64>], milli_per_min: u64) -> u64 {
        let each = stretches.iter().map(|stretch| {
            let begun = |part: &&(&Load, Tally)| part.0.arrivals.starts_us < stretch.start;
            let spare = (self.parts.iter().filter(begun).count() as u64).saturating_sub(1);
            let us = u128::from(self.runs_us(std::slice::from_ref(stretch)));
            let whole = us * u128::from(milli_per_min) / (60_000 * u128::from(SECOND_US));
            u64::try_from(whole).unwrap_or(u64::MAX).saturating_sub(spare)
        });
        each.fold(0u64, u64::saturating_add).max(1)
    }

    /// How long its loads run in these stretches, µs.
    #[must_use]
    pub fn runs_us(&self, stretches: &[Range<u64>]) -> u64 {
        let first = self.parts.iter().map(|(load, _)| load.arrivals.starts_us).min().unwrap_or(0);
        let last = self.parts.iter().map(|(load, _)| load.arrivals.ends_us()).max().unwrap_or(0);
        let runs = stretches
            .iter()
            .map(|stretch| stretch.end.min(last).saturating_sub(stretch.start.max(first)));
        runs.sum()
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Slices of an availability.
    Slices,
}

/// How sure a number of requests is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The timetable says so.
    Exactly,
    /// Chance decides; this is the mean.
    About,
    /// It cannot be more.
    AtMost,
    /// It can be any number from this on.
    AtLeast,
}

impl Known {
    /// Whether the timetable says so, if only in the mean.
    fn is_planned(self) -> bool {
        matches!(self, Known::Exactly | Known::About)
    }
}

/// One question of an objective: of all its requests together, or of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The name, when each is judged on its own.
    pub name: Option<String>,
    /// The requests.
    pub of: Vec<Of>,
    /// The stretches, µs after time 0.
    pub stretches: Vec<Range<u64>>,
    /// What is counted.
    pub unit: Unit,
    /// How many the plan makes due there.
    pub expected: u64,
    /// How sure that number is.
    pub known: Known,
    /// The fewest that could meet the objective, all of them good; none if no number could.
    pub least: Option<u64>,
    /// With as many as expected, how many bad ones still meet it; none if none do.
    pub passes: Option<u64>,
}

impl Demand {
    /// Whether the plan could meet it.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let open = self.known == Known::AtLeast;
        self.least.is_some_and(|least| open || self.expected >= least)
    }

    /// The same of several runs whose requests are counted together. A change against other runs is
    /// decided run by run, so each must have what it needs.
    #[must_use]
    pub fn pooled(self, objective: &Objective, runs: u64) -> Demand {
        let expected = self.expected.saturating_mul(runs);
        let times = |of: Option<u64>| of.map(|n| n.saturating_mul(runs));
        let (least, passes) = match &objective.ask {
            Ask::Latency { percentile, .. } => {
                (self.least, pass(objective, percentile.rest(), expected))
            }
            Ask::ErrorRate { below } => (self.least, pass(objective, *below, expected)),
            Ask::ErrorCount { .. } => (self.least, self.passes),
            Ask::Throughput { at_least: Pace::Rate(_) } => (times(self.least), times(self.passes)),
            Ask::Throughput { .. } | Ask::Availability { .. } => (self.least, times(self.passes)),
            Ask::LatencyChange { .. } | Ask::ErrorRateChange { .. } => return self,
        };
        let passes = passes.filter(|_| self.passes.is_some() || self.known.is_planned());
        Demand { expected, least, passes, ..self }
    }
}

/// How many bad ones of so many still meet a share.
fn pass(objective: &Objective, limit: Share, expected: u64) -> Option<u64> {
    let effect = objective.terms.effect();
    let passes = greatest_bad(expected / effect, limit, objective.confidence);
    passes.map(|bad| bad.saturating_mul(effect))
}

/// The questions of an objective, for these requests and phases.
#[must_use]
pub fn demands(
    objective: &Objective,
    of: &[Of],
    during: &[During],
    traffic: Traffic<'_>,
    case: &Case,
) -> Vec<Demand> {
    let ends_us = case.loads.iter().map(|load| load.ends_us).max().unwrap_or(0);
    let stretches = phases::planned(during, &case.faults, ends_us);
    let unplanned = during.iter().any(|phase| matches!(phase, During::Open(_)));
    let demands = demands_in(objective, of, stretches, traffic, case).into_iter();
    let demands = demands.map(|demand| {
        let known = if unplanned { demand.known.max(Known::AtMost) } else { demand.known };
        Demand { known, passes: demand.passes.filter(|_| known.is_planned()), ..demand }
    });
    demands.collect()
}

/// The same for these stretches, µs after time 0.
#[must_use]
pub fn demands_in(
    objective: &Objective,
    of: &[Of],
    stretches: Vec<Range<u64>>,
    traffic: Traffic<'_>,
    case: &Case,
) -> Vec<Demand> {
    let one = |name: Option<String>, of: Vec<Of>| demand(objective, name, of, &stretches, traffic);
    if !objective.per_request {
        return vec![one(None, of.to_vec())];
    }
    let groups = by_name(of, case).into_iter();
    groups.map(|(name, of)| one(Some(name.to_owned()), of)).collect()
}

/// Requests by their names, in the order of the scenario.
#[must_use]
pub fn by_name<'c>(of: &[Of], case: &'c Case) -> Vec<(&'c str, Vec<Of>)> {
    let mut groups: Vec<(&str, Vec<Of>)> = Vec::new();
    for one in of {
        let load = case.loads.get(one.load);
        let Some(request) = load.and_then(|load| load.requests.get(one.request)) else { continue };
        match groups.iter_mut().find(|(name, _)| *name == request.name) {
            Some((_, group)) => group.push(*one),
            None => groups.push((&request.name, vec![*one])),
        }
    }
    groups
}

/// How many of these requests are due in these stretches, and how sure that is.
#[must_use]
pub fn expected(traffic: Traffic<'_>, of: &[Of], stretches: &[Range<u64>]) -> (u64, Known) {
    let pool = Pool::new(traffic.loads, of);
    let mut sum: u64 = stretches.iter().map(|stretch| pool.due_in(stretch)).sum();
    let mut known = if pool.is_drawn() { Known::About } else { Known::Exactly };
    let mut closed: Vec<usize> =
        of.iter().map(|of| of.load).filter(|load| !traffic.is_open(*load)).collect();
    closed.dedup();
    for load in closed {
        let wanted = |request| of.contains(&Of { load, request });
        let most = traffic.users_at(load).and_then(|users| {
            let most = stretches.iter().map(|stretch| users.most_in(&wanted, stretch));
            most.sum::<Option<u64>>()
        });
        match most {
            Some(most) => {
                sum = sum.saturating_add(most);
                known = known.max(Known::AtMost);
            }
            None => known = Known::AtLeast,
        }
    }
    (sum, known)
}

fn demand(
    objective: &Objective,
    name: Option<String>,
    of: Vec<Of>,
    stretches: &[Range<u64>],
    traffic: Traffic<'_>,
) -> Demand {
    let (requests, known) = expected(traffic, &of, stretches);
    let confidence = objective.confidence;
    let share = |limit| {
        let effect = objective.terms.effect();
        let least = least_n(limit, 0, confidence).map(|least| least.saturating_mul(effect));
        (Unit::Requests, requests, known, least, pass(objective, limit, requests))
    };
    let (unit, expected, known, least, passes) = match &objective.ask {
        Ask::Latency { percentile, .. } => share(percentile.rest()),
        Ask::ErrorRate { below } => share(*below),
        Ask::ErrorCount { at_most } => (Unit::Requests, requests, known, Some(1), Some(*at_most)),
        Ask::LatencyChange { percentile, .. } => {
            let least = baseline::latency(*percentile, confidence);
            (Unit::Requests, requests, known, least, None)
        }
        Ask::ErrorRateChange { at_most } => {
            (Unit::Requests, requests, known, baseline::errors(*at_most, confidence), None)
        }
        Ask::Throughput { at_least: Pace::Share(share) } => {
            let bad = u128::from(share.rest().0) * u128::from(requests);
            let bad = u64::try_from(bad / u128::from(assay_slo::Share::ONE.0)).ok();
            (Unit::Requests, requests, known, Some(1), bad)
        }
        Ask::Throughput { at_least: Pace::Rate(rate) } => {
            let least = Pool::new(traffic.loads, &of).at_rate(stretches, *rate);
            (Unit::Requests, requests, known, Some(least), requests.checked_sub(least))
        }
        Ask::Availability { at_least, slice_s, slice_least, .. } => {
            let valid =
                Pool::new(traffic.loads, &of).valid_slices(stretches, *slice_s, *slice_least);
            let bad = u128::from(at_least.rest().0) * u128::from(valid);
            let bad = bad / u128::from(assay_slo::Share::ONE.0);
            // Users and fleets may make more seconds valid.
            let known = if known.is_planned() { known } else { Known::AtLeast };
            (Unit::Slices, valid, known, Some(LEAST_SLICES), u64::try_from(bad).ok())
        }
    };
    let passes = passes.filter(|_| known.is_planned());
    Demand { name, of, stretches: stretches.to_vec(), unit, expected, known, least, passes }
}
