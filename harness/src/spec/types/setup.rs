//! What is done before the warm-up, and after the run.
//!
//! Not here: what needs two values at once (`plan`).

use super::{Call, Step};
use crate::spec::scalar::{Duration, Name, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step of `setup` or `teardown`: a request by its method, a flow, a command, or steps for each
/// row of a set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preparation {
    /// GET.
    Get(Call),
    /// POST.
    Post(Call),
    /// PUT.
    Put(Call),
    /// PATCH.
    Patch(Call),
    /// DELETE.
    Delete(Call),
    /// HEAD.
    Head(Call),
    /// OPTIONS.
    Options(Call),
    /// The steps of a flow.
    Use(Name),
    /// A program that is run to its end.
    Command(SetupCommand),
    /// The same steps for each row of a set.
    ForEach(ForEach),
}

/// A program that is run to its end: `run` or `shell`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetupCommand {
    /// Program and arguments.
    #[serde(default)]
    pub run: Vec<Words>,
    /// A line for the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Words>,
    /// How long it may take: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// The same steps for each row of a set. What they capture lands in the row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ForEach {
    /// A set of `data`.
    pub data: Name,
    /// How often it is done again while the run goes on: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// What is done.
    pub steps: Vec<Step>,
}
