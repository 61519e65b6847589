//! What a run sets up and takes down again: addresses, links, services, and the guardian.
//!
//! Invariant: whatever was started is held here from the moment it exists, so that an interrupted
//! start is taken down like a finished run.
//! Invariant: the guardian is there before the first service, and leaves after the last.
//! Not here: load and faults (`conduct`).

use super::names::{Address, Names, authority, host_of};
use super::stream::Stream;
use crate::fleet;
use crate::link::Links;
use crate::plan::{Plan, Process, ServiceKind, Text, Upstream};
use crate::service::{self, Guardian, KillEffect, Launch, Ports, Reservation, Running};
use assay_slo::event::ServiceState;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// Everything that is up.
pub(super) struct Stage {
    names: Names,
    guardian: Option<Guardian>,
    ports: Ports,
    reservations: Vec<Reservation>,
    pub(super) links: Links,
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
            names: Names::new(run_id, dir),
            guardian: None,
            ports: Ports::open(run_id)?,
            reservations: vec![],
            links,
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
            self.names.services.insert(service.name.clone(), address);
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

    /// Kills a service's process, with all that belongs to it; true if it was seen to be gone.
    ///
    /// # Errors
    /// A sentence that says what is still there.
    pub(super) async fn kill(&mut self, name: &str, signal: i32) -> Result<bool, String> {
        let running = self.running_mut(name)?;
        let killed = running.kill(signal).await.map_err(|e| e.to_string())?;
        let mut left = killed.left;
        left.extend(killed.blind);
        match (killed.effect, left.as_slice()) {
            (KillEffect::Gone(_), []) => Ok(true),
            (KillEffect::Before(exit), []) => Err(format!("{name} had ended before: it {exit}")),
            (_, left) => Err(format!("{name} is still there: {}", left.join(", "))),
        }
    }

    /// Starts a killed service again at its address, guarded as before.
    ///
    /// # Errors
    /// A sentence that says why it does not start.
    pub(super) async fn restart(&mut self, name: &str, stream: &mut Stream) -> Result<(), String> {
        let running = self.running_mut(name)?;
        running.restart().await.map_err(|e| e.to_string())?;
        let (pid, ended) = (running.pid(), running.exited());
        stream.service(name, ServiceState::Started, &format!("pid {pid}, again"));
        let owned = name.to_owned();
        self.ends.spawn(async move { (owned, ended.await) });
        let running = self.running.iter().find(|(running, _)| running.name() == name);
        if let (Some((running, _)), Some(guardian)) = (running, &mut self.guardian) {
            let watched = guardian.watch(running).await;
            watched.map_err(|e| format!("the guardian is gone: {e}"))?;
        }
        Ok(())
    }

    /// Waits until a service that was started again is ready.
    ///
    /// # Errors
    /// A sentence that says what was last seen.
    pub(super) async fn ready(&mut self, name: &str, stream: &mut Stream) -> Result<(), String> {
        let running = self.running_mut(name)?;
        running.ready().await.map_err(|e| e.to_string())?;
        stream.service(name, ServiceState::Ready, &running.addr().to_string());
        Ok(())
    }

    fn running_mut(&mut self, name: &str) -> Result<&mut Running, String> {
        let found = self.running.iter_mut().find(|(running, _)| running.name() == name);
        found.map(|(running, _)| running).ok_or_else(|| format!("no running service `{name}`"))
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
        text.fill(&|key| self.names.value(key, own)).map_err(|e| e.to_string())
    }

    /// The same for the text of a JSON value.
    ///
    /// # Errors
    /// As [`Stage::fill`].
    pub(super) fn fill_json(&self, text: &Text) -> Result<String, String> {
        text.fill_json(&|key| self.names.value(key, None)).map_err(|e| e.to_string())
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
        self.names.services.get(name).ok_or_else(|| format!("no service `{name}`"))
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
        Box::new(move |key| names.value(key, None))
    }

    fn launch(&self, plan: &Plan, name: &str, process: &Process) -> Result<Launch, String> {
        let addr = self.service(name)?.addr;
        let fill = |text: &Text| self.fill(text, Some(addr));
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
        let guardian = Guardian::spawn(&exe, &self.names.run_id, &self.names.dir).await;
        guardian.map_err(|e| format!("cannot start the guardian: {e}"))
    }
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
