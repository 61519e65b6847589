//! Flows: steps that journeys share, put in the place of each `use`.
//!
//! Invariant: whatever flows use each other, expanding ends, and soon.
//! Not here: what a step is (`parts`, `users`).

use super::notes::Notes;
use super::parts;
use super::setup;
use crate::spec::Trail;
use crate::spec::scalar::Name;
use crate::spec::types::{Load, Preparation, Scenario, Step};

/// A step, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Placed<'s> {
    pub(super) trail: Trail,
    pub(super) step: &'s Step,
}

/// Steps of a journey, those of flows in their place and each `use` counted.
const MOST: usize = 1000;

/// The steps of a journey. Flows that are unknown or part of themselves are left out: they are
/// told by [`check`].
pub(super) fn expand<'s>(
    journey: &'s [Step],
    trail: &Trail,
    scenario: &'s Scenario,
) -> Vec<Placed<'s>> {
    expanded(journey, trail, scenario).steps
}

/// The steps of a flow, those of others in their place.
pub(super) fn of<'s>(name: &'s Name, scenario: &'s Scenario) -> Vec<Placed<'s>> {
    let mut expanding = Expanding { scenario, open: Vec::new(), seen: 0, steps: Vec::new() };
    if let Some(steps) = scenario.flows.get(name) {
        expanding.open.push(name.as_str());
        expanding.walk(steps, &flow(name.as_str()));
    }
    expanding.steps
}

fn expanded<'s>(journey: &'s [Step], trail: &Trail, scenario: &'s Scenario) -> Expanding<'s> {
    let mut expanding = Expanding { scenario, open: Vec::new(), seen: 0, steps: Vec::new() };
    expanding.walk(journey, trail);
    expanding
}

struct Expanding<'s> {
    scenario: &'s Scenario,
    /// Flows whose steps are being put in.
    open: Vec<&'s str>,
    seen: usize,
    steps: Vec<Placed<'s>>,
}

impl<'s> Expanding<'s> {
    fn walk(&mut self, steps: &'s [Step], trail: &Trail) {
        for (at, step) in steps.iter().enumerate() {
            self.seen += 1;
            if self.seen > MOST {
                return;
            }
            let trail = trail.index(at);
            let Step::Use(name) = step else {
                self.steps.push(Placed { trail, step });
                continue;
            };
            let Some(inner) = self.scenario.flows.get(name) else { continue };
            if !self.open.contains(&name.as_str()) {
                self.open.push(name.as_str());
                self.walk(inner, &flow(name.as_str()));
                self.open.pop();
            }
        }
    }
}

fn flow(name: &str) -> Trail {
    Trail::root().key("flows").key(name)
}

/// Checks that each `use` names a flow, and that no flow is part of itself.
pub(super) fn check(scenario: &Scenario, notes: &mut Notes<'_>) {
    let known: Vec<&str> = scenario.flows.keys().map(|name| name.as_str()).collect();
    for (trail, journey) in journeys(scenario) {
        // What comes after so many is not put in.
        if expanded(journey, &trail, scenario).seen > MOST {
            let message = format!("with its flows this journey has more than {MOST} steps");
            notes.entry(&trail, message, "write fewer steps, or more journeys");
        }
    }
    for (trail, name) in uses(scenario) {
        if !scenario.flows.contains_key(name) {
            let message = format!("unknown flow `{name}`");
            notes.unknown(&trail, name.as_str(), message, (&["flows"], "flows"), &known);
        }
    }
    for name in scenario.flows.keys() {
        if let Some(way) = way_back(name, scenario) {
            let message = format!("the flow `{name}` is part of itself: {}", way.join(" → "));
            notes.entry(&flow(name.as_str()), message, "leave one `use` out");
        }
    }
}

/// Whether a `use` names no flow, so that journeys lack steps.
pub(super) fn lacks(scenario: &Scenario) -> bool {
    uses(scenario).iter().any(|(_, name)| !scenario.flows.contains_key(*name))
}

/// All journeys of loads, and steps for each row.
fn journeys(scenario: &Scenario) -> Vec<(Trail, &[Step])> {
    let load = Trail::root().key("load");
    let journeys = scenario.load.iter().map(|(name, entry)| {
        let trail = load.key(name.as_str());
        let kind = match entry {
            Load::ConstantArrivalRate(_) => "constant-arrival-rate",
            Load::RampingArrivalRate(_) => "ramping-arrival-rate",
            Load::SteppingArrivalRate(_) => "stepping-arrival-rate",
            Load::ReplayLog(_) => "replay-log",
            Load::ConstantVus(_) => "constant-vus",
            Load::RampingVus(_) => "ramping-vus",
            Load::SharedIterations(_) => "shared-iterations",
        };
        (trail.key(kind).key("journey"), parts::either(entry).0)
    });
    let each = setup::lists(scenario).into_iter().flat_map(|(key, steps)| {
        steps.iter().enumerate().filter_map(move |(at, step)| match step {
            Preparation::ForEach(each) => {
                let trail = Trail::root().key(key).index(at).key("for-each").key("steps");
                Some((trail, each.steps.as_slice()))
            }
            _ => None,
        })
    });
    journeys.chain(each).collect()
}

/// All that is written after `use`.
fn uses(scenario: &Scenario) -> Vec<(Trail, &Name)> {
    let flows = scenario.flows.iter();
    let flows = flows.map(|(name, steps)| (flow(name.as_str()), steps.as_slice()));
    let mut all = Vec::new();
    for (key, steps) in setup::lists(scenario) {
        for (at, step) in steps.iter().enumerate() {
            if let Preparation::Use(name) = step {
                all.push((Trail::root().key(key).index(at).key("use"), name));
            }
        }
    }
    for (trail, steps) in journeys(scenario).into_iter().chain(flows) {
        for (at, step) in steps.iter().enumerate() {
            if let Step::Use(name) = step {
                all.push((trail.index(at).key("use"), name));
            }
        }
    }
    all
}

/// The shortest way from a flow back to itself.
fn way_back<'s>(name: &'s Name, scenario: &'s Scenario) -> Option<Vec<&'s str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![name.as_str()]];
    let mut next = 0;
    while let Some(way) = ways.get(next).cloned() {
        next += 1;
        let last = *way.last()?;
        for step in scenario.flows.get(last).into_iter().flatten() {
            let Step::Use(used) = step else { continue };
            let longer: Vec<&str> = way.iter().copied().chain([used.as_str()]).collect();
            if used == name {
                return Some(longer);
            }
            if ways.iter().all(|other| other.last() != Some(&used.as_str())) {
                ways.push(longer);
            }
        }
    }
    None
}
