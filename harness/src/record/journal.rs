//! The journal: `journal.jsonl`, one header line and then one line for each event.
//!
//! Invariant: a verdict is computed from this file alone. A file cut at any byte is read up to
//! its last whole line; a line that is whole but not an event is refused, with its number, and so is
//! a journal that was changed anywhere once it was whole (its last line seals it).
//! Not here: what lines mean (crate slo), histograms for people (`hlog`).

use super::under_way;
use crate::plan::seal::Seal;
use assay_slo::{Case, Entry, Event};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The journal's version: a reader refuses any other.
pub const SCHEMA: u32 = 2;

/// The longest line a reader takes; a longer one is not ours.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// The first line: everything that must be known to judge and to report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Program and version: `assay 0.1.0`.
    pub tool: String,
    /// The run's id, part of every request id.
    pub run: String,
    /// The date of the run's epoch, RFC 3339, UTC: aligns foreign logs.
    pub started: String,
    /// The command that repeats the run.
    pub repeat: String,
    /// Which scenario.
    pub scenario: ScenarioHead,
    /// The seed of every random choice.
    pub seed: u64,
    /// What an inconclusive run exits with.
    pub on_inconclusive: OnInconclusive,
    /// Where it ran.
    pub environment: Environment,
    /// The question for the judge.
    pub case: Case,
}

/// Which scenario a run was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioHead {
    /// Its name.
    pub name: String,
    /// The file as the user named it.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What its author believes.
    pub hypothesis: Option<String>,
    /// Copied from it.
    pub labels: Vec<(String, String)>,
}

/// What becomes of exit code 3. Shown in the run's JUnit file too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// It stays 3; in JUnit an error.
    #[default]
    Exit3,
    /// It becomes 1; in JUnit a failure.
    Fail,
    /// It becomes 0; in JUnit skipped.
    Pass,
}

/// Where a run was made: runs of unlike machines are not to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Cores that the program may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Kernel release.
    pub kernel: String,
    /// `dev` or `release`.
    pub profile: String,
    /// What the processor calls itself; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub processor: String,
    /// What equal measurements differ by there; none where nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// What equal measurements differ by on a machine, in thousandths of the least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// On which day that was found: `2026-01-31`.
    pub on: String,
    /// Medians.
    pub p50_permille: u64,
    /// 95th percentiles.
    pub p95_permille: u64,
    /// 99th percentiles.
    pub p99_permille: u64,
}

impl Environment {
    /// What must be alike where runs are held against each other: names and values.
    #[must_use]
    pub fn facts(&self) -> Vec<(String, String)> {
        // Kernels differ in what they keep for themselves.
        let gib = (self.memory_mib + 512) / 1024;
        let facts = [
            ("cores", self.cores.to_string()),
            ("processor", self.processor.clone()),
            ("memory", format!("{gib} GiB")),
            ("kernel", self.kernel.clone()),
            ("build of assay", self.profile.clone()),
        ];
        facts.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

impl Calibration {
    /// In one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let share = |permille: u64| format!("{}.{} %", permille / 10, permille % 10);
        format!(
            "equal load differs here by {} of its P50, {} of its P95, {} of its P99 (calibrated on \
             {}): smaller changes cannot be seen by runs of some seconds",
            share(self.p50_permille),
            share(self.p95_permille),
            share(self.p99_permille),
            self.on
        )
    }
}

/// Why a journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No such file, or not readable.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds no whole header line.
    #[error("{path} has no whole first line: nothing was run, there is nothing to judge")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Written by another version.
    #[error("{path} has journal version {found}; this program reads version {SCHEMA}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A whole line that is not what it should be.
    #[error("{path}:{line}: {problem}; the journal was edited or damaged and is not judged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// Writes a journal. Lines reach the file when it is flushed.
#[derive(Debug)]
pub struct Journal {
    file: BufWriter<File>,
    seal: Seal,
}

impl Journal {
    /// Creates the file, holds its lock (see `under_way`) and writes its header.
    ///
    /// # Errors
    /// What the system says, for instance that the disk is full.
    pub fn create(path: &Path, header: &Header) -> std::io::Result<Journal> {
        let file = File::options().write(true).create_new(true).open(path)?;
        under_way::hold(&file);
        let mut journal = Journal { file: BufWriter::new(file), seal: Seal::default() };
        journal.line(header)?;
        journal.flush()?;
        Ok(journal)
    }

    /// Adds one event; the end is sealed.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, entry: &Entry) -> std::io::Result<()> {
        self.line(entry)?;
        match entry.event {
            Event::End(_) => writeln!(self.file, "{}", self.seal.line()),
            _ => Ok(()),
        }
    }

    /// Hands everything to the system: what was flushed survives the death of this process.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }

    /// Flushes and waits until it is on the disk. Gives the file: the run is under way until
    /// that is dropped.
    ///
    /// # Errors
    /// What the system says.
    pub fn close(mut self) -> std::io::Result<File> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        self.file.into_inner().map_err(std::io::IntoInnerError::into_error)
    }

    fn line(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(value).map_err(std::io::Error::other)?;
        self.seal.add(&text);
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

/// Reads a journal: gives its header, and every entry to `each` in the order of the file.
/// Stops quietly at a last line without an end: the writer was killed there.
///
/// # Errors
/// See [`JournalError`]; what `each` says of an entry is reported with its line.
pub fn read(
    path: &Path,
    mut each: impl FnMut(&Header, Entry) -> Result<(), String>,
) -> Result<Header, JournalError> {
    let unreadable = |source| JournalError::Unreadable { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let first = whole_line(&mut file).map_err(unreadable)?;
    let header = decode_header(path, first.as_deref())?;
    let mut seal = Seal::default();
    seal.add(first.as_deref().unwrap_or_default());
    // The end is told only under its seal: before that, the file may have been cut there.
    let mut end: Option<(u64, Entry)> = None;
    let mut sealed = false;
    let mut number = 1;
    let damaged =
        |line, problem: String| JournalError::Damaged { path: path.to_owned(), line, problem };
    while let Some(line) = whole_line(&mut file).map_err(unreadable)? {
        number += 1;
        if sealed {
            return Err(damaged(number, "there are lines after its seal".to_owned()));
        }
        if Seal::is_seal(&line) {
            if line != seal.line().as_bytes() {
                let problem = "its seal does not fit the lines before it".to_owned();
                return Err(damaged(number, problem));
            }
            sealed = true;
            continue;
        }
        seal.add(&line);
        let entry: Entry =
            serde_json::from_slice(&line).map_err(|error| damaged(number, error.to_string()))?;
        if let Some((at, entry)) = end.take() {
            each(&header, entry).map_err(|problem| damaged(at, problem))?;
        }
        match entry.event {
            Event::End(_) => end = Some((number, entry)),
            _ => each(&header, entry).map_err(|problem| damaged(number, problem))?,
        }
    }
    if let (true, Some((at, entry))) = (sealed, end) {
        each(&header, entry).map_err(|problem| damaged(at, problem))?;
    }
    Ok(header)
}

fn decode_header(path: &Path, line: Option<&[u8]>) -> Result<Header, JournalError> {
    let path = path.to_owned();
    let Some(line) = line else { return Err(JournalError::Empty { path }) };
    let damaged = |error: serde_json::Error| JournalError::Damaged {
        path: path.clone(),
        line: 1,
        problem: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_slice(line).map_err(damaged)?;
    let found = value.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if found != u64::from(SCHEMA) {
        return Err(JournalError::Version { path, found });
    }
    serde_json::from_value(value).map_err(damaged)
}

/// The next line without its end; none at the end of the file or of what was wholly written.
fn whole_line(file: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = std::io::Read::take(&mut *file, LONGEST_LINE).read_until(b'\n', &mut line)?;
    if read == 0 || line.pop() != Some(b'\n') {
        return Ok(None);
    }
    Ok(Some(line))
}

#[cfg(test)]
pub(crate) mod tests;
