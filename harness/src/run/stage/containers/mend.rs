//! What faults did to containers is put right, beside the loop: an engine may take its time.
//!
//! Invariant: what could not be put right stays to be undone; the end of the run tries again.
//! Not here: doing it (`broken`), how one container is put right (`service::undo`).

use super::early::{Broken, mended_before};
use crate::plan::{Fault, FaultKind, Plan, RestartedBy, ServiceKind};
use crate::run::stage::Stage;
use crate::service::engine::{Condition, Engine, Put, Query, Vessel};
use crate::service::undo::{self, Adrift, Undo};

/// What it came to.
pub(in crate::run) struct Mended {
    /// A sentence where somebody else had done it before.
    pub(in crate::run) early: Option<String>,
    /// Why containers of ours could not be started again; none if they were, or are not ours.
    pub(in crate::run) unstarted: Option<String>,
    /// Whether others started again what is left to them.
    reborn: Result<(), String>,
    undone: Result<(), String>,
    /// Who runs now, and how the first of them is.
    now: Option<(Vec<Vessel>, Condition)>,
}

impl Stage {
    /// Puts right what a fault did, and looks whether it is; the future borrows nothing. None where
    /// nothing was done.
    pub(in crate::run::stage) fn mending_containers(
        &mut self,
        plan: &Plan,
        (index, fault): (usize, &Fault),
    ) -> Option<impl Future<Output = Mended> + Send + use<>> {
        let todo = self.todo.get(&index)?.clone();
        let Undo::Containers(adrift) = todo.undo.clone() else { return None };
        let engine = self.afloat.engine.clone()?;
        let Broken { now: broken, before } = self.afloat.broken.remove(&index).unwrap_or_default();
        let (query, dir) = (self.query(plan, &fault.link), self.names.dir.clone());
        let kind = fault.kind.clone();
        Some(async move {
            let early = mended_before(&engine, (&adrift, &broken), &kind).await;
            let reborn = match kind {
                FaultKind::Kill { by: RestartedBy::Supervisor, .. } => {
                    is_reborn(&engine, &before).await
                }
                _ => Ok(()),
            };
            let undone = undo::carry_out(&todo, &dir).await;
            let unstarted = match (adrift.ours && adrift.put == Put::Run, &undone) {
                (false, _) => None,
                (true, Err(why)) => Some(why.clone()),
                (true, Ok(())) => gone(&engine, &adrift).await,
            };
            Mended { early, unstarted, reborn, undone, now: now(&engine, &query).await }
        })
    }

    /// Keeps that it is right, and leads everybody to where its containers answer: a published port may
    /// be another now.
    ///
    /// # Errors
    /// A sentence that says what is still broken.
    pub(in crate::run::stage) fn mended_containers(
        &mut self,
        plan: &Plan,
        (index, fault): (usize, &Fault),
        mended: Mended,
    ) -> Result<(), String> {
        mended.undone?;
        let name = fault.link.as_str();
        let todo = self.todo.remove(&index);
        if let Some(todo) = &todo {
            self.undone(todo)?;
        }
        if let Some((vessels, condition)) = mended.now {
            let planned = plan.services.iter().find(|service| service.name == name);
            if let Some(ServiceKind::Containers { port, .. }) = planned.map(|of| &of.kind) {
                self.lead_to(plan, name, condition.address(*port))?;
            }
            let ran = todo.is_some_and(|todo| {
                matches!(todo.undo, Undo::Containers(Adrift { put: Put::Run, .. }))
            });
            if ran {
                self.know_processes_of(plan, name, &vessels, &condition)?;
            }
        }
        if let Some(meant) = self.afloat.meant.get(name) {
            meant.send_modify(|taken| drop(taken.remove(&index)));
        }
        mended.reborn
    }
}

async fn now(engine: &Engine, query: &Query) -> Option<(Vec<Vessel>, Condition)> {
    let vessels = engine.find(query, false).await.ok()?;
    let condition = engine.condition(&vessels.first()?.id).await.ok()??;
    Some((vessels, condition))
}

/// Which of these containers are not there any more.
async fn gone(engine: &Engine, adrift: &Adrift) -> Option<String> {
    for vessel in &adrift.vessels {
        // An engine that does not answer says nothing of its containers.
        if let Ok(None) = engine.condition(&vessel.id).await {
            let (service, name) = (&adrift.service, &vessel.name);
            return Some(format!(
                "service `{service}` cannot be started again: somebody has removed its container {name} \
                 meanwhile"
            ));
        }
    }
    None
}

/// Whether all that crashed were started again by whoever supervises them.
async fn is_reborn(engine: &Engine, crashed: &[(Vessel, String)]) -> Result<(), String> {
    for (vessel, before) in crashed {
        let now = engine.condition(&vessel.id).await?.unwrap_or_default();
        if !now.running || now.started == *before {
            let name = &vessel.name;
            return Err(format!(
                "nobody has started the container {name} again (its restart policy would)"
            ));
        }
    }
    Ok(())
}
