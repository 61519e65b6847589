//! The guardian: a child that outlives us, undoes what we broke and ends what we started, should we
//! die.
//!
//! Invariant: it is there before the first service, and it notices our end by the end of its
//! input, which no signal can fake or prevent. Nobody else holds that pipe: it is closed on
//! exec, and services are started by exec.
//! Invariant: it hears no Ctrl-C and no SIGTERM, is in a session of its own, holds none of our
//! terminal or pipes, and does not carry the run's mark, so nothing meant for the run hits it.
//! Invariant: one that dies before us is replaced at once, and the next one is told all that it
//! was told.
//! Invariant: what needs a time limit has a lease keeper beside it, started and replaced in the same way,
//! which acts by the clock alone.
//! Not here: what there is to undo (`undo`): faults on links vanish with our process.

mod child;
mod keeper;
mod known;
mod post;

pub use child::guardian_main;
pub use keeper::keeper_main;

use super::Running;
use super::ending::Leader;
use super::table::Id;
use post::{Order, Post, Role};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long the guardian may take to be on guard, and to leave.
const WITHIN: Duration = Duration::from_secs(5);
/// What it says when it is on guard.
const ON_GUARD: &str = "on guard";
/// What it is told when nothing is left to guard.
const DONE: &str = "done";
/// How a line of the log of undos begins.
const UNDO: &str = "undo ";
/// How a line begins that names a container to hold.
const HOLD: &str = "hold ";

/// Our end of the guardian. Dropping it, or dying, makes the guardian end everything.
#[derive(Debug)]
pub struct Guardian {
    orders: mpsc::UnboundedSender<Order>,
    notices: mpsc::UnboundedReceiver<String>,
    pid: watch::Receiver<Option<u32>>,
    notice: mpsc::UnboundedSender<String>,
    /// Whoever keeps the leases: its orders, and its number.
    keeper: Option<(mpsc::UnboundedSender<Order>, watch::Receiver<Option<u32>>)>,
}

impl Guardian {
    /// Starts `exe guardian --run-id … --run-dir … --run-pid … --run-start …` and waits until it
    /// is on guard, so start it before the first service. `exe` is this program; `run_dir` gets
    /// `guardian.log`, if the guardian ever has to act. Call within a runtime.
    ///
    /// # Errors
    /// When it cannot be started, or is not on guard within 5 s.
    pub async fn spawn(exe: &Path, run_id: &str, run_dir: &Path) -> io::Result<Guardian> {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (notice, notices) = mpsc::unbounded_channel();
        let (post, pid) = Post::take(Role::Guardian, exe, run_id, run_dir).await?;
        tokio::spawn(post.stand(ordered, notice.clone()));
        Ok(Guardian { orders, notices, pid, notice, keeper: None })
    }

    /// Starts `exe keeper …` beside it, unless there is one: from now on what is in the log of undos and
    /// over its time is undone by somebody who outlives both of us. `log` is from `undo::Log::for_keeper`;
    /// `run_dir` gets `keeper.log`, if the keeper ever has to act.
    ///
    /// # Errors
    /// As for [`Guardian::spawn`].
    pub async fn keep(
        &mut self,
        exe: &Path,
        (run_id, run_dir): (&str, &Path),
        log: PathBuf,
    ) -> io::Result<()> {
        if self.keeper.is_some() {
            return Ok(());
        }
        let (orders, ordered) = mpsc::unbounded_channel();
        let role = Role::Keeper { log, guardian: self.orders.clone() };
        let (post, pid) = Post::take(role, exe, run_id, run_dir).await?;
        tokio::spawn(post.stand(ordered, self.notice.clone()));
        self.keeper = Some((orders, pid));
        Ok(())
    }

    /// Puts a service's process under guard, again after each restart: a new process leads a new
    /// group. What it starts in turn is found by its group, its marks and its parents.
    ///
    /// # Errors
    /// When the guardian is gone and could not be replaced; the run is then unguarded.
    pub async fn watch(&self, running: &Running) -> io::Result<()> {
        self.tell(watch_line(&running.life.leader, running.name())).await
    }

    /// Names processes below us that are not the run's: number and start time.
    ///
    /// # Errors
    /// As for [`Guardian::watch`].
    pub async fn spare(&self, strangers: impl Iterator<Item = (i32, u64)>) -> io::Result<()> {
        for stranger in strangers {
            self.tell(spare_line(stranger)).await?;
        }
        Ok(())
    }

    /// Lets the guardian, and the keeper, hold a container, by its id, until they are gone: what they undo
    /// there is not to be broken by another run meanwhile. Nobody waits for it: it is told before the next undo.
    pub fn hold(&self, id: &str) {
        for orders in self.keeper.iter().map(|(orders, _)| orders).chain([&self.orders]) {
            let (reply, _) = oneshot::channel();
            // One that has left holds nothing, and a run without a guardian is told so elsewhere.
            let _ = orders.send(Order::Tell { line: format!("{HOLD}{id}\n"), reply });
        }
    }

    /// Takes lines of the log of undos, should its file be removed before the guardian needs it.
    pub fn takes_undos(&self) -> mpsc::UnboundedSender<String> {
        let (who, mut lines) = mpsc::unbounded_channel::<String>();
        let orders = self.orders.clone();
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                // The file has it as well, so nobody waits for the answer.
                let (reply, _) = oneshot::channel();
                if orders.send(Order::Tell { line: format!("{UNDO}{line}\n"), reply }).is_err() {
                    return;
                }
            }
        });
        who
    }

    /// Waits until the guardian dies; says what became of the guard. Never ends while all is
    /// well. Nothing is lost if the future is dropped.
    pub async fn notice(&mut self) -> String {
        match self.notices.recv().await {
            Some(notice) => notice,
            None => std::future::pending().await,
        }
    }

    /// What [`Guardian::notice`] would say now, if it would say anything.
    pub fn noticed(&mut self) -> Option<String> {
        self.notices.try_recv().ok()
    }

    /// Sends the guardian away, after everything was stopped.
    ///
    /// # Errors
    /// When it was gone already, or does not go within 5 s; it is then killed.
    pub async fn dismiss(self) -> io::Result<()> {
        if let Some((orders, _)) = &self.keeper {
            let (reply, answer) = oneshot::channel();
            // One that is gone keeps nothing; what is left is told elsewhere.
            if orders.send(Order::Leave { reply }).is_ok() {
                _ = answer.await;
            }
        }
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Leave { reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// The guardian's process number.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// The process number of whoever keeps the leases.
    #[must_use]
    pub fn keeper_pid(&self) -> Option<u32> {
        self.keeper.as_ref().and_then(|(_, pid)| *pid.borrow())
    }

    async fn tell(&self, line: String) -> io::Result<()> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Tell { line, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn gone() -> io::Error {
    io::Error::other("nobody guards the run any more")
}

/// `watch <pid> <start time> <group> <name>`; the name is for people.
fn watch_line(leader: &Leader, name: &str) -> String {
    let name = name.replace(['\n', '\r'], " ");
    format!("watch {} {} {} {name}\n", leader.pid, leader.start, leader.pgid)
}

/// `spare <pid> <start time>`.
fn spare_line((pid, start): Id) -> String {
    format!("spare {pid} {start}\n")
}
