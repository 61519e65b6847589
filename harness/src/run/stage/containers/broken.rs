//! What faults do to containers, ours and those that run already: done, and put right.
//!
//! Invariant: how it is put right is known before it is done, and written down in between (`acts`).
//! Not here: when it is done (`conduct`), how (`service::engine`).

use super::docker_host;
use super::early::{self, Broken, Since, can_be_broken};
use crate::plan::{Fault, FaultKind, Plan, Pressure, RestartedBy, ServiceKind};
use crate::run::stage::{Broke, Known, Stage};
use crate::service::engine::{Act, Engine, Limits, Put, Query, Vessel};
use crate::service::undo::{Adrift, Undo};
use std::collections::BTreeMap;
use tokio::time::Duration;

/// Whether a service is in containers.
pub(in crate::run) fn is_contained(plan: &Plan, name: &str) -> bool {
    plan.services.iter().filter(|service| service.name == name).any(|service| match &service.kind {
        ServiceKind::Containers { .. } => true,
        ServiceKind::Process(process) => process.held.is_some(),
        _ => false,
    })
}

/// Whether a fault on this service is put right even when the run is over.
pub(in crate::run) fn outlives(plan: &Plan, name: &str) -> bool {
    let of = |service: &&crate::plan::Service| service.name == name;
    let kind = plan.services.iter().find(of).map(|service| &service.kind);
    matches!(kind, Some(ServiceKind::Containers { .. }))
}

impl Stage {
    /// Looks for a fault's containers, and how they are put right; it borrows nothing.
    ///
    /// # Errors
    /// Nothing may be done to them then.
    pub(in crate::run) fn known_containers(
        &self,
        plan: &Plan,
        fault: &Fault,
    ) -> impl Future<Output = Result<Known, String>> + Send + use<> {
        let (engine, query) = (self.afloat.engine.clone(), self.query(plan, &fault.link));
        let (fault, ours) = (fault.clone(), !outlives(plan, &fault.link));
        async move {
            let engine = engine.ok_or("no container engine is known")?;
            let mut vessels = engine.find(&query, false).await?;
            let wanted = fault.count.unwrap_or(vessels.len());
            if vessels.is_empty() || vessels.len() < wanted {
                let found = vessels.len();
                return Err(format!("{found} containers of {} run, too few for it", fault.link));
            }
            vessels.truncate(wanted);
            can_be_broken(&engine, &vessels, &fault).await?;
            let put = match &fault.kind {
                FaultKind::Pause => Put::GoOn,
                FaultKind::Pressure(pressure) => {
                    // Refused here, before anything is written down, where it cannot be taken.
                    limited(&engine, &vessels, pressure).await?;
                    before(&engine, &vessels).await?
                }
                FaultKind::Disconnect { network } => {
                    join(&engine, &vessels, network.as_deref()).await?
                }
                _ => Put::Run,
            };
            let (service, host) = (fault.link, docker_host());
            Ok(Known::Containers(Adrift { service, ours, vessels, put, host }))
        }
    }

    /// Does it to all of them at the same time. The future, which takes as long as that, borrows nothing;
    /// it gives what was broken, and a sentence that says what was seen instead.
    ///
    /// # Errors
    /// Nothing was done.
    pub(in crate::run::stage) fn breaking_containers(
        &mut self,
        (index, fault): (usize, &Fault),
        adrift: Adrift,
    ) -> Result<impl Future<Output = (Broke, Result<(), String>)> + Send + use<>, String> {
        let engine = self.afloat.engine.clone().ok_or("no container engine is known")?;
        if adrift.put == Put::Run {
            self.mean_end(index, &fault.link, &adrift.vessels);
        }
        let (kind, grace) = (fault.kind.clone(), self.grace(&fault.link));
        Ok(async move {
            let (mut broken, mut done) = (Broken::default(), Ok(()));
            match told(&engine, &adrift, &kind, grace).await {
                Ok((act, before)) => {
                    broken.before = before;
                    let acts = adrift.vessels.iter().map(|vessel| engine.act(vessel, &act));
                    let acts = futures_util::future::join_all(acts).await;
                    let failed: Vec<String> = acts.into_iter().filter_map(Result::err).collect();
                    if !failed.is_empty() {
                        done = Err(failed.join("; "));
                    }
                    broken.now = early::broken(&engine, &adrift).await;
                }
                Err(why) => done = Err(why),
            }
            (Broke::Containers(broken), done)
        })
    }

    /// Keeps what it came to: the engine has answered, or was looked at for as long as it may take.
    pub(in crate::run::stage) fn broke_containers(&mut self, index: usize, broken: Broken) {
        if let Some(todo) = self.todo.get_mut(&index) {
            self.undo.landed(todo);
        }
        self.afloat.broken.insert(index, broken);
    }

    /// Forgets how a container of ours is started again: it is to be removed anyway.
    pub(in crate::run) fn forget_container(&mut self, index: usize) {
        let is_ours = |undo: &Undo| {
            matches!(undo, Undo::Containers(Adrift { ours: true, put: Put::Run, .. }))
        };
        if self.todo.get(&index).is_some_and(|todo| is_ours(&todo.undo))
            && let Some(todo) = self.todo.remove(&index)
        {
            // A second undo does no harm, so neither does a line that could not be written.
            let _ = self.undone(&todo);
        }
    }

    pub(super) fn query(&self, plan: &Plan, name: &str) -> Query {
        let planned = plan.services.iter().find(|service| service.name == name);
        match planned.map(|service| &service.kind) {
            Some(ServiceKind::Containers { which, .. }) => Query::of(which),
            _ => Query::ours(&self.names.run_id, Some(name)),
        }
    }

    /// How long a container of ours has to end; others have what their engine gives them.
    fn grace(&self, name: &str) -> Option<Duration> {
        let found = self.running.iter().find(|(running, _)| running.name() == name);
        // The process that holds it has a second more.
        found.map(|(_, grace)| grace.saturating_sub(Duration::from_secs(1)))
    }

    /// Whoever watches these containers is told that their end is meant.
    fn mean_end(&mut self, index: usize, name: &str, vessels: &[Vessel]) {
        if let Some(meant) = self.afloat.meant.get(name) {
            let ids = vessels.iter().map(|vessel| vessel.id.clone()).collect();
            meant.send_modify(|taken| drop(taken.insert(index, ids)));
        }
        if let Some((running, _)) = self.running.iter().find(|(running, _)| running.name() == name)
        {
            running.tell_meant();
        }
    }
}

/// What the engine is told of a fault's containers, and since when those run that it ends.
async fn told(
    engine: &Engine,
    adrift: &Adrift,
    kind: &FaultKind,
    grace: Option<Duration>,
) -> Result<(Act, Since), String> {
    let act = match (kind, &adrift.put) {
        (FaultKind::Pause, _) => Act::Pause,
        (FaultKind::Kill { signal, by: RestartedBy::Assay }, _) => Act::Kill(*signal),
        (FaultKind::Kill { signal, by: RestartedBy::Supervisor }, _) => Act::Crash(*signal),
        (FaultKind::Pressure(pressure), _) => {
            Act::Limit(limited(engine, &adrift.vessels, pressure).await?)
        }
        (_, Put::Join { network, .. }) => Act::Leave(network.clone()),
        _ => Act::Stop(grace),
    };
    let mut before = Since::new();
    for vessel in adrift.vessels.iter().filter(|_| adrift.put == Put::Run) {
        let now = engine.condition(&vessel.id).await?.unwrap_or_default();
        before.push((vessel.clone(), now.started));
    }
    Ok((act, before))
}

/// The network that containers leave, and how they join it again.
pub(super) async fn join(
    engine: &Engine,
    vessels: &[Vessel],
    wanted: Option<&str>,
) -> Result<Put, String> {
    let (mut network, mut settings) = (wanted.map(str::to_owned), BTreeMap::new());
    for vessel in vessels {
        let mut in_them = engine.condition(&vessel.id).await?.unwrap_or_default().networks;
        let known: Vec<String> = in_them.keys().cloned().collect();
        let all = known.join(", ");
        let of = match (&network, known.as_slice()) {
            (Some(network), _) => network.clone(),
            (None, [only]) => only.clone(),
            (None, _) => {
                let name = &vessel.name;
                return Err(format!(
                    "container {name} is in several networks: write `network:` and one of {all}"
                ));
            }
        };
        let Some(found) = in_them.remove(&of) else {
            return Err(format!("container {} is not in network {of}, but in {all}", vessel.name));
        };
        settings.insert(vessel.id.clone(), found);
        network = Some(of);
    }
    let network = network.ok_or("no container of it runs")?;
    Ok(Put::Join { network, settings })
}

/// What containers may have now, and are to have again.
async fn before(engine: &Engine, vessels: &[Vessel]) -> Result<Put, String> {
    let mut all = BTreeMap::new();
    for vessel in vessels {
        all.insert(
            vessel.id.clone(),
            engine.condition(&vessel.id).await?.unwrap_or_default().limits,
        );
    }
    Ok(Put::Allow(all))
}

/// What a pressure leaves of that.
async fn limited(
    engine: &Engine,
    vessels: &[Vessel],
    pressure: &Pressure,
) -> Result<BTreeMap<String, Limits>, String> {
    let processors = engine.processors().await?;
    let mut all = BTreeMap::new();
    for vessel in vessels {
        let now = engine.condition(&vessel.id).await?.unwrap_or_default().limits;
        let left = now.under(pressure, processors);
        let left = left.map_err(|why| format!("container {}: {why}", vessel.name))?;
        all.insert(vessel.id.clone(), left);
    }
    Ok(all)
}
