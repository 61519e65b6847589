//! A process that runs already and all who descend from it: whom faults on it mean, and whether they may.
//!
//! Invariant: who belongs to it is decided by parentage alone, as for its metrics: its group may be that of a
//! user's shell, and it carries no mark of a run. Who has left its parent (a daemon) is nobody's.
//! Invariant: it is not broken if that would hit this program, if one of it may not be signalled by us, or if
//! somebody else made one of it stand still, since the end of a fault would undo that.
//! Not here: finding the first of them (`attached`), when something is done to them (`run`).

use super::Hurry;
use super::ending::{Ended, Scope, Struck, strike_all};
use super::kill::{KillEffect, Killed};
use super::kin::kin;
use super::process::{Exit, signal_name};
use super::still::{Processes, is_still};
use super::table::{self, Entry, Id};
use super::undo::{Standing, boot, space};
use crate::plan::{Fault, FaultKind, Pressure};
use rustix::fs::Access;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, test_kill_process};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// All of it, as it was looked at.
#[derive(Debug, Clone)]
pub struct Family {
    first: Entry,
    members: Vec<Entry>,
}

/// What a kill of all of it came to.
#[derive(Debug, Clone)]
pub struct Felled {
    /// Of its first process, and of the others.
    pub killed: Killed,
    /// All that were meant, by number and start time.
    pub meant: BTreeSet<(i32, u64)>,
}

impl Family {
    /// Looks for it by its first process: number and start time. Blocks for some milliseconds.
    ///
    /// # Errors
    /// A sentence without its beginning: it is not there.
    pub fn of(first: (i32, u64)) -> Result<Family, String> {
        let all = table::all().map_err(|why| format!("the process table cannot be read: {why}"))?;
        let ids = kin(&all, &BTreeSet::from([first]), &BTreeSet::new());
        let mut members = all;
        members.retain(|entry| ids.contains(&entry.id()) && !entry.is_gone());
        let found = members.iter().find(|entry| entry.id() == first).cloned();
        let first = found.ok_or("no process of it runs")?;
        Ok(Family { first, members })
    }

    /// Whether a process is there.
    #[must_use]
    pub fn is_there(first: (i32, u64)) -> bool {
        let now = table::entry(first.0);
        matches!(now, Ok(Some(now)) if now.id() == first && !now.is_gone())
    }

    /// Refuses a fault that could not be done to whom it means, or would be done to this program: whatever
    /// other runs do.
    ///
    /// # Errors
    /// A sentence without its beginning, which says what to do.
    pub fn can_be_meant(&self, fault: &Fault) -> Result<(), String> {
        if let FaultKind::Pressure(pressure) = &fault.kind
            && pressure.disk > 0
        {
            self.cwd()?;
        }
        if !signals(fault) {
            return Ok(());
        }
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        self.spares(&above(own), own)?;
        let Some(closed) = self.members.iter().find(|member| is_closed(member)) else {
            return Ok(());
        };
        let owner = std::fs::metadata(format!("/proc/{}", closed.pid)).map(|of| of.uid());
        let whose = owner.map_or_else(|_| "others".to_owned(), |user| format!("user {user}"));
        Err(format!(
            "{} belongs to {whose}, and this user may not signal it: run as that one, or as root",
            closed.label()
        ))
    }

    /// Refuses a fault whose end would not leave all as it was, too.
    ///
    /// # Errors
    /// As [`Family::can_be_meant`].
    pub fn can_be_broken(&self, fault: &Fault) -> Result<(), String> {
        self.can_be_meant(fault)?;
        match self.members.iter().find(|member| is_still(member)) {
            Some(still) if signals(fault) => Err(format!(
                "{} stands still, and not by fault `{}`: let it go on before (`kill -CONT {}`)",
                still.label(),
                fault.name,
                still.pid
            )),
            _ => Ok(()),
        }
    }

    /// Nobody of those that this program descends from may be meant, nor itself.
    fn spares(&self, above: &[i32], own: i32) -> Result<(), String> {
        let (pid, label) = (self.first.pid, self.first.label());
        match pid {
            1 => Err(format!(
                "{label} is the first process of this machine, which no fault may name: does it only hold \
                 the socket of another? Name that one by its `pid-file:`"
            )),
            pid if pid == own => Err(format!("{label} is this program itself")),
            pid if above.contains(&pid) => Err(format!(
                "this program descends from {label}, so the fault would hit it as well: start it from \
                 somewhere else"
            )),
            _ => Ok(()),
        }
    }

    /// The folder in which its first process works, where we may write.
    ///
    /// # Errors
    /// As [`Family::can_be_broken`].
    pub fn cwd(&self) -> Result<PathBuf, String> {
        let (label, link) = (self.first.label(), format!("/proc/{}/cwd", self.first.pid));
        let folder = std::fs::read_link(&link).map_err(|why| {
            let why = why.kind();
            format!("where {label} works is closed to us ({why}): run as its user, or as root")
        })?;
        let place = |of: std::fs::Metadata| (of.dev(), of.ino());
        let (seen, named) = (std::fs::metadata(&link), std::fs::metadata(&folder));
        if seen.ok().map(place) != named.ok().map(place) {
            return Err(format!(
                "{label} works in {}, which is gone or another folder from here (a container's?): no \
                 `disk` can be taken from it",
                folder.display()
            ));
        }
        rustix::fs::access(&folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|why| {
            let folder = folder.display();
            format!(
                "{label} works in {folder}, where this user may not write ({why}): take no `disk`"
            )
        })?;
        Ok(folder)
    }

    /// How they go on, to be written down before they stand still.
    #[must_use]
    pub fn standing(&self, service: &str, run: &str) -> Standing {
        Standing {
            service: service.to_owned(),
            run: run.to_owned(),
            process: (self.first.pid, self.first.start, 0),
            boot: boot(),
            space: space(),
            family: Some(self.ids()),
        }
    }

    /// All of them, to stand still and go on, as those of this service.
    #[must_use]
    pub fn processes(&self, service: &str) -> Processes {
        Processes { name: service.to_owned(), scope: self.scope() }
    }

    /// By what other runs know each of them, and its name for people.
    pub fn claims(&self) -> impl Iterator<Item = (String, String)> {
        let boot = boot();
        self.members.iter().map(move |one| {
            (
                format!("process/{boot}/{}/{}", one.pid, one.start),
                format!("process {}", one.label()),
            )
        })
    }

    /// Sends a signal, by its number, to all of them, once to each. The future resolves when all are gone; at
    /// the latest 1 s after the first is, or after 5 s (one, when [`Hurry`] is said) if it is not.
    ///
    /// # Errors
    /// A sentence: nothing was sent.
    pub fn kill(
        &self,
        signal: i32,
        hurry: &Hurry,
    ) -> Result<impl Future<Output = Felled> + Send + use<>, String> {
        let deadly = signal_name(signal).and(Signal::from_named_raw(signal));
        let deadly = deadly.ok_or_else(|| format!("signal {signal} ends no process"))?;
        let (first, mut meant, scope) = (self.first.id(), self.ids(), self.scope());
        let hurry = hurry.clone();
        Ok(async move {
            let strike = move || strike_all(scope, first, deadly, &hurry);
            let struck = tokio::task::spawn_blocking(strike).await;
            let Struck { ended, is_gone } = struck.unwrap_or_else(|why| Struck {
                ended: Ended { blind: Some(why.to_string()), ..Ended::default() },
                is_gone: false,
            });
            meant.extend(ended.signalled().map(Entry::id));
            let was_hit = ended.signalled().any(|entry| entry.id() == first);
            // How it ended only its parent is told.
            let effect = match (is_gone, was_hit) {
                (false, _) => KillEffect::StillThere,
                (true, false) => KillEffect::Before(Exit::Unknown),
                (true, true) => KillEffect::Gone(Exit::Unknown),
            };
            let others = ended.signalled().filter(|entry| entry.id() != first);
            let swept = others.map(Entry::label).collect();
            let left = ended.left.iter().map(Entry::label).collect();
            Felled { killed: Killed { effect, swept, left, blind: ended.blind }, meant }
        })
    }

    fn ids(&self) -> BTreeSet<Id> {
        self.members.iter().map(Entry::id).collect()
    }

    fn scope(&self) -> Scope {
        Scope { roots: self.ids(), ..Scope::default() }
    }
}

/// Whether a fault signals anybody: what takes only memory and disk does not, nor a busy neighbour.
#[must_use]
pub fn signals(fault: &Fault) -> bool {
    let quiet = |pressure: &Pressure| pressure.by_burners || pressure.cpu.0 == 0;
    !matches!(&fault.kind, FaultKind::Pressure(pressure) if quiet(pressure))
}

/// Those that a process descends from.
fn above(pid: i32) -> Vec<i32> {
    let parent = |pid: &i32| table::entry(*pid).ok().flatten().map(|entry| entry.ppid);
    // No line is longer than all numbers; a ring would be one that was read while it changed.
    std::iter::successors(parent(&pid), parent).take_while(|pid| *pid > 0).take(1024).collect()
}

/// Whether this user may not signal it.
fn is_closed(entry: &Entry) -> bool {
    let tried = Pid::from_raw(entry.pid).map(test_kill_process);
    matches!(tried, Some(Err(Errno::PERM)))
}

#[cfg(test)]
mod tests;
