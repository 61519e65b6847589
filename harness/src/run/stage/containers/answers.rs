//! Whether a service in containers answers again after a fault.
//!
//! Invariant: what a container said when it was started first shows nothing of a later start: it is asked anew.
//! Invariant: of several containers each must answer, and as many run as the service was found with.
//! Not here: readiness at the start (`service::ready`), when it is looked for (`conduct`, `run::metrics`).

use super::held;
use crate::plan::{Plan, Ready, ServiceKind};
use crate::run::stage::Stage;
use crate::service::engine::{Engine, Query};
use crate::service::{Address, get, stays};
use std::net::SocketAddr;
use tokio::time::Duration;

/// How long a container that runs already may take to answer again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// How it is looked whether a service answers.
#[derive(Debug, Clone)]
pub(in crate::run) struct Answering {
    address: Address,
    /// What must answer 2xx; none: the port must keep a connection.
    path: Option<String>,
    /// Of a service in several containers: how they are found, how many, and their port.
    all: Option<(Engine, Query, usize, Option<u16>)>,
}

impl Answering {
    /// Looks once; gives what was seen.
    ///
    /// # Errors
    /// A sentence: what does not answer.
    pub(in crate::run) async fn look(&self) -> Result<String, String> {
        let addrs = self.addrs().await?;
        for addr in &addrs {
            match &self.path {
                None if stays(*addr).await => {}
                None => return Err(format!("{addr} does not answer")),
                Some(path) => {
                    let address = Address { addr: *addr, ..self.address.clone() };
                    match get(&address, path, LOOK_WITHIN).await {
                        Ok(200..300) => {}
                        Ok(status) => return Err(format!("GET {path} answered {status}")),
                        Err(why) => return Err(format!("GET {path}: {why}")),
                    }
                }
            }
        }
        let whose = match addrs.len() {
            1 => "its port answers".to_owned(),
            several => format!("the ports of its {several} containers answer"),
        };
        Ok(self.path.as_ref().map_or(whose, |path| format!("GET {path} answered 2xx")))
    }

    /// Where its containers are asked.
    async fn addrs(&self) -> Result<Vec<SocketAddr>, String> {
        let Some((engine, query, known, port)) = &self.all else {
            return Ok(vec![self.address.addr]);
        };
        let found = engine.find(query, false).await?;
        if found.len() < *known {
            return Err(format!("{} of {known} containers run", found.len()));
        }
        let mut addrs = Vec::new();
        for vessel in &found {
            let now = engine.condition(&vessel.id).await?.unwrap_or_default();
            let addr = now.address(*port);
            addrs.push(addr.map_err(|why| format!("container {}: {why}", vessel.name))?);
        }
        Ok(addrs)
    }
}

impl Stage {
    /// How it is looked whether this service answers; none if it has no address.
    pub(in crate::run) fn answering(&self, plan: &Plan, name: &str) -> Option<Answering> {
        let address = self.names.services.get(name)?.clone();
        let own = held(plan).find(|(held, _, _)| *held == name).map(|(_, process, _)| process);
        let path = own.and_then(|process| match &process.ready {
            Ready::Http(path) => Some(path.clone()),
            Ready::Port(_) | Ready::Log(_) => None,
        });
        let planned = plan.services.iter().find(|service| service.name == name);
        let all = match planned.map(|service| &service.kind) {
            Some(ServiceKind::Containers { which, port }) => {
                let known = self.afloat.found.get(name).copied().unwrap_or(1);
                let engine = self.afloat.engine.clone().filter(|_| known > 1);
                engine.map(|engine| (engine, Query::of(which), known, *port))
            }
            _ => None,
        };
        Some(Answering { address, path, all })
    }

    /// Resolves when a service that we do not start as a process answers again, to its address; it borrows
    /// nothing.
    ///
    /// # Errors
    /// It did not in time.
    pub(in crate::run) fn answers_again(
        &self,
        plan: &Plan,
        name: &str,
    ) -> impl Future<Output = Result<SocketAddr, String>> + Send + use<> {
        let answering = self.answering(plan, name);
        let own = held(plan).find(|(held, _, _)| *held == name);
        let within = own.map_or(ANSWERS_WITHIN, |(_, process, _)| {
            Duration::from_micros(process.ready_within_us)
        });
        let name = name.to_owned();
        async move {
            // Without an address nobody can ask; the engine says that it runs.
            let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
            let Some(answering) = answering else { return Ok(unknown) };
            let mut last = "nothing was tried".to_owned();
            let looked = tokio::time::timeout(within, async {
                while let Err(why) = answering.look().await {
                    last = why;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            });
            let looked = looked.await;
            let seconds = within.as_secs();
            looked.map_err(|_| format!("{name} did not answer within {seconds} s: {last}"))?;
            Ok(answering.address.addr)
        }
    }
}
