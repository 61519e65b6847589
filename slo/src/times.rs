//! Percentiles out of histograms, for people. Verdicts never use them.
//!
//! Invariant: nearest rank, the upper end of its bucket: never better than what was measured.
//! Not here: how histograms are recorded (harness `record`).

use crate::case::{Case, Clock, Of};
use crate::scorecard::TimesScore;
use crate::time::Share;
use crate::timeline::{HistogramKey, Timeline};
use std::collections::BTreeMap;

/// Buckets added up: their ends, and how many.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Times {
    by_end: BTreeMap<u64, u64>,
    n: u64,
}

impl Times {
    /// All histograms that fit.
    pub(crate) fn of(timeline: &Timeline, fits: impl Fn(&HistogramKey) -> bool) -> Times {
        let mut times = Times::default();
        for (_, buckets) in timeline.histograms.iter().filter(|(key, _)| fits(key)) {
            for ((_, high), count) in buckets {
                let sum = times.by_end.entry(*high).or_default();
                *sum = sum.saturating_add(*count);
                times.n = times.n.saturating_add(*count);
            }
        }
        times
    }

    /// The value of rank ⌈q n⌉, µs; none without values.
    pub(crate) fn percentile(&self, q: Share) -> Option<u64> {
        let whole = u128::from(Share::ONE.0);
        let rank = (u128::from(q.0) * u128::from(self.n)).div_ceil(whole).max(1);
        let mut seen: u128 = 0;
        self.by_end.iter().find_map(|(end, count)| {
            seen += u128::from(*count);
            (seen >= rank && *count > 0).then_some(*end)
        })
    }
}

/// What was answered ok by one load from time 0 on, on each clock that was recorded.
pub(crate) fn of_load(case: &Case, timeline: &Timeline, load: usize) -> Vec<TimesScore> {
    let requests = case.loads.get(load).map_or(0, |l| l.requests.len());
    let ours = |of: Of| of.load == load && of.request < requests;
    [Clock::Response, Clock::Service]
        .into_iter()
        .filter_map(|clock| {
            let times = Times::of(timeline, |key| {
                ours(key.of) && key.ok && key.clock == clock && key.segment > 0
            });
            let at = |percent: u64| times.percentile(Share(percent * 10_000_000));
            Some(TimesScore {
                clock,
                n: times.n,
                p50_us: at(50)?,
                p95_us: at(95)?,
                p99_us: at(99)?,
                max_us: at(100)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let times = Times { by_end: (1..=20).map(|v| (v, 1)).collect(), n: 20 };
        assert_eq!(times.percentile(Share(950_000_000)), Some(19));
        assert_eq!(times.percentile(Share(951_000_000)), Some(20));
        assert_eq!(times.percentile(Share(0)), Some(1));
        assert_eq!(times.percentile(Share::ONE), Some(20));
        assert_eq!(Times::default().percentile(Share(950_000_000)), None);
    }
}
