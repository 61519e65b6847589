//! Our side of the guardian: starts it, talks to it, and replaces it when it dies.
//!
//! Invariant: what was told once is told to every later one, before anything else.
//! Not here: the guardian's own process (`child`).

use super::{DONE, ON_GUARD, WITHIN, gone};
use crate::service::process::Exit;
use crate::service::{RUN_ID, SERVICE, orphans, table};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};

/// What the post is asked for.
#[derive(Debug)]
pub(super) enum Order {
    /// Tell the guardian this line.
    Tell { line: String, reply: oneshot::Sender<io::Result<()>> },
    /// Send it away.
    Leave { reply: oneshot::Sender<io::Result<()>> },
}

/// The guardian's place, and whoever is in it.
#[derive(Debug)]
pub(super) struct Post {
    exe: PathBuf,
    run_id: String,
    run_dir: PathBuf,
    told: Vec<String>,
    on_guard: Option<OnGuard>,
    pid: watch::Sender<Option<u32>>,
}

#[derive(Debug)]
struct OnGuard {
    child: Child,
    pipe: ChildStdin,
}

impl Post {
    /// Starts the first guardian.
    ///
    /// # Errors
    /// When it cannot be started, or is not on guard within 5 s.
    pub(super) async fn take(
        exe: &Path,
        run_id: &str,
        run_dir: &Path,
    ) -> io::Result<(Post, watch::Receiver<Option<u32>>)> {
        let (pid, told_pid) = watch::channel(None);
        let (exe, run_dir) = (exe.to_owned(), std::path::absolute(run_dir)?);
        let run_id = run_id.to_owned();
        let mut post = Post { exe, run_id, run_dir, told: Vec::new(), on_guard: None, pid };
        post.fill().await?;
        Ok((post, told_pid))
    }

    /// Obeys until nobody orders any more; the guardian is then on its own.
    pub(super) async fn stand(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        notice: mpsc::UnboundedSender<String>,
    ) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Tell { line, reply }) => {
                        let told = self.tell(line).await;
                        // Who asked may have given up.
                        let _ = reply.send(told);
                    }
                    Some(Order::Leave { reply }) => {
                        let _ = reply.send(self.leave().await);
                        return;
                    }
                },
                how = ended(&mut self.on_guard) => {
                    let said = self.replace(&how).await;
                    let _ = notice.send(said);
                }
            }
        }
    }

    async fn replace(&mut self, how: &str) -> String {
        let pid = self.pid.borrow().unwrap_or(0);
        self.on_guard = None;
        match self.fill().await {
            Ok(()) => format!("the guardian (pid {pid}) {how}; another one took its place"),
            Err(why) => {
                self.pid.send_replace(None);
                format!(
                    "the guardian (pid {pid}) {how}, and no other can be started ({why}): should \
                     this program be killed now, the services would outlive it"
                )
            }
        }
    }

    /// Starts a guardian and tells it everything.
    async fn fill(&mut self) -> io::Result<()> {
        let mut on_guard = self.start().await?;
        for line in &self.told {
            on_guard.pipe.write_all(line.as_bytes()).await?;
        }
        on_guard.pipe.flush().await?;
        self.pid.send_replace(on_guard.child.id());
        self.on_guard = Some(on_guard);
        Ok(())
    }

    async fn start(&self) -> io::Result<OnGuard> {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let entry = table::entry(own)?.ok_or(io::ErrorKind::NotFound)?;
        let mut command = Command::new(&self.exe);
        command
            .arg("guardian")
            .args(["--run-id", &self.run_id])
            .arg("--run-dir")
            .arg(&self.run_dir)
            .args(["--run-pid", &entry.pid.to_string()])
            .args(["--run-start", &entry.start.to_string()])
            .env_remove(RUN_ID)
            .env_remove(SERVICE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = orphans::spawn(&mut command)?;
        let (Some(pipe), Some(said)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the guardian has no pipes"));
        };
        let mut line = String::new();
        let mut said = BufReader::new(said);
        let greeting = tokio::time::timeout(WITHIN, said.read_line(&mut line)).await;
        if line.trim_end() == ON_GUARD {
            return Ok(OnGuard { child, pipe });
        }
        let why = match greeting {
            Ok(Ok(_)) => "the guardian ended at once".to_owned(),
            Ok(Err(why)) => format!("the guardian cannot be heard: {why}"),
            Err(_) => "the guardian was not on guard within 5 s".to_owned(),
        };
        child.start_kill()?;
        Err(io::Error::other(why))
    }

    async fn tell(&mut self, line: String) -> io::Result<()> {
        self.told.push(line.clone());
        let on_guard = self.on_guard.as_mut().ok_or_else(gone)?;
        let told = on_guard.pipe.write_all(line.as_bytes()).await;
        match told.and(on_guard.pipe.flush().await) {
            // It has just died: its end is seen next, and the next one is told this too.
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            told => told,
        }
    }

    async fn leave(&mut self) -> io::Result<()> {
        let OnGuard { mut child, mut pipe } = self.on_guard.take().ok_or_else(gone)?;
        let told = pipe.write_all(format!("{DONE}\n").as_bytes()).await.and(pipe.flush().await);
        drop(pipe);
        match tokio::time::timeout(WITHIN, child.wait()).await {
            Ok(ended) => {
                told?;
                let status = ended?;
                if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
            }
            Err(_) => {
                child.start_kill()?;
                Err(io::Error::other("the guardian did not go within 5 s"))
            }
        }
    }
}

/// How the guardian ended; never without one.
async fn ended(on_guard: &mut Option<OnGuard>) -> String {
    match on_guard {
        Some(on_guard) => on_guard.child.wait().await.map_or(Exit::Unknown, Exit::from).to_string(),
        None => std::future::pending().await,
    }
}
