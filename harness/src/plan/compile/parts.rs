//! What the entries of one section have in common, whatever their type.
//!
//! Not here: what is wrong with them.

use crate::spec::Trail;
use crate::spec::scalar::{Duration, Moment, Name, Words};
use crate::spec::types::{Affects, Call, Client, Fault, Load, Match, Objective, Request, Scenario};

/// Of any load.
pub(super) struct LoadParts<'s> {
    pub(super) trail: Trail,
    pub(super) at: Option<&'s Moment>,
    pub(super) lasts_us: u64,
    pub(super) to: Option<&'s Name>,
    pub(super) client: &'s Client,
    pub(super) requests: &'s [Request],
    /// How many stretches it has.
    pub(super) stages: usize,
}

pub(super) fn load<'s>(name: &Name, load: &'s Load) -> LoadParts<'s> {
    let trail = Trail::root().key("load").key(name.as_str());
    match load {
        Load::ConstantArrivalRate(load) => LoadParts {
            trail: trail.key("constant-arrival-rate"),
            at: load.at.as_ref(),
            lasts_us: load.duration.us,
            to: load.to.as_ref(),
            client: &load.client,
            requests: &load.requests,
            stages: 1,
        },
        Load::RampingArrivalRate(load) => LoadParts {
            trail: trail.key("ramping-arrival-rate"),
            at: load.at.as_ref(),
            lasts_us: load
                .stages
                .iter()
                .fold(0, |sum, stage| sum.saturating_add(stage.duration.us)),
            to: load.to.as_ref(),
            client: &load.client,
            requests: &load.requests,
            stages: load.stages.len(),
        },
    }
}

/// The loads of a scenario, in order.
pub(super) fn loads(scenario: &Scenario) -> impl Iterator<Item = (&str, LoadParts<'_>)> {
    scenario.load.iter().map(|(name, entry)| (name.as_str(), load(name, entry)))
}

/// A request's method, the key of its type, and its settings.
pub(super) fn call(request: &Request) -> (&'static str, &'static str, &Call) {
    match request {
        Request::Get(call) => ("GET", "get", call),
        Request::Post(call) => ("POST", "post", call),
        Request::Put(call) => ("PUT", "put", call),
        Request::Patch(call) => ("PATCH", "patch", call),
        Request::Delete(call) => ("DELETE", "delete", call),
        Request::Head(call) => ("HEAD", "head", call),
        Request::Options(call) => ("OPTIONS", "options", call),
    }
}

/// What a request is called: its name, or `METHOD path`.
pub(super) fn request_name(request: &Request) -> String {
    let (method, _, call) = call(request);
    match &call.name {
        Some(name) => name.to_string(),
        None => format!("{method} {}", call.path),
    }
}

/// Of any fault.
pub(super) struct FaultParts<'s> {
    pub(super) trail: Trail,
    pub(super) link: &'s Name,
    pub(super) affects: &'s Affects,
    pub(super) matches: &'s Match,
    pub(super) at: &'s Moment,
    pub(super) duration: Duration,
    pub(super) recovery: Option<Duration>,
    /// How many headers its answer has.
    pub(super) headers: usize,
}

pub(super) fn fault<'s>(name: &Name, fault: &'s Fault) -> FaultParts<'s> {
    let trail = Trail::root().key("faults").key(name.as_str());
    macro_rules! parts {
        ($kind:literal, $fault:expr, $headers:expr) => {
            FaultParts {
                trail: trail.key($kind),
                link: &$fault.link,
                affects: &$fault.affects,
                matches: &$fault.matches,
                at: &$fault.at,
                duration: $fault.duration,
                recovery: $fault.recovery,
                headers: $headers,
            }
        };
    }
    match fault {
        Fault::Latency(fault) => parts!("latency", fault, 0),
        Fault::Error(fault) => parts!("error", fault, fault.headers.len()),
        Fault::Outage(fault) => parts!("outage", fault, 0),
    }
}

/// The faults of a scenario, in order.
pub(super) fn faults(scenario: &Scenario) -> impl Iterator<Item = (&str, FaultParts<'_>)> {
    scenario.faults.iter().map(|(name, entry)| (name.as_str(), fault(name, entry)))
}

/// Of any objective.
pub(super) struct ObjectiveParts<'s> {
    pub(super) trail: Trail,
    pub(super) of: Option<&'s [Name]>,
    pub(super) during: Option<&'s [Words]>,
    pub(super) per_request: bool,
    pub(super) advisory: bool,
}

pub(super) fn objective<'s>(name: &Name, objective: &'s Objective) -> ObjectiveParts<'s> {
    let trail = Trail::root().key("objectives").key(name.as_str());
    macro_rules! parts {
        ($kind:literal, $objective:expr) => {
            ObjectiveParts {
                trail: trail.key($kind),
                of: $objective.of.as_deref(),
                during: $objective.during.as_deref(),
                per_request: $objective.per_request.0,
                advisory: $objective.advisory.0,
            }
        };
    }
    match objective {
        Objective::Latency(objective) => parts!("latency", objective),
        Objective::ErrorRate(objective) => parts!("error-rate", objective),
        Objective::ErrorCount(objective) => parts!("error-count", objective),
        Objective::Availability(objective) => parts!("availability", objective),
    }
}
