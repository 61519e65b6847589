//! Capacities, and the objectives that are judged for each step of a load.
//!
//! Invariant: an objective that a capacity or a load names is a criterion, and never also judged
//! for the run.
//! Not here: whether steps have enough requests (`feasible`), how a load steps (`stairs`).

use super::names;
use super::notes::{Notes, list};
use super::parts;
use crate::plan::words::rate;
use crate::spec::Trail;
use crate::spec::scalar::{Name, Rate};
use crate::spec::types::{CapacityObjective, Load, Objective, Scenario};
use assay_slo::case::{self, Ask, Capacity};

/// The capacities, in the order of the scenario. Tells loads what stops them, and objectives that
/// they are criteria.
pub(super) fn compile(
    scenario: &Scenario,
    loads: &mut [case::Load],
    objectives: &mut [case::Objective],
    notes: &mut Notes<'_>,
) -> Vec<Capacity> {
    for (name, entry) in &scenario.load {
        let Load::SteppingArrivalRate(written) = entry else { continue };
        let Some(load) = loads.iter_mut().find(|load| load.name == name.as_str()) else { continue };
        let trail = parts::load_trail(name, "stepping-arrival-rate").key("stop-after");
        let named = written.stop_after.as_deref().unwrap_or_default();
        load.stop_after = criteria(named, &trail, scenario, objectives, notes);
    }
    let written = scenario.objectives.iter().filter_map(|(name, one)| match one {
        Objective::Capacity(capacity) => Some((name, capacity)),
        _ => None,
    });
    let capacities = written.map(|(name, written)| {
        let trail = parts::objective_trail(name, "capacity");
        let load = load(&written.of, &trail.key("of"), scenario, loads, notes);
        let steps = load.and_then(|index| loads.get(index)).map(|load| load.steps.as_slice());
        if let (Some(wanted), Some(steps)) = (written.at_least, steps) {
            check_wanted(wanted, steps, &trail.key("at-least"), notes);
        }
        Capacity {
            name: name.to_string(),
            place: notes.place(&Trail::root().key("objectives").key(name.as_str())),
            load: load.unwrap_or_default(),
            at_least_milli_per_min: written.at_least.map(|rate| rate.milli_per_min),
            criteria: criteria(&written.criteria, &trail.key("while"), scenario, objectives, notes),
            advisory: written.advisory.0,
        }
    });
    capacities.collect()
}

/// Whether an objective is judged for steps only.
pub(super) fn is_criterion(scenario: &Scenario, name: &Name) -> bool {
    let capacities = scenario.objectives.values().any(
        |one| matches!(one, Objective::Capacity(CapacityObjective { criteria, .. }) if criteria.contains(name)),
    );
    let stops = scenario.load.values().any(|entry| match entry {
        Load::SteppingArrivalRate(load) => {
            load.stop_after.as_ref().is_some_and(|stop| stop.contains(name))
        }
        _ => false,
    });
    capacities || stops
}

/// The index of a load that steps.
fn load(
    name: &Name,
    trail: &Trail,
    scenario: &Scenario,
    loads: &[case::Load],
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let steps = |entry: &Load| matches!(entry, Load::SteppingArrivalRate(_));
    let entries = scenario.load.iter().filter(|(_, entry)| steps(entry));
    let known: Vec<&str> = entries.map(|(name, _)| name.as_str()).collect();
    match scenario.load.get(name) {
        Some(entry) if steps(entry) => loads.iter().position(|load| load.name == name.as_str()),
        Some(_) => {
            let help = match known.as_slice() {
                [] => "write a load of type `stepping-arrival-rate`".to_owned(),
                _ => format!("name a load that does: {}", list(known)),
            };
            notes.value(trail, format!("`{name}` does not go up in steps"), help);
            None
        }
        None => {
            let message = format!("unknown load `{name}`");
            notes.unknown(trail, name.as_str(), message, (&["load"], "loads in steps"), &known);
            None
        }
    }
}

/// What is asked must be what some step has.
fn check_wanted(wanted: Rate, steps: &[case::Step], trail: &Trail, notes: &mut Notes<'_>) {
    let wanted = wanted.milli_per_min;
    if steps.is_empty() || steps.iter().any(|step| step.milli_per_min == wanted) {
        return;
    }
    let below = steps.iter().rfind(|step| step.milli_per_min < wanted);
    let above = steps.iter().find(|step| step.milli_per_min > wanted);
    let near: Vec<String> =
        below.into_iter().chain(above).map(|step| rate(step.milli_per_min)).collect();
    let message = format!("no step has {}", rate(wanted));
    notes.value(trail, message, format!("write {}", near.join(" or ")));
}

fn criteria(
    named: &[Name],
    trail: &Trail,
    scenario: &Scenario,
    objectives: &mut [case::Objective],
    notes: &mut Notes<'_>,
) -> Vec<usize> {
    let mut criteria = Vec::new();
    for (at, name) in named.iter().enumerate() {
        let trail = trail.index(at);
        let Some(index) = names::objective(name, scenario, &trail, notes) else { continue };
        let Some(objective) = objectives.get_mut(index) else { continue };
        objective.criterion = true;
        let message = match objective.ask {
            Ask::Availability { .. } => {
                Some(format!("`{name}` counts slices of a run, of which a step has too few"))
            }
            Ask::LatencyChange { .. } | Ask::ErrorRateChange { .. } => {
                Some(format!("`{name}` holds whole runs against each other, and a step is none"))
            }
            _ => None,
        };
        if let Some(message) = message {
            notes.value(&trail, message, "name an objective on latency or errors");
        }
        criteria.push(index);
    }
    criteria
}
