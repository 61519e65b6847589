//! What arrived at a link, second by second, and in steady.
//!
//! Invariant: a second without a report had no arrivals only if the link was watched at all.
//! Not here: bounds (`amplification`, `herd`).

use crate::case::During;
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

/// The sum over some seconds.
pub(super) fn sum(seconds: &Seconds, range: Range<i64>) -> u64 {
    let range = range.start..range.end.max(range.start);
    seconds.range(range).fold(0, |sum, (_, n)| sum.saturating_add(*n))
}
