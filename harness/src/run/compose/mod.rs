//! `assay links --compose`: the override that leads the services of a compose project through links.
//!
//! Invariant: only variables that name a host and port which a link leads to are changed.
//! Not here: reading the compose file (`project`), finding names in values (`mention`).

mod mention;
mod project;
mod variables;

pub use project::{Part, Project};

use crate::plan::{Plan, ServiceKind, Upstream, Which};
use mention::{by_srv, default_of, hints, mentions, rewritten};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// A guessed link listens at its service's port and so much.
const ABOVE: u16 = 10_000;

/// A link, and what of the project it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The link.
    pub link: String,
    /// The service of the project.
    pub to: String,
    /// Its port inside.
    pub port: u16,
    /// Where the link listens, as containers reach it.
    pub listen: SocketAddr,
    /// Whether HTTP can be read on it.
    pub http: bool,
}

/// What is printed, and what should be known about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routed {
    /// The override, a YAML file.
    pub text: String,
    /// Sentences about what it does not do.
    pub notes: Vec<String>,
    /// How many services go through links by it.
    pub services: usize,
}

/// Routes of the links that a scenario has.
///
/// # Errors
/// Sentences: which links no container of the project could go through.
pub fn planned(plan: &Plan, project: &Project, gateway: IpAddr) -> Result<Vec<Route>, Vec<String>> {
    let (mut routes, mut wrong) = (Vec::new(), Vec::new());
    for link in &plan.links {
        let Some((part, port)) = leads_to(plan, &link.to, project) else { continue };
        let Some(port) = port.or_else(|| only_port(part)) else {
            wrong.push(format!(
                "link {}: which port of {}? write its `port:`",
                link.name, part.name
            ));
            continue;
        };
        match link.listen.filter(|listen| !listen.ip().is_loopback()) {
            Some(listen) => routes.push(Route {
                link: link.name.clone(),
                to: part.name.clone(),
                port,
                listen,
                http: !link.tcp,
            }),
            None => wrong.push(format!(
                "link {}: no container reaches it on loopback: write `listen: \"{}\"`, this \
                 machine's address in the containers' network",
                link.name,
                SocketAddr::new(gateway, above(port, &routes))
            )),
        }
    }
    if routes.is_empty() && wrong.is_empty() {
        wrong.push(
            "no link of the scenario leads to a service of this project: write `links: {db: {to: \
             db, listen: …}}` and `services: {db: {running-container: {compose: {…}, port: …}}}`"
                .to_owned(),
        );
    }
    if wrong.is_empty() { Ok(routes) } else { Err(wrong) }
}

/// The service of the project that a link leads to, and its port there if that is known.
fn leads_to<'p>(
    plan: &Plan,
    to: &Upstream,
    project: &'p Project,
) -> Option<(&'p Part, Option<u16>)> {
    let published = |wanted: u16| {
        let of = |part: &'p Part| {
            let port = part.ports.iter().find(|(outside, _)| *outside == Some(wanted))?;
            Some((part, Some(port.1)))
        };
        project.parts.iter().find_map(of)
    };
    let name = match to {
        Upstream::Service(name) => name,
        Upstream::Address { port, .. } => return published(*port),
        Upstream::Stub(_) => return None,
    };
    match &plan.services.iter().find(|service| service.name == *name)?.kind {
        ServiceKind::Containers { which: Which::Compose { service, .. }, port } => {
            Some((project.part(service)?, *port))
        }
        ServiceKind::Containers { which: Which::Name(name), port } => {
            let part = project.parts.iter().find(|part| part.names.contains(name))?;
            Some((part, *port))
        }
        ServiceKind::Url { port, .. } => published(*port),
        ServiceKind::Attached { port, .. } => published((*port)?),
        _ => None,
    }
}

fn only_port(part: &Part) -> Option<u16> {
    let ports: BTreeSet<u16> = part.ports.iter().map(|(_, inside)| *inside).collect();
    let first = ports.first().copied();
    first.filter(|_| ports.len() == 1)
}

/// A port for a link that no other route has.
fn above(port: u16, routes: &[Route]) -> u16 {
    let from = port.checked_add(ABOVE).unwrap_or_else(|| port - ABOVE);
    let taken = |port: &u16| routes.iter().any(|route| route.listen.port() == *port);
    (from..=u16::MAX).find(|port| !taken(port)).unwrap_or(from)
}

/// A link before each service that another one's variables name.
#[must_use]
pub fn guessed(project: &Project, gateway: IpAddr) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for part in &project.parts {
        let mut ports: BTreeMap<u16, bool> = BTreeMap::new();
        for other in project.parts.iter().filter(|other| other.name != part.name) {
            for mention in other.env.values().flat_map(|value| mentions(value, &part.names)) {
                let http = mention.scheme.as_deref() == Some("http");
                *ports.entry(mention.port).or_insert(http) |= http;
            }
            let apart = apart(other, part).filter_map(|(_, port)| port?.1.parse().ok());
            apart.for_each(|port| _ = ports.entry(port).or_insert(false));
        }
        let many = ports.len() > 1;
        for (port, http) in ports {
            let name = &part.name;
            let link = if many { format!("{name}-{port}") } else { name.clone() };
            let listen = SocketAddr::new(gateway, above(port, &routes));
            routes.push(Route { link, to: name.clone(), port, listen, http });
        }
    }
    routes
}

/// A variable, and its value.
type Variable<'p> = (&'p str, &'p str);

/// Variables of a service that hold another one's host alone, each with the one beside it that holds
/// the port.
fn apart<'p>(
    user: &'p Part,
    of: &'p Part,
) -> impl Iterator<Item = (&'p str, Option<Variable<'p>>)> {
    // Compose puts a default in where the variable has no value.
    let plain = |value: &'p str| default_of(value).unwrap_or(value);
    let hosts = user.env.iter().filter(move |(_, value)| of.names.contains(plain(value)));
    hosts.map(move |(key, _)| {
        let upper = key.to_uppercase();
        let ends = ["HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR"];
        let stem = ends.into_iter().find_map(|end| upper.strip_suffix(end));
        let beside = user.env.iter().find(|(other, value)| {
            let is_port =
                other.to_uppercase().strip_suffix("PORT").is_some_and(|s| Some(s) == stem);
            is_port && plain(value).parse::<u16>().is_ok()
        });
        (key.as_str(), beside.map(|(key, value)| (key.as_str(), plain(value))))
    })
}

/// The override: variables of whoever uses a service behind a link name the link.
#[must_use]
pub fn routed(project: &Project, routes: &[Route]) -> Routed {
    let mut all = Routed { notes: project.notes.clone(), ..Routed::default() };
    let mut text = String::new();
    if let Some(version) = &project.version {
        _ = writeln!(text, "version: {}", quoted(version));
    }
    text.push_str("services:\n");
    for user in &project.parts {
        let (mut env, mut hosts): (BTreeMap<&str, String>, Vec<String>) = Default::default();
        for route in routes.iter().filter(|route| route.to != user.name) {
            let Some(to) = project.part(&route.to) else { continue };
            let changed = change(user, to, route, &mut env, &mut all.notes);
            if changed || !user.depends_on.contains(&to.name) {
                continue;
            }
            let (user, to, listen) = (&user.name, &to.name, route.listen);
            if listen.port() == route.port {
                hosts.push(format!("{to}:{}", listen.ip()));
            } else {
                all.notes.push(format!(
                    "{user} needs {to}, and no variable of it names {to}:{port}: lead it to \
                     {listen} yourself, or let the link listen on {ip}:{port}, and {to} is made \
                     its name there",
                    port = route.port,
                    ip = listen.ip()
                ));
            }
        }
        all.notes.extend(unled(project, user));
        all.notes.extend(started_with(project, user, &hosts));
        let asks = |key: &&&str| user.asks.contains(**key);
        all.notes.extend(env.keys().filter(asks).map(|key| {
            format!(
                "{}: {key} has a `$` in its file of variables, which Compose 2 replaces and \
                 docker-compose 1 does not: write the value in single quotes if it is one",
                user.name
            )
        }));
        if env.is_empty() && hosts.is_empty() {
            continue;
        }
        all.services += 1;
        _ = writeln!(text, "  {}:", user.name);
        if !env.is_empty() {
            text.push_str("    environment:\n");
            env.iter().for_each(|(key, value)| {
                _ = writeln!(text, "      {key}: {}", quoted(value));
            });
        }
        if !hosts.is_empty() {
            text.push_str("    extra_hosts:\n");
            hosts.iter().for_each(|host| _ = writeln!(text, "      - {}", quoted(host)));
        }
    }
    all.text = text;
    all
}

/// Variables of a service that seem to name others in a way that is not known here.
fn unled(project: &Project, user: &Part) -> Vec<String> {
    let others = || project.parts.iter().filter(|part| part.name != user.name);
    let named = |key: &str, value: &str| {
        if let Some(of) = others().find(|part| by_srv(value, &part.names)) {
            return Some(format!(
                "{}: {key} names {} by SRV records, and so without a port that a link could have: \
                 write the scheme without `+srv`, as in `mongodb://{}:27017`",
                user.name, of.name, of.name
            ));
        }
        let of = others().find(|part| hints(value, &part.names))?;
        Some(format!(
            "{}: {key} seems to name {}, in a way that is not known here: if it is its address, lead \
             it to the link yourself",
            user.name, of.name
        ))
    };
    user.env.iter().filter_map(|(key, value)| named(key, value)).collect()
}

/// What a service is started with names others, and is left as it is; `hosts` are led by their names.
fn started_with(project: &Project, user: &Part, hosts: &[String]) -> Vec<String> {
    let led = |part: &&Part| hosts.iter().any(|host| host.starts_with(&format!("{}:", part.name)));
    let others = project.parts.iter().filter(|part| part.name != user.name && !led(part));
    let named = others.filter_map(|part| {
        let mention = user.words.iter().find_map(|word| mentions(word, &part.names).pop())?;
        Some(format!(
            "{}: its command names {}:{}, and only variables are led through links: let it take the address \
             from a variable",
            user.name, part.name, mention.port
        ))
    });
    named.collect()
}

/// Changes the variables of a service that name another; tells whether any does.
fn change<'p>(
    user: &'p Part,
    to: &'p Part,
    route: &Route,
    env: &mut BTreeMap<&'p str, String>,
    notes: &mut Vec<String>,
) -> bool {
    let before = env.len();
    let mut changed = false;
    for (key, value) in &user.env {
        let value = env.get(key.as_str()).unwrap_or(value);
        if let Some(new) = rewritten(value, &to.names, route.port, route.listen) {
            env.insert(key, new);
            changed = true;
        }
    }
    for (host, beside) in apart(user, to) {
        match beside {
            Some((port, value)) if value.parse() == Ok(route.port) => {
                env.insert(host, route.listen.ip().to_string());
                env.insert(port, route.listen.port().to_string());
            }
            None if route.listen.port() == route.port => {
                env.insert(host, route.listen.ip().to_string());
            }
            None => {
                notes.push(format!(
                    "{}: {host} names {} and no variable beside it its port {port}: let the link \
                     listen on {}:{port}",
                    user.name,
                    to.name,
                    route.listen.ip(),
                    port = route.port
                ));
                changed = true;
            }
            Some(_) => {}
        }
    }
    changed || env.len() > before
}

/// What a scenario needs for these routes, as it is written there.
#[must_use]
pub fn fragment(project: &Project, routes: &[Route]) -> String {
    let mut text = String::from("services:\n");
    for route in routes {
        let of = format!("{{project: {}, service: {}}}", project.name, route.to);
        let (link, port) = (&route.link, route.port);
        _ = writeln!(text, "  {link}: {{running-container: {{compose: {of}, port: {port}}}}}");
    }
    text.push_str("links:\n");
    for Route { link, listen, http, .. } in routes {
        let protocol = if *http { "http" } else { "tcp" };
        let rest = format!("protocol: {protocol}, listen: \"{listen}\"");
        _ = writeln!(text, "  to-{link}: {{to: {link}, {rest}}}");
    }
    text
}

/// As a YAML scalar in double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
