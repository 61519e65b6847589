//! Reads what the page draws from a run directory.
//!
//! Invariant: the journal must be readable, the log of times need not be.
//! Not here: what is kept of it (`series`).

use super::series::Series;
use crate::record::journal;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// Folds a run's journal and its log of times.
///
/// # Errors
/// When the journal cannot be read or is damaged; the message says where.
pub fn collect(run_dir: &Path) -> io::Result<Series> {
    let mut series = Series::default();
    let header = journal::read(&run_dir.join("journal.jsonl"), |header, entry| {
        series.add(&entry, &header.case);
        Ok(())
    })
    .map_err(io::Error::other)?;
    series.describe(&header.case, header.environment);
    match File::open(run_dir.join("latency.hlog")) {
        Ok(log) => series.read_times(BufReader::new(log)),
        Err(error) => series.no_times(&error.to_string()),
    }
    Ok(series)
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
