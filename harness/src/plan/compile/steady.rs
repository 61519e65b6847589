//! The steady-state gate: what must hold before the first fault, and again after the last.
//!
//! Not here: the gate's decision (crate slo), asking probes (`probe`).

use super::metrics::known_service;
use super::notes::Notes;
use super::{MOST_RUN_US, command, expect, headers, names, positive, requests};
use crate::plan::guard::{HttpLook, Look};
use crate::plan::text::literal;
use crate::plan::{Fault, Probe};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{self, Scenario};
use assay_slo::case::{During, Objective, SteadyState};
use assay_slo::time::SECOND_US;

/// How far the gate looks back, µs; it needs at least a second.
const LOOK_US: u64 = 5 * SECOND_US;

/// The gate and its probes; no gate without faults. `times` is when the load ends, µs after time
/// 0, if all starts are known.
pub(super) fn compile(
    scenario: &Scenario,
    objectives: &[Objective],
    faults: &[Fault],
    times: Option<u64>,
    notes: &mut Notes<'_>,
) -> (Option<SteadyState>, Vec<Probe>) {
    let root = Trail::root();
    let trail = root.key("steady-state");
    let written = scenario.steady_state.as_ref();
    let probes = written.map(|gate| probes(gate, scenario, &trail, notes)).unwrap_or_default();
    let Some(last) = faults.iter().max_by_key(|fault| fault.ends_us()) else {
        if written.is_some() && !notes.left_out().touches("faults") {
            let message = "without a fault there is no gate to pass".to_owned();
            notes.entry(&trail, message, "leave it out, or write a fault");
        }
        return (None, probes);
    };
    if times.is_some() {
        check_first(faults, notes);
    }
    let require = match written.and_then(|gate| gate.require.as_ref()) {
        Some(names) => {
            let named = names.iter().enumerate().filter_map(|(at, name)| {
                let way = trail.key("require").index(at);
                let index = names::objective(name, scenario, &way, notes)?;
                let is_certain = !notes.left_out().touches_entry("objectives", name.as_str());
                if is_certain && !objectives.get(index).is_some_and(covers_steady) {
                    let message = format!("`{name}` does not cover the phase `steady`");
                    notes.value(&way, message, "name objectives that do");
                }
                Some(index)
            });
            named.collect()
        }
        None => {
            let all = objectives.iter().enumerate();
            let gating =
                all.filter(|(_, one)| covers_steady(one) && !one.advisory && !one.criterion);
            gating.map(|(index, _)| index).collect()
        }
    };
    let after_us = written.and_then(|gate| gate.after).map_or(last.recovery_us, |after| {
        let after_us = positive(after, MOST_RUN_US, &trail.key("after"), notes);
        if let Some(ends_us) = times {
            check_after(last, after_us, ends_us, &trail.key("after"), notes);
        }
        after_us
    });
    let place = match (written, scenario.faults.keys().next()) {
        (None, Some(first)) => root.key("faults").key(first.as_str()),
        _ => trail,
    };
    (Some(SteadyState { require, after_us, place: notes.place(&place) }), probes)
}

fn covers_steady(objective: &Objective) -> bool {
    objective.during.iter().any(|during| matches!(during, During::Steady | During::All))
}

/// The gate looks at whole seconds before the first fault.
fn check_first(faults: &[Fault], notes: &mut Notes<'_>) {
    let Some(first) = faults.iter().min_by_key(|fault| fault.starts_us) else { return };
    let starts = Duration { us: first.starts_us };
    // A second's requests are handed over just after its end: the first is known at 2 s.
    if first.starts_us < 2 * SECOND_US {
        let trail = Trail::root().key("faults").key(&first.name);
        let message = format!("`{}` starts before the steady state can be looked at", first.name);
        notes.entry(&trail, message, "start it at 2s or later, better at 5s");
    } else if first.starts_us < LOOK_US {
        notes.warn(format!(
            "the steady-state gate sees only {starts} before `{}` starts; it looks at the last 5s",
            first.name
        ));
    }
}

fn check_after(last: &Fault, after_us: u64, ends_us: u64, trail: &Trail, notes: &mut Notes<'_>) {
    let ended = last.ends_us();
    let looks = ended.saturating_add(after_us);
    if looks > ends_us {
        let [ended, looks, ends] = [ended, looks, ends_us].map(|us| Duration { us });
        let message = format!(
            "`{}` ends at {ended}, so this looks at {looks}, but the load ends at {ends}",
            last.name
        );
        notes.value(trail, message, "write a shorter time, or let the load run longer");
    }
}

fn probes(
    gate: &types::SteadyState,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<Probe> {
    let compiled =
        gate.probes.iter().enumerate().filter_map(|(at, probe)| {
            probe_of(probe, scenario, &trail.key("probes").index(at), notes)
        });
    compiled.collect()
}

fn probe_of(
    probe: &types::Probe,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Probe> {
    Some(match probe {
        types::Probe::Http(probe) => {
            let trail = trail.key("http");
            let known: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
            known_service(&probe.service, &known, &trail.key("service"), notes);
            let path = literal(&probe.path);
            headers::check_path(&path, &trail.key("path"), notes);
            let name = format!("GET {path} of {}", probe.service);
            let service = probe.service.to_string();
            let status = probe.status.as_ref().map_or(vec![(200, 299)], requests::ranges);
            Probe { name, look: Look::Http(HttpLook { service, path, status }) }
        }
        types::Probe::Metric(probe) => {
            let trail = trail.key("metric");
            let metric = expect::index(&probe.name, scenario, &trail.key("name"), notes);
            let written = types::Limits {
                below: probe.below,
                at_most: probe.at_most,
                above: probe.above,
                at_least: probe.at_least,
            };
            let limits = expect::limits(&written, &probe.name, scenario, &trail, notes);
            Probe {
                name: format!("metric {}", probe.name),
                look: Look::Metric { metric: metric?, limits },
            }
        }
        types::Probe::Command(probe) => {
            let words =
                command::words(&probe.run, probe.shell.as_ref(), &trail.key("command"), notes);
            let shown: Vec<&str> = words.iter().map(|word| word.0.as_str()).collect();
            Probe { name: format!("`{}`", shown.join(" ")), look: Look::Command(words) }
        }
    })
}
