//! Containers as the run knows them: those that run already, the network of ours, and what faults do
//! to both.
//!
//! Invariant: containers that were there before are touched by the faults that name them, and by
//! nothing else.
//! Invariant: what is in the engine outlives us, so how it is put right is written down before.
//! Not here: asking and telling the engine (`service::engine`), when it is done (`conduct`).

mod answers;
mod broken;
mod early;
mod mend;
mod watched;

pub(in crate::run) use answers::Answering;
pub(in crate::run) use broken::{is_contained, outlives};
pub(super) use early::Broken;
pub(in crate::run) use early::can_be_broken;
pub(super) use mend::Mended;

use super::Stage;
use crate::client::Ends;
use crate::plan::metric::Source;
use crate::plan::{Held, Link, Plan, Process, ServiceKind, Text, Upstream, Which};
use crate::run::consented::all_consented;
use crate::run::stream::Stream;
use crate::service::engine::{Condition, Engine, Query, Vessel, remote};
use crate::service::undo::{self, Remains, Todo, Undo};
use crate::service::{Address, Claims};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;

/// What the stage keeps of containers.
#[derive(Default)]
pub(super) struct Afloat {
    pub(super) engine: Option<Engine>,
    /// Why a service has no address.
    pub(super) nowhere: BTreeMap<String, String>,
    /// Whose end is a fault's, by service.
    meant: BTreeMap<String, watch::Sender<watched::Meant>>,
    /// Those that no other run may break meanwhile, and processes that ran before.
    pub(super) claims: Claims,
    /// How many containers a service was found with.
    pub(super) found: BTreeMap<String, usize>,
    /// What a fault was seen to have done to containers, by fault.
    broken: BTreeMap<usize, Broken>,
    /// This machine's address in the network of our containers.
    gateway: Option<IpAddr>,
    /// How all of ours is removed from the engine.
    remains: Option<Todo>,
}

impl Afloat {
    /// Where a link listens for the containers that read its address; none: where it always does.
    pub(super) fn gateway_for(&self, plan: &Plan, link: &Link) -> Option<IpAddr> {
        let reads = |text: &Text| {
            let of = |key: &str| {
                key.strip_prefix("links.")?.rsplit_once('.').map(|(name, _)| name == link.name)
            };
            text.references().any(|key| of(key) == Some(true))
        };
        let read = held(plan).any(|(_, process, _)| {
            process.command.iter().chain(process.env.iter().map(|(_, value)| value)).any(reads)
        });
        self.gateway.filter(|_| read && link.listen.is_none())
    }
}

/// The services whose containers we start.
fn held(plan: &Plan) -> impl Iterator<Item = (&str, &Process, &Held)> {
    plan.services.iter().filter_map(|service| match &service.kind {
        ServiceKind::Process(process) => {
            process.held.as_ref().map(|held| (service.name.as_str(), process, held))
        }
        _ => None,
    })
}

/// `DOCKER_HOST` as it is set.
fn docker_host() -> Option<String> {
    std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty())
}

impl Stage {
    async fn engine(&mut self) -> Result<Engine, String> {
        if let Some(engine) = &self.afloat.engine {
            return Ok(engine.clone());
        }
        let engine = Engine::connect(None).await?;
        self.afloat.engine = Some(engine.clone());
        Ok(engine)
    }

    /// Makes the network in which our containers reach each other, if there are any.
    ///
    /// # Errors
    /// A sentence: there is no engine, or it makes none.
    pub(super) async fn make_network(
        &mut self,
        plan: &Plan,
        stream: &mut Stream,
    ) -> Result<(), String> {
        let run = self.names.run_id.clone();
        for (name, _, held) in held(plan) {
            let known = (Held::name(&run, name), held.port);
            self.names.contained.insert(name.to_owned(), known);
        }
        if self.names.contained.is_empty() {
            return Ok(());
        }
        self.guard(stream).await?;
        let engine = self.engine().await?;
        let network = Held::network(&run);
        let remains = Remains { run: run.clone(), network: network.clone(), host: docker_host() };
        let todo = self.undo.plan("", Undo::Remove(remains));
        self.afloat.remains = Some(todo.map_err(|why| {
            format!("no container was started, because that could not be written down: {why}")
        })?);
        self.afloat.gateway = engine.make_network(&network, &run).await?;
        Ok(())
    }

    /// Removes whatever of ours is still in the engine; says what is left.
    pub(in crate::run) async fn clear_engine(&mut self) -> Option<String> {
        let todo = self.afloat.remains.take()?;
        match undo::carry_out(&todo, &self.names.dir).await {
            Ok(()) => self.undone(&todo).err(),
            Err(why) => Some(why),
        }
    }

    /// Finds containers that run already, and tells when one of them ends; gives a sentence about
    /// them, and where they answer.
    ///
    /// # Errors
    /// A sentence without its beginning: why they were not found, or may not be touched.
    pub(super) async fn moor(
        &mut self,
        plan: &Plan,
        name: &str,
        (which, port): (&Which, Option<u16>),
        allow_faults: &[String],
    ) -> Result<(String, Option<Address>), String> {
        let engine = self.engine().await?;
        let far = remote(docker_host().as_deref());
        let broken = plan.faults.iter().any(|fault| fault.link == name);
        if let Some(host) = far.as_ref().filter(|_| broken)
            && !allow_faults.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
        {
            return Err(format!(
                "faults would reach containers on {host}: add --allow-faults {host} if you may \
                 break them"
            ));
        }
        let vessels = engine.find(&Query::of(which), false).await?;
        let Some(first) = vessels.first() else {
            return Err(match engine.find(&Query::of(which), true).await?.first() {
                Some(stopped) => format!("{which} does not run: `docker start {}`", stopped.name),
                None => format!("there is no such container: {which}"),
            });
        };
        let condition = engine.condition(&first.id).await?.unwrap_or_default();
        if broken {
            // Before it is asked how they are: another run may have broken them.
            self.claim(name, &vessels)?;
        }
        for fault in plan.faults.iter().filter(|fault| fault.link == name) {
            can_be_broken(&engine, &vessels, fault).await?;
        }
        let address = match condition.address(port) {
            Ok(addr) => Some(self.consented_end(addr, far.as_deref(), &plan.allow).await?),
            Err(why) if port.is_some() => return Err(why),
            Err(why) => {
                self.afloat.nowhere.insert(name.to_owned(), why);
                None
            }
        };
        let names: Vec<&str> = vessels.iter().map(|vessel| vessel.name.as_str()).collect();
        let at = address.as_ref().map_or_else(String::new, |at| format!(", at {}", at.addr));
        let detail = format!("found: {}{at}", names.join(", "));
        self.know_processes_of(plan, name, &vessels, &condition)?;
        self.afloat.found.insert(name.to_owned(), vessels.len());
        self.watch_vessels(engine, name, (Query::of(which), vessels));
        Ok((detail, address))
    }

    /// Keeps other runs from breaking these.
    ///
    /// # Errors
    /// A sentence without its beginning: another one does.
    pub(super) fn claim(&mut self, name: &str, vessels: &[Vessel]) -> Result<(), String> {
        let mut new = false;
        for vessel in vessels {
            new |= self.afloat.claims.take(name, vessel)?;
        }
        if new {
            self.tell_claims();
        }
        Ok(())
    }

    /// Lets the guardian keep them as long as it undoes anything.
    pub(in crate::run) fn tell_claims(&self) {
        let Some(guardian) = &self.guardian else { return };
        self.afloat.claims.ids().for_each(|id| guardian.hold(id));
    }

    /// Tells when one of these ends that no fault took.
    pub(super) fn watch_vessels(
        &mut self,
        engine: Engine,
        name: &str,
        (query, all): (Query, Vec<Vessel>),
    ) {
        let meant = self.afloat.meant.entry(name.to_owned()).or_default();
        let watching = watched::ended(engine, query, all, meant.subscribe());
        let owned = name.to_owned();
        self.ends.spawn(async move { (owned, watching.await) });
    }

    /// An address of a container, if load may go there; what an engine elsewhere publishes is there.
    async fn consented_end(
        &self,
        addr: SocketAddr,
        far: Option<&str>,
        allow: &[String],
    ) -> Result<Address, String> {
        let addr = match far {
            Some(host) => {
                let found = all_consented(host, addr.port(), allow, &[]).await?;
                found.first().copied().unwrap_or(addr)
            }
            None => {
                // It is on this machine whatever its network is called; what is denied stays so.
                let own = addr.ip().to_string();
                let allow: Vec<String> = allow.iter().chain([&own]).cloned().collect();
                all_consented(&own, addr.port(), &allow, &[addr]).await?;
                addr
            }
        };
        Ok(Address { ends: Some(Arc::new(Ends::new(vec![addr]))), ..Address::plain(addr) })
    }

    /// Looks for the processes of a container of ours, if a metric reads them.
    ///
    /// # Errors
    /// As [`Stage::moor`].
    pub(super) async fn know_processes(&mut self, plan: &Plan, name: &str) -> Result<(), String> {
        if !reads_processes(plan, name) {
            return Ok(());
        }
        let engine = self.engine().await?;
        let query = Query::ours(&self.names.run_id, Some(name));
        let vessels = engine.find(&query, false).await?;
        let first = vessels.first().ok_or_else(|| format!("service {name}: no container runs"))?;
        let condition = engine.condition(&first.id).await?.unwrap_or_default();
        let known = self.know_processes_of(plan, name, &vessels, &condition);
        known.map_err(|why| format!("service {name}: {why}"))
    }

    pub(super) fn know_processes_of(
        &mut self,
        plan: &Plan,
        name: &str,
        vessels: &[Vessel],
        condition: &Condition,
    ) -> Result<(), String> {
        if !reads_processes(plan, name) {
            return Ok(());
        }
        let [only] = vessels else {
            let many = vessels.len();
            return Err(format!("a metric reads its processes, and it has {many} containers"));
        };
        let id = condition.process(only).ok_or(
            "a metric reads its processes, and they are not to be seen from here: read \
             `prometheus` or `command` of it",
        )?;
        self.firsts.begin(name, id, false);
        Ok(())
    }

    /// Leads everybody who goes to a service to its containers' address, should it be another now.
    pub(super) fn lead_to(
        &mut self,
        plan: &Plan,
        name: &str,
        found: Result<SocketAddr, String>,
    ) -> Result<(), String> {
        let (Some(known), Ok(addr)) = (self.names.services.get(name), found) else {
            return Ok(());
        };
        if known.addr == addr || remote(docker_host().as_deref()).is_some() {
            return Ok(());
        }
        self.lead(plan, name, addr)
    }

    /// Leads everybody who goes to a service to this address.
    ///
    /// # Errors
    /// A sentence: a link cannot follow.
    pub(super) fn lead(&mut self, plan: &Plan, name: &str, addr: SocketAddr) -> Result<(), String> {
        let ends = self.names.services.get(name).and_then(|known| known.ends.clone());
        if let Some(ends) = &ends {
            ends.set(vec![addr]);
        }
        self.names.services.insert(name.to_owned(), Address { ends, ..Address::plain(addr) });
        for link in &plan.links {
            if matches!(&link.to, Upstream::Service(to) if to == name) {
                self.links.set_upstream(&link.name, addr).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

/// Whether a metric reads a service's processes.
fn reads_processes(plan: &Plan, name: &str) -> bool {
    plan.metrics
        .iter()
        .any(|metric| matches!(&metric.source, Source::Process { service, .. } if service == name))
}
