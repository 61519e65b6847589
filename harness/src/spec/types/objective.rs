//! Objectives: what must hold of requests.
//!
//! Not here: what needs two values at once (`plan`).

use crate::spec::scalar::{Count, Duration, Flag, Name, Pace, Percentile, Rate, Ratio, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What must hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// A share of the requests is ok in less than so long.
    Latency(LatencyObjective),
    /// Less than a share of the requests is not ok.
    ErrorRate(ErrorRateObjective),
    /// At most so many requests are not ok.
    ErrorCount(ErrorCountObjective),
    /// At least a share of the seconds is good.
    Availability(AvailabilityObjective),
    /// At least so much of what is offered is answered ok.
    Throughput(ThroughputObjective),
    /// A percentile is at most so much above the baseline's.
    LatencyChange(LatencyChangeObjective),
    /// The share of requests that are not ok is at most so many points above the baseline's.
    ErrorRateChange(ErrorRateChangeObjective),
    /// A load goes up in steps, and others hold up to one of them.
    Capacity(CapacityObjective),
    /// What a file of OpenSLO v1 says; replaced by that while the scenario is read.
    Openslo(OpensloObjective),
}

/// What a file of OpenSLO v1 says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OpensloObjective {
    /// The file, from the scenario's folder; `assay:backend.yaml` is shipped.
    pub file: Words,
    /// One objective of it: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}

/// Between which instants a latency is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// From the instant the request was due.
    Response,
    /// From the first byte written.
    Service,
    /// From the instant the request was due to the first byte of its answer.
    FirstByte,
}

/// How a request may end that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Excuse {
    /// A 4xx answer other than 429.
    #[serde(rename = "http-4xx")]
    Http4xx,
    /// Too many requests.
    #[serde(rename = "http-429")]
    Http429,
    /// A 5xx answer.
    #[serde(rename = "http-5xx")]
    Http5xx,
    /// No whole answer within the request's timeout.
    Timeout,
    /// No connection.
    ConnectError,
    /// The connection broke, or what came back was not HTTP.
    ProtocolError,
    /// An answer that failed the request's own check.
    CheckFailed,
}

/// A share of the requests is ok in less than so long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatencyObjective {
    /// 95: of 100 requests, at least 95.
    pub percentile: Percentile,
    /// The limit.
    pub below: Duration,
    /// Between which instants: response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// One-sided confidence: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// No window of this length may surely break the limit: the whole period is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// Requests that ended like this are left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_errors: Vec<Excuse>,
    /// Bad requests come in bursts of so many: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// Less than a share of the requests is not ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorRateObjective {
    /// The limit.
    pub below: Ratio,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// One-sided confidence: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// No window of this length may surely break the limit: the whole period is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// Requests that ended like this are left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_errors: Vec<Excuse>,
    /// Bad requests come in bursts of so many: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// At most so many requests are not ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorCountObjective {
    /// The limit.
    pub at_most: Count,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// Requests that ended like this are left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_errors: Vec<Excuse>,
    /// Changes nothing here, where counts are exact: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// Changes nothing here, where counts are exact: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// At least a share of the seconds is good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AvailabilityObjective {
    /// The limit.
    pub at_least: Ratio,
    /// Length of a slice in whole seconds: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Duration>,
    /// A slice is good with at least this share ok: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_target: Option<Ratio>,
    /// A slice is valid with at least so many requests due: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_least: Option<Count>,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// Requests that ended like this are left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_errors: Vec<Excuse>,
    /// Changes nothing here, where counts are exact: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// Changes nothing here, where counts are exact: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// At least so much of what is offered is answered ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThroughputObjective {
    /// The limit: a share of what is offered, or a rate.
    pub at_least: Pace,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// Changes nothing here, where counts are exact: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// Changes nothing here, where counts are exact: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// A percentile is at most so much above the baseline's.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatencyChangeObjective {
    /// Which percentile.
    pub percentile: Percentile,
    /// The margin, a share of what it was.
    pub at_most: Ratio,
    /// Between which instants: response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// Confidence of both intervals: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// Changes nothing here, where runs are counted as they were: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// The share of requests that are not ok is at most so many points above the baseline's.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorRateChangeObjective {
    /// The margin, in points.
    pub at_most: Ratio,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// Confidence of both intervals: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
    /// Changes nothing here, where runs are counted as they were: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Count>,
}

/// The highest step of a load at which objectives hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacityObjective {
    /// The load, of type `stepping-arrival-rate`.
    pub of: Name,
    /// They must hold up to this step; unless given at the first, and the last is to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Rate>,
    /// The objectives: each is judged for every step, and not for the run.
    #[serde(rename = "while")]
    pub criteria: Vec<Name>,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
}
