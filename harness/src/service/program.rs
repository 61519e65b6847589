//! A program that is run to its end, within a time.
//!
//! Invariant: it carries the run's mark, and has a group of its own, which is ended when the time is
//! over and when nobody waits any more.
//! Not here: services, which run as long as the run (`process`).

use super::{RUN_ID, spawn};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Duration, timeout};

/// Bytes of its last words.
const LAST_WORDS: usize = 1_000;

/// A command that carries the run's mark and is heard; `assay` is this very program. None without
/// words.
#[must_use]
pub fn command(words: &[String], folder: &Path, run_id: &str) -> Option<Command> {
    let (program, rest) = words.split_first()?;
    let own = std::env::current_exe();
    let mut command = Command::new(match &own {
        Ok(own) if program == "assay" => own.as_path(),
        _ => Path::new(program),
    });
    command
        .args(rest)
        .current_dir(folder)
        .env(RUN_ID, run_id)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Some(command)
}

/// Runs it in this folder.
///
/// # Errors
/// How it failed, in a sentence with its last words; secrets are in it as it said them.
pub async fn run_program(
    words: &[String],
    folder: &Path,
    run_id: &str,
    within: Duration,
) -> Result<(), String> {
    let program = words.first().ok_or("it has no words")?;
    let mut command = command(words, folder, run_id).ok_or("it has no words")?;
    let (mut child, group) = spawn_group(&mut command)
        .map_err(|error| format!("`{program}` could not be run: {error}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = async { tokio::join!(child.wait(), last_words(out), last_words(err)) };
    let Ok((status, out, err)) = timeout(within, ended).await else {
        return Err(format!("it had not ended after {} s and was ended", within.as_secs_f64()));
    };
    group.release();
    let status = status.map_err(|error| format!("it could not be waited for: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let said = if err.is_empty() { out } else { err };
    let said = if said.is_empty() { String::new() } else { format!("; it said: {said}") };
    Err(format!("it ended with {status}{said}"))
}

/// Reads to the end, and keeps what came last, on one line.
async fn last_words(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut last = VecDeque::new();
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        last.extend(buffer.iter().take(read).copied());
        let over = last.len().saturating_sub(LAST_WORDS);
        last.drain(..over);
    }
    let bytes: Vec<u8> = last.into();
    String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Starts a child in a group of its own, which is ended with what it started unless it is released.
///
/// # Errors
/// What the system says.
pub fn spawn_group(command: &mut Command) -> io::Result<(Child, Group)> {
    let child = spawn(command.process_group(0))?;
    let leader = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    Ok((child, Group(leader)))
}

/// Ends a group of processes, unless it is released.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    /// Its first process was waited for: the number may be another's from now on.
    pub fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // One that has ended by itself is no error.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(line: &str, within: Duration) -> Result<(), String> {
        let words = ["sh", "-c", line].map(str::to_owned);
        run_program(&words, Path::new("."), "r", within).await
    }

    #[tokio::test]
    async fn how_it_ends_is_told_with_its_last_words() {
        let long = Duration::from_secs(20);
        assert_eq!(shell("echo fine", long).await, Ok(()));
        assert_eq!(shell("test \"$ASSAY_RUN_ID\" = r", long).await, Ok(()));
        let failed = shell("echo out; echo no seed >&2; exit 3", long).await.unwrap_err();
        assert_eq!(failed, "it ended with exit status: 3; it said: no seed");
        let words = ["/no/such".to_owned()];
        let missing = run_program(&words, Path::new("."), "r", long).await.unwrap_err();
        assert!(missing.starts_with("`/no/such` could not be run: "), "{missing}");
        // A grandchild that holds the output open is ended with it.
        let late = shell("sleep 30 & sleep 30", Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(late, "it had not ended after 0.3 s and was ended");
    }
}
