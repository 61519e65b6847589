//! What is counted from 0 on: series that an event would otherwise bring into being.
//!
//! Invariant: whatever is born here has few values that are known beforehand. A series that begins with its first
//! event shows `rate()` and `increase()` no rise, so that the first breaker that opens would be the one
//! nobody sees; and without a 0 nobody can tell "none" from "not known".
//! Not here: machines, fields and error codes, which are many.

use super::Metrics;
use crate::resilience::State;

/// Every change that a breaker can make.
const CHANGES: [(State, State); 4] = [
    (State::Closed, State::Open),
    (State::Open, State::HalfOpen),
    (State::HalfOpen, State::Open),
    (State::HalfOpen, State::Closed),
];
/// Attempts of one call that are known beforehand, where there are so many.
const ATTEMPTS: u32 = 10;

impl Metrics {
    /// A function's calls may fail for good, after so many attempts.
    pub(crate) fn may_retry(&self, function: &str, attempts: u32) {
        self.retry_failures.with_label_values(&[function]).inc_by(0);
        for attempt in 2..=attempts.min(ATTEMPTS) {
            let number = attempt.to_string();
            self.retry_attempts.with_label_values(&[function, &number]).inc_by(0);
        }
    }

    /// A breaker may change.
    pub(super) fn may_change(&self, name: &str) {
        for (from, to) in CHANGES {
            let values = [name, from.name(), to.name()];
            self.breaker_transitions.with_label_values(&values).inc_by(0);
        }
    }

    /// Spans may be exported, or lost.
    pub(crate) fn may_export(&self) {
        for outcome in ["exported", "failed", "dropped"] {
            self.spans(outcome, 0);
        }
    }
}
