//! How one request ended: exclusive classes, told apart where it happened.
//!
//! Invariant: everything but [`Outcome::Ok`] counts against a service, except what never reached
//! it ([`Outcome::NotSent`]) and what we cut off ourselves ([`Outcome::Cut`]): those are unknown.
//! Not here: how an answer is classified (harness `client`).

use serde::{Deserialize, Serialize};

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 2xx or 3xx, or a status that the request's own check names.
    Ok,
    /// A 5xx answer.
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// A 4xx answer other than 429.
    #[serde(rename = "http_4xx")]
    Http4xx,
    /// Too many requests.
    #[serde(rename = "http_429")]
    Http429,
    /// No whole answer within the request's timeout.
    Timeout,
    /// No connection: refused, unreachable, or not within the connect timeout.
    ConnectError,
    /// The connection broke, or what came back was not HTTP.
    ProtocolError,
    /// An answer in time that failed the request's own check.
    CheckFailed,
    /// Rejected by our own gateway's open breaker: no attempt was made.
    FastFail,
    /// The generator could not send it (its own limits): unknown.
    NotSent,
    /// Still under way when the run was interrupted, or answered after its timeout while the generator stood
    /// still: bad for a limit that it had already passed (see [`crate::Cell::marks`]), unknown otherwise.
    Cut,
}

impl Outcome {
    /// All classes, in the order of reports.
    pub const ALL: [Outcome; 11] = [
        Outcome::Ok,
        Outcome::Http5xx,
        Outcome::Http4xx,
        Outcome::Http429,
        Outcome::Timeout,
        Outcome::ConnectError,
        Outcome::ProtocolError,
        Outcome::CheckFailed,
        Outcome::FastFail,
        Outcome::NotSent,
        Outcome::Cut,
    ];

    /// The class's name in journals and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Http5xx => "http_5xx",
            Outcome::Http4xx => "http_4xx",
            Outcome::Http429 => "http_429",
            Outcome::Timeout => "timeout",
            Outcome::ConnectError => "connect_error",
            Outcome::ProtocolError => "protocol_error",
            Outcome::CheckFailed => "check_failed",
            Outcome::FastFail => "fast_fail",
            Outcome::NotSent => "not_sent",
            Outcome::Cut => "cut",
        }
    }

    /// Whether an attempt was made and its end is known.
    #[must_use]
    pub fn is_known_attempt(self) -> bool {
        !matches!(self, Outcome::FastFail | Outcome::NotSent | Outcome::Cut)
    }
}
