//! All that a run which died has left broken: undone by its guardian, or by whoever asks later.
//!
//! Invariant: what was undone is written down at once, so that nobody does it again, and what could
//! not be undone stays in the log for the next attempt.
//! Not here: undoing one thing (`carry`), when it is done (`guardian`, `cli`).

use super::{Line, Todo, Undo, append, carry_out, opened, pending};
use crate::service::ending::{Patience, Scope, end, marks};
use crate::service::table::Entry;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// How long processes may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// Which of the undos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those that take no time, which what still runs may wait for.
    Quick,
    /// Commands, which are run once the run's own processes are gone, and the removal of what these
    /// had in the container engine.
    Commands,
}

/// What recovering came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// What was put right, in words.
    pub undone: Vec<String>,
    /// What is still broken, each with the command that mends it.
    pub left: Vec<String>,
}

/// Undoes what the log of a dead run says is left; a directory without a log has nothing. Waits
/// for whoever else is at it. Blocks: call it outside any runtime.
#[must_use]
pub fn recover(dir: &Path, part: Part) -> Recovered {
    let mut recovered = Recovered::default();
    if let Err(why) = recover_all(dir, part, &mut recovered)
        && why.kind() != io::ErrorKind::NotFound
    {
        let log = dir.join(super::FILE);
        recovered.left.push(format!("what is left nobody can tell: {}: {why}", log.display()));
    }
    recovered
}

/// Ends every process that carries the mark of a run that has died. Blocks.
#[must_use]
pub fn end_processes(run_id: &str) -> Recovered {
    let scope = Scope { marks: marks(run_id, None), ..Scope::default() };
    let ended = end(scope, Patience::orderly(GRACE));
    let is_left = |entry: &Entry| ended.left.iter().any(|left| left.id() == entry.id());
    let gone: BTreeSet<&Entry> = ended.signalled().filter(|entry| !is_left(entry)).collect();
    let left = ended
        .left
        .iter()
        .map(|entry| format!("{} could not be ended: `kill -9 {}`", entry.label(), entry.pid));
    let blind = ended.blind.iter().map(|why| {
        format!("processes of the run may be left, nobody can tell ({why}): `ps -ef` shows them")
    });
    Recovered {
        undone: gone.into_iter().map(|entry| format!("{} ended", entry.label())).collect(),
        left: left.chain(blind).collect(),
    }
}

fn recover_all(dir: &Path, part: Part, recovered: &mut Recovered) -> io::Result<()> {
    // Not created where there was none.
    File::open(dir.join(super::FILE))?;
    let mut file = opened(dir)?;
    // Where there are no locks, nobody else can have one.
    let _ = file.lock();
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let (todos, unread) = pending(&text);
    if unread > 0 && part == Part::Commands {
        let log = dir.join(super::FILE);
        recovered.left.push(format!(
            "{unread} lines of {} cannot be read: look whether they name something to undo",
            log.display()
        ));
    }
    let is_slow = |undo: &Undo| matches!(undo, Undo::Command(_) | Undo::Remove(_));
    let is_part = |todo: &&Todo| is_slow(&todo.undo) == (part == Part::Commands);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for todo in todos.iter().filter(is_part) {
        match runtime.block_on(carry_out(todo, dir)) {
            Ok(()) => {
                recovered.undone.push(todo.what());
                append(&mut file, &Line::Undone(todo.id))?;
            }
            Err(why) => recovered.left.push(why),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Log, Mending};
    use super::*;

    #[test]
    fn what_is_left_is_undone_once_and_what_fails_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        assert_eq!(recover(dir.path(), Part::Commands), Recovered::default());
        let command = |line: &str| {
            Undo::Command(Mending {
                command: ["sh", "-c", line].map(str::to_owned).to_vec(),
                folder: dir.path().to_owned(),
                timeout_us: 30_000_000,
                run: format!("recover-{}", std::process::id()),
            })
        };
        let mut log = Log::of(dir.path());
        log.plan("a", command("echo a >> order")).unwrap();
        log.plan("b", command("echo b >> order; test -e good")).unwrap();
        let done = log.plan("c", command("echo c >> order")).unwrap();
        log.undone(&done).unwrap();
        drop(log);
        assert_eq!(recover(dir.path(), Part::Quick), Recovered::default());
        let first = recover(dir.path(), Part::Commands);
        assert_eq!((first.undone, first.left.len()), (vec!["fault `a`".to_owned()], 1));
        std::fs::write(dir.path().join("good"), "").unwrap();
        let second = recover(dir.path(), Part::Commands);
        assert_eq!((second.undone, second.left.len()), (vec!["fault `b`".to_owned()], 0));
        assert_eq!(recover(dir.path(), Part::Commands), Recovered::default());
        let order = std::fs::read_to_string(dir.path().join("order")).unwrap();
        assert_eq!(order, "b\na\nb\n");
    }
}
