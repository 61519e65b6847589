//! Time limits of undos: until when a run may leave something broken, whoever else lives or not.
//!
//! Each undo of something that outlives us has an instant by which its fault should have ended, with what
//! that may take, and a grace. A keeper, a process of its own, undoes what is still pending then. It may
//! do so beside a run that lives and stands still, so it writes down that it did (`lapsed`), and what the
//! run broke stays to be undone by whoever comes next: the run may be just about to break it.
//!
//! Invariant: a limit is never moved once it was over, so who comes late finds that out.
//! Invariant: instants are those of the system's own clock, which nobody sets and a reboot begins anew.
//! Not here: the keeper's process (`guardian`), how long faults may last (`run`).

use super::{Line, Log, Todo, Undo, append, pending, restore, write};
use crate::clock;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How late an undo may be. Whoever is late by less is left alone.
const GRACE: Duration = Duration::from_secs(30);
/// Sets it for tests, in ms.
const TEST_GRACE: &str = "ASSAY_TEST_LEASE_GRACE_MS";

/// How late an undo may be.
pub(in crate::service) fn grace() -> Duration {
    let told = std::env::var(TEST_GRACE).ok().and_then(|ms| ms.parse().ok());
    told.map_or(GRACE, Duration::from_millis)
}

/// The limit of what should be over then.
fn until(within: Duration) -> u64 {
    let ms = within.saturating_add(grace()).as_millis();
    clock::steady_ms().saturating_add(u64::try_from(ms).unwrap_or(u64::MAX))
}

impl Log {
    /// As [`Log::plan`], of what should be undone within this time, its grace apart.
    ///
    /// # Errors
    /// As [`Log::plan`].
    pub fn plan_within(&mut self, fault: &str, undo: Undo, within: Duration) -> io::Result<Todo> {
        self.plan_until(fault, undo, Some(until(within)))
    }

    /// From now on it should be undone within this time, its grace apart, unless its time is over already.
    /// A line that is lost costs patience or an undo that is done again, so nobody waits for the disk.
    pub fn renew(&mut self, todo: &mut Todo, within: Duration) {
        if todo.until_ms.is_none_or(|until_ms| until_ms <= clock::steady_ms()) {
            return;
        }
        let until_ms = until(within);
        todo.until_ms = Some(until_ms);
        let line = Line::Until { id: todo.id, until_ms };
        if let Some(file) = &mut self.file {
            _ = write(file, &line);
        }
        self.told(&line);
    }

    /// Where a keeper opens the log for itself: also when its directory was removed.
    ///
    /// # Errors
    /// What the system says.
    pub fn for_keeper(&mut self) -> io::Result<PathBuf> {
        use std::os::fd::AsRawFd;
        let file = self.file()?.as_raw_fd();
        Ok(PathBuf::from(format!("/proc/{}/fd/{file}", std::process::id())))
    }

    /// A sentence, if the time of what is to be undone now is over.
    #[must_use]
    pub fn lapsed(&self, todo: &Todo) -> Option<String> {
        let until_ms = i64::try_from(todo.until_ms?).ok()?;
        let text = self.file.as_ref().and_then(|file| text_of(file).ok()).unwrap_or_default();
        let kept = text.lines().rev().find_map(|line| match serde_json::from_str(line) {
            Ok(Line::Lapsed { id, at_ms }) if id == todo.id => Some(at_ms),
            _ => None,
        });
        let late_ms = i64::try_from(clock::steady_ms()).ok()?.saturating_sub(until_ms);
        let who = match kept {
            Some(at_ms) => format!("the lease keeper put it right at {}", said(at_ms)),
            None if late_ms >= 0 => "nobody did before now".to_owned(),
            None => return None,
        };
        let limit = said(clock::wall().timestamp_millis().saturating_sub(late_ms));
        Some(format!(
            "its lease ran out: it was to be undone by {limit} at the latest, this program did not come \
             to it, and {who}"
        ))
    }
}

fn said(at_ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn text_of(file: &File) -> io::Result<String> {
    let mut text = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
    file.read_exact_at(&mut text, 0)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A log as its keeper sees it.
#[derive(Debug)]
pub(in crate::service) struct Leases {
    dir: PathBuf,
    /// The run's own file, which stays what it is when its directory is removed.
    held: File,
    /// Which file was read last, and how much of it.
    read: Option<(u64, u64)>,
    todos: Vec<Todo>,
}

impl Leases {
    /// Of a run with this directory, from what [`Log::for_keeper`] gave.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::service) fn open(dir: &Path, log: &Path) -> io::Result<Leases> {
        let held = File::options().read(true).append(true).open(log)?;
        Ok(Leases { dir: dir.to_owned(), held, read: None, todos: Vec::new() })
    }

    /// The file in the directory, which a guardian may have written anew; the run's own if there is none.
    fn now(&self) -> io::Result<File> {
        match File::open(self.dir.join(super::FILE)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => self.held.try_clone(),
            opened => opened,
        }
    }

    /// What is still to be undone, the last first. One that cannot be read now is what it was.
    pub(in crate::service) fn pending(&mut self) -> Vec<Todo> {
        let look = || -> io::Result<Option<(u64, u64, String)>> {
            let file = self.now()?;
            let meta = file.metadata()?;
            let (file_no, length) = (meta.ino(), meta.len());
            if self.read == Some((file_no, length)) {
                return Ok(None);
            }
            Ok(Some((file_no, length, text_of(&file)?)))
        };
        if let Ok(Some((file_no, length, text))) = look() {
            self.todos = pending(&text).0;
            self.read = Some((file_no, length));
        }
        self.todos.clone()
    }

    /// Whether neither the run nor anybody who undoes what it broke holds the log.
    pub(in crate::service) fn is_free(&self) -> bool {
        let Ok(file) = self.now() else { return false };
        let locked = file.try_lock_shared();
        // Of a clone this is the lock of the other one, too.
        _ = file.unlock();
        !matches!(locked, Err(TryLockError::WouldBlock))
    }

    /// Writes down that it was put right, while it stays to be undone.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::service) fn lapsed(&mut self, todo: &Todo) -> io::Result<()> {
        let at_ms = clock::wall().timestamp_millis();
        append(&mut self.held, &Line::Lapsed { id: todo.id, at_ms })
    }

    /// Writes the log again if it was lost.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::service) fn restore(&self) -> io::Result<()> {
        let text = text_of(&self.held)?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        restore(&self.dir, &lines)
    }
}
