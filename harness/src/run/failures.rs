//! `failures/` of the run directory: failed exchanges, one text file each.
//!
//! Invariant: the folder is there only if something is in it; what cannot be written is told, and
//! is no reason to end a run.
//! Not here: which exchanges are kept (`client::kept`), how they are told (`load`).

use crate::record::Failure;
use assay_slo::{Case, Outcome};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The longest part of a file's name that comes from a name of the scenario.
const LONGEST: usize = 48;

/// The files that were written.
#[derive(Debug)]
pub(super) struct Failures {
    folder: PathBuf,
    written: BTreeMap<(usize, usize, Outcome), u32>,
}

impl Failures {
    /// Of a run directory, none yet.
    pub(super) fn new(dir: &Path) -> Failures {
        Failures { folder: dir.join("failures"), written: BTreeMap::new() }
    }

    /// Writes one.
    ///
    /// # Errors
    /// A sentence that says what could not be kept.
    pub(super) fn keep(&mut self, case: &Case, failure: &Failure) -> Result<(), String> {
        let key = (failure.load, failure.request, failure.outcome);
        let nth = self.written.entry(key).or_insert(0);
        *nth += 1;
        let path = self.folder.join(file_name(case, failure, *nth));
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&path, &failure.text))
            .map_err(|error| format!("a failed exchange could not be kept: {error}"))
    }
}

/// `shop.02-get-products.http_5xx.1.txt`: sorted by load, request and outcome.
fn file_name(case: &Case, failure: &Failure, nth: u32) -> String {
    let load = case.loads.get(failure.load);
    let request = load.and_then(|load| load.requests.get(failure.request));
    format!(
        "{}.{:02}-{}.{}.{nth}.txt",
        plain(load.map_or("", |load| &load.name)),
        failure.request + 1,
        plain(request.map_or("", |request| &request.name)),
        failure.outcome.name()
    )
}

/// A name of which nothing is left that a file system or a shell could misread.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars().take(LONGEST) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || c == '_' => plain.push(c),
            _ if plain.ends_with('-') || plain.is_empty() => {}
            _ => plain.push('-'),
        }
    }
    plain.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::journal::tests::header;
    use assay_slo::case::{Load, LoadKind, Request};

    #[test]
    fn names_are_plain_and_differ() {
        assert_eq!(plain("GET /../../a?b=c d&é"), "get-a-b-c-d");
        assert_eq!(plain("../.."), "");
        let load = Load {
            name: "shop".to_owned(),
            kind: LoadKind::Open,
            link: None,
            requests: ["GET /a", "GET /a?"].map(|name| Request { name: name.to_owned() }).into(),
            starts_us: 0,
            ends_us: 0,
            planned: 0,
            journeys: false,
            steps: vec![],
            stop_after: vec![],
            traffic: None,
            scarce: None,
        };
        let case = Case { loads: vec![load], ..header().case };
        let folder = tempfile::tempdir().unwrap();
        let mut failures = Failures::new(folder.path());
        assert!(!folder.path().join("failures").exists());
        for (request, outcome) in [
            (0, Outcome::Http5xx),
            (1, Outcome::Http5xx),
            (1, Outcome::Http5xx),
            (1, Outcome::Timeout),
        ] {
            let failure = Failure { load: 0, request, outcome, text: "x".to_owned() };
            failures.keep(&case, &failure).unwrap();
        }
        let entries = std::fs::read_dir(folder.path().join("failures")).unwrap().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        let wanted = [
            "shop.01-get-a.http_5xx.1.txt",
            "shop.02-get-a.http_5xx.1.txt",
            "shop.02-get-a.http_5xx.2.txt",
            "shop.02-get-a.timeout.1.txt",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn what_cannot_be_written_is_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("failures"), "a file").unwrap();
        let failure =
            Failure { load: 0, request: 0, outcome: Outcome::Timeout, text: String::new() };
        let mut failures = Failures::new(folder.path());
        let told = failures.keep(&header().case, &failure).unwrap_err();
        assert!(told.starts_with("a failed exchange could not be kept: "), "{told}");
    }
}
