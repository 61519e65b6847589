//! The run directory: where a run leaves everything it found out.
//!
//! Invariant: a run never writes into a directory that holds anything already.
//! Not here: what is written (`record`, `report`).

use crate::clock;
use std::path::{Path, PathBuf};

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

/// Creates `out`, or `reports/<name>-<utc>-<seed>` in the current directory.
///
/// # Errors
/// See [`DirectoryError`].
pub fn create(out: Option<&Path>, name: &str, seed: u64) -> Result<PathBuf, DirectoryError> {
    let path = match out {
        Some(path) => path.to_owned(),
        None => free_name(name, seed),
    };
    let refused = |source| DirectoryError::Refused { path: path.clone(), source };
    if path.is_file() {
        return Err(DirectoryError::File(path));
    }
    if path.is_dir() && std::fs::read_dir(&path).map_err(refused)?.next().is_some() {
        return Err(DirectoryError::NotEmpty(path));
    }
    std::fs::create_dir_all(path.join("logs")).map_err(refused)?;
    Ok(path)
}

/// A name that does not exist: two runs of one second must not meet.
fn free_name(name: &str, seed: u64) -> PathBuf {
    let stamp = clock::wall().format("%Y%m%dT%H%M%SZ");
    let base = PathBuf::from("reports").join(format!("{name}-{stamp}-{seed}"));
    let mut path = base.clone();
    let mut again = 1;
    while path.exists() {
        again += 1;
        path = base.with_file_name(format!("{name}-{stamp}-{seed}-{again}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

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
