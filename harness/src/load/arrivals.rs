//! The due requests of one lane on one thread, in order.
//!
//! Invariant: due instants come from k alone: neither a late wake-up nor a slow answer moves
//! them, and threads that share a lane share its k without a word between them.
//! Not here: the arithmetic of rates (`plan`), waiting and sending (`shard`).

use super::{Lane, Pace, Times};
use assay_slo::At;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One due request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Its number, counted apart in the warm-up.
    pub(super) k: u64,
    /// Of the warm-up.
    pub(super) warmup: bool,
    /// When.
    pub(super) due: At,
}

/// Yields the arrivals k ≡ `shard` (mod `shards`), the warm-up's first.
pub(super) struct Arrivals {
    zero: At,
    shard: u64,
    shards: u64,
    k: u64,
    /// What is left of the warm-up; none once it is over.
    warmup: Option<Times>,
    due: Times,
    next: Option<Arrival>,
    until: Until,
}

/// When a lane's arrivals end before their time. Known to all threads that share the lane.
#[derive(Debug, Clone)]
pub struct Until(Arc<AtomicU64>);

impl Default for Until {
    /// Never.
    fn default() -> Until {
        Until(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Until {
    /// From this instant on nothing is due. It should lie ahead: then all threads end alike.
    pub(super) fn end_at(&self, at: At) {
        self.0.fetch_min(at.0, Ordering::Relaxed);
    }

    fn is_over(&self, arrival: &Arrival) -> bool {
        arrival.due.0 >= self.0.load(Ordering::Relaxed)
    }
}

impl Arrivals {
    pub(super) fn new(lane: &Lane, zero: At, shard: u64, shards: u64) -> Arrivals {
        let (warmup, due) = match &lane.pace {
            Pace::Open { warmup, due } => (Some(warmup(shard, shards)), due(shard, shards)),
            Pace::Closed { .. } => (None, Box::new(std::iter::empty()) as Times),
        };
        let mut arrivals = Arrivals {
            zero,
            shard,
            shards,
            k: shard,
            warmup,
            due,
            next: None,
            until: lane.until.clone(),
        };
        arrivals.next = arrivals.compute();
        arrivals
    }

    /// When the next one is due; none when they have ended.
    pub(super) fn next_due(&self) -> Option<At> {
        self.next.filter(|next| !self.until.is_over(next)).map(|next| next.due)
    }

    /// Takes the next one if it is due at or before `until`.
    pub(super) fn take_due(&mut self, until: At) -> Option<Arrival> {
        let next = self.next.filter(|next| next.due <= until && !self.until.is_over(next))?;
        self.k = self.k.saturating_add(self.shards);
        self.next = self.compute();
        Some(next)
    }

    fn compute(&mut self) -> Option<Arrival> {
        if let Some(warmup) = &mut self.warmup {
            match warmup.next() {
                Some(us) => return Some(self.arrival(us, true)),
                None => (self.warmup, self.k) = (None, self.shard),
            }
        }
        self.due.next().map(|us| self.arrival(us, false))
    }

    fn arrival(&self, us: i64, warmup: bool) -> Arrival {
        Arrival { k: self.k, warmup, due: self.zero.plus(us) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::lane;
    use super::*;

    #[test]
    fn threads_share_a_lane_without_gap_or_double() {
        let addr = ([127, 0, 0, 1], 9).into();
        let lane = lane(addr, 25, 1_000, 1, 1);
        let zero = At(1_000_000);
        let drain = |shard, shards| {
            let mut arrivals = Arrivals::new(&lane, zero, shard, shards);
            let mut all = Vec::new();
            while let Some(due) = arrivals.next_due() {
                assert_eq!(arrivals.take_due(At(due.0 - 1)), None);
                all.extend(arrivals.take_due(due));
            }
            assert!(all.is_sorted_by_key(|arrival| arrival.due));
            all
        };
        let whole = drain(0, 1);
        assert_eq!(whole.len(), 35);
        assert_eq!(whole[0], Arrival { k: 0, warmup: true, due: At(990_000) });
        assert_eq!(whole[10], Arrival { k: 0, warmup: false, due: zero });
        // More threads than warm-up arrivals, and a number that divides neither.
        for shards in [2, 3, 12] {
            let mut parts: Vec<_> = (0..shards).flat_map(|shard| drain(shard, shards)).collect();
            parts.sort_by_key(|arrival| arrival.due);
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn threads_end_at_the_same_instant() {
        let lane = lane(([127, 0, 0, 1], 9).into(), 25, 1_000, 1, 1);
        let zero = At(1_000_000);
        let mut parts: Vec<_> = (0..3).map(|shard| Arrivals::new(&lane, zero, shard, 3)).collect();
        lane.until.end_at(At(zero.0 + 7_000));
        lane.until.end_at(At(zero.0 + 9_000));
        let all = parts.iter_mut().flat_map(|part| {
            std::iter::from_fn(move || part.take_due(At(u64::MAX))).collect::<Vec<_>>()
        });
        let k: std::collections::BTreeSet<_> =
            all.filter(|one| !one.warmup).map(|one| one.k).collect();
        assert_eq!(k.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(parts.iter().all(|part| part.next_due().is_none()));
    }
}
