//! What production is promised of an objective, and whom it tells when that is about to be broken.
//!
//! Invariant: whole numbers only, as in all of a journal.
//! Not here: SLO files (harness `spec::openslo`), what would have happened (`budget`).

use serde::{Deserialize, Serialize};

/// What an SLO file says of an objective besides its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Production {
    /// How long a budget lasts, in seconds.
    pub lasts_s: u64,
    /// The alerts on a budget that is spent too fast.
    pub alerts: Vec<BurnAlert>,
}

/// An alert that fires when the budget burns fast over two windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurnAlert {
    /// The name of its policy.
    pub name: String,
    /// The long window, seconds.
    pub long_s: u64,
    /// The short window, seconds.
    pub short_s: u64,
    /// How fast is too fast, in millionths; 1 spends the budget in exactly its time.
    pub threshold_ppm: u64,
    /// Whether exactly so fast is too fast already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// How long it must last, seconds.
    pub after_s: u64,
    /// With fewer requests in the long window it stays silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
}
