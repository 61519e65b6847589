//! What takes memory and disk from a service that is a process: memory is held by a process of ours, disk
//! by a file.
//!
//! Invariant: of both some is left, or nothing is taken: the machine must go on, and the run must be able
//! to write its journal.
//! Invariant: when memory runs out all the same, the kernel ends the one that holds it, not the service.
//! Not here: limits of containers (`engine`), who asks for it (`run`), deleting the file of a dead run
//! (`undo`).

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

/// The line that says that the memory is held.
pub const HELD: &str = "assay: holds the memory";
/// What must be left, of memory and of a disk.
const KEEP: u64 = 256 << 20;
/// Besides this share of the whole, one of so many.
const KEEP_PART: u64 = 20;
/// Bytes that are written at once.
const PIECE: usize = 1 << 20;
/// A block as files are counted in them (stat(2)).
const BLOCK: u64 = 512;

/// Holds memory, at most this long; the program's hidden subcommand `burner`.
#[must_use]
pub fn burner_main(bytes: u64, most: Duration) -> ExitCode {
    let held = match hold(bytes) {
        Ok(held) => held,
        Err(why) => {
            _ = writeln!(io::stdout().lock(), "assay: {why}");
            return ExitCode::FAILURE;
        }
    };
    _ = writeln!(io::stdout().lock(), "{HELD}");
    let (_never, end) = channel::<()>();
    // Nobody sends: this waits until its time is over, or a signal comes.
    _ = end.recv_timeout(most);
    drop(std::hint::black_box(held));
    ExitCode::SUCCESS
}

fn hold(bytes: u64) -> Result<Vec<u8>, String> {
    std::fs::write("/proc/self/oom_score_adj", "1000")
        .map_err(|why| format!("the kernel would not end this process first: {why}"))?;
    let about = std::fs::read_to_string("/proc/meminfo").map_err(|why| why.to_string())?;
    let of = |key: &str| field(&about, key).ok_or(format!("the system does not tell its {key}"));
    let (available, whole) = (of("MemAvailable")?, of("MemTotal")?);
    enough(available, whole, bytes).map_err(|why| format!("memory: {why}"))?;
    let size = usize::try_from(bytes).map_err(|why| why.to_string())?;
    let mut held = Vec::new();
    held.try_reserve_exact(size).map_err(|why| why.to_string())?;
    // A page that was never written is nobody's.
    held.resize(size, 1_u8);
    Ok(std::hint::black_box(held))
}

/// A line of `/proc/meminfo`, in bytes.
fn field(about: &str, key: &str) -> Option<u64> {
    let line = about.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Whether some is left when so much is taken.
fn enough(available: u64, whole: u64, taken: u64) -> Result<(), String> {
    let keep = KEEP.max(whole / KEEP_PART);
    if available.saturating_sub(taken) >= keep {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(format!(
        "{} MiB are available, and {} MiB must be left when {} MiB are taken",
        mib(available),
        mib(keep),
        mib(taken)
    ))
}

/// Takes space on a disk, by a file that must not be there yet. Blocks.
///
/// # Errors
/// A sentence without its beginning; the file may be there then.
pub fn fill(path: &Path, bytes: u64) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let disk = statvfs(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let size = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    enough(size(disk.f_bavail), size(disk.f_blocks), bytes)
        .map_err(|why| format!("disk of {}: {why}", folder.display()))?;
    let written = || -> io::Result<u64> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        if fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err() {
            write_all(&mut file, bytes)?;
        }
        file.sync_all()?;
        Ok(file.metadata()?.blocks() * BLOCK)
    };
    match written().map_err(|why| format!("{}: {why}", path.display()))? {
        taken if taken >= bytes => Ok(()),
        taken => Err(format!("{} took {taken} of {bytes} bytes only", path.display())),
    }
}

/// Where a file system cannot reserve.
fn write_all(file: &mut File, bytes: u64) -> io::Result<()> {
    let piece = vec![b'.'; PIECE];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        file.write_all(piece.get(..now).unwrap_or(&piece))?;
        left -= now as u64;
    }
    Ok(())
}

/// Gives it back; a file that is gone needs nothing.
///
/// # Errors
/// What the system says; the file is still there.
pub(super) fn give_back(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_is_always_left() {
        let mib = |n: u64| n << 20;
        assert_eq!(enough(mib(1000), mib(2000), mib(744)), Ok(()));
        let why = enough(mib(1000), mib(2000), mib(745)).unwrap_err();
        assert!(why.contains("1000 MiB are available, and 256 MiB must be left"), "{why}");
        // Of a big one a twentieth.
        assert!(enough(mib(4000), mib(100_000), mib(1)).is_err());
        assert!(enough(0, 0, 1).is_err());
    }

    #[test]
    fn the_kernels_table_is_read_in_bytes() {
        let about = "MemTotal:       8000 kB\nMemFree:  1 kB\nMemAvailable:   2000 kB\n";
        assert_eq!(field(about, "MemAvailable"), Some(2_048_000));
        assert_eq!(field(about, "Mem"), None);
    }

    #[test]
    fn a_file_takes_space_once_and_gives_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("filler");
        fill(&path, 3 << 20).unwrap();
        assert!(std::fs::metadata(&path).unwrap().blocks() * BLOCK >= 3 << 20);
        // Never over what is somebody's.
        assert!(fill(&path, 1).unwrap_err().contains("exists"));
        give_back(&path).unwrap();
        give_back(&path).unwrap();
        assert!(!path.exists());
        assert!(fill(&path, u64::MAX).unwrap_err().contains("must be left"));
        assert!(!path.exists());
    }
}
