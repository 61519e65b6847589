//! Reads what the page shows from a run directory.
//!
//! Invariant: the journal must be readable, the log of times need not be.
//! Not here: what is kept of it (`series`).

use super::series::{Kept, Series};
use crate::record::{self, journal};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// More failures are only counted.
const MOST_FAILURES: usize = 300;

/// Bytes of each.
const MOST_READ: u64 = 16 * 1024;

/// Folds a run's journal and its log of times; of a series the last run's.
///
/// # Errors
/// When the journal cannot be read or is damaged; the message says where.
pub fn collect(run_dir: &Path) -> io::Result<Series> {
    let many = record::series::Series::read(run_dir).map_err(io::Error::other)?;
    let last = many.and_then(|many| many.runs.last().map(|one| run_dir.join(&one.folder)));
    let run_dir = last.as_deref().unwrap_or(run_dir);
    let mut series = Series::default();
    let header = journal::read(&run_dir.join("journal.jsonl"), |header, entry| {
        series.add(&entry, &header.case);
        Ok(())
    })
    .map_err(io::Error::other)?;
    series.describe(&header.case, header.environment);
    series.failures = failures(run_dir);
    match File::open(run_dir.join("latency.hlog")) {
        Ok(log) => series.read_times(BufReader::new(log)),
        Err(error) => series.no_times(&error.to_string()),
    }
    Ok(series)
}

/// The first failures that were kept, by name, each as far as the page may show it. What cannot be
/// read is not there.
fn failures(run_dir: &Path) -> Vec<Kept> {
    let names = kept(run_dir);
    let read = |name: String| {
        let file = File::open(run_dir.join("failures").join(&name)).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST_READ + 1).read_to_end(&mut bytes).ok()?;
        let cut = bytes.len() as u64 > MOST_READ;
        Some(Kept { name, text: String::from_utf8_lossy(&bytes).into_owned(), cut })
    };
    names.into_iter().take(MOST_FAILURES).filter_map(read).collect()
}

/// The names of the files of failures, in order.
#[must_use]
pub fn kept(run_dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(run_dir.join("failures")) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".txt")).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::journal::{Environment, Header, Journal, tests::header};
    use crate::report::sample;
    use assay_slo::{At, Entry, Event};
    use std::io::Write;

    #[test]
    fn a_killed_run_without_times_is_collected() {
        let dir = tempfile::tempdir().unwrap();
        assert!(collect(dir.path()).is_err());
        let path = dir.path().join("journal.jsonl");
        let environment = Environment {
            cores: 3,
            memory_mib: 1,
            kernel: "k<1>".into(),
            profile: "dev".into(),
            processor: String::new(),
            calibration: None,
        };
        let mut journal = Journal::create(&path, &Header { environment, ..header() }).unwrap();
        let zero = Event::Zero { zero: At(5) };
        journal.write(&Entry { at: At(5), event: zero }).unwrap();
        journal.close().unwrap();
        File::options().append(true).open(&path).unwrap().write_all(b"{\"at\":9,\"ev").unwrap();
        let series = collect(dir.path()).unwrap();
        assert_eq!((series.zero, series.ended), (Some(At(5)), false));
        let page = super::super::html(&sample::head(), &sample::scorecard(), &series, "");
        assert!(page.contains("latency.hlog could not be read"));
        assert!(page.contains("3 cores, 1 MiB, kernel k&lt;1&gt;, dev build"));
    }
}
