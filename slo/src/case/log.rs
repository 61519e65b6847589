//! Lines of services' output that something is asked of, or that tell what a breaker does.
//!
//! Invariant: a pattern is held against a line as it stands in the service's log file, secrets masked.
//! Not here: how lines are read (harness `service`), what they came to (crate's `expectation`).

use super::During;
use serde::{Deserialize, Serialize};

/// Lines to look for in the output of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The service's name in the scenario.
    pub service: String,
    /// A regular expression that the line holds.
    pub pattern: String,
    /// So much later than it was written a line may arrive, besides what the machine takes, µs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slack_us: u64,
}

fn is_zero(us: &u64) -> bool {
    *us == 0
}

/// How many lines there must be; what is none is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMust {
    /// Index into [`crate::Case::logs`].
    pub log: usize,
    /// So many or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// So many or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// When; the union of these.
    pub during: Vec<During>,
}
