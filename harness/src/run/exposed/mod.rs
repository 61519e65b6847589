//! The run's own figures for Prometheus, while it goes on: `--metrics-addr`.
//!
//! Invariant: reads only; a scraper that is slow, absent or many changes nothing of a run.
//! Invariant: what is shown is folded from the same events and batches as the journal.
//! Not here: verdicts; what a run came to is in its directory.

mod board;
mod page;
mod serve;

pub(super) use board::Board;
pub(super) use serve::serve;
