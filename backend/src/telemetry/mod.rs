//! Telemetry: what the backend tells about itself.
//!
//! Not here: traces; they are not part of this edition.

pub(crate) mod logs;
pub(crate) mod metrics;
