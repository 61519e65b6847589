//! What faults do to services, and what they run: done, and undone.
//!
//! Invariant: what outlives this process is written to the log of undos before it is done.
//! Invariant: what was done is not believed: it was seen, or the sentence says what was seen instead.
//! Not here: when it is done (`conduct`), how (`service`).

use super::Stage;
use crate::plan::{Errand, Plan, Ready};
use crate::run::stream::Stream;
use crate::service::undo::{self, Mending, Todo, Undo};
use crate::service::{self, KillEffect, Killed, Launch, Running};
use assay_slo::event::ServiceState;
use std::net::SocketAddr;
use tokio::time::Duration;

impl Stage {
    /// Kills a service's process, with all that belongs to it.
    ///
    /// # Errors
    /// A sentence that says what is still there.
    pub(in crate::run) async fn kill(&mut self, name: &str, signal: i32) -> Result<(), String> {
        let running = self.running_mut(name)?;
        let killed = running.kill(signal).await.map_err(|e| e.to_string())?;
        gone(name, killed)
    }

    /// Ends a service in good order, to be started again; the future, which takes as long as that,
    /// borrows nothing, and gives a sentence that says what is still there.
    ///
    /// # Errors
    /// There is no such service.
    pub(in crate::run) fn halt(
        &mut self,
        name: &str,
    ) -> Result<impl Future<Output = Result<(), String>> + Send + use<>, String> {
        let found = self.running.iter_mut().find(|(running, _)| running.name() == name);
        let (running, grace) = found.ok_or_else(|| unknown(name))?;
        let (halted, name) = (running.halt(*grace), name.to_owned());
        Ok(async move { gone(&name, halted.await) })
    }

    /// Kills a service's processes but its first, which is to start them again.
    ///
    /// # Errors
    /// A sentence that says what is still there, or that there are none.
    pub(in crate::run) async fn kill_workers(
        &mut self,
        fault: usize,
        name: &str,
        signal: i32,
    ) -> Result<(), String> {
        let killed = self.running_mut(name)?.kill_workers(signal).await;
        self.workers.insert(fault, killed.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Whether a service's first process has started others again.
    ///
    /// # Errors
    /// A sentence that says what was seen.
    pub(in crate::run) async fn reborn(&mut self, fault: usize, name: &str) -> Result<(), String> {
        let Some(killed) = self.workers.remove(&fault) else { return Ok(()) };
        self.running_mut(name)?.reborn(&killed).await.map_err(|error| error.to_string())
    }

    /// Writes down how it is undone that a service stands still.
    ///
    /// # Errors
    /// It must not stand still then.
    pub(in crate::run) fn plan_standing(
        &mut self,
        (fault, fault_name): (usize, &str),
        name: &str,
    ) -> Result<(), String> {
        let undo = self.running_mut(name)?.undo_of_standing();
        self.plan_undo((fault, fault_name), undo)
    }

    /// Makes a service stand still.
    ///
    /// # Errors
    /// A sentence that says who does not.
    pub(in crate::run) async fn stand_still(&mut self, name: &str) -> Result<(), String> {
        let still = self.running_mut(name)?.stand_still().await;
        still.map(|_| ()).map_err(|error| error.to_string())
    }

    /// A sentence where somebody else has made a service go on that was to stand still.
    pub(in crate::run) async fn goes_on_already(&mut self, name: &str) -> Option<String> {
        let moving = self.running_mut(name).ok()?.going_on().await;
        let who = moving.first()?;
        Some(format!("somebody else had made {who} go on before its end"))
    }

    /// Makes it go on.
    ///
    /// # Errors
    /// A sentence that says who does not.
    pub(in crate::run) async fn go_on(&mut self, fault: usize, name: &str) -> Result<(), String> {
        self.running_mut(name)?.go_on().await.map_err(|error| error.to_string())?;
        match self.todo.remove(&fault) {
            Some(todo) => self.undone(&todo),
            None => Ok(()),
        }
    }

    /// Starts a service again that was ended, at its address, guarded as before.
    ///
    /// # Errors
    /// A sentence that says why it does not start.
    pub(in crate::run) async fn restart(
        &mut self,
        name: &str,
        stream: &mut Stream,
    ) -> Result<(), String> {
        let running = self.running_mut(name)?;
        running.restart().await.map_err(|e| e.to_string())?;
        let (pid, ended) = (running.pid(), running.exited());
        let started = running.start_time();
        self.firsts.begin(name, (pid, started), true);
        stream.service(name, ServiceState::Started, &format!("pid {pid}, again"));
        let owned = name.to_owned();
        self.ends.spawn(async move { (owned, ended.await) });
        let running = self.running.iter().find(|(running, _)| running.name() == name);
        match running {
            Some((running, _)) => self.watch(running).await,
            None => Ok(()),
        }
    }

    /// Puts a process under guard.
    ///
    /// # Errors
    /// The guardian is gone.
    pub(super) async fn watch(&self, running: &Running) -> Result<(), String> {
        let Some(guardian) = &self.guardian else { return Ok(()) };
        guardian.watch(running).await.map_err(|why| why.to_string())
    }

    /// Resolves when a service that was started again is ready, to its address; it borrows nothing,
    /// because nothing else may wait for it.
    ///
    /// # Errors
    /// A sentence that says what was last seen.
    pub(in crate::run) fn ready(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<SocketAddr, String>> + Send + use<> {
        let running = self.running.iter().find(|(running, _)| running.name() == name);
        let wait = running.map(|(running, _)| (running.addr(), running.ready()));
        let unknown = unknown(name);
        async move {
            let (addr, ready) = wait.ok_or(unknown)?;
            ready.await.map_err(|error| error.to_string())?;
            Ok(addr)
        }
    }

    /// Starts a fault's command, its undo written down before; resolves when it has ended, to how.
    ///
    /// # Errors
    /// A sentence that says why it does not start.
    pub(in crate::run) async fn send(
        &mut self,
        plan: &Plan,
        fault: usize,
        errand: &Errand,
    ) -> Result<impl Future<Output = service::Exit> + Send + use<>, String> {
        let name = plan.faults.get(fault).map_or("", |fault| fault.name.as_str());
        let folder = std::path::absolute(&plan.folder).map_err(|error| error.to_string())?;
        let fill = |text| self.fill(text);
        let command = errand.command.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        let undo = errand.undo.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        if !undo.is_empty() {
            let undo = Undo::Command(Mending {
                command: undo,
                folder: folder.clone(),
                timeout_us: errand.timeout_us,
                run: self.names.run_id.clone(),
            });
            self.plan_undo((fault, name), undo)?;
        }
        let running = service::errand(Launch {
            name: format!("fault {name}"),
            command,
            env: Vec::new(),
            cwd: folder.clone(),
            folder,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Ready::Port(None),
            ready_within: Duration::ZERO,
            run_id: self.names.run_id.clone(),
            logs: self.names.dir.join("logs"),
            secrets: plan.secrets.clone(),
            tap: None,
        });
        let running = running.map_err(|error| error.to_string())?;
        self.watch(&running).await?;
        let ended = running.ended();
        self.errands.insert(fault, running);
        Ok(ended)
    }

    /// Ends what is left of a fault's command.
    pub(in crate::run) async fn call_back(&mut self, fault: usize) -> Option<service::Stopped> {
        match self.errands.remove(&fault) {
            Some(running) => Some(running.stop(Duration::from_secs(1)).await),
            None => None,
        }
    }

    /// The last line that a fault's command said.
    pub(in crate::run) fn last_words(&self, fault: usize) -> Option<String> {
        self.errands.get(&fault).and_then(|running| running.last_lines().pop())
    }

    /// Undoes what faults left to be undone when the run ends; says what is still broken.
    pub(in crate::run) async fn undo_all(&mut self, stream: &mut Stream) -> Vec<String> {
        let mut broken = Vec::new();
        let pressing: Vec<usize> = self.pressing.keys().copied().collect();
        for index in pressing {
            self.let_go(index).await;
        }
        for (_, todo) in std::mem::take(&mut self.todo).into_iter().rev() {
            stream.progress.note(&format!("undoing fault {}", todo.fault));
            let undone = match undo::carry_out(&todo, &self.names.dir).await {
                Ok(()) => self.undone(&todo),
                Err(why) => Err(why),
            };
            broken.extend(undone.err());
        }
        broken
    }

    pub(super) fn plan_undo(
        &mut self,
        (fault, name): (usize, &str),
        undo: Undo,
    ) -> Result<(), String> {
        let todo = self.undo.plan(name, undo).map_err(|why| {
            format!("nothing was broken, because how to undo it could not be written down: {why}")
        })?;
        self.todo.insert(fault, todo);
        Ok(())
    }

    pub(super) fn undone(&mut self, todo: &Todo) -> Result<(), String> {
        self.undo.undone(todo).map_err(|why| {
            format!("fault `{}` is undone, but that could not be written down: {why}", todo.fault)
        })
    }

    pub(super) fn running_mut(&mut self, name: &str) -> Result<&mut Running, String> {
        let found = self.running.iter_mut().find(|(running, _)| running.name() == name);
        found.map(|(running, _)| running).ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> String {
    format!("no running service `{name}`")
}

fn gone(name: &str, killed: Killed) -> Result<(), String> {
    let mut left = killed.left;
    left.extend(killed.blind);
    match (killed.effect, left.as_slice()) {
        (KillEffect::Gone(_), []) => Ok(()),
        (KillEffect::Before(exit), []) => Err(format!("{name} had ended before: it {exit}")),
        (_, left) => Err(format!("{name} is still there: {}", left.join(", "))),
    }
}
