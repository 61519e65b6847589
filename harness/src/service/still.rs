//! Makes all processes of a scope stand still, and go on.
//!
//! Invariant: "stands still" means that two looks in a row found everybody stopped; a process that
//! was born between a look and its signal is found by the next.
//! Invariant: nobody is stopped before its parent is: a child of one that still runs could lose it, and with
//! it what leads to the child; and a parent that waits for its child's `exec` (vfork) could never stop.
//! Invariant: only members of the scope are signalled (see `ending`).
//! Not here: whose processes these are (`acts`), putting right what a dead run left (`undo`).

use super::ServiceError;
use super::ending::{Scope, pause};
use super::table::{self, Entry};
use crate::clock::Clock;
use rustix::process::Signal;
use std::time::Duration;

/// How long all together may take to stand still, or to go on.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The processes of a service, which stand still and go on together.
#[derive(Debug, Clone)]
pub struct Processes {
    /// The service's name.
    pub(super) name: String,
    /// Who they are.
    pub(super) scope: Scope,
}

impl Processes {
    /// Makes all of them stand still, at most within 5 s; says which.
    ///
    /// # Errors
    /// [`ServiceError::Still`]; whoever stands still by then does so until [`Processes::go_on`].
    pub fn stand_still(
        &self,
    ) -> impl Future<Output = Result<Vec<String>, ServiceError>> + Send + use<> {
        let Processes { name, scope } = self.clone();
        async move {
            let frozen = tokio::task::spawn_blocking(move || freeze(&scope)).await;
            let frozen = frozen.map_err(|error| error.to_string()).and_then(|frozen| frozen);
            match frozen {
                Ok((still, others)) if others.is_empty() && !still.is_empty() => {
                    Ok(still.iter().map(Entry::label).collect())
                }
                Ok((_, others)) => {
                    let others: Vec<String> = others.iter().map(Entry::label).collect();
                    let why = match others.as_slice() {
                        [] => "it has ended before".to_owned(),
                        others => format!("{} does not stand still", others.join(", ")),
                    };
                    Err(ServiceError::Still { name, why })
                }
                Err(why) => Err(ServiceError::Still { name, why }),
            }
        }
    }

    /// Those of them that do not stand still, though all did.
    pub fn going_on(&self) -> impl Future<Output = Vec<String>> + Send + use<> {
        let scope = self.scope.clone();
        async move {
            let looked = tokio::task::spawn_blocking(move || moving(&scope)).await;
            looked.unwrap_or_default()
        }
    }

    /// Makes them go on, at most within 5 s.
    ///
    /// # Errors
    /// [`ServiceError::Still`].
    pub fn go_on(&self) -> impl Future<Output = Result<(), ServiceError>> + Send + use<> {
        let Processes { name, scope } = self.clone();
        async move {
            let left = tokio::task::spawn_blocking(move || thaw(&scope)).await;
            let left = left.map_err(|error| error.to_string()).and_then(|left| left);
            let why = match left {
                Ok(left) if left.is_empty() => return Ok(()),
                Ok(left) => {
                    let left: Vec<String> = left.iter().map(Entry::label).collect();
                    format!("{} does not go on", left.join(", "))
                }
                Err(why) => why,
            };
            Err(ServiceError::Still { name, why })
        }
    }
}

/// Stops everybody; gives those that stand still then, and those that do not.
///
/// # Errors
/// The process table cannot be read.
fn freeze(scope: &Scope) -> Result<(Vec<Entry>, Vec<Entry>), String> {
    settle(scope, Signal::STOP, true)
}

/// Makes everybody go on; gives those that still stand still.
///
/// # Errors
/// The process table cannot be read.
pub(super) fn thaw(scope: &Scope) -> Result<Vec<Entry>, String> {
    settle(scope, Signal::CONT, false).map(|(_, left)| left)
}

/// Who does not stand still now; nobody where nobody can tell.
fn moving(scope: &Scope) -> Vec<String> {
    let (members, _) = scope.look().unwrap_or_default();
    members.iter().filter(|entry| !is_still(entry)).map(Entry::label).collect()
}

/// Whether it is stopped.
pub(super) fn is_still(entry: &Entry) -> bool {
    matches!(entry.state, 'T' | 't')
}

/// Signals whoever is not as wanted until two looks in a row found all so, or the time is over.
fn settle(scope: &Scope, signal: Signal, still: bool) -> Result<(Vec<Entry>, Vec<Entry>), String> {
    let clock = Clock::start();
    let mut good = 0;
    loop {
        let looked = scope.look().map_err(|why| format!("no process table: {why}"))?;
        let (as_wanted, others): (Vec<Entry>, Vec<Entry>) =
            looked.0.into_iter().partition(|entry| is_still(entry) == still);
        good = if others.is_empty() { good + 1 } else { 0 };
        let is_over = Duration::from_micros(clock.now().0) >= WITHIN;
        if good == 2 || is_over {
            return Ok((as_wanted, others));
        }
        let waits = |entry: &&Entry| still && others.iter().any(|other| other.pid == entry.ppid);
        for entry in others.iter().filter(|entry| !waits(entry)) {
            table::signal(entry, signal);
        }
        pause(LOOK_EVERY);
    }
}
