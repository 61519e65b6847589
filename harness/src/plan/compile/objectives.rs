//! Objectives: what must hold, for which requests, when; but for capacities (`capacities`).
//!
//! Not here: whether the load can decide them (`feasible`).

use super::notes::Notes;
use super::{MOST_WAIT_US, names, parts, positive, terms, throughput};
use crate::plan::marks::Marks;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Name, Ratio};
use crate::spec::types::{self, Scenario};
use assay_slo::Share;
use assay_slo::case::{self, Ask, Clock, During, LoadKind, Objective, Of, Production};
use std::collections::BTreeMap;

/// One-sided confidence unless the scenario says.
const CONFIDENCE: Share = Share(950_000_000);
/// One half: a verdict at this confidence is a coin's.
const HALF: Share = Share(500_000_000);
/// Length of an availability slice unless the scenario says.
const SLICE: Duration = Duration { us: 1_000_000 };
/// A slice is good with this share ok unless the scenario says.
const SLICE_TARGET: Share = Share(950_000_000);
/// A slice is valid with so many requests due unless the scenario says.
const SLICE_LEAST: u64 = 5;

/// The phases that an objective covers unless the scenario says.
const COVERED: [During; 2] = [During::Steady, During::After];

/// The objectives, in the order of the scenario.
pub(super) fn compile(
    scenario: &Scenario,
    loads: &[case::Load],
    marks: &mut Marks,
    notes: &mut Notes<'_>,
) -> Vec<Objective> {
    scenario
        .objectives
        .iter()
        .filter(|(_, one)| !matches!(one, types::Objective::Capacity(_)))
        .map(|(name, one)| objective(name, one, scenario, loads, marks, notes))
        .collect()
}

/// What SLO files say of production goes to the objectives that came from them.
pub(super) fn promised(objectives: &mut [Objective], production: &BTreeMap<String, Production>) {
    for one in objectives {
        one.production = production.get(&one.name).cloned();
    }
}

fn objective(
    name: &Name,
    written: &types::Objective,
    scenario: &Scenario,
    loads: &[case::Load],
    marks: &mut Marks,
    notes: &mut Notes<'_>,
) -> Objective {
    let parts = parts::objective(name, written);
    let ask = ask(written, &parts.trail, marks, notes);
    let given = match written {
        types::Objective::Latency(latency) => latency.confidence,
        types::Objective::ErrorRate(errors) => errors.confidence,
        types::Objective::ErrorCount(one) => one.confidence,
        types::Objective::Availability(one) => one.confidence,
        types::Objective::Throughput(one) => one.confidence,
        types::Objective::LatencyChange(one) => one.confidence,
        types::Objective::ErrorRateChange(one) => one.confidence,
        types::Objective::Capacity(_) | types::Objective::Openslo(_) => None,
    };
    let limit_us = limit_us(&ask);
    let of = names::of(parts.of, loads, &parts.trail.key("of"), notes);
    match written {
        types::Objective::Latency(latency) => {
            check_clock(name, latency.clock, &of, loads, &parts.trail, notes);
        }
        types::Objective::LatencyChange(change) => {
            check_clock(name, change.clock, &of, loads, &parts.trail, notes);
        }
        _ => {}
    }
    if let Ask::Throughput { at_least } = ask {
        throughput::check(name, at_least, (&of, loads), &parts.trail, notes);
    }
    terms::without_effect(name, written, notes);
    Objective {
        name: name.to_string(),
        place: notes.place(&Trail::root().key("objectives").key(name.as_str())),
        ask,
        of,
        during: names::during(parts.during, &COVERED, scenario, &parts.trail.key("during"), notes),
        per_request: parts.per_request,
        advisory: parts.advisory,
        confidence: confidence(given, &parts.trail, notes),
        late_mark: marks.late(limit_us),
        criterion: false,
        terms: terms::compile(written, &parts.trail, notes),
        production: None,
    }
}

/// Users and fleets send when they are ready to, so their requests are due when they are begun:
/// there is only the service clock, and who asks for it must say so.
fn check_clock(
    name: &Name,
    clock: Option<types::Clock>,
    of: &[Of],
    loads: &[case::Load],
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let covers = |is_open: bool| {
        let of = of.iter().filter_map(|of| loads.get(of.load));
        let mut of = of.filter(|load| (load.kind == LoadKind::Open) == is_open);
        of.next().map(|load| load.name.as_str())
    };
    let (open, closed) = (covers(true), covers(false));
    let (Some(closed), None | Some(types::Clock::Response | types::Clock::FirstByte)) =
        (closed, clock)
    else {
        return;
    };
    match open {
        Some(open) => notes.entry(
            trail,
            format!(
                "`{name}` covers `{open}`, timed from when requests are due, and `{closed}`, timed \
                 from when they are begun"
            ),
            format!(
                "write an objective for each, with `of:`; that of `{closed}` with `clock: service`"
            ),
        ),
        None => notes.entry(
            trail,
            format!("`{closed}` has only the service clock, and `{name}` does not say so"),
            "write `clock: service`: who waits for answers before asking again hides how long \
             arrivals would have waited",
        ),
    }
}

/// The limit of latency of an objective that has one.
pub(super) fn limit_us(ask: &Ask) -> Option<u64> {
    match ask {
        Ask::Latency { below_us, .. } => Some(*below_us),
        Ask::ErrorRate { .. }
        | Ask::ErrorCount { .. }
        | Ask::Availability { .. }
        | Ask::Throughput { .. }
        | Ask::LatencyChange { .. }
        | Ask::ErrorRateChange { .. } => None,
    }
}

fn confidence(given: Option<Ratio>, trail: &Trail, notes: &mut Notes<'_>) -> Share {
    let confidence = given.map_or(CONFIDENCE, |ratio| ratio.0);
    if confidence <= HALF || confidence >= Share::ONE {
        let message = format!("a confidence of {confidence} decides nothing");
        notes.value(&trail.key("confidence"), message, "write one above 50% and below 100%");
    }
    confidence
}

fn ask(written: &types::Objective, trail: &Trail, marks: &mut Marks, notes: &mut Notes<'_>) -> Ask {
    match written {
        types::Objective::Latency(latency) => {
            let below_us = positive(latency.below, MOST_WAIT_US, &trail.key("below"), notes);
            let clock = clock(latency.clock);
            // Both are counted: what may be met, and what is the service's own, for an ill generator.
            let [mark, service_mark] =
                [clock.seen(), clock.begun()].map(|clock| marks.below(clock, below_us));
            Ask::Latency { percentile: latency.percentile.0, below_us, clock, mark, service_mark }
        }
        types::Objective::ErrorRate(errors) => {
            let below = errors.below.0;
            match below {
                Share(0) => {
                    let message = "no share is below 0%".to_owned();
                    let help = "for no error at all write `error-count: {at-most: 0}`";
                    notes.value(&trail.key("below"), message, help);
                }
                Share::ONE => {
                    let message = "an error rate below 100% asks for one good request".to_owned();
                    notes.value(&trail.key("below"), message, "write a limit such as 0.1%");
                }
                _ => {}
            }
            Ask::ErrorRate { below }
        }
        types::Objective::ErrorCount(errors) => Ask::ErrorCount { at_most: errors.at_most.0 },
        types::Objective::Availability(seconds) => availability(seconds, trail, notes),
        types::Objective::Throughput(much) => {
            Ask::Throughput { at_least: throughput::pace(much.at_least) }
        }
        types::Objective::LatencyChange(change) => Ask::LatencyChange {
            percentile: change.percentile.0,
            at_most: change.at_most.0,
            clock: clock(change.clock),
        },
        types::Objective::ErrorRateChange(change) => {
            Ask::ErrorRateChange { at_most: change.at_most.0 }
        }
        // A file that can be named has been read, and its objectives stand in its place.
        types::Objective::Openslo(_) => {
            let message = "`file` is no path".to_owned();
            notes.value(&trail.key("file"), message, "write the path of a file of OpenSLO v1");
            Ask::ErrorCount { at_most: 0 }
        }
        // Compiled elsewhere: it asks for other objectives.
        types::Objective::Capacity(_) => Ask::ErrorCount { at_most: 0 },
    }
}

fn clock(written: Option<types::Clock>) -> Clock {
    match written {
        None | Some(types::Clock::Response) => Clock::Response,
        Some(types::Clock::Service) => Clock::Service,
        Some(types::Clock::FirstByte) => Clock::FirstByte,
    }
}

fn availability(
    written: &types::AvailabilityObjective,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Ask {
    let slice = written.slice.unwrap_or(SLICE);
    let slice_us = positive(slice, MOST_WAIT_US, &trail.key("slice"), notes);
    if !slice_us.is_multiple_of(assay_slo::time::SECOND_US) {
        let message = format!("a slice of {slice} is not in whole seconds");
        notes.value(&trail.key("slice"), message, "write 1s, 2s, …");
    }
    let mut above_zero = |ratio: Option<Ratio>, default: Share, key: &str| {
        let share = ratio.map_or(default, |ratio| ratio.0);
        if share.0 == 0 {
            let message = "0% asks for nothing".to_owned();
            notes.value(&trail.key(key), message, "write a share such as 99.9%");
        }
        share
    };
    let at_least = above_zero(Some(written.at_least), Share::ONE, "at-least");
    let slice_target = above_zero(written.slice_target, SLICE_TARGET, "slice-target");
    let slice_least = written.slice_least.map_or(SLICE_LEAST, |least| least.0);
    if slice_least == 0 {
        let message = "a slice without requests says nothing".to_owned();
        notes.value(&trail.key("slice-least"), message, "write at least 1");
    }
    let slice_s = (slice_us / assay_slo::time::SECOND_US).max(1);
    Ask::Availability { at_least, slice_s, slice_target, slice_least }
}
