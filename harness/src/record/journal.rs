//! The journal: `journal.jsonl`, one header line and then one line for each event.
//!
//! Invariant: a verdict is computed from this file alone. A file cut at any byte is read up to
//! its last whole line; a line that is whole but not an event is refused, with its number.
//! Not here: what lines mean (crate slo), histograms for people (`hlog`).

use super::under_way;
use assay_slo::{Case, Entry};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The journal's version: a reader refuses any other.
pub const SCHEMA: u32 = 1;

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
}

impl Journal {
    /// Creates the file, holds its lock (see `under_way`) and writes its header.
    ///
    /// # Errors
    /// What the system says, for instance that the disk is full.
    pub fn create(path: &Path, header: &Header) -> std::io::Result<Journal> {
        let file = File::options().write(true).create_new(true).open(path)?;
        under_way::hold(&file);
        let mut journal = Journal { file: BufWriter::new(file) };
        journal.line(header)?;
        journal.flush()?;
        Ok(journal)
    }

    /// Adds one event.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, entry: &Entry) -> std::io::Result<()> {
        self.line(entry)
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
    let mut number = 1;
    while let Some(line) = whole_line(&mut file).map_err(unreadable)? {
        number += 1;
        let damaged =
            |problem| JournalError::Damaged { path: path.to_owned(), line: number, problem };
        let entry = serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
        each(&header, entry).map_err(damaged)?;
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
pub(crate) mod tests {
    use super::*;
    use assay_slo::{At, Event};

    /// The first line of a run that asked nothing.
    pub(crate) fn header() -> Header {
        Header {
            schema: SCHEMA,
            tool: "assay test".into(),
            run: "r1".into(),
            started: "2026-01-01T00:00:00Z".into(),
            repeat: "assay run x.yaml".into(),
            scenario: ScenarioHead {
                name: "x".into(),
                file: "x.yaml".into(),
                sha256: "00".into(),
                hypothesis: None,
                labels: vec![],
            },
            seed: 1,
            on_inconclusive: OnInconclusive::Exit3,
            environment: Environment {
                cores: 1,
                memory_mib: 1,
                kernel: "k".into(),
                profile: "dev".into(),
                processor: String::new(),
                calibration: None,
            },
            case: Case {
                warmup_us: 0,
                loads: vec![],
                marks: vec![],
                ages_us: vec![],
                faults: vec![],
                objectives: vec![],
                expectations: vec![],
                steady_state: None,
                fleets: vec![],
                breakers: vec![],
                metrics: vec![],
                capacities: vec![],
                baseline: None,
            },
        }
    }

    fn finding(text: &str) -> Entry {
        Entry { at: At(5), event: Event::Finding { text: text.into() } }
    }

    fn written() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path, &header()).unwrap();
        journal.write(&finding("one")).unwrap();
        journal.write(&finding("two")).unwrap();
        journal.close().unwrap();
        std::fs::read(path).unwrap()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Vec<Entry>, JournalError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, bytes).unwrap();
        let mut entries = vec![];
        read(&path, |_, entry| {
            entries.push(entry);
            Ok(())
        })?;
        Ok(entries)
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read_bytes(&written()).unwrap(), [finding("one"), finding("two")]);
    }

    #[test]
    fn a_journal_cut_at_any_byte_is_read_to_its_last_whole_line() {
        let bytes = written();
        for end in 0..bytes.len() {
            let whole = bytes[..end].iter().filter(|byte| **byte == b'\n').count();
            match read_bytes(&bytes[..end]) {
                Ok(entries) => assert_eq!(entries.len() + 1, whole),
                Err(error) => {
                    assert!(matches!(error, JournalError::Empty { .. }), "{error}");
                    assert_eq!(whole, 0);
                }
            }
        }
    }

    #[test]
    fn a_damaged_line_is_refused_with_its_number() {
        let mut bytes = written();
        let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 3;
        bytes[second] = b'!';
        let error = read_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains("journal.jsonl:2: "), "{error}");
    }

    #[test]
    fn another_version_is_refused() {
        let text =
            String::from_utf8(written()).unwrap().replacen("\"schema\":1", "\"schema\":9", 1);
        let error = read_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("version 9"), "{error}");
    }
}
