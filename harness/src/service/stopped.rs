//! A service that was stopped: what it took, and the end of its log.
//!
//! Invariant: a log that somebody still holds open is proof that a process outlived its service,
//! whatever the search for processes found.
//! Not here: stopping (`process`), reading the log (`capture`).

use super::capture::{Capture, Written};
use super::orphans::Remnant;
use super::process::Exit;
use super::{descriptors, table};
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two looks at a log's pipe.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How a service came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It had ended by itself.
    Already,
    /// After SIGTERM, in time.
    Asked,
    /// It needed SIGKILL.
    Killed,
}

/// A stopped service.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Its name.
    pub name: String,
    /// How its first process ended.
    pub exit: Exit,
    /// What it took.
    pub how: How,
    /// Processes that had left its group and were ended too: `name (pid n)`.
    pub swept: Vec<String>,
    /// Processes that are still there: the undo failed.
    pub left: Vec<Remnant>,
    /// Why nobody can know whether processes are left: the undo is unproven.
    pub blind: Option<String>,
    /// Its output, of each of its lives.
    pub(super) captures: Vec<Capture>,
}

/// A closed log, or one that cannot be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// What became of the output.
    pub written: Written,
    /// Somebody still holds it open: who, as far as we may know.
    pub held_by: Option<Vec<Remnant>>,
}

impl Stopped {
    /// Waits until nobody can write to the log any more, and all that was written is in it: at
    /// most `within`, and as long again for the writing.
    pub async fn log(mut self, within: Duration) -> Log {
        let free = async {
            while self.captures.iter().any(Capture::is_held) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let held_by = match tokio::time::timeout(within, free).await {
            Ok(()) => None,
            Err(_) => Some(self.holders()),
        };
        if held_by.is_none() {
            let ended = async {
                for capture in &mut self.captures {
                    capture.reached(|progress| progress.ended).await;
                }
            };
            // A slow disk is no process; what is written later is only not counted.
            let _ = tokio::time::timeout(within, ended).await;
        }
        let written = self.captures.iter().map(Capture::written);
        Log { written: written.fold(Written::default(), Written::and), held_by }
    }

    fn holders(&self) -> Vec<Remnant> {
        let pipes = self.captures.iter().filter(|capture| capture.is_held());
        let found: BTreeSet<table::Entry> =
            pipes.filter_map(Capture::pipe).flat_map(descriptors::holders).collect();
        found.iter().map(table::Entry::remnant).collect()
    }
}
