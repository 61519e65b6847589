//! How a run changed against its baseline.
//!
//! Not here: how that is found (`baseline`).

use serde::{Deserialize, Serialize};

/// By how much more there is than there was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangeScore {
    /// As a fraction of what it was; else in parts of all requests (points).
    pub relative: bool,
    /// At least so much, with the objective's confidence; none where it is not known.
    pub lower: Option<f64>,
    /// At most so much.
    pub upper: Option<f64>,
    /// Requests of the baseline.
    pub base_n: u64,
    /// Runs of the baseline.
    pub base_runs: u64,
    /// Runs of this side.
    pub runs: u64,
}
