//! The container engine: which containers there are, and how each is.
//!
//! Invariant: a container is known by its whole id, never by a name that another may get.
//! Invariant: an engine that does not answer in time is an error, never an empty list.
//! Not here: doing something to containers (`acts`), holding one that we started (`container`).

mod acts;
mod host;
mod limits;

pub use acts::{Act, Put};
pub use host::remote;
pub use limits::Limits;

use super::{innermost, table};
use crate::plan::Which;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{ContainerInspectResponse, EndpointSettings};
use testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;

/// How long the engine may take to answer a question.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Labels that compose gives its containers.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A container, whatever becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vessel {
    /// Its whole id.
    pub id: String,
    /// Its name when it was found.
    pub name: String,
}

/// How a container is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// Whether its process runs, standing still or not.
    pub running: bool,
    /// Whether it stands still.
    pub paused: bool,
    /// Its first process, as this machine numbers it; 0: none.
    pub pid: i32,
    /// How its last process ended.
    pub exit_code: i32,
    /// When it was started last, as the engine writes it.
    pub started: String,
    /// Where its ports are published, by the port inside.
    pub published: BTreeMap<u16, SocketAddr>,
    /// The networks that it is in, each with its settings there.
    pub networks: BTreeMap<String, EndpointSettings>,
    /// The most that it may have.
    pub limits: Limits,
    /// Whether the engine removes it when it ends.
    pub passing: bool,
    /// How long it has to end when it is stopped, unless the engine is told otherwise.
    pub stops_within: Duration,
}

/// What containers are looked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// This name exactly.
    Name(String),
    /// All these labels.
    Labels(Vec<String>),
}

impl Query {
    /// Those that run already.
    #[must_use]
    pub fn of(which: &Which) -> Query {
        match which {
            Which::Compose { project, service } => {
                Query::Labels(vec![format!("{PROJECT}={project}"), format!("{SERVICE}={service}")])
            }
            Which::Name(name) => Query::Name(name.clone()),
            Which::Label(label) => Query::Labels(vec![label.clone()]),
        }
    }

    /// Those that a run started for one of its services, or for any.
    #[must_use]
    pub fn ours(run: &str, service: Option<&str>) -> Query {
        let run = [format!("assay.run={run}")];
        let service = service.map(|service| format!("assay.service={service}"));
        Query::Labels(run.into_iter().chain(service).collect())
    }
}

/// The engine, answering.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    /// `DOCKER_HOST`, where it is not this user's own.
    host: Option<String>,
}

impl Engine {
    /// The engine of this user, or the one at this `DOCKER_HOST`.
    ///
    /// # Errors
    /// A sentence: it does not answer, and what may be done.
    pub async fn connect(host: Option<&str>) -> Result<Engine, String> {
        let set = || std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let told = host.map(str::to_owned);
        let host = told.clone().or_else(set);
        let at = host.clone().unwrap_or_else(|| "/var/run/docker.sock".to_owned());
        let failed = |why: String| {
            format!(
                "no container engine answers at {at}: {why} (is one running, and may this user ask \
                 it? DOCKER_HOST says where)"
            )
        };
        let docker = match &told {
            Some(host) => Docker::connect_with_host(host).map_err(|why| failed(why.to_string()))?,
            None => testcontainers::core::client::docker_client_instance()
                .await
                .map_err(|why| failed(why.to_string()))?,
        };
        let met = tokio::time::timeout(ANSWER_WITHIN, docker.negotiate_version()).await;
        let docker = met
            .map_err(|_| failed("it was silent for 10 s".to_owned()))?
            .map_err(|why| failed(innermost(&why)))?;
        Ok(Engine { docker, host })
    }

    /// What the engine is, and its version.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn version(&self) -> Result<String, String> {
        let version = timely(self.docker.version()).await?;
        Ok(version.version.unwrap_or_else(|| "of unknown version".to_owned()))
    }

    /// Whether it has this image; one that it lacks is pulled when it is needed.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn has(&self, image: &str) -> Result<bool, String> {
        let asked = self.docker.inspect_image(image);
        match tokio::time::timeout(ANSWER_WITHIN, asked).await.map_err(|_| silent())? {
            Ok(_) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(why) => Err(said(&why)),
        }
    }

    /// The containers found, in the order of their names; those that do not run only if asked for.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn find(&self, query: &Query, all: bool) -> Result<Vec<Vessel>, String> {
        let (key, wanted) = match query {
            Query::Name(name) => ("name", vec![name.clone()]),
            Query::Labels(labels) => ("label", labels.clone()),
        };
        let filters = std::iter::once((key.to_owned(), wanted)).collect();
        let options = ListContainersOptionsBuilder::default().all(all).filters(&filters).build();
        let found = timely(self.docker.list_containers(Some(options))).await?;
        let vessel = |summary: testcontainers::bollard::models::ContainerSummary| {
            let names = summary.names.unwrap_or_default();
            let bare = |name: &String| name.trim_start_matches('/').to_owned();
            let name = names.first().map(bare).unwrap_or_default();
            // The engine takes the name for a pattern.
            let is_meant = match query {
                Query::Name(wanted) => names.iter().any(|name| bare(name) == *wanted),
                Query::Labels(_) => true,
            };
            is_meant.then_some(Vessel { id: summary.id?, name })
        };
        let mut vessels: Vec<Vessel> = found.into_iter().filter_map(vessel).collect();
        vessels.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(vessels)
    }

    /// How a container is; none: it is gone.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn condition(&self, id: &str) -> Result<Option<Condition>, String> {
        let asked = tokio::time::timeout(ANSWER_WITHIN, self.docker.inspect_container(id, None));
        match asked.await.map_err(|_| silent())? {
            Ok(found) => Ok(Some(condition(found))),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(why) => Err(said(&why)),
        }
    }
}

/// What the engine answers, within its time.
async fn timely<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await.map_err(|_| silent())?;
    answer.map_err(|why| said(&why))
}

fn silent() -> String {
    "the container engine was silent for 10 s".to_owned()
}

fn said(why: &Error) -> String {
    match why {
        Error::DockerResponseServerError { message, .. } => {
            format!("the container engine says: {}", message.trim())
        }
        other => format!("the container engine does not answer: {}", innermost(other)),
    }
}

fn condition(found: ContainerInspectResponse) -> Condition {
    let state = found.state.unwrap_or_default();
    let network = found.network_settings.unwrap_or_default();
    let host = found.host_config.unwrap_or_default();
    let small = |number: Option<i64>| number.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    Condition {
        running: state.running.unwrap_or(false),
        paused: state.paused.unwrap_or(false),
        pid: small(state.pid),
        exit_code: small(state.exit_code),
        started: state.started_at.unwrap_or_default(),
        published: published(network.ports.unwrap_or_default()),
        networks: network.networks.unwrap_or_default().into_iter().collect(),
        limits: Limits::of(&host),
        passing: host.auto_remove.unwrap_or(false),
        stops_within: stops_within(found.config.and_then(|config| config.stop_timeout)),
    }
}

/// The engine's own is 10 s; less than none is for ever.
fn stops_within(seconds: Option<i64>) -> Duration {
    const MOST_S: u64 = 600;
    Duration::from_secs(seconds.map_or(10, |s| u64::try_from(s).map_or(MOST_S, |s| s.min(MOST_S))))
}

/// `5432/tcp` and where it is bound; what is bound everywhere is reached at loopback.
fn published(ports: testcontainers::bollard::models::PortMap) -> BTreeMap<u16, SocketAddr> {
    let one = |(inside, bound): (String, Option<Vec<_>>)| {
        let inside: u16 = inside.strip_suffix("/tcp")?.parse().ok()?;
        let addr = |binding: &testcontainers::bollard::models::PortBinding| {
            let ip: IpAddr = match binding.host_ip.as_deref() {
                None | Some("") => Ipv4Addr::UNSPECIFIED.into(),
                Some(ip) => ip.parse().ok()?,
            };
            let ip = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
            Some(SocketAddr::new(ip, binding.host_port.as_deref()?.parse().ok()?))
        };
        Some((inside, bound?.iter().find_map(addr)?))
    };
    ports.into_iter().filter_map(one).collect()
}

impl Condition {
    /// Its first process, number and start time, if this machine shows it.
    #[must_use]
    pub fn process(&self, vessel: &Vessel) -> Option<(i32, u64)> {
        let entry = table::entry(self.pid).ok().flatten().filter(|_| self.pid > 1)?;
        let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", self.pid)).ok()?;
        // Its number alone may be anybody's here, where the engine is elsewhere.
        groups.contains(&vessel.id).then(|| entry.id())
    }

    /// Where a port inside answers; without one the only one that is published. A port that is
    /// published nowhere is reached in the container's network, as far as that is this machine's.
    ///
    /// # Errors
    /// A sentence without its beginning: why there is no such place.
    pub fn address(&self, port: Option<u16>) -> Result<SocketAddr, String> {
        let Some(port) = port else {
            let mut all = self.published.values();
            return match (all.next(), all.next()) {
                (Some(only), None) => Ok(*only),
                (None, _) => Err("it publishes no port: write `port:`".to_owned()),
                _ => Err("it publishes several ports: write `port:`".to_owned()),
            };
        };
        if let Some(addr) = self.published.get(&port) {
            return Ok(*addr);
        }
        let ip = |settings: &EndpointSettings| settings.ip_address.as_deref()?.parse().ok();
        let ip: Option<IpAddr> = self.networks.values().find_map(ip);
        let nowhere = || format!("its port {port} is published nowhere, and it is in no network");
        Ok(SocketAddr::new(ip.ok_or_else(nowhere)?, port))
    }
}

#[cfg(test)]
mod tests;
