//! Loads: where requests go, when they are due, what they are.
//!
//! Not here: the arithmetic of due instants (`arrivals`), what a request holds (`requests`).

use super::dynamic::{self, Whose};
use super::notes::{Notes, list};
use super::parts::{self, LoadParts, Sent};
use super::requests::{self, Around};
use super::timetable::Timetable;
use super::{
    MOST_RUN_US, MOST_WAIT_US, headers, positive, replay, steps, transport, used_up, users,
};
use crate::plan::arrivals::MOST_DRAWN;
use crate::plan::rows::Rows;
use crate::plan::turns::Turns;
use crate::plan::{
    Arrivals, Client, Journey, Link, Load, Poisson, Request, Service, ServiceKind, Spread, Stairs,
    Stretch, Target, Upstream, cycle, words,
};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Name, Rate};
use crate::spec::types::{self, Scenario};
use assay_slo::case::{self, LoadKind};
use std::path::Path;
use std::sync::Arc;

/// Unless the scenario says.
pub(super) const CONNECTIONS: usize = 4096;
/// Unless the scenario says.
pub(super) const TIMEOUT_US: u64 = 10_000_000;
/// Unless the scenario says.
pub(super) const CONNECT_TIMEOUT_US: u64 = 2_000_000;

/// What loads are made from.
#[derive(Clone, Copy)]
pub(super) struct Given<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) folder: &'s Path,
    pub(super) secrets: &'s [String],
    pub(super) services: &'s [Service],
    pub(super) links: &'s [Link],
    pub(super) timetable: &'s Timetable,
    pub(super) sets: &'s [Arc<Rows>],
}

/// The open loads, in the order of the scenario.
pub(super) fn compile(given: Given<'_>, notes: &mut Notes<'_>) -> Vec<Load> {
    let spans = given.timetable.loads.iter().copied().zip(given.timetable.lasts.iter().copied());
    let spans = spans.chain(std::iter::repeat((0, 0)));
    let parts = parts::loads(given.scenario);
    let entries = parts.iter().zip(spans).filter(|((_, parts), _)| parts.kind == LoadKind::Open);
    let loads = entries.map(|((name, parts), span)| {
        let to = target(parts.to, &parts.trail, given.scenario, notes);
        let client = client(parts.client, &to, given, &parts.trail.key("client"), notes);
        if let types::Load::ReplayLog(load) = parts.entry {
            let starts_us = span.0;
            let place = replay::Place { name, trail: &parts.trail, starts_us, to: &to, given };
            return replay::compile(load, &place, client, notes);
        }
        let travels = !parts.journey.is_empty();
        let whose = if travels { Whose::Journey } else { Whose::Independent };
        let requests = requests(&parts.sent, &to, client.timeout_us, whose, given, notes);
        users::one_of_both(parts, "is sent", notes);
        let journey = travels.then(|| Journey {
            steps: users::journey(parts, &requests, given.scenario, notes),
            captures: users::captures(&requests),
        });
        let cycle = match &journey {
            Some(journey) => journey.cycle(),
            None => cycle(parts, notes),
        };
        let mut arrivals = arrivals(name, parts, span, given.scenario, notes);
        let warmup = arrivals.warmup_count(given.scenario.warmup.us);
        let turns = match &journey {
            Some(_) => Turns::of_journeys(&requests, warmup),
            None => Turns::new(&cycle, &requests, warmup),
        };
        let used_up = used_up::check(name, parts, &turns, warmup, &mut arrivals, notes);
        let stairs = match parts.entry {
            types::Load::SteppingArrivalRate(load) => Some(Stairs::of(load)),
            _ => None,
        };
        Load {
            name: (*name).to_owned(),
            to,
            client,
            requests,
            arrivals,
            stairs,
            cycle,
            journey,
            used_up,
        }
    });
    loads.collect()
}

/// What is sent.
pub(super) fn requests(
    sent: &[Sent<'_>],
    to: &Target,
    timeout_us: u64,
    whose: Whose,
    given: Given<'_>,
    notes: &mut Notes<'_>,
) -> Vec<Request> {
    let captures = dynamic::captures(sent);
    let around = Around {
        folder: given.folder,
        prefix: prefix(to, given.services, given.links),
        secrets: given.secrets,
        timeout_us,
        whose,
        sets: given.sets,
        captures: &captures,
        scenario: given.scenario,
    };
    sent.iter().map(|sent| requests::compile(sent, around, notes)).collect()
}

/// What the judge knows of an open load.
pub(super) fn judged(load: &Load) -> case::Load {
    case::Load {
        name: load.name.clone(),
        kind: LoadKind::Open,
        link: link(&load.to),
        requests: named(&load.requests),
        starts_us: load.arrivals.starts_us,
        ends_us: load.arrivals.ends_us(),
        planned: load.arrivals.count(),
        journeys: load.journey.is_some(),
        steps: load.stairs.map_or_else(Vec::new, |stairs| stairs.steps(&load.arrivals)),
        stop_after: Vec::new(),
        traffic: None,
        scarce: load.used_up.as_ref().map(used_up::cut),
    }
}

/// The names of requests, for the judge.
pub(super) fn named(requests: &[Request]) -> Vec<case::Request> {
    requests.iter().map(|request| case::Request { name: request.name.clone() }).collect()
}

/// The link that a target is, if it is one.
pub(super) fn link(to: &Target) -> Option<String> {
    match to {
        Target::Link(link) => Some(link.clone()),
        Target::Service(_) => None,
    }
}

/// The only service that load can go to: containers without a port are there to be broken, where
/// there is anything else.
pub(super) fn only_service(scenario: &Scenario) -> Option<&Name> {
    let answers = |service: &types::Service| !matches!(service, types::Service::RunningContainer(found) if found.port.is_none());
    if scenario.services.len() == 1 {
        return scenario.services.keys().next();
    }
    let mut services = scenario.services.iter();
    let only = services.find(|(_, service)| answers(service))?.0;
    services.all(|(_, service)| !answers(service)).then_some(only)
}

/// Where something goes that says `to`; `trail` leads to its settings.
pub(super) fn target(
    to: Option<&Name>,
    trail: &Trail,
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> Target {
    let services = || scenario.services.keys().map(|name| name.as_str());
    let places: Vec<&str> =
        services().chain(scenario.links.keys().map(|name| name.as_str())).collect();
    let Some(to) = to else {
        if let Some(only) = only_service(scenario) {
            return Target::Service(only.to_string());
        }
        if notes.left_out().touches("services") {
            return Target::Service(String::new());
        }
        let message = "it does not say where its requests go".to_owned();
        let help = match places.as_slice() {
            [] => "write a service under `services:`, and `to:` with its name".to_owned(),
            _ => format!("write `to:` with one of {}", list(places.iter().copied())),
        };
        notes.entry(trail, message, help);
        return Target::Service(String::new());
    };
    if scenario.links.contains_key(to) {
        return Target::Link(to.to_string());
    }
    if !scenario.services.contains_key(to) {
        let message = format!("unknown service or link `{to}`");
        let among = (&["services", "links"][..], "services and links");
        notes.unknown(&trail.key("to"), to.as_str(), message, among, &places);
    }
    Target::Service(to.to_string())
}

/// The path prefix of the service that a load reaches in the end.
pub(super) fn prefix<'s>(to: &Target, services: &'s [Service], links: &'s [Link]) -> &'s str {
    let of_service = |name: &str| {
        services.iter().find(|service| service.name == name).and_then(|service| {
            match &service.kind {
                ServiceKind::Url { prefix, .. } => Some(prefix.as_str()),
                ServiceKind::Process(_)
                | ServiceKind::Attached { .. }
                | ServiceKind::Containers { .. } => None,
            }
        })
    };
    let prefix = match to {
        Target::Service(name) => of_service(name),
        Target::Link(name) => {
            let link = links.iter().find(|link| link.name == *name);
            link.and_then(|link| match &link.to {
                Upstream::Service(name) => of_service(name),
                Upstream::Address { .. } | Upstream::Stub(_) => None,
            })
        }
    };
    prefix.unwrap_or_default()
}

/// How requests are sent; `trail` leads to the settings.
pub(super) fn client(
    settings: &types::Client,
    to: &Target,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Client {
    let transport = transport::compile(settings, to, given, trail, notes);
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
    Client { connections, timeout_us, connect_timeout_us, headers, transport }
}

fn arrivals(
    name: &str,
    parts: &LoadParts<'_>,
    (starts_us, lasts_us): (u64, u64),
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> Arrivals {
    let length = |duration: Duration, trail: &Trail, notes: &mut Notes<'_>| {
        positive(duration, MOST_RUN_US, trail, notes)
    };
    let (start_rate, stretches, rates) = match parts.entry {
        types::Load::ConstantArrivalRate(load) => {
            let lasts_us = match (load.duration, &load.until) {
                (Some(duration), None) => length(duration, &parts.trail.key("duration"), notes),
                // A length that is none has a problem, told with the moments.
                (None, Some(_)) => lasts_us.clamp(1, MOST_RUN_US),
                (None, None) => {
                    let message = "it does not say how long it lasts".to_owned();
                    notes.entry(&parts.trail, message, "write `duration: 5m`, or `until:`");
                    1
                }
                (Some(_), Some(_)) => {
                    let message = "both `duration` and `until`".to_owned();
                    notes.entry(&parts.trail.key("until"), message, "keep one of them");
                    1
                }
            };
            (
                load.rate,
                vec![Stretch { lasts_us, end_milli_per_min: load.rate.milli_per_min }],
                "rate",
            )
        }
        types::Load::RampingArrivalRate(load) => {
            let stages = load.stages.iter().enumerate().map(|(at, stage)| {
                let trail = parts.trail.key("stages").index(at).key("duration");
                let lasts_us = length(stage.duration, &trail, notes);
                Stretch { lasts_us, end_milli_per_min: stage.target.milli_per_min }
            });
            let mut stages: Vec<Stretch> = stages.collect();
            hold(&mut stages, lasts_us);
            (load.start_rate, stages, "stages")
        }
        types::Load::SteppingArrivalRate(load) => {
            let stairs = steps::compile(name, load, starts_us, &parts.trail, notes);
            let mut steps = stairs.stretches();
            hold(&mut steps, lasts_us);
            (load.start_rate, steps, "start-rate")
        }
        // They are compiled elsewhere.
        types::Load::ReplayLog(_)
        | types::Load::ConstantVus(_)
        | types::Load::RampingVus(_)
        | types::Load::SharedIterations(_) => (Rate { milli_per_min: 0 }, Vec::new(), "vus"),
    };
    let spread = match parts.spread {
        types::Spread::Even => Spread::Even,
        types::Spread::Poisson => {
            // `spec` fills the seed in where the scenario names none.
            let seed = scenario.seed.map_or(0, |seed| seed.0);
            Spread::Poisson(Poisson::new(seed, name))
        }
    };
    let start_milli_per_min = start_rate.milli_per_min;
    let arrivals = Arrivals { starts_us, start_milli_per_min, stretches, spread, cut: None };
    if arrivals.is_drawn() && arrivals.expected() > MOST_DRAWN {
        let message = format!(
            "`{name}` expects {}, too many to be drawn",
            words::several(arrivals.expected(), "request", "requests")
        );
        let help = format!(
            "write a lower rate, or `arrivals: even`: at most {} are drawn",
            words::count(MOST_DRAWN)
        );
        notes.entry(&parts.trail.key("arrivals"), message, help);
    }
    // What has no length has a problem of its own.
    let lasts = arrivals.stretches.iter().any(|stretch| stretch.lasts_us > 0);
    if arrivals.expected() == 0 && lasts {
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

/// Holds the last rate until so long after the start, where `until` says so: else there is no rest.
fn hold(stretches: &mut Vec<Stretch>, lasts_us: u64) {
    let written = stretches.iter().map(|stretch| stretch.lasts_us).fold(0, u64::saturating_add);
    let rest_us = lasts_us.min(MOST_RUN_US).saturating_sub(written);
    if let (Some(last), true) = (stretches.last(), rest_us > 0) {
        stretches.push(Stretch { lasts_us: rest_us, ..*last });
    }
}

pub(super) fn cycle(parts: &LoadParts<'_>, notes: &mut Notes<'_>) -> Vec<u16> {
    let weight = |sent: &Sent<'_>| sent.call.weight.map_or(1, |weight| weight.0);
    let weights: Vec<u64> = parts.sent.iter().map(weight).collect();
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
