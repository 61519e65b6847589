//! Ends processes: asks, waits, kills, and looks again.
//!
//! Invariant: "ended" means that two looks at the process table in a row found nobody; a table
//! that cannot be read is reported, never taken for an empty one.
//! Invariant: never ourselves, never a process that is neither in a watched group nor marked
//! with the run's id.
//! Not here: who decides to end them (`process`, `guardian`). This blocks its thread, because
//! the guardian has no runtime; async callers use a blocking thread.

use super::table::{self, Entry};
use super::{RUN_ID, SERVICE};
use crate::clock::Clock;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// Between two looks at the process table.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long SIGKILL may take to show: a process in a system call ends when that returns.
const KILL_WITHIN: Duration = Duration::from_secs(2);

/// How long the signal of a declared kill may take to end the first process.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// And the others after it.
const REST_WITHIN: Duration = Duration::from_secs(1);

/// The first process of a service, which leads its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leader {
    /// Process number.
    pub(super) pid: i32,
    /// Start time, in clock ticks since boot.
    pub(super) start: u64,
    /// Process group.
    pub(super) pgid: i32,
}

/// Whose end is wanted.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// These processes with their groups.
    pub(super) leaders: Vec<Leader>,
    /// And whoever carries all of these marks, `NAME=value`; empty: nobody.
    pub(super) marks: Vec<String>,
}

/// What ending came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Got SIGTERM, or the signal that was asked for.
    pub(super) asked: BTreeSet<Entry>,
    /// Got SIGKILL.
    pub(super) killed: BTreeSet<Entry>,
    /// Still there.
    pub(super) left: Vec<Entry>,
    /// Why nobody can know who is left.
    pub(super) blind: Option<String>,
}

/// The marks of a run, or of one service in it.
pub(super) fn marks(run_id: &str, service: Option<&str>) -> Vec<String> {
    let mut marks = vec![format!("{RUN_ID}={run_id}")];
    marks.extend(service.map(|name| format!("{SERVICE}={name}")));
    marks
}

impl Ended {
    /// Everybody who got a signal.
    pub(super) fn signalled(&self) -> impl Iterator<Item = &Entry> {
        self.asked.iter().chain(&self.killed)
    }
}

impl Scope {
    /// Those of the leaders' groups that are still the same groups. A number stays taken while
    /// its group has members; if its leader is another process now, the group is a stranger's.
    fn groups(&self, table: &[Entry]) -> Vec<&Leader> {
        let is_ours = |leader: &&Leader| {
            leader.pgid > 1
                && table
                    .iter()
                    .find(|entry| entry.pid == leader.pgid)
                    .is_none_or(|entry| leader.pid != entry.pid || leader.start == entry.start)
        };
        self.leaders.iter().filter(is_ours).collect()
    }

    /// Everybody who is meant and alive, from one look.
    fn look(&self) -> io::Result<(Vec<Entry>, Vec<i32>)> {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let table = table::all()?;
        let own_group = table.iter().find(|entry| entry.pid == own).map(|entry| entry.pgid);
        let groups: Vec<&Leader> = self
            .groups(&table)
            .into_iter()
            .filter(|leader| Some(leader.pgid) != own_group)
            .collect();
        let mut members = Vec::new();
        for entry in &table {
            if entry.pid == own || entry.is_gone() {
                continue;
            }
            let belongs = groups.iter().any(|g| g.pgid == entry.pgid && g.start <= entry.start)
                || self.leaders.iter().any(|l| l.pid == entry.pid && l.start == entry.start)
                || !self.marks.is_empty() && table::carries(entry.pid, &self.marks)?;
            if belongs {
                members.push(entry.clone());
            }
        }
        Ok((members, groups.iter().map(|leader| leader.pgid).collect()))
    }
}

/// What a signal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Struck {
    /// Who got it, and who is left.
    pub(super) ended: Ended,
    /// The first process was seen to be gone.
    pub(super) is_gone: bool,
}

/// Asks everybody in the scope to end, waits up to `grace`, then kills whoever is left.
/// Returns when nobody is left, at the latest 2 s after `grace`.
pub(super) fn end(scope: &Scope, grace: Duration) -> Ended {
    let mut ended = Ended::default();
    let ask = |members: &[Entry], _: &[i32], ended: &mut Ended| send(Signal::TERM, members, ended);
    if !wait(scope, grace, &mut ended, ask) {
        wait(scope, KILL_WITHIN, &mut ended, kill);
    }
    ended
}

/// Sends a signal to a process, its group and whoever carries all of the marks, once to each.
/// Returns when nobody is left; at the latest 1 s after the process is gone, or after 5 s if it
/// is not.
pub(super) fn strike(leader: &Leader, marks: Vec<String>, signal: Signal) -> Struck {
    let act = |members: &[Entry], groups: &[i32], ended: &mut Ended| match signal {
        Signal::KILL => kill(members, groups, ended),
        _ => send(signal, members, ended),
    };
    let everybody = Scope { leaders: vec![leader.clone()], marks };
    // Nobody has group 0: only the process itself is meant.
    let itself = Scope { leaders: vec![Leader { pgid: 0, ..leader.clone() }], marks: Vec::new() };
    let mut ended = Ended::default();
    wait(&everybody, Duration::ZERO, &mut ended, act);
    let is_gone = wait(&itself, GONE_WITHIN, &mut ended, |_, _, _| {});
    let rest = if is_gone { REST_WITHIN } else { Duration::ZERO };
    wait(&everybody, rest, &mut ended, act);
    Struck { ended, is_gone }
}

/// Sends a signal that can be heard, once to each.
fn send(signal: Signal, members: &[Entry], ended: &mut Ended) {
    for entry in members {
        if !ended.asked.iter().any(|e| e.pid == entry.pid && e.start == entry.start) {
            table::signal(entry, signal);
            ended.asked.insert(entry.clone());
        }
        // A stopped process gets its signal only when it goes on.
        if matches!(entry.state, 'T' | 't') {
            table::signal(entry, Signal::CONT);
        }
    }
}

/// Sends SIGKILL, to whole groups at once: nobody in one can fork away between two looks.
fn kill(members: &[Entry], groups: &[i32], ended: &mut Ended) {
    for group in groups {
        if members.iter().any(|entry| entry.pgid == *group) {
            table::signal_group(*group, Signal::KILL);
        }
    }
    for entry in members {
        table::signal(entry, Signal::KILL);
        if !ended.killed.iter().any(|e| e.pid == entry.pid && e.start == entry.start) {
            ended.killed.insert(entry.clone());
        }
    }
}

/// Looks and acts until two looks in a row found nobody (true) or the time is over (false).
fn wait(
    scope: &Scope,
    within: Duration,
    ended: &mut Ended,
    act: impl Fn(&[Entry], &[i32], &mut Ended),
) -> bool {
    let clock = Clock::start();
    let mut empty_looks = 0;
    loop {
        match scope.look() {
            Ok((members, groups)) => {
                act(&members, &groups, ended);
                empty_looks = if members.is_empty() { empty_looks + 1 } else { 0 };
                ended.left = members;
                ended.blind = None;
            }
            Err(why) => {
                empty_looks = 0;
                ended.blind = Some(format!("the process table cannot be read: {why}"));
            }
        }
        if empty_looks == 2 {
            return true;
        }
        if u128::from(clock.now().0) >= within.as_micros() && empty_looks == 0 {
            return false;
        }
        pause();
    }
}

/// Waits for the next look.
#[expect(
    clippy::disallowed_methods,
    reason = "runs on a thread of its own without a runtime: the guardian, or a blocking thread"
)]
fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn leader(child: &Child) -> Leader {
        let pid = i32::try_from(child.id()).unwrap();
        let entry = table::entry(pid).unwrap().unwrap();
        Leader { pid, start: entry.start, pgid: pid }
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").process_group(0).spawn().unwrap()
    }

    #[test]
    fn asks_first() {
        let mut child = sleeper();
        let scope = Scope { leaders: vec![leader(&child)], marks: Vec::new() };
        let ended = end(&scope, Duration::from_secs(20));
        assert_eq!((ended.asked.len(), ended.killed.len()), (1, 0), "{ended:?}");
        assert_eq!((ended.left, ended.blind), (Vec::new(), None));
        child.wait().unwrap();
    }

    #[test]
    fn a_group_whose_number_was_used_again_is_left_alone() {
        let mut child = sleeper();
        let mut old = leader(&child);
        old.start -= 1;
        let scope = Scope { leaders: vec![old], marks: Vec::new() };
        assert_eq!(end(&scope, Duration::ZERO), Ended::default());
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_strike_never_hits_a_number_that_was_used_again() {
        let mut child = sleeper();
        let mut old = leader(&child);
        old.start -= 1;
        let struck = strike(&old, Vec::new(), Signal::KILL);
        assert_eq!(struck, Struck { ended: Ended::default(), is_gone: true });
        assert_eq!(child.try_wait().unwrap(), None);
        let struck = strike(&leader(&child), Vec::new(), Signal::INT);
        assert!(struck.is_gone && struck.ended.left.is_empty(), "{struck:?}");
        assert_eq!((struck.ended.asked.len(), struck.ended.killed.len()), (1, 0));
        child.wait().unwrap();
    }

    #[test]
    fn a_stopped_process_ends_too() {
        let mut child = sleeper();
        let known = leader(&child);
        let entry = table::entry(known.pid).unwrap().unwrap();
        assert!(table::signal(&entry, Signal::STOP));
        let scope = Scope { leaders: vec![known], marks: Vec::new() };
        let ended = end(&scope, Duration::from_secs(20));
        assert!(ended.killed.is_empty() && ended.left.is_empty(), "{ended:?}");
        child.wait().unwrap();
    }

    #[test]
    fn ourselves_and_nonsense_are_never_meant() {
        let own = i32::try_from(std::process::id()).unwrap();
        let me = table::entry(own).unwrap().unwrap();
        let leaders = vec![
            Leader { pid: own, start: me.start, pgid: me.pgid },
            Leader { pid: 0, start: 0, pgid: 0 },
            Leader { pid: -1, start: 0, pgid: -1 },
            Leader { pid: 1, start: u64::MAX, pgid: 1 },
        ];
        let scope = Scope { leaders, marks: Vec::new() };
        let (members, groups) = scope.look().unwrap();
        assert!(members.is_empty() && groups.is_empty(), "{members:?} {groups:?}");
    }
}
