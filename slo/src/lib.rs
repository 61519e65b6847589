//! Judgement: recorded events in, a scorecard out.
//!
//! Everything that a verdict depends on is here, and nothing else: the vocabulary of a run
//! ([`Outcome`], [`Event`], [`Case`]), exact statistics, and [`judge`].
//!
//! Invariant: no clock, no I/O, no randomness, no YAML; the same events give the same scorecard
//! on every machine, whatever the order of equal-time events.
//! Invariant: never met by accident. What was not seen, or not enough of it, is inconclusive.
//! Not here: how events are recorded and written (harness `record`), what is printed (`report`).

pub mod amount;
pub mod baseline;
mod beta;
pub mod boundary;
mod breaker;
mod budget;
pub mod capacity;
pub mod case;
mod crosscheck;
pub mod event;
mod evidence;
mod expectation;
mod fault;
pub mod gate;
mod health;
pub mod interval;
mod judge;
pub mod number;
mod objective;
pub mod outcome;
mod phase;
pub mod scorecard;
#[cfg(test)]
mod script;
pub mod sequential;
pub mod series;
mod tally;
pub mod time;
mod timeline;
mod times;
mod window;
mod words;

pub use baseline::{Baseline, Past};
pub use boundary::Boundaries;
pub use case::{Case, Expectation, Mark, Objective};
pub use event::{Cell, Entry, Event, Straddle};
pub use expectation::goodput;
pub use expectation::reconciles::awaited;
pub use judge::judge;
pub use number::Number;
pub use outcome::Outcome;
pub use scorecard::{Scorecard, Verdict};
pub use time::{At, Share};
pub use timeline::{Malformed, Timeline};
