//! What arrived at a link, second by second, and in steady.
//!
//! Invariant: a second without a report had no arrivals only if the link was watched at all.
//! Not here: bounds (`amplification`, `herd`).

use crate::case::{During, Load, LoadKind, Of};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::phase::whole_seconds;
use crate::time::SECOND_US;
use std::collections::BTreeMap;
use std::ops::Range;

/// A second in µs.
pub(super) const SECOND: i64 = SECOND_US as i64;

/// Counts by second.
pub(super) type Seconds = BTreeMap<i64, u64>;

/// The arrivals of a link, if it was watched.
pub(super) fn at<'a>(evidence: &'a Evidence<'_>, link: &str) -> Result<&'a Seconds, Doubt> {
    evidence.timeline.sightings.arrivals.get(link).ok_or_else(|| Doubt {
        reason: format!("arrivals at link `{link}` were not counted"),
        missing: format!("a link `{link}` that counts requests, and traffic through it"),
    })
}

/// What was due in each second of these requests, where that is planned; none where it depends on
/// the answers.
pub(super) fn due(evidence: &Evidence<'_>, wanted: impl Fn(Of) -> bool) -> Option<Seconds> {
    let answers = |load: &Load| load.kind != LoadKind::Open || load.journeys;
    let mut loads = evidence.case.loads.iter().enumerate();
    if loads.any(|(index, load)| {
        let mut requests = 0..load.requests.len();
        answers(load) && requests.any(|request| wanted(Of { load: index, request }))
    }) {
        return None;
    }
    let mut due = Seconds::new();
    for of in evidence.timeline.kinds().filter(|of| wanted(*of)) {
        for (key, counts) in evidence.timeline.cells(of).filter(|(key, _)| key.segment > 0) {
            let sum = due.entry(key.second).or_default();
            *sum = sum.saturating_add(counts.n);
        }
    }
    Some(due)
}

/// When any load sends, µs after time 0, and the run goes on.
pub(super) fn sending(evidence: &Evidence<'_>) -> (i64, i64) {
    let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let starts = evidence.case.loads.iter().map(|load| whole(load.starts_us)).min();
    let ends = evidence.case.loads.iter().map(|load| whole(load.ends_us)).max();
    let ended = evidence.timeline.ended().since(evidence.phases.zero);
    (starts.unwrap_or(0), ends.unwrap_or(0).min(ended))
}

/// The whole seconds of stretches in which loads send.
pub(super) fn whole(evidence: &Evidence<'_>, during: &[During]) -> Vec<Range<i64>> {
    let (starts, ends) = sending(evidence);
    let stretches = evidence.phases.stretches(during).into_iter();
    let whole = stretches.map(|(from, to)| whole_seconds((from.max(starts), to.min(ends))));
    whole.filter(|seconds| !seconds.is_empty()).collect()
}

/// Counts that are added up over many windows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sums {
    /// Each second with the sum up to and with it, in order.
    upto: Vec<(i64, u64)>,
}

impl Sums {
    pub(super) fn of(seconds: &Seconds) -> Sums {
        let mut sum = 0u64;
        let upto = seconds.iter().map(|(second, n)| {
            sum = sum.saturating_add(*n);
            (*second, sum)
        });
        Sums { upto: upto.collect() }
    }

    /// The sum over some seconds.
    pub(super) fn over(&self, range: &Range<i64>) -> u64 {
        let before = |second: i64| {
            let place = self.upto.partition_point(|(known, _)| *known < second);
            place.checked_sub(1).and_then(|last| self.upto.get(last)).map_or(0, |(_, sum)| *sum)
        };
        before(range.end).saturating_sub(before(range.start))
    }

    /// The sum over several stretches.
    pub(super) fn all(&self, ranges: &[Range<i64>]) -> u64 {
        ranges.iter().fold(0, |sum, range| sum.saturating_add(self.over(range)))
    }
}
