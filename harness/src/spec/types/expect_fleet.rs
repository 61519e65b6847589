//! What a fleet's samples must keep, and bounds as `{at-most: …}`.
//!
//! Not here: what needs two values at once (`plan`).

use super::Within;
use crate::spec::scalar::{Bound, Count, Duration, Factor, Name, Ratio};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No sample is lost.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LedgerAsked {
    /// Which, of `fleets`.
    pub fleet: Name,
    /// Generated, and not read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<AtMostBound>,
    /// Stored more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<AtMostBound>,
    /// Read back, and never generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unexpected: Option<AtMostBound>,
    /// Keys that decrease in the order of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_order: Option<AtMostBound>,
    /// Of a sample, when our gateway saw it acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<AtMostTime>,
}

/// Few samples wait, and not for long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BacklogAsked {
    /// Which, of `fleets`.
    pub fleet: Name,
    /// At any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<AtMostCount>,
    /// Back at its level before the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained: Option<Within>,
}

/// At most so many, or such a share.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtMostBound {
    /// The limit: 0, or 0.1%.
    pub at_most: Bound,
}

/// At most so many.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtMostCount {
    /// The limit.
    pub at_most: Count,
}

/// At most so long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtMostTime {
    /// The limit.
    pub at_most: Duration,
}

/// At most so many times as many.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtMostFactor {
    /// The limit.
    pub at_most: Factor,
}

/// At least this share.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtLeastShare {
    /// The limit.
    pub at_least: Ratio,
}
