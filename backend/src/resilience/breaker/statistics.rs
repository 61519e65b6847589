//! What a breaker has counted since it was made.
//!
//! Invariant: admitted = successes + failures + neutral + those still in flight.
//! Not here: metric names; callers publish.

use super::state::State;

/// Counts since the breaker was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Calls let through.
    pub admitted: u64,
    /// Calls turned away.
    pub rejections: u64,
    /// Results that were a success, stale ones too.
    pub successes: u64,
    /// Results that were a failure, stale ones too.
    pub failures: u64,
    /// Results that were neither, and permits dropped without a result.
    pub neutral: u64,
    /// Of the results, those of an older generation: they moved nothing.
    pub stale: u64,
    transitions: [[u64; 3]; 3],
}

impl Statistics {
    /// How often it went from one state to another.
    #[must_use]
    pub fn transitions(&self, from: State, to: State) -> u64 {
        // A state's code is at most 2.
        self.transitions[usize::from(from.code())][usize::from(to.code())]
    }

    pub(super) fn count(&mut self, from: State, to: State) {
        self.transitions[usize::from(from.code())][usize::from(to.code())] += 1;
    }
}
