//! When requests are due: the arithmetic of [`Arrivals`].
//!
//! The k-th request is due when the integral of the rate reaches k, rounded down to the µs.
//! Where the rate is 0 the integral stands still, and the request waits for the rate to rise.
//! Poisson arrivals are due when it reaches a position that is drawn ([`super::poisson`]); the
//! warm-up is even always. What a log has is due when the log says ([`super::replay`]).
//!
//! Invariant: pure integer functions of k (and of the seed), so every machine and every shard
//! agrees, and no drift builds up.
//! Invariant: due instants never decrease with k, and lie in `starts_us..ends_us()`.
//! Not here: sleeping until an instant, sending (`load`).

use super::{Arrivals, Spread, Stretch};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One request as rate times time: rates are in thousandths of a request a minute, times in µs.
const RATE_SCALE: u128 = 60_000_000_000;

/// One request in the unit of [`area`]: areas are doubled, so that a trapezium is a whole number.
const REQUEST: u128 = 2 * RATE_SCALE;

/// The most requests that are drawn: a plan draws how many come, so it must not take long.
pub const MOST_DRAWN: u64 = 1_000_000_000;

/// Due instants of one shard, µs after time 0, in order.
pub type Times = Box<dyn Iterator<Item = u64> + Send>;

/// Doubled integral of the rate over the first `x` µs of a stretch that begins at `from_milli_per_min`,
/// multiplied by the stretch's length: `2·r0·L·x + (r1 − r0)·x²`.
fn scaled(from_milli_per_min: u64, stretch: Stretch, x: u64) -> u128 {
    let (from, to) = (u128::from(from_milli_per_min), u128::from(stretch.end_milli_per_min));
    let (length, x) = (u128::from(stretch.lasts_us), u128::from(x));
    // r0·x·(2L − x) + r1·x²: the same, without a negative term.
    let falling = from.saturating_mul(x).saturating_mul((2 * length).saturating_sub(x));
    falling.saturating_add(to.saturating_mul(x).saturating_mul(x))
}

/// Doubled integral of the rate over a whole stretch: `(r0 + r1)·L`.
fn area(from_milli_per_min: u64, stretch: Stretch) -> u128 {
    let rates = u128::from(from_milli_per_min) + u128::from(stretch.end_milli_per_min);
    rates.saturating_mul(u128::from(stretch.lasts_us))
}

/// An end that comes before that of the stretches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// How many requests are due before it.
    pub count: u64,
    /// When the next would be due, µs after time 0.
    pub ends_us: u64,
}

impl Arrivals {
    /// Ends them when so many have been due, unless there are no more anyway.
    pub fn cut_after(&mut self, count: u64) {
        let next = usize::try_from(count).ok().and_then(|at| self.times(0, 1).nth(at));
        if let Some(ends_us) = next {
            self.cut = Some(Cut { count, ends_us });
        }
    }

    /// How many requests are planned.
    #[must_use]
    pub fn count(&self) -> u64 {
        if let Some(cut) = self.cut {
            return cut.count;
        }
        match &self.spread {
            Spread::Even => self.expected(),
            // A plan that expects more is refused before anything is drawn for it.
            Spread::Poisson(_) if self.expected() > MOST_DRAWN => self.expected(),
            Spread::Poisson(poisson) => poisson.before(self.whole(), REQUEST as u64),
            Spread::Logged(logged) => logged.due_us.len() as u64,
        }
    }

    /// How many requests the rate makes expect.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.expected_before(self.ends_us())
    }

    /// Whether chance decides how many come in a stretch.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        matches!(self.spread, Spread::Poisson(_))
    }

    /// When the requests k ≡ `shard` (mod `shards`) are due.
    #[must_use]
    pub fn times(&self, shard: u64, shards: u64) -> Times {
        let arrivals = self.clone();
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let step = size(shards.max(1));
        let left = |cut: Cut| cut.count.saturating_sub(shard).div_ceil(shards.max(1));
        let most = self.cut.map_or(usize::MAX, |cut| size(left(cut)));
        match &self.spread {
            Spread::Even => {
                let of_shard = (shard..).step_by(step).take(most);
                Box::new(of_shard.map_while(move |k| arrivals.even_us(k)))
            }
            Spread::Poisson(poisson) => {
                let positions = poisson.positions(REQUEST as u64);
                let of_shard = positions.skip(size(shard)).step_by(step).take(most);
                Box::new(of_shard.map_while(move |position| arrivals.reached_us(position)))
            }
            Spread::Logged(logged) => {
                let due_us = Arc::clone(&logged.due_us);
                let places = (size(shard)..due_us.len()).step_by(step).take(most);
                Box::new(places.map_while(move |at| due_us.get(at).copied()))
            }
        }
    }

    /// The area of all stretches.
    fn whole(&self) -> u128 {
        let mut from = self.start_milli_per_min;
        self.stretches.iter().fold(0, |sum, stretch| {
            let next = area(from, *stretch);
            from = stretch.end_milli_per_min;
            sum.saturating_add(next)
        })
    }

    /// When arrivals end, µs after time 0.
    #[must_use]
    pub fn ends_us(&self) -> u64 {
        let lasts = |end: u64, next: &Stretch| end.saturating_add(next.lasts_us);
        let written = || self.stretches.iter().fold(self.starts_us, lasts);
        self.cut.map_or_else(written, |cut| cut.ends_us)
    }

    /// When the `k`-th request of even arrivals is due (from 0), µs after time 0; none beyond
    /// [`Self::expected`].
    fn even_us(&self, k: u64) -> Option<u64> {
        self.reached_us(u128::from(k) * REQUEST)
    }

    /// When the area has come to `wanted`, µs after time 0; none if it never exceeds it.
    fn reached_us(&self, wanted: u128) -> Option<u64> {
        let (mut begins, mut from, mut before) = (self.starts_us, self.start_milli_per_min, 0_u128);
        for stretch in &self.stretches {
            let after = before.saturating_add(area(from, *stretch));
            if after > wanted {
                return begins.checked_add(reaches(from, *stretch, wanted - before));
            }
            begins = begins.saturating_add(stretch.lasts_us);
            from = stretch.end_milli_per_min;
            before = after;
        }
        None
    }

    /// How many requests the rate makes expect before an instant, µs after time 0; exact for even
    /// arrivals.
    #[must_use]
    pub fn expected_before(&self, us: u64) -> u64 {
        if let Spread::Logged(logged) = &self.spread {
            return logged.before(us);
        }
        self.total_before(us).rounded_up()
    }

    /// How many requests are due before an instant, µs after time 0.
    #[must_use]
    pub fn due_before(&self, us: u64) -> u64 {
        let total = self.total_before(us);
        match &self.spread {
            Spread::Even => total.rounded_up(),
            // Refused before anything is drawn for it.
            Spread::Poisson(_) if self.expected() > MOST_DRAWN => total.rounded_up(),
            Spread::Poisson(poisson) => poisson.before(total.area_up(), REQUEST as u64),
            Spread::Logged(logged) => logged.before(us),
        }
    }

    fn total_before(&self, us: u64) -> Total {
        let us = us.min(self.ends_us());
        let (mut begins, mut from) = (self.starts_us, self.start_milli_per_min);
        let mut requests = Total::default();
        for stretch in &self.stretches {
            if us <= begins {
                break;
            }
            let ends = begins.saturating_add(stretch.lasts_us);
            if us >= ends {
                requests.whole(area(from, *stretch));
            } else {
                requests.part(scaled(from, *stretch, us - begins), stretch.lasts_us);
            }
            begins = ends;
            from = stretch.end_milli_per_min;
        }
        requests
    }

    /// The rate at an instant, in thousandths of a request a minute, rounded down; 0 outside.
    #[must_use]
    pub fn rate_at_milli_per_min(&self, us: u64) -> u64 {
        let (mut begins, mut from) = (self.starts_us, self.start_milli_per_min);
        for stretch in &self.stretches {
            let ends = begins.saturating_add(stretch.lasts_us);
            if (begins..ends).contains(&us) && us < self.ends_us() {
                let (x, length) = (u128::from(us - begins), u128::from(stretch.lasts_us));
                let to = u128::from(stretch.end_milli_per_min);
                let rate = (u128::from(from) * (length - x) + to * x) / length;
                return u64::try_from(rate).unwrap_or(u64::MAX);
            }
            begins = ends;
            from = stretch.end_milli_per_min;
        }
        0
    }

    /// The greatest rate, in thousandths of a request a minute.
    #[must_use]
    pub fn peak_milli_per_min(&self) -> u64 {
        if let Spread::Logged(logged) = &self.spread {
            return logged.most_in_a_second().saturating_mul(60_000);
        }
        let ends = self.stretches.iter().map(|stretch| stretch.end_milli_per_min);
        ends.fold(self.start_milli_per_min, u64::max)
    }

    /// How many requests the warm-up sends: it runs at the first rate; none where that is 0.
    #[must_use]
    pub fn warmup_count(&self, warmup_us: u64) -> u64 {
        let requests =
            (u128::from(warmup_us) * u128::from(self.start_milli_per_min)).div_ceil(RATE_SCALE);
        u64::try_from(requests).unwrap_or(u64::MAX)
    }

    /// When the warm-up's requests k ≡ `shard` (mod `shards`) are due, µs after time 0.
    #[must_use]
    pub fn warmup_times(
        &self,
        warmup_us: u64,
        shard: u64,
        shards: u64,
    ) -> Box<dyn Iterator<Item = i64> + Send> {
        let arrivals = self.clone();
        let of_shard = (shard..).step_by(usize::try_from(shards.max(1)).unwrap_or(usize::MAX));
        Box::new(of_shard.map_while(move |k| arrivals.warmup_due_us(warmup_us, k)))
    }

    /// When the warm-up's `k`-th request is due (from 0), µs after time 0, so negative; none
    /// beyond [`Self::warmup_count`].
    fn warmup_due_us(&self, warmup_us: u64, k: u64) -> Option<i64> {
        let after =
            (u128::from(k) * RATE_SCALE).checked_div(u128::from(self.start_milli_per_min))?;
        let before = u128::from(warmup_us).checked_sub(after).filter(|before| *before > 0)?;
        i64::try_from(before).ok().map(|before| -before)
    }
}

/// The greatest whole µs of a stretch at which at most `wanted` (doubled area) has come.
fn reaches(from_milli_per_min: u64, stretch: Stretch, wanted: u128) -> u64 {
    if from_milli_per_min == stretch.end_milli_per_min {
        let x = wanted.checked_div(2 * u128::from(from_milli_per_min)).unwrap_or(0);
        return u64::try_from(x).unwrap_or(u64::MAX);
    }
    let wanted = wanted.saturating_mul(u128::from(stretch.lasts_us));
    let (mut come, mut ahead) = (0, stretch.lasts_us);
    while ahead - come > 1 {
        let middle = come + (ahead - come) / 2;
        if scaled(from_milli_per_min, stretch, middle) <= wanted {
            come = middle;
        } else {
            ahead = middle;
        }
    }
    come
}

/// A sum of areas: whole stretches, and the part of one.
#[derive(Default)]
struct Total {
    whole: u128,
    part: Option<(u128, u128)>,
}

impl Total {
    fn whole(&mut self, area: u128) {
        self.whole = self.whole.saturating_add(area);
    }

    fn part(&mut self, scaled: u128, lasts_us: u64) {
        self.part = Some((scaled, u128::from(lasts_us)));
    }

    /// The area, a begun unit of it counted.
    fn area_up(&self) -> u128 {
        let (scaled, length) = self.part.unwrap_or((0, 1));
        self.whole.saturating_add(scaled.div_ceil(length))
    }

    /// Requests, a begun one counted.
    fn rounded_up(&self) -> u64 {
        let (scaled, length) = self.part.unwrap_or((0, 1));
        let area = self.whole.saturating_add(scaled / length);
        // The remainder of the division is less than 1 of 1.2·10¹¹, but it may begin a request.
        let requests = area / REQUEST + u128::from(area % REQUEST > 0 || scaled % length > 0);
        u64::try_from(requests).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
