//! Whether the steps of a load have enough requests to decide a capacity.
//!
//! Invariant: steps up to what is asked must be able to hold; without such a rate all of them.
//! Not here: how many are needed (`demand`).

use super::super::notes::Notes;
use super::super::parts;
use super::{World, limit, remedy};
use crate::plan::demand::{Demand, Known, demands_in};
use crate::plan::phases;
use crate::plan::words::{count, rate, several};
use crate::spec::scalar::Name;
use assay_slo::case::{Capacity, Step};
use assay_slo::time::SECOND_US;
use std::ops::Range;

pub(super) fn check(capacity: &Capacity, name: &Name, world: World<'_>, notes: &mut Notes<'_>) {
    let World { traffic, case, .. } = world;
    let Some(load) = case.loads.get(capacity.load) else { return };
    let wanted = capacity.at_least_milli_per_min.unwrap_or(u64::MAX);
    let criteria = capacity.criteria.iter().filter_map(|index| case.objectives.get(*index));
    for objective in criteria {
        let ends_us = traffic.ends().unwrap_or(0);
        let covered = phases::planned(&objective.during, &case.faults, ends_us);
        let steps = load.steps.iter().filter(|step| step.milli_per_min <= wanted);
        let few = steps.into_iter().find_map(|step| {
            let inside = inside(&covered, step);
            let demands = demands_in(objective, &objective.of, inside, traffic, case);
            let few = demands.into_iter().find(|demand| !demand.is_possible())?;
            Some((step, few))
        });
        let Some((step, demand)) = few else { continue };
        let Some(least) = demand.least else { continue };
        let about = if demand.known == Known::About { "about " } else { "" };
        let whose = demand.name.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
        let message = format!(
            "`{}`: step {} expects {about}{}{whose} to judge, but `{}` {} at least {}",
            capacity.name,
            rate(step.milli_per_min),
            several(demand.expected, "request", "requests"),
            objective.name,
            limit(objective),
            count(least)
        );
        let help = help(&demand, least, traffic);
        match capacity.advisory {
            true => notes.warn(format!("{message}; {help}")),
            false => notes.entry(&parts::objective_trail(name, "capacity"), message, help),
        }
    }
}

/// The judged seconds of a step in these stretches.
fn inside(stretches: &[Range<u64>], step: &Step) -> Vec<Range<u64>> {
    let [from, to] = [step.from_s, step.to_s].map(|second| second.saturating_mul(SECOND_US));
    let inside = stretches.iter().map(|part| part.start.max(from)..part.end.min(to));
    inside.filter(|part| part.start < part.end).collect()
}

fn help(demand: &Demand, least: u64, traffic: crate::plan::Traffic<'_>) -> String {
    match demand.known {
        Known::AtMost | Known::AtLeast => "write a longer `step-duration`".to_owned(),
        Known::Exactly | Known::About => {
            format!("{}: write a longer `step-duration`", remedy(demand, least, traffic))
        }
    }
}
