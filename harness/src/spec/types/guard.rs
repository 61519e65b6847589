//! What stops a run.
//!
//! Not here: what needs two values at once (`plan`).

use crate::spec::scalar::{Duration, Name, Quantity, Ratio, Statuses, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stops the run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Guards {
    /// The timetable and one minute unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Duration>,
    /// Each of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_when: Vec<StopWhen>,
}

/// What stops the run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopWhen {
    /// Too many requests are not ok, whether or not a fault is on.
    ErrorRate(ErrorRateGuard),
    /// The generator begins requests too late.
    Lag(LagGuard),
    /// A metric has left its limits.
    Metric(MetricGuard),
    /// A service does not answer.
    Probe(ProbeGuard),
}

/// Too many requests are not ok, whether or not a fault is on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorRateGuard {
    /// More than this share, in each second.
    pub above: Ratio,
    /// For so long.
    pub hold: Duration,
}

/// The generator begins requests too late.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LagGuard {
    /// The 99th percentile of a second is more than this.
    pub above: Duration,
    /// For so long.
    pub hold: Duration,
}

/// A metric has left its limits.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricGuard {
    /// Which, of `metrics`.
    pub name: Name,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Quantity>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Quantity>,
    /// For so long.
    pub hold: Duration,
}

/// A service does not answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProbeGuard {
    /// The service asked, every second.
    pub service: Name,
    /// The path.
    pub path: Words,
    /// Accepted statuses: 2xx unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Statuses>,
    /// For so long.
    pub fails_for: Duration,
}
