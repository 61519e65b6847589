//! Percentiles out of histograms, for people. Verdicts never use them.
//!
//! Invariant: nearest rank, the upper end of its bucket: never better than what was measured.
//! Not here: how histograms are recorded (harness `record`).

use crate::case::{Case, Clock, Of};
use crate::scorecard::{LagScore, TimesScore};
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
                times.add(*high, *count);
            }
        }
        times
    }

    /// Adds a bucket that ends here.
    pub(crate) fn add(&mut self, end: u64, count: u64) {
        let sum = self.by_end.entry(end).or_default();
        *sum = sum.saturating_add(count);
        self.n = self.n.saturating_add(count);
    }

    /// How many there are, and how many may be more than this.
    pub(crate) fn above(&self, limit: u64) -> (u64, u64) {
        let above = self.by_end.iter().filter(|(end, _)| **end > limit);
        (self.n, above.fold(0, |sum, (_, count)| sum.saturating_add(*count)))
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

/// How late the requests of one load began; none where none did, or it was not recorded.
pub(crate) fn lag_of_load(timeline: &Timeline, load: usize) -> Option<LagScore> {
    let lags = timeline.begun_late.by_load.get(&load)?;
    let at = |permille: u64| lags.percentile(Share(permille * 1_000_000));
    Some(LagScore {
        p50_us: at(500)?,
        p95_us: at(950)?,
        p99_us: at(990)?,
        p999_us: at(999)?,
        max_us: at(1000)?,
    })
}

/// What was answered ok by one load from time 0 on, on each clock that was recorded.
pub(crate) fn of_load(case: &Case, timeline: &Timeline, load: usize) -> Vec<TimesScore> {
    let requests = case.loads.get(load).map_or(0, |l| l.requests.len());
    let ours = |of: Of| of.load == load && of.request < requests;
    Clock::RECORDED
        .into_iter()
        .filter_map(|clock| {
            let times = Times::of(timeline, |key| {
                ours(key.of) && key.ok && key.clock == clock && key.segment > 0
            });
            let at = |permille: u64| times.percentile(Share(permille * 1_000_000));
            Some(TimesScore {
                clock,
                n: times.n,
                p50_us: at(500)?,
                p95_us: at(950)?,
                p99_us: at(990)?,
                p999_us: at(999)?,
                max_us: at(1000)?,
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
