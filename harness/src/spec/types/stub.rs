//! Stubs: what a link answers that stands in for a dependency.
//!
//! Not here: the link (`service`), what needs two values at once (`plan`).

use super::Delay;
use crate::spec::scalar::{Free, Status, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One route; the first that fits answers, and 404 where none does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// GET, and HEAD without the body.
    Get(Reply),
    /// POST.
    Post(Reply),
    /// PUT.
    Put(Reply),
    /// PATCH.
    Patch(Reply),
    /// DELETE.
    Delete(Reply),
    /// Any method.
    Any(Reply),
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reply {
    /// To this path: `*` within a segment, `**` across.
    pub path: Words,
    /// The status: 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The headers.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
    /// The body, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Free>,
    /// The body, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
    /// How long the answer takes: no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
}
