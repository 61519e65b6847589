//! Links: where each leads and listens, and whether anything can go through it.
//!
//! Not here: faults on links (`faults`), whether load may leave loopback (`consent`).

use super::notes::Notes;
use super::parts::{self, LoadParts};
use super::{protocols, stubs};
use crate::plan::text::literal;
use crate::plan::{Link, Text, Upstream};
use crate::spec::Trail;
use crate::spec::scalar::{Name, Words};
use crate::spec::types::{LinkProtocol, Scenario, Service};
use std::net::SocketAddr;
use std::path::Path;

/// The links, in the order of the scenario.
pub(super) fn compile(scenario: &Scenario, folder: &Path, notes: &mut Notes<'_>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (name, link) in &scenario.links {
        let trail = Trail::root().key("links").key(name.as_str());
        let to = match (&link.to, &link.stub) {
            (Some(to), None) => upstream(to, scenario, &trail.key("to"), notes),
            (None, Some(routes)) => {
                Upstream::Stub(stubs::compile(routes, folder, &trail.key("stub"), notes))
            }
            (None, None) => {
                let message = "it leads nowhere".to_owned();
                notes.entry(&trail, message, "write `to:` a service or host:port, or `stub:`");
                Upstream::Stub(Vec::new())
            }
            (Some(_), Some(_)) => {
                let message = "it leads to both `to` and `stub`".to_owned();
                notes.entry(&trail.key("stub"), message, "keep one of them");
                Upstream::Stub(Vec::new())
            }
        };
        if let (Upstream::Stub(_), Some(LinkProtocol::Tcp)) = (&to, link.protocol) {
            let message = "a stub answers HTTP".to_owned();
            notes.value(&trail.key("protocol"), message, "leave it out");
        }
        let listen = link.listen.as_ref().and_then(|at| listen(at, &trail.key("listen"), notes));
        if let Some(other) = links.iter().find(|other| listen.is_some() && other.listen == listen) {
            let message = format!("`{}` listens there too", other.name);
            notes.value(&trail.key("listen"), message, "give each link a port of its own");
        }
        if listen.is_some() && listen == address(&to, scenario) {
            let message = "the link would lead to itself: it listens where it leads to".to_owned();
            notes.value(&trail.key("listen"), message, "give it a port of its own");
        }
        let tcp = protocols::is_tcp(link, &to, scenario);
        links.push(Link { name: name.to_string(), to, tcp, listen });
    }
    for link in links.iter().filter(|link| !is_used(&link.name, scenario)) {
        notes.warn(format!(
            "nothing goes through the link `{0}`: no load or fleet has `to: {0}`, nothing is given \
             ${{links.{0}.addr}}, and it has no `listen` that others could know",
            link.name
        ));
    }
    links
}

/// Where it leads, as far as the file says it in numbers.
fn address(to: &Upstream, scenario: &Scenario) -> Option<SocketAddr> {
    let (host, port) = match to {
        Upstream::Address { host, port } => (host.clone(), *port),
        Upstream::Service(name) => match scenario.services.get(name.as_str())? {
            Service::Url(url) => {
                let url = literal(url).parse::<hyper::Uri>().ok()?;
                (url.host()?.to_owned(), url.port_u16()?)
            }
            Service::RunningProcess(there) => {
                ("127.0.0.1".to_owned(), u16::try_from(there.port?.0).ok()?)
            }
            _ => return None,
        },
        Upstream::Stub(_) => return None,
    };
    let host = if host == "localhost" { "127.0.0.1" } else { host.as_str() };
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

fn upstream(to: &Words, scenario: &Scenario, trail: &Trail, notes: &mut Notes<'_>) -> Upstream {
    let to = literal(to);
    if let Some((host, port)) = to.rsplit_once(':') {
        let port = port.parse::<u16>().ok().filter(|port| *port > 0);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        let bracketed = host.starts_with('[') == bare.contains(':');
        match port {
            Some(port) if !bare.is_empty() && bare.chars().all(plain) && bracketed => {
                return Upstream::Address { host: bare.to_owned(), port };
            }
            _ => {
                let message = format!("`{}` is no host:port", to.escape_debug());
                notes.value(trail, message, "write a service, or host:port");
            }
        }
    } else if scenario.links.contains_key(to.as_str()) {
        let message = format!("`{to}` is a link, and a link leads to a service or host:port");
        notes.value(trail, message, "write a service, or host:port");
    } else if !scenario.services.contains_key(to.as_str()) {
        let names: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
        let message = format!("unknown service `{}`", to.escape_debug());
        // A link would be refused for another reason.
        let among = (&["services", "links"][..], "services");
        notes.unknown(trail, &to, message, among, &names);
    }
    Upstream::Service(to)
}

fn listen(listen: &Words, trail: &Trail, notes: &mut Notes<'_>) -> Option<SocketAddr> {
    let listen = literal(listen);
    let (message, help) = match listen.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            ("a link needs a port".to_owned(), "leave `listen` out for a free one")
        }
        // Whether it is this machine's in a network of containers is seen when it is bound.
        Ok(address) if !address.ip().is_loopback() && !is_private(address) => (
            format!(
                "`{listen}` is not on loopback, and a fault proxy is open to whoever reaches it"
            ),
            "write an address such as 127.0.0.1:19090, or this machine's in a network of \
             containers, such as 172.17.0.1:15432",
        ),
        Ok(address) => return Some(address),
        Err(_) => (
            format!("`{}` is no address with a port", listen.escape_debug()),
            "write one such as 127.0.0.1:19090",
        ),
    };
    notes.value(trail, message, help);
    None
}

fn is_private(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V4(address) if address.ip().is_private())
}

/// Whether a link is there and something goes through it; if not, that is told.
pub(super) fn check(
    name: &Name,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> bool {
    if !scenario.links.contains_key(name) {
        let known: Vec<&str> = scenario.links.keys().map(|name| name.as_str()).collect();
        let message = format!("unknown link `{name}`");
        if scenario.services.contains_key(name) && !notes.left_out().had("links", name.as_str()) {
            let help = format!("write `links: {{NAME: {{to: {name}}}}}`, and name that link here");
            notes.unknown_word(trail, message, help);
        } else {
            let among = (&["links"][..], "links");
            notes.unknown(trail, name.as_str(), message, among, &known);
        }
        return false;
    }
    let left_out = notes.left_out();
    let is_certain = !["services", "load", "fleets"].iter().any(|one| left_out.touches(one))
        && !left_out.touches_entry("links", name.as_str());
    if is_certain && !is_used(name.as_str(), scenario) {
        let message = format!("nothing goes through `{name}`, so nothing can be seen there");
        notes.value(trail, message, format!("send a load there with `to: {name}`"));
        return false;
    }
    true
}

/// Whether anything can go through a link: a load, whoever is given its address, or whoever
/// knows where it listens.
pub(super) fn is_used(name: &str, scenario: &Scenario) -> bool {
    let listens = scenario.links.get(name).is_some_and(|link| link.listen.is_some());
    // Where a load goes that does not say it rightly cannot be known.
    let loads = parts::loads(scenario);
    let targets = loads.iter().map(|(_, load)| load.to);
    let fleets = scenario.fleets.values().map(|fleet| fleet.to.as_ref());
    let by_load = targets.chain(fleets).any(|to| match to {
        Some(to) => to.as_str() == name || !is_place(to, scenario),
        None => super::loads::only_service(scenario).is_none(),
    });
    listens || by_load || texts(scenario, &loads).iter().any(|text| names(text, name))
}

fn is_place(name: &Name, scenario: &Scenario) -> bool {
    scenario.links.contains_key(name) || scenario.services.contains_key(name)
}

fn names(text: &str, link: &str) -> bool {
    let text = Text(text.to_owned());
    text.references().any(|reference| {
        let rest = reference.strip_prefix("links.").and_then(|rest| rest.strip_prefix(link));
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

/// All texts that services and requests are given.
fn texts<'s>(scenario: &'s Scenario, loads: &[(&str, LoadParts<'s>)]) -> Vec<&'s str> {
    let services = scenario.services.values().flat_map(|service| {
        let (command, env) = match service {
            Service::Process(process) => (&process.command[..], Some(&process.env)),
            Service::Container(held) => (&held.command[..], Some(&held.env)),
            Service::Url(_) | Service::RunningProcess(_) | Service::RunningContainer(_) => {
                (&[][..], None)
            }
        };
        command.iter().chain(env.into_iter().flat_map(|env| env.values()))
    });
    let sent = loads.iter().flat_map(|(_, load)| load.sent.iter().map(|sent| sent.call));
    let calls = sent
        .flat_map(|call| [&call.path].into_iter().chain(&call.text).chain(call.headers.values()));
    let clients = loads.iter().flat_map(|(_, load)| load.client.headers.values());
    services.chain(calls).chain(clients).map(Words::as_str).collect()
}
