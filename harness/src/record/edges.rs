//! The acknowledged edges of faults, shared between the links that make them and the recorders
//! that sort requests by them.
//!
//! Invariant: an applied edge is stamped before its fault can touch a request, a cleared edge
//! after it no longer can, both under the lock that recorders read through. So no request is
//! recorded with an edge missing that lies before its end.
//! Not here: what a fault does (`link`), how segments are judged (crate slo).

use crate::clock::Clock;
use assay_slo::{At, Boundaries, Straddle};
use std::sync::{PoisonError, RwLock};

/// Where a request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// See [`assay_slo::Cell::segment`].
    pub segment: usize,
    /// Set if it was under way when a fault was applied.
    pub straddle: Option<Straddle>,
}

/// All edges so far.
#[derive(Debug)]
pub struct Edges {
    clock: Clock,
    ages_us: Vec<u64>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    boundaries: Boundaries,
    applied: Vec<(At, usize)>,
}

impl Edges {
    /// None yet. `ages_us` is [`assay_slo::Case::ages_us`].
    #[must_use]
    pub fn new(clock: Clock, ages_us: Vec<u64>) -> Edges {
        Edges { clock, ages_us, known: RwLock::default() }
    }

    /// Fixes time 0.
    pub fn zero(&self, zero: At) {
        self.write().boundaries.add(zero);
    }

    /// Stamps the applied edge of a fault, then lets `take_effect` make it effective.
    pub fn apply(&self, fault: usize, take_effect: impl FnOnce()) -> At {
        let mut known = self.write();
        let at = self.clock.now();
        known.boundaries.add(at);
        known.applied.push((at, fault));
        take_effect();
        at
    }

    /// Lets `lose_effect` end a fault, then stamps its cleared edge.
    pub fn clear(&self, recovery_us: u64, lose_effect: impl FnOnce()) -> At {
        let mut known = self.write();
        lose_effect();
        let at = self.clock.now();
        known.boundaries.add(at);
        known.boundaries.add(At(at.0.saturating_add(recovery_us)));
        at
    }

    /// Where a request belongs that was due at one instant and ended at another, not later than
    /// now.
    #[must_use]
    pub fn position(&self, due: At, ended: At) -> Position {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let straddle = known.applied.iter().find(|(at, _)| due < *at && *at <= ended);
        Position {
            segment: known.boundaries.segment(due),
            straddle: straddle.map(|(at, fault)| Straddle {
                fault: *fault,
                older_than: self.ages_us.partition_point(|age| *age < at.0 - due.0),
            }),
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
