//! Whether a journal is still being written, and by whom.
//!
//! The run holds a lock (`flock(2)`) on its journal, which the system takes away at any death: a
//! journal without one is finished, or its run was killed.
//!
//! Invariant: a file system without locks is no reason not to run, or not to judge.
//! Not here: the journal's lines (`journal`).

use std::fs::{File, TryLockError};
use std::os::linux::fs::MetadataExt;
use std::path::Path;

/// A run that is still going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    /// Its process, if the system tells.
    pub pid: Option<i32>,
}

/// Locks a journal for as long as the file, or a clone of it, is open.
pub(super) fn hold(file: &File) {
    // Where there are no locks, nobody can look for one either.
    let _ = file.try_lock();
}

/// The run that still writes this journal; none if none does, or there is no such file.
#[must_use]
pub fn under_way(journal: &Path) -> Option<UnderWay> {
    let file = File::open(journal).ok()?;
    // Shared, and gone with `file` in a moment: two readers do not keep each other out.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(UnderWay { pid: holder(&file) }),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Who holds a lock on this file.
fn holder(file: &File) -> Option<i32> {
    let inode = file.metadata().ok()?.st_ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| parse(line, inode))
}

/// A line's fields, see `proc_locks(5)`: number, `FLOCK`, `ADVISORY`, `WRITE`, pid,
/// `major:minor:inode`, start, end. Devices are named differently by different file systems; the
/// inode is enough for a message.
fn parse(line: &str, inode: u64) -> Option<i32> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, "FLOCK", "ADVISORY", "WRITE", pid, file, ..] = fields.as_slice() else { return None };
    let found: u64 = file.rsplit(':').next()?.parse().ok()?;
    pid.parse().ok().filter(|pid| found == inode && *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_under_way_while_somebody_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        assert_eq!(under_way(&path), None);
        let file = File::create(&path).unwrap();
        assert_eq!(under_way(&path), None);
        hold(&file);
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(under_way(&path), Some(UnderWay { pid: Some(own) }));
        drop(file);
        assert_eq!(under_way(&path), None);
    }

    #[test]
    fn reads_the_kernel_s_lines() {
        let line = "1: FLOCK  ADVISORY  WRITE 1426 fe:00:753934 0 EOF";
        assert_eq!(parse(line, 753_934), Some(1426));
        assert_eq!(parse(line, 53_934), None);
        for other in [
            "4: OFDLCK ADVISORY  READ -1 00:06:3 0 EOF",
            "1: -> FLOCK  ADVISORY  WRITE 1426 fe:00:3 0 EOF",
            "1: FLOCK  ADVISORY  WRITE -1 fe:00:3 0 EOF",
            "",
        ] {
            assert_eq!(parse(other, 3), None);
        }
    }
}
