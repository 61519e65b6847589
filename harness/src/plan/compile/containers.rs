//! Containers: each that we start is held by a process of ours, so that all that holds for processes
//! holds for it; others are found.
//!
//! Not here: holding one, asking the engine (`service`).

use super::consent::is_loopback;
use super::notes::Notes;
use super::services::{env, filled_later, port, read_url, ready, waits};
use crate::plan::text::literal;
use crate::plan::{Held, Process, Ready, ServiceKind, Text, Which};
use crate::spec::Trail;
use crate::spec::scalar::{Name, Words};
use crate::spec::types::{Container, RunningContainer, Scenario, Service};
use std::net::SocketAddr;
use std::path::Path;

/// The process that holds a container.
pub(super) fn container(
    (service, settings): (&Name, &Container),
    scenario: &Scenario,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Process {
    if settings.image.as_str().is_empty() {
        notes.value(&trail.key("image"), "the image has no name".to_owned(), "write name:tag");
    }
    let port = port(Some(settings.port), trail, notes).unwrap_or(1);
    let env = env(&settings.env, &trail.key("env"), notes);
    for (name, value) in &settings.env {
        reachable(value, scenario, &trail.key("env").key(name), notes);
    }
    for (index, word) in settings.command.iter().enumerate() {
        reachable(word, scenario, &trail.key("command").index(index), notes);
    }
    let (ready_within_us, stop_within_us) =
        waits(&settings.ready, settings.stop_within, trail, notes);
    let ready = match ready(&settings.ready, &trail.key("ready"), notes) {
        Ready::Port(Some(other)) if other != port => {
            let message = format!("port {other} is not published, only `port: {port}` is");
            notes.value(&trail.key("ready").key("port"), message, format!("write {port}"));
            Ready::Port(None)
        }
        // The engine accepts on the published port before the container does; the holder knows.
        Ready::Port(_) => Ready::Log(crate::plan::CONTAINER_ANSWERS.to_owned()),
        other => other,
    };
    let mut command: Vec<String> =
        ["assay", "container", "--publish", "${self.addr}"].map(str::to_owned).into();
    let mut option = |name: &str, value: String| command.push(format!("--{name}={value}"));
    option("image", settings.image.to_string());
    option("port", port.to_string());
    option("network", Held::network("${run.id}"));
    option("name", Held::name("${run.id}", service.as_str()));
    option("stop-within-s", stop_within_us.div_ceil(1_000_000).to_string());
    option("start-within-s", ready_within_us.div_ceil(1_000_000).to_string());
    if let Some(memory) = settings.memory {
        option("memory", memory.0.to_string());
    }
    for name in settings.env.keys() {
        option("env", name.clone());
    }
    command.push("--".to_owned());
    command.extend(settings.command.iter().map(Words::to_string));
    Process {
        command: command.into_iter().map(Text).collect(),
        env,
        cwd: folder.to_path_buf(),
        ready,
        ready_within_us,
        // The engine takes a moment of its own.
        stop_within_us: stop_within_us.saturating_add(1_000_000),
        held: Some(Held { image: settings.image.to_string(), port }),
    }
}

/// Containers that run already.
pub(super) fn running_container(
    found: &RunningContainer,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> ServiceKind {
    let port = port(found.port, trail, notes);
    let compose = found
        .compose
        .as_ref()
        .map(|of| Which::Compose { project: literal(&of.project), service: literal(&of.service) });
    let name = found.name.as_ref().map(|name| Which::Name(literal(name)));
    let label = found.label.as_ref().map(|label| Which::Label(literal(label)));
    let given: Vec<Which> = [compose, name, label].into_iter().flatten().collect();
    let which = match <[Which; 1]>::try_from(given) {
        Ok([which]) => which,
        Err(given) => {
            let message = match given.as_slice() {
                [] => "it does not say which container",
                _ => "it says more than once which container",
            };
            let help = "write one of `compose: {project: …, service: …}`, `name:` and `label:`";
            notes.entry(trail, message.to_owned(), help);
            Which::Name(String::new())
        }
    };
    ServiceKind::Containers { which, port }
}

/// In a container, 127.0.0.1 is the container: only what is in its network can be reached, or a link.
fn reachable(words: &Words, scenario: &Scenario, trail: &Trail, notes: &mut Notes<'_>) {
    for key in filled_later(words).references() {
        let (place, _) = key.rsplit_once('.').unwrap_or((key, ""));
        let (why, help) = match place.split_once('.') {
            None if place == "self" => (
                "which a container must not listen on".to_owned(),
                "write 0.0.0.0 and its own port".to_owned(),
            ),
            Some(("services", name)) => match of(name, scenario) {
                Some(Service::Container(_)) | None => continue,
                Some(Service::Url(url)) if !is_here(&literal(url)) => continue,
                Some(_) => (
                    format!("and `{name}` is not in its network"),
                    format!(
                        "put a link before it, `links: {{to-{name}: {{to: {name}}}}}`, and write \
                         ${{links.to-{name}.addr}}"
                    ),
                ),
            },
            Some(("links", name)) => {
                let link = scenario.links.iter().find(|(known, _)| known.as_str() == name);
                let listen = link.and_then(|(_, link)| link.listen.as_ref());
                let addr = listen.and_then(|addr| literal(addr).parse::<SocketAddr>().ok());
                match addr {
                    Some(addr) if addr.ip().is_loopback() => (
                        format!("where `{name}` is not to be reached from a container"),
                        "leave `listen` out: it then listens in the containers' network".to_owned(),
                    ),
                    _ => continue,
                }
            }
            _ => continue,
        };
        notes.value(trail, format!("`${{{key}}}` is on this machine's loopback, {why}"), help);
    }
}

/// Whether a URL leads to this machine's loopback.
fn is_here(url: &str) -> bool {
    matches!(read_url(url), Ok(ServiceKind::Url { host, .. }) if is_loopback(&host))
}

fn of<'s>(name: &str, scenario: &'s Scenario) -> Option<&'s Service> {
    scenario.services.iter().find(|(known, _)| known.as_str() == name).map(|(_, service)| service)
}
