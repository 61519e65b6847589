//! What must be put right, written down before it is broken: the write-ahead log of undos.
//!
//! `undo.jsonl` in the run directory has a line for each thing to undo, which is on the disk before
//! the thing is done, one for each that was undone, and one for each that a container engine was seen
//! to have done. So whoever comes after a run that died (its guardian, `assay recover`) knows what is
//! left, and what the engine may still be about to do.
//!
//! Invariant: a line is synced before [`Log::plan`] returns; a last line without its end was never
//! acted on, and is cut off before another follows it.
//! Invariant: the run holds a lock on the file while it lives, so nobody undoes beside it but what is over its
//! time (`lease`).
//! Invariant: to undo twice is to undo once.
//! Not here: doing it (`carry`, `afloat`), all that a dead run left (`recover`), finding such runs (`left`).

mod afloat;
mod carry;
mod lease;
mod left;
mod recover;
mod standing;

pub use carry::carry_out;
pub(super) use lease::{Leases, grace};
pub use left::{LeftBehind, left_behind, restore};
pub(super) use recover::is_any_left;
pub use recover::{Part, Recovered, end_processes, recover};
pub use standing::Standing;
pub(super) use standing::{boot, space};

use super::engine::{Put, Vessel};
use crate::clock;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::UnboundedSender;

/// The file's name in the run directory.
const FILE: &str = "undo.jsonl";

/// How something is put right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// The processes of a service go on.
    Continue(Standing),
    /// A command is run.
    Command(Mending),
    /// Containers are put right.
    Containers(Adrift),
    /// What a run has in the container engine is removed.
    Remove(Remains),
    /// The processes of a service go on, and its disk is given back.
    Relieve(Pressed),
}

/// A service that loses what is not in a container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    /// Its processes.
    pub standing: Standing,
    /// The file that takes its disk.
    pub file: Option<PathBuf>,
}

/// Containers to which something was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adrift {
    /// The service.
    pub service: String,
    /// Whether the run started them, so that they end with it.
    pub ours: bool,
    /// Which they are.
    pub vessels: Vec<Vessel>,
    /// How each is put right.
    pub put: Put,
    /// `DOCKER_HOST` of the run.
    pub host: Option<String>,
}

/// What a run has in the container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// The run's id, which its containers are labelled with.
    pub run: String,
    /// The network that it made.
    pub network: String,
    /// `DOCKER_HOST` of the run.
    pub host: Option<String>,
}

/// A command that puts something right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mending {
    /// Program and arguments, filled in.
    pub command: Vec<String>,
    /// Where it runs: the scenario's folder, absolute.
    pub folder: PathBuf,
    /// How long it may take, µs.
    pub timeout_us: u64,
    /// The run's id, which its processes are marked with.
    pub run: String,
}

/// One thing to undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Todo {
    /// Its number in the log.
    pub id: u64,
    /// The fault that broke it; empty: the run itself.
    pub fault: String,
    /// How it is put right.
    pub undo: Undo,
    /// When it was written down, ms since 1970 by the wall clock.
    #[serde(default)]
    pub at_ms: i64,
    /// Until when it is to be undone, by the system's own clock (`clock::steady_ms`); none: when the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Nothing of what it undoes is under way any more, if it was ever begun.
    #[serde(skip)]
    pub landed: bool,
}

impl Todo {
    /// What there is to undo: ``fault `slow` ``.
    #[must_use]
    pub fn what(&self) -> String {
        match self.fault.as_str() {
            "" => "what the run had in the container engine".to_owned(),
            fault => format!("fault `{fault}`"),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Todo(Box<Todo>),
    Landed(u64),
    Undone(u64),
    /// It may be undone later than it was said before.
    Until {
        id: u64,
        until_ms: u64,
    },
    /// Its time was over, and it was put right while the run that should have done it may still live: at
    /// this time by the wall clock, ms.
    Lapsed {
        id: u64,
        at_ms: i64,
    },
}

/// The log of a run that goes on.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    file: Option<File>,
    next: u64,
    /// Who is told each line, should the file be lost.
    also: Option<UnboundedSender<String>>,
}

impl Log {
    /// Of a run with this directory; nothing is written before there is something to undo.
    #[must_use]
    pub fn of(dir: &Path) -> Log {
        Log { dir: dir.to_owned(), file: None, next: 1, also: None }
    }

    /// Tells somebody each line from now on as well: the file may be removed, and nobody who outlives
    /// this process would know what to undo.
    pub fn tell(&mut self, who: UnboundedSender<String>) {
        self.also = Some(who);
    }

    fn told(&self, line: &Line) {
        if let (Some(who), Ok(text)) = (&self.also, serde_json::to_string(line)) {
            // Whoever has left needs to know nothing.
            let _ = who.send(text);
        }
    }

    /// Writes down what is going to be broken until the run ends, and waits until the disk has it.
    ///
    /// # Errors
    /// What the system says; nothing may be broken then.
    pub fn plan(&mut self, fault: &str, undo: Undo) -> io::Result<Todo> {
        self.plan_until(fault, undo, None)
    }

    fn plan_until(&mut self, fault: &str, undo: Undo, until_ms: Option<u64>) -> io::Result<Todo> {
        let at_ms = clock::wall().timestamp_millis();
        let (id, fault) = (self.next, fault.to_owned());
        let todo = Todo { id, fault, undo, at_ms, until_ms, landed: false };
        let line = Line::Todo(Box::new(todo.clone()));
        append(self.file()?, &line)?;
        self.told(&line);
        self.next += 1;
        Ok(todo)
    }

    /// The file, there and locked.
    fn file(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let file = opened(&self.dir)?;
            // Where there are no locks, nobody can look for one either.
            let _ = file.lock();
            // The name of the file must last as its lines do.
            File::open(&self.dir)?.sync_all()?;
            self.file = Some(file);
        }
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes down that nothing of what it undoes is under way any more. A line that is lost costs
    /// whoever recovers a little patience, so nobody waits for the disk.
    pub fn landed(&mut self, todo: &mut Todo) {
        todo.landed = true;
        if let Some(file) = &mut self.file {
            _ = write(file, &Line::Landed(todo.id));
        }
        self.told(&Line::Landed(todo.id));
    }

    /// Writes down that it was undone.
    ///
    /// # Errors
    /// What the system says; it may then be undone once more.
    pub fn undone(&mut self, todo: &Todo) -> io::Result<()> {
        self.told(&Line::Undone(todo.id));
        match &mut self.file {
            Some(file) => append(file, &Line::Undone(todo.id)),
            None => Ok(()),
        }
    }
}

fn opened(dir: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).open(dir.join(FILE))
}

fn append(file: &mut File, line: &Line) -> io::Result<()> {
    write(file, line)?;
    file.sync_data()
}

fn write(file: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    let whole = file.metadata()?.len();
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        // Of a full disk: the next line must not be a part of this one.
        file.set_len(whole)?;
    }
    written
}

/// What a log says is still to be undone, the last first, and lines that nobody can read.
fn pending(text: &str) -> (Vec<Todo>, usize) {
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    let (mut todos, mut unread): (Vec<Todo>, usize) = (Vec::new(), 0);
    for line in whole.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Todo(todo)) => todos.push(*todo),
            Ok(Line::Landed(id)) => {
                todos.iter_mut().filter(|todo| todo.id == id).for_each(|todo| todo.landed = true);
            }
            Ok(Line::Undone(id)) => todos.retain(|todo| todo.id != id),
            Ok(Line::Until { id, until_ms }) => {
                let meant = todos.iter_mut().filter(|todo| todo.id == id);
                meant.for_each(|todo| todo.until_ms = Some(until_ms));
            }
            // Whoever lives may have broken it again since.
            Ok(Line::Lapsed { .. }) => {}
            Err(_) => unread += 1,
        }
    }
    todos.reverse();
    (todos, unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(word: &str) -> Undo {
        Undo::Command(Mending {
            command: vec![word.to_owned()],
            folder: PathBuf::from("/"),
            timeout_us: 1,
            run: "r".to_owned(),
        })
    }

    #[test]
    fn what_was_not_undone_is_pending_the_last_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::of(dir.path());
        assert!(!dir.path().join(FILE).exists());
        let first = log.plan("a", command("x")).unwrap();
        let mut second = log.plan("b", command("y")).unwrap();
        log.plan("c", command("z")).unwrap();
        log.undone(&first).unwrap();
        log.landed(&mut second);
        let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        let landed: Vec<bool> = pending(&text).0.iter().map(|todo| todo.landed).collect();
        assert_eq!(landed, [false, true]);
        let text = &text[..=text.trim_end().rfind('\n').unwrap()];
        let names = |text: &str| -> Vec<String> {
            pending(text).0.into_iter().map(|todo| todo.fault).collect()
        };
        assert_eq!(names(text), ["c", "b"]);
        // A line that was not whole was never acted on; nonsense is counted, and hides nothing.
        assert_eq!(names(&text[..text.len() - 1]), ["c", "b", "a"]);
        assert_eq!(pending(&format!("nonsense\n{text}")).1, 1);
        assert_eq!(names(&format!("nonsense\n{text}")), ["c", "b"]);
    }

    #[test]
    fn a_log_that_was_lost_is_told_again() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        let (also, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let mut log = Log::of(&run);
        log.tell(also);
        let first = log.plan("a", command("x")).unwrap();
        log.plan("b", command("y")).unwrap();
        log.undone(&first).unwrap();
        drop(log);
        let before = std::fs::read_to_string(run.join(FILE)).unwrap();
        let mut told = Vec::new();
        while let Ok(line) = lines.try_recv() {
            told.push(line);
        }
        std::fs::remove_dir_all(&run).unwrap();
        restore(&run, &told).unwrap();
        assert_eq!(std::fs::read_to_string(run.join(FILE)).unwrap(), before);
        // One that is there is the better one.
        restore(&run, &["nonsense".to_owned()]).unwrap();
        assert_eq!(std::fs::read_to_string(run.join(FILE)).unwrap(), before);
    }

    #[test]
    fn without_a_folder_nothing_may_be_broken() {
        let mut log = Log::of(Path::new("/nonexistent/run"));
        assert!(log.plan("a", command("x")).is_err());
    }
}
