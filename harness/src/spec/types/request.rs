//! Requests, and how they are sent.
//!
//! Not here: what needs two values at once (`plan`).

use super::{IdleReset, Protocol, Reconnect, Tls};
use crate::spec::scalar::{Count, Duration, Flag, Free, Name, Size, Statuses, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests are sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Client {
    /// The version of HTTP: http1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
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
    /// How many redirects are followed, on the same host; a chain is one request: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Count>,
    /// Cookies that are set are sent back, by each journey its own, by independent requests those of
    /// their load: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<Flag>,
    /// What becomes of a request when a kept connection is reset before any byte of an answer: error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_reset: Option<IdleReset>,
    /// When connections are replaced: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<Reconnect>,
    /// How often the name of a service is looked up anew: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_refresh: Option<Duration>,
    /// Addresses of this machine that connections are made from, in turn; the kernel's choice
    /// unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_addresses: Vec<Words>,
    /// How TLS is spoken with services whose URL is `https://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
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
    /// A form body: `application/x-www-form-urlencoded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<IndexMap<String, Words>>,
    /// A text body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
    /// The file whose bytes are the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Words>,
    /// What makes an answer ok; 2xx or 3xx unless given.
    #[serde(default)]
    pub check: Vec<Check>,
    /// Values of the answer that later steps of a journey use by name: `${token}`.
    #[serde(default)]
    pub capture: IndexMap<Name, Captured>,
}

/// What makes an answer ok.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// One of these statuses.
    Status(Statuses),
    /// A value of a JSON body.
    Json(JsonCheck),
    /// A header.
    Header(HeaderCheck),
    /// The body holds this text.
    Contains(Words),
    /// How long the body is.
    Size(SizeCheck),
}

/// A value of a JSON body: `exists`, `equals` or `matches`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JsonCheck {
    /// Where: JSON pointer.
    pub at: Words,
    /// Whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<Flag>,
    /// What it is.
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub equals: Option<Free>,
    /// A regular expression that is found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Words>,
}

/// What is written, null too: who writes it shall be told that it says nothing.
fn there<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Option<Free>, D::Error> {
    Free::deserialize(given).map(Some)
}

/// A header: `exists` or `equals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeaderCheck {
    /// Its name.
    pub name: Words,
    /// Whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<Flag>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Words>,
}

/// How long a body is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SizeCheck {
    /// The most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Size>,
    /// The least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Size>,
}

/// Where a captured value is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Captured {
    /// In a JSON body: JSON pointer.
    Json(Words),
    /// The first header of this name.
    Header(Words),
    /// A cookie that is set under this name.
    Cookie(Words),
    /// The first group of a regular expression, in the body.
    Regex(Words),
}
