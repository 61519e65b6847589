//! Counting: what is bad, what is unknown, by second.
//!
//! Invariant: sums only; nothing depends on the order of cells.
//! Not here: verdicts on these counts (`interval`).

use crate::outcome::Outcome;
use crate::phase::whole_seconds;
use crate::time::SECOND_US;
use crate::timeline::{Counts, Key};
use crate::words;
use std::collections::BTreeMap;
use std::ops::Range;

/// What makes a request good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Good {
    /// Ok, and it satisfied this mark in time.
    Faster { mark: usize },
    /// Ok.
    Ok,
    /// Ok; what our own breaker rejected counts as bad.
    Available,
    /// It satisfied this mark, however it ended.
    Marked { mark: usize },
}

/// Counts of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Requests whose being good or bad is known.
    pub(crate) n: u64,
    /// Of these, bad.
    pub(crate) k: u64,
    /// Requests that may be either.
    pub(crate) unknown: u64,
}

impl Tally {
    /// One cell's counts.
    pub(crate) fn of(good: Good, key: &Key, counts: &Counts) -> Tally {
        let all = counts.n;
        match (key.outcome, good) {
            (Outcome::NotSent, _) => Tally { n: 0, k: 0, unknown: all },
            (Outcome::FastFail, Good::Available) => Tally { n: all, k: all, unknown: 0 },
            (Outcome::FastFail, _) => Tally::default(),
            // What was cut off after its limit is bad whatever would have become of it.
            (Outcome::Cut, Good::Faster { mark }) => {
                let late = counts.unmarked(mark);
                Tally { n: late, k: late, unknown: counts.mark(mark) }
            }
            (Outcome::Cut, _) => Tally { n: 0, k: 0, unknown: all },
            (_, Good::Marked { mark }) => Tally { n: all, k: counts.unmarked(mark), unknown: 0 },
            (Outcome::Ok, Good::Faster { mark }) => {
                Tally { n: all, k: counts.unmarked(mark), unknown: 0 }
            }
            (Outcome::Ok, _) => Tally { n: all, k: 0, unknown: 0 },
            _ => Tally { n: all, k: all, unknown: 0 },
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.n += other.n;
        self.k += other.k;
        self.unknown += other.unknown;
    }

    /// All that were due.
    pub(crate) fn due(self) -> u64 {
        self.n + self.unknown
    }
}

/// The worst ten consecutive seconds of these stretches (µs after time 0), in words; none if
/// nothing was bad.
pub(crate) fn worst(seconds: &BTreeMap<i64, Tally>, stretches: &[(i64, i64)]) -> Option<String> {
    let mut worst: Option<(Tally, i64, i64)> = None;
    for (from, to) in stretches {
        let second = SECOND_US as i64;
        let all: Vec<(i64, Tally)> = seconds
            .range(from.div_euclid(second)..=(to - 1).div_euclid(second))
            .map(|(second, tally)| (*second, *tally))
            .collect();
        let (Some(first), Some(last)) = (all.first(), all.last()) else {
            continue;
        };
        let mut sum = Tally::default();
        let mut end = 0;
        for (start, (begins, tally)) in all.iter().enumerate() {
            while let Some((_, next)) = all.get(end).filter(|(s, _)| s - begins < 10) {
                sum.add(*next);
                end += 1;
            }
            let whole = begins + 9 <= last.0 || start == 0;
            let share = |t: &Tally, n: u64| u128::from(t.k) * u128::from(n);
            if whole && sum.k > 0 && worst.is_none_or(|(w, ..)| share(&sum, w.n) > share(&w, sum.n))
            {
                worst = Some((sum, (*begins).max(first.0), (begins + 10).min(last.0 + 1)));
            }
            sum.n -= tally.n;
            sum.k -= tally.k;
            sum.unknown -= tally.unknown;
        }
    }
    worst.map(|(tally, from, to)| {
        let Tally { n, k, .. } = tally;
        format!("{} bad ({k} of {n}) from {from} s to {to} s", words::ratio(k, n))
    })
}

/// Counts by slices of `length` whole seconds that lie entirely inside a stretch, the number of
/// the slice first.
pub(crate) fn slices(
    seconds: &BTreeMap<i64, Tally>,
    stretches: &[(i64, i64)],
    length: i64,
) -> BTreeMap<i64, Tally> {
    let mut slices: BTreeMap<i64, Tally> = BTreeMap::new();
    for stretch in stretches {
        let whole = whole_seconds(*stretch);
        for (second, tally) in seconds.range(whole.start..whole.end.max(whole.start)) {
            let slice = second.div_euclid(length);
            if slice * length >= whole.start && (slice + 1) * length <= whole.end {
                slices.entry(slice).or_default().add(*tally);
            }
        }
    }
    slices
}

/// The numbers of such slices of a stretch.
fn whole(stretch: (i64, i64), length: i64) -> Range<i64> {
    let whole = whole_seconds(stretch);
    -(-whole.start).div_euclid(length)..whole.end.div_euclid(length)
}

/// How many such slices a stretch has.
pub(crate) fn whole_slices(stretch: (i64, i64), length: i64) -> i64 {
    let whole = whole(stretch, length);
    (whole.end - whole.start).max(0)
}

/// Those of these numbers that are such slices.
pub(crate) fn slices_of(
    stretches: &[(i64, i64)],
    length: i64,
    numbers: &Range<i64>,
) -> impl Iterator<Item = i64> {
    stretches.iter().flat_map(move |stretch| {
        let whole = whole(*stretch, length);
        whole.start.max(numbers.start)..whole.end.min(numbers.end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(k: impl Fn(i64) -> u64, range: std::ops::Range<i64>) -> BTreeMap<i64, Tally> {
        range.map(|s| (s, Tally { n: 100, k: k(s), unknown: 0 })).collect()
    }

    #[test]
    fn the_worst_ten_seconds() {
        let seconds = each(|s| if (20..25).contains(&s) { 10 } else { 0 }, 0..60);
        let text = worst(&seconds, &[(0, 60_000_000)]).unwrap();
        assert_eq!(text, "5 % bad (50 of 1000) from 15 s to 25 s");
        assert_eq!(worst(&each(|_| 0, 0..60), &[(0, 60_000_000)]), None);
        // A stretch shorter than ten seconds is looked at as a whole, never a tail of a longer.
        let seconds = each(|s| u64::from(s == 29) * 100, 0..30);
        assert!(worst(&seconds, &[(0, 30_000_000)]).unwrap().ends_with("from 20 s to 30 s"));
        assert!(worst(&seconds, &[(27_000_000, 30_000_000)]).unwrap().ends_with("27 s to 30 s"));
    }

    #[test]
    fn only_whole_slices() {
        let seconds = each(|_| 0, 0..30);
        let got = slices(&seconds, &[(500_000, 9_900_000), (12_000_000, 20_000_000)], 2);
        let numbers: Vec<i64> = got.keys().copied().collect();
        assert_eq!(numbers, [1, 2, 3, 6, 7, 8, 9]);
        assert!(got.values().all(|tally| tally.n == 200));
        assert_eq!(whole_slices((500_000, 9_900_000), 2), 3);
        assert_eq!(whole_slices((500_000, 900_000), 2), 0);
    }
}
