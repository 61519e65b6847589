//! What every metric came to, as numbers for the scorecard, and what could not be read.
//!
//! Not here: limits on them (`expectation`).

use crate::case::{Case, Must};
use crate::interval::round9;
use crate::scorecard::MetricScore;
use crate::time::At;
use crate::timeline::Timeline;
use crate::words;

/// One for each metric, from time 0 on.
pub(super) fn scores(case: &Case, timeline: &Timeline) -> Vec<MetricScore> {
    let zero = timeline.zero.unwrap_or(At(u64::MAX));
    let scores = case.metrics.iter().enumerate().map(|(index, metric)| {
        let reads = timeline.samples.of(index);
        let samples = reads.map_or(&[][..], |reads| reads.samples.as_slice());
        let values = || samples.iter().filter(|one| one.asked >= zero).map(|one| one.value);
        let shown = |value: Option<crate::Number>| value.map(|value| round9(value.get()));
        MetricScore {
            name: metric.name.clone(),
            reads: metric.reads.clone(),
            unit: metric.unit,
            samples: values().count() as u64,
            missed: reads.map_or(0, |reads| reads.missed),
            last_missed: reads.and_then(|r| r.last_missed.as_ref()).map(|(_, why)| why.clone()),
            first: shown(values().next()),
            least: shown(values().min()),
            greatest: shown(values().max()),
            last: shown(values().next_back()),
        }
    });
    scores.collect()
}

/// Of a count that is held against ours, or whose increase is asked: reads of its page before it had such
/// a series, which is no failure: it is born with its first event.
fn born_later(case: &Case, timeline: &Timeline, metric: usize) -> u64 {
    let Some(reads) = timeline.samples.of(metric) else { return 0 };
    let asked = case.expectations.iter().any(|one| match &one.must {
        Must::Reconciles(must) => must.metric == metric,
        Must::Metric(must) if must.metric == metric && must.increase.is_some() => {
            reads.samples.iter().any(|sample| sample.counter)
        }
        _ => false,
    });
    if asked { reads.absent.len() as u64 } else { 0 }
}

/// Reads that failed, whether or not anything was asked of the metric.
pub(super) fn missed(case: &Case, timeline: &Timeline) -> Vec<String> {
    let scores = scores(case, timeline).into_iter().enumerate();
    let missed = scores
        .filter(|(index, score)| score.missed > born_later(case, timeline, *index))
        .map(|(index, score)| {
            let read = timeline.samples.of(index).map_or(0, |reads| reads.samples.len() as u64);
            let all = read.saturating_add(score.missed);
            format!(
                "metric `{}`: {} of {} failed, the last: {}",
                score.name,
                score.missed,
                words::count(all, "read"),
                score.last_missed.unwrap_or_default()
            )
        });
    missed.collect()
}
