//! What a service's processes take: memory, processor time, threads, open files.
//!
//! They are its first process, the group that this leads where we started it, and who descends
//! from them. Memory that processes share counts in each of them.
//!
//! Invariant: a process that ends while we look is left out; one that is closed to us is an error,
//! never nothing.
//! Not here: when to look (`probe`), ending them (`ending`).

use super::kin::kin;
use super::table::{self, Entry, Id};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What is taken by a family of processes at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory, bytes.
    pub rss: u64,
    /// Threads.
    pub threads: u64,
    /// Processor time of each process since its start, in hundredths of a second, by number and
    /// start time.
    pub ticks: BTreeMap<(i32, u64), u64>,
}

/// Who a service's processes descend from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// Number and start time of its first process.
    pub id: (i32, u64),
    /// Whether its group is its own, because we started it.
    pub leads: bool,
    /// How often the service was started again.
    pub restarts: u64,
}

/// The first process of every service that has one, as it is now.
#[derive(Debug, Clone, Default)]
pub struct Firsts(Arc<Mutex<BTreeMap<String, First>>>);

impl Firsts {
    /// A service has a new first process; again, if it had one before.
    pub fn begin(&self, service: &str, id: (i32, u64), leads: bool) {
        let mut firsts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let restarts = firsts.get(service).map_or(0, |known| known.restarts + 1);
        firsts.insert(service.to_owned(), First { id, leads, restarts });
    }

    /// The first process of a service; none where it has none.
    #[must_use]
    pub fn of(&self, service: &str) -> Option<First> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(service).copied()
    }
}

/// What a family takes now. This blocks its thread for some milliseconds.
///
/// # Errors
/// As the end of a sentence: nobody of it runs, or it is closed to us.
pub fn usage(first: First) -> Result<Usage, String> {
    let mut usage = Usage::default();
    let mut any = false;
    for entry in family(first)? {
        let status = std::fs::read_to_string(format!("/proc/{}/status", entry.pid));
        let Some(status) = there(status)? else { continue };
        let stat = std::fs::read(format!("/proc/{}/stat", entry.pid));
        let Some(stat) = there(stat)? else { continue };
        any = true;
        usage.rss = usage.rss.saturating_add(resident(&status));
        usage.threads = usage.threads.saturating_add(entry.threads);
        usage.ticks.insert(entry.id(), ticks(&stat));
    }
    if any { Ok(usage) } else { Err(NOBODY.to_owned()) }
}

/// How many files, sockets and pipes a family has open.
///
/// # Errors
/// As [`usage`].
pub fn open_files(first: First) -> Result<u64, String> {
    let (mut open, mut any) = (0, false);
    for entry in family(first)? {
        let Some(list) = there(std::fs::read_dir(format!("/proc/{}/fd", entry.pid)))? else {
            continue;
        };
        any = true;
        open += list.count() as u64;
    }
    if any { Ok(open) } else { Err(NOBODY.to_owned()) }
}

const NOBODY: &str = "no process of it runs";

/// Its processes now.
pub(super) fn family(first: First) -> Result<Vec<Entry>, String> {
    let table = table::all().map_err(|why| format!("the process table cannot be read: {why}"))?;
    let alive = table.iter().filter(|entry| !entry.is_gone());
    let is_first = |entry: &&Entry| entry.id() == first.id;
    let mut roots: BTreeSet<Id> = alive.clone().filter(is_first).map(Entry::id).collect();
    // A group outlives its leader, and keeps the number from being given to another.
    let leader = table.iter().find(|entry| entry.pid == first.id.0);
    if first.leads && leader.is_none_or(|leader| leader.id() == first.id) {
        roots.extend(alive.clone().filter(|e| e.pgid == first.id.0).map(Entry::id));
    }
    let members = kin(&table, &roots, &BTreeSet::new());
    Ok(alive.filter(|entry| members.contains(&entry.id())).cloned().collect())
}

/// None if the process is gone by now.
pub(super) fn there<T>(read: io::Result<T>) -> Result<Option<T>, String> {
    match read {
        Ok(read) => Ok(Some(read)),
        // ESRCH: it ended between opening and reading.
        Err(why) if why.kind() == io::ErrorKind::NotFound || why.raw_os_error() == Some(3) => {
            Ok(None)
        }
        Err(why) => Err(format!("its processes are closed to us: {}", why.kind())),
    }
}

/// proc_pid_status(5): `VmRSS:     1234 kB`; none of a process without memory of its own.
fn resident(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// proc_pid_stat(5): utime and stime are the 14th and 15th field; the name may hold anything.
/// The kernel tells them in hundredths of a second on every machine that we run on.
pub(super) fn ticks(stat: &[u8]) -> u64 {
    let close = stat.iter().rposition(|byte| *byte == b')').unwrap_or(0);
    let rest = String::from_utf8_lossy(stat.get(close + 1..).unwrap_or_default()).into_owned();
    let field = |at: usize| rest.split_ascii_whitespace().nth(at)?.parse::<u64>().ok();
    field(11).unwrap_or(0).saturating_add(field(12).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    fn first(child: &std::process::Child, leads: bool) -> First {
        let entry = table::entry(i32::try_from(child.id()).unwrap()).unwrap().unwrap();
        First { id: entry.id(), leads, restarts: 0 }
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\n"), 1_263_616);
        assert_eq!(resident("Name:\tkthreadd\n"), 0);
        assert_eq!(ticks(b"42 (a) b) S 1 2 3 4 5 6 7 8 9 10 70 8 0 0\n"), 78);
        assert_eq!(ticks(b""), 0);
    }

    #[test]
    fn a_family_is_counted_whole_and_nobody_else() {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "sleep 1000 & exec 8</dev/null; read line"]);
        shell.stdin(std::process::Stdio::piped()).process_group(0);
        let mut child = shell.spawn().unwrap();
        let first = first(&child, true);
        // The shell needs a moment to start the other.
        let both = loop {
            let usage = usage(first).unwrap();
            if usage.ticks.len() == 2 {
                break usage;
            }
            std::thread::yield_now();
        };
        assert!(both.rss > 100_000 && both.threads == 2, "{both:?}");
        while open_files(first).unwrap() < 7 {
            std::thread::yield_now();
        }
        let stranger = First { id: (first.id.0, first.id.1 + 1), ..first };
        assert_eq!(usage(stranger), Err(NOBODY.to_owned()));
        child.kill().unwrap();
        child.wait().unwrap();
        // The group is still there without its leader.
        let left = usage(first).unwrap();
        assert_eq!(left.ticks.len(), 1);
        table::signal_group(first.id.0, rustix::process::Signal::KILL);
        while usage(first).is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(open_files(first), Err(NOBODY.to_owned()));
    }

    #[test]
    fn restarts_are_counted() {
        let firsts = Firsts::default();
        assert_eq!(firsts.of("api"), None);
        firsts.begin("api", (5, 1), true);
        assert_eq!(firsts.of("api").map(|first| first.restarts), Some(0));
        firsts.begin("api", (6, 2), true);
        assert_eq!(firsts.of("api").map(|first| (first.id, first.restarts)), Some(((6, 2), 1)));
    }
}
