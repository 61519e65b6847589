//! What stops a run: the scenario's guards, and the one that every run has.
//!
//! Not here: after how long a run is stopped anyway (`guards`).

use super::metrics::known_service;
use super::notes::Notes;
use super::{MOST_RUN_US, expect, headers, positive, requests};
use crate::plan::guard::{Guard, HttpLook};
use crate::plan::text::literal;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Quantity};
use crate::spec::types::{Scenario, StopWhen};
use assay_slo::case::Limits;

/// All guards, in the order of the scenario; the default one last.
pub(super) fn compile(scenario: &Scenario, notes: &mut Notes<'_>) -> Vec<Guard> {
    let trail = Trail::root().key("guards").key("stop-when");
    let written = scenario.guards.stop_when.iter().enumerate();
    let compiled = written.filter_map(|(at, one)| guard(one, scenario, &trail.index(at), notes));
    let mut guards: Vec<Guard> = compiled.collect();
    guards.push(Guard::DEFAULT);
    guards
}

fn hold(length: Duration, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    positive(length, MOST_RUN_US, trail, notes)
}

fn guard(
    written: &StopWhen,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Guard> {
    Some(match written {
        StopWhen::ErrorRate(one) => {
            let trail = trail.key("error-rate");
            let hold_us = hold(one.hold, &trail.key("hold"), notes);
            Guard::ErrorRate { above: one.above.0, hold_us, outside_faults: false }
        }
        StopWhen::Lag(one) => {
            let trail = trail.key("lag");
            let hold_us = hold(one.hold, &trail.key("hold"), notes);
            Guard::Lag { above_us: one.above.us, hold_us }
        }
        StopWhen::Metric(one) => {
            let trail = trail.key("metric");
            let metric = expect::index(&one.name, scenario, &trail.key("name"), notes);
            let hold_us = hold(one.hold, &trail.key("hold"), notes);
            if one.above.is_none() && one.below.is_none() {
                let message = "it never stops anything".to_owned();
                notes.entry(&trail, message, "write above or below");
            }
            let mut limit = |quantity: Option<Quantity>, key: &str| {
                let quantity = quantity?;
                expect::check_unit(quantity, &one.name, scenario, &trail.key(key), notes);
                Some(quantity.value())
            };
            // Above it is outside: at most it is inside.
            let at_most = limit(one.above, "above");
            let at_least = limit(one.below, "below");
            let limits = Limits { at_most, at_least, ..Limits::default() };
            Guard::Metric { metric: metric?, limits, hold_us }
        }
        StopWhen::Probe(one) => {
            let trail = trail.key("probe");
            let known: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
            known_service(&one.service, &known, &trail.key("service"), notes);
            let path = literal(&one.path);
            headers::check_path(&path, &trail.key("path"), notes);
            let hold_us = hold(one.fails_for, &trail.key("fails-for"), notes);
            let status = one.status.as_ref().map_or(vec![(200, 299)], requests::ranges);
            let service = one.service.to_string();
            let name = format!("guard: GET {path} of {service}");
            Guard::Probe { name, look: HttpLook { service, path, status }, hold_us }
        }
    })
}
