//! The holder of a container: a process of ours that starts it, says what it says, and ends as it
//! ends. So a container is watched, waited for, logged and ended as any other service.
//!
//! Invariant: a container that a fault ends is the same when it is back: nothing that it holds is lost.
//! Invariant: whoever ends the holder ends the container: SIGTERM stops it within its time, or
//! removes it at once when the run itself has died. One that SIGKILL of the holder leaves behind is
//! removed by the run's log of undos.
//! Invariant: its port is published on the reserved loopback address and nowhere else.
//! Not here: readiness by path or line (`ready`), what a scenario may say (`plan`).

use crate::plan::CONTAINER_ANSWERS;
use futures_util::StreamExt;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use testcontainers::bollard::models::PortBinding;
use testcontainers::bollard::query_parameters::LogsOptionsBuilder;
use testcontainers::core::ContainerPort;
use testcontainers::core::logs::{LogFrame, consumer::LogConsumer};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Between two looks at the container, or at its port.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a connection to its port may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// A container to hold.
#[derive(Debug, Clone)]
pub struct Held {
    /// `name:tag`, `name@digest`, or a name.
    pub image: String,
    /// Arguments instead of the image's own; none: the image's own.
    pub command: Vec<String>,
    /// Names of our environment variables that it gets.
    pub env: Vec<String>,
    /// The port inside.
    pub port: u16,
    /// Where it is published.
    pub publish: SocketAddr,
    /// The network that it is in.
    pub network: String,
    /// Its name, which others in that network know it by.
    pub name: String,
    /// The most memory it may have, bytes.
    pub memory: Option<u64>,
    /// How long it may take to end after SIGTERM, whole seconds.
    pub stop_within_s: u64,
    /// How long pulling and starting may take.
    pub start_within: Duration,
}

/// Holds a container until it ends or SIGTERM comes; the program's hidden subcommand `container`.
#[must_use]
pub fn container_main(held: &Held) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(hold(held)) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Display) -> ExitCode {
    say(&format!("assay: {error}\n"));
    ExitCode::FAILURE
}

fn say(text: &str) {
    // Nobody may listen any more; what is done counts.
    let mut out = std::io::stdout().lock();
    _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

async fn hold(held: &Held) -> Result<i64, String> {
    let run = rustix::process::getppid();
    let mut told = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut meant = signal(SignalKind::user_defined1()).map_err(|error| error.to_string())?;
    let container = tokio::select! {
        container = request(held).start() => container.map_err(|error| unstarted(held, &error))?,
        _ = told.recv() => return Ok(0),
    };
    say(&format!("assay: started container {} of {}\n", container.id(), held.image));
    tokio::spawn(answers(held.publish));
    let exit = ended(&container, &mut told, &mut meant).await;
    if exit.is_none() && rustix::process::getppid() == run {
        let within = i32::try_from(held.stop_within_s).unwrap_or(i32::MAX);
        container.stop_with_timeout(Some(within)).await.map_err(|error| error.to_string())?;
    }
    container.rm().await.map_err(|error| format!("the container is still there: {error}"))?;
    Ok(exit.unwrap_or(0))
}

fn unstarted(held: &Held, error: &dyn Display) -> String {
    let error = error.to_string();
    format!("cannot start a container of {}: {error}{}", held.image, who_to_ask(&error))
}

/// An engine that says what is wrong is there.
fn who_to_ask(error: &str) -> &'static str {
    if error.contains("Docker responded") {
        ""
    } else {
        " (is an engine running, and may this user ask it? DOCKER_HOST says where)"
    }
}

/// Waits for the container's end, and gives its exit code; none if SIGTERM came first. An end that
/// was announced by SIGUSR1 is a fault's: the container is waited for, and listened to again.
async fn ended(
    container: &ContainerAsync<GenericImage>,
    told: &mut Signal,
    meant: &mut Signal,
) -> Option<i64> {
    let (mut is_meant, mut was_down) = (false, false);
    loop {
        tokio::select! {
            biased;
            _ = told.recv() => return None,
            _ = meant.recv() => is_meant = true,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        // An engine that does not answer says nothing of the container.
        let Ok(runs) = container.is_running().await else { continue };
        if is_meant {
            if was_down && runs {
                (is_meant, was_down) = (false, false);
                say("assay: the container was started again\n");
                tokio::spawn(listen_again(container.id().to_owned()));
            }
            was_down |= !runs;
        } else if !runs {
            // The announcement may be on its way.
            if tokio::time::timeout(LOOK_EVERY, meant.recv()).await.is_ok() {
                (is_meant, was_down) = (true, true);
                continue;
            }
            let code = container.exit_code().await.ok().flatten().unwrap_or(1);
            say(&format!("assay: the container exited with status {code}\n"));
            return Some(code);
        }
    }
}

fn request(held: &Held) -> ContainerRequest<GenericImage> {
    let (name, tag) = reference(&held.image);
    let inside = ContainerPort::Tcp(held.port);
    let bound = PortBinding {
        host_ip: Some(held.publish.ip().to_string()),
        host_port: Some(held.publish.port().to_string()),
    };
    let key = format!("{}/tcp", held.port);
    let memory = held.memory.and_then(|bytes| i64::try_from(bytes).ok());
    let network = held.network.clone();
    let mut request = GenericImage::new(name, tag)
        .with_exposed_port(inside)
        .with_container_name(&held.name)
        .with_startup_timeout(held.start_within)
        .with_log_consumer(Aloud)
        .with_host_config_modifier(move |host| {
            host.publish_all_ports = Some(false);
            host.port_bindings = Some([(key.clone(), Some(vec![bound.clone()]))].into());
            host.memory = memory;
            host.network_mode = Some(network.clone());
        });
    for (label, mark) in [("assay.run", super::RUN_ID), ("assay.service", super::SERVICE)] {
        if let Ok(value) = std::env::var(mark) {
            request = request.with_label(label, value);
        }
    }
    for name in &held.env {
        request = request.with_env_var(name, std::env::var(name).unwrap_or_default());
    }
    if held.command.is_empty() { request } else { request.with_cmd(held.command.clone()) }
}

/// Says what a container says that was started again: its log ended with its life before.
async fn listen_again(id: String) {
    let Ok(docker) = testcontainers::core::client::docker_client_instance().await else { return };
    let since = i32::try_from(crate::clock::wall().timestamp()).unwrap_or(0);
    let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true);
    let mut lines = docker.logs(&id, Some(options.since(since).build()));
    while let Some(Ok(line)) = lines.next().await {
        let text = line.to_string();
        say(&format!("{}\n", text.trim_end_matches(['\n', '\r'])));
    }
}

/// Name and tag; a port in the registry's name is none.
fn reference(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Says when the published port answers. The engine accepts there before the container does, and
/// then closes at once: only a connection that stays is an answer.
async fn answers(addr: SocketAddr) {
    answering(addr).await;
    say(&format!("{CONTAINER_ANSWERS}\n"));
}

/// Waits until a published port answers.
async fn answering(addr: SocketAddr) {
    while !stays(addr).await {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether a connection there stays: where only the engine accepts, it is closed at once.
pub async fn stays(addr: SocketAddr) -> bool {
    match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(addr)).await {
        Ok(Ok(mut stream)) => {
            !matches!(tokio::time::timeout(LOOK_EVERY, stream.read_u8()).await, Ok(Err(_)))
        }
        _ => false,
    }
}

/// Says what the container says.
struct Aloud;

impl LogConsumer for Aloud {
    fn accept<'a>(
        &'a self,
        record: &'a LogFrame,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let text = String::from_utf8_lossy(record.bytes());
        let line = text.trim_end_matches(['\n', '\r']);
        say(&format!("{line}\n"));
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_answered_is_not_looked_for() {
        let pull =
            "failed to pull the image, error: Docker responded with status code 500: no such host";
        assert_eq!(who_to_ask(pull), "");
        assert!(who_to_ask("connection refused").contains("is an engine running"));
    }

    #[test]
    fn references() {
        for (image, name, tag) in [
            ("redis", "redis", "latest"),
            ("redis:7", "redis", "7"),
            ("localhost:5000/a/b", "localhost:5000/a/b", "latest"),
            ("localhost:5000/a/b:1.2", "localhost:5000/a/b", "1.2"),
            ("redis@sha256:abc", "redis@sha256", "abc"),
        ] {
            assert_eq!(reference(image), (name, tag));
        }
    }
}
