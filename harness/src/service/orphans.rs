//! What services leave behind on purpose or not: this process adopts it, reaps it, and ends it.
//!
//! As a sub-reaper (`prctl(2)`) it becomes the parent of every process below it that loses its
//! own. So whoever a service started stays a descendant of the run, even in a session of its own
//! and without any environment, and is found when the run ends.
//!
//! Invariant: what was there before the first service is nobody's orphan, and is spared.
//! Invariant: only adopted children are reaped here. Every child of our own is started by
//! [`spawn`], and its status is left to whoever waits for it.
//! Not here: a death of this process (`guardian`), services with their groups and marks
//! (`process`).

use super::ending::{Ended, Patience, Scope, end_off_thread, marks};
use super::hurry::Hurry;
use super::kin::kin;
use super::table::{self, Id};
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// Between two looks for adopted children that have ended: a service that leaves one behind with
/// each request must not use up the machine's process numbers.
const REAP_EVERY: Duration = Duration::from_millis(250);

/// Children of our own. Children belong to the process, so this does too.
static OWN: Mutex<BTreeSet<Id>> = Mutex::new(BTreeSet::new());

/// Starts a child of our own, whose status stays with the given handle.
///
/// # Errors
/// What the system says.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    // Held over both steps: it may end at once, and must not be taken for an orphan.
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    let child = command.spawn()?;
    let entry = child.id().and_then(|pid| table::entry(i32::try_from(pid).ok()?).ok()?);
    own.extend(entry.map(|entry| entry.id()));
    Ok(child)
}

/// Our orphans, from now on.
#[derive(Debug)]
pub struct Orphans {
    run_id: String,
    /// Children from before, such as those of a shell that became this program.
    before: BTreeSet<Id>,
    reaper: JoinHandle<()>,
}

/// What ending the orphans came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Were there, and were ended: `name (pid n)`.
    pub swept: Vec<String>,
    /// Are still there.
    pub left: Vec<Remnant>,
    /// Why nobody can know who is left.
    pub blind: Option<String>,
}

/// A process that could not be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remnant {
    /// Process number.
    pub pid: i32,
    /// Name of its program.
    pub name: String,
    /// The user whose it is, by number, if it is not ours: then we may not end it.
    pub owner: Option<u32>,
}

impl Remnant {
    /// `name (pid n)`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} (pid {})", self.name, self.pid)
    }
}

impl Orphans {
    /// Adopts every orphan below this process from now on. Call within a runtime, before the
    /// first service.
    ///
    /// # Errors
    /// When the system does not let us, or `/proc` cannot be read.
    pub fn adopt(run_id: &str) -> io::Result<Orphans> {
        set_child_subreaper(Some(getpid()))?;
        let table = table::all()?;
        let mut before = kin(&table, &BTreeSet::from([own_id()?]), &BTreeSet::new());
        before.remove(&own_id()?);
        let reaper = tokio::spawn(async {
            let mut ticks = tokio::time::interval(REAP_EVERY);
            loop {
                ticks.tick().await;
                reap();
            }
        });
        Ok(Orphans { run_id: run_id.to_owned(), before, reaper })
    }

    /// Processes below this one that are not the run's: number and start time.
    pub fn before(&self) -> impl Iterator<Item = (i32, u64)> {
        self.before.iter().copied()
    }

    /// Ends everybody below this process but those from before and the guards, the guardian and the keeper:
    /// what is left once all services were stopped. In a hurry within 0.7 s, otherwise within 3 s.
    pub async fn sweep(self, guards: &[u32], hurry: bool) -> Swept {
        let Ok(own) = own_id() else {
            let blind = Some("/proc does not show this process".to_owned());
            return Swept { blind, ..Swept::default() };
        };
        let mut spared = self.before.clone();
        let entry = |pid: &u32| table::entry(i32::try_from(*pid).ok()?).ok()?;
        spared.extend(guards.iter().filter_map(|pid| Some(entry(pid)?.id())));
        let marks = marks(&self.run_id, None);
        let roots = BTreeSet::from([own]);
        let scope = Scope { marks, roots, spared, ..Scope::default() };
        let patience = if hurry { Patience::HURRIED_SWEEP } else { Patience::SWEEP };
        let ended: Ended = end_off_thread(scope, patience, &Hurry::default()).await;
        reap();
        let is_left = |id: Id| ended.left.iter().any(|entry| entry.id() == id);
        let swept = ended.signalled().filter(|entry| !is_left(entry.id()));
        let swept: BTreeSet<String> = swept.map(table::Entry::label).collect();
        Swept {
            swept: swept.into_iter().collect(),
            left: ended.left.iter().map(table::Entry::remnant).collect(),
            blind: ended.blind,
        }
    }
}

impl Drop for Orphans {
    fn drop(&mut self) {
        self.reaper.abort();
    }
}

fn own_id() -> io::Result<Id> {
    let own = getpid().as_raw_nonzero().get();
    table::entry(own)?.map(|entry| entry.id()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Lets adopted children go that have ended.
fn reap() {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    // One system call, as long as there is nothing to do.
    if !matches!(waitid(WaitId::All, peek), Ok(Some(_))) {
        return;
    }
    // Nobody is started between the look and what is done about it.
    let mut ours = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    let (Ok((own, _)), Ok(table)) = (own_id(), table::all()) else { return };
    let there: BTreeSet<Id> = table.iter().map(table::Entry::id).collect();
    ours.retain(|id| there.contains(id));
    for entry in table.iter().filter(|entry| entry.ppid == own && entry.is_gone()) {
        if let (false, Some(pid)) = (ours.contains(&entry.id()), Pid::from_raw(entry.pid)) {
            // It fails only if it is gone already.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}
