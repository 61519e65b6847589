//! Laws and vectors of due instants.

use super::super::{Arrivals, Poisson, Spread, Stretch};
use proptest::prelude::*;

fn constant(starts_us: u64, milli_per_min: u64, lasts_us: u64) -> Arrivals {
    Arrivals {
        starts_us,
        start_milli_per_min: milli_per_min,
        stretches: vec![Stretch { lasts_us, end_milli_per_min: milli_per_min }],
        spread: Spread::Even,
        cut: None,
    }
}

fn ramp(start_milli_per_min: u64, stretches: &[(u64, u64)]) -> Arrivals {
    let stretch = |(lasts_us, end_milli_per_min): &(u64, u64)| Stretch {
        lasts_us: *lasts_us,
        end_milli_per_min: *end_milli_per_min,
    };
    Arrivals {
        starts_us: 0,
        start_milli_per_min,
        stretches: stretches.iter().map(stretch).collect(),
        spread: Spread::Even,
        cut: None,
    }
}

const S: u64 = 1_000_000;
/// One request a second.
const R: u64 = 60_000;

#[test]
fn constant_rate_is_a_grid() {
    let arrivals = constant(2 * S, 300 * R, 10 * S);
    assert_eq!(arrivals.count(), 3000);
    assert_eq!(arrivals.even_us(0), Some(2 * S));
    assert_eq!(arrivals.even_us(1), Some(2 * S + 3333));
    assert_eq!(arrivals.even_us(3), Some(2 * S + 10_000));
    assert_eq!(arrivals.even_us(2999), Some(2 * S + 9_996_666));
    assert_eq!(arrivals.even_us(3000), None);
    assert_eq!(arrivals.expected_before(3 * S), 300);
    assert_eq!(arrivals.rate_at_milli_per_min(3 * S), 300 * R);
    assert_eq!(arrivals.rate_at_milli_per_min(13 * S), 0);
}

#[test]
fn a_day_at_full_rate_does_not_drift() {
    let day = 86_400 * S;
    let arrivals = constant(0, 30_000 * R, day);
    assert_eq!(arrivals.count(), 30_000 * 86_400);
    let last_second = 30_000 * 86_399;
    assert_eq!(arrivals.even_us(last_second), Some(86_399 * S));
    assert_eq!(arrivals.even_us(last_second + 1), Some(86_399 * S + 33));
}

/// What rounding a rate to thousandths a second would lose.
#[test]
fn rates_in_minutes_are_exact() {
    let hour = 3600 * S;
    for per_min in [1, 7, 20, 59, 61, 100] {
        let arrivals = constant(0, per_min * 1000, hour);
        assert_eq!(arrivals.count(), per_min * 60, "{per_min}/m for an hour");
        assert_eq!(arrivals.even_us(per_min), Some(60 * S));
    }
    assert_eq!(ramp(20_000, &[(hour, 20_000), (hour, 0)]).count(), 1200 + 600);
    assert_eq!(constant(0, 1, 168 * hour).count(), 11, "0.001/m is 10.08 a week");
}

/// The greatest rate for the longest run, at its ends.
#[test]
fn nothing_overflows_at_a_million_a_second_for_a_week() {
    let week = 168 * 3600 * S;
    let all = 1_000_000 * 168 * 3600;
    let flat = constant(0, 1_000_000 * R, week);
    assert_eq!(flat.count(), all);
    assert_eq!(flat.even_us(all - 1), Some(week - 1));
    let up = ramp(0, &[(week, 1_000_000 * R)]);
    assert_eq!(up.count(), all / 2);
    assert_eq!(up.even_us(all / 8), Some(week / 2), "a quarter has come by half of the time");
    let most = constant(0, 10_000_000 * R, week);
    assert_eq!((most.count(), most.even_us(10 * all - 1)), (10 * all, Some(week - 1)));
}

/// Requests due before `x` µs of one stretch, as the fraction `n / d`: the integral of
/// `r0 + (r1 - r0)·t/L` over `0..x`, with rates per 60 000 s and times in µs.
fn integral(from: u64, to: u64, lasts: u64, x: u64) -> (i128, i128) {
    let [from, to, lasts, x] = [from, to, lasts, x].map(i128::from);
    (2 * from * lasts * x + (to - from) * x * x, 2 * lasts * 60_000 * 1_000_000)
}

/// From 0 the k-th is due at sqrt(2·k·L / r): the integral of r·x/L is r·x²/(2·L).
#[test]
fn a_ramp_from_nothing_follows_the_square_root() {
    let arrivals = ramp(0, &[(10 * S, 100 * R)]);
    assert_eq!(arrivals.count(), 500);
    for k in 0..500_u64 {
        let formula = (2.0 * k as f64 * 10.0 / 100.0).sqrt() * 1e6;
        let due = arrivals.even_us(k).unwrap() as f64;
        assert!((formula - due).abs() <= 1.0, "{k}: {due} but {formula}");
    }
}

/// The same count as adding up the rate µs by µs.
#[test]
fn a_ramp_agrees_with_the_sum_of_its_rates() {
    let arrivals = ramp(900 * R, &[(20_000, 100 * R), (10_000, 0), (5_000, 0), (30_000, 700 * R)]);
    let mut sum = 0_f64;
    for us in 0..arrivals.ends_us() {
        let by_sum = sum / 6e10;
        let counted = arrivals.expected_before(us) as f64;
        assert!(counted - by_sum < 1.001 && counted - by_sum > -0.001, "{us}: {counted} {by_sum}");
        sum += (arrivals.rate_at_milli_per_min(us) + arrivals.rate_at_milli_per_min(us + 1)) as f64
            / 2.0;
    }
}

#[test]
fn nothing_is_due_while_the_rate_is_zero() {
    let arrivals = ramp(0, &[(10 * S, 0), (10 * S, 10 * R)]);
    assert_eq!(arrivals.even_us(0), Some(10 * S));
    let silent = ramp(0, &[(10 * S, 0)]);
    assert_eq!((silent.count(), silent.even_us(0)), (0, None));
    assert_eq!(silent.warmup_count(5 * S), 0);
    assert_eq!(silent.warmup_due_us(5 * S, 0), None);
    let down_and_up = ramp(10 * R, &[(2 * S, 0), (5 * S, 0), (2 * S, 10 * R)]);
    assert_eq!(down_and_up.count(), 20);
    assert!((0..20).filter_map(|k| down_and_up.even_us(k)).all(|at| !(2 * S..7 * S).contains(&at)));
}

#[test]
fn warmup_runs_at_the_first_rate_and_ends_before_zero() {
    let arrivals = constant(30 * S, 3 * R, 10 * S);
    assert_eq!(arrivals.warmup_count(S), 3);
    let due = |k| arrivals.warmup_due_us(S, k);
    assert_eq!((due(0), due(1), due(2)), (Some(-1_000_000), Some(-666_667), Some(-333_334)));
    assert_eq!(due(3), None);
    assert_eq!(arrivals.warmup_count(0), 0);
}

/// What these shards send, in the order of k.
fn in_shards(arrivals: &Arrivals, shards: u64) -> Vec<u64> {
    let mut parts: Vec<_> = (0..shards).map(|shard| arrivals.times(shard, shards)).collect();
    let mut all = Vec::new();
    loop {
        let round: Vec<u64> = parts.iter_mut().filter_map(Iterator::next).collect();
        let is_last = round.len() < parts.len();
        all.extend(round);
        if is_last {
            assert!(parts.iter_mut().all(|part| part.next().is_none()));
            return all;
        }
    }
}

/// As many as the integral of the rate, give or take what chance allows, over any prefix; and
/// where the rate is 0, none.
#[test]
fn drawn_arrivals_follow_the_rate() {
    let mut beyond = 0;
    for seed in 0..40 {
        let arrivals = Arrivals {
            spread: Spread::Poisson(Poisson::new(seed, "web")),
            ..ramp(100 * R, &[(10 * S, 900 * R), (5 * S, 0), (5 * S, 0), (10 * S, 300 * R)])
        };
        let all: Vec<u64> = arrivals.times(0, 1).collect();
        assert!(!all.iter().any(|us| (15 * S + 1..20 * S).contains(us)));
        for second in 1..=30 {
            let expected = arrivals.expected_before(second * S) as f64;
            let drawn = all.partition_point(|us| *us < second * S) as f64;
            beyond += u32::from((drawn - expected).abs() > 2.0 * expected.sqrt());
        }
    }
    // 4.6 % of 1200, and neighbours are alike.
    assert!((10..140).contains(&beyond), "{beyond}");
}

fn any_arrivals() -> impl Strategy<Value = Arrivals> {
    let rate = prop_oneof![Just(0_u64), 1..24_000_000_u64];
    let stretch = (1..3_000_000_u64, rate.clone())
        .prop_map(|(lasts_us, end_milli_per_min)| Stretch { lasts_us, end_milli_per_min });
    (0..5_000_000_u64, rate, prop::collection::vec(stretch, 1..5)).prop_map(
        |(starts_us, start_milli_per_min, stretches)| Arrivals {
            starts_us,
            start_milli_per_min,
            stretches,
            spread: Spread::Even,
            cut: None,
        },
    )
}

proptest! {
    /// The k-th is due in the µs in which the exact integral reaches k.
    #[test]
    fn due_is_the_exact_integral_rounded_down(
        rates in (0..600_000_000_u64, 0..600_000_000_u64),
        lasts in 1..3_600_000_000_u64,
        part in 0.0..1.0_f64,
    ) {
        let (from, to) = rates;
        let arrivals = ramp(from, &[(lasts, to)]);
        let (n, d) = integral(from, to, lasts, lasts);
        let count = (n + d - 1).div_euclid(d);
        prop_assert_eq!(i128::from(arrivals.count()), count);
        let k = ((count as f64 * part) as u64).min(arrivals.count().saturating_sub(1));
        if let Some(due) = arrivals.even_us(k) {
            let reached = |x: u64| {
                let (n, d) = integral(from, to, lasts, x);
                n > i128::from(k) * d
            };
            prop_assert!(!reached(due), "the integral is at most {} at {}", k, due);
            prop_assert!(reached(due + 1), "and more one later");
            prop_assert_eq!(arrivals.expected_before(due), {
                let (n, d) = integral(from, to, lasts, due);
                u64::try_from((n + d - 1).div_euclid(d)).unwrap()
            });
        }
    }

    #[test]
    fn every_arrival_lies_inside_and_none_goes_back(arrivals in any_arrivals()) {
        let count = arrivals.count();
        prop_assert_eq!(arrivals.even_us(count), None);
        let mut before = arrivals.starts_us;
        for k in 0..count {
            let due = arrivals.even_us(k).unwrap();
            prop_assert!(before <= due && due < arrivals.ends_us());
            before = due;
        }
    }

    /// Who has no row for the next ends before it is due, and is the same until then.
    #[test]
    fn rows_cut_the_end_off(
        even in any_arrivals(),
        drawn: bool,
        part in 0.0..1.0_f64,
        shards in 1..5_u64,
        us in 0..20_000_000_u64,
    ) {
        let spread = if drawn { Spread::Poisson(Poisson::new(3, "a")) } else { Spread::Even };
        let whole = Arrivals { spread, ..even };
        let most = (whole.count() as f64 * part) as u64;
        let mut cut = whole.clone();
        cut.cut_after(most);
        let times: Vec<u64> = whole.times(0, 1).collect();
        prop_assert_eq!(cut.count(), most);
        let mut parts: Vec<u64> = (0..shards).flat_map(|shard| cut.times(shard, shards)).collect();
        parts.sort_unstable();
        prop_assert_eq!(&parts, &times[..most as usize]);
        if let Some(next) = times.get(most as usize) {
            prop_assert_eq!(cut.ends_us(), *next);
            prop_assert_eq!(cut.expected_before(us), whole.expected_before(us.min(*next)));
        }
    }

    #[test]
    fn counting_is_the_inverse_of_due(arrivals in any_arrivals(), us in 0..20_000_000_u64) {
        let before = (0..arrivals.count()).filter(|k| arrivals.even_us(*k).unwrap() < us).count();
        prop_assert_eq!(arrivals.expected_before(us), before as u64);
    }

    #[test]
    fn shards_together_send_what_one_sends(arrivals in any_arrivals(), shards in 1..7_u64) {
        let whole: Vec<u64> = (0..arrivals.count()).filter_map(|k| arrivals.even_us(k)).collect();
        prop_assert_eq!(in_shards(&arrivals, shards), whole);
    }

    /// Those of shard i are the k-th of all with k ≡ i.
    #[test]
    fn drawn_arrivals_are_the_same_in_any_number_of_shards(
        arrivals in any_arrivals(),
        seed: u64,
        shards in 1..7_u64,
    ) {
        let drawn = Arrivals { spread: Spread::Poisson(Poisson::new(seed, "web")), ..arrivals };
        let whole: Vec<u64> = drawn.times(0, 1).collect();
        prop_assert_eq!(whole.len() as u64, drawn.count());
        prop_assert!(whole.is_sorted());
        prop_assert!(whole.iter().all(|us| (drawn.starts_us..drawn.ends_us()).contains(us)));
        prop_assert_eq!(in_shards(&drawn, shards), whole);
    }

    #[test]
    fn warmup_count_is_how_many_are_due(arrivals in any_arrivals(), warmup_us in 0..3_000_000_u64) {
        let count = arrivals.warmup_count(warmup_us);
        prop_assert_eq!(arrivals.warmup_due_us(warmup_us, count), None);
        for k in 0..count {
            let due = arrivals.warmup_due_us(warmup_us, k).unwrap();
            prop_assert!(due < 0 && due >= -(warmup_us as i64));
        }
    }

    #[test]
    fn absurd_sizes_do_not_panic(start in any::<u64>(), rate in any::<u64>(), lasts in any::<u64>(), k in any::<u64>()) {
        let arrivals = Arrivals {
            starts_us: start,
            start_milli_per_min: rate,
            stretches: vec![Stretch { lasts_us: lasts, end_milli_per_min: rate / 3 }; 3],
            spread: Spread::Even,
            cut: None,
        };
        let _ = (arrivals.count(), arrivals.even_us(k), arrivals.rate_at_milli_per_min(k), arrivals.peak_milli_per_min());
        let _ = (arrivals.warmup_count(lasts), arrivals.warmup_due_us(lasts, k));
    }
}
