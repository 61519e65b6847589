//! Arrivals as independent callers make them: a Poisson process, drawn from the seed.
//!
//! The process runs on the integral of the rate ([`super::arrivals`]), where it has the rate 1
//! whatever the load's rate is, and so follows ramps too. That axis is cut in blocks of
//! `EXPECTED` requests: how many fall in a block has the Poisson distribution of that mean, and
//! given their number they lie anywhere in it alike. This is exact, and blocks are independent.
//!
//! Invariant: a load's arrivals depend on nothing but the seed and the load's name; positions are
//! whole numbers, so every machine and every shard agrees.
//! Not here: from a position to an instant (`arrivals`).

use super::chance;
use super::replay::Logged;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::LazyLock;

/// Requests expected in a block.
const EXPECTED: u64 = 256;
/// e⁻²⁵⁶, the chance of an empty block.
const EMPTY: f64 = 6.616_261_056_709_485e-112;
/// A count above this has a chance below 10⁻⁶⁰.
const MOST: u32 = 640;

/// The chance of at most i requests in a block, at place i, in parts of 2⁶⁴.
static AT_MOST: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let (mut exactly, mut at_most) = (EMPTY, 0.0);
    let chances = (1..=MOST).map(|next| {
        at_most += exactly;
        exactly *= EXPECTED as f64 / f64::from(next);
        (at_most * 2_f64.powi(64)) as u64
    });
    chances.collect()
});

/// How requests lie around their rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spread {
    /// One after another, as far apart as the rate says.
    Even,
    /// As those of independent callers: the rate says how many are expected.
    Poisson(Poisson),
    /// When a log has them; there is no rate.
    Logged(Logged),
}

/// The draws of one load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poisson {
    key: [u8; 32],
}

impl Poisson {
    /// Those of a load of this name in a run with this seed.
    #[must_use]
    pub fn new(seed: u64, load: &str) -> Poisson {
        Poisson { key: chance::key(seed, &["arrivals", load], &[]) }
    }

    /// Positions of requests in order, `unit` being one expected request; never ends.
    pub(super) fn positions(&self, unit: u64) -> Positions {
        Positions {
            poisson: self.clone(),
            counts: ChaCha8Rng::from_seed(self.key),
            length: unit.saturating_mul(EXPECTED),
            block: 0,
            drawn: Vec::new(),
        }
    }

    /// How many positions lie before `end`.
    pub(super) fn before(&self, end: u128, unit: u64) -> u64 {
        let mut positions = self.positions(unit);
        let mut sum = 0_u64;
        for _ in 0..end / u128::from(positions.length.max(1)) {
            sum = sum.saturating_add(positions.next_count());
            positions.block += 1;
        }
        sum.saturating_add(positions.take_while(|position| *position < end).count() as u64)
    }

    /// The places in a block, the last first.
    fn places(&self, block: u64, count: u64, length: u64) -> Vec<u64> {
        let mut chance = ChaCha8Rng::from_seed(self.key);
        // Stream 0 is that of the counts.
        chance.set_stream(block.wrapping_add(1));
        let mut places: Vec<u64> = (0..count).map(|_| chance::below(&mut chance, length)).collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        places
    }
}

/// See [`Poisson::positions`].
#[derive(Debug)]
pub(super) struct Positions {
    poisson: Poisson,
    counts: ChaCha8Rng,
    /// Of a block.
    length: u64,
    /// The next to be drawn.
    block: u64,
    /// What is left of the one before, the last first.
    drawn: Vec<u64>,
}

impl Positions {
    fn next_count(&mut self) -> u64 {
        let chance = self.counts.next_u64();
        AT_MOST.partition_point(|at_most| *at_most <= chance) as u64
    }
}

impl Iterator for Positions {
    type Item = u128;

    fn next(&mut self) -> Option<u128> {
        while self.drawn.is_empty() {
            let count = self.next_count();
            self.drawn = self.poisson.places(self.block, count, self.length);
            self.block = self.block.checked_add(1)?;
        }
        let begins = u128::from(self.block - 1) * u128::from(self.length);
        self.drawn.pop().map(|place| begins + u128::from(place))
    }
}

/// The chance that at least `least` requests come where `expected` are.
#[must_use]
pub fn at_least(least: u64, expected: f64) -> f64 {
    let mut exactly = (-expected).exp();
    if exactly == 0.0 {
        // So many are expected that only a limit near that number is in doubt.
        return f64::from(u8::from((least as f64) < expected));
    }
    let mut fewer = 0.0;
    for count in 1..=least {
        fewer += exactly;
        exactly *= expected / count as f64;
    }
    (1.0 - fewer).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: u64 = 1_000_000;

    fn first(n: usize, seed: u64) -> Vec<u128> {
        Poisson::new(seed, "web").positions(UNIT).take(n).collect()
    }

    /// A change would send at other instants for an old seed.
    #[test]
    fn the_same_seed_and_name_draw_the_same_for_ever() {
        assert_eq!(first(4, 7), first(4, 7));
        assert_ne!(first(4, 7), first(4, 8));
        let other: Vec<u128> = Poisson::new(7, "api").positions(UNIT).take(4).collect();
        assert_ne!(first(4, 7), other);
        assert_eq!(first(4, 7), GOLDEN);
    }
    const GOLDEN: [u128; 4] = [1_178_926, 1_547_338, 1_784_587, 3_240_231];

    /// Gaps are exponential: 1 - e^-x of them are shorter than x. The greatest distance between
    /// that and what was drawn (Kolmogorov, Smirnov) stays below its 99.9 % quantile, 1.95/√n.
    #[test]
    fn gaps_are_exponential_and_do_not_depend_on_the_one_before() {
        let n = 100_000;
        let at = first(n + 1, 11);
        let gap = |pair: &[u128]| (pair[1] - pair[0]) as f64 / UNIT as f64;
        let gaps: Vec<f64> = at.windows(2).map(gap).collect();
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let distance = |(i, gap): (usize, &f64)| (1.0 - (-gap).exp() - i as f64 / n as f64).abs();
        let greatest = sorted.iter().enumerate().map(distance).fold(0.0, f64::max);
        assert!(greatest < 1.95 / (n as f64).sqrt(), "{greatest}");
        // The correlation of neighbours has a standard deviation of 1/√n.
        let product = gaps.windows(2).map(|two| (two[0] - 1.0) * (two[1] - 1.0)).sum::<f64>();
        assert!((product / n as f64).abs() < 4.0 / (n as f64).sqrt(), "{product}");
    }

    /// The index of dispersion of a Poisson process is 1, within and across blocks.
    #[test]
    fn counts_vary_as_much_as_their_mean() {
        let at = first(400_000, 3);
        for width in [10_u64, 100, 256, 1_000] {
            let windows = 390_000 / width;
            let mut counts = vec![0_f64; windows as usize];
            for position in &at {
                let window = (position / u128::from(width * UNIT)) as usize;
                if let Some(count) = counts.get_mut(window) {
                    *count += 1.0;
                }
            }
            let n = windows as f64;
            let mean = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let (index, sd) = (variance / mean, (2.0 / n).sqrt());
            assert!((index - 1.0).abs() < 4.0 * sd, "{width}: {index} ± {sd}");
            assert!((mean - width as f64).abs() < 4.0 * (width as f64 / n).sqrt(), "{mean}");
        }
    }

    #[test]
    fn the_table_is_the_distribution() {
        let mut mean = 0.0;
        let mut before = 0;
        for (count, at_most) in AT_MOST.iter().enumerate() {
            mean += count as f64 * (at_most - before) as f64 / 2_f64.powi(64);
            before = *at_most;
        }
        assert!((mean - 256.0).abs() < 1e-9, "{mean}");
        // Summed with 50 decimal digits.
        for (count, chance) in [(256, 0.516_614_301_047), (200, 0.000_161_482_868)] {
            assert!((AT_MOST[count] as f64 / 2_f64.powi(64) - chance).abs() < 1e-12, "{count}");
        }
        assert!(AT_MOST.is_sorted());
    }

    /// Summed with 50 decimal digits.
    #[test]
    fn chances_of_enough() {
        for (least, expected, chance) in
            [(5, 5.0, 0.559_506_715), (5, 1.0, 0.003_659_847), (1, 0.5, 0.393_469_340)]
        {
            assert!((at_least(least, expected) - chance).abs() < 1e-8, "{least} {expected}");
        }
        assert_eq!((at_least(5, 1e4), at_least(20_000, 1e4), at_least(0, 0.0)), (1.0, 0.0, 1.0));
    }

    proptest! {
        #[test]
        fn counting_is_what_drawing_gives(seed: u64, expected in 0..2_000_u64, part in 0..UNIT) {
            let poisson = Poisson::new(seed, "web");
            let end = u128::from(expected * UNIT + part);
            let drawn = poisson.positions(UNIT).take_while(|at| *at < end).count() as u64;
            prop_assert_eq!(poisson.before(end, UNIT), drawn);
            prop_assert!(poisson.positions(UNIT).take(2_000).is_sorted());
        }
    }
}
