//! The guardian's own process: waits for the end of its input, then cleans up.
//!
//! Invariant: nothing it meets stops it: not a line it cannot read, not a full disk, not a
//! missing run directory, not a signal but SIGKILL.
//! Invariant: it allocates no runtime and opens nothing until it has to act.
//! Not here: our side of the pipe (`guardian`).

use super::{DONE, Leader, ON_GUARD};
use crate::clock;
use crate::service::ending::{Ended, Scope, end, marks};
use crate::service::table::Entry;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long processes may take to end after SIGTERM. Nobody waits for a tidy end any more.
const GRACE: Duration = Duration::from_secs(1);

/// What the input came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Orders {
    watched: Vec<(Leader, String)>,
    unread: Vec<String>,
    is_done: bool,
}

/// Runs the guardian: the program's hidden subcommand `guardian`. Reads orders from standard
/// input; its end without `done` ends every process of the run, and `guardian.log` in the run
/// directory says what was done. Blocks; call it outside any runtime.
#[must_use]
pub fn guardian_main(run_id: &str, run_dir: &Path) -> ExitCode {
    // Fails only for the leader of a group, whom no group's signals reach anyway.
    let _ = rustix::process::setsid();
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        // The flag is never read: that the signal has a handler is what keeps us alive.
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    let greeted = {
        let mut out = io::stdout();
        writeln!(out, "{ON_GUARD}").and_then(|()| out.flush())
    };
    let orders = listen(io::stdin().lock());
    if orders.is_done {
        return ExitCode::SUCCESS;
    }
    let leaders = orders.watched.iter().map(|(leader, _)| leader.clone()).collect();
    let ended = end(&Scope { leaders, marks: marks(run_id, None) }, GRACE);
    // Nobody may be left to read it; what was done is done.
    let _ = append(run_dir, &account(run_id, &orders, &ended, greeted.is_ok()));
    if ended.left.is_empty() && ended.blind.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Reads orders until the input ends. An input that cannot be read has ended.
fn listen(mut input: impl BufRead) -> Orders {
    let mut orders = Orders::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return orders,
            Ok(_) => {}
        }
        // A line cut off by our parent's death says nothing reliable.
        let Some(whole) = line.strip_suffix(b"\n") else { return orders };
        let text = String::from_utf8_lossy(whole);
        if text == DONE {
            orders.is_done = true;
            return orders;
        }
        match watched(&text) {
            Some(watched) => orders.watched.push(watched),
            None => orders.unread.push(text.chars().take(200).collect()),
        }
    }
}

/// `watch <pid> <start time> <group> <name>`, see `watch_line`.
fn watched(line: &str) -> Option<(Leader, String)> {
    let mut words = line.strip_prefix("watch ")?.splitn(4, ' ');
    let pid: i32 = words.next()?.parse().ok()?;
    let start = words.next()?.parse().ok()?;
    let pgid: i32 = words.next()?.parse().ok()?;
    // 0 and negative numbers address whole groups, and 1 is the machine's.
    (pid > 1 && pgid > 1).then(|| (Leader { pid, start, pgid }, words.next().unwrap_or("").into()))
}

fn account(run_id: &str, orders: &Orders, ended: &Ended, is_heard: bool) -> String {
    let mut text = format!("run {run_id} ended without saying so; its processes were ended\n");
    if !is_heard {
        text.push_str("nobody listened when the guard began\n");
    }
    for (leader, name) in &orders.watched {
        text.push_str(&format!("watched {name} (pid {})\n", leader.pid));
    }
    for line in &orders.unread {
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

fn append(run_dir: &Path, text: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().append(true).create(true).open(run_dir.join("guardian.log"))?;
    let now = clock::wall().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let lines: String = text.lines().map(|line| format!("{now} {line}\n")).collect();
    file.write_all(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::watch_line;
    use super::*;

    fn heard(text: &[u8]) -> Orders {
        listen(text)
    }

    #[test]
    fn what_is_told_is_heard() {
        let leader = Leader { pid: 7, start: 99, pgid: 8 };
        let line = watch_line(&leader, "two words\nand a line");
        let orders = heard(line.as_bytes());
        assert_eq!(orders.watched, [(leader, "two words and a line".to_owned())]);
        assert!(!orders.is_done && orders.unread.is_empty());
    }

    #[test]
    fn only_a_whole_done_is_done() {
        assert!(heard(b"done\n").is_done);
        assert!(heard(b"watch 2 3 4 a\n\xff\xfe\ndone\nwatch").is_done);
        for text in [&b""[..], b"done", b"done \n", b"Done\n", b"not done\n"] {
            assert!(!heard(text).is_done);
        }
    }

    #[test]
    fn nonsense_watches_nobody() {
        for text in [
            "watch",
            "watch \n",
            "watch 1 2 3 x\n",
            "watch 0 0 0 x\n",
            "watch -1 5 -1 x\n",
            "watch 5 5\n",
            "watch a b c d\n",
            "watch 5 5 1 x\n",
            "watch 99999999999 1 2 x\n",
        ] {
            assert_eq!(heard(text.as_bytes()).watched, [], "{text}");
        }
        assert_eq!(heard(b"nonsense\nwatch 5 6 7\n").unread, ["nonsense"]);
        assert_eq!(heard(b"nonsense\nwatch 5 6 7\n").watched.len(), 1);
    }

    #[test]
    fn the_account_names_who_is_left() {
        let entry =
            Entry { pid: 5, start: 1, pgid: 5, state: 'D', threads: 1, comm: "stuck".to_owned() };
        let ended = Ended { left: vec![entry], ..Ended::default() };
        let text = account("r", &Orders::default(), &ended, true);
        assert!(text.contains("STILL THERE: stuck (pid 5)"), "{text}");
        assert!(!text.contains("nothing of the run is left"), "{text}");
    }

    #[test]
    fn a_missing_folder_is_an_error_and_no_panic() {
        assert!(append(Path::new("/nonexistent/run"), "text").is_err());
    }
}
