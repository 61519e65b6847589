//! Circuit breakers whose states are judged.
//!
//! Not here: what needs two values at once (`plan`).

use crate::spec::scalar::{Count, Duration, Name, Quantity, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A circuit breaker whose states are judged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Breaker {
    /// What it is said to do; its gateway's settings where there is one.
    #[serde(default)]
    pub policy: BreakerPolicy,
    /// Where its states are seen, best first.
    pub evidence: Vec<BreakerEvidence>,
}

/// What a breaker is said to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakerPolicy {
    /// Consecutive failures that open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Count>,
    /// From open to half-open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Trials of one half-open episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<Count>,
}

/// Where a breaker's states are seen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerEvidence {
    /// Our own gateways tell.
    Gateway(GatewayEvidence),
    /// Arrivals at a link stop and come back.
    Arrivals(ArrivalsEvidence),
    /// A page with resilience4j's metrics.
    Resilience4j(PageEvidence),
    /// A page with the metrics of Polly's meter; the name is its pipeline's.
    Polly(PageEvidence),
    /// A page with Envoy's metrics; the name is its cluster's.
    Envoy(PageEvidence),
    /// A page with a gauge of any name.
    Gauge(GaugeEvidence),
    /// Lines in the output of its service.
    Log(LogEvidence),
}

/// A page in Prometheus' text format that has the state of a breaker.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageEvidence {
    /// Where the page is.
    pub url: Words,
    /// What the breaker is called there.
    pub name: Words,
    /// From read to read: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// Lines in the output of the breaker's service that say what it does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogEvidence {
    /// Whose: a service that we start.
    pub service: Name,
    /// A regular expression that lines hold which say that it opened.
    pub opened: Words,
    /// A regular expression that lines hold which say that it closed.
    pub closed: Words,
}

/// A page with a gauge of any name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GaugeEvidence {
    /// Where the page is.
    pub url: Words,
    /// The name of the series.
    pub metric: Words,
    /// Labels that it must have.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, Words>,
    /// What its values mean.
    pub values: GaugeValues,
    /// From read to read: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// What the values of a gauge mean.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GaugeValues {
    /// Closed.
    pub closed: Quantity,
    /// Open.
    pub open: Quantity,
    /// Half-open; it has no such state unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_open: Option<Quantity>,
}

/// Our own gateways tell.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GatewayEvidence {
    /// Those of this fleet.
    pub fleet: Name,
}

/// Arrivals at a link stop and come back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ArrivalsEvidence {
    /// The link.
    pub link: Name,
}
