//! The guardian's own process: waits for the end of its input, then cleans up.
//!
//! Invariant: nothing it meets stops it: not a line it cannot read, not a full disk, not a
//! missing run directory, not a signal but SIGKILL.
//! Invariant: it has no runtime before it undoes, and but for its looks at `/proc` and the containers it holds
//! opens nothing until it has to act.
//! Not here: our side of the pipe (`post`), what it is told and sees (`known`).

use super::ON_GUARD;
use super::known::{Known, keep_looking, listen};
use crate::clock;
use crate::service::ending::{Ended, Patience, end};
use crate::service::table::Entry;
use crate::service::undo::{Part, Recovered, recover, restore};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What it did, in the run directory.
const LOG: &str = "guardian.log";
/// How long processes may take to end after SIGTERM. Nobody waits for a tidy end any more.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the guardian: the program's hidden subcommand `guardian`. Reads orders from standard
/// input; its end without `done` undoes what the run's log says, ends every process of the run, and `guardian.log` in the run
/// directory says what was done. `run` is the run's process: number and start time. Blocks; call
/// it outside any runtime.
#[must_use]
pub fn guardian_main(run_id: &str, run_dir: &Path, run: (i32, u64)) -> ExitCode {
    stand_apart();
    let greeted = greet();
    let known: Arc<Mutex<Known>> = Arc::default();
    let looking = Arc::clone(&known);
    let looks = std::thread::Builder::new().spawn(move || keep_looking(&looking, run));
    listen(io::stdin().lock(), &known);
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.is_done {
        return ExitCode::SUCCESS;
    }
    // Without it nobody would know what is left, nor read what was done.
    let restored = restore(run_dir, &known.undos);
    // What stands still goes on first, so that it can end; commands run when the run's own are gone.
    let quick = recover(run_dir, Part::Quick);
    let ended = end(known.scope(run_id), Patience::orderly(GRACE));
    let mut text = account(run_id, &known, &ended, greeted.is_ok());
    let slow = recover(run_dir, Part::Commands);
    let is_mended = quick.left.is_empty() && slow.left.is_empty();
    for recovered in [quick, slow] {
        text.push_str(&undone(&recovered));
    }
    if let Err(why) = restored {
        text.push_str(&format!("STILL BROKEN: the log of undos is lost: {why}\n"));
    }
    if let Err(why) = looks {
        text.push_str(&format!("descendants of the run were not looked for: {why}\n"));
    }
    // Nobody may be left to read it; what was done is done.
    let _ = append(run_dir, LOG, &text);
    if ended.left.is_empty() && ended.blind.is_none() && is_mended {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Leaves the run's session, and is deaf to what is meant for it.
pub(super) fn stand_apart() {
    // Fails only for the leader of a group, whom no group's signals reach anyway.
    let _ = rustix::process::setsid();
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        // The flag is never read: that the signal has a handler is what keeps us alive.
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
}

/// Tells the run that it is guarded.
pub(super) fn greet() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{ON_GUARD}").and_then(|()| out.flush())
}

fn account(run_id: &str, known: &Known, ended: &Ended, is_heard: bool) -> String {
    let mut text = format!("run {run_id} ended without saying so; its processes were ended\n");
    if !is_heard {
        text.push_str("nobody listened when the guard began\n");
    }
    for (leader, name) in &known.watched {
        text.push_str(&format!("watched {name} (pid {})\n", leader.pid));
    }
    for line in &known.unread {
        text.push_str(&format!("could not read the order {line:?}\n"));
    }
    let mut list = |what: &str, entries: &BTreeSet<Entry>| {
        for entry in entries {
            text.push_str(&format!("{what} {}\n", entry.label()));
        }
    };
    list("asked to end:", &ended.asked);
    list("killed:", &ended.killed);
    list("STILL THERE:", &ended.left.iter().cloned().collect());
    if let Some(why) = &ended.blind {
        text.push_str(&format!("PROCESSES MAY BE LEFT: {why}\n"));
    }
    if ended.left.is_empty() && ended.blind.is_none() {
        text.push_str("nothing of the run is left\n");
    }
    text
}

pub(super) fn undone(recovered: &Recovered) -> String {
    let undone = recovered.undone.iter().map(|what| format!("undone: {what}\n"));
    undone.chain(recovered.left.iter().map(|left| format!("STILL BROKEN: {left}\n"))).collect()
}

/// Adds lines to a log in the run directory, each with the time.
pub(super) fn append(run_dir: &Path, log: &str, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(run_dir.join(log))?;
    let now = clock::wall().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let lines: String = text.lines().map(|line| format!("{now} {line}\n")).collect();
    file.write_all(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_names_who_is_left() {
        let entry = Entry {
            pid: 5,
            ppid: 1,
            start: 1,
            pgid: 5,
            state: 'D',
            threads: 1,
            comm: "stuck".to_owned(),
        };
        let ended = Ended { left: vec![entry], ..Ended::default() };
        let text = account("r", &Known::default(), &ended, true);
        assert!(text.contains("STILL THERE: stuck (pid 5)"), "{text}");
        assert!(!text.contains("nothing of the run is left"), "{text}");
    }

    #[test]
    fn a_missing_folder_is_an_error_and_no_panic() {
        assert!(append(Path::new("/nonexistent/run"), LOG, "text").is_err());
    }
}
