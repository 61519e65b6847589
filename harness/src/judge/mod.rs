//! From a run directory to its scorecard. Live run and replay share this one function.
//!
//! Invariant: reads `journal.jsonl` and nothing else (of a series `series.json` and the journals that
//! it names), so a copied directory gives the same bytes.
//! Not here: judgement itself (crate slo), what is written and printed (`report`).

use crate::plan;
use crate::record::journal::{self, Header, JournalError};
use crate::record::series::Series;
use crate::spec::Problems;
use assay_slo::series::Run;
use assay_slo::{Past, Scorecard, Timeline};
use std::path::{Path, PathBuf};

/// What a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its first line; of a series the last run's.
    pub header: Header,
    /// The verdict, and all that leads to it.
    pub scorecard: Scorecard,
    /// How the run ended; none if it was killed. Of a series the last run's.
    pub end: Option<assay_slo::event::End>,
}

/// Why a directory cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A journal of it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The other SLO file.
    #[error("{0}")]
    Asked(#[from] Problems),
    /// What says which journals there are.
    #[error("{0}")]
    Series(String),
}

/// Judges a run directory, or a series of runs.
///
/// # Errors
/// The journal is unreadable, damaged, or of another version.
pub fn judge(dir: &Path) -> Result<Judged, JudgeError> {
    let Some(series) = Series::read(dir).map_err(JudgeError::Series)? else {
        return Ok(one(dir)?);
    };
    if let Some(why) = series.cut_short() {
        return Err(JudgeError::Series(format!("{}: {why}", dir.display())));
    }
    let mut runs = Vec::new();
    let mut last = None;
    for name in &series.runs {
        let (header, timeline) = read(&dir.join(name))?;
        let card = assay_slo::judge(&header.case, &timeline);
        last = Some((header.clone(), timeline.last_line().cloned()));
        runs.push(Run { case: header.case, timeline, card });
    }
    let Some((header, end)) = last else {
        return Err(JudgeError::Series("a series without runs".to_owned()));
    };
    Ok(Judged { header, scorecard: assay_slo::series::judge(&runs, series.decide), end })
}

/// Judges a run by another SLO file; and what is to be said of that. Reads `scenario.yaml` too, for
/// the names.
///
/// # Errors
/// The run cannot be read, or the file cannot be asked of it.
pub fn by(run_dir: &Path, file: &str) -> Result<(Judged, Vec<String>), JudgeError> {
    if let Some(series) = Series::read(run_dir).map_err(JudgeError::Series)? {
        return Err(JudgeError::Series(format!(
            "{}: another SLO file is asked of one run, and this is a series; ask each: {}",
            run_dir.display(),
            series.runs.join(", ")
        )));
    }
    let path = run_dir.join("scenario.yaml");
    let scenario = std::fs::read_to_string(&path)
        .map_err(|error| JudgeError::Series(format!("cannot read {}: {error}", path.display())))?;
    let (mut header, mut timeline) = read(run_dir)?;
    let (case, told) = plan::asked_later(&scenario, file, &header.case)?;
    timeline.ask_later(&case);
    header.case = case;
    let scorecard = assay_slo::judge(&header.case, &timeline);
    let end = timeline.last_line().cloned();
    Ok((Judged { header, scorecard, end }, told))
}

fn one(run_dir: &Path) -> Result<Judged, JournalError> {
    let (header, timeline) = read(run_dir)?;
    let scorecard = assay_slo::judge(&header.case, &timeline);
    let end = timeline.last_line().cloned();
    Ok(Judged { header, scorecard, end })
}

/// What the runs of a directory came to, to hold others against; with the first line of the last.
///
/// # Errors
/// As [`judge`].
pub fn pasts(dir: &Path) -> Result<(Header, Vec<Past>), JudgeError> {
    let series = Series::read(dir).map_err(JudgeError::Series)?;
    let dirs: Vec<PathBuf> = match series {
        None => vec![dir.to_owned()],
        Some(series) => series.runs.iter().map(|name| dir.join(name)).collect(),
    };
    let mut pasts = Vec::new();
    let mut last = None;
    for dir in dirs {
        let (header, timeline) = read(&dir)?;
        pasts.push(Past::new(header.run.clone(), header.started.clone(), &header.case, &timeline));
        last = Some(header);
    }
    let header = last.ok_or_else(|| JudgeError::Series("a series without runs".to_owned()))?;
    Ok((header, pasts))
}

fn read(run_dir: &Path) -> Result<(Header, Timeline), JournalError> {
    let mut timeline = Timeline::default();
    let header = journal::read(&run_dir.join("journal.jsonl"), |header, entry| {
        timeline.add(&entry, &header.case).map_err(|problem| problem.to_string())
    })?;
    Ok((header, timeline))
}
