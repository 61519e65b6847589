//! What others must have noticed: lines in the output of services, counts of the other side.
//!
//! Not here: what needs two values at once (`plan`).

use super::AtMostCount;
use crate::spec::scalar::{Count, Duration, Moment, Name, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many lines are in a service's output.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogAsked {
    /// Whose: a service that we start.
    pub service: Name,
    /// A regular expression that a line holds.
    pub pattern: Words,
    /// How many such lines there must be.
    pub count: Counts,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
}

/// So many: one of both, or both.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Counts {
    /// No fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Count>,
    /// No more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Count>,
}

/// A metric rises by as many as answers were ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reconciles {
    /// Whose answers: loads, requests and fleets.
    pub of: Vec<Name>,
    /// What the other side counted, of `metrics`.
    pub metric: Name,
    /// By so many they may differ.
    pub differ: AtMostCount,
    /// From when they must agree once; the end of the run unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Moment>,
    /// Deadline, with `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
}
