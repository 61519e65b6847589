//! The report files of a run directory.
//!
//! Invariant: a file is there whole or not at all; verdict.json comes last, so where it is, the
//! others are.
//! Not here: what is in them (`json`, `junit`, `summary`, `html`).

use super::head::Head;
use super::html::{self, Series};
use super::{json, junit, summary};
use assay_slo::Scorecard;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the reports of a run are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// For programs.
    pub verdict_json: PathBuf,
    /// For CI servers.
    pub junit_xml: PathBuf,
    /// For people, in Markdown.
    pub summary_md: PathBuf,
    /// For people, in a browser.
    pub report_html: PathBuf,
    /// Its style sheet, for viewers that forbid the one in it.
    pub report_css: PathBuf,
}

impl Paths {
    /// The files' fixed names in this run directory.
    #[must_use]
    pub fn of(run_dir: &Path) -> Paths {
        Paths {
            verdict_json: run_dir.join("verdict.json"),
            junit_xml: run_dir.join("junit.xml"),
            summary_md: run_dir.join("summary.md"),
            report_html: run_dir.join("report.html"),
            report_css: run_dir.join("report.css"),
        }
    }
}

/// Writes all reports into the run directory, over those that are there. The series come from
/// [`html::collect`]; the page also shows the directory's scenario.yaml, if there is one.
///
/// # Errors
/// When the directory is missing or a file cannot be written; those written before stay.
pub fn write_all(
    run_dir: &Path,
    head: &Head,
    scorecard: &Scorecard,
    series: &Series,
) -> io::Result<Paths> {
    let paths = Paths::of(run_dir);
    let scenario = std::fs::read(run_dir.join("scenario.yaml")).unwrap_or_default();
    let scenario = String::from_utf8_lossy(&scenario);
    write_whole(&paths.junit_xml, &junit::junit_xml(head, scorecard)?)?;
    write_whole(&paths.summary_md, summary::summary_md(head, scorecard).as_bytes())?;
    write_whole(&paths.report_css, html::STYLE.as_bytes())?;
    let page = html::html(head, scorecard, series, &scenario);
    write_whole(&paths.report_html, page.as_bytes())?;
    write_whole(&paths.verdict_json, &json::verdict_json(head, scorecard)?)?;
    Ok(paths)
}

/// Writes a file so that a reader sees its old text or all of its new one, whatever happens.
///
/// # Errors
/// With the file's path, when it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    let written = write_synced(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| {
        // Best effort: what counts is the error that is told.
        _ = std::fs::remove_file(&partial);
        io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
    })
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn files_are_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (head, scorecard) = (sample::head(), sample::scorecard());
        std::fs::write(dir.path().join("verdict.json"), "old and longer than nothing").unwrap();
        let paths = write_all(dir.path(), &head, &scorecard, &Series::default()).unwrap();
        let again = write_all(dir.path(), &head, &scorecard, &Series::default()).unwrap();
        assert_eq!(paths, again);
        let read = std::fs::read(&paths.verdict_json).unwrap();
        assert_eq!(read, json::verdict_json(&head, &scorecard).unwrap());
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["junit.xml", "report.css", "report.html", "summary.md", "verdict.json"]);
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("gone");
        let error = write_all(&missing, &sample::head(), &sample::scorecard(), &Series::default())
            .unwrap_err();
        assert!(error.to_string().contains("junit.xml"), "{error}");
        // A directory in the file's place cannot be replaced; the partial file must not stay.
        std::fs::create_dir(dir.path().join("junit.xml")).unwrap();
        write_all(dir.path(), &sample::head(), &sample::scorecard(), &Series::default())
            .unwrap_err();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
