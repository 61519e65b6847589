//! Bad requests that came in bursts: what their seconds show of how far they were independent.
//!
//! The design effect is that of Korn and Graubard (1998), from the counts of each second: the interval is
//! Clopper and Pearson's of n and k divided by it. Some bad ones share a second by chance, so it counts only
//! where more pairs of them do than chance makes of as many as are met at all.
//!
//! Invariant: a bad request more makes nothing better. It may lower the design effect by lying elsewhere, so
//! the bound is the greatest of all runs that this one would be without its lesser bursts; and what is taken
//! for chance depends on the number of good ones only.
//! Not here: bursts that are declared (`case::Terms`), one bad request or none, of which nothing can be seen.

use crate::interval;
use crate::tally::Tally;
use crate::time::Share;
use std::cmp::Reverse;

/// Pairs above their number by chance, in standard deviations, and one more where pairs are rare.
const SIGMAS: f64 = 3.0;

/// Bursts that were seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// The design effect: as many requests say as much as one of as many.
    pub(super) effect: f64,
    /// Bad ones in these bursts, and all requests but for the other bad ones.
    pub(super) k: u64,
    pub(super) n: u64,
    /// The one-sided upper bound of the bad share.
    pub(super) upper: f64,
}

/// What is asked of a share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) limit: Share,
    /// The bursts that are declared; 1: independent.
    pub(super) declared: u64,
    pub(super) confidence: Share,
}

/// Of the counts of each second; `unknown` may be bad too.
pub(super) fn seen(
    seconds: impl Iterator<Item = Tally>,
    unknown: u64,
    asked: Asked,
) -> Option<Seen> {
    let mut cells: Vec<Tally> = seconds.filter(|tally| tally.n > 0).collect();
    if cells.len() < 2 || is_chance(&cells, asked) {
        return None;
    }
    // Equal seconds are alike, so the order of the rest is no matter.
    cells.sort_unstable_by_key(|tally| (Reverse(tally.k), tally.n));
    let mut sums = Sums { seconds: cells.len() as f64, ..Sums::default() };
    cells.iter().for_each(|tally| sums.add((tally.n - tally.k) as f64, 1.0));
    let mut worst: Option<Seen> = None;
    for tally in cells.iter().take_while(|tally| tally.k > 0) {
        let (n, k) = (tally.n as f64, tally.k as f64);
        sums.add(n - k, -1.0);
        sums.add(n, 1.0);
        sums.k += k;
        sums.k_squares += k * k;
        sums.k_by_n += k * n;
        let effect = sums.effect().max(asked.declared as f64);
        let of = |count: f64| (count + unknown as f64) / effect;
        let upper = interval::upper(of(sums.k), of(sums.n), asked.confidence.fraction());
        if worst.is_none_or(|worst| worst.upper < upper) {
            worst = Some(Seen { effect, k: sums.k as u64, n: sums.n as u64, upper });
        }
    }
    worst
}

/// The design effect of these seconds' counts, whether or not chance makes it; at least 1.
pub(super) fn effect(seconds: impl Iterator<Item = Tally>) -> f64 {
    let mut sums = Sums::default();
    for tally in seconds.filter(|tally| tally.n > 0) {
        let (n, k) = (tally.n as f64, tally.k as f64);
        sums.add(n, 1.0);
        sums.seconds += 1.0;
        sums.k += k;
        sums.k_squares += k * k;
        sums.k_by_n += k * n;
    }
    sums.effect()
}

/// Of so many bad ones, or bursts as declared, that fall anywhere, the pairs that share a second: their mean
/// and variance are those of coincidences of as many draws with the seconds' shares as probabilities.
fn is_chance(cells: &[Tally], asked: Asked) -> bool {
    let declared = asked.declared as f64;
    // By the good ones, whose number no bad one changes.
    let good = cells.iter().map(|tally| tally.n - tally.k).sum::<u64>() / asked.declared;
    let Some(most) = interval::greatest_beside(good, asked.limit, asked.confidence) else {
        return true;
    };
    let all: f64 = cells.iter().map(|tally| tally.n as f64).sum();
    let shares = cells.iter().map(|tally| tally.n as f64 / all);
    let (two, three) = shares.fold((0.0, 0.0), |(two, three), share| {
        (two + share * share, three + share * share * share)
    });
    let most = most as f64;
    let pairs = most * (most - 1.0).max(0.0) / 2.0;
    let variance =
        pairs * (two - two * two) + 2.0 * pairs * (most - 2.0).max(0.0) * (three - two * two);
    let shared: f64 = cells
        .iter()
        .map(|tally| tally.k as f64 / declared)
        .map(|bursts| bursts * (bursts - 1.0).max(0.0) / 2.0)
        .sum();
    shared <= pairs * two + SIGMAS * libm::sqrt(variance.max(0.0)) + 1.0
}

/// Of seconds with n requests of which k are bad.
#[derive(Default)]
struct Sums {
    seconds: f64,
    n: f64,
    n_squares: f64,
    k: f64,
    k_squares: f64,
    k_by_n: f64,
}

impl Sums {
    fn add(&mut self, n: f64, sign: f64) {
        self.n += sign * n;
        self.n_squares += sign * n * n;
    }

    fn effect(&self) -> f64 {
        let p = self.k / self.n;
        let squares = self.k_squares - 2.0 * p * self.k_by_n + p * p * self.n_squares;
        let freedom = self.seconds / (self.seconds - 1.0);
        let effect = squares * freedom / (p * (1.0 - p) * self.n);
        if effect.is_finite() { effect.max(1.0) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorecard::Verdict;
    use proptest::prelude::*;

    const SURE: Share = Share(950_000_000);

    fn of(seconds: &[(u64, u64)], limit: Share) -> Option<Seen> {
        let tallies = seconds.iter().map(|(n, k)| Tally { n: *n, k: *k, unknown: 0 });
        seen(tallies, 0, Asked { limit, declared: 1, confidence: SURE })
    }

    /// So many seconds of 100 requests, the first ones with bad ones.
    fn with(seconds: usize, bad: &[u64]) -> Vec<(u64, u64)> {
        (0..seconds).map(|at| (100, bad.get(at).copied().unwrap_or(0))).collect()
    }

    /// Source: Korn-Graubard by SciPy's beta.ppf; independent errors would be at most 0.00135611.
    #[test]
    fn three_bursts_of_ten() {
        let seen = of(&with(300, &[10, 10, 10]), Share(2_000_000)).unwrap();
        assert!((seen.effect - 9.943_05).abs() < 1e-5, "{seen:?}");
        assert!((seen.upper - 0.002_575_91).abs() < 1e-8, "{seen:?}");
        assert_eq!(seen.k, 30);
    }

    #[test]
    fn what_chance_explains_is_no_burst() {
        let of = |bad: &[u64]| of(&with(60, bad), Share(1_000_000));
        for few in [&[][..], &[1], &[2], &[1, 1, 1], &[2, 1, 1, 1]] {
            assert_eq!(of(few), None, "{few:?}");
        }
        assert!(of(&[3]).is_some());
    }

    /// Half of all fail, second by second: the bound is that of independent ones.
    #[test]
    fn evenly_many_are_no_burst() {
        let half: Vec<(u64, u64)> = (0..5).map(|at| (500, 245 + at % 3)).collect();
        assert_eq!(of(&half, Share(550_000_000)), None);
        let some: Vec<(u64, u64)> = (0..20).map(|at| (500, 20 + at % 3)).collect();
        assert_eq!(of(&some, Share(50_000_000)), None);
    }

    /// Bad ones of a service at half its limit, independent of each other: a fixed sequence.
    #[test]
    fn independent_errors_are_hardly_ever_bursts() {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 11
        };
        for (seconds, permille) in [(60, 1), (150, 1), (600, 1), (30, 50), (300, 50)] {
            let taken = (0..500).filter(|_| {
                let mut cells = with(seconds, &[]);
                for _ in 0..seconds * 100 * permille / 2_000 {
                    cells[draw() as usize % seconds].1 += 1;
                }
                of(&cells, Share(permille as u64 * 1_000_000)).is_some()
            });
            let taken = taken.count();
            assert!(taken <= 5, "{permille} of 1000 in {seconds} s: {taken} of 500");
        }
    }

    fn met(cells: &[(u64, u64)], limit: Share) -> bool {
        let (n, k) = cells.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        interval::decide(n, k, 0, limit, SURE) == Verdict::Met
            && of(cells, limit).is_none_or(|seen| seen.upper <= limit.fraction())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_bad_one_more_makes_nothing_better(
            bad in proptest::collection::vec(prop_oneof![3 => Just(0u64), 1 => 0u64..12], 2..60),
            at in 0usize..60,
            more in 1u64..8,
            permille in 1u64..60,
        ) {
            let before = with(bad.len(), &bad);
            let mut after = before.clone();
            let one = &mut after[at % bad.len()];
            *one = (one.0 + more, one.1 + more);
            let limit = Share(permille * 1_000_000);
            prop_assert!(met(&before, limit) || !met(&after, limit));
        }
    }
}
