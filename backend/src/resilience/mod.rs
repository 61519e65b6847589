//! The resilience kit: a circuit breaker, retries, timeouts, and their composition.
//!
//! Both the platform and the device fleet that loads it use this, so what a scenario judges and
//! what a device does follow one set of rules.
//!
//! Invariant: all time is tokio's, so a paused runtime moves it; all chance is seeded.
//! Invariant: a future dropped half-way leaves nothing behind: its permit goes back as neutral.
//! Not here: what is called, what counts as a failure, metric names, environment variables.

pub mod breaker;
mod invalid;
mod policy;
mod retry;
mod timeout;

pub use breaker::{
    At, Breaker, BreakerMutant, BreakerSettings, Cause, Listener, Permit, Rejected, Returned,
    State, Statistics, Transition,
};
pub use invalid::Invalid;
pub use policy::{Attempt, CallError, Order, Policy, Verdict};
pub use retry::{RetrySettings, Retrying, Waits, retry};
pub use timeout::{Expired, Limit, Timeouts};
