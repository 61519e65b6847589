//! What a run is held against, and how often it is repeated.
//!
//! Not here: objectives that ask for a change (`objective`).

use crate::spec::scalar::{Count, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run is held against: earlier runs, or another build by turns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Baseline {
    /// A file that `--save-baseline` wrote, from the scenario's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Words>,
    /// Whether the machine must be the same: same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Alike>,
    /// The same scenario with other variables, run by turns with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// Whether environments must be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// Unlike ones decide nothing.
    Same,
    /// They are not looked at.
    Any,
}

/// What is other about the other build.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Against {
    /// Values of variables.
    pub vars: IndexMap<String, Words>,
}

/// The same again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Repeat {
    /// How often in all.
    pub runs: Count,
    /// What the runs together mean: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide: Option<Decide>,
}

/// What several runs mean together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decide {
    /// As bad as the worst.
    All,
    /// What more than half of them say.
    Majority,
    /// Objectives by all their requests together; the rest as the worst.
    Pooled,
}
