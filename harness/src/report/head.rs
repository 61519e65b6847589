//! What reports need beside the scorecard.
//!
//! Invariant: everything here comes from the journal, so that a run reported again later gives
//! the same bytes; only [`Head::run_dir`] and [`Head::command`] are the reader's own, and
//! verdict.json has neither.
//! Not here: what was found (crate slo's scorecard).

use super::exit::{Exit, OnInconclusive};
use serde::{Deserialize, Serialize};

/// The run that is reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The program and its version: `assay 0.1.0`.
    pub tool: String,
    /// The scenario's name.
    pub scenario: String,
    /// SHA-256 of the scenario file, hexadecimal.
    pub sha256: String,
    /// The scenario file as the user named it.
    pub file: String,
    /// What the scenario's author believes.
    pub hypothesis: Option<String>,
    /// The scenario's labels, in its order.
    pub labels: Vec<(String, String)>,
    /// The seed of every random choice.
    pub seed: u64,
    /// The run's name.
    pub run_id: String,
    /// When it started, RFC 3339, from the journal.
    pub started: String,
    /// What becomes of what could not be told.
    pub on_inconclusive: OnInconclusive,
    /// What ended it before its time, in a sentence: the guard, the service never ready.
    pub stopped_by: Option<String>,
    /// How the program ends.
    pub exit: Exit,
    /// What to type to run it again.
    pub command: String,
    /// The run directory as it is printed.
    pub run_dir: String,
}
