//! Services that ended by a fault, and that others start again: waited for to run again.
//!
//! Invariant: whoever runs again is watched as the one before was, and is not the one before.
//! Not here: whether an end was a fault's doing (`conduct`), finding (`service`).

use super::Stage;
use crate::plan::{Plan, ServiceKind};
use crate::run::stream::Stream;
use crate::service::Attached;
use crate::service::engine::{Condition, Engine, Query, Vessel};
use assay_slo::event::ServiceState;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::time::Duration;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who runs again.
#[derive(Debug)]
pub(in crate::run) enum Again {
    /// A process.
    Process(Attached),
    /// As many containers as before, and how the first of them is.
    Containers(Vec<Vessel>, Box<Condition>),
}

/// How it is found.
enum Seek {
    /// By port and pid file, but not one of these.
    Process(Option<u16>, Option<PathBuf>, BTreeSet<(i32, u64)>),
    Containers(Engine, Query, usize),
}

impl Stage {
    /// Resolves when a service runs again that somebody else ended, and never if it does not; it borrows
    /// nothing. None for those that only we can start again.
    pub(in crate::run) fn comes_again(
        &self,
        plan: &Plan,
        name: &str,
    ) -> Option<impl Future<Output = Again> + Send + use<>> {
        let seek = self.seek(plan, name)?;
        Some(async move {
            loop {
                if let Some(again) = seek.look().await {
                    return again;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    /// Whether it runs again now.
    pub(super) fn returned(
        &self,
        plan: &Plan,
        name: &str,
    ) -> impl Future<Output = Option<Again>> + Send + use<> {
        let seek = self.seek(plan, name);
        async move { seek?.look().await }
    }

    fn seek(&self, plan: &Plan, name: &str) -> Option<Seek> {
        let planned = plan.services.iter().find(|service| service.name == name)?;
        let before = self.gone_before(name);
        Some(match &planned.kind {
            ServiceKind::Attached { port, pid_file } => {
                Seek::Process(*port, pid_file.clone(), before)
            }
            ServiceKind::Process(process) if process.held.is_none() => {
                let port = self.names.services.get(name)?.addr.port();
                Seek::Process(Some(port), None, before)
            }
            ServiceKind::Containers { which, .. } => {
                let engine = self.afloat.engine.clone()?;
                let known = self.afloat.found.get(name).copied().unwrap_or(1);
                Seek::Containers(engine, Query::of(which), known)
            }
            ServiceKind::Process(_) | ServiceKind::Url { .. } => return None,
        })
    }

    /// Follows a service that runs again, unless it is followed already.
    pub(in crate::run) fn follow_again(
        &mut self,
        plan: &Plan,
        name: &str,
        again: Again,
        stream: &mut Stream,
    ) {
        let known = self.firsts.of(name).map(|first| first.id);
        if matches!(&again, Again::Process(found) if Some(found.first()) == known) {
            return;
        }
        let (who, problem) = self.take_back(plan, name, again);
        stream.service(name, ServiceState::Started, &who);
        stream.service(name, ServiceState::Ready, &who);
        problem.into_iter().for_each(|text| stream.finding(text));
    }

    /// Watches it again, and leads everybody to where it answers now; gives who it is, and a sentence if
    /// some cannot follow.
    fn take_back(&mut self, plan: &Plan, name: &str, again: Again) -> (String, Option<String>) {
        match again {
            Again::Process(found) => {
                let label = format!("found again: {}, at {}", found.label(), found.addr);
                let problem = self.lead_to_process(plan, name, found.addr);
                self.firsts.begin(name, found.first(), false);
                self.watch_process(name, found);
                (label, problem)
            }
            Again::Containers(vessels, condition) => {
                let names: Vec<&str> = vessels.iter().map(|vessel| vessel.name.as_str()).collect();
                let mut label = format!("found again: {}", names.join(", "));
                let planned = plan.services.iter().find(|service| service.name == name);
                let mut problem = None;
                if let Some(ServiceKind::Containers { which, port }) = planned.map(|one| &one.kind)
                {
                    let led = self.lead_to(plan, name, condition.address(*port));
                    let known = self.know_processes_of(plan, name, &vessels, &condition);
                    problem = led.and(known).err();
                    if let Some(engine) = self.afloat.engine.clone() {
                        self.watch_vessels(engine, name, (Query::of(which), vessels));
                    }
                }
                if let Some(known) = self.names.services.get(name) {
                    label += &format!(", at {}", known.addr);
                }
                (label, problem)
            }
        }
    }

    /// Leads everybody to where a process answers now; gives a sentence if some cannot follow.
    fn lead_to_process(&mut self, plan: &Plan, name: &str, addr: SocketAddr) -> Option<String> {
        let known = self.names.services.get(name)?.addr;
        if known == addr {
            return None;
        }
        // Whether load may go elsewhere was asked of the address before.
        if !addr.ip().is_loopback() {
            return Some(format!(
                "service {name} answers at {addr} now, and requests go to {known}: only on loopback are they \
                 led to where it went"
            ));
        }
        self.lead(plan, name, addr).err()
    }
}

impl Seek {
    async fn look(&self) -> Option<Again> {
        match self {
            Seek::Process(port, file, before) => {
                let (port, file) = (*port, file.clone());
                let found =
                    tokio::task::spawn_blocking(move || Attached::find(port, file.as_deref()));
                let found = found.await.ok()?.ok()?;
                // A file that nobody has written anew may name a stranger by now.
                let is_new = found.doubt.is_none() && !before.contains(&found.first());
                is_new.then_some(Again::Process(found))
            }
            Seek::Containers(engine, query, known) => {
                let found = engine.find(query, false).await.ok()?;
                let first = found.first().filter(|_| found.len() >= *known)?;
                let condition = engine.condition(&first.id).await.ok()??;
                condition.running.then(|| Again::Containers(found, Box::new(condition)))
            }
        }
    }
}
