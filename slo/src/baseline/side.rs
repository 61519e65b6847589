//! One side of a comparison: its runs' requests added up, and between what a number of theirs lies.
//!
//! Of a percentile by order statistics (Hahn and Meeker), of a share by Wilson's interval. Runs differ
//! by more than chance within a run does, so where there are several the interval also holds the
//! middle ones of their own numbers, again by order statistics: with fewer than six runs all of them.
//!
//! Invariant: what is not ok took for ever; what is unknown is on the bad side of both bounds.
//! Invariant: one request that is slower, or bad, never lowers a bound.
//! Not here: comparing (`change`).

use super::{Past, PastPart};
use crate::case::Clock;
use crate::interval::{Ranks, ranks, wilson};
use crate::time::Share;
use std::collections::BTreeMap;

/// Half.
const MEDIAN: Share = Share(500_000_000);

/// What took for ever.
const NEVER: u64 = u64::MAX;

/// Requests of a side, or of one run of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) n: u64,
    pub(super) k: u64,
    pub(super) unknown: u64,
    buckets: BTreeMap<(u64, u64), u64>,
    ok: u64,
}

/// A number, and between what it lies. Of a time µs, [`NEVER`] if it is beyond all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known<T> {
    pub(super) low: T,
    pub(super) value: T,
    pub(super) high: T,
}

/// One side.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) all: Sum,
    pub(super) runs: Vec<Sum>,
}

impl Side {
    /// The parts of these runs that `fits` takes: load, request, part.
    pub(super) fn new(
        runs: &[Past],
        clock: Clock,
        fits: impl Fn(&str, &str, &PastPart) -> bool,
    ) -> Side {
        let mut side = Side::default();
        for run in runs {
            let mut sum = Sum::default();
            for load in &run.loads {
                let mut used = false;
                for request in &load.requests {
                    let parts = request.parts.iter();
                    for part in parts.filter(|part| fits(&load.name, &request.name, part)) {
                        used = true;
                        sum.add(part, clock);
                        side.all.add(part, clock);
                    }
                }
                if used {
                    sum.unknown = sum.unknown.saturating_add(load.lost);
                    side.all.unknown = side.all.unknown.saturating_add(load.lost);
                }
            }
            if sum.n > 0 {
                side.runs.push(sum);
            }
        }
        side
    }

    /// A percentile of its times.
    pub(super) fn percentile(&self, percentile: Share, confidence: Share) -> Known<u64> {
        let own = self.all.percentile(percentile, confidence);
        let each = self.runs.iter().map(|run| run.at(percentile, Unknown::Bad));
        let (low, high) = middle(each.collect(), confidence).unwrap_or((own.low, own.high));
        // Within one run its own number says nothing more.
        match self.runs.len() {
            0 | 1 => own,
            _ => Known { low: own.low.min(low), high: own.high.max(high), ..own },
        }
    }

    /// The share of its requests that are not ok.
    pub(super) fn bad(&self, confidence: Share, z: f64) -> Known<f64> {
        let Sum { n, k, unknown, .. } = self.all;
        let (all, most) = (n.saturating_add(unknown), k.saturating_add(unknown));
        let share = |k: u64, n: u64| if n == 0 { 0.0 } else { k as f64 / n as f64 };
        let (low, high) = (wilson(k, all, z).0, wilson(most, all, z).1);
        let own = Known { low, value: share(k, n), high };
        if self.runs.len() < 2 {
            return own;
        }
        // Numbers from 0 are ordered as their bits are.
        let each = self.runs.iter().map(|run| share(run.k, run.n).to_bits()).collect();
        match middle(each, confidence) {
            Some((low, high)) => {
                let (low, high) = (f64::from_bits(low), f64::from_bits(high));
                Known { low: own.low.min(low), high: own.high.max(high), ..own }
            }
            None => own,
        }
    }
}

/// Between which of these the middle of all such runs lies; none without any.
fn middle<T: Ord + Copy>(mut values: Vec<T>, confidence: Share) -> Option<(T, T)> {
    values.sort_unstable();
    let Ranks { low, high, .. } = ranks(values.len() as u64, MEDIAN, confidence);
    let at = |rank: u64| usize::try_from(rank).ok().and_then(|rank| values.get(rank - 1)).copied();
    let (first, last) = (values.first().copied()?, values.last().copied()?);
    Some((if low == 0 { first } else { at(low)? }, at(high).unwrap_or(last)))
}

/// What the unknown are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Good,
    Bad,
}

impl Sum {
    fn add(&mut self, part: &PastPart, clock: Clock) {
        let times = match clock {
            Clock::Response => &part.response,
            Clock::Service => &part.service,
            Clock::FirstByte => &part.first_byte,
            // Only counted.
            Clock::ServiceSeen | Clock::ServiceFirstByte => &Vec::new(),
        };
        for (low, high, n) in times {
            let sum = self.buckets.entry((*low, *high)).or_default();
            *sum = sum.saturating_add(*n);
            self.ok = self.ok.saturating_add(*n);
        }
        self.n = self.n.saturating_add(part.n);
        self.k = self.k.saturating_add(part.k);
        self.unknown = self.unknown.saturating_add(part.unknown);
    }

    /// Whether ok ones have no time: in journals that end early.
    pub(super) fn lacks_times(&self) -> bool {
        let ok = self.n.saturating_sub(self.k);
        ok.saturating_sub(self.ok) > ok / 50
    }

    /// Times of the ok ones: from, to, how many.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (&(u64, u64), &u64)> {
        self.buckets.iter()
    }

    /// All of whose times something is known.
    fn timed(&self) -> u64 {
        self.ok.saturating_add(self.k).saturating_add(self.unknown)
    }

    fn percentile(&self, percentile: Share, confidence: Share) -> Known<u64> {
        let n = self.timed();
        let Ranks { low, high, .. } = ranks(n, percentile, confidence);
        Known {
            low: self.rank(low, Unknown::Good).0,
            value: self.at(percentile, Unknown::Bad),
            high: if high > n { NEVER } else { self.rank(high, Unknown::Bad).1 },
        }
    }

    /// The value of rank ⌈q n⌉.
    fn at(&self, q: Share, unknown: Unknown) -> u64 {
        let rank = (u128::from(q.0) * u128::from(self.timed())).div_ceil(u128::from(Share::ONE.0));
        self.rank(u64::try_from(rank).unwrap_or(u64::MAX).max(1), unknown).1
    }

    /// The bucket of a rank, from 1; 0 is before all.
    fn rank(&self, rank: u64, unknown: Unknown) -> (u64, u64) {
        let mut seen = if unknown == Unknown::Good { self.unknown } else { 0 };
        if rank <= seen {
            return (0, 0);
        }
        for (bucket, n) in &self.buckets {
            seen = seen.saturating_add(*n);
            if rank <= seen {
                return *bucket;
            }
        }
        (NEVER, NEVER)
    }
}
