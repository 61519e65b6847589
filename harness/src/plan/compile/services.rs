//! Services: where each comes from.
//!
//! Not here: their start order (`order`), whether load may reach them (`consent`).

use super::containers::{container, running_container};
use super::notes::Notes;
use super::{MOST_WAIT_US, headers, positive};
use crate::plan::text::literal;
use crate::plan::{Process, Ready, Service, ServiceKind, Text};
use crate::spec::Trail;
use crate::spec::scalar::{Count, Duration, Name, Words};
use crate::spec::types::{self, Scenario};
use indexmap::IndexMap;
use rustls::pki_types::ServerName;
use std::path::Path;

/// How long readiness may take unless the scenario says.
const READY_WITHIN_US: u64 = 30_000_000;
/// How long an end may take unless the scenario says.
const STOP_WITHIN_US: u64 = 5_000_000;

/// The services, in the order of the scenario.
pub(super) fn compile(scenario: &Scenario, folder: &Path, notes: &mut Notes<'_>) -> Vec<Service> {
    let entries = scenario.services.iter().map(|(name, service)| {
        let trail = Trail::root().key("services").key(name.as_str());
        let kind = match service {
            types::Service::Url(url) => web(url, &trail.key("url"), notes),
            types::Service::Process(settings) => {
                let trail = trail.key("process");
                let process = process(settings, folder, &trail, notes);
                warn_of_deaf(name.as_str(), &process, notes);
                ServiceKind::Process(process)
            }
            types::Service::Container(settings) => {
                let trail = trail.key("container");
                ServiceKind::Process(container((name, settings), scenario, folder, &trail, notes))
            }
            types::Service::RunningProcess(found) => {
                attached(found, folder, &trail.key("running-process"), notes)
            }
            types::Service::RunningContainer(found) => {
                running_container(found, &trail.key("running-container"), notes)
            }
        };
        Service { name: name.to_string(), kind }
    });
    entries.collect()
}

/// How long the container engine gives a container to end unless that says, µs.
const ENGINE_STOPS_WITHIN_US: u64 = 10_000_000;

/// How long a service may take to end in good order, µs.
pub(super) fn most_to_end_us(scenario: &Scenario, name: &Name) -> u64 {
    let within = match scenario.services.get(name) {
        Some(types::Service::Process(process)) => process.stop_within,
        Some(types::Service::Container(container)) => container.stop_within,
        Some(types::Service::RunningContainer(_)) => Some(Duration { us: ENGINE_STOPS_WITHIN_US }),
        Some(types::Service::Url(_) | types::Service::RunningProcess(_)) | None => None,
    };
    // What does not end in time is killed, and seen to be gone.
    within.map_or(STOP_WITHIN_US, |within| within.us).saturating_add(2_000_000)
}

/// A process that runs already.
fn attached(
    found: &types::RunningProcess,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> ServiceKind {
    let port = port(found.port, trail, notes);
    let pid_file = found.pid_file.as_ref().map(|file| folder.join(literal(file)));
    if found.port.is_none() && pid_file.is_none() {
        let message = "it does not say which process".to_owned();
        notes.entry(trail, message, "write `port:` or `pid-file:`");
    }
    ServiceKind::Attached { port, pid_file }
}

/// A port, where one is given.
pub(super) fn port(given: Option<Count>, trail: &Trail, notes: &mut Notes<'_>) -> Option<u16> {
    let port = given?;
    let fits = u16::try_from(port.0).ok().filter(|port| *port > 0);
    if fits.is_none() {
        let message = format!("{} is no port", port.0);
        notes.value(&trail.key("port"), message, "write one of 1 to 65535");
    }
    fits
}

/// `http://host:port/prefix`, or https.
fn web(url: &Words, trail: &Trail, notes: &mut Notes<'_>) -> ServiceKind {
    let url = literal(url);
    read_url(&url).unwrap_or_else(|(message, help)| {
        notes.value(trail, message, help);
        ServiceKind::Url { secure: false, host: String::new(), port: 0, prefix: String::new() }
    })
}

pub(super) fn read_url(url: &str) -> Result<ServiceKind, (String, &'static str)> {
    const HELP: &str =
        "write http://host:port or https://host:port, with a path if all requests share one";
    let not = |why: &str| (format!("`{}` {why}", url.escape_debug()), HELP);
    let (scheme, rest) = url.split_once("://").ok_or_else(|| not("is no URL"))?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(not("is no http URL")),
    };
    if rest.contains('@') {
        let message = "a user or password in a URL would end up in reports".to_owned();
        return Err((message, "send an Authorization header, from ${env.NAME}"));
    }
    if !rest.split(['/', '?', '#']).next().unwrap_or_default().is_ascii() {
        let message = format!("`{}` has a host that is not ASCII", url.escape_debug());
        return Err((message, "write it as the DNS has it, in punycode: xn--…"));
    }
    let uri: hyper::Uri = url.parse().map_err(|_| not("is no URL"))?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| not("has no host"))?;
    if uri.query().is_some() || url.contains('#') {
        return Err(not("has a query or fragment"));
    }
    // A port that is none is no port for `Uri`, and must not become the scheme's own.
    let behind = uri.authority().and_then(|authority| authority.as_str().strip_prefix(host));
    let port = match behind.unwrap_or_default().strip_prefix(':') {
        None if secure => 443,
        None => 80,
        Some("") => return Err(not("has no port after `:`")),
        Some(digits) => match digits.parse::<u16>() {
            Ok(0) | Err(_) => return Err(not("has a port that is not from 1 to 65535")),
            Ok(port) => port,
        },
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let prefix = uri.path().trim_end_matches('/').to_owned();
    if secure && ServerName::try_from(host.as_str()).is_err() {
        return Err(not("has a host that no certificate can be for"));
    }
    Ok(ServiceKind::Url { secure, host, port, prefix })
}

fn process(
    settings: &types::Process,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Process {
    if settings.command.first().is_some_and(|program| program.as_str().is_empty()) {
        let help = "write the program and its arguments, such as [./api, \"${self.addr}\"]";
        notes.value(&trail.key("command").index(0), "the program has no name".to_owned(), help);
    }
    let env = env(&settings.env, &trail.key("env"), notes);
    let (ready_within_us, stop_within_us) =
        waits(&settings.ready, settings.stop_within, trail, notes);
    Process {
        command: settings.command.iter().map(filled_later).collect(),
        env,
        cwd: working_directory(settings.cwd.as_ref(), folder, &trail.key("cwd"), notes),
        ready: ready(&settings.ready, &trail.key("ready"), notes),
        ready_within_us,
        stop_within_us,
        held: None,
    }
}

/// Variables of the environment.
pub(super) fn env(
    asked: &IndexMap<String, Words>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<(String, Text)> {
    for name in asked.keys().filter(|name| name.contains('=')) {
        let message = format!("{name:?} is no name of an environment variable");
        notes.entry(&trail.key(name), message, "write letters, digits and `_`");
    }
    asked.iter().map(|(name, value)| (name.clone(), filled_later(value))).collect()
}

/// How long readiness and an end may take, µs.
pub(super) fn waits(
    ready: &types::Ready,
    stop_within: Option<Duration>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> (u64, u64) {
    let ready_within_us = ready.within.map_or(READY_WITHIN_US, |within| {
        positive(within, MOST_WAIT_US, &trail.key("ready").key("within"), notes)
    });
    let stop_within_us = stop_within.map_or(STOP_WITHIN_US, |within| {
        positive(within, MOST_WAIT_US, &trail.key("stop-within"), notes)
    });
    (ready_within_us, stop_within_us)
}

pub(super) fn filled_later(words: &Words) -> Text {
    Text(words.to_string())
}

fn working_directory(
    cwd: Option<&Words>,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> std::path::PathBuf {
    let Some(cwd) = cwd else { return folder.to_path_buf() };
    let path = folder.join(literal(cwd));
    if !path.is_dir() {
        let message = format!("`{}` is no folder", path.display());
        notes.value(trail, message, "it is relative to the scenario's folder");
    }
    path
}

pub(super) fn ready(ready: &types::Ready, trail: &Trail, notes: &mut Notes<'_>) -> Ready {
    match (&ready.http, &ready.port, &ready.log) {
        (None, None, None) => Ready::Port(None),
        (Some(path), None, None) => {
            let path = literal(path);
            headers::check_path(&path, &trail.key("http"), notes);
            Ready::Http(path)
        }
        (None, Some(port), None) => {
            let number = u16::try_from(port.0).ok().filter(|port| *port > 0);
            if number.is_none() {
                let message = format!("{} is no port", port.0);
                notes.value(&trail.key("port"), message, "write a port from 1 to 65535");
            }
            Ready::Port(number)
        }
        (None, None, Some(line)) => {
            let line = literal(line);
            if line.is_empty() {
                let message = "an empty text is in every line".to_owned();
                notes.value(
                    &trail.key("log"),
                    message,
                    "write what the line says when it is ready",
                );
            }
            Ready::Log(line)
        }
        _ => {
            let message = "more than one sign of readiness".to_owned();
            notes.entry(trail, message, "keep one of `http`, `port` and `log`");
            Ready::Port(None)
        }
    }
}

/// Warns of a process that is never told the port on which we wait for it.
fn warn_of_deaf(name: &str, process: &Process, notes: &mut Notes<'_>) {
    let waits = matches!(process.ready, Ready::Http(_) | Ready::Port(None));
    let mut texts = process.command.iter().chain(process.env.iter().map(|(_, value)| value));
    let addresses = [format!("services.{name}.addr"), format!("services.{name}.port")];
    let own = |reference: &str| {
        matches!(reference, "self.addr" | "self.port")
            || addresses.iter().any(|address| address == reference)
    };
    let told = texts.any(|text: &Text| text.references().any(own));
    if waits && !told {
        notes.warn(format!(
            "`{name}` is never told its port: pass ${{self.addr}} or ${{self.port}} in its command \
             or env, or it will not be ready"
        ));
    }
}
