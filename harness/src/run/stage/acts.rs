//! What faults do to services: done and put right, beside the loop of the run.
//!
//! Invariant: what outlives this process is written to the log of undos before it is done.
//! Invariant: what was done is not believed: it was seen, or the sentence says what was seen instead.
//! Invariant: whatever takes time is a future that borrows nothing of the stage, so that nothing else has
//! to wait for it; what comes of it is kept by [`Stage::broke`] and [`Stage::mended`].
//! Not here: when it is done (`conduct`), how (`service`), containers (`containers`), what is taken from
//! processes (`press`), commands (`errands`).

use super::Stage;
use super::containers::{self, Broken};
use super::families::{self, Back};
use super::press::{Taken, Took, burns};
use crate::plan::{Fault, FaultKind, Plan, RestartedBy};
use crate::run::stream::Stream;
use crate::service::undo::{Adrift, Todo, Undo};
use crate::service::{Family, Felled, KillEffect, Killed, Next, Running, ServiceError, Workers};
use assay_slo::event::ServiceState;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::time::Duration;

/// How long doing something to a service, or putting it right, may take: an engine stops a container within two
/// minutes, or says that it does not.
pub(in crate::run) const ACTS_WITHIN: Duration = Duration::from_secs(120);

/// What takes its time beside the loop.
pub(in crate::run) type Beside<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// What breaking came to, and a sentence that says what was seen instead.
pub(in crate::run) type Breaking = Beside<(Broke, Result<(), String>)>;

/// Whom a fault is going to break.
pub(in crate::run) enum Known {
    /// A service of ours that is processes.
    Processes,
    /// These, which ran before.
    Family(Family),
    /// These containers, and how they are put right.
    Containers(Adrift),
}

/// What breaking came to, as far as whoever puts it right must know.
pub(in crate::run) enum Broke {
    /// Nothing that is not written down.
    Service,
    /// These were killed, and others are to start them again.
    Workers(Workers),
    /// Processor time is taken by this.
    Took(Took),
    /// Processes of this service were killed, which others started and are to start again.
    Family { service: String, felled: Felled },
    /// Containers.
    Containers(Broken),
}

/// What putting right came to.
pub(in crate::run) enum Mended {
    /// It was started again.
    Restarted(Result<Next, String>),
    /// It had not even ended.
    Unended(String),
    /// Whether others started again what is left to them.
    Reborn(Result<(), String>),
    /// It goes on.
    GoesOn {
        /// A sentence where somebody else had made it go on before.
        early: Option<String>,
        undone: Result<(), String>,
    },
    /// It has again what was taken, which was so much.
    Relieved { taken: Taken, undone: Result<(), String> },
    /// Whether others started again what they had started before.
    Family(Back),
    /// Containers.
    Containers(containers::Mended),
}

impl Mended {
    /// A sentence where somebody else had done it before its time, or less was done than this fault asks.
    pub(in crate::run) fn short(&mut self, fault: &Fault) -> Option<String> {
        match self {
            Mended::GoesOn { early, .. } => early.take(),
            Mended::Containers(mended) => mended.early.take(),
            Mended::Relieved { taken, .. } => taken.short(fault),
            _ => None,
        }
    }

    /// Why a service of ours could not even be started again.
    pub(in crate::run) fn unstarted(&mut self) -> Option<String> {
        match self {
            Mended::Restarted(Err(why)) => Some(why.clone()),
            Mended::Containers(mended) => mended.unstarted.take(),
            _ => None,
        }
    }

    /// A sentence where the report must tell what was taken, and what was felt of it.
    pub(in crate::run) fn told(&self, fault: &Fault) -> Option<String> {
        match self {
            Mended::Relieved { taken, .. } => taken.told(fault),
            _ => None,
        }
    }
}

impl Stage {
    /// Writes down how what a fault is going to do is undone, if that outlives us.
    ///
    /// # Errors
    /// Nothing may be broken then.
    pub(in crate::run) fn plan_break(
        &mut self,
        (index, fault): (usize, &Fault),
        known: Known,
    ) -> Result<(), String> {
        let undo = match (known, &fault.kind) {
            (Known::Containers(adrift), _) => {
                // Those that came since the run began are its own to break from now on.
                if !adrift.ours {
                    self.claim(&fault.link, &adrift.vessels)?;
                }
                Undo::Containers(adrift)
            }
            (Known::Family(family), _) => match self.keep_family((index, fault), family)? {
                Some(undo) => undo,
                None => return Ok(()),
            },
            (_, FaultKind::Pause) => self.running(&fault.link)?.undo_of_standing(),
            (_, FaultKind::Pressure(pressure)) => {
                let running = self.running(&fault.link)?;
                self.undo_of_pressure(fault, *pressure, (running.standing(), running.cwd()))?
            }
            _ => return Ok(()),
        };
        let lasts = Duration::from_micros(fault.lasts_us);
        // How long it is, is counted from when it was seen to be done.
        self.plan_undo((index, &fault.name), undo, lasts.saturating_add(ACTS_WITHIN))
    }

    /// Does to a service what its fault says; the future gives what it came to, and a sentence that says
    /// what was seen instead.
    ///
    /// # Errors
    /// A sentence: nothing was done.
    pub(in crate::run) async fn breaking(
        &mut self,
        (index, fault): (usize, &Fault),
        secrets: &[String],
    ) -> Result<Breaking, String> {
        if let Some(Undo::Containers(adrift)) = self.todo.get(&index).map(|todo| &todo.undo) {
            let adrift = adrift.clone();
            return Ok(Box::pin(self.breaking_containers((index, fault), adrift)?));
        }
        let name = fault.link.clone();
        Ok(match &fault.kind {
            FaultKind::Kill { signal, by: RestartedBy::Assay } => {
                let killed = self.running(&name)?.kill(*signal, &self.hurry);
                let killed = killed.map_err(|error| error.to_string())?;
                Box::pin(async move { (Broke::Service, gone(&name, killed.await)) })
            }
            FaultKind::Kill { signal, by: RestartedBy::Supervisor } => {
                let killed = self.running(&name)?.kill_workers(*signal);
                Box::pin(async move {
                    match killed.await {
                        Ok(workers) => (Broke::Workers(workers), Ok(())),
                        Err(error) => (Broke::Service, Err(error.to_string())),
                    }
                })
            }
            FaultKind::Kill { signal, by: RestartedBy::Others } => {
                return self.killing_family((index, &name), *signal);
            }
            FaultKind::Stop | FaultKind::Restart => {
                let found = self.running.iter().find(|(running, _)| running.name() == name);
                let (running, grace) = found.ok_or_else(|| unknown(&name))?;
                let halted = running.halt(*grace, &self.hurry);
                Box::pin(async move { (Broke::Service, gone(&name, halted.await)) })
            }
            FaultKind::Pause => {
                let still = self.processes(index, &name)?.stand_still();
                Box::pin(async move {
                    let still = still.await;
                    (Broke::Service, still.map(|_| ()).map_err(|error| error.to_string()))
                })
            }
            FaultKind::Pressure(pressure) => {
                let pressed = self.pressing((index, fault), *pressure, secrets).await?;
                Box::pin(async move {
                    match pressed.await {
                        Ok(Some(took)) => (Broke::Took(took), Ok(())),
                        Ok(None) => (Broke::Service, Ok(())),
                        Err(why) => (Broke::Service, Err(why)),
                    }
                })
            }
            _ => return Err(format!("nothing can do this to service {name}")),
        })
    }

    /// Keeps what it came to.
    pub(in crate::run) fn broke(&mut self, index: usize, broke: Broke) {
        match broke {
            Broke::Service => {}
            Broke::Workers(workers) => drop(self.workers.insert(index, workers)),
            Broke::Took(took) => self.keep_took(index, took),
            Broke::Family { service, felled } => self.felled(index, &service, felled),
            Broke::Containers(broken) => self.broke_containers(index, broken),
        }
    }

    /// Puts right what a fault did, and looks whether it is. None where nothing was done that asks for it.
    ///
    /// # Errors
    /// A sentence: there is no such service.
    pub(in crate::run) fn mending(
        &mut self,
        plan: &Plan,
        (index, fault): (usize, &Fault),
        was_done: bool,
    ) -> Result<Option<Beside<Mended>>, String> {
        let name = fault.link.as_str();
        if containers::is_contained(plan, name) {
            let mending = self.mending_containers(plan, (index, fault));
            return Ok(mending.map(|mending| -> Beside<Mended> {
                Box::pin(async move { Mended::Containers(mending.await) })
            }));
        }
        if families::is_attached(plan, name) && !self.means_family(index) {
            return Ok(None);
        }
        Ok(Some(match &fault.kind {
            FaultKind::Kill { by: RestartedBy::Others, .. } => {
                return Ok(self.mending_family(plan, (index, fault)));
            }
            FaultKind::Kill { by: RestartedBy::Assay, .. }
            | FaultKind::Stop
            | FaultKind::Restart => {
                let next = self.running(name)?.restart(&self.hurry);
                Box::pin(async move {
                    match next.await {
                        Err(error @ ServiceError::StillRuns { .. }) => {
                            Mended::Unended(error.to_string())
                        }
                        next => Mended::Restarted(next.map_err(|error| error.to_string())),
                    }
                })
            }
            FaultKind::Kill { by: RestartedBy::Supervisor, .. } => {
                let Some(killed) = self.workers.remove(&index) else { return Ok(None) };
                let reborn = self.running(name)?.reborn(&killed);
                Box::pin(
                    async move { Mended::Reborn(reborn.await.map_err(|error| error.to_string())) },
                )
            }
            FaultKind::Pause => {
                let processes = self.processes(index, name)?;
                let (moving, goes_on) = (processes.going_on(), processes.go_on());
                Box::pin(async move {
                    let moving = if was_done { moving.await } else { Vec::new() };
                    let early = moving
                        .first()
                        .map(|who| format!("somebody else had made {who} go on before its end"));
                    let undone = goes_on.await.map_err(|error| error.to_string());
                    Mended::GoesOn { early, undone }
                })
            }
            FaultKind::Pressure(_) => {
                let relieved = self.relieving(index);
                Box::pin(async move {
                    let (taken, undone) = relieved.await;
                    Mended::Relieved { taken, undone }
                })
            }
            _ => return Ok(None),
        }))
    }

    /// Keeps that it is right: who runs now is watched and guarded as before.
    ///
    /// # Errors
    /// A sentence that says what is still broken; the end of the run tries again.
    pub(in crate::run) async fn mended(
        &mut self,
        plan: &Plan,
        (index, fault): (usize, &Fault),
        mended: Mended,
        stream: &mut Stream,
    ) -> Result<(), String> {
        self.forget_family(index);
        match mended {
            Mended::Family(back) => self.mended_family(plan, fault, back, stream),
            Mended::Restarted(next) => self.follow_next(&fault.link, next?, stream).await,
            Mended::Unended(why) => Err(why),
            Mended::Reborn(reborn) => reborn,
            Mended::GoesOn { undone, .. } => undone.and_then(|()| self.done_with(index)),
            Mended::Relieved { undone, .. } => {
                if let (true, Some(first)) = (burns(fault), self.firsts.of(&fault.link)) {
                    self.calm(index, first);
                }
                undone.and_then(|()| self.done_with(index))
            }
            Mended::Containers(mended) => self.mended_containers(plan, (index, fault), mended),
        }
    }

    /// Takes on the process of a service that was started again.
    async fn follow_next(
        &mut self,
        name: &str,
        next: Next,
        stream: &mut Stream,
    ) -> Result<(), String> {
        let found = self.running.iter_mut().find(|(running, _)| running.name() == name);
        let (running, _) = found.ok_or_else(|| unknown(name))?;
        running.follow(next);
        let (pid, ended) = (running.pid(), running.exited());
        self.firsts.begin(name, (pid, running.start_time()), true);
        stream.service(name, ServiceState::Started, &format!("pid {pid}, again"));
        let owned = name.to_owned();
        self.ends.spawn(async move { (owned, ended.await) });
        self.watch(self.running(name)?).await
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

    pub(super) fn plan_undo(
        &mut self,
        (fault, name): (usize, &str),
        undo: Undo,
        within: Duration,
    ) -> Result<(), String> {
        let todo = self.undo.plan_within(name, undo, within).map_err(|why| {
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

    /// Nothing is left to undo of this fault.
    fn done_with(&mut self, index: usize) -> Result<(), String> {
        match self.todo.remove(&index) {
            Some(todo) => self.undone(&todo),
            None => Ok(()),
        }
    }

    pub(super) fn running(&self, name: &str) -> Result<&Running, String> {
        let found = self.running.iter().find(|(running, _)| running.name() == name);
        found.map(|(running, _)| running).ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> String {
    format!("no running service `{name}`")
}

/// Whether a kill has left nobody.
pub(super) fn gone(name: &str, killed: Killed) -> Result<(), String> {
    let mut left = killed.left;
    left.extend(killed.blind);
    match (killed.effect, left.as_slice()) {
        (KillEffect::Gone(_), []) => Ok(()),
        (KillEffect::Before(exit), []) => Err(format!("{name} had ended before: it {exit}")),
        (_, left) => Err(format!("{name} is still there: {}", left.join(", "))),
    }
}
