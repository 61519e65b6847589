//! What no run could have written, and the check of the case itself, which comes from the same
//! file.
//!
//! Invariant: after [`check_case`] every index of the case points to what its use says.
//! Not here: whether the case can be decided (harness `plan`).

use crate::case::{
    Anchor, Ask, Asked, Bound, BreakerMust, Case, Clock, During, Evidence, Load, Mark, Moment,
    Must, Of, Pace, Shows,
};
use crate::time::Share;
use crate::timeline::{MOST, Timeline};
use std::fmt;

/// More steps than any load has.
const MOST_STEPS: usize = 10_000;

/// Why a journal cannot be judged: a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(String);

impl Malformed {
    pub(crate) fn new(sentence: impl Into<String>) -> Malformed {
        Malformed(sentence.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no run can have written this journal: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl Timeline {
    /// Keeps sums of requests from overflowing.
    pub(super) fn count_requests(&mut self, n: u64) -> Result<(), Malformed> {
        self.requests = self.requests.saturating_add(n);
        if self.requests > MOST {
            return Err(Malformed::new("there are more requests than any run sends"));
        }
        Ok(())
    }
}

/// Refuses a request kind that the case has not.
pub(crate) fn check_of(case: &Case, of: Of) -> Result<(), Malformed> {
    match case.loads.get(of.load) {
        Some(load) if of.request < load.requests.len() => Ok(()),
        _ => Err(Malformed::new(format!(
            "load {}, request {} is named, which the case has not",
            of.load, of.request
        ))),
    }
}

/// Refuses a case whose parts do not fit together.
pub(crate) fn check_case(case: &Case) -> Result<(), Malformed> {
    if !case.ages_us.is_sorted() {
        return Err(Malformed::new("the ages of the case are not in order"));
    }
    case.loads.iter().try_for_each(|load| check_steps(case, load))?;
    for capacity in &case.capacities {
        if case.loads.get(capacity.load).is_none_or(|load| load.steps.is_empty()) {
            return Err(Malformed::new("a capacity is of a load without steps"));
        }
        capacity.criteria.iter().try_for_each(|index| check_objective(case, *index))?;
    }
    for fault in &case.faults {
        if fault.again.is_some_and(|again| again.times > MOST) {
            return Err(Malformed::new("a fault comes again more often than any run lasts"));
        }
        match fault.asked {
            Asked::Share(share) => check_share(share)?,
            Asked::EveryNth(0) => return Err(Malformed::new("a fault asks for each 0th request")),
            Asked::EveryNth(_) | Asked::Next(_) => {}
        }
        if let Shows::Slow { mark } = fault.shows {
            check_mark(case, mark, |m| matches!(m, Mark::Below { .. }))?;
        }
    }
    for fleet in &case.fleets {
        if fleet.load >= case.loads.len() || fleet.planned > MOST || fleet.devices > MOST {
            return Err(Malformed::new("a fleet has no load, or is beyond belief"));
        }
    }
    for evidence in case.breakers.iter().flat_map(|breaker| &breaker.evidence) {
        match evidence {
            Evidence::Gateway(fleet) => check_fleet(case, *fleet)?,
            Evidence::Arrivals(_) => {}
            Evidence::Polled(metric) => check_metric(case, *metric)?,
            Evidence::Logged { opened, closed } => {
                check_log(case, *opened)?;
                check_log(case, *closed)?;
            }
        }
    }
    for objective in &case.objectives {
        check_share(objective.confidence)?;
        check_mark(case, objective.late_mark, |m| matches!(m, Mark::LateBy { .. }))?;
        check_all(case, &objective.of, &objective.during)?;
        check_ask(case, &objective.ask)?;
    }
    for expectation in &case.expectations {
        check_must(case, &expectation.must)?;
    }
    let required = case.steady_state.iter().flat_map(|steady| &steady.require);
    for index in required {
        check_objective(case, *index)?;
    }
    Ok(())
}

fn check_steps(case: &Case, load: &Load) -> Result<(), Malformed> {
    let planned = load.steps.iter().map(|step| step.planned).chain([load.planned]).max();
    if planned.is_some_and(|planned| planned > MOST) {
        return Err(Malformed::new("a load plans more requests than any run sends"));
    }
    if !load.steps.is_sorted_by_key(|step| step.milli_per_min) || load.steps.len() > MOST_STEPS {
        return Err(Malformed::new("the steps of a load do not go up, or are too many"));
    }
    load.stop_after.iter().try_for_each(|index| check_objective(case, *index))
}

fn check_ask(case: &Case, ask: &Ask) -> Result<(), Malformed> {
    match ask {
        Ask::Latency { percentile, below_us, clock, mark, service_mark } => {
            check_share(*percentile)?;
            let is = |on: Clock| move |m: &Mark| matches!(m, Mark::Below { clock, us } if *clock == on && us == below_us);
            // Journals of earlier builds counted the same for both.
            check_mark(case, *mark, |m| is(clock.seen())(m) || is(*clock)(m))?;
            check_mark(case, *service_mark, is(clock.begun()))
        }
        Ask::ErrorRate { below } => check_share(*below),
        Ask::LatencyChange { percentile, at_most, .. } => {
            check_share(*percentile)?;
            check_share(*at_most)
        }
        Ask::ErrorRateChange { at_most } => check_share(*at_most),
        Ask::ErrorCount { .. } | Ask::Throughput { at_least: Pace::Rate(_) } => Ok(()),
        Ask::Throughput { at_least: Pace::Share(share) } => check_share(*share),
        Ask::Availability { at_least, slice_s, slice_target, .. } => {
            check_share(*at_least)?;
            check_share(*slice_target)?;
            if *slice_s == 0 || *slice_s > 1_000_000 {
                return Err(Malformed::new("an availability has slices of no or absurd length"));
            }
            Ok(())
        }
    }
}

fn check_must(case: &Case, must: &Must) -> Result<(), Malformed> {
    match must {
        Must::Recovers { objective, after, .. } => {
            check_objective(case, *objective)?;
            check_moment(case, after)
        }
        Must::Unaffected { of, during, keeps } => {
            check_all(case, of, during)?;
            keeps.iter().try_for_each(|index| check_objective(case, *index))
        }
        Must::Answers { of, during, mark, service_mark, late_mark } => {
            check_all(case, of, during)?;
            check_mark(case, *mark, |m| matches!(m, Mark::Answered { .. }))?;
            check_mark(case, *service_mark, |m| matches!(m, Mark::Answered { .. }))?;
            check_mark(case, *late_mark, |m| matches!(m, Mark::LateBy { .. }))
        }
        Must::Breaker(asked) => check_breaker(case, asked),
        Must::Ledger { fleet, lost, duplicated, unexpected, out_of_order, .. } => {
            check_fleet(case, *fleet)?;
            [lost, duplicated, unexpected, out_of_order].into_iter().flatten().try_for_each(
                |bound| match bound {
                    Bound::Count(_) => Ok(()),
                    Bound::Share(share) => check_share(*share),
                },
            )
        }
        Must::Backlog { fleet, drained, .. } => {
            check_fleet(case, *fleet)?;
            drained.iter().try_for_each(|(moment, _)| check_moment(case, moment))
        }
        Must::Goodput { of, at_least, after, .. } => {
            check_all(case, of, &[])?;
            check_share(*at_least)?;
            check_moment(case, after)
        }
        Must::Amplification { per, during, window_s, .. } => {
            check_all(case, per, during)?;
            if window_s.is_some_and(|s| s == 0 || s > 1_000_000) {
                return Err(Malformed::new("an amplification has windows of no or absurd length"));
            }
            Ok(())
        }
        Must::Herd { after, .. } | Must::Ready { after, .. } => check_moment(case, after),
        Must::Log(asked) => {
            check_log(case, asked.log)?;
            check_all(case, &[], &asked.during)
        }
        Must::Metric(asked) => {
            check_metric(case, asked.metric)?;
            check_all(case, &[], &asked.during)?;
            if asked.growth.is_some_and(|growth| growth.per_us == 0) {
                return Err(Malformed::new("a growth is in no time"));
            }
            Ok(())
        }
        Must::Reconciles(asked) => {
            check_metric(case, asked.metric)?;
            check_all(case, &asked.of, &[])?;
            asked.by.iter().try_for_each(|(after, _)| check_moment(case, after))
        }
        Must::Settles(asked) => {
            check_metric(case, asked.metric)?;
            check_moment(case, &asked.after)
        }
    }
}

fn check_breaker(case: &Case, asked: &BreakerMust) -> Result<(), Malformed> {
    if asked.breaker >= case.breakers.len() {
        return Err(Malformed::new("a breaker is named that the case has not"));
    }
    for (moment, _) in [&asked.opens, &asked.closes].into_iter().flatten() {
        check_moment(case, moment)?;
    }
    asked.fast_fail_share.map_or(Ok(()), check_share)?;
    asked.fast_fail_latency.map_or(Ok(()), |(percentile, _)| check_share(percentile))
}

fn check_metric(case: &Case, metric: usize) -> Result<(), Malformed> {
    if metric < case.metrics.len() {
        return Ok(());
    }
    Err(Malformed::new(format!("metric {metric} is named, which the case has not")))
}

fn check_log(case: &Case, log: usize) -> Result<(), Malformed> {
    if log < case.logs.len() {
        return Ok(());
    }
    Err(Malformed::new(format!("log {log} is named, which the case has not")))
}

fn check_fleet(case: &Case, fleet: usize) -> Result<(), Malformed> {
    if fleet < case.fleets.len() {
        return Ok(());
    }
    Err(Malformed::new(format!("fleet {fleet} is named, which the case has not")))
}

fn check_moment(case: &Case, moment: &Moment) -> Result<(), Malformed> {
    let known = match moment.anchor {
        Anchor::Zero => true,
        Anchor::FaultStart(fault) | Anchor::FaultEnd(fault) => fault < case.faults.len(),
        Anchor::LoadEnd(load) => load < case.loads.len(),
        Anchor::BreakerOpen(breaker) => breaker < case.breakers.len(),
        Anchor::BreakerOpenAt { .. } => false,
    };
    if known { Ok(()) } else { Err(Malformed::new("a moment counts from what the case has not")) }
}

fn check_all(case: &Case, of: &[Of], during: &[During]) -> Result<(), Malformed> {
    of.iter().try_for_each(|of| check_of(case, *of))?;
    let unknown = |during: &During| match during {
        During::Named(fault) | During::RecoveryOf(fault) => *fault >= case.faults.len(),
        During::Open(breaker) => *breaker >= case.breakers.len(),
        _ => false,
    };
    if during.iter().any(unknown) {
        return Err(Malformed::new("a stretch is of a fault or breaker that the case has not"));
    }
    Ok(())
}

fn check_objective(case: &Case, index: usize) -> Result<(), Malformed> {
    if index < case.objectives.len() {
        return Ok(());
    }
    Err(Malformed::new(format!("objective {index} is named, which the case has not")))
}

fn check_mark(case: &Case, index: usize, fits: impl Fn(&Mark) -> bool) -> Result<(), Malformed> {
    if case.marks.get(index).is_some_and(fits) {
        return Ok(());
    }
    Err(Malformed::new(format!("predicate {index} is not what the case uses it for")))
}

fn check_share(share: Share) -> Result<(), Malformed> {
    if share <= Share::ONE { Ok(()) } else { Err(Malformed::new("a share is more than the whole")) }
}
