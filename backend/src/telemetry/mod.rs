//! Telemetry: what the backend tells about itself.
//!
//! Invariant: one registry and one tracer, passed along; nothing is global but the log's output.
//! Not here: what is worth telling.

pub(crate) mod breakers;
mod collector;
pub(crate) mod context;
pub(crate) mod exemplars;
pub(crate) mod format;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod openmetrics;
pub(crate) mod spans;
pub(crate) mod traces;

use logs::Flood;
use metrics::Metrics;
use std::sync::Arc;
use tokio::time::Instant;
use traces::Traces;

/// Metrics and traces, for whoever has something to tell.
pub(crate) struct Telemetry {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Traces,
    attempts: Flood,
}

impl Telemetry {
    pub(crate) fn new(metrics: Arc<Metrics>, traces: Traces) -> Telemetry {
        Telemetry { metrics, traces, attempts: Flood::default() }
    }

    /// Logs that an attempt of this operation failed, and why: the call that made it may only tell in the end
    /// that a breaker, which others opened, turned it away.
    pub(crate) fn attempt_failed(&self, operation: &'static str, attempt: u64, cause: &str) {
        let Some(suppressed) = self.attempts.admit(operation, Instant::now()) else { return };
        tracing::warn!(function = operation, attempt, cause, suppressed, "attempt failed");
    }
}
