//! The words of a breaker: instants, states, causes, results.
//!
//! Invariant: a gauge's numbers are 0 closed, 1 open, 2 half-open, whatever the order here.
//! Not here: what moves the state (see `core`).

use std::time::Duration;

/// An instant: microseconds since the epoch of whoever drives the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At(pub u64);

impl At {
    /// This instant and a duration, in whole microseconds; stops at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> At {
        At(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long it is until `later`; zero if that has passed.
    #[must_use]
    pub fn until(self, later: At) -> Duration {
        Duration::from_micros(later.0.saturating_sub(self.0))
    }
}

/// A breaker's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Calls go through.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few trials go through.
    HalfOpen,
}

impl State {
    /// As a gauge shows it: 0 closed, 1 open, 2 half-open.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
        }
    }

    /// `closed`, `open` or `half_open`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half_open",
        }
    }
}

/// Why the state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Closed to open: as many failures in a row as the settings say.
    Failures,
    /// Open to half-open: asked after the recovery.
    RecoveryOver,
    /// Half-open to open: a trial failed.
    TrialFailed,
    /// Half-open to open: a trial outlived its lease.
    LeaseExpired,
    /// Half-open to closed: all trials succeeded.
    TrialsSucceeded,
}

/// How a call ended, as the breaker counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Returned {
    /// The dependency works.
    Success,
    /// The dependency does not.
    Failure,
    /// Says nothing about the dependency: an answer 429, or a call given up.
    Neutral,
}
