//! Loads: where requests go, when they are due, what they are.
//!
//! Not here: the arithmetic of due instants (`arrivals`), what a request holds (`requests`).

use super::notes::{Notes, instead, list};
use super::parts::{self, LoadParts};
use super::requests::{self, Around};
use super::timetable::Timetable;
use super::{MOST_RUN_US, MOST_WAIT_US, headers, positive};
use crate::plan::{
    Arrivals, Client, Link, Load, Service, ServiceKind, Stretch, Target, Upstream, cycle,
};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{self, Scenario};
use assay_slo::case;
use std::path::Path;

/// Unless the scenario says.
const CONNECTIONS: usize = 4096;
/// Unless the scenario says.
const TIMEOUT_US: u64 = 10_000_000;
/// Unless the scenario says.
const CONNECT_TIMEOUT_US: u64 = 2_000_000;

/// What loads are made from.
#[derive(Clone, Copy)]
pub(super) struct Given<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) folder: &'s Path,
    pub(super) secrets: &'s [String],
    pub(super) services: &'s [Service],
    pub(super) links: &'s [Link],
    pub(super) timetable: &'s Timetable,
}

/// The loads, in the order of the scenario.
pub(super) fn compile(given: Given<'_>, notes: &mut Notes<'_>) -> Vec<Load> {
    let starts = given.timetable.loads.iter().copied().chain(std::iter::repeat(0));
    let entries = given.scenario.load.iter().zip(starts);
    let loads = entries.map(|((name, entry), starts_us)| {
        let parts = parts::load(name, entry);
        let to = target(&parts, given.scenario, notes);
        let client = client(&parts, notes);
        let around = Around {
            folder: given.folder,
            prefix: prefix(&to, given.services, given.links),
            secrets: given.secrets,
            timeout_us: client.timeout_us,
        };
        let trail = parts.trail.key("requests");
        let requests = parts.requests.iter().enumerate();
        let requests = requests
            .map(|(at, request)| requests::compile(request, around, &trail.index(at), notes));
        Load {
            name: name.to_string(),
            to,
            client,
            requests: requests.collect(),
            arrivals: arrivals(name.as_str(), entry, &parts, starts_us, notes),
            cycle: cycle(&parts, notes),
        }
    });
    loads.collect()
}

/// What the judge knows of a load.
pub(super) fn judged(load: &Load) -> case::Load {
    let named = |request: &crate::plan::Request| case::Request { name: request.name.clone() };
    case::Load {
        name: load.name.clone(),
        link: match &load.to {
            Target::Link(link) => Some(link.clone()),
            Target::Service(_) => None,
        },
        requests: load.requests.iter().map(named).collect(),
        starts_us: load.arrivals.starts_us,
        ends_us: load.arrivals.ends_us(),
        planned: load.arrivals.count(),
    }
}

fn target(parts: &LoadParts<'_>, scenario: &Scenario, notes: &mut Notes<'_>) -> Target {
    let services = || scenario.services.keys().map(|name| name.as_str());
    let places: Vec<&str> =
        services().chain(scenario.links.keys().map(|name| name.as_str())).collect();
    let Some(to) = parts.to else {
        if let (Some(only), 1) = (services().next(), scenario.services.len()) {
            return Target::Service(only.to_owned());
        }
        let message = "it does not say where its requests go".to_owned();
        let help = match places.as_slice() {
            [] => "write a service under `services:`, and `to:` with its name".to_owned(),
            _ => format!("write `to:` with one of {}", list(places.iter().copied())),
        };
        notes.entry(&parts.trail, message, help);
        return Target::Service(String::new());
    };
    if scenario.links.contains_key(to) {
        return Target::Link(to.to_string());
    }
    if !scenario.services.contains_key(to) {
        let message = format!("unknown service or link `{to}`");
        let help = instead(to.as_str(), "services and links", &places);
        notes.value(&parts.trail.key("to"), message, help);
    }
    Target::Service(to.to_string())
}

/// The path prefix of the service that a load reaches in the end.
fn prefix<'s>(to: &Target, services: &'s [Service], links: &'s [Link]) -> &'s str {
    let of_service = |name: &str| {
        services.iter().find(|service| service.name == name).and_then(|service| {
            match &service.kind {
                ServiceKind::Url { prefix, .. } => Some(prefix.as_str()),
                ServiceKind::Process(_) => None,
            }
        })
    };
    let prefix = match to {
        Target::Service(name) => of_service(name),
        Target::Link(name) => {
            let link = links.iter().find(|link| link.name == *name);
            link.and_then(|link| match &link.to {
                Upstream::Service(name) => of_service(name),
                Upstream::Address { .. } => None,
            })
        }
    };
    prefix.unwrap_or_default()
}

fn client(parts: &LoadParts<'_>, notes: &mut Notes<'_>) -> Client {
    let trail = parts.trail.key("client");
    let settings = parts.client;
    let connections = settings.connections.map_or(CONNECTIONS, |connections| {
        if connections.0 == 0 {
            let message = "without a connection nothing can be sent".to_owned();
            notes.value(&trail.key("connections"), message, "write at least 1");
        }
        usize::try_from(connections.0).unwrap_or(usize::MAX)
    });
    let mut limit = |given: Option<Duration>, default: u64, key: &str| {
        given.map_or(default, |given| positive(given, MOST_WAIT_US, &trail.key(key), notes))
    };
    let timeout_us = limit(settings.timeout, TIMEOUT_US, "timeout");
    let connect_timeout_us = limit(settings.connect_timeout, CONNECT_TIMEOUT_US, "connect-timeout");
    let headers = headers::texts(&settings.headers, &trail.key("headers"), notes);
    Client { connections, timeout_us, connect_timeout_us, headers }
}

fn arrivals(
    name: &str,
    load: &types::Load,
    parts: &LoadParts<'_>,
    starts_us: u64,
    notes: &mut Notes<'_>,
) -> Arrivals {
    let mut length =
        |duration: Duration, trail: &Trail| positive(duration, MOST_RUN_US, trail, notes);
    let (start_rate, stretches, rates) = match load {
        types::Load::ConstantArrivalRate(load) => {
            let lasts_us = length(load.duration, &parts.trail.key("duration"));
            (load.rate, vec![Stretch { lasts_us, end_rate_mhz: load.rate.mhz }], "rate")
        }
        types::Load::RampingArrivalRate(load) => {
            let stages = load.stages.iter().enumerate().map(|(at, stage)| {
                let trail = parts.trail.key("stages").index(at).key("duration");
                let lasts_us = length(stage.duration, &trail);
                Stretch { lasts_us, end_rate_mhz: stage.target.mhz }
            });
            (load.start_rate, stages.collect(), "stages")
        }
    };
    let arrivals = Arrivals { starts_us, start_rate_mhz: start_rate.mhz, stretches };
    if arrivals.count() == 0 {
        let message = format!("`{name}` sends nothing: its rate is always 0/s");
        notes.value(&parts.trail.key(rates), message, "write a rate such as 300/s");
    }
    if arrivals.ends_us() > MOST_RUN_US {
        let end = Duration { us: arrivals.ends_us() };
        let message = format!("`{name}` ends {end} after time 0");
        notes.entry(&parts.trail, message, "a run lasts at most 168h");
    }
    arrivals
}

fn cycle(parts: &LoadParts<'_>, notes: &mut Notes<'_>) -> Vec<u16> {
    let weight = |request: &types::Request| {
        let (_, _, call) = parts::call(request);
        call.weight.map_or(1, |weight| weight.0)
    };
    let weights: Vec<u64> = parts.requests.iter().map(weight).collect();
    let trail = parts.trail.key("requests");
    cycle::smooth(&weights).unwrap_or_else(|cycle::TooLong(places)| {
        // Only weights of 0 make none, and they have a problem of their own.
        if places > 0 {
            let message = format!("these weights repeat only after {places} requests");
            let help = format!("write weights whose sum is at most {}", cycle::LONGEST);
            notes.entry(&trail, message, help);
        }
        Vec::new()
    })
}
