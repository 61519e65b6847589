//! Fleets: devices, what each sends, and when.
//!
//! Not here: gateways (`gateway`), reading back (`read_back`).

use super::dynamic::Whose;
use super::loads::{self, CONNECT_TIMEOUT_US, CONNECTIONS, Given, TIMEOUT_US};
use super::notes::Notes;
use super::parts::{self, Sent};
use super::{MOST_RUN_US, MOST_WAIT_US, gateway, positive, read_back};
use crate::plan::fleet::{Gateway, Profile};
use crate::plan::text::literal;
use crate::plan::{Client, Fleet, Request, Target, Transport};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Name};
use crate::spec::types;
use assay_slo::case::{self, LoadKind};

/// Unless the scenario says.
const DRAIN: Duration = Duration { us: 30_000_000 };
/// Unless the scenario says.
const KEY: [&str; 2] = ["/machine_id", "/sample_number"];
/// The most devices of a fleet.
const MOST_DEVICES: u64 = 100_000;
/// The most samples, of all devices, in thousandths a minute.
const MOST_MILLI_PER_MIN: u64 = 6_000_000_000;
/// The most samples of a fleet: its ledger remembers each.
const MOST_SAMPLES: u64 = 100_000_000;

/// The fleets, in the order of the scenario; `before` is how many loads there are.
pub(super) fn compile(given: Given<'_>, before: usize, notes: &mut Notes<'_>) -> Vec<Fleet> {
    let entries = given.scenario.fleets.iter().enumerate();
    entries.map(|(at, (name, written))| fleet(name, written, before + at, given, notes)).collect()
}

/// What the judge knows of a fleet's attempts.
pub(super) fn judged_load(fleet: &Fleet) -> case::Load {
    let features = fleet.send.is_none().then(|| format!("{} features", fleet.name));
    let names = [fleet.name.clone()].into_iter().chain(features);
    case::Load {
        name: fleet.name.clone(),
        kind: LoadKind::Fleet,
        link: loads::link(&fleet.to),
        requests: names.map(|name| case::Request { name }).collect(),
        starts_us: 0,
        ends_us: fleet.ends_us(),
        planned: 0,
        journeys: false,
        steps: Vec::new(),
        stop_after: Vec::new(),
        traffic: None,
        scarce: None,
    }
}

/// What the judge knows of a fleet.
pub(super) fn judged(fleet: &Fleet) -> case::Fleet {
    case::Fleet {
        name: fleet.name.clone(),
        load: fleet.load,
        devices: fleet.devices,
        planned: fleet.planned(),
        gateway: fleet.gateway.is_some(),
        read_back: fleet.read_back.is_some(),
        drain_us: fleet.drain_us,
    }
}

fn fleet(
    name: &Name,
    written: &types::Fleet,
    load: usize,
    given: Given<'_>,
    notes: &mut Notes<'_>,
) -> Fleet {
    let trail = parts::fleet_trail(name.as_str());
    let to = loads::target(written.to.as_ref(), &trail, given.scenario, notes);
    let devices = devices(written, &trail, notes);
    let every_us = positive(written.every, MOST_WAIT_US, &trail.key("every"), notes);
    let gateway = written
        .gateway
        .as_ref()
        .map(|one| gateway::compile(one, devices, &trail.key("gateway"), notes));
    let timeout_us = gateway.as_ref().map_or(TIMEOUT_US, |gateway| gateway.timeout_us);
    let send = send(name.as_str(), written, &to, timeout_us, given, notes);
    let key: Vec<String> = match written.key.as_slice() {
        [] => KEY.map(str::to_owned).to_vec(),
        given => given.iter().map(literal).collect(),
    };
    let fleet = Fleet {
        load,
        name: name.to_string(),
        to,
        devices,
        every_us,
        jitter_us: jitter_us(written, every_us, &trail, notes),
        samples: samples(written, every_us, &trail, notes),
        profile: profile(written, &trail, notes),
        send,
        key,
        client: client(gateway.as_ref(), timeout_us),
        gateway,
        drain_us: written
            .drain
            .map_or(DRAIN.us, |drain| positive(drain, MOST_RUN_US, &trail.key("drain"), notes)),
        read_back: written.read_back.as_ref().map(|one| {
            let many = devices != 1;
            read_back::compile(one, written, many, given, &trail.key("read-back"), notes)
        }),
    };
    check_sizes(&fleet, &trail, notes);
    fleet
}

fn client(gateway: Option<&Gateway>, timeout_us: u64) -> Client {
    let connections = match gateway {
        Some(gateway) => {
            usize::try_from(gateway.count).unwrap_or(usize::MAX).saturating_mul(gateway.in_flight)
        }
        None => CONNECTIONS,
    };
    let connect_timeout_us = CONNECT_TIMEOUT_US.min(timeout_us);
    let transport = Transport::default();
    Client { connections, timeout_us, connect_timeout_us, headers: Vec::new(), transport }
}

fn devices(written: &types::Fleet, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    let devices = written.devices.0;
    if devices == 0 || devices > MOST_DEVICES {
        let message = format!("a fleet of {devices} devices");
        notes.value(&trail.key("devices"), message, format!("write 1 to {MOST_DEVICES}"));
    }
    devices.clamp(1, MOST_DEVICES)
}

/// Samples must keep their order: none may be earlier than the one before it can be late.
fn jitter_us(written: &types::Fleet, every_us: u64, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    let jitter = written.jitter.unwrap_or_default();
    if jitter.us > every_us / 2 {
        let message = format!("with a jitter of {jitter} samples could overtake each other");
        let half = Duration { us: every_us / 2 };
        notes.value(
            &trail.key("jitter"),
            message,
            format!("write at most half of `every`: {half}"),
        );
    }
    jitter.us.min(every_us / 2)
}

fn samples(written: &types::Fleet, every_us: u64, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    if written.duration.is_some() && written.samples.is_some() {
        let message = "both a duration and a number of samples".to_owned();
        notes.entry(trail, message, "keep one of `duration` and `samples`");
    }
    match (written.duration, written.samples) {
        (Some(duration), _) => {
            let lasts_us = positive(duration, MOST_RUN_US, &trail.key("duration"), notes);
            let samples = lasts_us / every_us;
            if duration.us > 0 && samples == 0 {
                let every = Duration { us: every_us };
                let message = format!("within {duration} no sample is due: one comes {every}");
                notes.value(&trail.key("duration"), message, format!("write at least {every}"));
            }
            samples.max(1)
        }
        (None, Some(samples)) => {
            if samples.0 == 0 {
                let message = "without samples nothing is sent".to_owned();
                notes.value(&trail.key("samples"), message, "write at least 1");
            }
            let lasts = samples.0.saturating_mul(every_us);
            if lasts > MOST_RUN_US {
                let message = format!("{} samples take longer than a run may", samples.0);
                notes.value(&trail.key("samples"), message, "a run lasts at most 168h");
            }
            samples.0.clamp(1, MOST_RUN_US / every_us.max(1) + 1)
        }
        (None, None) => {
            let message = "it does not say how long its devices sample".to_owned();
            notes.entry(trail, message, "write `duration:` or `samples:`");
            1
        }
    }
}

fn check_sizes(fleet: &Fleet, trail: &Trail, notes: &mut Notes<'_>) {
    if fleet.rate_milli_per_min() > MOST_MILLI_PER_MIN {
        let message = format!(
            "{} devices every {} are {} samples a second",
            fleet.devices,
            Duration { us: fleet.every_us },
            fleet.rate_milli_per_min() / 60_000
        );
        let help =
            format!("write fewer or slower devices: at most {}/s", MOST_MILLI_PER_MIN / 60_000);
        notes.entry(trail, message, help);
    } else if fleet.planned() > MOST_SAMPLES {
        let message = format!("{} samples are too many for a ledger", fleet.planned());
        notes.entry(trail, message, format!("let the fleet send at most {MOST_SAMPLES}"));
    }
}

fn profile(written: &types::Fleet, trail: &Trail, notes: &mut Notes<'_>) -> Profile {
    let profile = match written.profile {
        Some(types::Device::Truck) => Profile::Truck,
        Some(types::Device::Mill) => Profile::Mill,
        Some(types::Device::Boiler) => Profile::Boiler,
        Some(types::Device::None) | None => Profile::None,
    };
    if profile == Profile::None && written.send.is_none() {
        let message = "it does not say what its devices send".to_owned();
        let help = "write a `profile:` such as TRUCK-21, or what they send under `send:`";
        notes.entry(trail, message, help);
    }
    profile
}

/// The scenario's own request for a sample.
fn send(
    name: &str,
    written: &types::Fleet,
    to: &Target,
    timeout_us: u64,
    given: Given<'_>,
    notes: &mut Notes<'_>,
) -> Option<Request> {
    let trail = parts::fleet_trail(name).key("send");
    let sent: Sent<'_> = parts::sent(written.send.as_ref()?, &trail);
    for (key, is_there) in
        [("name", sent.call.name.is_some()), ("weight", sent.call.weight.is_some())]
    {
        if is_there {
            let message = format!("a fleet's request has no `{key}` of its own");
            let help = format!("leave it out: objectives name it `{name}`");
            notes.value(&sent.trail.key(key), message, help);
        }
    }
    let mut requests =
        loads::requests(std::slice::from_ref(&sent), to, timeout_us, Whose::Fleet, given, notes);
    requests.pop().map(|request| Request { name: name.to_owned(), ..request })
}
