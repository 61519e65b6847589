//! Processes that stand still, as they are written down: whoever comes later finds them again, and nobody else.
//!
//! Invariant: a number means somebody only with its start time, the boot that counts from, and the PID namespace.
//! Not here: making them go on (`carry`), until when (`lease`).

use crate::service::ending::{Leader, Scope, marks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A service whose processes stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The service.
    pub service: String,
    /// The run's id, which its processes are marked with.
    pub run: String,
    /// Its first process: number, start time in clock ticks since boot, and group.
    pub process: (i32, u64, i32),
    /// The boot that those count from.
    pub boot: String,
    /// Of one that ran already: it and all who descended from it, by number and start time. They and who
    /// descends from them are meant, and nobody else: no group and no mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<BTreeSet<(i32, u64)>>,
    /// The PID namespace in which that number is its; empty: nobody knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub space: String,
}

/// What tells this boot from others.
pub(in crate::service) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

/// What tells this PID namespace from others: in each of them a number is another process. Empty where
/// nobody can tell.
pub(in crate::service) fn space() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid");
    link.map_or_else(|_| String::new(), |link| link.display().to_string())
}

impl Standing {
    /// Why its numbers mean nothing here; none: they do.
    pub(super) fn elsewhere(&self) -> Option<String> {
        let (own, theirs, pid) = (space(), &self.space, self.process.0);
        let known = !own.is_empty() && !theirs.is_empty();
        (known && own != *theirs).then(|| {
            format!(
                "service `{}` was process {pid} in the PID namespace {theirs}, and this is {own}, where that \
                 number is a stranger's, so nobody was signalled: run `assay recover` where the run was, \
                 in {theirs} (`lsns -t pid` shows them). If that is gone, so are its processes, and nothing \
                 stands still",
                self.service
            )
        })
    }

    /// The service's processes.
    pub(super) fn scope(&self) -> Scope {
        if let Some(family) = &self.family {
            return Scope { roots: family.clone(), ..Scope::default() };
        }
        let (pid, start, pgid) = self.process;
        let marks = marks(&self.run, Some(&self.service));
        Scope { leaders: vec![Leader { pid, start, pgid }], marks, ..Scope::default() }
    }
}
