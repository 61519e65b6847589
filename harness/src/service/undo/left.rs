//! Runs that died and left something broken: found beside others; and a log that was lost, written again.
//!
//! Invariant: a run that lives, and one that somebody recovers just now, is not told of.
//! Invariant: nothing is changed by looking.
//! Not here: undoing it (`recover`), undoing it by the clock (`lease`).

use super::{FILE, Standing, Todo, Undo, boot, opened, pending};
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The file that says that a folder holds several runs.
const SERIES: &str = "series.json";

/// A run that died and left something broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    /// Its directory.
    pub dir: PathBuf,
    /// What it is: ``fault `freeze` (container shop-1)``, the last first.
    pub what: Vec<String>,
    /// Since when at least, ms since 1970; 0: its log does not tell.
    pub since_ms: i64,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = chrono::DateTime::from_timestamp_millis(self.since_ms).unwrap_or_default();
        let (dir, what) = (self.dir.display(), self.what.join(", "));
        let since = match self.since_ms {
            0 => "broken".to_owned(),
            _ => {
                format!("broken since {}", since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
            }
        };
        write!(f, "{what}, {since} and not undone: `assay recover {dir}`")
    }
}

/// The runs below this folder that left something broken, by name.
#[must_use]
pub fn left_behind(runs: &Path) -> Vec<LeftBehind> {
    let below = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        dirs.sort();
        dirs
    };
    let mut found = Vec::new();
    for dir in below(runs) {
        if dir.join(SERIES).is_file() {
            found.extend(below(&dir).iter().filter_map(|one| left_by(one)));
        }
        found.extend(left_by(&dir));
    }
    found
}

fn left_by(dir: &Path) -> Option<LeftBehind> {
    let mut file = File::open(dir.join(FILE)).ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    let (todos, _) = pending(&String::from_utf8_lossy(&text));
    let left: Vec<&Todo> = todos.iter().filter(|todo| todo.may_last()).collect();
    let known = left.iter().map(|todo| todo.at_ms).filter(|at_ms| *at_ms > 0);
    let since_ms = if left.is_empty() { None } else { Some(known.min().unwrap_or(0)) }?;
    // Shared, and gone with `file` in a moment: who looks keeps nobody from undoing.
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let plain = |text: String| text.chars().filter(|c| !c.is_control()).collect();
    let what = left.into_iter().map(|todo| plain(todo.whose())).collect();
    Some(LeftBehind { dir: dir.to_owned(), what, since_ms })
}

impl Todo {
    /// Whether it may still be broken: processes of another boot are gone.
    fn may_last(&self) -> bool {
        let is_here = |standing: &Standing| standing.boot == boot();
        match &self.undo {
            Undo::Continue(standing) => is_here(standing),
            Undo::Relieve(pressed) => {
                is_here(&pressed.standing)
                    || pressed.file.as_ref().is_some_and(|file| file.exists())
            }
            Undo::Command(_) | Undo::Containers(_) | Undo::Remove(_) => true,
        }
    }

    /// What there is to undo, and to whom it was done.
    fn whose(&self) -> String {
        let what = self.what();
        match &self.undo {
            Undo::Continue(Standing { service, .. }) => format!("{what} (service {service})"),
            Undo::Relieve(pressed) => format!("{what} (service {})", pressed.standing.service),
            Undo::Containers(adrift) => {
                let names: Vec<&str> =
                    adrift.vessels.iter().map(|vessel| vessel.name.as_str()).collect();
                format!("{what} (container {})", names.join(", "))
            }
            Undo::Command(_) | Undo::Remove(_) => what,
        }
    }
}

/// Writes a log that was lost from what somebody was told of it; one that is there is left alone.
///
/// # Errors
/// What the system says.
pub fn restore(dir: &Path, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() || dir.join(FILE).exists() {
        return Ok(());
    }
    // Commands that undo write there what they say.
    std::fs::create_dir_all(dir.join("logs"))?;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut file = opened(dir)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::super::{Log, Mending};
    use super::*;
    use serde_json::json;

    fn mending() -> Undo {
        Undo::Command(Mending {
            command: vec!["true".to_owned()],
            folder: PathBuf::from("/"),
            timeout_us: 1,
            run: "r".to_owned(),
        })
    }

    #[test]
    fn only_what_a_dead_run_left_is_told() {
        let runs = tempfile::tempdir().unwrap();
        assert_eq!(left_behind(Path::new("/nonexistent")), []);
        let new = |name: &str| {
            let dir = runs.path().join(name);
            std::fs::create_dir_all(&dir).unwrap();
            Log::of(&dir)
        };
        let mut lives = new("a-lives");
        lives.plan("f", mending()).unwrap();
        let mut tidy = new("b-tidy");
        let done = tidy.plan("f", mending()).unwrap();
        tidy.undone(&done).unwrap();
        drop(tidy);
        drop(new("c-broke-nothing"));
        let before = crate::clock::wall().timestamp_millis();
        new("d-died").plan("freeze", mending()).unwrap();
        new("e-many/1").plan("g", mending()).unwrap();
        assert_eq!(left_behind(runs.path()).len(), 1, "a folder of others is not looked into");
        std::fs::write(runs.path().join("e-many/series.json"), "{}").unwrap();
        let standing = |boot: String| -> Standing {
            let all = json!({"service": "api", "run": "r", "process": (1, 1, 1), "boot": boot});
            serde_json::from_value(all).unwrap()
        };
        new("f-before-the-boot").plan("h", Undo::Continue(standing("other".into()))).unwrap();
        new("g-this-boot").plan("h", Undo::Continue(standing(boot()))).unwrap();
        let found = left_behind(runs.path());
        let names: Vec<String> = found.iter().flat_map(|one| one.what.clone()).collect();
        assert_eq!(names, ["fault `freeze`", "fault `g`", "fault `h` (service api)"]);
        assert!(found.iter().all(|one| one.since_ms >= before), "{found:?}");
        let told = found[0].to_string();
        assert!(told.contains("broken since 2") && told.contains("d-died`"), "{told}");
        // Logs once did not tell since when.
        let old = LeftBehind { since_ms: 0, ..found[0].clone() }.to_string();
        assert!(old.contains(", broken and not undone"), "{old}");
        drop(lives);
        assert_eq!(left_behind(runs.path()).len(), 4);
    }
}
