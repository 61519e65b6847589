//! The due requests of one lane on one thread, in order.
//!
//! Invariant: due instants come from k alone: neither a late wake-up nor a slow answer moves
//! them, and threads that share a lane share its k without a word between them.
//! Not here: the arithmetic of rates (`plan`), waiting and sending (`shard`).

use super::Lane;
use assay_slo::At;
use std::sync::Arc;

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
#[derive(Debug)]
pub(super) struct Arrivals {
    lane: Arc<Lane>,
    zero: At,
    shard: u64,
    shards: u64,
    k: u64,
    warmup: bool,
    next: Option<Arrival>,
}

impl Arrivals {
    pub(super) fn new(lane: Arc<Lane>, zero: At, shard: u64, shards: u64) -> Arrivals {
        let mut arrivals =
            Arrivals { lane, zero, shard, shards, k: shard, warmup: true, next: None };
        arrivals.next = arrivals.compute();
        arrivals
    }

    /// When the next one is due; none when they have ended.
    pub(super) fn next_due(&self) -> Option<At> {
        self.next.map(|next| next.due)
    }

    /// Takes the next one if it is due at or before `until`.
    pub(super) fn take_due(&mut self, until: At) -> Option<Arrival> {
        let next = self.next.filter(|next| next.due <= until)?;
        self.k = self.k.saturating_add(self.shards);
        self.next = self.compute();
        Some(next)
    }

    fn compute(&mut self) -> Option<Arrival> {
        if self.warmup {
            match (self.lane.warmup)(self.k) {
                Some(us) => return Some(self.arrival(us)),
                None => (self.warmup, self.k) = (false, self.shard),
            }
        }
        (self.lane.due)(self.k).map(|us| self.arrival(us))
    }

    fn arrival(&self, us: i64) -> Arrival {
        Arrival { k: self.k, warmup: self.warmup, due: self.zero.plus(us) }
    }
}
