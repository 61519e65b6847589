//! What a run sets up and takes down again: addresses, links, services, and the guardian.
//!
//! Invariant: whatever was started is held here from the moment it exists, so that an interrupted
//! start is taken down like a finished run.
//! Invariant: the guardian is there before the first service, and leaves after the last.
//! Not here: load and faults (`conduct`).

use super::stream::Stream;
use crate::link::Links;
use crate::plan::{Plan, Process, ServiceKind, Text, Upstream};
use crate::service::{self, Guardian, Launch, Ports, Reservation, Running};
use assay_slo::event::ServiceState;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;
use tokio::time::Duration;

/// Where a service answers.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// Its socket address.
    pub(super) addr: SocketAddr,
    /// As a client writes it: the `Host` header.
    pub(super) authority: String,
}

/// Everything that is up.
pub(super) struct Stage {
    run_id: String,
    dir: PathBuf,
    guardian: Option<Guardian>,
    ports: Ports,
    reservations: Vec<Reservation>,
    services: BTreeMap<String, Address>,
    pub(super) links: Links,
    link_addrs: BTreeMap<String, SocketAddr>,
    /// With the time each may take to end.
    running: Vec<(Running, Duration)>,
    /// One for each running service: resolves when it ends.
    ends: JoinSet<(String, service::Exit)>,
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
        Ok(Stage {
            run_id: run_id.to_owned(),
            dir: dir.to_owned(),
            guardian: None,
            ports: Ports::open(run_id)?,
            reservations: vec![],
            services: BTreeMap::new(),
            links,
            link_addrs: BTreeMap::new(),
            running: vec![],
            ends: JoinSet::new(),
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
        for service in &plan.services {
            let address = match &service.kind {
                ServiceKind::Process(_) => {
                    let addr = self.reserve_one(None)?;
                    Address { addr, authority: addr.to_string() }
                }
                ServiceKind::Url { host, port, .. } => {
                    let addr = consented(host, *port, &plan.allow).await?;
                    stream
                        .progress
                        .note(&format!("service {} is {host}:{port} at {addr}", service.name));
                    Address { addr, authority: authority(host, *port) }
                }
            };
            self.services.insert(service.name.clone(), address);
        }
        for link in &plan.links {
            let listen = self.reserve_one(link.listen)?;
            let addr = self.links.bind(&link.name, listen).await.map_err(|e| e.to_string())?;
            let upstream = match &link.to {
                Upstream::Service(name) => self.service(name)?.clone(),
                Upstream::Address { host, port } => Address {
                    addr: consented(host, *port, &plan.allow).await?,
                    authority: authority(host, *port),
                },
            };
            let faulty = plan.faults.iter().any(|fault| fault.link == link.name);
            if faulty && !upstream.addr.ip().to_canonical().is_loopback() {
                consent_to_faults(&upstream, allow_faults)?;
            }
            self.links.set_upstream(&link.name, upstream.addr).map_err(|e| e.to_string())?;
            stream
                .progress
                .note(&format!("link {} listens on {addr}, leads to {}", link.name, upstream.addr));
            self.link_addrs.insert(link.name.clone(), addr);
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
            if self.guardian.is_none() {
                self.guardian = Some(self.spawn_guardian().await?);
            }
            let launch = self.launch(plan, &service.name, process)?;
            let running = service::start(launch).map_err(|e| e.to_string())?;
            stream.service(&service.name, ServiceState::Started, &format!("pid {}", running.pid()));
            if let Some(guardian) = &mut self.guardian {
                let watched = guardian.watch(&running).await;
                watched.map_err(|e| format!("the guardian is gone: {e}"))?;
            }
            let (name, ended) = (service.name.clone(), running.exited());
            self.ends.spawn(async move { (name, ended.await) });
            self.running.push((running, Duration::from_micros(process.stop_within_us)));
            let Some((running, _)) = self.running.last_mut() else { continue };
            running.ready().await.map_err(|e| e.to_string())?;
            stream.service(&service.name, ServiceState::Ready, &running.addr().to_string());
            stream.flush();
        }
        Ok(())
    }

    /// Waits for a service to end that nobody asked to; never ends without one.
    pub(super) async fn died(&mut self) -> (String, String) {
        match self.ends.join_next().await {
            Some(Ok((name, exit))) => (name, exit.to_string()),
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// Ends everything that was started, in reverse order; gives what could not be ended.
    ///
    /// `hurry` shortens the services' own time to end.
    pub(super) async fn take_down(
        mut self,
        hurry: Option<Duration>,
        stream: &mut Stream,
    ) -> Vec<String> {
        self.ends.abort_all();
        let mut left = self.links.verify_clean().await;
        let stops =
            self.running.into_iter().rev().map(|(running, grace)| {
                running.stop(hurry.map_or(grace, |hurry| grace.min(hurry)))
            });
        for stopped in in_order(stops, hurry.is_some()).await {
            stream.service(&stopped.name, ServiceState::Stopped, &stopped.exit.to_string());
            left.extend(stopped.left.iter().map(|process| {
                format!("{process} of service {} could not be ended: kill -9 it", stopped.name)
            }));
            left.extend(stopped.blind);
        }
        self.links.stop().await;
        if let Some(guardian) = self.guardian
            && let Err(error) = guardian.dismiss().await
        {
            stream.finding(format!("the guardian did not leave by itself: {error}"));
        }
        left
    }

    /// Replaces what only a start could know.
    ///
    /// # Errors
    /// The placeholder that nothing stands for.
    pub(super) fn fill(&self, text: &Text, own: Option<SocketAddr>) -> Result<String, String> {
        text.fill(&|key| self.known(key, own)).map_err(|e| e.to_string())
    }

    /// Where a service answers.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn service(&self, name: &str) -> Result<&Address, String> {
        self.services.get(name).ok_or_else(|| format!("no service `{name}`"))
    }

    /// Where a link listens.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn link(&self, name: &str) -> Result<SocketAddr, String> {
        self.link_addrs.get(name).copied().ok_or_else(|| format!("no link `{name}`"))
    }

    fn known(&self, key: &str, own: Option<SocketAddr>) -> Option<String> {
        if key == "run.id" {
            return Some(self.run_id.clone());
        }
        if key == "run.dir" {
            return Some(self.dir.display().to_string());
        }
        let (place, part) = key.rsplit_once('.')?;
        let address = match place.split_once('.') {
            None if place == "self" => Address { addr: own?, authority: own?.to_string() },
            Some(("services", name)) => self.services.get(name)?.clone(),
            Some(("links", name)) => {
                let addr = *self.link_addrs.get(name)?;
                Address { addr, authority: addr.to_string() }
            }
            _ => return None,
        };
        match part {
            "addr" => Some(address.authority),
            "host" => Some(host_of(&address.authority).to_owned()),
            "port" => Some(address.addr.port().to_string()),
            _ => None,
        }
    }

    fn launch(&self, plan: &Plan, name: &str, process: &Process) -> Result<Launch, String> {
        let addr = self.service(name)?.addr;
        let fill = |text: &Text| self.fill(text, Some(addr));
        let env = |(key, value): &(String, Text)| Ok::<_, String>((key.clone(), fill(value)?));
        Ok(Launch {
            name: name.to_owned(),
            run_id: self.run_id.clone(),
            command: process.command.iter().map(fill).collect::<Result<_, _>>()?,
            env: process.env.iter().map(env).collect::<Result<_, _>>()?,
            cwd: process.cwd.clone(),
            folder: plan.folder.clone(),
            logs: self.dir.join("logs"),
            secrets: plan.secrets.clone(),
            addr,
            ready: process.ready.clone(),
            ready_within: Duration::from_micros(process.ready_within_us),
        })
    }

    fn reserve_one(&mut self, wanted: Option<SocketAddr>) -> Result<SocketAddr, String> {
        let reservation = match wanted {
            Some(addr) => self.ports.reserve_at(addr),
            None => self.ports.reserve(),
        }
        .map_err(|e| e.to_string())?;
        let addr = reservation.addr();
        self.reservations.push(reservation);
        Ok(addr)
    }

    async fn spawn_guardian(&self) -> Result<Guardian, String> {
        let exe = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
        let guardian = Guardian::spawn(&exe, &self.run_id, &self.dir).await;
        guardian.map_err(|e| format!("cannot start the guardian: {e}"))
    }
}

fn authority(host: &str, port: u16) -> String {
    if port == 80 { host.to_owned() } else { format!("{host}:{port}") }
}

fn host_of(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// The address of a host that may receive load.
async fn consented(host: &str, port: u16, allow: &[String]) -> Result<SocketAddr, String> {
    let deny = std::env::var("ASSAY_DENY").ok();
    service::target(host, port, allow, deny.as_deref()).await.map_err(|e| e.to_string())
}

/// Waits for all, one after another; in a hurry at the same time.
async fn in_order<T>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    hurry: bool,
) -> Vec<T>
where
    T: Send + 'static,
{
    let mut done = vec![];
    if hurry {
        let mut set: JoinSet<T> = futures.collect();
        while let Some(Ok(one)) = set.join_next().await {
            done.push(one);
        }
    } else {
        for future in futures {
            done.push(future.await);
        }
    }
    done
}

fn consent_to_faults(upstream: &Address, allowed: &[String]) -> Result<(), String> {
    let host = host_of(&upstream.authority);
    if allowed.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(format!(
        "faults would reach {host}, which is not loopback: add --allow-faults {host} if you may break it"
    ))
}
