//! Circuit breakers whose states are judged.
//!
//! Not here: what needs two values at once (`plan`).

use crate::spec::scalar::{Count, Duration, Name};
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
