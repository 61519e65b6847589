//! The samples of one metric as expectations see them: where they lie, and where nobody looked.
//!
//! Between two samples nobody knows the value. A stretch without one for more than three times
//! as long as from read to read (at least 1 s) was not watched: nothing can be met in it. While a
//! declared fault keeps the metric's own service down there is nothing to watch, until it is ready again.
//!
//! Invariant: a sample lies in a stretch only if the whole of its reading does.
//! Not here: limits (`metric`, `settles`).

use crate::case::{Fault, Metric, Shows};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::number::Number;
use crate::time::{At, SECOND_US};
use crate::words;

/// One sample, µs after time 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) asked: i64,
    pub(super) at: i64,
    pub(super) value: Number,
    pub(super) counter: bool,
}

/// A metric's samples.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    evidence: &'a Evidence<'a>,
    pub(super) metric: &'a Metric,
    pub(super) points: Vec<Point>,
}

impl<'a> Watch<'a> {
    /// Of a metric of the case.
    pub(super) fn new(evidence: &'a Evidence<'a>, index: usize) -> Result<Watch<'a>, Doubt> {
        let metric = evidence.case.metrics.get(index).ok_or_else(|| Doubt {
            reason: "the metric is unknown".to_owned(),
            missing: "a metric of the scenario".to_owned(),
        })?;
        let zero = evidence.phases.zero;
        let reads = evidence.timeline.samples.of(index);
        let samples = reads.map_or(&[][..], |reads| reads.samples.as_slice());
        let points = samples.iter().map(|sample| Point {
            asked: sample.asked.since(zero),
            at: sample.answered.since(zero),
            value: sample.value,
            counter: sample.counter,
        });
        Ok(Watch { evidence, metric, points: points.collect() })
    }

    /// Those that lie in a stretch.
    pub(super) fn within(&self, (from, to): (i64, i64)) -> &[Point] {
        let first = self.points.partition_point(|point| point.asked < from);
        let last = self.points.partition_point(|point| point.at <= to);
        self.points.get(first..last.max(first)).unwrap_or_default()
    }

    /// Whether what is read counts what happens, and so begins anew with whoever counts.
    pub(super) fn is_counter(&self) -> bool {
        self.points.iter().any(|point| point.counter)
    }

    /// The longest time without a sample that still counts as watched, µs.
    pub(super) fn patience(&self) -> i64 {
        let three = self.metric.every_us.saturating_mul(3).max(SECOND_US);
        i64::try_from(three).unwrap_or(i64::MAX)
    }

    /// The first stretch of these that nobody watched.
    pub(super) fn hole(&self, stretches: &[(i64, i64)]) -> Option<Doubt> {
        stretches.iter().find_map(|stretch| self.hole_in(*stretch))
    }

    fn hole_in(&self, (from, to): (i64, i64)) -> Option<Doubt> {
        // Services are ended after the last read, and the run later.
        let until = self.evidence.timeline.samples.until;
        let to = until.map_or(to, |until| to.min(until.since(self.evidence.phases.zero)));
        let ends = self.within((from, to)).iter().map(|point| (point.asked, point.at));
        let mut known = from;
        for (asked, at) in ends.chain([(to, to)]) {
            if asked.saturating_sub(known) > self.patience() && !self.is_down(known, asked) {
                return Some(self.unwatched(known, asked));
            }
            known = known.max(at);
        }
        None
    }

    fn unwatched(&self, from: i64, to: i64) -> Doubt {
        let why = match self.last_missed() {
            Some(why) => format!(" ({why})"),
            None => String::new(),
        };
        Doubt {
            reason: format!(
                "`{}` was not read from {} to {}{why}",
                self.metric.name,
                words::seconds(from),
                words::seconds(to)
            ),
            missing: format!(
                "reads of `{}` that succeed, every {}",
                self.metric.name,
                words::duration(self.metric.every_us)
            ),
        }
    }

    /// Why the last read that failed did.
    pub(super) fn last_missed(&self) -> Option<&str> {
        let index = self.evidence.case.metrics.iter().position(|one| one == self.metric)?;
        let reads = self.evidence.timeline.samples.of(index)?;
        reads.last_missed.as_ref().map(|(_, why)| why.as_str())
    }

    /// Whether a declared fault had ended the metric's own service in between, or made it stand still.
    fn is_down(&self, from: i64, to: i64) -> bool {
        let Some(service) = &self.metric.service else { return false };
        let samples = &self.evidence.timeline.samples;
        let since = |at: At| at.since(self.evidence.phases.zero);
        let slack = self.patience();
        let mut lines = self.evidence.timeline.faults.iter();
        lines.any(|(index, line)| {
            let fault = self.evidence.case.faults.get(*index);
            let Some(fault) = fault.filter(|fault| takes_down(fault) && fault.link == *service)
            else {
                return false;
            };
            line.spans.iter().any(|span| {
                let ready = |cleared: At| match fault.shows {
                    Shows::Gone => samples.ready_since(service, cleared).unwrap_or(cleared),
                    _ => cleared,
                };
                let back = span.cleared.map_or(i64::MAX, |cleared| since(ready(cleared)));
                since(span.applied).saturating_add(slack) > from
                    && since(span.applied) < to
                    && back.saturating_add(slack) > to
            })
        })
    }

    /// When processes of the metric's service began, µs after time 0.
    pub(super) fn restarts(&self) -> Vec<i64> {
        let service = self.metric.service.as_ref();
        let starts = service.and_then(|name| self.evidence.timeline.samples.starts.get(name));
        let zero = self.evidence.phases.zero;
        starts.into_iter().flatten().map(|at| at.since(zero)).collect()
    }
}

/// Whether a fault leaves its service nobody who could be asked. Under pressure, or out of one network,
/// it still runs, and then a read that fails says something.
fn takes_down(fault: &Fault) -> bool {
    fault.shows.is_beside_links()
        && !matches!(fault.kind.as_str(), "pressure" | "disconnect" | "command" | "manual")
}
