//! Chance of faults: seeded, named, and a function of what it is drawn for.
//!
//! Invariant: integers decide who is a victim; floats only how long normal, lognormal and Pareto
//! delays are.
//! Invariant: a stream depends on nothing but the seed, the fault's name and what it is for, so
//! neither another fault nor the order of requests moves it.
//! Not here: which faults there are (`planned`).

use crate::plan::Delay;
use assay_slo::Share;
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Arrivals in a quota's block.
pub(crate) const BLOCK: u64 = 100;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum For<'a> {
    /// The request with this key.
    Key(&'a str),
    /// The arrival with this number.
    Arrival(u64),
    /// The quota's block with this number.
    Block(u64),
    /// Of the connection with this number the piece with that.
    Piece(u64, u64),
}

/// The stream of a seed, a fault and what it is for: ChaCha8 seeded by SHA-256 of the three,
/// each behind its length or tag.
pub(crate) fn stream(seed: u64, fault: &str, what: For<'_>) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"assay fault 1");
    hash.update(seed.to_le_bytes());
    hash.update((fault.len() as u64).to_le_bytes());
    hash.update(fault.as_bytes());
    match what {
        For::Key(key) => {
            hash.update(b"k");
            hash.update(key.as_bytes());
        }
        For::Arrival(nth) => {
            hash.update(b"a");
            hash.update(nth.to_le_bytes());
        }
        For::Piece(nth, piece) => {
            hash.update(b"p");
            hash.update(nth.to_le_bytes());
            hash.update(piece.to_le_bytes());
        }
        For::Block(nth) => {
            hash.update(b"b");
            hash.update(nth.to_le_bytes());
        }
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// A number below `n`, or 0: multiply and shift, off by less than `n` in 2^64.
fn below(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

/// True with this probability.
pub(crate) fn share(rng: &mut ChaCha8Rng, share: Share) -> bool {
    below(rng, Share::ONE.0) < share.0
}

/// Whether the arrival with this number is among the `victims` of its block: the first so many
/// of the block's ordinals, shuffled (Fisher and Yates).
pub(crate) fn quota(seed: u64, fault: &str, victims: u64, nth: u64) -> bool {
    let mut rng = stream(seed, fault, For::Block(nth / BLOCK));
    let mut ordinals: [u64; BLOCK as usize] = std::array::from_fn(|at| at as u64);
    for at in 0..victims.min(BLOCK) {
        let other = at + below(&mut rng, BLOCK - at);
        ordinals.swap(at as usize, other as usize);
        if ordinals[at as usize] == nth % BLOCK {
            return true;
        }
    }
    false
}

/// A delay of this distribution.
pub(crate) fn delay(rng: &mut ChaCha8Rng, delay: &Delay) -> Duration {
    // A cast from a float stops at 0 and at the greatest integer.
    let us = match delay {
        Delay::Fixed { us } => *us,
        Delay::Uniform { min_us, max_us } => {
            let width = max_us.saturating_sub(*min_us);
            min_us + below(rng, width.saturating_add(1))
        }
        Delay::Normal { mean_us, sd_us } => {
            let us = *mean_us as f64 + *sd_us as f64 * standard_normal(rng);
            us.round() as u64
        }
        Delay::Lognormal { p50_us, p99_us } => {
            let sigma = Delay::lognormal_sigma(*p50_us, *p99_us);
            (*p50_us as f64 * libm::exp(sigma * standard_normal(rng))).round() as u64
        }
        Delay::Pareto { min_us, p99_us } => {
            let exponent = -1.0 / Delay::pareto_shape(*min_us, *p99_us);
            (*min_us as f64 * libm::pow(1.0 - unit(rng), exponent)).round() as u64
        }
        Delay::Recorded(recorded) => recorded.nth(below(rng, recorded.total())),
    };
    Duration::from_micros(us)
}

/// From 0 to 1, without 1.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Bytes that no HTTP answer begins with: the first is no ASCII.
pub(crate) fn garbage(rng: &mut ChaCha8Rng) -> Bytes {
    let mut bytes = [0; 64];
    rng.fill_bytes(&mut bytes);
    bytes[0] |= 0x80;
    Bytes::copy_from_slice(&bytes)
}

/// One of the two numbers of Box and Muller (1958).
fn standard_normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(rng)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Recorded;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn delays(of: Delay, n: u64) -> Vec<u64> {
        (0..n)
            .map(|k| delay(&mut stream(1, "slow", For::Arrival(k)), &of).as_micros() as u64)
            .collect()
    }

    /// How many of 10 000 delays fall below each of these, and how many should: within four
    /// standard deviations of a binomial count.
    fn has_quantiles(of: Delay, quantiles: &[(u64, f64)]) {
        let drawn = delays(of.clone(), 10_000);
        for (us, share) in quantiles {
            let below = drawn.iter().filter(|drawn| *drawn < us).count() as f64;
            let spread = 4.0 * (10_000.0 * share * (1.0 - share)).sqrt();
            assert!((below - 10_000.0 * share).abs() <= spread, "{of:?}: {below} below {us} µs");
        }
    }

    #[test]
    fn long_tails_have_their_quantiles() {
        // ln X is normal: median 40 ms, sigma = ln 5 / 2.3263; one sigma is 84.13 %.
        let lognormal = Delay::Lognormal { p50_us: 40_000, p99_us: 200_000 };
        let sigma = (1.609_437_912_434_1_f64 / 2.326_347_874_04).exp();
        let one = |factor: f64| (40_000.0 * factor) as u64;
        let quantiles = [
            (one(1.0), 0.5),
            (200_000, 0.99),
            (one(sigma), 0.841_344_7),
            (one(1.0 / sigma), 0.158_655_3),
            (one(sigma * sigma), 0.977_249_9),
        ];
        has_quantiles(lognormal, &quantiles);
        // P(X > x) = (min / x)^a; with a p99 of 10 times the least a is 2.
        let pareto = Delay::Pareto { min_us: 10_000, p99_us: 100_000 };
        let quantiles = [
            (10_000, 0.0),
            (20_000, 0.75),
            (30_000, 1.0 - 1.0 / 9.0),
            (50_000, 0.96),
            (100_000, 0.99),
        ];
        has_quantiles(pareto, &quantiles);
        let counted = BTreeMap::from([(5_000, 900), (7_000, 0), (80_000, 90), (900_000, 10)]);
        let recorded = Recorded::new("x.hlog", &counted).unwrap();
        let recorded = Delay::Recorded(Arc::new(recorded));
        has_quantiles(
            recorded.clone(),
            &[(5_000, 0.0), (5_001, 0.9), (80_001, 0.99), (900_001, 1.0)],
        );
        assert!(delays(recorded, 1000).iter().all(|us| counted[us] > 0));
    }

    /// The same on every machine: the first delays for seed 1.
    #[test]
    fn delays_are_fixed_for_ever() {
        let first = |of| delays(of, 3);
        assert_eq!(
            first(Delay::Lognormal { p50_us: 40_000, p99_us: 200_000 }),
            [21_366, 54_808, 52_029]
        );
        let pareto = Delay::Pareto { min_us: 10_000, p99_us: 100_000 };
        assert_eq!(first(pareto), [12_490, 16_534, 11_968]);
    }

    #[test]
    fn streams_are_fixed_for_ever_and_differ_by_seed_name_and_purpose() {
        let first = |seed, name, what| stream(seed, name, what).next_u64();
        let base = first(7, "half", For::Key("api-0-0"));
        assert_eq!(base, PINNED);
        for other in [
            first(8, "half", For::Key("api-0-0")),
            first(7, "hal", For::Key("fapi-0-0")),
            first(7, "half", For::Key("api-0-1")),
            first(7, "half", For::Arrival(0)),
            first(7, "half", For::Block(0)),
        ] {
            assert_ne!(base, other);
        }
    }
    /// Changing it changes the victims of every scenario: a new version of the tool says so.
    const PINNED: u64 = 2_391_290_553_311_542_464;

    #[test]
    fn delays_have_their_distribution() {
        assert_eq!(delays(Delay::Fixed { us: 7 }, 3), [7, 7, 7]);
        let uniform = delays(Delay::Uniform { min_us: 10, max_us: 12 }, 3000);
        for us in 10..=12 {
            let n = uniform.iter().filter(|drawn| **drawn == us).count();
            assert!((850..1150).contains(&n), "{us}: {n} of 3000");
        }
        let all = Delay::Uniform { min_us: 0, max_us: u64::MAX };
        assert!(delays(all, 10).iter().any(|us| *us > u64::MAX / 2));
        // Mean within 5 standard errors (50 / sqrt(10 000) = 0.5), spread within 5 % of 50.
        let normal = delays(Delay::Normal { mean_us: 1000, sd_us: 50 }, 10_000);
        let mean = normal.iter().sum::<u64>() as f64 / 10_000.0;
        let squares = normal.iter().map(|us| (*us as f64 - mean).powi(2)).sum::<f64>();
        assert!((mean - 1000.0).abs() < 2.5, "{mean}");
        assert!(((squares / 10_000.0).sqrt() - 50.0).abs() < 2.5);
        let cut = delays(Delay::Normal { mean_us: 0, sd_us: 50 }, 1000);
        assert!((400..600).contains(&cut.iter().filter(|us| **us == 0).count()));
    }

    proptest! {
        #[test]
        fn a_quota_is_exact_in_each_block(seed: u64, victims in 0..=BLOCK, block in 0..1_000_000_u64) {
            let hit = (0..BLOCK).filter(|at| quota(seed, "half", victims, block * BLOCK + at)).count();
            prop_assert_eq!(hit as u64, victims);
        }

        #[test]
        fn a_share_is_within_its_binomial_interval(seed: u64, percent in 0..=100_u64) {
            let p = Share(percent * 10_000_000);
            let n = 2000_u64;
            let hit = (0..n).filter(|k| share(&mut stream(seed, "half", For::Arrival(*k)), p)).count();
            // Six standard deviations: one false alarm in 10^9.
            let sd = (n as f64 * p.fraction() * p.rest().fraction()).sqrt();
            let off = (hit as f64 - n as f64 * p.fraction()).abs();
            prop_assert!(off <= 6.0 * sd, "{} of {} at {}", hit, n, p);
        }
    }
}
