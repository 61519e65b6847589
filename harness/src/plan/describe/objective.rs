//! Objectives, with how many requests they can expect and how many they need.
//!
//! Not here: judging them (crate slo).

use super::short;
use crate::plan::compile::named;
use crate::plan::demand::{Demand, Known, by_name, demands};
use crate::plan::words::{count, rate, several, time};
use crate::plan::{Plan, Traffic};
use assay_slo::case::{Ask, Capacity, Case, Clock, LoadKind, Objective, Of, Pace};

pub(super) fn rows(plan: &Plan) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for objective in &plan.case.objectives {
        if objective.criterion {
            rows.push(criterion_row(objective, &plan.case));
            continue;
        }
        let (of, during) = (&objective.of, &objective.during);
        for demand in demands(objective, of, during, Traffic::of(plan), &plan.case) {
            let demand = demand.pooled(objective, plan.series.pooled());
            rows.push(demand_row(objective, &demand, &plan.case));
        }
    }
    rows.extend(plan.case.capacities.iter().map(|capacity| capacity_row(capacity, &plan.case)));
    if !rows.is_empty() {
        let heads = ["", "expected", "needed", "may fail", ""];
        rows.insert(0, heads.map(str::to_owned).to_vec());
    }
    rows
}

fn demand_row(objective: &Objective, demand: &Demand, case: &Case) -> Vec<String> {
    let number = |of: Option<u64>| of.map_or("-".to_owned(), count);
    let of = demand.name.as_deref().map_or_else(|| covered(&objective.of, case), short);
    let advisory = if objective.advisory { "; advisory" } else { "" };
    vec![
        objective.name.clone(),
        match demand.known {
            Known::Exactly => count(demand.expected),
            Known::About => format!("≈ {}", count(demand.expected)),
            Known::AtMost => format!("≤ {}", count(demand.expected)),
            Known::AtLeast => "?".to_owned(),
        },
        number(demand.least),
        number(demand.passes.filter(|_| demand.is_possible())),
        format!("{} of {of} during {}{advisory}", limit(objective), named(&objective.during, case)),
    ]
}

/// What is judged for each step, which makes a capacity or stops a load.
fn criterion_row(objective: &Objective, case: &Case) -> Vec<String> {
    let of = covered(&objective.of, case);
    let what = format!("{} of {of} in each step", limit(objective));
    vec![objective.name.clone(), "-".to_owned(), "-".to_owned(), "-".to_owned(), what]
}

fn capacity_row(capacity: &Capacity, case: &Case) -> Vec<String> {
    let load = case.loads.get(capacity.load);
    let of = load.map_or_else(String::new, |load| short(&load.name));
    let names = capacity.criteria.iter().filter_map(|index| case.objectives.get(*index));
    let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
    let least = capacity
        .at_least_milli_per_min
        .map_or_else(String::new, |least| format!(" of at least {}", rate(least)));
    let advisory = if capacity.advisory { "; advisory" } else { "" };
    let what = format!("capacity{least} of {of} with {}{advisory}", names.join(", "));
    let steps = load.map_or(0, |load| load.steps.len() as u64);
    let steps = several(steps, "step", "steps");
    vec![capacity.name.clone(), steps, "-".to_owned(), "-".to_owned(), what]
}

/// The names in `of`; whole loads by their own.
fn covered(of: &[Of], case: &Case) -> String {
    let whole = |index: usize, load: &assay_slo::case::Load| {
        (0..load.requests.len()).all(|request| of.contains(&Of { load: index, request }))
    };
    let loads: Vec<(usize, &str)> = case
        .loads
        .iter()
        .enumerate()
        .filter(|(index, load)| whole(*index, load))
        .map(|(index, load)| (index, load.name.as_str()))
        .collect();
    let all = case.loads.iter().filter(|load| load.kind != LoadKind::Fleet).count();
    let is_fleet = |(index, _): &(usize, &str)| {
        case.loads.get(*index).is_some_and(|load| load.kind == LoadKind::Fleet)
    };
    if loads.len() == all && !loads.iter().any(is_fleet) {
        return "all".to_owned();
    }
    let rest: Vec<Of> =
        of.iter().copied().filter(|of| loads.iter().all(|(index, _)| *index != of.load)).collect();
    let requests = by_name(&rest, case).into_iter().map(|(name, _)| short(name));
    let loads = loads.into_iter().map(|(_, name)| short(name));
    loads.chain(requests).collect::<Vec<_>>().join(", ")
}

fn limit(objective: &Objective) -> String {
    let limit = match &objective.ask {
        Ask::Latency { percentile, below_us, clock, .. } => {
            let rank = percentile.to_string();
            let clock = match clock {
                Clock::Response => "",
                Clock::Service | Clock::ServiceSeen => " service time",
                Clock::FirstByte => " to the first byte",
                Clock::ServiceFirstByte => " service time to the first byte",
            };
            format!("P{}{clock} < {}", rank.trim_end_matches('%'), time(*below_us))
        }
        Ask::ErrorRate { below } => format!("errors < {below}"),
        Ask::ErrorCount { at_most } => format!("at most {}", several(*at_most, "error", "errors")),
        Ask::Availability { at_least, slice_s, .. } => {
            format!("at least {at_least} of slices of {slice_s} s good,")
        }
        Ask::LatencyChange { percentile, at_most, .. } => {
            let rank = percentile.to_string();
            format!("P{} at most {at_most} above the baseline", rank.trim_end_matches('%'))
        }
        Ask::ErrorRateChange { at_most } => {
            format!("errors at most {at_most} of all above the baseline")
        }
        Ask::Throughput { at_least: Pace::Share(share) } => {
            format!("at least {share} of what is offered answered ok,")
        }
        Ask::Throughput { at_least: Pace::Rate(least) } => {
            format!("at least {} answered ok,", rate(*least))
        }
    };
    let bursts = match objective.terms.effect() {
        1 => String::new(),
        bursts => format!(", in bursts of {bursts}"),
    };
    format!("{limit}{}{bursts}", objective.terms.words())
}
