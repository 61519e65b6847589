//! Known values of the exact statements, and their laws.
//! Not here: what is counted.

use super::*;
use proptest::prelude::*;

const PERMILLE: Share = Share(1_000_000);
const PERCENT: Share = Share(10_000_000);
const FIVE: Share = Share(50_000_000);
const SURE: Share = Share(950_000_000);
const VERY: Share = Share(990_000_000);
/// The normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

fn near(got: f64, expect: f64) {
    // Some of the table have 8 digits, their last zero left out.
    let tolerance = 2e-8 * libm::fabs(expect);
    assert!(libm::fabs(got - expect) <= tolerance, "{got} is not {expect}");
}

#[test]
fn clopper_pearson() {
    for (k, n, low, high) in [
        (3, 1000, 0.000619099932, 0.00874202324),
        (0, 3000, 0.0, 0.0012288708),
        (5, 10000, 0.000162367934, 0.00116644421),
        (3, 12, 0.0548606445, 0.571858462),
    ] {
        near(lower(k as f64, n as f64, 0.975), low);
        near(upper(k as f64, n as f64, 0.975), high);
    }
    for (k, n, low, high) in [
        (3, 1000, 0.000818175398, 0.00773524472),
        (0, 2994, 0.0, 0.00100007817),
        (0, 2995, 0.0, 0.000999744421),
        (0, 3000, 0.0, 0.000998079012),
        (5, 10000, 0.000197034956, 0.00105101372),
        (16, 10000, 0.0010038449, 0.0024291096),
        (10, 20000, 0.000271294532, 0.000847963344),
    ] {
        near(lower(k as f64, n as f64, 0.95), low);
        near(upper(k as f64, n as f64, 0.95), high);
    }
    near(upper(1.0, 4741.0, 0.95), 0.00100020921);
    near(upper(1.0, 4742.0, 0.95), 0.000999998368);
    assert_eq!(upper(7.0, 7.0, 0.95), 1.0);
    assert!(libm::fabs(tail(4, 1000, PERMILLE) - 0.0189) < 5e-5);
}

#[test]
fn verdicts() {
    use Verdict::{Inconclusive, Met, Violated};
    for (k, n, verdict) in [
        (3, 1000, Inconclusive),
        (4, 1000, Violated),
        (0, 2994, Inconclusive),
        (0, 2995, Met),
        (0, 3000, Met),
        (1, 4741, Inconclusive),
        (1, 4742, Met),
        (5, 10000, Inconclusive),
        (16, 10000, Violated),
        (10, 20000, Met),
        (0, 0, Inconclusive),
    ] {
        assert_eq!(decide(n, k, 0, PERMILLE, SURE), verdict, "{k} of {n}");
    }
    // Unknown outcomes: bad for met, good for violated.
    assert_eq!(decide(2994, 0, 1, PERMILLE, SURE), Inconclusive);
    assert_eq!(decide(4741, 0, 1, PERMILLE, SURE), Met);
    assert_eq!(decide(1000, 4, 1000, PERMILLE, SURE), Inconclusive);
    assert_eq!(decide(0, 0, 5, FIVE, SURE), Inconclusive);
}

#[test]
fn least_numbers_of_requests() {
    let bad = [0, 1, 2, 3, 5, 10];
    for (limit, confidence, table) in [
        (PERMILLE, SURE, [2995, 4742, 6294, 7752, 10511, 16959]),
        (PERCENT, SURE, [299, 473, 628, 773, 1049, 1693]),
        (FIVE, SURE, [59, 93, 124, 153, 208, 336]),
        (Share(100_000), SURE, [29956, 47437, 62956, 77535, 105128, 169619]),
        (PERMILLE, VERY, [4603, 6636, 8403, 10042, 13105, 20140]),
    ] {
        assert_eq!(bad.map(|k| least_n(limit, k, confidence)), table.map(Some));
    }
    assert_eq!(least_n(Share(0), 0, SURE), None);
}

#[test]
fn thresholds() {
    for (limit, n, pass, fail) in [
        (PERMILLE, 1000, None, 4),
        (PERMILLE, 2995, Some(0), 7),
        (PERMILLE, 5000, Some(1), 10),
        (PERMILLE, 10000, Some(4), 16),
        (PERMILLE, 20000, Some(12), 29),
        (PERMILLE, 50000, Some(38), 63),
        (PERMILLE, 100000, Some(83), 118),
        (PERMILLE, 1_000_000, Some(947), 1053),
        (FIVE, 100, Some(1), 10),
        (FIVE, 200, Some(4), 16),
        (FIVE, 500, Some(16), 34),
        (FIVE, 1000, Some(38), 63),
        (FIVE, 2000, Some(83), 117),
        (FIVE, 10000, Some(463), 537),
    ] {
        assert_eq!(greatest_bad(n, limit, SURE), pass, "{n}");
        assert_eq!(least_bad(n, limit, SURE), Some(fail), "{n}");
    }
    assert_eq!(greatest_bad(0, PERMILLE, SURE), None);
    assert_eq!(least_bad(0, PERMILLE, SURE), None);
}

#[test]
fn power() {
    // The fewest requests that are met with a probability of 90 % at a true share.
    let needed = |limit: Share, truth: Share| {
        (0..).find_map(|k| least_n(limit, k, SURE).filter(|n| cdf(k, *n, truth) >= 0.9)).unwrap()
    };
    let truths = [100_000, 200_000, 300_000, 500_000].map(Share);
    assert_eq!(truths.map(|t| needed(PERMILLE, t)), [4742, 7752, 11840, 25495]);
    let truths = [10_000_000, 20_000_000, 30_000_000, 40_000_000].map(Share);
    assert_eq!(truths.map(|t| needed(FIVE, t)), [153, 311, 832, 3701]);
}

#[test]
fn wilson_for_drawing() {
    for (k, n, low, high) in [
        (3, 1000, 0.00102078388, 0.00878301405),
        (0, 3000, 0.0, 0.00127884873),
        (5, 10000, 0.000213588426, 0.00117002595),
        (3, 12, 0.0889416684, 0.532305335),
    ] {
        let (l, h) = wilson(k, n, Z);
        near(l, low);
        near(h, high);
    }
    assert_eq!(wilson(0, 0, Z), (0.0, 1.0));
    assert_eq!(wilson(5, 5, Z).1, 1.0);
}

#[test]
fn clustered_errors() {
    let within = |got: f64, expect: f64| assert!(libm::fabs(got / expect - 1.0) < 5e-6, "{got}");
    within(lower(5.0 / 4.0, 2500.0, 0.975), 2.37255e-05);
    within(upper(5.0 / 4.0, 2500.0, 0.975), 0.00239743);
    within(upper(5.0 / 4.0, 2500.0, 0.95), 0.00205604);
    within(upper(0.0, 600.0, 0.95), 0.00498044);
    within(upper(30.0 / 9.94305, 30000.0 / 9.94305, 0.95), 0.00257591);
    within(upper(30.0, 30000.0, 0.95), 0.00135611);
}

#[test]
fn order_statistics() {
    for (n, q, low, high, coverage) in [
        (35, 500, 12, 24, 0.95904),
        (100, 500, 40, 61, 0.96480),
        (100, 900, 84, 96, 0.95569),
        (100, 950, 90, 100, 0.98261),
        (1000, 950, 936, 964, 0.95810),
        (1000, 990, 983, 997, 0.97609),
        (10000, 950, 9457, 9543, 0.95153),
        (10000, 999, 9983, 9997, 0.97546),
    ] {
        let got = ranks(n, Share(q * 1_000_000), SURE);
        assert_eq!((got.low, got.high), (low, high), "{n} {q}");
        assert!(libm::fabs(got.coverage - coverage) < 6e-6, "{got:?}");
    }
    let p95 = Share(950_000_000);
    assert_eq!(ranks(59, p95, SURE).high, 60);
    assert_eq!(
        [59, 100, 500, 1000, 10000].map(|n| upper_rank(n, p95, 0.95)),
        [59, 99, 484, 962, 9537]
    );
}

#[test]
fn large_and_odd_numbers() {
    let n = 1_000_000_000;
    assert_eq!(decide(n, 999_000, 0, PERMILLE, SURE), Verdict::Inconclusive);
    assert_eq!(decide(n, 1_002_000, 0, PERMILLE, SURE), Verdict::Violated);
    assert_eq!(decide(n, 998_000, 0, PERMILLE, SURE), Verdict::Met);
    // Half of a symmetric distribution lies below its middle.
    let half = Share(500_000_000);
    let (below, middle) = (cdf(n / 2 - 1, n, half), cdf(n / 2, n, half));
    assert!(libm::fabs(below + middle - 1.0) < 1e-8, "{below} {middle}");
    for p in [Share(0), Share::ONE] {
        assert_eq!(decide(10, 0, 0, p, SURE) == Verdict::Met, p == Share::ONE);
        assert_eq!(decide(10, 10, 0, p, SURE) == Verdict::Violated, p == Share(0));
    }
}

#[test]
fn nine_digits() {
    assert_eq!(round9(0.000_197_034_956_049_9), 0.000_197_034_956);
    assert_eq!(round9(0.0), 0.0);
    assert_eq!(round9(1.0 / 3.0), 0.333_333_333);
}

proptest! {
    /// The tail from the formula is the tail added up.
    #[test]
    fn tails_are_sums(n in 1u64..200, k in 0u64..200, p in 0u64..=1_000_000_000) {
        let (k, p) = (k.min(n), Share(p));
        let (x, y) = (p.fraction(), p.rest().fraction());
        let sum: f64 = (0..=k).map(|i| beta::mass(i as f64, (n - i) as f64, x, y)).sum();
        prop_assert!(libm::fabs(cdf(k, n, p) - sum) < 1e-10);
        prop_assert!(libm::fabs(tail(k + 1, n, p) - (1.0 - sum)) < 1e-10);
    }

    /// A bad request more never helps, a good one never harms, a looser limit never harms.
    #[test]
    fn order(n in 0u64..100_000, k in 0u64..200, u in 0u64..50, p in 1u64..200_000_000) {
        let k = k.min(n);
        let now = decide(n, k, u, Share(p), SURE);
        prop_assert!(decide(n + 1, k + 1, u, Share(p), SURE) >= now);
        prop_assert!(decide(n + 1, k, u, Share(p), SURE) <= now || now == Verdict::Inconclusive);
        prop_assert!(decide(n, k, u, Share(p + 1_000_000), SURE) <= now);
        if now != Verdict::Inconclusive {
            prop_assert!(decide(n, k, u, Share(p), VERY) == now
                || decide(n, k, u, Share(p), VERY) == Verdict::Inconclusive);
        }
    }

    /// The integer decision and the interval say the same.
    #[test]
    fn bounds_agree(n in 1u64..50_000, k in 0u64..100, p in 1u64..50_000_000) {
        let k = k.min(n);
        let (l, u) = (lower(k as f64, n as f64, 0.95), upper(k as f64, n as f64, 0.95));
        let limit = Share(p).fraction();
        prop_assume!(libm::fabs(l - limit) > 1e-12 && libm::fabs(u - limit) > 1e-12);
        let expect = if u < limit { Verdict::Met } else if l > limit { Verdict::Violated }
            else { Verdict::Inconclusive };
        prop_assert_eq!(decide(n, k, 0, Share(p), SURE), expect);
    }
}
