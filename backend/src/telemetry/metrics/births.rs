//! What is counted from 0 on: series that an event would otherwise bring into being.
//!
//! Invariant: whatever is born here has few values that are known beforehand. A series that begins with its first
//! event shows `rate()` and `increase()` no rise, so that the first breaker that opens would be the one
//! nobody sees; and without a 0 nobody can tell "none" from "not known".
//! Not here: fields, which are many; which routes and codes there are (see `api::route`).

use super::Metrics;
use crate::resilience::State;

/// Why a good record is not acknowledged: three series for each machine, not one for each code.
const UNKEPT: [&str; 3] = ["database_error", "ingest_error", "service_unavailable"];
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

    /// A route may answer this status.
    pub(crate) fn may_answer(&self, method: &str, endpoint: &str, status: u16) {
        if self.on {
            let status = status.to_string();
            self.http_requests.with_label_values(&[method, endpoint, &status]).inc_by(0);
        }
    }

    /// An answer may tell this error.
    pub(crate) fn may_tell(&self, error_type: &str, error_code: &str) {
        self.errors.with_label_values(&[error_type, error_code]).inc_by(0);
    }

    /// Records of a machine may be refused for this.
    pub(crate) fn may_refuse(&self, machine: &str, error_type: &str) {
        self.ingest_errors.with_label_values(&[machine, error_type]).inc_by(0);
    }

    /// Records of a machine may not be kept, whatever is in them.
    pub(crate) fn may_lose(&self, machine: &str) {
        UNKEPT.iter().for_each(|code| self.may_refuse(machine, code));
    }

    /// Spans may be exported, or lost.
    pub(crate) fn may_export(&self) {
        for outcome in ["exported", "failed", "dropped"] {
            self.spans(outcome, 0);
        }
    }
}
