//! The process table, read from `/proc`, and signals that cannot hit a stranger.
//!
//! Invariant: a signal goes only to a process whose number and start time both match, so a
//! number that was used again is never hit.
//! Invariant: no signal is sent by numbers of another process namespace.
//! Invariant: a table that could not be read is an error, never an empty table.
//! Not here: which processes are ours (`ending`), sockets (`sockets`).

use super::orphans::Remnant;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getuid, kill_process, kill_process_group, pidfd_open,
    pidfd_send_signal,
};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells a process from all others: its number and its start time in clock ticks since boot.
pub(super) type Id = (i32, u64);

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Process number.
    pub(super) pid: i32,
    /// Its parent's.
    pub(super) ppid: i32,
    /// Start time, in clock ticks since boot.
    pub(super) start: u64,
    /// Process group.
    pub(super) pgid: i32,
    /// State letter of `proc(5)`: `R`, `S`, `T`, `Z`, ….
    pub(super) state: char,
    /// Its threads that still run.
    pub(super) threads: u64,
    /// File name of its program, cut by the kernel to 15 bytes.
    pub(super) comm: String,
}

impl Entry {
    /// Number and start time.
    pub(super) fn id(&self) -> Id {
        (self.pid, self.start)
    }

    /// True if it no longer runs and only waits to be reaped. A process whose first thread
    /// has ended shows as a zombie while its other threads go on.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }

    /// Name and number, for messages.
    pub(super) fn label(&self) -> String {
        format!("{} (pid {})", self.comm, self.pid)
    }

    /// It, to be named as one that could not be ended.
    pub(super) fn remnant(&self) -> Remnant {
        let owner = std::fs::metadata(format!("/proc/{}", self.pid)).map(|meta| meta.uid()).ok();
        let owner = owner.filter(|uid| *uid != getuid().as_raw());
        Remnant { pid: self.pid, name: self.comm.clone(), owner }
    }
}

/// Whether `/proc` is that of our own process namespace. In another's, numbers are those of strangers.
#[must_use]
pub fn is_our_own() -> bool {
    names(&std::fs::read_link("/proc/self").unwrap_or_default(), std::process::id())
}

fn names(link: &Path, pid: u32) -> bool {
    link.to_str() == Some(pid.to_string().as_str())
}

/// The process with this number, if there is one; zombies included.
///
/// # Errors
/// When `/proc` cannot be read for another reason than that the process is gone.
pub(super) fn entry(pid: i32) -> io::Result<Option<Entry>> {
    match std::fs::read(format!("/proc/{pid}/stat")) {
        Ok(text) => Ok(parse(&text)),
        Err(why) if is_passing(&why) => Ok(None),
        Err(why) => Err(why),
    }
}

/// All processes that we can see, by number.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn all() -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for item in std::fs::read_dir("/proc")? {
        let name = item?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            found.extend(entry(pid)?);
        }
    }
    found.sort();
    Ok(found)
}

/// The number that was given to a process or thread last; none where the system does not tell.
pub(super) fn newest() -> Option<u64> {
    // proc_loadavg(5): the last field.
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().nth(4)?.parse().ok().filter(|pid| *pid > 0)
}

/// True if the process was started with all of these `NAME=value` in its environment. False if
/// it is gone, or its environment is closed to us.
///
/// # Errors
/// When `/proc` cannot be read for another reason.
pub(super) fn carries(pid: i32, marks: &[String]) -> io::Result<bool> {
    match std::fs::read(format!("/proc/{pid}/environ")) {
        Ok(environ) => Ok(marks.iter().all(|mark| {
            environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        })),
        Err(why) if is_passing(&why) => Ok(false),
        Err(why) => Err(why),
    }
}

/// Sends a signal to exactly this process. True if it was there to get it.
pub(super) fn signal(entry: &Entry, signal: Signal) -> bool {
    let Some(pid) = pid_of(entry.pid).filter(|_| is_our_own()) else { return false };
    // The descriptor pins the process before its start time is compared: what is compared is
    // what gets the signal.
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pinned) => is_same(entry) && pidfd_send_signal(&pinned, signal).is_ok(),
        Err(Errno::SRCH) => false,
        Err(_) => is_same(entry) && kill_process(pid, signal).is_ok(),
    }
}

/// Sends a signal to a whole process group, which the caller knows to be ours.
pub(super) fn signal_group(pgid: i32, signal: Signal) {
    if let Some(pid) = pid_of(pgid).filter(|_| is_our_own()) {
        // It fails only when nobody is left in the group.
        let _ = kill_process_group(pid, signal);
    }
}

/// 0 and negative numbers address groups, and 1 is the machine's.
fn pid_of(pid: i32) -> Option<Pid> {
    if pid > 1 { Pid::from_raw(pid) } else { None }
}

fn is_same(known: &Entry) -> bool {
    matches!(entry(known.pid), Ok(Some(now)) if now.start == known.start && !now.is_gone())
}

/// Errors that say "gone" or "not yours" rather than "cannot read".
fn is_passing(why: &io::Error) -> bool {
    matches!(
        why.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM)
    )
}

/// Fields of `/proc/<pid>/stat`, see `proc(5)`: 1 pid, 2 (comm), 3 state, 4 ppid, 5 pgrp, 20 num_threads,
/// 22 starttime.
/// The name may itself hold parentheses and spaces, so the last `)` ends it.
fn parse(text: &[u8]) -> Option<Entry> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let comm = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
    let pid = std::str::from_utf8(text.get(..open)?).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Entry {
        pid,
        comm,
        state: fields.first()?.chars().next()?,
        ppid: fields.get(1)?.parse().ok()?,
        pgid: fields.get(2)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_parentheses() {
        let text = b"42 (a) R) (b) S 1 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 9 9\n";
        let entry = parse(text).unwrap();
        assert_eq!((entry.pid, entry.ppid, entry.pgid, entry.start), (42, 1, 40, 987_654));
        assert_eq!((entry.state, entry.comm.as_str()), ('S', "a) R) (b"));
        assert_eq!(entry.threads, 1);
    }

    #[test]
    fn broken_lines_are_nothing() {
        for text in [&b""[..], b"42", b"42 (sh", b"42 sh)", b")42 (", b"42 (sh) S 1 2", b"x (y) S"]
        {
            assert_eq!(parse(text), None);
        }
    }

    #[test]
    fn a_new_process_gets_another_number() {
        let before = newest().unwrap();
        std::process::Command::new("true").status().unwrap();
        assert_ne!(newest().unwrap(), before);
    }

    #[test]
    fn we_are_in_the_table() {
        let own = i32::try_from(std::process::id()).unwrap();
        let entry = entry(own).unwrap().unwrap();
        assert!(all().unwrap().iter().any(|e| e.pid == own && e.start == entry.start));
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        assert!(carries(own, std::slice::from_ref(&path)).unwrap());
        assert!(!carries(own, &[path, "NO_SUCH=1".into()]).unwrap());
    }

    #[test]
    fn another_start_time_is_another_process() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let mut seen = entry(i32::try_from(child.id()).unwrap()).unwrap().unwrap();
        seen.start += 1;
        assert!(!signal(&seen, Signal::KILL));
        assert_eq!(child.try_wait().unwrap(), None);
        seen.start -= 1;
        assert!(signal(&seen, Signal::KILL));
        assert!(!child.wait().unwrap().success());
        assert!(!signal(&seen, Signal::KILL));
    }

    #[test]
    fn a_table_is_ours_if_it_calls_us_by_our_number() {
        assert!(is_our_own());
        assert!(names(Path::new("412"), 412));
        // `/proc/self` leads nowhere in a namespace that does not know us.
        for other in ["1", "4120", ""] {
            assert!(!names(Path::new(other), 412), "{other:?}");
        }
    }

    #[test]
    fn nothing_special_is_ever_signalled() {
        for pid in [i32::MIN, -1, 0, 1] {
            assert_eq!(pid_of(pid), None);
        }
    }
}
