//! The table of [`Mark`]s: what is counted in every cell, so that a verdict needs no histogram.
//!
//! Invariant: no mark occurs twice; an index once given stays.
//! Not here: counting (`record`), judging (crate slo).

use super::Latency;
use crate::clock::early;
use assay_slo::case::{Clock, Mark};
use std::time::Duration;

/// Least lag that tells an ill generator, µs.
const LEAST_LATE_US: u64 = 5_000;
/// The lag that tells an ill generator where there is no limit of latency, µs.
const LATE_WITHOUT_LIMIT_US: u64 = 50_000;
/// The age that counts where there is no limit of latency, µs.
const AGE_WITHOUT_LIMIT_US: u64 = 1_000_000;
/// The shortest delay that can be told from none, µs.
const LEAST_DELAY_US: u64 = 1_000;

/// The marks so far.
#[derive(Debug)]
pub(super) struct Marks(Vec<Mark>);

impl Default for Marks {
    /// Those that every run counts.
    fn default() -> Marks {
        Marks(vec![Mark::IdleReset, Mark::Refused, Mark::Blocked])
    }
}

impl Marks {
    /// Those of a case, to which more may be added.
    pub(super) fn of(table: Vec<Mark>) -> Marks {
        Marks(table)
    }

    /// The index of a mark; added unless it is there.
    pub(super) fn index(&mut self, mark: Mark) -> usize {
        self.0.iter().position(|known| *known == mark).unwrap_or_else(|| {
            self.0.push(mark);
            self.0.len() - 1
        })
    }

    /// The index of "took less than `us`".
    pub(super) fn below(&mut self, clock: Clock, us: u64) -> usize {
        self.index(Mark::Below { clock, us })
    }

    /// The index of the lag that tells an ill generator for this limit of latency: more than 5 ms
    /// and 10 % of it; 50 ms without one.
    pub(super) fn late(&mut self, limit_us: Option<u64>) -> usize {
        let us = limit_us.map_or(LATE_WITHOUT_LIMIT_US, |limit| LEAST_LATE_US.max(limit / 10));
        self.index(Mark::LateBy { us })
    }

    /// The index of the mark that a request misses if it was delayed by this fault: at least 1 ms. A
    /// link's timer is right in the mean, so a single delay may be a little shorter than was asked.
    pub(super) fn slow(&mut self, delay: &Latency) -> usize {
        let asked = Duration::from_micros(delay.lower_end_us());
        let least = u64::try_from((asked - early(asked)).as_micros()).unwrap_or(u64::MAX);
        self.below(Clock::Service, least.max(LEAST_DELAY_US))
    }

    /// The table.
    #[must_use]
    pub(super) fn into_table(self) -> Vec<Mark> {
        self.0
    }
}

/// The ages of [`assay_slo::Case::ages_us`] for these limits of latency: ascending, each once,
/// and 1 s for what has none.
#[must_use]
pub(super) fn ages(limits_us: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut ages: Vec<u64> = limits_us.into_iter().chain([AGE_WITHOUT_LIMIT_US]).collect();
    ages.sort_unstable();
    ages.dedup();
    ages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Delay;

    #[test]
    fn a_mark_is_counted_once() {
        let mut marks = Marks::default();
        let first = marks.below(Clock::Response, 500_000);
        assert_ne!(first, marks.below(Clock::Service, 500_000));
        assert_eq!(first, marks.below(Clock::Response, 500_000));
        assert_eq!(marks.into_table().len(), 5);
    }

    #[test]
    fn lag_is_judged_by_the_limit() {
        let mut marks = Marks::default();
        let late = [Some(20_000), Some(500_000), None].map(|limit| marks.late(limit));
        let table = marks.into_table();
        let us = late.map(|index| match table[index] {
            Mark::LateBy { us } => us,
            _ => 0,
        });
        assert_eq!(us, [5_000, 50_000, 50_000]);
        assert_eq!(late[1], late[2]);
    }

    #[test]
    fn ages_ascend_and_hold_one_second() {
        assert_eq!(ages([2_000_000, 500_000, 500_000]), [500_000, 1_000_000, 2_000_000]);
        assert_eq!(ages([]), [1_000_000]);
    }

    #[test]
    fn a_delay_shows_from_a_millisecond_on() {
        let mut marks = Marks::default();
        let slow = [
            marks.slow(&Delay::Fixed { us: 999 }.into()),
            marks.slow(&Delay::Fixed { us: 2001 }.into()),
            // A link may let it go 0.9 ms early.
            marks.slow(&Delay::Fixed { us: 100_000 }.into()),
        ];
        let table = marks.into_table();
        let below = |us| Mark::Below { clock: Clock::Service, us };
        assert_eq!(
            slow.map(|index| table[index].clone()),
            [below(1000), below(1101), below(99_100)]
        );
    }
}
