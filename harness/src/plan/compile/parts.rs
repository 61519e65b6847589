//! What the entries of one section have in common, whatever their type.
//!
//! Not here: what is wrong with them.

mod faults;

use super::flows;
use crate::plan::Stairs;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Moment, Name, Words};
use crate::spec::types::{
    Call, Client, Expect, Fleet, Load, Objective, Preparation, Request, Scenario, Spread, Step,
};
use assay_slo::case::LoadKind;
pub(super) use faults::{FaultParts, On, fault, faults};

/// A request that is sent, wherever it is written.
#[derive(Debug, Clone)]
pub(super) struct Sent<'s> {
    /// To its settings.
    pub(super) trail: Trail,
    /// Upper-case.
    pub(super) method: &'static str,
    pub(super) call: &'s Call,
}

impl Sent<'_> {
    /// What it is called: its name, or `METHOD path`.
    pub(super) fn name(&self) -> String {
        match &self.call.name {
            Some(name) => name.to_string(),
            None => format!("{} {}", self.method, self.call.path),
        }
    }

    /// Whether another step of a journey sends the same.
    pub(super) fn is_same(&self, method: &str, call: &Call) -> bool {
        self.method == method && self.call == call
    }
}

/// Of any load.
pub(super) struct LoadParts<'s> {
    pub(super) entry: &'s Load,
    pub(super) kind: LoadKind,
    pub(super) trail: Trail,
    pub(super) at: Option<&'s Moment>,
    /// When it ends, where that is written instead of its length.
    pub(super) until: Option<&'s Moment>,
    /// What stages, steps and `duration` come to: the least where `until` says, 0 where only it does.
    pub(super) lasts_us: u64,
    pub(super) spread: Spread,
    pub(super) to: Option<&'s Name>,
    pub(super) client: &'s Client,
    /// Each once, however often a journey sends it.
    pub(super) sent: Vec<Sent<'s>>,
    /// The steps of each user or arrival, those of flows in their place; empty where requests are
    /// independent.
    pub(super) journey: Vec<flows::Placed<'s>>,
    /// How many stretches or steps it has.
    pub(super) stages: usize,
}

/// The trail of a load's settings.
pub(super) fn load_trail(name: &Name, kind: &str) -> Trail {
    Trail::root().key("load").key(name.as_str()).key(kind)
}

/// The trail of an objective's settings.
pub(super) fn objective_trail(name: &Name, kind: &str) -> Trail {
    Trail::root().key("objectives").key(name.as_str()).key(kind)
}

fn load<'s>(name: &Name, entry: &'s Load, scenario: &'s Scenario) -> LoadParts<'s> {
    let trail = |kind| load_trail(name, kind);
    macro_rules! open {
        ($kind:literal, $load:expr, $lasts_us:expr, $stages:expr) => {{
            let trail = trail($kind);
            let journey = flows::expand(&$load.journey, &trail.key("journey"), scenario);
            let sent = match $load.journey.is_empty() {
                true => requests(&$load.requests, &trail.key("requests")),
                false => steps(&journey),
            };
            LoadParts {
                entry,
                kind: LoadKind::Open,
                sent,
                trail,
                at: $load.at.as_ref(),
                until: None,
                lasts_us: $lasts_us,
                spread: $load.arrivals,
                to: $load.to.as_ref(),
                client: &$load.client,
                journey,
                stages: $stages,
            }
        }};
    }
    macro_rules! users {
        ($kind:literal, $load:expr, $lasts_us:expr, $stages:expr) => {{
            let trail = trail($kind);
            let journey = flows::expand(&$load.journey, &trail.key("journey"), scenario);
            LoadParts {
                entry,
                kind: LoadKind::Users,
                sent: steps(&journey),
                trail,
                at: None,
                until: None,
                lasts_us: $lasts_us,
                spread: Spread::Even,
                to: $load.to.as_ref(),
                client: &$load.client,
                journey,
                stages: $stages,
            }
        }};
    }
    let sum = |lengths: &mut dyn Iterator<Item = Duration>| {
        lengths.fold(0_u64, |sum, length| sum.saturating_add(length.us))
    };
    match entry {
        Load::ConstantArrivalRate(load) => {
            let lasts_us = load.duration.map_or(0, |duration| duration.us);
            let parts = open!("constant-arrival-rate", load, lasts_us, 1);
            let until = load.until.as_ref().filter(|_| load.duration.is_none());
            LoadParts { until, ..parts }
        }
        Load::RampingArrivalRate(load) => {
            let lasts_us = sum(&mut load.stages.iter().map(|stage| stage.duration));
            let parts = open!("ramping-arrival-rate", load, lasts_us, load.stages.len());
            LoadParts { until: load.until.as_ref(), ..parts }
        }
        Load::SteppingArrivalRate(load) => {
            let stairs = Stairs::of(load);
            let steps = usize::try_from(stairs.count).unwrap_or(usize::MAX);
            let parts = open!("stepping-arrival-rate", load, stairs.all_us(), steps);
            LoadParts { until: load.until.as_ref(), ..parts }
        }
        Load::ReplayLog(load) => LoadParts {
            entry,
            kind: LoadKind::Open,
            sent: Vec::new(),
            trail: trail("replay-log"),
            at: load.at.as_ref(),
            lasts_us: load.duration.us,
            until: None,
            spread: Spread::Even,
            to: load.to.as_ref(),
            client: &load.client,
            journey: Vec::new(),
            stages: 1,
        },
        Load::ConstantVus(load) => {
            let mut parts = users!("constant-vus", load, load.duration.us, 1);
            if load.journey.is_empty() {
                parts.sent = requests(&load.requests, &parts.trail.key("requests"));
            }
            parts
        }
        Load::RampingVus(load) => {
            let lasts_us = sum(&mut load.stages.iter().map(|stage| stage.duration));
            users!("ramping-vus", load, lasts_us, load.stages.len())
        }
        Load::SharedIterations(load) => {
            users!("shared-iterations", load, load.max_duration.us, 1)
        }
    }
}

fn requests<'s>(requests: &'s [Request], trail: &Trail) -> Vec<Sent<'s>> {
    let entries = requests.iter().enumerate();
    entries.map(|(at, request)| sent(request, &trail.index(at))).collect()
}

/// A request; `trail` leads to its method.
pub(super) fn sent<'s>(request: &'s Request, trail: &Trail) -> Sent<'s> {
    let (method, key, call) = match request {
        Request::Get(call) => ("GET", "get", call),
        Request::Post(call) => ("POST", "post", call),
        Request::Put(call) => ("PUT", "put", call),
        Request::Patch(call) => ("PATCH", "patch", call),
        Request::Delete(call) => ("DELETE", "delete", call),
        Request::Head(call) => ("HEAD", "head", call),
        Request::Options(call) => ("OPTIONS", "options", call),
    };
    Sent { trail: trail.key(key), method, call }
}

/// What a load of either kind sends: the steps of a journey, and independent requests.
pub(super) fn either(entry: &Load) -> (&[Step], &[Request]) {
    match entry {
        Load::ConstantArrivalRate(load) => (&load.journey, &load.requests),
        Load::RampingArrivalRate(load) => (&load.journey, &load.requests),
        Load::SteppingArrivalRate(load) => (&load.journey, &load.requests),
        Load::ReplayLog(_) => (&[], &[]),
        Load::ConstantVus(load) => (&load.journey, &load.requests),
        Load::RampingVus(load) => (&load.journey, &[]),
        Load::SharedIterations(load) => (&load.journey, &[]),
    }
}

/// The request of a step; none of a pause.
pub(super) fn step(step: &Step) -> Option<(&'static str, &'static str, &Call)> {
    Some(match step {
        Step::Get(call) => ("GET", "get", call),
        Step::Post(call) => ("POST", "post", call),
        Step::Put(call) => ("PUT", "put", call),
        Step::Patch(call) => ("PATCH", "patch", call),
        Step::Delete(call) => ("DELETE", "delete", call),
        Step::Head(call) => ("HEAD", "head", call),
        Step::Options(call) => ("OPTIONS", "options", call),
        Step::Pause(_) | Step::Use(_) => return None,
    })
}

/// The request of a step of a setup; none of anything else.
pub(super) fn preparation(step: &Preparation) -> Option<(&'static str, &'static str, &Call)> {
    Some(match step {
        Preparation::Get(call) => ("GET", "get", call),
        Preparation::Post(call) => ("POST", "post", call),
        Preparation::Put(call) => ("PUT", "put", call),
        Preparation::Patch(call) => ("PATCH", "patch", call),
        Preparation::Delete(call) => ("DELETE", "delete", call),
        Preparation::Head(call) => ("HEAD", "head", call),
        Preparation::Options(call) => ("OPTIONS", "options", call),
        Preparation::Use(_) | Preparation::Command(_) | Preparation::ForEach(_) => return None,
    })
}

fn steps<'s>(journey: &[flows::Placed<'s>]) -> Vec<Sent<'s>> {
    let mut sent: Vec<Sent<'s>> = Vec::new();
    for placed in journey {
        let Some((method, key, call)) = step(placed.step) else { continue };
        if !sent.iter().any(|earlier| earlier.is_same(method, call)) {
            sent.push(Sent { trail: placed.trail.key(key), method, call });
        }
    }
    sent
}

/// The loads in the order of [`assay_slo::Case::loads`]: arrivals first, then users, each in the
/// order of the scenario.
pub(super) fn loads(scenario: &Scenario) -> Vec<(&str, LoadParts<'_>)> {
    let all =
        || scenario.load.iter().map(|(name, entry)| (name.as_str(), load(name, entry, scenario)));
    let of = |kind: LoadKind| all().filter(move |(_, parts)| parts.kind == kind);
    of(LoadKind::Open).chain(of(LoadKind::Users)).collect()
}

/// How long a fleet's devices sample, µs.
pub(super) fn fleet_lasts_us(fleet: &Fleet) -> u64 {
    match (fleet.duration, fleet.samples) {
        (Some(duration), _) => duration.us,
        (None, Some(samples)) => samples.0.saturating_mul(fleet.every.us),
        (None, None) => 0,
    }
}

/// The trail of a fleet's settings.
pub(super) fn fleet_trail(name: &str) -> Trail {
    Trail::root().key("fleets").key(name)
}

/// What stands under a fleet's own requests: of the samples, and of the features where the
/// profile's own payload is sent.
pub(super) fn fleet_requests(name: &str, fleet: &Fleet) -> Vec<String> {
    let features = fleet.send.is_none().then(|| format!("{name} features"));
    [name.to_owned()].into_iter().chain(features).collect()
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
    macro_rules! parts {
        ($kind:literal, $objective:expr) => {
            ObjectiveParts {
                trail: objective_trail(name, $kind),
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
        Objective::Throughput(objective) => parts!("throughput", objective),
        Objective::LatencyChange(objective) => parts!("latency-change", objective),
        Objective::ErrorRateChange(objective) => parts!("error-rate-change", objective),
        Objective::Openslo(_) => ObjectiveParts {
            trail: objective_trail(name, "openslo"),
            of: None,
            during: None,
            per_request: false,
            advisory: false,
        },
        Objective::Capacity(objective) => ObjectiveParts {
            trail: objective_trail(name, "capacity"),
            of: None,
            during: None,
            per_request: false,
            advisory: objective.advisory.0,
        },
    }
}

/// The trail of an expectation's settings, `at` its place in the list.
pub(super) fn expect_trail(at: usize, expect: &Expect) -> Trail {
    let kind = match expect {
        Expect::Recovers(_) => "recovers",
        Expect::Unaffected(_) => "unaffected",
        Expect::Answers(_) => "answers",
        Expect::Breaker(_) => "breaker",
        Expect::Ledger(_) => "ledger",
        Expect::Backlog(_) => "backlog",
        Expect::Goodput(_) => "goodput",
        Expect::Amplification(_) => "amplification",
        Expect::Herd(_) => "herd",
        Expect::Metric(_) => "metric",
        Expect::Settles(_) => "settles",
        Expect::Ready(_) => "ready",
        Expect::Reconciles(_) => "reconciles",
        Expect::Log(_) => "log",
    };
    Trail::root().key("expect").index(at).key(kind)
}
