//! The run directory: where a run leaves everything it found out.
//!
//! Invariant: a run never writes into a directory that holds anything already.
//! Not here: what is written (`record`, `report`).

use crate::clock;
use std::path::{Path, PathBuf};

/// Where runs are that were given no directory.
pub const RUNS: &str = "reports";

/// Why a run directory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It holds something.
    #[error("{0} is not empty; name a directory that does not exist yet: --out DIR")]
    NotEmpty(PathBuf),
    /// It is no directory.
    #[error("{0} is a file; name a directory: --out DIR")]
    File(PathBuf),
    /// The system refused.
    #[error("cannot create {path}: {source}; name another place: --out DIR")]
    Refused {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Where the runs are that a run with this directory would be beside.
#[must_use]
pub fn beside(out: Option<&Path>) -> &Path {
    match out.map(|out| out.parent().unwrap_or(Path::new("."))) {
        None => Path::new(RUNS),
        Some(here) if here.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
    }
}

/// Creates `out`, or `reports/<name>-<utc>-<seed>` in the current directory.
///
/// # Errors
/// See [`DirectoryError`].
pub fn create(out: Option<&Path>, name: &str, seed: u64) -> Result<PathBuf, DirectoryError> {
    let path = match out {
        Some(path) => ours(path)?,
        None => free(name, seed)?,
    };
    let logs = path.join("logs");
    std::fs::create_dir_all(&logs)
        .map_err(|source| DirectoryError::Refused { path: logs, source })?;
    Ok(path)
}

/// The directory that the user named, absent or empty.
fn ours(path: &Path) -> Result<PathBuf, DirectoryError> {
    let path = path.to_owned();
    if path.is_file() {
        return Err(DirectoryError::File(path));
    }
    let held = std::fs::create_dir_all(&path)
        .and_then(|()| std::fs::read_dir(&path))
        .map(|mut entries| entries.next().is_some());
    match held {
        Ok(false) => Ok(path),
        Ok(true) => Err(DirectoryError::NotEmpty(path)),
        Err(source) => Err(DirectoryError::Refused { path, source }),
    }
}

/// A name that nobody has: two runs that begin in one second must not meet.
fn free(name: &str, seed: u64) -> Result<PathBuf, DirectoryError> {
    let stamp = clock::wall().format("%Y%m%dT%H%M%SZ");
    let refused = |path: &Path, source| DirectoryError::Refused { path: path.to_owned(), source };
    let folder = PathBuf::from(RUNS);
    std::fs::create_dir_all(&folder).map_err(|source| refused(&folder, source))?;
    let mut again = 1;
    loop {
        let more = if again > 1 { format!("-{again}") } else { String::new() };
        let path = folder.join(format!("{name}-{stamp}-{seed}{more}"));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => again += 1,
            Err(source) => return Err(refused(&path, source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_beside_each_other() {
        let beside = |out: &'static str| super::beside(Some(Path::new(out)));
        assert_eq!(super::beside(None), Path::new("reports"));
        assert_eq!([beside("a/b"), beside("a"), beside("/")], ["a", ".", "."].map(Path::new));
    }

    #[test]
    fn an_empty_or_absent_directory_is_taken_and_a_full_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("a/b");
        assert_eq!(create(Some(&absent), "x", 1).unwrap(), absent);
        std::fs::write(absent.join("verdict.json"), "{}").unwrap();
        assert!(matches!(create(Some(&absent), "x", 1), Err(DirectoryError::NotEmpty(_))));
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(create(Some(&file), "x", 1), Err(DirectoryError::File(_))));
    }
}
