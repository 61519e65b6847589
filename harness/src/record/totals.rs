//! Times of the whole run, summed over intervals and threads, and of the last moments.
//!
//! Invariant: sums keep each bucket that is not empty, so nothing is lost by merging, in any
//! order; memory depends on how many buckets were ever hit.
//! Not here: what decides a verdict (counters in cells, crate slo).

use super::health::Lags;
use super::intervals::{Interval, Series};
use assay_slo::Share;
use assay_slo::case::Clock;
use assay_slo::event::{Histogram, Lag};
use std::collections::BTreeMap;

/// Non-empty buckets: lowest value to highest value and count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Buckets(BTreeMap<u64, (u64, u64)>);

impl Buckets {
    fn add(&mut self, times: &hdrhistogram::Histogram<u32>) {
        for value in times.iter_recorded() {
            let lowest = times.lowest_equivalent(value.value_iterated_to());
            let highest = times.highest_equivalent(value.value_iterated_to());
            let bucket = self.0.entry(lowest).or_insert((highest, 0));
            bucket.1 += u64::from(value.count_at_value());
        }
    }

    fn count(&self) -> u64 {
        self.0.values().map(|(_, count)| count).sum()
    }

    fn list(&self) -> Vec<(u64, u64, u64)> {
        let bucket = |(lowest, (highest, count)): (&u64, &(u64, u64))| (*lowest, *highest, *count);
        self.0.iter().map(bucket).collect()
    }

    /// Nearest rank (the least value that so many are at or below), upper end of its bucket.
    fn percentile(&self, share: Share) -> u64 {
        let all = u128::from(self.count()) * u128::from(share.0);
        let rank = all.div_ceil(u128::from(Share::ONE.0)).max(1);
        let mut seen = 0_u128;
        for (highest, count) in self.0.values() {
            seen += u128::from(*count);
            if seen >= rank {
                return *highest;
            }
        }
        0
    }
}

/// Times of one load in the last moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    /// Index into the loads.
    pub load: usize,
    /// Between which instants.
    pub clock: Clock,
    /// How many were answered ok.
    pub n: u64,
    /// Of these the median, µs, upper end of its bucket.
    pub p50_us: u64,
    /// The 95th percentile.
    pub p95_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
}

/// Sums over the run.
#[derive(Debug, Default)]
pub struct Totals {
    all: BTreeMap<Series, Buckets>,
    recent: BTreeMap<(usize, Clock), Buckets>,
    lags: BTreeMap<usize, Buckets>,
}

impl Totals {
    /// Adds handed-over intervals, of any thread, in any order.
    pub fn add(&mut self, intervals: &[Interval]) {
        for interval in intervals {
            let series = interval.series;
            self.all.entry(series).or_default().add(&interval.times);
            if series.ok {
                let recent = self.recent.entry((series.load, series.clock)).or_default();
                recent.add(&interval.times);
            }
        }
    }

    /// Adds handed-over lags, of any thread, in any order.
    pub fn add_lags(&mut self, lags: &[Lags]) {
        for one in lags {
            self.lags.entry(one.load).or_default().add(&one.lags);
        }
    }

    /// How late each load's requests began, for the journal's end.
    #[must_use]
    pub fn lags(&self) -> Vec<Lag> {
        let lag =
            |(load, buckets): (&usize, &Buckets)| Lag { load: *load, buckets: buckets.list() };
        self.lags.iter().map(lag).collect()
    }

    /// What was answered ok since the last call, per load and clock, for the console.
    pub fn take_recent(&mut self) -> Vec<Recent> {
        let recent = std::mem::take(&mut self.recent);
        recent
            .into_iter()
            .map(|((load, clock), buckets)| Recent {
                load,
                clock,
                n: buckets.count(),
                p50_us: buckets.percentile(Share(500_000_000)),
                p95_us: buckets.percentile(Share(950_000_000)),
                p99_us: buckets.percentile(Share(990_000_000)),
            })
            .collect()
    }

    /// One histogram for each series, in order, for the journal's end.
    #[must_use]
    pub fn histograms(&self) -> Vec<Histogram> {
        self.all
            .iter()
            .map(|(series, buckets)| Histogram {
                load: series.load,
                request: series.request,
                ok: series.ok,
                clock: series.clock,
                segment: series.segment,
                buckets: buckets.list(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_slo::At;

    fn interval(values: &[u64]) -> Interval {
        let mut times = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        values.iter().for_each(|value| times.saturating_record(*value));
        let series = Series { load: 0, request: 0, segment: 1, ok: true, clock: Clock::Response };
        Interval { series, from: At(0), to: At(1), times }
    }

    proptest::proptest! {
        #[test]
        fn merging_in_parts_changes_nothing(
            values in proptest::collection::vec(0_u64..5_000_000_000, 1..200),
            cut in 0_usize..200,
        ) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let (mut whole, mut parts) = (Totals::default(), Totals::default());
            whole.add(&[interval(&values)]);
            parts.add(&[interval(right), interval(left)]);
            proptest::prop_assert_eq!(whole.histograms(), parts.histograms());
            let buckets = &whole.histograms()[0].buckets;
            proptest::prop_assert_eq!(
                buckets.iter().map(|bucket| bucket.2).sum::<u64>(), values.len() as u64
            );
            for (lowest, highest, _) in buckets {
                proptest::prop_assert!(highest - lowest <= lowest / 1000);
            }
        }
    }

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut totals = Totals::default();
        totals.add(&[interval(&(1..=100).collect::<Vec<_>>())]);
        let recent = totals.take_recent();
        assert_eq!(recent.len(), 1);
        assert_eq!((recent[0].n, recent[0].p50_us), (100, 50));
        assert_eq!((recent[0].p95_us, recent[0].p99_us), (95, 99));
        assert!(totals.take_recent().is_empty());
    }
}
