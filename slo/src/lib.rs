//! Judgement: recorded events in, a scorecard out.
//!
//! Everything that a verdict depends on is here, and nothing else: the vocabulary of a run
//! ([`Outcome`], [`Event`], [`Case`]), exact statistics, and [`judge`].
//!
//! Invariant: no clock, no I/O, no randomness, no YAML; the same events give the same scorecard
//! on every machine, whatever the order of equal-time events.
//! Invariant: never met by accident. What was not seen, or not enough of it, is inconclusive.
//! Not here: how events are recorded and written (harness `record`), what is printed (`report`).

pub mod boundary;
pub mod case;
pub mod event;
pub mod outcome;
pub mod time;

pub use boundary::Boundaries;
pub use case::{Case, Expectation, Mark, Objective};
pub use event::{Cell, Entry, Event, Straddle};
pub use outcome::Outcome;
pub use time::{At, Share};
pub mod scorecard;
pub use scorecard::{Scorecard, Verdict};
