//! Requests, and how they are sent.
//!
//! Not here: what needs two values at once (`plan`).

use crate::spec::scalar::{Count, Duration, Free, Name, Statuses, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests are sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Client {
    /// At most so many connections: 4096.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Count>,
    /// To the whole answer: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// To connect: 2s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Duration>,
    /// Sent with every request.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
}

/// A request, by its method.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
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
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Call {
    /// Path and query.
    pub path: Words,
    /// As objectives and reports call it; `METHOD path` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// How often beside the others: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Count>,
    /// To the whole answer; the client's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Sent with it.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Free>,
    /// A text body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
    /// The file whose bytes are the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Words>,
    /// What makes an answer ok; 2xx or 3xx unless given.
    #[serde(default)]
    pub check: Vec<Check>,
}

/// What makes an answer ok.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// One of these statuses.
    Status(Statuses),
}
