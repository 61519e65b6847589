//! Our side of the guardian, and of the lease keeper: starts it, talks to it, and replaces it when it dies.
//!
//! Invariant: what was told once is told to every later one, before anything else.
//! Invariant: a guardian spares whoever keeps the leases.
//! Not here: their own processes (`child`, `keeper`).

use super::{DONE, ON_GUARD, WITHIN, gone, spare_line};
use crate::service::process::Exit;
use crate::service::{RUN_ID, SERVICE, orphans, table};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Duration;

/// What the post is asked for.
#[derive(Debug)]
pub(super) enum Order {
    /// Tell the guardian this line.
    Tell { line: String, reply: oneshot::Sender<io::Result<()>> },
    /// Send it away.
    Leave { reply: oneshot::Sender<io::Result<()>> },
}

/// How long a keeper may take to leave. One with something left to undo stays.
const KEEPER_WITHIN: Duration = Duration::from_secs(1);

/// Who stands there.
#[derive(Debug)]
pub(super) enum Role {
    Guardian,
    /// With the log of undos, and where the guardian is told whom to spare.
    Keeper {
        log: PathBuf,
        guardian: mpsc::UnboundedSender<Order>,
    },
}

impl Role {
    fn name(&self) -> &'static str {
        match self {
            Role::Guardian => "guardian",
            Role::Keeper { .. } => "lease keeper",
        }
    }

    /// What may come of it that nobody stands there.
    fn without(&self) -> &'static str {
        match self {
            Role::Guardian => "should this program be killed now, the services would outlive it",
            Role::Keeper { .. } => {
                "should this program stand still, or be killed with its guardian, what its faults broke would \
                 stay so"
            }
        }
    }
}

/// A guardian's place, and whoever is in it.
#[derive(Debug)]
pub(super) struct Post {
    role: Role,
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
    /// Starts the first one.
    ///
    /// # Errors
    /// When it cannot be started, or is not on guard within 5 s.
    pub(super) async fn take(
        role: Role,
        exe: &Path,
        run_id: &str,
        run_dir: &Path,
    ) -> io::Result<(Post, watch::Receiver<Option<u32>>)> {
        let (pid, told_pid) = watch::channel(None);
        let (exe, run_dir) = (exe.to_owned(), std::path::absolute(run_dir)?);
        let run_id = run_id.to_owned();
        let mut post = Post { role, exe, run_id, run_dir, told: Vec::new(), on_guard: None, pid };
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
        let (pid, name) = (self.pid.borrow().unwrap_or(0), self.role.name());
        self.on_guard = None;
        match self.fill().await {
            Ok(()) => format!("the {name} (pid {pid}) {how}; another one took its place"),
            Err(why) => {
                self.pid.send_replace(None);
                let without = self.role.without();
                format!(
                    "the {name} (pid {pid}) {how}, and no other can be started ({why}): {without}"
                )
            }
        }
    }

    /// Starts one and tells it everything.
    async fn fill(&mut self) -> io::Result<()> {
        let mut on_guard = self.start().await?;
        if let Role::Keeper { guardian, .. } = &self.role
            && let Some(pid) = on_guard.child.id().and_then(|pid| i32::try_from(pid).ok())
            && let Some(entry) = table::entry(pid)?
        {
            let (reply, _) = oneshot::channel();
            // Without a guardian nobody takes it for one of the run's.
            let _ = guardian.send(Order::Tell { line: spare_line(entry.id()), reply });
        }
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
        let (pid, start) = (entry.pid.to_string(), entry.start.to_string());
        let common = |command: &mut Command, subcommand: &str| {
            command
                .args([subcommand, "--run-id", &self.run_id])
                .arg("--run-dir")
                .arg(&self.run_dir);
        };
        match &self.role {
            Role::Guardian => {
                common(&mut command, "guardian");
                command.args(["--run-pid", &pid, "--run-start", &start]);
            }
            Role::Keeper { log, .. } => {
                common(&mut command, "keeper");
                command.args(["--pid", &pid, "--start", &start]).arg("--log").arg(log);
            }
        }
        command
            .env_remove(RUN_ID)
            .env_remove(SERVICE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = orphans::spawn(&mut command)?;
        let (Some(pipe), Some(said)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other(format!("the {} has no pipes", self.role.name())));
        };
        let mut line = String::new();
        let mut said = BufReader::new(said);
        let greeting = tokio::time::timeout(WITHIN, said.read_line(&mut line)).await;
        if line.trim_end() == ON_GUARD {
            return Ok(OnGuard { child, pipe });
        }
        let name = self.role.name();
        let why = match greeting {
            Ok(Ok(_)) => format!("the {name} ended at once"),
            Ok(Err(why)) => format!("the {name} cannot be heard: {why}"),
            Err(_) => format!("the {name} was not on guard within 5 s"),
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
        if matches!(self.role, Role::Keeper { .. }) {
            // It stays as long as something is left to undo, and needs nobody for that.
            _ = tokio::time::timeout(KEEPER_WITHIN, child.wait()).await;
            return told;
        }
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
