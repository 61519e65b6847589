//! Guards: what stops a run before its end.
//!
//! Whole seconds are looked at once their requests have ended and were handed over. One that no
//! request was due in says nothing, but at least half of the time must be known.
//!
//! Invariant: a pure fold of the journal's events, so that a run is stopped by what is recorded.
//! Invariant: a limit that was broken for long enough stays so, whatever comes before somebody asks.
//! Not here: looking at services (`lookers`), stopping (`conduct`), `max-duration`.

mod lookers;

use super::conduct::HANDED_OVER_US;
use crate::plan::guard::Guard;
use crate::plan::{Plan, words};
use assay_slo::amount;
use assay_slo::case::Metric;
use assay_slo::event::EdgeKind;
use assay_slo::time::SECOND_US;
use assay_slo::{At, Entry, Event, Outcome, Share};
pub(super) use lookers::Lookers;
use std::collections::BTreeMap;

/// Seconds that are kept.
const KEPT: i64 = 24 * 3600;

/// All guards of a run.
#[derive(Debug, Default)]
pub(super) struct Guards {
    guards: Vec<Guard>,
    metrics: Vec<Metric>,
    recoveries: Vec<u64>,
    zero: Option<At>,
    /// Not ok, and all whose end is known, by second due.
    ended: BTreeMap<i64, (u64, u64)>,
    /// The greatest 99th percentile of lag, by second handed over, µs.
    lags: BTreeMap<i64, u64>,
    /// When each fault was on, with its recovery; none: still on.
    faults: Vec<(usize, At, Option<At>)>,
    /// By guard: since when, and until when, it has been as it must not be.
    since: Vec<Option<(At, At, String)>>,
    /// What a metric or a probe has said for long enough.
    lasted: Option<Stopped>,
}

/// Why a run is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopped {
    /// Which guard: `stop-when error-rate`.
    pub(super) guard: String,
    /// In one sentence.
    pub(super) text: String,
}

impl Guards {
    /// Those of a plan.
    pub(super) fn new(plan: &Plan) -> Guards {
        Guards {
            since: vec![None; plan.guards.len()],
            guards: plan.guards.clone(),
            metrics: plan.case.metrics.clone(),
            recoveries: plan.case.faults.iter().map(|fault| fault.recovery_us).collect(),
            ..Guards::default()
        }
    }

    /// Takes the next event.
    pub(super) fn event(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Zero { zero } => self.zero = Some(*zero),
            Event::Cells(cells) => {
                for cell in cells.iter().filter(|cell| cell.outcome.is_known_attempt()) {
                    let (bad, all) = self.ended.entry(cell.second).or_default();
                    *all = all.saturating_add(cell.n);
                    *bad = bad.saturating_add(if cell.outcome == Outcome::Ok { 0 } else { cell.n });
                }
            }
            Event::Health(health) if health.due > 0 => {
                let second = entry.at.second(self.zero.unwrap_or_default());
                let lag = self.lags.entry(second).or_default();
                *lag = (*lag).max(health.lag_p99_us);
            }
            Event::Edge(edge) => match edge.edge {
                EdgeKind::Applied => self.faults.push((edge.fault, edge.at, None)),
                EdgeKind::Cleared => {
                    let recovery = self.recoveries.get(edge.fault).copied().unwrap_or(0);
                    let on = self.faults.iter_mut().rev();
                    if let Some(on) = on.into_iter().find(|(fault, ..)| *fault == edge.fault) {
                        on.2 = Some(At(edge.at.0.saturating_add(recovery)));
                    }
                }
                _ => {}
            },
            Event::Sample(sample) => {
                let unit = self.metrics.get(sample.metric).map(|metric| metric.unit);
                for (guard, since) in self.guards.iter().zip(&mut self.since) {
                    if let Guard::Metric { metric, limits, .. } = guard
                        && *metric == sample.metric
                    {
                        let seen = amount::observed(sample.value.get(), unit.unwrap_or_default());
                        let good = limits.hold(sample.value);
                        note(since, good, (sample.asked, sample.answered), seen);
                    }
                }
                self.keep();
            }
            Event::Probe { name, ok, detail, asked } => {
                let looked = (asked.unwrap_or(entry.at), entry.at);
                for (guard, since) in self.guards.iter().zip(&mut self.since) {
                    if matches!(guard, Guard::Probe { name: own, .. } if own == name) {
                        note(since, *ok, looked, detail.clone());
                    }
                }
                self.keep();
            }
            _ => {}
        }
    }

    /// Why the run must be stopped now, if it must.
    pub(super) fn stop(&mut self, now: At) -> Option<Stopped> {
        let zero = self.zero?;
        let known = now.plus(-(HANDED_OVER_US as i64)).second(zero);
        self.ended = self.ended.split_off(&known.saturating_sub(KEPT));
        self.lags = self.lags.split_off(&known.saturating_sub(KEPT));
        let reason = || self.guards.iter().find_map(|guard| self.reason(guard, known));
        self.lasted.clone().or_else(reason)
    }

    /// Keeps what has been as it must not be for long enough: the next look may be a good one.
    fn keep(&mut self) {
        let mut guards = self.guards.iter().zip(&self.since);
        let lasted = guards.find_map(|(guard, since)| self.lasting(guard, since.as_ref()?));
        self.lasted = self.lasted.take().or(lasted);
    }

    fn lasting(&self, guard: &Guard, (from, to, seen): &(At, At, String)) -> Option<Stopped> {
        let (hold_us, guard, what) = match guard {
            Guard::Metric { metric, hold_us, .. } => {
                let name = self.metrics.get(*metric).map_or("?", |metric| metric.name.as_str());
                (hold_us, "stop-when metric", format!("`{name}` was outside its limits"))
            }
            Guard::Probe { hold_us, .. } => (hold_us, "stop-when probe", "failing".to_owned()),
            Guard::ErrorRate { .. } | Guard::Lag { .. } => return None,
        };
        let long = to >= from && to.since(*from).unsigned_abs() >= *hold_us;
        let text = format!("{what} for {}: {seen}", words::time(*hold_us));
        long.then(|| Stopped { guard: guard.to_owned(), text })
    }

    fn reason(&self, guard: &Guard, known: i64) -> Option<Stopped> {
        let (guard, text) = match guard {
            Guard::ErrorRate { above, hold_us, outside_faults } => {
                let window = window(known, *hold_us)?;
                if *outside_faults && window.clone().any(|second| self.is_broken(second)) {
                    return None;
                }
                let worse = |(bad, all): &(u64, u64)| {
                    (*all > 0).then(|| {
                        u128::from(*bad) * u128::from(Share::ONE.0)
                            > u128::from(*all) * u128::from(above.0)
                    })
                };
                throughout(&self.ended, window, worse)?;
                let name =
                    if *outside_faults { "default error-rate" } else { "stop-when error-rate" };
                let held = words::time(*hold_us);
                let where_ = if *outside_faults { ", outside faults" } else { "" };
                (name, format!("more than {above} of the requests were not ok for {held}{where_}"))
            }
            Guard::Lag { above_us, hold_us } => {
                let worse = |lag: &u64| Some(*lag > *above_us);
                throughout(&self.lags, window(known, *hold_us)?, worse)?;
                let (above, held) = (words::time(*above_us), words::time(*hold_us));
                ("stop-when lag", format!("requests began more than {above} late for {held}"))
            }
            Guard::Metric { .. } | Guard::Probe { .. } => return None,
        };
        Some(Stopped { guard: guard.to_owned(), text })
    }

    /// Whether a fault or a recovery touches a second.
    fn is_broken(&self, second: i64) -> bool {
        let zero = self.zero.unwrap_or_default();
        let from = zero.plus(second.saturating_mul(SECOND_US as i64));
        let to = from.plus(SECOND_US as i64);
        self.faults.iter().any(|(_, on, off)| *on < to && off.is_none_or(|off| off > from))
    }
}

/// Notes whether something was as it should be, and since when it is not.
fn note(since: &mut Option<(At, At, String)>, good: bool, (from, to): (At, At), seen: String) {
    *since = match since.take() {
        _ if good => None,
        None => Some((from, to, seen)),
        Some((first, ..)) => Some((first, to, seen)),
    };
}

/// The last seconds before `known` that make up so long; none if they began before time 0.
fn window(known: i64, hold_us: u64) -> Option<std::ops::Range<i64>> {
    let length = i64::try_from(hold_us.div_ceil(SECOND_US).max(1)).ok()?;
    (known >= length).then(|| known - length..known)
}

/// Whether all that is known of some seconds is so, and at least half is known.
fn throughout<T>(
    known: &BTreeMap<i64, T>,
    seconds: std::ops::Range<i64>,
    is_so: impl Fn(&T) -> Option<bool>,
) -> Option<()> {
    let length = usize::try_from(seconds.end - seconds.start).ok()?;
    let told: Vec<bool> = known.range(seconds).filter_map(|(_, value)| is_so(value)).collect();
    (told.iter().all(|so| *so) && told.len() * 2 >= length).then_some(())
}

#[cfg(test)]
mod tests;
