//! Numbers of the system under test that are read again and again, and what is expected of them.
//!
//! Not here: what needs two values at once (`plan`).

use crate::spec::scalar::{Duration, Growth, Moment, Name, Quantity, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number that is read again and again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Of a service's processes, by the kernel.
    Process(ProcessMetric),
    /// From a page in Prometheus' text format.
    Prometheus(PrometheusMetric),
    /// What a Prometheus server answers to a query.
    Promql(PromqlMetric),
    /// What a command prints: one number.
    Command(CommandMetric),
}

/// Of a service's processes, by the kernel: its first process, its group, and who descends from them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProcessMetric {
    /// The service.
    pub service: Name,
    /// What is read.
    pub read: ProcessRead,
    /// From read to read: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// What is read of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessRead {
    /// Resident memory, in bytes.
    Rss,
    /// Processor time taken; 100% is one processor.
    Cpu,
    /// Threads.
    Threads,
    /// Open files, sockets and pipes.
    OpenFiles,
    /// How often it was started again.
    Restarts,
}

/// From a page in Prometheus' text format: `name`, or `query`; several series that fit are added up.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrometheusMetric {
    /// The service that has the page; or `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// Where the page is; or `service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Words>,
    /// Of a service's page: /metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Words>,
    /// The series' name; or `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Words>,
    /// The count of an SLI as production asks for it, `sum(rate(name{label="value"}[5m]))`: what the
    /// series that fit have counted. Labels that Prometheus adds (job, instance) are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Words>,
    /// Labels that a series must have.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, Words>,
    /// From read to read: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// What a Prometheus server answers to a query: one number, or one series with a value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PromqlMetric {
    /// The server: `http://127.0.0.1:9090`.
    pub url: Words,
    /// The query.
    pub query: Words,
    /// From read to read: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// What a command prints: one number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandMetric {
    /// Program and arguments; or `shell`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<Words>,
    /// A line for `sh -c`; or `run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Words>,
    /// From read to read: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// Between which values something must stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Strictly less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Quantity>,
    /// No more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Quantity>,
    /// Strictly more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Quantity>,
    /// No less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Quantity>,
}

/// At most so much in what time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtMostGrowth {
    /// The limit.
    pub at_most: Growth,
}

/// At most so much.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtMostQuantity {
    /// The limit.
    pub at_most: Quantity,
}

/// A metric keeps its limits.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricAsked {
    /// Which, of `metrics`.
    pub name: Name,
    /// Every value read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Limits>,
    /// Its slope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<AtMostGrowth>,
    /// From the first value to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<AtMostQuantity>,
    /// So much from the start on is left out: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Duration>,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
}

/// A metric comes down and stays down.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settles {
    /// Which, of `metrics`.
    pub metric: Name,
    /// No more than this.
    pub at_most: Quantity,
    /// From when.
    pub after: Moment,
    /// Deadline.
    pub within: Duration,
    /// How long it must stay so: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

/// A service is ready again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReadyAsked {
    /// Which service.
    pub service: Name,
    /// From when.
    pub after: Moment,
    /// Deadline.
    pub within: Duration,
}
