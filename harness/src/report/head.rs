//! What reports need beside the scorecard.
//!
//! Invariant: everything here comes from the journal, so that a run reported again later gives
//! the same bytes; only [`Head::run_dir`], [`Head::kept`] and [`Head::command`] are the reader's own, and
//! verdict.json has neither.
//! Not here: what was found (crate slo's scorecard).

use super::exit::{Exit, OnInconclusive};
use crate::judge::Judged;
use assay_slo::event::EndReason;
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
    /// What could not be undone, each with what to do about it.
    pub still_broken: Vec<String>,
    /// How the program ends.
    pub exit: Exit,
    /// What to type to run it again.
    pub command: String,
    /// The run directory as it is printed; empty where the reports are not there.
    pub run_dir: String,
    /// How many failed exchanges were kept there.
    #[serde(default)]
    pub kept: usize,
}

impl Head {
    /// What a judged journal says of its run; `run_dir` as it is to be printed.
    #[must_use]
    pub fn of(judged: &Judged, run_dir: String) -> Head {
        let header = &judged.header;
        let end = judged.end.as_ref();
        let still_broken = end.map(|end| end.still_broken.clone()).unwrap_or_default();
        let stopped = end.filter(|end| end.reason != EndReason::Complete);
        Head {
            tool: header.tool.clone(),
            scenario: header.scenario.name.clone(),
            sha256: header.scenario.sha256.clone(),
            file: header.scenario.file.clone(),
            hypothesis: header.scenario.hypothesis.clone(),
            labels: header.scenario.labels.clone(),
            seed: header.seed,
            run_id: header.run.clone(),
            started: header.started.clone(),
            on_inconclusive: header.on_inconclusive,
            stopped_by: stopped.map(|end| end.detail.clone()),
            exit: Exit::of(
                judged.scorecard.verdict,
                end.map(|end| end.reason),
                !still_broken.is_empty(),
                header.on_inconclusive,
            ),
            still_broken,
            command: header.repeat.clone(),
            run_dir,
            kept: 0,
        }
    }
}
