//! The lease keeper's own process: undoes what is over its time, by the clock alone.
//!
//! It is for a run that stands still, whose guardian therefore waits, and for one that was killed with its
//! guardian. Once a second it looks at the log of undos. While somebody holds the log it puts right what is
//! over its time, and nothing else; once nobody does and the run is gone, it does what `assay recover` would.
//!
//! Invariant: nobody who is in time is interfered with, and a run that is gone has its grace first: its
//! guardian is faster.
//! Invariant: it leaves when the run is over and nothing is left, or could not be undone in ten minutes.
//! Invariant: of a run that lives nothing is taken for undone: it may be just about to break it.
//! Not here: how long each has (`run`), what the log says of it (`undo`), undoing (`undo`).

use super::child::{append, greet, stand_apart, undone};
use super::known::{Known, listen};
use crate::clock::steady_ms;
use crate::service::claim::Holder;
use crate::service::ending::pause;
use crate::service::table;
use crate::service::undo::{
    Leases, Part, Todo, Undo, carry_out, end_processes, grace, is_any_left, recover,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What it did, in the run directory.
const LOG: &str = "keeper.log";
/// Between two looks, as long as the run has not closed its end of our pipe; it wakes us when it leaves.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// And afterwards.
const LOOK_OFTEN: Duration = Duration::from_millis(200);
/// Before what failed is tried again the first time; twice as long each time,
const AGAIN_MS: u64 = 1000;
/// at most,
const AGAIN_AT_MOST_MS: u64 = 60_000;
/// and for so long.
const TRIES_FOR_MS: u64 = 600_000;

/// Runs the keeper: the program's hidden subcommand `keeper`. `run` is the run's process: number and start
/// time; `log` leads to the file of its undos. Blocks; call it outside any runtime.
#[must_use]
pub fn keeper_main(run_id: &str, run_dir: &Path, run: (i32, u64), log: &Path) -> ExitCode {
    stand_apart();
    // Whoever started it says that it is not there.
    let Ok(leases) = Leases::open(run_dir, log) else { return ExitCode::FAILURE };
    let known = Arc::new(Mutex::new(Known::of(Holder::Keeper)));
    let (told, hears) = channel::<()>();
    let listening = Arc::clone(&known);
    let listens = std::thread::Builder::new().spawn(move || {
        listen(io::stdin().lock(), &listening);
        drop(told);
    });
    if listens.is_err() || greet().is_err() {
        return ExitCode::FAILURE;
    }
    let mut keeper = Keeper {
        run_id: run_id.to_owned(),
        dir: run_dir.to_owned(),
        run,
        leases,
        gone_ms: None,
        all: Tries::default(),
        each: BTreeMap::new(),
        said: String::new(),
    };
    let mut hears = Some(hears);
    loop {
        wait(&mut hears);
        let is_dismissed = known.lock().unwrap_or_else(PoisonError::into_inner).is_done;
        match keeper.look(is_dismissed, steady_ms()) {
            Next::Stay => {
                if let Some(left) = keeper.left_broken() {
                    known.lock().unwrap_or_else(PoisonError::into_inner).hold_only(&left);
                }
            }
            Next::Leave => return ExitCode::SUCCESS,
            Next::GiveUp => return ExitCode::FAILURE,
        }
    }
}

/// Waits for the next look; not as long when the run closes its end, which by itself means nothing.
fn wait(hears: &mut Option<Receiver<()>>) {
    match hears {
        Some(open) => {
            if open.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
                *hears = None;
            }
        }
        None => pause(LOOK_OFTEN),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
    GiveUp,
}

/// How often something was tried.
#[derive(Debug, Default)]
struct Tries {
    first_ms: Option<u64>,
    next_ms: u64,
    pause_ms: u64,
}

impl Tries {
    /// It failed, and is tried again later.
    fn failed(&mut self, now_ms: u64) {
        self.first_ms.get_or_insert(now_ms);
        self.pause_ms = self.pause_ms.saturating_mul(2).clamp(AGAIN_MS, AGAIN_AT_MOST_MS);
        self.next_ms = now_ms.saturating_add(self.pause_ms);
    }

    fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.next_ms && !self.is_over(now_ms)
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.first_ms.is_some_and(|first_ms| now_ms.saturating_sub(first_ms) >= TRIES_FOR_MS)
    }
}

struct Keeper {
    run_id: String,
    dir: PathBuf,
    run: (i32, u64),
    leases: Leases,
    /// When the run was first seen to be gone.
    gone_ms: Option<u64>,
    /// Of all together, once the run is gone.
    all: Tries,
    /// Of each by its number, while somebody holds the log.
    each: BTreeMap<u64, Tries>,
    /// What was said last of what is still broken.
    said: String,
}

impl Keeper {
    fn look(&mut self, is_dismissed: bool, now_ms: u64) -> Next {
        let todos = self.leases.pending();
        if is_dismissed || !is_there(self.run) {
            self.gone_ms.get_or_insert(now_ms);
        }
        let mut over: Vec<&Todo> = todos.iter().filter(|todo| is_over(todo, now_ms)).collect();
        // Nobody else shall wait for a command.
        over.sort_by_key(|todo| matches!(todo.undo, Undo::Command(_)));
        let Some(gone_ms) = self.gone_ms else {
            self.beside_the_run(&over, now_ms);
            return Next::Stay;
        };
        // Of a command that failed the run has told; it is not run again for somebody who is there.
        let is_told = |todo: &Todo| matches!(todo.undo, Undo::Command(_));
        if is_dismissed && todos.iter().all(is_told)
            || todos.is_empty() && !is_any_left(&self.run_id)
        {
            return Next::Leave;
        }
        if self.all.is_over(now_ms) {
            self.write("gave up: what is still broken stays so until somebody mends it\n");
            return Next::GiveUp;
        }
        let grace_ms = u64::try_from(grace().as_millis()).unwrap_or(u64::MAX);
        let is_due = !over.is_empty() || now_ms >= gone_ms.saturating_add(grace_ms);
        if is_due && self.leases.is_free() {
            if self.all.is_due(now_ms) {
                self.recover(now_ms);
            }
        } else {
            // Whoever undoes what the run left may stand still as well.
            self.beside_the_run(&over, now_ms);
        }
        Next::Stay
    }

    /// The containers that a run that is gone has left broken; none while it is there.
    fn left_broken(&mut self) -> Option<BTreeSet<String>> {
        self.gone_ms?;
        let vessels = self.leases.pending().into_iter().flat_map(|todo| match todo.undo {
            Undo::Containers(adrift) => adrift.vessels,
            _ => Vec::new(),
        });
        Some(vessels.map(|vessel| vessel.id).collect())
    }

    /// Puts right what is over its time; whoever holds the log may come to it later.
    fn beside_the_run(&mut self, over: &[&Todo], now_ms: u64) {
        self.each.retain(|id, _| over.iter().any(|todo| todo.id == *id));
        for todo in over {
            if !self.each.get(&todo.id).is_none_or(|tries| tries.is_due(now_ms)) {
                continue;
            }
            // Commands write there what they say.
            _ = std::fs::create_dir_all(self.dir.join("logs"));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let undone = match runtime {
                Ok(runtime) => runtime.block_on(carry_out(todo, &self.dir)),
                Err(why) => Err(format!("{} is not undone: {why}", todo.what())),
            };
            let is_new = !self.each.contains_key(&todo.id);
            let tries = self.each.entry(todo.id).or_default();
            match undone {
                Err(why) => {
                    tries.failed(now_ms);
                    self.say(&format!("STILL BROKEN: {why}\n"));
                }
                Ok(()) => {
                    // It may be broken again by who is late; but no command is run again for nothing.
                    let is_once = matches!(todo.undo, Undo::Command(_));
                    let next_ms = now_ms.saturating_add(AGAIN_AT_MOST_MS);
                    let was_broken = is_new || tries.first_ms.is_some();
                    *tries = Tries {
                        next_ms: if is_once { u64::MAX } else { next_ms },
                        ..Tries::default()
                    };
                    if was_broken {
                        self.told_lapsed(todo);
                    }
                }
            }
        }
    }

    fn told_lapsed(&mut self, todo: &Todo) {
        let mut text = format!(
            "put right: {}, over its time; whoever should have done it stands still or hangs\n",
            todo.what()
        );
        if let Err(why) = self.leases.lapsed(todo) {
            text.push_str(&format!("that could not be written to the log of undos: {why}\n"));
        }
        self.say(&text);
    }

    /// Does all that `assay recover` would.
    fn recover(&mut self, now_ms: u64) {
        let restored = self.leases.restore();
        let quick = recover(&self.dir, Part::Quick);
        let ended = end_processes(&self.run_id);
        let slow = recover(&self.dir, Part::Commands);
        let mut text =
            format!("run {} is gone, and nobody has undone what it broke\n", self.run_id);
        for recovered in [&quick, &ended, &slow] {
            text.push_str(&undone(recovered));
        }
        if let Err(why) = restored {
            text.push_str(&format!("STILL BROKEN: the log of undos is lost: {why}\n"));
        }
        self.all.failed(now_ms);
        self.say(&text);
    }

    /// Writes it down, unless it is what was said last.
    fn say(&mut self, text: &str) {
        if text != self.said {
            text.clone_into(&mut self.said);
            self.write(text);
        }
    }

    fn write(&self, text: &str) {
        // Nobody may be left to read it; what was done is done.
        let _ = append(&self.dir, LOG, text);
    }
}

fn is_over(todo: &Todo, now_ms: u64) -> bool {
    todo.until_ms.is_some_and(|until_ms| until_ms <= now_ms)
}

/// Whether the run's process is there, standing still or not. Where nobody can tell it is.
fn is_there((pid, start): (i32, u64)) -> bool {
    match table::entry(pid) {
        Ok(Some(now)) => now.start == start && !now.is_gone(),
        Ok(None) => false,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests;
