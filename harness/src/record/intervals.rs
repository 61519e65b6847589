//! Histograms of one interval: times of what was answered ok and of what ended otherwise.
//!
//! Invariant: what a counter counts as a known attempt is in exactly one histogram per clock, in
//! the same segment, so that both can be compared; only what failed may have had no first byte.
//! Not here: sums over the run (`totals`), the file (`hlog`).

use super::marks::Finished;
use assay_slo::At;
use assay_slo::case::Clock;
use hdrhistogram::{CreationError, Histogram};
use std::collections::BTreeMap;

/// Greatest time told apart, µs: one hour.
pub const GREATEST_US: u64 = 3_600_000_000;

/// Which times a histogram holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Index into the loads.
    pub load: usize,
    /// Index into the load's requests.
    pub request: usize,
    /// See [`assay_slo::Cell::segment`].
    pub segment: usize,
    /// Ended ok, or known to have ended otherwise.
    pub ok: bool,
    /// Between which instants.
    pub clock: Clock,
}

/// The times of one series that ended between two instants.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Which.
    pub series: Series,
    /// From when.
    pub from: At,
    /// To when.
    pub to: At,
    /// The times, µs, three digits, 1 µs to one hour.
    pub times: Histogram<u32>,
}

/// Whose times: one look-up for all clocks of a request.
type Place = (usize, usize, usize, bool);

/// Collects the times of one interval.
#[derive(Debug)]
pub struct Intervals {
    empty: Histogram<u32>,
    /// By place, in the order of [`Clock::RECORDED`].
    times: BTreeMap<Place, [Option<Histogram<u32>>; Clock::RECORDED.len()]>,
}

impl Intervals {
    /// Nothing collected yet.
    ///
    /// # Errors
    /// None in practice: the bounds are constants that the histogram accepts.
    pub fn new() -> Result<Intervals, CreationError> {
        let empty = Histogram::new_with_bounds(1, GREATEST_US, 3)?;
        Ok(Intervals { empty, times: BTreeMap::new() })
    }

    /// Adds the times of a request in this segment; none of what is no known attempt.
    pub fn add(&mut self, finished: &Finished<'_>, segment: usize) {
        if !finished.outcome.is_known_attempt() {
            return;
        }
        let ok = finished.outcome == assay_slo::Outcome::Ok;
        let place = (finished.load, finished.request, segment, ok);
        let all = self.times.entry(place).or_default();
        for (times, clock) in all.iter_mut().zip(Clock::RECORDED) {
            if let Some(took) = finished.took_us(clock) {
                times.get_or_insert_with(|| self.empty.clone()).saturating_record(took);
            }
        }
    }

    /// Hands over what was collected and starts anew.
    pub fn take(&mut self, from: At, to: At) -> Vec<Interval> {
        let all = std::mem::take(&mut self.times).into_iter();
        let each = all.flat_map(|((load, request, segment, ok), times)| {
            let series = move |clock| Series { load, request, segment, ok, clock };
            let known = Clock::RECORDED.into_iter().zip(times);
            known.filter_map(move |(clock, times)| Some((series(clock), times?)))
        });
        each.map(|(series, times)| Interval { series, from, to, times }).collect()
    }
}
