//! What a metric came to, for people and programs.
//!
//! Not here: limits on it (`expectation`).

use crate::case::Unit;
use serde::{Deserialize, Serialize};

/// What a metric came to, from time 0 on. Values are in its base unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricScore {
    /// Its name.
    pub name: String,
    /// What is read: `rss of api`.
    pub reads: String,
    /// What its values are.
    pub unit: Unit,
    /// How many values were read.
    pub samples: u64,
    /// How many could not be read.
    pub missed: u64,
    /// Why the last of these could not.
    pub last_missed: Option<String>,
    /// The first value; none without any.
    pub first: Option<f64>,
    /// The least.
    pub least: Option<f64>,
    /// The greatest.
    pub greatest: Option<f64>,
    /// The last.
    pub last: Option<f64>,
}
