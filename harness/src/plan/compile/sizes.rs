//! How many entries a scenario may have, so that no check takes long and no recursion goes deep.
//!
//! Invariant: checked before all others, which may be quadratic in the number of entries.
//! Not here: how long a file may be, how deep it may nest (`spec`).

use super::notes::Notes;
use super::parts;
use crate::spec::Trail;
use crate::spec::types::{Expect, Objective, Scenario, Service};

/// Entries of a section, items of a list, and requests of all loads together.
const MOST: usize = 500;

/// Whether everything is small enough; what is not has a problem then.
pub(super) fn check(scenario: &Scenario, notes: &mut Notes<'_>) -> bool {
    let root = Trail::root();
    let mut small = true;
    let mut limit = |trail: &Trail, entries: usize, what: &str| {
        if entries > MOST {
            let message = format!("{entries} {what} are too many");
            notes.entry(trail, message, format!("write at most {MOST}"));
            small = false;
        }
    };
    let sections = [
        ("services", scenario.services.len()),
        ("links", scenario.links.len()),
        ("data", scenario.data.len()),
        ("flows", scenario.flows.len()),
        ("setup", scenario.setup.len()),
        ("teardown", scenario.teardown.len()),
        ("load", scenario.load.len()),
        ("fleets", scenario.fleets.len()),
        ("faults", scenario.faults.len()),
        ("metrics", scenario.metrics.len()),
        ("breakers", scenario.breakers.len()),
        ("objectives", scenario.objectives.len()),
        ("expect", scenario.expect.len()),
        ("labels", scenario.labels.len()),
        ("allow", scenario.allow.len()),
    ];
    for (name, entries) in sections {
        limit(&root.key(name), entries, "entries");
    }
    for (name, service) in &scenario.services {
        let (kind, command, env) = match service {
            Service::Process(process) => ("process", process.command.len(), process.env.len()),
            Service::Container(held) => ("container", held.command.len(), held.env.len()),
            Service::Url(_) | Service::RunningProcess(_) | Service::RunningContainer(_) => {
                continue;
            }
        };
        let trail = root.key("services").key(name.as_str()).key(kind);
        limit(&trail.key("command"), command, "words");
        limit(&trail.key("env"), env, "variables");
    }
    let steps = scenario.flows.values().map(Vec::len).sum();
    limit(&root.key("flows"), steps, "steps");
    if steps > MOST {
        return false;
    }
    let loads = parts::loads(scenario);
    let sent = loads.iter().map(|(_, load)| load.sent.len().max(load.journey.len())).sum();
    limit(&root.key("load"), sent, "requests");
    for (_, parts) in &loads {
        let headers = parts.sent.iter().map(|sent| sent.call.headers.len());
        let headers = headers.chain([parts.client.headers.len()]).max().unwrap_or(0);
        limit(&parts.trail, headers, "headers");
        for sent in &parts.sent {
            let call = sent.call;
            let fields = call.form.as_ref().map_or(0, indexmap::IndexMap::len);
            let most = fields.max(call.check.len()).max(call.capture.len());
            limit(&sent.trail, most, "fields, checks or captures");
        }
        limit(&parts.trail, parts.stages, "stages or steps");
    }
    for (name, fleet) in &scenario.fleets {
        let send = fleet.send.as_ref().map(|send| parts::sent(send, &root));
        let headers = send.map_or(0, |sent| sent.call.headers.len());
        limit(&parts::fleet_trail(name.as_str()), headers.max(fleet.key.len()), "headers or keys");
    }
    for (name, breaker) in &scenario.breakers {
        let trail = root.key("breakers").key(name.as_str());
        limit(&trail, breaker.evidence.len(), "pieces of evidence");
    }
    for (name, fault) in &scenario.faults {
        let parts = parts::fault(name, fault, scenario);
        let matching = parts.matches.map_or(0, |one| one.method.len().max(one.headers.len()));
        let most = matching.max(parts.headers);
        limit(&parts.trail, most, "methods or headers");
    }
    for (name, objective) in &scenario.objectives {
        let parts = parts::objective(name, objective);
        let criteria = match objective {
            Objective::Capacity(one) => one.criteria.len(),
            _ => 0,
        };
        limit(&parts.trail, longest(parts.of, parts.during).max(criteria), "names");
    }
    limit(&root.key("guards"), scenario.guards.stop_when.len(), "guards");
    for (at, expect) in scenario.expect.iter().enumerate() {
        let names = match expect {
            Expect::Recovers(_)
            | Expect::Breaker(_)
            | Expect::Ledger(_)
            | Expect::Backlog(_)
            | Expect::Herd(_)
            | Expect::Settles(_)
            | Expect::Ready(_) => 0,
            Expect::Reconciles(one) => one.of.len(),
            Expect::Log(one) => one.during.as_ref().map_or(0, Vec::len),
            Expect::Metric(one) => one.during.as_ref().map_or(0, Vec::len),
            Expect::Goodput(one) => one.of.len(),
            Expect::Amplification(one) => longest(Some(&one.per), one.during.as_deref()),
            Expect::Unaffected(one) => {
                longest(Some(&one.of), one.during.as_deref()).max(one.keeps.len())
            }
            Expect::Answers(one) => longest(Some(&one.of), one.during.as_deref()),
        };
        limit(&root.key("expect").index(at), names, "names");
    }
    if let Some(gate) = &scenario.steady_state {
        let most = gate.probes.len().max(gate.require.as_ref().map_or(0, Vec::len));
        limit(&root.key("steady-state"), most, "names or probes");
    }
    small
}

fn longest<A, B>(of: Option<&[A]>, during: Option<&[B]>) -> usize {
    of.map_or(0, <[A]>::len).max(during.map_or(0, <[B]>::len))
}
