//! What passes over a link, and what can therefore be done and seen there.
//!
//! Invariant: a fault or question that needs what the link does not read is refused by name, with
//! what does the same.
//! Not here: other mistakes of links (`links`) and faults (`faults`).

use super::notes::Notes;
use super::parts;
use crate::plan::{Fault, FaultKind, Link, Match, Place, Upstream};
use crate::spec::Trail;
use crate::spec::types::{self, BreakerEvidence, Expect, LinkProtocol, Scenario, Service};

/// Ports whose protocol is none that an HTTP link could read (IANA).
const NO_HTTP: [u16; 22] = [
    22, 25, 53, 389, 443, 465, 587, 636, 1433, 1521, 1883, 3306, 4222, 5432, 5671, 5672, 6379,
    6380, 8883, 9042, 9092, 11211,
];
/// MongoDB's.
const MONGODB: u16 = 27017;

/// Whether nothing is read on a link.
pub(super) fn is_tcp(link: &types::Link, to: &Upstream, scenario: &Scenario) -> bool {
    if let Some(protocol) = link.protocol {
        return protocol == LinkProtocol::Tcp;
    }
    let speaks_none = |port: u16| NO_HTTP.contains(&port) || port == MONGODB;
    match to {
        Upstream::Stub(_) => false,
        Upstream::Address { port, .. } => speaks_none(*port),
        Upstream::Service(name) => scenario.services.iter().any(|(known, service)| {
            let port = match service {
                Service::Container(container) => u16::try_from(container.port.0).ok(),
                Service::RunningProcess(found) => {
                    found.port.and_then(|port| u16::try_from(port.0).ok())
                }
                Service::RunningContainer(found) => {
                    found.port.and_then(|port| u16::try_from(port.0).ok())
                }
                Service::Url(_) | Service::Process(_) => None,
            };
            known.as_str() == name && port.is_some_and(speaks_none)
        }),
    }
}

/// The fault is one that its link can do.
pub(super) fn check(fault: &Fault, links: &[Link], trail: &Trail, notes: &mut Notes<'_>) {
    if fault.kind.place() != Place::Link {
        return;
    }
    let Some(link) = links.iter().find(|link| link.name == fault.link) else { return };
    let help = match (&fault.kind, link.tcp) {
        (FaultKind::Error { .. }, true) => "write an `outage` with `mode: reset`",
        (FaultKind::Abort, true) => "write an `outage` with `mode: reset`, and `affects`",
        (FaultKind::Truncate { .. } | FaultKind::Garbage, true) => "write `limit-bytes`",
        (FaultKind::SlowClose, true) => "write `stall` or `half-open`",
        (FaultKind::HalfOpen, false) => {
            "write an `outage` with `mode: black-hole`, or give the link `protocol: tcp`"
        }
        (FaultKind::LimitBytes { .. }, false) => {
            "write `truncate`, or give the link `protocol: tcp`"
        }
        (_, true) if fault.matches != Match::default() => {
            let message = format!("`{}` reads no requests, so none can match", link.name);
            return notes.value(&trail.key("match"), message, "leave it out");
        }
        _ => return,
    };
    let what = if link.tcp { "any protocol over TCP, and reads none" } else { "HTTP" };
    let message = format!("`{}` passes on {what}: this fault cannot act there", link.name);
    notes.entry(trail, message, help);
}

/// Arrivals are requests, and only an HTTP link sees them.
pub(super) fn check_watched(scenario: &Scenario, links: &[Link], notes: &mut Notes<'_>) {
    let is_tcp = |name: &str| links.iter().any(|link| link.name == name && link.tcp);
    let mut refuse = |name: &str, trail: &Trail, help: &str| {
        if is_tcp(name) {
            let message = format!("`{name}` reads no requests, so it sees none arrive");
            notes.value(&trail.key("link"), message, help);
        }
    };
    for (at, expect) in scenario.expect.iter().enumerate() {
        let trail = parts::expect_trail(at, expect);
        let help = "ask the callers: `answers`, `recovers`, `goodput`, or a link with HTTP";
        match expect {
            Expect::Amplification(asked) => refuse(asked.link.as_str(), &trail, help),
            Expect::Herd(asked) => refuse(asked.link.as_str(), &trail, help),
            _ => {}
        }
    }
    for (name, breaker) in &scenario.breakers {
        for (at, evidence) in breaker.evidence.iter().enumerate() {
            if let BreakerEvidence::Arrivals(arrivals) = evidence {
                let trail = Trail::root().key("breakers").key(name.as_str()).key("evidence");
                let trail = trail.index(at).key("arrivals");
                let help = "take other evidence, such as `gateway`, or a link with HTTP";
                refuse(arrivals.link.as_str(), &trail, help);
            }
        }
    }
}
