//! Telemetry: what the backend tells about itself.
//!
//! Invariant: one registry and one tracer, passed along; nothing is global but the log's output.
//! Not here: what is worth telling.

pub(crate) mod breakers;
pub(crate) mod context;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod spans;
pub(crate) mod traces;

use metrics::Metrics;
use std::sync::Arc;
use traces::Traces;

/// Metrics and traces, for whoever has something to tell.
pub(crate) struct Telemetry {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Traces,
}
