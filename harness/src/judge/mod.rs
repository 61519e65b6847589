//! From a run directory to its scorecard. Live run and replay share this one function.
//!
//! Invariant: reads `journal.jsonl` and nothing else, so a copied directory gives the same bytes.
//! Not here: judgement itself (crate slo), what is written and printed (`report`).

use crate::record::journal::{self, Header, JournalError};
use assay_slo::{Scorecard, Timeline};
use std::path::Path;

/// What a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its first line.
    pub header: Header,
    /// The verdict, and all that leads to it.
    pub scorecard: Scorecard,
    /// How the run ended; none if it was killed.
    pub end: Option<assay_slo::event::End>,
}

/// Judges a run directory.
///
/// # Errors
/// The journal is unreadable, damaged, or of another version.
pub fn judge(run_dir: &Path) -> Result<Judged, JournalError> {
    let mut timeline = Timeline::default();
    let header = journal::read(&run_dir.join("journal.jsonl"), |header, entry| {
        timeline.add(&entry, &header.case).map_err(|problem| problem.to_string())
    })?;
    let scorecard = assay_slo::judge(&header.case, &timeline);
    let end = timeline.last_line().cloned();
    Ok(Judged { header, scorecard, end })
}
