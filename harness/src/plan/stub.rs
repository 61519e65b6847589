//! What a stub answers.
//!
//! Not here: answering (`link`), which route fits (`fault`).

use super::Delay;

/// A route of a stub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Upper-case; none: any.
    pub method: Option<&'static str>,
    /// Path glob.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// How long the answer takes.
    pub delay: Option<Delay>,
}
