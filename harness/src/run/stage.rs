//! What a run sets up: addresses, links, services, and the guardian.
//!
//! Invariant: whatever was started is held here from the moment it exists, so that an interrupted
//! start is taken down like a finished run.
//! Invariant: the guardian is there before the first service, and leaves after the last.
//! Not here: what faults do to services (`acts`), load and faults (`conduct`), the end (`take_down`).

mod acts;
mod containers;
mod errands;
mod families;
mod guarded;
mod leads;
mod press;
mod returns;

use super::consented::{
    all_and_silent, all_consented, consent_to_faults, consented, is_here, may_listen, silence,
};
use super::names::{Names, Reader, authority};
use super::refresh::refresh;
use super::stream::Stream;
use crate::client::Ends;
use crate::fault;
use crate::fleet;
use crate::link::{Links, stub};
use crate::plan::{Dynamic, Plan, Process, ServiceKind, Text, Upstream};
use crate::service::undo::{self, Todo};
use crate::service::{
    self, Address, Firsts, Guardian, Hurry, Launch, Orphans, Ports, Reservation, Running, Workers,
};
pub(super) use acts::{ACTS_WITHIN, Broke, Known, Mended};
use assay_slo::event::ServiceState;
use containers::Afloat;
pub(super) use containers::{Answering, can_be_broken, is_contained, outlives};
use families::Families;
pub(super) use families::{family_can_be_broken, is_attached};
pub(super) use press::{burns, is_possible};
pub(super) use returns::Again;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// Everything that is up.
pub(super) struct Stage {
    pub(super) names: Names,
    pub(super) guardian: Option<Guardian>,
    pub(super) orphans: Option<Orphans>,
    ports: Ports,
    reservations: Vec<Reservation>,
    pub(super) links: Links,
    /// First processes of services, for whoever reads what they take.
    pub(super) firsts: Firsts,
    /// With the time each may take to end.
    pub(super) running: Vec<(Running, Duration)>,
    /// One for each running service: resolves when it ends.
    pub(super) ends: JoinSet<(String, service::Exit)>,
    /// What is to be undone.
    undo: undo::Log,
    /// The same that is not undone yet, by fault, and why it could not be when it was to be.
    todo: BTreeMap<usize, Todo>,
    failed: BTreeMap<usize, String>,
    /// Containers, and their engine.
    afloat: Afloat,
    /// Processes that ran before.
    families: Families,
    /// Commands of faults, by fault: they run, or have ended.
    pub(super) errands: BTreeMap<usize, Running>,
    /// Workers that a fault killed, by fault.
    workers: BTreeMap<usize, Workers>,
    /// What faults take from processes, by fault.
    pressing: BTreeMap<usize, press::Pressing>,
    /// Said when somebody waits for the end of the run.
    pub(super) hurry: Hurry,
    /// What is done beside the run: looking names up again, refreshing rows.
    pub(super) lookers: JoinSet<()>,
    pub(super) tell: mpsc::UnboundedSender<String>,
    told: mpsc::UnboundedReceiver<String>,
}

/// What was lost though nobody asked for it.
pub(super) enum Lost {
    /// A service ended.
    Service { name: String, how: String },
    /// The guardian died; a sentence says what became of the guard.
    Guardian(String),
    /// A name; a sentence says what became of its addresses.
    Name(String),
}

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// There is no place for lock files.
    pub(super) fn new(
        run_id: &str,
        dir: &Path,
        links: Links,
    ) -> Result<Stage, service::ServiceError> {
        let (tell, told) = mpsc::unbounded_channel();
        Ok(Stage {
            names: Names::new(run_id, dir),
            guardian: None,
            orphans: None,
            ports: Ports::open(run_id)?,
            reservations: vec![],
            links,
            firsts: Firsts::default(),
            running: vec![],
            ends: JoinSet::new(),
            undo: undo::Log::of(dir),
            todo: BTreeMap::new(),
            failed: BTreeMap::new(),
            afloat: Afloat::default(),
            families: Families::default(),
            errands: BTreeMap::new(),
            workers: BTreeMap::new(),
            pressing: BTreeMap::new(),
            hurry: Hurry::default(),
            lookers: JoinSet::new(),
            tell,
            told,
        })
    }

    /// Reserves addresses, resolves names, binds links: nothing is started yet.
    ///
    /// # Errors
    /// A sentence that says what could not be had.
    pub(super) async fn reserve(
        &mut self,
        plan: &Plan,
        allow_faults: &[String],
        stream: &mut Stream,
    ) -> Result<(), String> {
        self.guard_from_faults(plan, stream).await?;
        self.make_network(plan, stream).await?;
        for service in &plan.services {
            let address = match &service.kind {
                ServiceKind::Process(_) => Address::plain(self.reserve_one(None)?),
                ServiceKind::Attached { port, pid_file } => {
                    let by = (*port, pid_file.as_deref());
                    self.attach(plan, &service.name, by, stream).await?
                }
                ServiceKind::Containers { which, port } => {
                    let found = self.moor(plan, &service.name, (which, *port), allow_faults);
                    let (detail, address) =
                        found.await.map_err(|why| format!("service {}: {why}", service.name))?;
                    stream.service(&service.name, ServiceState::Ready, &detail);
                    let Some(address) = address else { continue };
                    address
                }
                ServiceKind::Url { secure, host, port, .. } => {
                    let (addrs, silent) = all_and_silent(host, *port, &plan.allow, &[]).await?;
                    if let Some(told) = silence(&service.name, host, &silent) {
                        stream.finding(told);
                    }
                    let addr = *addrs.first().ok_or_else(|| format!("`{host}` has no address"))?;
                    let at = addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    stream
                        .progress
                        .note(&format!("service {} is {host}:{port} at {at}", service.name));
                    let authority = authority(host, *port, *secure);
                    let ends = Arc::new(Ends::new(addrs));
                    self.follow(plan, &service.name, (host, *port), &ends);
                    let tls = plan.tls_of(&service.name);
                    Address { addr, authority, tls, ends: Some(ends) }
                }
            };
            self.names.services.insert(service.name.clone(), address);
        }
        for link in &plan.links {
            let listen = match self.afloat.gateway_for(plan, link) {
                Some(ip) => self.reserved(|ports| ports.reserve_on(ip))?,
                None => {
                    may_listen(link)?;
                    self.reserve_one(link.listen)?
                }
            };
            let bound = match link.tcp {
                true => self.links.bind_tcp(&link.name, listen).await,
                false => self.links.bind(&link.name, listen).await,
            };
            let addr = bound.map_err(|e| e.to_string())?;
            let upstream = match &link.to {
                Upstream::Stub(routes) => {
                    let answers = fault::stub(&link.name, routes, plan.seed)?;
                    let at = self.reserve_one(None)?;
                    Address::plain(stub::start(at, answers).await.map_err(|e| e.to_string())?)
                }
                Upstream::Service(name) => self.service(name)?.clone(),
                Upstream::Address { host, port } => Address {
                    addr: consented(host, *port, &plan.allow).await?,
                    authority: authority(host, *port, false),
                    tls: None,
                    ends: None,
                },
            };
            let faulty = plan.faults.iter().any(|fault| fault.link == link.name);
            if faulty && !is_here(upstream.addr.ip()) {
                consent_to_faults(&upstream.authority, allow_faults)?;
            }
            self.links.set_upstream(&link.name, upstream.addr).map_err(|e| e.to_string())?;
            let to = self.leads_to(plan, link, upstream.addr).await?;
            if let (false, Some(tls)) = (link.tcp, &upstream.tls) {
                let sealed = self.links.seal_upstream(&link.name, tls, &upstream.authority);
                sealed.map_err(|e| e.to_string())?;
            }
            stream.progress.note(&format!("link {} listens on {addr}, leads to {to}", link.name));
            self.names.links.insert(link.name.clone(), addr);
        }
        Ok(())
    }

    /// Starts the processes in their order, each ready before the next.
    ///
    /// # Errors
    /// A sentence that says which one failed, and how.
    pub(super) async fn start(&mut self, plan: &Plan, stream: &mut Stream) -> Result<(), String> {
        for service in &plan.services {
            let ServiceKind::Process(process) = &service.kind else { continue };
            self.guard(stream).await?;
            let tap = stream.taps.get(&service.name);
            let launch = Launch { tap, ..self.launch(plan, &service.name, process)? };
            let running = service::start(launch).map_err(|e| e.to_string())?;
            self.firsts.begin(&service.name, (running.pid(), running.start_time()), true);
            stream.service(&service.name, ServiceState::Started, &format!("pid {}", running.pid()));
            self.watch(&running).await?;
            let (name, ended) = (service.name.clone(), running.exited());
            self.ends.spawn(async move { (name, ended.await) });
            self.running.push((running, Duration::from_micros(process.stop_within_us)));
            let Some((running, _)) = self.running.last_mut() else { continue };
            running.ready().await.map_err(|e| e.to_string())?;
            stream.service(&service.name, ServiceState::Ready, &running.addr().to_string());
            stream.flush();
            if process.held.is_some() {
                self.know_processes(plan, &service.name).await?;
            }
        }
        self.settle_links(plan, stream).await;
        Ok(())
    }

    /// Waits for what nobody asked for: a service that ends, a guardian that dies. Never ends
    /// while all is well.
    pub(super) async fn lost(&mut self) -> Lost {
        let guardian = &mut self.guardian;
        let notice = async {
            match guardian {
                Some(guardian) => guardian.notice().await,
                None => std::future::pending().await,
            }
        };
        let ends = &mut self.ends;
        let died = async {
            match ends.join_next().await {
                Some(Ok((name, exit))) => Lost::Service { name, how: exit.to_string() },
                Some(Err(_)) | None => std::future::pending().await,
            }
        };
        // The sender is ours as well: this never ends.
        tokio::select! {
            died = died => died,
            notice = notice => Lost::Guardian(notice),
            Some(text) = self.told.recv() => Lost::Name(text),
        }
    }

    /// Replaces what only a start could know.
    ///
    /// # Errors
    /// The placeholder that nothing stands for.
    pub(super) fn fill(&self, text: &Text) -> Result<String, String> {
        self.fill_for(text, Reader::Here(None))
    }

    fn fill_for(&self, text: &Text, reader: Reader) -> Result<String, String> {
        text.fill(&|key| self.names.value(key, reader)).map_err(|e| e.to_string())
    }

    /// The same for the text of a JSON value.
    ///
    /// # Errors
    /// As [`Stage::fill`].
    pub(super) fn fill_json(&self, text: &Text) -> Result<String, String> {
        text.fill_json(&|key| self.names.value(key, Reader::Here(None))).map_err(|e| e.to_string())
    }

    /// The same for what each sending fills in anew.
    ///
    /// # Errors
    /// As [`Stage::fill`].
    pub(super) fn fill_dynamic(&self, dynamic: &mut Dynamic) -> Result<(), String> {
        dynamic.start(&|key| self.names.value(key, Reader::Here(None))).map_err(|e| e.to_string())
    }

    /// Where all services answer.
    pub(super) fn addresses(&self) -> BTreeMap<String, Address> {
        self.names.services.clone()
    }

    /// Where a service answers.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn service(&self, name: &str) -> Result<&Address, String> {
        let unknown = || match self.afloat.nowhere.get(name) {
            Some(why) => format!("service {name} has no address: {why}"),
            None => format!("no service `{name}`"),
        };
        self.names.services.get(name).ok_or_else(unknown)
    }

    /// Where a link listens.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn link(&self, name: &str) -> Result<SocketAddr, String> {
        self.names.links.get(name).copied().ok_or_else(|| format!("no link `{name}`"))
    }

    /// Values of the placeholders that only a start could know, for templates filled later.
    pub(super) fn known_to_fleets(&self) -> Box<fleet::Known> {
        let names = self.names.clone();
        Box::new(move |key| names.value(key, Reader::Here(None)))
    }

    fn launch(&self, plan: &Plan, name: &str, process: &Process) -> Result<Launch, String> {
        let addr = self.service(name)?.addr;
        let reader = match &process.held {
            Some(_) => Reader::Contained(addr),
            None => Reader::Here(Some(addr)),
        };
        let fill = |text: &Text| self.fill_for(text, reader);
        let env = |(key, value): &(String, Text)| Ok::<_, String>((key.clone(), fill(value)?));
        Ok(Launch {
            name: name.to_owned(),
            run_id: self.names.run_id.clone(),
            command: process.command.iter().map(fill).collect::<Result<_, _>>()?,
            env: process.env.iter().map(env).collect::<Result<_, _>>()?,
            cwd: process.cwd.clone(),
            folder: plan.folder.clone(),
            logs: self.names.dir.join("logs"),
            secrets: plan.secrets.clone(),
            tap: None,
            addr,
            ready: process.ready.clone(),
            ready_within: Duration::from_micros(process.ready_within_us),
        })
    }

    /// Looks a service's name up again from time to time.
    fn follow(&mut self, plan: &Plan, name: &str, (host, port): (&str, u16), ends: &Arc<Ends>) {
        if host.parse::<IpAddr>().is_ok() {
            return;
        }
        let (host, allow) = (host.to_owned(), plan.allow.clone());
        let look = move |known: Vec<SocketAddr>| {
            let (host, allow) = (host.clone(), allow.clone());
            async move { all_consented(&host, port, &allow, &known).await }
        };
        let every = Duration::from_micros(plan.dns_refresh_us(name));
        let (ends, tell) = (Arc::clone(ends), self.tell.clone());
        self.lookers.spawn(refresh(name.to_owned(), ends, every, look, tell));
    }

    fn reserve_one(&mut self, wanted: Option<SocketAddr>) -> Result<SocketAddr, String> {
        self.reserved(|ports| match wanted {
            Some(addr) => ports.reserve_at(addr),
            None => ports.reserve(),
        })
    }

    fn reserved(
        &mut self,
        how: impl FnOnce(&mut Ports) -> Result<Reservation, service::ServiceError>,
    ) -> Result<SocketAddr, String> {
        let reservation = how(&mut self.ports).map_err(|e| e.to_string())?;
        let addr = reservation.addr();
        self.reservations.push(reservation);
        Ok(addr)
    }
}
