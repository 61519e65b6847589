//! Requests of a generator thread: due, on their way, waiting for a connection.
//!
//! Invariant: small and copied, so that nothing is borrowed while anything is awaited.
//! Not here: what becomes of them (`shard`).

use super::super::arrivals::Arrival;
use crate::plan::traced::Traced;
use assay_slo::At;

/// One due request on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) id: usize,
    pub(super) post: usize,
    pub(super) request: usize,
    pub(super) arrival: Arrival,
    /// The journey that it belongs to.
    pub(super) trip: Option<usize>,
    /// Since when it waits for a connection.
    pub(super) queued: Option<At>,
}

/// What became due: an arrival, or a later request of a journey.
#[derive(Debug, Clone, Copy)]
pub(super) struct Come {
    pub(super) post: usize,
    pub(super) arrival: Arrival,
    pub(super) trip: Option<usize>,
}

/// What is known of a request under way, should it be cut.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) job: Job,
    pub(super) begun: Option<At>,
    pub(super) blocked_us: Option<u64>,
    pub(super) traced: Option<Traced>,
}

impl Job {
    /// How long it has waited for a connection, µs; none if it did not have to.
    pub(super) fn waited_us(&self, now: At) -> Option<u64> {
        self.queued.map(|since| now.0.saturating_sub(since.0))
    }
}
