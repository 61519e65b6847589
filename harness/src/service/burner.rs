//! What takes memory, disk and processor time from a service that is a process: memory is held by a process
//! of ours, disk by a file, and a process of ours is a busy neighbour on its cores.
//!
//! Invariant: of memory and disk some is left, or nothing is taken: the machine must go on, and the run must
//! be able to write its journal.
//! Invariant: when memory runs out all the same, the kernel ends the one that holds it, not the service.
//! Invariant: a neighbour has no more right to a core than others, so that all have their turn.
//! Invariant: such a process ends when its time is over, and when whoever started it has ended.
//! Not here: limits of containers (`engine`), who asks for it (`run`), deleting the file of a dead run
//! (`undo`), on which cores (`cores`).

use super::cores::{Cores, pin};
use super::ending::pause;
use super::spin::{Clocks, PERIOD_US, piece, spin};
use crate::clock::{Clock, used_by_thread};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::process::{getppid, getpriority_process, setpriority_process};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

/// The line that says that the memory is held,
pub const HELD: &str = "assay: holds the memory";
/// and that the cores are busy.
pub const BURNS: &str = "assay: keeps the cores busy";
/// What must be left, of memory and of a disk.
const KEEP: u64 = 256 << 20;
/// Besides this share of the whole, one of so many.
const KEEP_PART: u64 = 20;
/// Bytes that are written at once.
const PIECE: usize = 1 << 20;
/// Between two looks whether its time is over, and whether it has lost whoever started it.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A block as files are counted in them (stat(2)).
const BLOCK: u64 = 512;

/// What a process is to take.
#[derive(Debug, Clone)]
pub struct Burden {
    /// Bytes of memory.
    pub memory: u64,
    /// Processor time in each tenth of a second, µs,
    pub cpu_us: u64,
    /// on each of these cores.
    pub cores: Cores,
    /// The number of the process that wants it, which has started this one.
    pub parent: i32,
}

/// Takes it, at most this long; the program's hidden subcommand `burner`.
#[must_use]
pub fn burner_main(burden: &Burden, most: Duration) -> ExitCode {
    let clock = Clock::start();
    let has_parent = || getppid().is_some_and(|pid| pid.as_raw_pid() == burden.parent);
    let held = hold(burden.memory).and_then(|held| burn(burden).map(|()| held));
    let held = match held {
        Ok(held) => held,
        Err(why) => {
            _ = writeln!(io::stdout().lock(), "assay: {why}");
            return ExitCode::FAILURE;
        }
    };
    let taken = [(burden.memory > 0, HELD), (burden.cpu_us > 0, BURNS)];
    for (_, line) in taken.iter().filter(|(is_taken, _)| *is_taken) {
        _ = writeln!(io::stdout().lock(), "{line}");
    }
    while Duration::from_micros(clock.now().0) < most && has_parent() {
        pause(LOOK_EVERY.min(most));
    }
    drop(std::hint::black_box(held));
    // Its threads end with it.
    ExitCode::SUCCESS
}

/// Begins to keep the cores busy, one thread on each.
fn burn(burden: &Burden) -> Result<(), String> {
    if burden.cpu_us == 0 {
        return Ok(());
    }
    as_others()?;
    let (tell, told) = channel();
    for core in burden.cores.iter() {
        let (tell, want_us) = (tell.clone(), burden.cpu_us.min(PERIOD_US));
        let thread = std::thread::Builder::new().name(on_core(core));
        let busy = move || {
            let pinned = pin(core);
            let is_there = pinned.is_ok();
            _ = tell.send(pinned);
            // Whoever listens waits until all have spoken.
            drop(tell);
            if is_there {
                let clock = Clock::start();
                let clocks = Clocks { now: || clock.now().0, used: used_by_thread };
                spin(want_us, &clocks, piece, |left_us| {
                    if left_us > 0 {
                        pause(Duration::from_micros(left_us));
                    }
                    true
                });
            }
        };
        thread.spawn(busy).map_err(|why| format!("no thread for core {core}: {why}"))?;
    }
    drop(tell);
    told.iter().collect()
}

/// What the thread of a core is called.
pub(super) fn on_core(core: usize) -> String {
    format!("core {core}")
}

/// Gives up what this process may have inherited: more right to a core than others.
fn as_others() -> Result<(), String> {
    // proc_pid_stat(5): the 40th field is 0 but for policies of real time, which would leave nothing.
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(|why| why.to_string())?;
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    if rest.split_ascii_whitespace().nth(37).is_none_or(|priority| priority != "0") {
        return Err(
            "it runs by a policy of real time, which leaves nothing to others: start Assay \
                    without `chrt`"
                .to_owned(),
        );
    }
    if getpriority_process(None).map_err(|why| why.to_string())? < 0 {
        setpriority_process(None, 0).map_err(|why| why.to_string())?;
    }
    Ok(())
}

fn hold(bytes: u64) -> Result<Vec<u8>, String> {
    if bytes == 0 {
        return Ok(Vec::new());
    }
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
