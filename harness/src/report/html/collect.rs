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
