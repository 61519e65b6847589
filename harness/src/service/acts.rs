//! What faults do to a service that we started: it is ended in good order, its workers are killed.
//!
//! Invariant: who is signalled is the service's own process, its group, or marked as the
//! service's; never a number alone.
//! Invariant: all of it takes its time and nothing of it holds the service meanwhile, so that nobody else
//! has to wait with it.
//! Not here: the kill of a whole service and its restart (`kill`), standing still (`still`), when it is done
//! (`run`).

use super::ServiceError;
use super::ending::{Patience, Scope, end_off_thread, marks, pause};
use super::hurry::Hurry;
use super::kill::Killed;
use super::process::{Running, signal_name};
use super::still::Processes;
use super::table::{self, Entry, Id};
use super::undo::{Standing, Undo, boot, space};
use crate::clock::Clock;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long workers may take to be gone once they are killed.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Workers that were killed, for [`Running::reborn`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workers(BTreeSet<Id>);

impl Running {
    /// Ends the service in good order, to be started again: SIGTERM, at most `grace`, SIGKILL. That takes
    /// time; its end is meant from now on. When [`Hurry`] is said, what is left of `grace` is a second.
    pub fn halt(
        &self,
        grace: Duration,
        hurry: &Hurry,
    ) -> impl Future<Output = Killed> + Send + use<> {
        let (before, scope, first) = (self.before_the_end(), self.scope(), self.first());
        let hurry = hurry.clone();
        async move {
            let ended = end_off_thread(scope, Patience::orderly(grace), &hurry).await;
            let is_gone = !ended.left.iter().any(|entry| first.is(entry));
            first.what_became(before, ended, is_gone).await
        }
    }

    /// Sends a signal, by its number, to all processes of the service but its first, and waits
    /// until those are gone, at most 5 s. Whoever is born meanwhile is spared.
    ///
    /// # Errors
    /// [`ServiceError::NotDeadly`]; [`ServiceError::Workers`] where there are none, or some are
    /// still there.
    pub fn kill_workers(
        &self,
        signal: i32,
    ) -> impl Future<Output = Result<Workers, ServiceError>> + Send + use<> {
        let name = self.launch.name.clone();
        let (scope, first) = (self.scope(), (self.life.leader.pid, self.life.leader.start));
        async move {
            let Some(deadly) = signal_name(signal).and(Signal::from_named_raw(signal)) else {
                return Err(ServiceError::NotDeadly { name, signal });
            };
            let killed =
                tokio::task::spawn_blocking(move || kill_others(&scope, first, deadly)).await;
            let killed = killed.map_err(|error| error.to_string()).and_then(|killed| killed);
            killed.map_err(|why| ServiceError::Workers { name, why })
        }
    }

    /// Whether the service's first process has others again than those that were killed.
    ///
    /// # Errors
    /// [`ServiceError::Workers`] where nobody is there, or nobody can tell.
    pub fn reborn(
        &self,
        killed: &Workers,
    ) -> impl Future<Output = Result<(), ServiceError>> + Send + use<> {
        let name = self.launch.name.clone();
        let (scope, first) = (self.scope(), (self.life.leader.pid, self.life.leader.start));
        let killed = killed.0.clone();
        let look = move || {
            let (members, _) = scope.look().map_err(|why| format!("no process table: {why}"))?;
            let is_new = |entry: &Entry| entry.id() != first && !killed.contains(&entry.id());
            if members.iter().any(is_new) {
                Ok(())
            } else {
                Err("its first process has started nobody again".to_owned())
            }
        };
        async move {
            let found = tokio::task::spawn_blocking(look).await;
            let found = found.map_err(|error| error.to_string()).and_then(|found| found);
            found.map_err(|why| ServiceError::Workers { name, why })
        }
    }

    /// All of them, to stand still and go on.
    #[must_use]
    pub fn processes(&self) -> Processes {
        Processes { name: self.launch.name.clone(), scope: self.scope() }
    }

    /// Tells the process that holds a container that the container's next end is a fault's.
    pub fn tell_meant(&self) {
        let leader = &self.life.leader;
        if let Ok(Some(now)) = table::entry(leader.pid)
            && now.start == leader.start
        {
            table::signal(&now, Signal::USR1);
        }
    }

    /// What puts right that it stands still, to be written down before it does.
    #[must_use]
    pub fn undo_of_standing(&self) -> Undo {
        Undo::Continue(self.standing())
    }

    /// How its processes are found when they are to go on.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let leader = &self.life.leader;
        Standing {
            service: self.launch.name.clone(),
            run: self.launch.run_id.clone(),
            process: (leader.pid, leader.start, leader.pgid),
            boot: boot(),
            family: None,
            space: space(),
        }
    }

    /// Where it works.
    #[must_use]
    pub fn cwd(&self) -> &std::path::Path {
        &self.launch.cwd
    }

    /// Its process that runs now, its group, and whoever carries its marks.
    pub(super) fn scope(&self) -> Scope {
        let marks = marks(&self.launch.run_id, Some(&self.launch.name));
        Scope { leaders: vec![self.life.leader.clone()], marks, ..Scope::default() }
    }
}

fn kill_others(scope: &Scope, first: Id, signal: Signal) -> Result<Workers, String> {
    let look = || scope.look().map_err(|why| format!("no process table: {why}"));
    let meant: Vec<Entry> = look()?.0.into_iter().filter(|entry| entry.id() != first).collect();
    if meant.is_empty() {
        let why = "it has one process only, and nobody to start it again: write `restarted-by: \
                   assay`, or a command that supervises another";
        return Err(why.to_owned());
    }
    for entry in &meant {
        table::signal(entry, signal);
    }
    let killed: BTreeSet<Id> = meant.iter().map(Entry::id).collect();
    let clock = Clock::start();
    loop {
        let members = look()?.0;
        let left: Vec<&Entry> = members.iter().filter(|one| killed.contains(&one.id())).collect();
        if left.is_empty() {
            return Ok(Workers(killed));
        }
        if Duration::from_micros(clock.now().0) >= GONE_WITHIN {
            let left: Vec<String> = left.iter().map(|entry| entry.label()).collect();
            return Err(format!("{} is still there", left.join(", ")));
        }
        pause(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests;
