//! From a run directory to its scorecard. Live run and replay share this one function.
//!
//! Invariant: reads `journal.jsonl` and nothing else (of a series `series.json` and the journals that
//! it names), so a copied directory gives the same bytes.
//! Not here: judgement itself (crate slo), what is written and printed (`report`).

use crate::plan;
use crate::record::journal::{self, Header, JournalError};
use crate::record::series::{Member, Series};
use crate::spec::Problems;
use assay_slo::series::Run;
use assay_slo::{Past, Scorecard, Timeline};
use std::path::Path;

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
    for one in &series.runs {
        let (header, timeline) = member(dir, one)?;
        let card = assay_slo::judge(&header.case, &timeline);
        last = Some((header.clone(), timeline.last_line().cloned()));
        runs.push(Run { case: header.case, timeline, card });
    }
    let Some((header, end)) = last else {
        return Err(JudgeError::Series("a series without runs".to_owned()));
    };
    others(dir, &series, &header)?;
    Ok(Judged { header, scorecard: assay_slo::series::judge(&runs, series.decide), end })
}

/// The other build's runs are there as they were when those of the series were held against them.
fn others(dir: &Path, series: &Series, last: &Header) -> Result<(), JudgeError> {
    let others = series.against.iter().map(|one| {
        let (header, timeline) = member(dir, one)?;
        Ok(Past::new(header.run, header.started, &header.case, &timeline))
    });
    let others = others.collect::<Result<Vec<Past>, JudgeError>>()?;
    let known = last.case.baseline.as_ref().map_or(&[][..], |baseline| &baseline.runs);
    if series.against.is_empty() || others.starts_with(known) {
        return Ok(());
    }
    Err(JudgeError::Series(format!(
        "{}: its runs were held against other ones than {}",
        dir.display(),
        series.against.iter().map(|one| one.folder.as_str()).collect::<Vec<_>>().join(", ")
    )))
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
            series.folders()
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
    if let Some(why) = series.as_ref().and_then(Series::cut_short) {
        return Err(JudgeError::Series(format!("{}: {why}", dir.display())));
    }
    let read: Vec<(Header, Timeline)> = match &series {
        None => vec![read(dir)?],
        Some(series) => {
            let runs = series.runs.iter().map(|one| member(dir, one));
            runs.collect::<Result<_, JudgeError>>()?
        }
    };
    let past = |(header, timeline): &(Header, Timeline)| {
        Past::new(header.run.clone(), header.started.clone(), &header.case, timeline)
    };
    let pasts = read.iter().map(past).collect();
    let last = read.into_iter().next_back().map(|(header, _)| header);
    let header = last.ok_or_else(|| JudgeError::Series("a series without runs".to_owned()))?;
    Ok((header, pasts))
}

/// One run of a series: that which was made for it, and no other that lies there now.
fn member(dir: &Path, one: &Member) -> Result<(Header, Timeline), JudgeError> {
    let (header, timeline) = read(&dir.join(&one.folder))?;
    if header.run == one.run {
        return Ok((header, timeline));
    }
    Err(JudgeError::Series(format!(
        "{}: `{}` holds run {} and not run {}, which was made for this series",
        dir.display(),
        one.folder,
        header.run,
        one.run
    )))
}

fn read(run_dir: &Path) -> Result<(Header, Timeline), JournalError> {
    let mut timeline = Timeline::default();
    let header = journal::read(&run_dir.join("journal.jsonl"), |header, entry| {
        timeline.add(&entry, &header.case).map_err(|problem| problem.to_string())
    })?;
    Ok((header, timeline))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::journal::Journal;
    use crate::record::journal::tests::header;
    use crate::record::series::{NAME, SCHEMA};
    use assay_slo::series::Decide;

    #[test]
    fn a_series_is_of_the_runs_that_were_made_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let make = |name: &str, run: &str| {
            let folder = dir.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let header = Header { run: run.to_owned(), ..header() };
            Journal::create(&folder.join("journal.jsonl"), &header).unwrap().close().unwrap();
        };
        let member =
            |folder: &str, run: &str| Member { folder: folder.to_owned(), run: run.to_owned() };
        let series = Series {
            schema: SCHEMA,
            decide: Decide::Pooled,
            asked: 2,
            runs: vec![member("1", "a"), member("2", "b")],
            against: Vec::new(),
        };
        std::fs::write(dir.join(NAME), series.text().unwrap()).unwrap();
        make("1", "a");
        make("2", "b");
        assert!(judge(dir).is_ok());
        let ids = |(_, pasts): (Header, Vec<Past>)| {
            pasts.into_iter().map(|past| past.run).collect::<Vec<_>>()
        };
        assert_eq!(pasts(dir).map(ids).unwrap(), ["a", "b"]);
        // The first once more, where the second was.
        std::fs::copy(dir.join("1/journal.jsonl"), dir.join("2/journal.jsonl")).unwrap();
        for told in [judge(dir).unwrap_err(), pasts(dir).unwrap_err()] {
            let told = told.to_string();
            assert!(told.contains("`2` holds run a and not run b"), "{told}");
        }
        // Those that they were held against are there, too.
        std::fs::remove_file(dir.join("2/journal.jsonl")).unwrap();
        make("2", "b");
        let against = Series { against: vec![member("against-1", "c")], ..series.clone() };
        std::fs::write(dir.join(NAME), against.text().unwrap()).unwrap();
        assert!(judge(dir).is_err());
        make("against-1", "c");
        assert!(judge(dir).is_ok());
        std::fs::copy(dir.join("1/journal.jsonl"), dir.join("against-1/journal.jsonl")).unwrap();
        assert!(judge(dir).unwrap_err().to_string().contains("holds run a and not run c"));
        let short = Series { asked: 3, ..series };
        std::fs::remove_file(dir.join("2/journal.jsonl")).unwrap();
        make("2", "b");
        std::fs::write(dir.join(NAME), short.text().unwrap()).unwrap();
        assert!(pasts(dir).unwrap_err().to_string().contains("the series was cut short"));
    }
}
