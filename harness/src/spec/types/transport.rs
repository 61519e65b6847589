//! Over which connections requests are sent.
//!
//! Not here: what needs two values at once, what the files hold (`plan`).

use crate::spec::scalar::{Duration, Flag, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: agreed on in the TLS handshake, or spoken from the first byte on without TLS.
    Http2,
}

/// What becomes of a request whose kept connection was reset before any byte of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdleReset {
    /// It is an error.
    Error,
    /// One of an idempotent method is sent once more, on a new connection.
    RetryOnce,
}

/// When connections are replaced.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reconnect {
    /// A connection this old gets no more requests.
    pub every: Duration,
}

/// TLS towards services with an `https://` URL. Files are PEM.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// Certificates of the only authorities that are trusted; the machine's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Words>,
    /// Our own certificate, for servers that ask who we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<Words>,
    /// Its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Words>,
    /// Accept any certificate, and say so in the report: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure: Option<Flag>,
}
