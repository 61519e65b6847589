//! Guards: what stops a run before its end.
//!
//! Whole seconds are looked at once their requests have ended and were handed over. One that no
//! request was due in says nothing, but at least half of the time must be known.
//!
//! Invariant: a pure fold of the journal's events, so that a run is stopped by what is recorded.
//! Not here: stopping (`conduct`), `max-duration`.

use super::conduct::HANDED_OVER_US;
use crate::clock::Clock;
use crate::plan::guard::Guard;
use crate::plan::{Plan, words};
use crate::probe;
use crate::service::Address;
use assay_slo::amount;
use assay_slo::case::Metric;
use assay_slo::event::EdgeKind;
use assay_slo::time::SECOND_US;
use assay_slo::{At, Entry, Event, Outcome, Share};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// Between two looks of a guard at a service.
const LOOK_EVERY: Duration = Duration::from_secs(1);
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
            }
            Event::Probe { name, ok, detail } => {
                for (guard, since) in self.guards.iter().zip(&mut self.since) {
                    if matches!(guard, Guard::Probe { name: own, .. } if own == name) {
                        note(since, *ok, (entry.at, entry.at), detail.clone());
                    }
                }
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
        let guards = self.guards.iter().zip(&self.since);
        guards.into_iter().find_map(|(guard, since)| self.reason(guard, since.as_ref(), known))
    }

    fn reason(
        &self,
        guard: &Guard,
        since: Option<&(At, At, String)>,
        known: i64,
    ) -> Option<Stopped> {
        let lasted = |hold_us: u64| {
            let (from, to, seen) = since?;
            (to.since(*from).unsigned_abs() >= hold_us && to >= from).then(|| seen.clone())
        };
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
            Guard::Metric { metric, hold_us, .. } => {
                let seen = lasted(*hold_us)?;
                let name = self.metrics.get(*metric).map_or("?", |metric| metric.name.as_str());
                let held = words::time(*hold_us);
                ("stop-when metric", format!("`{name}` was outside its limits for {held}: {seen}"))
            }
            Guard::Probe { hold_us, .. } => {
                let seen = lasted(*hold_us)?;
                ("stop-when probe", format!("failing for {}: {seen}", words::time(*hold_us)))
            }
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

/// Looks at services for guards, once a second, until it is dropped.
#[derive(Debug)]
pub(super) struct Lookers {
    told: mpsc::UnboundedReceiver<Event>,
    _tasks: JoinSet<()>,
}

impl Lookers {
    /// Starts looking; `address` knows where services answer.
    pub(super) fn start(
        guards: &[Guard],
        clock: Clock,
        address: impl Fn(&str) -> Option<Address>,
    ) -> Lookers {
        let (tell, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for guard in guards {
            let Guard::Probe { name, look, .. } = guard else { continue };
            let Some(at) = address(&look.service) else { continue };
            let (name, look, tell) = (name.clone(), look.clone(), tell.clone());
            tasks.spawn(async move {
                loop {
                    let next = clock.now().plus(LOOK_EVERY.as_micros() as i64);
                    let probed = probe::http(&name, &look, &at).await;
                    let (ok, detail) = (probed.ok, probed.detail);
                    let event = Event::Probe { name: name.clone(), ok, detail };
                    if tell.send(event).is_err() {
                        return;
                    }
                    clock.sleep_until(next).await;
                }
            });
        }
        Lookers { told, _tasks: tasks }
    }

    /// The next look; never ends when there is nothing to look at.
    pub(super) async fn next(&mut self) -> Event {
        match self.told.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_slo::Number;
    use assay_slo::case::{Limits, Unit};
    use assay_slo::event::{Cell, Edge, Sample};

    const ZERO: At = At(5_000_000);

    fn guards(guards: Vec<Guard>) -> Guards {
        let metric = Metric {
            name: "memory".into(),
            reads: "rss of api".into(),
            service: None,
            unit: Unit::Bytes,
            every_us: 1_000_000,
            shown: assay_slo::case::Shown::default(),
        };
        let mut made = Guards {
            since: vec![None; guards.len()],
            guards,
            metrics: vec![metric],
            recoveries: vec![5_000_000],
            ..Guards::default()
        };
        made.event(&Entry { at: ZERO, event: Event::Zero { zero: ZERO } });
        made
    }

    fn second(guards: &mut Guards, second: i64, bad: u64) {
        let cell = |outcome, n| Cell {
            load: 0,
            request: 0,
            segment: 1,
            straddle: None,
            outcome,
            status: 0,
            second,
            n,
            marks: vec![],
        };
        let cells = vec![cell(Outcome::Ok, 100 - bad), cell(Outcome::Timeout, bad)];
        guards.event(&Entry { at: at(second + 1), event: Event::Cells(cells) });
    }

    fn at(second: i64) -> At {
        ZERO.plus(second * 1_000_000)
    }

    fn error_rate(outside_faults: bool) -> Guard {
        let (above, hold_us) = (Share(500_000_000), 5_000_000);
        Guard::ErrorRate { above, hold_us, outside_faults }
    }

    #[test]
    fn many_errors_for_long_enough_stop_a_run_and_no_sooner() {
        let mut made = guards(vec![error_rate(false)]);
        (0..3).for_each(|s| second(&mut made, s, 0));
        (3..7).for_each(|s| second(&mut made, s, 90));
        assert_eq!(made.stop(at(10)), None, "four seconds of five");
        second(&mut made, 7, 51);
        assert_eq!(made.stop(at(9)), None, "the eighth is not handed over yet");
        let stopped = made.stop(at(11)).unwrap();
        assert_eq!(stopped.guard, "stop-when error-rate");
        assert_eq!(stopped.text, "more than 50% of the requests were not ok for 5 s");
        let mut made = guards(vec![error_rate(false)]);
        (0..9).for_each(|s| second(&mut made, s, if s == 5 { 50 } else { 100 }));
        assert_eq!(made.stop(at(11)), None, "half is not more than half");
    }

    #[test]
    fn the_default_guard_looks_away_while_a_fault_is_on_or_just_over() {
        let mut made = guards(vec![error_rate(true)]);
        let edge = |edge, second| Entry {
            at: at(second),
            event: Event::Edge(Edge { fault: 0, edge, at: at(second), effect: None }),
        };
        made.event(&edge(EdgeKind::Applied, 2));
        (0..8).for_each(|s| second(&mut made, s, 100));
        assert_eq!(made.stop(at(10)), None);
        made.event(&edge(EdgeKind::Cleared, 8));
        // Its recovery is over at 13 s.
        (8..17).for_each(|s| second(&mut made, s, 100));
        assert_eq!(made.stop(at(19)), None);
        (17..18).for_each(|s| second(&mut made, s, 100));
        let stopped = made.stop(at(21)).unwrap();
        assert!(stopped.text.ends_with("for 5 s, outside faults"), "{stopped:?}");
        let Guard::ErrorRate { above, hold_us, outside_faults } = Guard::DEFAULT else { panic!() };
        assert_eq!((above, hold_us, outside_faults), (Share(950_000_000), 60_000_000, true));
    }

    #[test]
    fn metrics_and_probes_stop_it_when_every_look_was_bad() {
        let limits = Limits { at_most: Number::new(1024.0), ..Limits::default() };
        let metric = Guard::Metric { metric: 0, limits, hold_us: 2_000_000 };
        let mut made = guards(vec![metric]);
        let mut read = |second: i64, value: f64| {
            let (asked, answered) = (at(second), at(second).plus(1000));
            let value = Number::new(value).unwrap();
            let sample = Sample { metric: 0, asked, answered, value, counter: false, anew: None };
            made.event(&Entry { at: answered, event: Event::Sample(sample) });
            made.stop(at(second + 1))
        };
        assert_eq!(
            [read(3, 2048.0), read(4, 2048.0), read(5, 1024.0), read(6, 2048.0)],
            [const { None }; 4]
        );
        assert_eq!(read(7, 2048.0), None);
        let stopped = read(8, 4096.0).unwrap();
        assert_eq!(stopped.text, "`memory` was outside its limits for 2 s: 4 KiB");
        let look = crate::plan::guard::HttpLook {
            service: "api".into(),
            path: "/health".into(),
            status: vec![],
        };
        let probe = Guard::Probe { name: "guard: x".into(), look, hold_us: 2_000_000 };
        let mut made = guards(vec![probe]);
        let mut look = |second: i64, ok: bool| {
            let (name, detail) = ("guard: x".to_owned(), "refused".to_owned());
            made.event(&Entry { at: at(second), event: Event::Probe { name, ok, detail } });
            made.stop(at(second))
        };
        assert_eq!(
            [look(3, false), look(4, true), look(5, false), look(6, false)],
            [const { None }; 4]
        );
        assert_eq!(look(7, false).unwrap().text, "failing for 2 s: refused");
    }
}
