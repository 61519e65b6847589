//! Ends processes: asks, waits, kills, and looks again.
//!
//! Invariant: "ended" means that two looks at the process table in a row found nobody; a table
//! that cannot be read is reported, never taken for an empty one.
//! Invariant: never ourselves, never a process that is neither in a watched group, nor marked
//! with the run's id, nor descends from a process of the run.
//! Not here: who decides to end them (`process`, `guardian`). This blocks its thread, because
//! the guardian has no runtime; async callers use a blocking thread.

use super::hurry::Hurry;
use super::kin::kin;
use super::table::{self, Entry, Id};
use super::{RUN_ID, SERVICE};
use crate::clock::Clock;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// Between two looks at the process table.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long whoever is being waited for has once somebody hurries.
const HURRIED_GRACE: Duration = Duration::from_secs(1);
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
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// These processes with their groups.
    pub(super) leaders: Vec<Leader>,
    /// And whoever carries all of these marks, `NAME=value`; empty: nobody.
    pub(super) marks: Vec<String>,
    /// And these, with everybody who descends from them,
    pub(super) roots: BTreeSet<Id>,
    /// but not these, with everybody who descends from them.
    pub(super) spared: BTreeSet<Id>,
}

/// How long ending may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// From SIGTERM to SIGKILL.
    pub(super) grace: Duration,
    /// From SIGKILL to giving up: a process in a system call ends when that returns.
    pub(super) kill: Duration,
}

impl Patience {
    /// For processes that left their service.
    pub(super) const SWEEP: Patience =
        Patience { grace: Duration::from_secs(1), kill: Duration::from_secs(2) };
    /// For them after Ctrl-C.
    pub(super) const HURRIED_SWEEP: Patience =
        Patience { grace: Duration::from_millis(200), kill: Duration::from_millis(500) };

    /// For a service that may take `grace` to end by itself.
    pub(super) fn orderly(grace: Duration) -> Patience {
        Patience { grace, ..Patience::SWEEP }
    }

    /// For one when somebody waits for the end.
    pub(super) fn hurried(grace: Duration) -> Patience {
        Patience { grace, ..Patience::HURRIED_SWEEP }
    }
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

    /// Those it holds of, and the others.
    pub(super) fn parted(self, holds: impl Fn(&Entry) -> bool) -> (Ended, Ended) {
        let (asked, other_asked) = self.asked.into_iter().partition(&holds);
        let (killed, other_killed) = self.killed.into_iter().partition(&holds);
        let (left, other_left) = self.left.into_iter().partition(&holds);
        let (blind, none) = (self.blind, None);
        (
            Ended { asked, killed, left, blind },
            Ended { asked: other_asked, killed: other_killed, left: other_left, blind: none },
        )
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
    pub(super) fn look(&self) -> io::Result<(Vec<Entry>, Vec<i32>)> {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let table = table::all()?;
        let own_group = table.iter().find(|entry| entry.pid == own).map(|entry| entry.pgid);
        let groups: Vec<&Leader> = self
            .groups(&table)
            .into_iter()
            .filter(|leader| Some(leader.pgid) != own_group)
            .collect();
        let kin = kin(&table, &self.roots, &self.spared);
        let mut members = Vec::new();
        for entry in &table {
            if entry.pid == own || entry.is_gone() {
                continue;
            }
            let belongs = groups.iter().any(|g| g.pgid == entry.pgid && g.start <= entry.start)
                || self.leaders.iter().any(|l| l.pid == entry.pid && l.start == entry.start)
                || kin.contains(&entry.id())
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

/// Asks everybody in the scope to end, waits, then kills whoever is left.
/// Returns when nobody is left or its patience is over.
pub(super) fn end(scope: Scope, patience: Patience) -> Ended {
    end_hearing(scope, patience, &Hurry::default())
}

/// The same; who is in the middle of `grace` when [`Hurry`] is said has one more second.
fn end_hearing(mut scope: Scope, patience: Patience, hurry: &Hurry) -> Ended {
    let mut ended = Ended::default();
    let ask = |members: &[Entry], _: &[i32], ended: &mut Ended| send(Signal::TERM, members, ended);
    if !wait_hearing(&mut scope, patience.grace, hurry, &mut ended, ask) {
        wait(&mut scope, patience.kill, &mut ended, kill);
    }
    ended
}

/// [`end`] for callers on a runtime, whose threads must not wait.
pub(super) async fn end_off_thread(scope: Scope, patience: Patience, hurry: &Hurry) -> Ended {
    let hurry = hurry.clone();
    match tokio::task::spawn_blocking(move || end_hearing(scope, patience, &hurry)).await {
        Ok(ended) => ended,
        Err(why) => Ended { blind: Some(why.to_string()), ..Ended::default() },
    }
}

/// Sends a signal to a process, its group and whoever carries all of the marks, once to each.
/// Returns when nobody is left; at the latest 1 s after the process is gone, or after 5 s if it
/// is not (1 s, once [`Hurry`] is said).
pub(super) fn strike(leader: &Leader, marks: Vec<String>, signal: Signal, hurry: &Hurry) -> Struck {
    let everybody = Scope { leaders: vec![leader.clone()], marks, ..Scope::default() };
    strike_all(everybody, (leader.pid, leader.start), signal, hurry)
}

/// The same for everybody in a scope, whose first process is this one.
pub(super) fn strike_all(
    mut everybody: Scope,
    (pid, start): Id,
    signal: Signal,
    hurry: &Hurry,
) -> Struck {
    let act = |members: &[Entry], groups: &[i32], ended: &mut Ended| match signal {
        Signal::KILL => kill(members, groups, ended),
        _ => send(signal, members, ended),
    };
    // Nobody has group 0: only the process itself is meant.
    let alone = Leader { pid, start, pgid: 0 };
    let mut itself = Scope { leaders: vec![alone], ..Scope::default() };
    let mut ended = Ended::default();
    wait(&mut everybody, Duration::ZERO, &mut ended, act);
    let is_gone = wait_hearing(&mut itself, GONE_WITHIN, hurry, &mut ended, |_, _, _| {});
    let rest = if is_gone { REST_WITHIN } else { Duration::ZERO };
    wait(&mut everybody, rest, &mut ended, act);
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
    scope: &mut Scope,
    within: Duration,
    ended: &mut Ended,
    act: impl Fn(&[Entry], &[i32], &mut Ended),
) -> bool {
    wait_hearing(scope, within, &Hurry::default(), ended, act)
}

fn wait_hearing(
    scope: &mut Scope,
    mut within: Duration,
    hurry: &Hurry,
    ended: &mut Ended,
    act: impl Fn(&[Entry], &[i32], &mut Ended),
) -> bool {
    let clock = Clock::start();
    let mut hurries = false;
    let mut empty_looks = 0;
    loop {
        match scope.look() {
            Ok((members, groups)) => {
                if !scope.roots.is_empty() {
                    // Whose parent ends now is found by its own number in the next look.
                    scope.roots.extend(members.iter().map(Entry::id));
                }
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
        let waited = Duration::from_micros(clock.now().0);
        if !hurries && hurry.is_said() {
            hurries = true;
            within = within.min(waited + HURRIED_GRACE);
        }
        if waited >= within && empty_looks == 0 {
            return false;
        }
        pause(LOOK_EVERY);
    }
}

/// Waits for the next look.
#[expect(
    clippy::disallowed_methods,
    reason = "runs on a thread of its own without a runtime: the guardian, or a blocking thread"
)]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests;
