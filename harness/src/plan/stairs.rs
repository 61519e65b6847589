//! Loads that go up in steps: a constant rate for each, and a jump between them.
//!
//! Invariant: pure integer arithmetic, as that of all arrivals, so every machine agrees on what is
//! due in a step.
//! Not here: due instants (`arrivals`), which step held (crate slo).

use super::{Arrivals, Stretch};
use crate::spec::types::SteppingArrivalRate;
use assay_slo::case::Step;
use assay_slo::time::SECOND_US;

/// How a load goes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stairs {
    /// The rate of the first step, in thousandths of a request a minute.
    pub start_milli_per_min: u64,
    /// How much higher each next one is.
    pub rise_milli_per_min: u64,
    /// How many steps.
    pub count: u64,
    /// How long each lasts, µs.
    pub lasts_us: u64,
    /// How long each settles before it is judged, µs.
    pub settle_us: u64,
}

impl Stairs {
    /// As they are written: no step is above the greatest rate.
    #[must_use]
    pub fn of(written: &SteppingArrivalRate) -> Stairs {
        let [start, rise, most] =
            [written.start_rate, written.step, written.max_rate].map(|rate| rate.milli_per_min);
        let above = most.checked_sub(start).and_then(|room| room.checked_div(rise));
        Stairs {
            start_milli_per_min: start,
            rise_milli_per_min: rise,
            count: above.map_or(0, |above| above.saturating_add(1)),
            lasts_us: written.step_duration.us,
            settle_us: written.settle.map_or(0, |settle| settle.us),
        }
    }

    /// The rates, in order.
    pub fn rates(&self) -> impl Iterator<Item = u64> + use<> {
        let Stairs { start_milli_per_min: start, rise_milli_per_min: rise, .. } = *self;
        (0..self.count).map(move |step| start.saturating_add(step.saturating_mul(rise)))
    }

    /// How long all of them last, µs.
    #[must_use]
    pub fn all_us(&self) -> u64 {
        self.count.saturating_mul(self.lasts_us)
    }

    /// The stretches of its arrivals: a step has one rate throughout, and the next begins with a
    /// stretch of no length.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        let step = |rate: u64| {
            [0, self.lasts_us].map(|lasts_us| Stretch { lasts_us, end_milli_per_min: rate })
        };
        self.rates().flat_map(step).collect()
    }

    /// What the judge knows of them. Steps that the arrivals end before, because they have no rows,
    /// are left out.
    #[must_use]
    pub fn steps(&self, arrivals: &Arrivals) -> Vec<Step> {
        let steps = (0..).zip(self.rates()).map(|(number, milli_per_min)| {
            let starts_us = arrivals.starts_us.saturating_add(self.lasts_us.saturating_mul(number));
            let ends_us = starts_us.saturating_add(self.lasts_us);
            let from_s = starts_us.saturating_add(self.settle_us).div_ceil(SECOND_US);
            let to_s = ends_us / SECOND_US;
            let due_before = |second: u64| arrivals.due_before(second.saturating_mul(SECOND_US));
            let planned = due_before(to_s.max(from_s)) - due_before(from_s);
            Step { milli_per_min, ends_us, from_s, to_s, planned }
        });
        steps.take_while(|step| step.ends_us <= arrivals.ends_us()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Poisson, Spread};

    const S: u64 = 1_000_000;
    /// One request a second.
    const R: u64 = 60_000;

    fn stairs() -> Stairs {
        Stairs {
            start_milli_per_min: 100 * R,
            rise_milli_per_min: 50 * R,
            count: 4,
            lasts_us: 3 * S,
            settle_us: S,
        }
    }

    fn arrivals(stairs: Stairs, starts_us: u64, spread: Spread) -> Arrivals {
        Arrivals {
            starts_us,
            start_milli_per_min: stairs.start_milli_per_min,
            stretches: stairs.stretches(),
            spread,
            cut: None,
        }
    }

    /// The k-th request of a step is due k / rate after its start, whatever came before.
    #[test]
    fn each_step_is_a_grid_of_its_own() {
        let even = arrivals(stairs(), 2 * S, Spread::Even);
        let formula = stairs().rates().enumerate().flat_map(|(step, rate)| {
            let starts_us = 2 * S + step as u64 * 3 * S;
            let per_s = rate / R;
            (0..3 * per_s).map(move |k| starts_us + k * S / per_s)
        });
        let formula: Vec<u64> = formula.collect();
        let due: Vec<u64> = even.times(0, 1).collect();
        assert_eq!(due.len(), 3 * (100 + 150 + 200 + 250));
        assert!(
            due == formula,
            "they differ: {:?}",
            due.iter().zip(&formula).find(|(a, b)| a != b)
        );
        assert_eq!((even.count(), even.ends_us()), (2_100, 14 * S));
        assert_eq!(even.peak_milli_per_min(), 250 * R);
        let rates = [2, 4, 5, 11, 13].map(|s| even.rate_at_milli_per_min(s * S) / R);
        assert_eq!(rates, [100, 100, 150, 250, 250]);
        for shards in [2, 3, 7] {
            let mut all: Vec<u64> = (0..shards).flat_map(|i| even.times(i, shards)).collect();
            all.sort_unstable();
            assert!(all == formula, "{shards} shards differ");
        }
    }

    #[test]
    fn drawn_arrivals_have_the_rate_of_their_step() {
        let long = Stairs { lasts_us: 100 * S, ..stairs() };
        let drawn = arrivals(long, 0, Spread::Poisson(Poisson::new(7, "stairs")));
        let due: Vec<u64> = drawn.times(0, 1).collect();
        assert_eq!(due.len() as u64, drawn.count());
        for (step, rate) in (0..).zip(long.rates()) {
            let inside = |us: &&u64| (step * 100 * S..(step + 1) * 100 * S).contains(*us);
            let (n, mean) = (due.iter().filter(inside).count() as f64, (rate / R * 100) as f64);
            assert!((n - mean).abs() < 5.0 * mean.sqrt(), "step {step}: {n} of {mean}");
        }
        for shards in [2, 5] {
            let mut all: Vec<u64> = (0..shards).flat_map(|i| drawn.times(i, shards)).collect();
            all.sort_unstable();
            assert!(all == due, "{shards} shards differ");
        }
    }

    #[test]
    fn the_judge_is_told_what_is_due_in_whole_seconds_after_settling() {
        for spread in [Spread::Even, Spread::Poisson(Poisson::new(7, "stairs"))] {
            let uneven = Stairs { lasts_us: 3_300_000, settle_us: 500_000, ..stairs() };
            let arrivals = arrivals(uneven, 250_000, spread);
            let steps = uneven.steps(&arrivals);
            let seconds: Vec<_> = steps.iter().map(|step| (step.from_s, step.to_s)).collect();
            assert_eq!(seconds, [(1, 3), (5, 6), (8, 10), (11, 13)]);
            for step in steps {
                let judged = step.from_s * S..step.to_s * S;
                let due = arrivals.times(0, 1).filter(|us| judged.contains(us)).count() as u64;
                assert_eq!(step.planned, due, "{step:?}");
            }
        }
    }

    #[test]
    fn steps_without_rows_are_left_out() {
        let mut arrivals = arrivals(stairs(), 0, Spread::Even);
        arrivals.cut_after(300 + 450 + 10);
        assert_eq!(stairs().steps(&arrivals).len(), 2);
    }
}
