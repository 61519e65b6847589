//! Lines that are looked for in services' output: by expectations, and for breakers' evidence.
//!
//! Invariant: each pair of service and pattern is one entry of [`assay_slo::Case::logs`]; the order
//! follows from the scenario alone, so that whoever names one finds it.
//! Invariant: what goes where nobody reads it is refused, not found empty.
//! Not here: reading (`service`), what is expected of the lines (`expect`).

use super::asked::regex;
use super::metrics::known_service;
use super::notes::Notes;
use crate::plan::text::literal;
use crate::plan::{Service, ServiceKind};
use crate::spec::Trail;
use crate::spec::scalar::{Name, Words};
use crate::spec::types::{self, BreakerEvidence, Expect, Scenario};
use assay_slo::case;

/// Through an engine a line takes so much longer, µs.
const THROUGH_ENGINE_US: u64 = 500_000;

/// A place where lines are asked for.
struct Place<'s> {
    /// To its settings.
    trail: Trail,
    service: &'s Name,
    /// By their keys.
    patterns: Vec<(&'static str, &'s Words)>,
}

/// Every place where lines are asked for, in the order of the scenario.
fn places(scenario: &Scenario) -> Vec<Place<'_>> {
    let asked = scenario.expect.iter().enumerate().filter_map(|(at, expect)| match expect {
        Expect::Log(log) => {
            let trail = super::parts::expect_trail(at, expect);
            Some(Place { trail, service: &log.service, patterns: vec![("pattern", &log.pattern)] })
        }
        _ => None,
    });
    let told = scenario.breakers.iter().flat_map(|(name, breaker)| {
        let trail = Trail::root().key("breakers").key(name.as_str()).key("evidence");
        breaker.evidence.iter().enumerate().filter_map(move |(at, evidence)| match evidence {
            BreakerEvidence::Log(log) => {
                let patterns = vec![("opened", &log.opened), ("closed", &log.closed)];
                let trail = trail.index(at).key("log");
                Some(Place { trail, service: &log.service, patterns })
            }
            _ => None,
        })
    });
    asked.chain(told).collect()
}

/// All lines that are looked for, each once.
fn listed(scenario: &Scenario) -> Vec<(&Name, String)> {
    let mut listed: Vec<(&Name, String)> = Vec::new();
    for Place { service, patterns, .. } in places(scenario) {
        for (_, pattern) in patterns {
            let one = (service, literal(pattern));
            if !listed.contains(&one) {
                listed.push(one);
            }
        }
    }
    listed
}

/// The index of lines in [`assay_slo::Case::logs`].
pub(super) fn index(scenario: &Scenario, service: &Name, pattern: &Words) -> Option<usize> {
    let wanted = (service, literal(pattern));
    listed(scenario).iter().position(|one| *one == wanted)
}

/// The logs, as the judge knows them.
pub(super) fn compile(
    scenario: &Scenario,
    services: &[Service],
    notes: &mut Notes<'_>,
) -> Vec<case::Log> {
    for Place { trail, service, patterns } in places(scenario) {
        check_service(service, scenario, &trail.key("service"), notes);
        for (key, pattern) in patterns {
            check_pattern(pattern, &trail.key(key), notes);
        }
    }
    let is_held = |name: &Name| {
        let kind = services.iter().find(|one| one.name == name.as_str()).map(|one| &one.kind);
        matches!(kind, Some(ServiceKind::Process(process)) if process.held.is_some())
    };
    let logs = listed(scenario).into_iter().map(|(service, pattern)| case::Log {
        service: service.to_string(),
        pattern,
        slack_us: if is_held(service) { THROUGH_ENGINE_US } else { 0 },
    });
    logs.collect()
}

/// Only of what we start do we have the output.
fn check_service(name: &Name, scenario: &Scenario, trail: &Trail, notes: &mut Notes<'_>) {
    let known: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
    if !known_service(name, &known, trail, notes) {
        return;
    }
    let what = match scenario.services.get(name) {
        Some(types::Service::Url(_)) => "a URL",
        Some(types::Service::RunningProcess(_)) => "a process that runs already",
        Some(types::Service::RunningContainer(_)) => "a container that runs already",
        Some(types::Service::Process(_) | types::Service::Container(_)) | None => return,
    };
    let message = format!("`{name}` is {what}: its output goes where nobody here reads it");
    let help =
        "only services that assay starts have their log read: write `process:` or `container:`";
    notes.value(trail, message, help);
}

fn check_pattern(pattern: &Words, trail: &Trail, notes: &mut Notes<'_>) {
    let Some(regex) = regex(pattern, trail, notes) else { return };
    if regex.is_match("") {
        let message = format!("every line fits `{}`", literal(pattern).escape_debug());
        notes.value(trail, message, "write what only the lines have that you mean");
    }
}
