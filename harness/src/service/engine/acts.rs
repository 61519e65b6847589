//! What faults do to containers, and what puts it right.
//!
//! Invariant: nothing is taken for done, or for put right, that the engine does not show.
//! Invariant: to put right what is right already changes nothing.
//! Not here: which containers (`engine`), when (`run`), the log of undos (`undo`).

use super::{Condition, Engine, Limits, Vessel, said, timely};
use crate::service::table;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{
    EndpointSettings, NetworkConnectRequest, NetworkDisconnectRequest,
};
use testcontainers::bollard::query_parameters::{
    KillContainerOptionsBuilder, StopContainerOptionsBuilder,
};

/// How long the engine may take for what it was told.
const DONE_WITHIN: Duration = Duration::from_secs(15);
/// What it was told shows within so long, a stop's own time apart, even if nobody waits for it.
const LANDS_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is done to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// All its processes stand still.
    Pause,
    /// It is ended in good order: the time it has, or its own.
    Stop(Option<Duration>),
    /// Its first process gets this signal from the engine, which then starts it no more.
    Kill(i32),
    /// Its first process gets this signal behind the engine's back, as a crash would come.
    Crash(i32),
    /// It leaves this network.
    Leave(String),
    /// It may have this much, by its id, and no more.
    Limit(BTreeMap<String, Limits>),
}

/// How a container is put right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Put {
    /// It goes on.
    GoOn,
    /// It runs.
    Run,
    /// It is in this network again, with these settings by id.
    Join {
        /// The network.
        network: String,
        /// Its settings there before, by the container's id.
        settings: BTreeMap<String, EndpointSettings>,
    },
    /// It may have as much as before, by its id.
    Allow(BTreeMap<String, Limits>),
}

impl Put {
    /// What a person types to do the same, to the engine at this `DOCKER_HOST`.
    #[must_use]
    pub fn by_hand(&self, vessel: &Vessel, host: Option<&str>) -> String {
        let id = vessel.id.get(..12).unwrap_or(&vessel.id);
        let docker = host.map_or_else(|| "docker".to_owned(), |host| format!("docker -H {host}"));
        match self {
            Put::GoOn => format!("{docker} unpause {id}"),
            Put::Run => format!("{docker} start {id}"),
            Put::Join { network, .. } => format!("{docker} network connect {network} {id}"),
            Put::Allow(before) => match before.get(&vessel.id) {
                Some(limits) => format!("{docker} update {limits} {id}"),
                None => format!("{docker} update --cpu-quota -1 {id}"),
            },
        }
    }

    /// Whether a container that is so needs nothing.
    #[must_use]
    pub fn is_right(&self, id: &str, now: &Condition) -> bool {
        match self {
            Put::Allow(before) => before.get(id).is_none_or(|limits| *limits == now.limits),
            Put::GoOn => !now.paused,
            Put::Run => now.running,
            Put::Join { network, .. } => now.networks.contains_key(network),
        }
    }
}

impl Condition {
    /// How long it may take until the engine has done to it what this puts right.
    #[must_use]
    pub fn lands_within(&self, put: &Put) -> Duration {
        match put {
            Put::Run => LANDS_WITHIN + self.stops_within,
            Put::GoOn | Put::Join { .. } | Put::Allow(_) => LANDS_WITHIN,
        }
    }
}

impl Engine {
    /// Whether a container needs nothing; one that is gone does not.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn is_right(&self, vessel: &Vessel, put: &Put) -> Result<bool, String> {
        let now = self.condition(&vessel.id).await?;
        Ok(now.is_none_or(|now| put.is_right(&vessel.id, &now)))
    }

    /// Does it, and waits until the engine shows it.
    ///
    /// # Errors
    /// A sentence: what was seen instead.
    pub async fn act(&self, vessel: &Vessel, act: &Act) -> Result<(), String> {
        let id = vessel.id.as_str();
        let before = match act {
            Act::Crash(_) => self.condition(id).await?.map(|now| now.started),
            _ => None,
        };
        let told = match act {
            Act::Pause => timely(self.docker.pause_container(id)).await,
            Act::Stop(within) => {
                let mut options = StopContainerOptionsBuilder::default();
                if let Some(within) = within {
                    options = options.t(i32::try_from(within.as_secs()).unwrap_or(i32::MAX));
                }
                // The client's own limit is two minutes.
                let stopped = self.docker.stop_container(id, Some(options.build())).await;
                stopped.map_err(|why| said(&why))
            }
            Act::Kill(signal) => {
                let signal = signal.to_string();
                let options = KillContainerOptionsBuilder::default().signal(&signal).build();
                timely(self.docker.kill_container(id, Some(options))).await
            }
            Act::Crash(signal) => self.crash(vessel, *signal).await,
            Act::Leave(network) => {
                let leave = NetworkDisconnectRequest { container: id.to_owned(), force: None };
                timely(self.docker.disconnect_network(network, leave)).await
            }
            Act::Limit(all) => match (all.get(id), self.condition(id).await?) {
                (Some(limits), Some(now)) => self.limit(id, limits, &now.limits).await,
                _ => Err("it is gone".to_owned()),
            },
        };
        let is_done = |now: &Condition| match act {
            Act::Pause => now.paused,
            Act::Stop(_) | Act::Kill(_) => !now.running,
            Act::Crash(_) => !now.running || Some(&now.started) != before.as_ref(),
            Act::Leave(network) => !now.networks.contains_key(network),
            Act::Limit(all) => all.get(id).is_some_and(|limits| *limits == now.limits),
        };
        let name = &vessel.name;
        match (self.until(id, &is_done).await?, told) {
            (true, _) => Ok(()),
            (false, Err(why)) => Err(format!("container {name}: {why}")),
            (false, Ok(())) => Err(format!(
                "container {name} is as it was {} s after the engine was told",
                DONE_WITHIN.as_secs()
            )),
        }
    }

    /// Puts a container right, if it is there and is not right already.
    ///
    /// # Errors
    /// A sentence: it is gone, or what was seen instead.
    pub async fn put_right(&self, vessel: &Vessel, put: &Put) -> Result<(), String> {
        let id = vessel.id.as_str();
        let gone =
            || format!("container {} is gone; whoever made it must make it again", vessel.name);
        let now = self.condition(id).await?.ok_or_else(gone)?;
        // What does not run cannot stand still; and a network is joined before or after.
        if put.is_right(id, &now) {
            return Ok(());
        }
        let told = match put {
            Put::GoOn => timely(self.docker.unpause_container(id)).await,
            Put::Run if now.paused => timely(self.docker.unpause_container(id)).await,
            Put::Run => timely(self.docker.start_container(id, None)).await,
            Put::Join { network, settings } => {
                let join = NetworkConnectRequest {
                    container: id.to_owned(),
                    endpoint_config: settings.get(id).map(as_joined),
                };
                timely(self.docker.connect_network(network, join)).await
            }
            Put::Allow(before) => match before.get(id) {
                Some(limits) => self.limit(id, limits, &now.limits).await,
                None => Ok(()),
            },
        };
        if self.until(id, &|now| put.is_right(id, now)).await? {
            return Ok(());
        }
        let why = told.err().unwrap_or_else(|| "nothing changed".to_owned());
        let by_hand = put.by_hand(vessel, self.host.as_deref());
        Err(format!("container {}: {why}; mend it with `{by_hand}`", vessel.name))
    }

    /// Whether a container comes to be so within its time; one that is gone never does.
    async fn until(
        &self,
        id: &str,
        is_so: &(dyn Fn(&Condition) -> bool + Sync),
    ) -> Result<bool, String> {
        let waited = tokio::time::timeout(DONE_WITHIN, async {
            loop {
                match self.condition(id).await? {
                    None => return Ok(false),
                    Some(now) if is_so(&now) => return Ok(true),
                    Some(_) => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        });
        waited.await.unwrap_or(Ok(false))
    }

    /// The engine takes a kill that it is asked for as wanted, and does not start the container
    /// again; so a crash is made by a signal from this machine.
    async fn crash(&self, vessel: &Vessel, signal: i32) -> Result<(), String> {
        let now = self.condition(&vessel.id).await?.ok_or("it is gone")?;
        let deadly = Signal::from_named_raw(signal).ok_or("no such signal")?;
        let seen = now.process(vessel);
        let entry = table::entry(now.pid).ok().flatten().filter(|found| seen == Some(found.id()));
        match entry {
            Some(entry) => {
                table::signal(&entry, deadly);
                Ok(())
            }
            None => Err("its process is not to be seen from here, so it cannot crash: write \
                      `restarted-by: assay`"
                .to_owned()),
        }
    }

    /// Removes a container, running or not; one that is gone is removed.
    ///
    /// # Errors
    /// It is still there.
    pub async fn remove(&self, vessel: &Vessel) -> Result<(), String> {
        use testcontainers::bollard::query_parameters::RemoveContainerOptionsBuilder;
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let told = timely(self.docker.remove_container(&vessel.id, Some(options))).await;
        let waited = tokio::time::timeout(DONE_WITHIN, async {
            while self.condition(&vessel.id).await?.is_some() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok::<(), String>(())
        });
        match waited.await {
            Ok(gone) => gone,
            Err(_) => {
                let why = told.err().unwrap_or_else(|| "it is still there".to_owned());
                let id = vessel.id.get(..12).unwrap_or(&vessel.id);
                Err(format!("container {}: {why}; `docker rm -f {id}` ends it", vessel.name))
            }
        }
    }

    /// Makes a network, and gives the address that this machine has in it.
    ///
    /// # Errors
    /// The engine cannot.
    pub async fn make_network(
        &self,
        name: &str,
        run: &str,
    ) -> Result<Option<std::net::IpAddr>, String> {
        use testcontainers::bollard::models::NetworkCreateRequest;
        let labels = [("assay.run".to_owned(), run.to_owned())].into();
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(labels),
            ..Default::default()
        };
        timely(self.docker.create_network(request)).await?;
        self.gateway(name).await
    }

    /// The address that this machine has in a network.
    ///
    /// # Errors
    /// The engine does not answer, or has no such network.
    pub async fn gateway(&self, network: &str) -> Result<Option<std::net::IpAddr>, String> {
        let found = timely(self.docker.inspect_network(network, None)).await?;
        let configs = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        Ok(configs.iter().find_map(|config| config.gateway.as_deref()?.parse().ok()))
    }

    /// Removes a network; one that is gone is removed.
    ///
    /// # Errors
    /// It is still there.
    pub async fn remove_network(&self, name: &str) -> Result<(), String> {
        match self.docker.remove_network(name).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(why) => Err(format!("network {name}: {}; `docker network rm {name}`", said(&why))),
        }
    }
}

/// What of its settings in a network can be asked for again.
fn as_joined(before: &EndpointSettings) -> EndpointSettings {
    EndpointSettings {
        ipam_config: before.ipam_config.clone(),
        links: before.links.clone(),
        aliases: before.aliases.clone(),
        driver_opts: before.driver_opts.clone(),
        ..EndpointSettings::default()
    }
}
