//! The guardian: a child that outlives us and ends what we started, should we die.
//!
//! Invariant: it is there before the first service, and it notices our end by the end of its
//! input, which no signal can fake or prevent. Nobody else holds that pipe: it is closed on
//! exec, and services are started by exec.
//! Invariant: it hears no Ctrl-C and no SIGTERM, is in a session of its own, holds none of our
//! terminal or pipes, and does not carry the run's mark, so nothing meant for the run hits it.
//! Not here: undoing faults: those on links vanish with our process.

mod child;

pub use child::guardian_main;

use super::ending::Leader;
use super::{RUN_ID, Running, SERVICE};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long the guardian may take to be on guard, and to leave.
const WITHIN: Duration = Duration::from_secs(5);
/// What it says when it is on guard.
const ON_GUARD: &str = "on guard";
/// What it is told when nothing is left to guard.
const DONE: &str = "done";

/// Our end of the guardian. Dropping it, or dying, makes the guardian end everything.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    pipe: ChildStdin,
}

impl Guardian {
    /// Starts `exe guardian --run-id … --run-dir …` and waits until it is on guard, so start it
    /// before the first service. `exe` is this program; `run_dir` gets `guardian.log`, if the
    /// guardian ever has to act.
    ///
    /// # Errors
    /// When it cannot be started, or is not on guard within 5 s.
    pub async fn spawn(exe: &Path, run_id: &str, run_dir: &Path) -> io::Result<Guardian> {
        let mut child = Command::new(exe)
            .arg("guardian")
            .args(["--run-id", run_id])
            .arg("--run-dir")
            .arg(std::path::absolute(run_dir)?)
            .env_remove(RUN_ID)
            .env_remove(SERVICE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(pipe), Some(said)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the guardian has no pipes"));
        };
        let mut line = String::new();
        let mut said = BufReader::new(said);
        let greeting = tokio::time::timeout(WITHIN, said.read_line(&mut line)).await;
        if line.trim_end() == ON_GUARD {
            return Ok(Guardian { child, pipe });
        }
        let why = match greeting {
            Ok(Ok(_)) => "the guardian ended at once".to_owned(),
            Ok(Err(why)) => format!("the guardian cannot be heard: {why}"),
            Err(_) => "the guardian was not on guard within 5 s".to_owned(),
        };
        child.start_kill()?;
        Err(io::Error::other(why))
    }

    /// Puts a service's process under guard, again after each restart: a new process leads a new
    /// group. What it starts in turn is found by its group and its marks.
    ///
    /// # Errors
    /// When the guardian is gone; the run is then unguarded.
    pub async fn watch(&mut self, running: &Running) -> io::Result<()> {
        self.tell(&watch_line(&running.life.leader, running.name())).await
    }

    /// Sends the guardian away, after everything was stopped.
    ///
    /// # Errors
    /// When it was gone already, or does not go within 5 s; it is then killed.
    pub async fn dismiss(mut self) -> io::Result<()> {
        let told = self.tell(&format!("{DONE}\n")).await;
        drop(self.pipe);
        match tokio::time::timeout(WITHIN, self.child.wait()).await {
            Ok(ended) => {
                told?;
                let status = ended?;
                if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
            }
            Err(_) => {
                self.child.start_kill()?;
                Err(io::Error::other("the guardian did not go within 5 s"))
            }
        }
    }

    /// The guardian's process number.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    async fn tell(&mut self, line: &str) -> io::Result<()> {
        self.pipe.write_all(line.as_bytes()).await?;
        self.pipe.flush().await
    }
}

/// `watch <pid> <start time> <group> <name>`; the name is for people.
fn watch_line(leader: &Leader, name: &str) -> String {
    let name = name.replace(['\n', '\r'], " ");
    format!("watch {} {} {} {name}\n", leader.pid, leader.start, leader.pgid)
}
