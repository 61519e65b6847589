//! Makes all processes of a scope stand still, and go on.
//!
//! Invariant: "stands still" means that two looks in a row found everybody stopped; a process that
//! was born between a look and its signal is found by the next.
//! Invariant: only members of the scope are signalled (see `ending`).
//! Not here: whose processes these are (`acts`), putting right what a dead run left (`undo`).

use super::ending::{Scope, pause};
use super::table::{self, Entry};
use crate::clock::Clock;
use rustix::process::Signal;
use std::time::Duration;

/// How long all together may take to stand still, or to go on.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Stops everybody; gives those that stand still then, and those that do not.
///
/// # Errors
/// The process table cannot be read.
pub(super) fn freeze(scope: &Scope) -> Result<(Vec<Entry>, Vec<Entry>), String> {
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
pub(super) fn moving(scope: &Scope) -> Vec<String> {
    let (members, _) = scope.look().unwrap_or_default();
    members.iter().filter(|entry| !is_still(entry)).map(Entry::label).collect()
}

fn is_still(entry: &Entry) -> bool {
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
        for entry in &others {
            table::signal(entry, signal);
        }
        pause(LOOK_EVERY);
    }
}
