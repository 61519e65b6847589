//! How often a request of one side takes longer than one of the other: the probability of superiority,
//! and by how much chance alone would bring it about (Mann and Whitney 1947).
//!
//! Counts, not requests, are compared, so equal times are many: they count half, and the variance is
//! corrected for them. Few requests without equal times are counted out exactly.
//!
//! Invariant: shown only; no verdict depends on it.
//! Not here: what a change is judged by (`change`).

use super::side::Sum;
use crate::words;
use std::collections::BTreeMap;

/// What took for ever.
const NEVER: u64 = u64::MAX;
/// A side of at most so many is counted out, if the other has at most [`MOST`].
const FEW: u64 = 8;
const MOST: u64 = 64;

/// How two sides compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Superior {
    /// Pairs in which the later one took longer, and half of those in which both took as long.
    pub(super) u: f64,
    /// The same as a share of all pairs.
    pub(super) share: f64,
    /// So often chance alone would bring such a difference about, or a greater one.
    pub(super) p: f64,
}

/// Compares counts by time; none where a side has nothing.
pub(super) fn superior(was: &BTreeMap<u64, u64>, is: &BTreeMap<u64, u64>) -> Option<Superior> {
    let count =
        |side: &BTreeMap<u64, u64>| side.values().fold(0u64, |n, one| n.saturating_add(*one));
    let (m, n) = (count(was), count(is));
    if m == 0 || n == 0 {
        return None;
    }
    let times: BTreeMap<u64, (u64, u64)> = {
        let mut times = BTreeMap::new();
        for (time, count) in was {
            times.entry(*time).or_insert((0, 0)).0 += count;
        }
        for (time, count) in is {
            times.entry(*time).or_insert((0, 0)).1 += count;
        }
        times
    };
    // Of twice the pairs, so that halves are whole.
    let (mut below, mut twice, mut tied, mut ties) = (0u128, 0u128, 0.0, false);
    for (before, after) in times.values() {
        twice += u128::from(*after) * (2 * below + u128::from(*before));
        below += u128::from(*before);
        let same = before.saturating_add(*after) as f64;
        ties |= before.saturating_add(*after) > 1;
        tied += same * (same * same - 1.0);
    }
    let pairs = m as f64 * n as f64;
    let u = twice as f64 / 2.0;
    let p = match m.min(n) <= FEW && m.max(n) <= MOST && !ties {
        true => exact(m, n, twice / 2),
        false => by_normal(u, pairs, m as f64 + n as f64, tied),
    };
    Some(Superior { u, share: u / pairs, p })
}

/// Both ways of being so far from the middle, by the normal distribution, half a pair nearer for it has
/// no steps.
fn by_normal(u: f64, pairs: f64, all: f64, tied: f64) -> f64 {
    let variance = pairs / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
    let off = (libm::fabs(u - pairs / 2.0) - 0.5).max(0.0);
    if variance <= 0.0 { 1.0 } else { libm::erfc(off / libm::sqrt(2.0 * variance)) }
}

/// Both ways, of all orders of so many.
fn exact(m: u64, n: u64, u: u128) -> f64 {
    let (few, many) = (m.min(n), m.max(n));
    // How many of the many stand before each of the few are numbers that rise, and their sum is `u`. By the
    // greatest that is allowed, and by the sum: how many such rows of numbers there are.
    let mut ways: Vec<Vec<u128>> = vec![vec![1]; usize::try_from(many + 1).unwrap_or(0)];
    for _ in 0..few {
        let mut more: Vec<Vec<u128>> = Vec::new();
        for (at, of) in ways.iter().enumerate() {
            // The last number is less than `at`, or it is `at`.
            let mut sum = more.last().cloned().unwrap_or_default();
            sum.resize(sum.len().max(of.len() + at), 0);
            for (pairs, ways) in of.iter().enumerate() {
                if let Some(sum) = sum.get_mut(pairs + at) {
                    *sum += ways;
                }
            }
            more.push(sum);
        }
        ways = more;
    }
    let all = ways.last().cloned().unwrap_or_default();
    let total: u128 = all.iter().sum();
    let pairs = u128::from(m) * u128::from(n);
    let far = u.max(pairs.saturating_sub(u));
    let tail: u128 = all.iter().skip(usize::try_from(far).unwrap_or(usize::MAX)).sum();
    (2.0 * tail as f64 / total as f64).min(1.0)
}

/// Times of a side; what is not ok took for ever.
fn times(side: &Sum) -> BTreeMap<u64, u64> {
    let mut times = BTreeMap::new();
    for ((_, high), count) in side.buckets() {
        let sum: &mut u64 = times.entry(*high).or_default();
        *sum = sum.saturating_add(*count);
    }
    if side.k > 0 {
        times.insert(NEVER, side.k);
    }
    times
}

/// One sentence on all of the times; none where a side has nothing.
pub(super) fn sentence(was: &Sum, is: &Sum) -> Option<String> {
    let Superior { share, p, .. } = superior(&times(was), &times(is))?;
    let p = if p < 0.0001 { "below 0.0001".to_owned() } else { format!("{p:.4}") };
    Some(format!(
        "a later request, picked at random, took longer than an earlier one in {} of cases, ties half (50 % \
         says no change; Mann-Whitney p {p}, as if requests were independent)",
        words::percent(share)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6
    }

    /// Source: slo.md D8, made with SciPy 1.17's `mannwhitneyu`.
    #[test]
    fn counts_by_time_with_ties() {
        let was = BTreeMap::from([(100, 50), (200, 40), (300, 10)]);
        let is = BTreeMap::from([(100, 40), (200, 40), (300, 20)]);
        let found = superior(&was, &is).unwrap();
        assert_eq!((found.u, found.share), (5700.0, 0.57));
        assert!(close(found.p, 0.062_441_2), "{}", found.p);
        let back = superior(&is, &was).unwrap();
        assert_eq!((back.u, back.share), (4300.0, 0.43));
        assert!(close(back.p, found.p));
    }

    /// Source: slo.md D8.
    #[test]
    fn few_without_ties_are_counted_out() {
        let side = |times: &[u64]| times.iter().map(|time| (*time, 1)).collect::<BTreeMap<_, _>>();
        let (one, other) = (side(&[19, 22, 16, 29, 24]), side(&[20, 11, 17, 12]));
        let found = superior(&other, &one).unwrap();
        assert_eq!(found.u, 17.0);
        assert!(close(found.p, 0.111_111_1), "{}", found.p);
        assert!(close(superior(&one, &other).unwrap().p, found.p));
        // The farthest of all ten orders of two and three.
        assert!(close(superior(&side(&[1, 2]), &side(&[3, 4, 5])).unwrap().p, 0.2));
        assert!(close(superior(&side(&[1]), &side(&[2])).unwrap().p, 1.0));
    }

    #[test]
    fn what_cannot_be_told_apart_is_even() {
        let same = BTreeMap::from([(5, 1000)]);
        assert_eq!(superior(&same, &same), Some(Superior { u: 500_000.0, share: 0.5, p: 1.0 }));
        assert_eq!(superior(&BTreeMap::new(), &same), None);
        assert_eq!(superior(&same, &BTreeMap::new()), None);
    }

    proptest! {
        /// Turning the sides round turns the share round; a slower later side never lowers it.
        #[test]
        fn it_is_fair(
            was in proptest::collection::btree_map(0u64..50, 1u64..1000, 1..8),
            is in proptest::collection::btree_map(0u64..50, 1u64..1000, 1..8),
        ) {
            let (one, other) = (superior(&was, &is).unwrap(), superior(&is, &was).unwrap());
            prop_assert!(close(one.share + other.share, 1.0) && close(one.p, other.p));
            prop_assert!((0.0..=1.0).contains(&one.p));
            let mut slower = is.clone();
            let (first, count) = slower.pop_first().unwrap();
            *slower.entry(first + 60).or_default() += count;
            prop_assert!(superior(&was, &slower).unwrap().share >= one.share);
        }
    }
}
