//! Puts one thing right, and looks whether it is.
//!
//! Invariant: nothing is taken for undone that was not seen to be.
//! Not here: what there is to undo (`undo`), in which order (`recover`).

use super::{Mending, Pressed, Standing, Todo, Undo, afloat, boot};
use crate::plan::Ready;
use crate::plan::words::quoted;
use crate::service::burner::give_back;
use crate::service::process::{Exit, Launch, errand};
use crate::service::still::thaw;
use std::path::Path;
use std::time::Duration;

/// How long whatever a command left running may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// Undoes one thing of a run with this directory. Call within a runtime.
///
/// # Errors
/// A sentence that says what is still broken, and how to mend it.
pub async fn carry_out(todo: &Todo, dir: &Path) -> Result<(), String> {
    match &todo.undo {
        Undo::Continue(standing) => go_on(standing).await,
        Undo::Relieve(pressed) => relieve(pressed).await,
        Undo::Command(mending) => mend(&todo.fault, mending, dir).await,
        Undo::Containers(adrift) => afloat::put_right(adrift).await,
        Undo::Remove(remains) => afloat::remove(remains).await,
    }
    .map_err(|why| format!("{} is not undone: {why}", todo.what()))
}

async fn go_on(standing: &Standing) -> Result<(), String> {
    // Processes of another boot are gone, and their numbers may be others'.
    if standing.boot != boot() {
        return Ok(());
    }
    if let Some(why) = standing.elsewhere() {
        return Err(why);
    }
    let scope = standing.scope();
    let thawed = tokio::task::spawn_blocking(move || thaw(&scope)).await;
    let left = match thawed.map_err(|error| error.to_string()).and_then(|left| left) {
        Ok(left) if left.is_empty() => return Ok(()),
        Ok(left) => left,
        Err(why) => return Err(format!("nobody can tell whether it stands still ({why})")),
    };
    let pids: Vec<String> = left.iter().map(|entry| entry.pid.to_string()).collect();
    let labels: Vec<String> = left.iter().map(|entry| entry.label()).collect();
    Err(format!(
        "{} stands still: `kill -CONT {}` makes it go on",
        labels.join(", "),
        pids.join(" ")
    ))
}

/// Its memory is a process of the run, which ends with that.
async fn relieve(pressed: &Pressed) -> Result<(), String> {
    let given_back = pressed.file.as_ref().map_or(Ok(()), |file| {
        give_back(file)
            .map_err(|why| format!("{} is still there ({why}): delete it", file.display()))
    });
    go_on(&pressed.standing).await.and(given_back)
}

async fn mend(fault: &str, mending: &Mending, dir: &Path) -> Result<(), String> {
    let timeout = Duration::from_micros(mending.timeout_us);
    let launch = Launch {
        name: format!("undo of {fault}"),
        command: mending.command.clone(),
        env: Vec::new(),
        cwd: mending.folder.clone(),
        folder: mending.folder.clone(),
        addr: ([127, 0, 0, 1], 0).into(),
        ready: Ready::Port(None),
        ready_within: timeout,
        run_id: mending.run.clone(),
        logs: dir.join("logs"),
        secrets: Vec::new(),
        tap: None,
    };
    let by_hand = format!("run `{}`", by_hand(mending));
    let running = errand(launch).map_err(|error| format!("{error}; {by_hand}"))?;
    let ended = tokio::time::timeout(timeout, running.ended()).await;
    let last = running.last_lines().pop();
    running.stop(GRACE).await;
    let how = match ended {
        Ok(Exit::Code(0)) => return Ok(()),
        Ok(exit) => format!("its undo {exit}"),
        Err(_) => format!("its undo took longer than {} s", timeout.as_secs_f64()),
    };
    let said = last.map_or_else(String::new, |line| format!(", saying {line:?}"));
    Err(format!("{how}{said}; {by_hand}"))
}

/// What a person types to do the same.
fn by_hand(mending: &Mending) -> String {
    let words: Vec<String> = mending.command.iter().map(|word| quoted(word)).collect();
    format!("cd {} && {}", quoted(&mending.folder.display().to_string()), words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn todo(command: &[&str], folder: &Path, timeout_us: u64) -> Todo {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let run = format!("carry-{}", std::process::id());
        let mending = Mending { command, folder: folder.to_owned(), timeout_us, run };
        Todo {
            id: 1,
            fault: "deploy".to_owned(),
            undo: Undo::Command(mending),
            at_ms: 0,
            until_ms: None,
            landed: true,
        }
    }

    #[tokio::test]
    async fn a_command_must_end_well_and_in_time() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        let second = 1_000_000;
        let mended = todo(&["touch", "mended"], dir.path(), 30 * second);
        assert_eq!(carry_out(&mended, dir.path()).await, Ok(()));
        assert!(dir.path().join("mended").exists());
        let bad = ["sh", "-c", "echo no quorum; exit 3"];
        let why = carry_out(&todo(&bad, dir.path(), 30 * second), dir.path()).await.unwrap_err();
        for part in ["`deploy` is not undone", "exited with status 3", "no quorum", "run `cd "] {
            assert!(why.contains(part), "{why}");
        }
        assert!(why.contains("&& sh -c 'echo no quorum; exit 3'`"), "{why}");
        let slow = todo(&["sleep", "1000"], dir.path(), 1);
        let why = carry_out(&slow, dir.path()).await.unwrap_err();
        assert!(why.contains("took longer than"), "{why}");
        let none = todo(&["no-such-program"], dir.path(), second);
        assert!(carry_out(&none, dir.path()).await.unwrap_err().contains("no program"));
    }

    #[tokio::test]
    async fn processes_of_another_boot_are_left_alone() {
        let undone = carry_out(&standing("another", ""), Path::new("/nonexistent")).await;
        assert_eq!(undone, Ok(()));
    }

    fn standing(boot: &str, space: &str) -> Todo {
        let own = i32::try_from(std::process::id()).unwrap();
        let standing = Standing {
            service: "x".to_owned(),
            run: "none".to_owned(),
            process: (own, 1, own),
            boot: boot.to_owned(),
            space: space.to_owned(),
            family: None,
        };
        let undo = Undo::Continue(standing);
        Todo { id: 1, fault: "f".to_owned(), undo, at_ms: 0, until_ms: None, landed: true }
    }

    #[tokio::test]
    async fn processes_of_another_pid_namespace_are_neither_signalled_nor_named_for_a_kill() {
        let nowhere = Path::new("/nonexistent");
        // The numbers are those of a sleeper that stands still and is no process of that run.
        let mut stranger = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(stranger.id()).unwrap();
        let entry = crate::service::table::entry(pid).unwrap().unwrap();
        let state = || crate::service::table::entry(pid).unwrap().unwrap().state;
        let stop = || {
            crate::service::table::signal(&entry, rustix::process::Signal::STOP);
            while state() != 'T' {
                crate::service::ending::pause(Duration::from_millis(1));
            }
        };
        stop();
        let there = |space: &str| {
            let mut todo = standing(&boot(), space);
            let Undo::Continue(standing) = &mut todo.undo else { panic!() };
            standing.process = (pid, entry.start, pid);
            todo
        };
        let why = carry_out(&there("pid:[1]"), nowhere).await.unwrap_err();
        for part in ["where the run was, in pid:[1] ", "nobody was signalled"] {
            assert!(why.contains(part), "{why}");
        }
        assert!(!why.contains("kill"), "{why}");
        assert_eq!(state(), 'T');
        // The twin: in its own one, and from a log that does not tell, it goes on.
        for space in [super::super::space(), String::new()] {
            stop();
            assert_eq!(carry_out(&there(&space), nowhere).await, Ok(()));
            assert_ne!(state(), 'T');
        }
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn a_log_from_before_is_still_read() {
        let line = r#"{"service":"x","run":"r","process":[1,2,3],"boot":"b"}"#;
        let standing: Standing = serde_json::from_str(line).unwrap();
        assert_eq!((standing.space.as_str(), standing.elsewhere()), ("", None));
    }
}
