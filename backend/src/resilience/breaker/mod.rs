//! A circuit breaker on failures in a row, with generations and leases.
//!
//! Invariant: the rules live in `core`, which has no clock; `shell` only adds one.
//! Not here: what counts as a failure; the caller says.

pub mod core;
mod settings;
mod shell;
mod state;
mod statistics;

pub use settings::{BreakerMutant, BreakerSettings};
pub use shell::{Breaker, Listener, Permit, Rejected, Transition};
pub use state::{At, Cause, Returned, State};
pub use statistics::Statistics;

#[cfg(test)]
mod differential;
