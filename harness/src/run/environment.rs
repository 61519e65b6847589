//! The fingerprint of the machine: runs of unlike machines are not to be compared. What equal
//! measurements differ by on it is kept between runs.
//!
//! Invariant: a calibration counts only for the very machine and build that it was made on.
//! Not here: comparing, calibrating (`cli`).

use crate::record::journal::{Calibration, Environment};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Reads it from the system; what cannot be read is 0 or empty.
pub(super) fn read() -> Environment {
    let now = bare();
    let kept = place(&|name| std::env::var_os(name)).and_then(|path| kept(&path, &now));
    Environment { calibration: kept, ..now }
}

/// Keeps a calibration of this machine; says where.
///
/// # Errors
/// There is no place for it, or it cannot be written.
pub fn keep_calibration(figures: &Calibration) -> io::Result<PathBuf> {
    let no_place = || io::Error::other("set XDG_STATE_HOME or HOME to an absolute path");
    let path = place(&|name| std::env::var_os(name)).ok_or_else(no_place)?;
    keep(&path, &Environment { calibration: Some(figures.clone()), ..bare() })?;
    Ok(path)
}

fn keep(path: &Path, environment: &Environment) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(environment)?;
    crate::report::write_whole(path, format!("{text}\n").as_bytes())
}

/// What is kept there, if it is of this machine.
fn kept(path: &Path, now: &Environment) -> Option<Calibration> {
    let text = std::fs::read(path).ok()?;
    let mut kept: Environment = serde_json::from_slice(&text).ok()?;
    let calibration = kept.calibration.take();
    if kept == *now { calibration } else { None }
}

/// XDG base directories: state is what stays between runs and is not precious.
fn place(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    Some(absolute("XDG_STATE_HOME").or_else(home)?.join("assay/calibration.json"))
}

fn bare() -> Environment {
    Environment {
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        memory_mib: memory_kib().unwrap_or(0) / 1024,
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        profile: if cfg!(debug_assertions) { "dev" } else { "release" }.to_owned(),
        processor: processor().unwrap_or_default(),
        calibration: None,
    }
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibration_is_of_one_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/assay/calibration.json");
        let figures = Calibration {
            on: "2026-01-31".to_owned(),
            p50_permille: 12,
            p95_permille: 345,
            p99_permille: 1_000,
        };
        assert_eq!(kept(&path, &bare()), None);
        keep(&path, &Environment { calibration: Some(figures.clone()), ..bare() }).unwrap();
        assert_eq!(kept(&path, &bare()), Some(figures.clone()));
        let other = Environment { kernel: "another".to_owned(), ..bare() };
        assert_eq!(kept(&path, &other), None);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(kept(&path, &bare()), None);
        let said = figures.sentence();
        assert!(said.contains("1.2 % of its P50, 34.5 % of its P95, 100.0 % of its P99"), "{said}");
    }

    #[test]
    fn it_is_kept_where_state_is() {
        let place = |state: Option<&str>, home: Option<&str>| {
            let of = |name: &str| if name == "HOME" { home } else { state }.map(OsString::from);
            place(&of).map(|path| path.display().to_string())
        };
        assert_eq!(place(Some("/s"), Some("/h")).unwrap(), "/s/assay/calibration.json");
        let home = "/h/.local/state/assay/calibration.json";
        assert_eq!(place(Some("relative"), Some("/h")).unwrap(), home);
        assert_eq!(place(None, Some("/h")).unwrap(), home);
        assert_eq!(place(None, None), None);
    }
}
