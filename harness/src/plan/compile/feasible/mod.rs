//! Whether the planned load could decide what is asked of it.
//!
//! Invariant: what could never be met, because too few requests are planned, is refused with the
//! rate or length that would do; an advisory objective is warned about instead.
//! Not here: how many are needed (`demand`).

mod again;
mod backlog;
mod breaker;
mod capacity;
mod failing;
mod metric;
mod recovery;
mod steady;

pub(in crate::plan) use backlog::need;
pub(in crate::plan) use failing::World;

use super::notes::{Notes, list};
use super::parts;
use crate::plan::demand::{Demand, Known, Pool, Unit, by_name, demands, expected};
use crate::plan::traffic::Traffic;
use crate::plan::{phases, words};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{self, Scenario};
use assay_slo::case::{Anchor, Ask, Case, During, Moment, Must, Objective};
use assay_slo::interval::least_n;
use assay_slo::time::SECOND_US;

/// A name with a smaller part of a pool than one in so many can fail unseen.
const DROWNS: u64 = 20;

/// Checks all objectives and expectations; of so many runs the objectives' requests are counted
/// together.
pub(super) fn check(scenario: &Scenario, world: World<'_>, runs: u64, notes: &mut Notes<'_>) {
    let World { traffic, case, .. } = world;
    backlog::check_buffers(world, notes);
    steady::check(world, notes);
    let is_capacity = |one: &types::Objective| matches!(one, types::Objective::Capacity(_));
    let written = |capacities: bool| {
        scenario.objectives.iter().filter(move |(_, one)| is_capacity(one) == capacities)
    };
    for (capacity, (name, _)) in case.capacities.iter().zip(written(true)) {
        capacity::check(capacity, name, world, notes);
    }
    for (objective, (name, written)) in case.objectives.iter().zip(written(false)) {
        drowned(objective, traffic, case, notes);
        if objective.criterion {
            continue;
        }
        let trail = parts::objective(name, written).trail;
        let demands = demands(objective, &objective.of, &objective.during, traffic, case);
        let demands: Vec<Demand> =
            demands.into_iter().map(|demand| demand.pooled(objective, runs)).collect();
        // Of several names with too few the rarest is told, and how many more there are.
        let short = |demand: &&Demand| !demand.is_possible() && demand.least.is_some();
        let rarest = demands.iter().filter(short).min_by_key(|demand| demand.expected);
        let others = demands.iter().filter(short).count().saturating_sub(1);
        let asked =
            Asked { what: &objective.name, objective, during: &objective.during, runs, others };
        for demand in &demands {
            if !short(&demand) || rarest.is_some_and(|rarest| std::ptr::eq(rarest, demand)) {
                too_few(asked, demand, traffic, case, &trail, notes);
            }
        }
    }
    for (at, (expectation, written)) in case.expectations.iter().zip(&scenario.expect).enumerate() {
        let trail = parts::expect_trail(at, written);
        again::check(&expectation.name, &expectation.must, case, notes);
        match &expectation.must {
            Must::Breaker(must) => breaker::check(must, &trail, world, notes),
            Must::Backlog { fleet, peak, drained } => {
                let asked = backlog::Asked { fleet: *fleet, peak: *peak, drained: *drained };
                backlog::check(asked, &trail, world, notes);
            }
            must => expectation_of(&expectation.name, must, &trail, traffic, case, notes),
        }
    }
}

fn expectation_of(
    name: &str,
    must: &Must,
    trail: &Trail,
    traffic: Traffic<'_>,
    case: &Case,
    notes: &mut Notes<'_>,
) {
    match must {
        // Where it lies only the run decides.
        Must::Recovers { after, .. } | Must::Goodput { after, .. }
            if matches!(after.anchor, Anchor::BreakerOpen(_)) => {}
        Must::Unaffected { of, during, keeps } => {
            for objective in keeps.iter().filter_map(|index| case.objectives.get(*index)) {
                let what = format!("{name}: {}", objective.name);
                // An expectation gates, whatever its objective does.
                let objective = Objective { advisory: false, ..objective.clone() };
                let asked =
                    Asked { what: &what, objective: &objective, during, runs: 1, others: 0 };
                for demand in demands(&objective, of, during, traffic, case) {
                    too_few(asked, &demand, traffic, case, trail, notes);
                }
            }
        }
        Must::Answers { of, during, .. } => {
            let stretches = phases::planned(during, &case.faults, traffic.ends().unwrap_or(0));
            let (due, known) = expected(traffic, of, &stretches);
            if due == 0 && known != Known::AtLeast {
                nothing_due(name, &named(during, case), trail, notes);
            }
        }
        Must::Recovers { objective, after, within_us, hold_us } => {
            let Some(objective) = case.objectives.get(*objective) else { return };
            let from = planned(*after, case);
            let window = from..from.saturating_add(*within_us).saturating_add(*hold_us);
            let seconds = (window.end - window.start) / SECOND_US;
            each_second(name, &objective.of, &window, seconds, trail, traffic, notes);
            let last_us = from.saturating_add(*within_us);
            let hold = recovery::Hold { first_us: from, last_us, lasts_us: *hold_us };
            recovery::check(name, objective, hold, traffic, notes);
            recovery::check_seconds(name, objective, hold, traffic, notes);
        }
        Must::Goodput { of, at_least, after, within_us } => {
            let from = planned(*after, case);
            let window = from..from.saturating_add(*within_us);
            each_second(name, of, &window, 1, trail, traffic, notes);
            recovery::check_goodput(name, of, *at_least, traffic, case, notes);
        }
        Must::Amplification { per, during, .. } => {
            let ends_us = traffic.ends().unwrap_or(0);
            for phase in [during.as_slice(), &[During::Steady]] {
                let stretches = phases::planned(phase, &case.faults, ends_us);
                let (due, known) = expected(traffic, per, &stretches);
                if due == 0 && known != Known::AtLeast {
                    nothing_due(name, &named(phase, case), trail, notes);
                    return;
                }
            }
        }
        Must::Metric(must) => {
            metric::check(name, must, (case, traffic.ends().unwrap_or(0)), trail, notes);
        }
        Must::Breaker(_)
        | Must::Ledger { .. }
        | Must::Backlog { .. }
        | Must::Herd { .. }
        | Must::Log(_)
        | Must::Reconciles(_)
        | Must::Settles(_)
        | Must::Ready { .. } => {}
    }
}

/// So many requests are needed in a window, one for each second that counts.
fn each_second(
    name: &str,
    of: &[assay_slo::case::Of],
    window: &std::ops::Range<u64>,
    needed: u64,
    trail: &Trail,
    traffic: Traffic<'_>,
    notes: &mut Notes<'_>,
) {
    let (due, known) = expected(traffic, of, std::slice::from_ref(window));
    if due < needed && known != Known::AtLeast {
        let [start, end] = [window.start, window.end].map(|us| Duration { us });
        notes.entry(
            trail,
            format!(
                "`{name}` expects {} from {start} to {end}, and a second without one is no evidence",
                words::several(due, "request", "requests")
            ),
            "send at least one a second then",
        );
    }
}

/// When a moment is planned, µs after time 0.
pub(in crate::plan) fn planned(moment: Moment, case: &Case) -> u64 {
    let fault = |index: usize| case.faults.get(index);
    let from = match moment.anchor {
        Anchor::Zero => 0,
        Anchor::FaultStart(index) => fault(index).map_or(0, |fault| fault.starts_us),
        Anchor::FaultEnd(index) => fault(index).map_or(0, phases::end),
        Anchor::LoadEnd(index) => case.loads.get(index).map_or(0, |load| load.ends_us),
        // The earliest that can be expected.
        Anchor::BreakerOpen(_) | Anchor::BreakerOpenAt { .. } => {
            case.faults.iter().map(|fault| fault.starts_us).min().unwrap_or(0)
        }
    };
    from.saturating_add_signed(moment.offset_us)
}

/// A question, as messages put it.
#[derive(Clone, Copy)]
struct Asked<'q> {
    what: &'q str,
    objective: &'q Objective,
    during: &'q [During],
    /// Counted together.
    runs: u64,
    /// Names besides that have too few, too.
    others: usize,
}

fn too_few(
    asked: Asked<'_>,
    demand: &Demand,
    traffic: Traffic<'_>,
    case: &Case,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    if demand.is_possible() {
        no_room(asked, demand, notes);
        return;
    }
    let whose = demand.name.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
    let during = named(asked.during, case);
    // A limit that no number of requests could prove has a problem of its own.
    let Some(least) = demand.least else { return };
    let (expected, enough) = match demand.unit {
        Unit::Requests => (
            words::several(demand.expected, "request", "requests"),
            format!("{} at least {}", limit(asked.objective), words::count(least)),
        ),
        Unit::Slices => (
            words::several(demand.expected, "valid slice", "valid slices"),
            format!("an availability needs at least {least}"),
        ),
    };
    let what = asked.what;
    let most = match demand.known {
        Known::About => "about ",
        Known::AtMost => "at most ",
        Known::Exactly | Known::AtLeast => "",
    };
    let runs = match asked.runs {
        0 | 1 => String::new(),
        runs => format!(" in {runs} runs"),
    };
    let others = match asked.others {
        0 => String::new(),
        others => format!(" (so do {others} more of its names)"),
    };
    let message = format!(
        "`{what}` expects {most}{expected}{whose} during {during}{runs}, but {enough}{others}"
    );
    let help = match demand.known {
        Known::Exactly | Known::About => remedy(demand, least, traffic),
        Known::AtMost | Known::AtLeast => {
            "let it run longer, or write more users or shorter pauses".to_owned()
        }
    };
    match asked.objective.advisory {
        true => notes.warn(format!("{message}; {help}")),
        false => notes.entry(trail, message, help),
    }
}

/// Warns where one bad request leaves a share undecided.
fn no_room(asked: Asked<'_>, demand: &Demand, notes: &mut Notes<'_>) {
    let limit = match &asked.objective.ask {
        Ask::Latency { percentile, .. } => percentile.rest(),
        Ask::ErrorRate { below } => *below,
        _ => return,
    };
    let confidence = asked.objective.confidence;
    let Some(one) = least_n(limit, 1, confidence).filter(|_| demand.passes == Some(0)) else {
        return;
    };
    let whose = demand.name.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
    notes.warn(format!(
        "`{}` has no room: of {}{whose} one bad leaves it inconclusive; {} would allow one",
        asked.what,
        words::several(demand.expected, "request", "requests"),
        words::count(one)
    ));
}

/// `below 0.1% at 95% confidence needs`.
fn limit(objective: &Objective) -> String {
    let confidence = objective.confidence;
    match &objective.ask {
        Ask::Latency { percentile, .. } => {
            let rank = percentile.to_string();
            format!("P{} at {confidence} confidence needs", rank.trim_end_matches('%'))
        }
        Ask::ErrorRate { below } => format!("below {below} at {confidence} confidence needs"),
        _ => "it needs".to_owned(),
    }
}

/// The rate or the length that would do.
fn remedy(demand: &Demand, least: u64, traffic: Traffic<'_>) -> String {
    let pool = Pool::new(traffic.loads, &demand.of);
    let runs_us = pool.runs_us(&demand.stretches);
    let missing = u128::from(least.saturating_sub(demand.expected));
    if demand.unit == Unit::Slices {
        return format!(
            "let it cover {missing} more slices with enough requests due: run longer, or send more \
             often"
        );
    }
    if demand.expected == 0 || runs_us == 0 {
        return "nothing is due then: move or lengthen the load, or name other phases".to_owned();
    }
    // What comes in a second now decides how many seconds are missing.
    let longer_us = (missing * u128::from(runs_us)).div_ceil(u128::from(demand.expected));
    let longer_us = u64::try_from(longer_us).unwrap_or(u64::MAX).div_ceil(SECOND_US) * SECOND_US;
    let longer = Duration { us: longer_us };
    let times = (u128::from(least) * 10).div_ceil(u128::from(demand.expected));
    let faster = match pool.constant() {
        Some(arrivals) => {
            let milli_per_min = u128::from(arrivals.start_milli_per_min) * u128::from(least);
            let per_s = milli_per_min.div_ceil(u128::from(demand.expected) * 60_000);
            format!("raise the rate to {per_s}/s")
        }
        None => format!("send {}.{} times as many", times / 10, times % 10),
    };
    format!("{faster}, or let it cover {longer} more")
}

fn nothing_due(name: &str, during: &str, trail: &Trail, notes: &mut Notes<'_>) {
    let message = format!("`{name}` would judge nothing: no request is due during {during}");
    notes.entry(trail, message, "move or lengthen the load, or name other phases");
}

/// Phases as the scenario writes them.
pub(in crate::plan) fn named(during: &[During], case: &Case) -> String {
    let fault = |index: usize| case.faults.get(index).map_or("", |fault| fault.name.as_str());
    let word = |phase: &During| match phase {
        During::All => "all".to_owned(),
        During::Steady => "steady".to_owned(),
        During::Fault => "fault".to_owned(),
        During::Recovery => "recovery".to_owned(),
        During::After => "after".to_owned(),
        During::Named(index) => fault(*index).to_owned(),
        During::RecoveryOf(index) => format!("{}.recovery", fault(*index)),
        During::Open(index) => {
            let breaker = case.breakers.get(*index).map_or("", |breaker| breaker.name.as_str());
            format!("{breaker}.open")
        }
    };
    during.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// A moment as the scenario writes it: `down.end + 5 s`.
pub(in crate::plan) fn named_moment(moment: Moment, case: &Case) -> String {
    let fault = |index: usize| case.faults.get(index).map_or("", |fault| fault.name.as_str());
    let load = |index: usize| case.loads.get(index).map_or("", |load| load.name.as_str());
    let from = match moment.anchor {
        Anchor::Zero => "time 0".to_owned(),
        Anchor::FaultStart(index) => format!("{}.start", fault(index)),
        Anchor::FaultEnd(index) => format!("{}.end", fault(index)),
        Anchor::LoadEnd(index) => format!("{}.end", load(index)),
        Anchor::BreakerOpen(index) | Anchor::BreakerOpenAt { breaker: index, .. } => {
            let breaker = case.breakers.get(index).map_or("", |breaker| breaker.name.as_str());
            format!("{breaker}.open")
        }
    };
    let by = words::time(moment.offset_us.unsigned_abs());
    match moment.offset_us {
        0 => from,
        ..0 => format!("{from} - {by}"),
        1.. => format!("{from} + {by}"),
    }
}

/// Warns of names so rare in a pool that the pool hides their failures.
fn drowned(objective: &Objective, traffic: Traffic<'_>, case: &Case, notes: &mut Notes<'_>) {
    // What users send depends on the answers.
    let planned: Vec<_> =
        objective.of.iter().copied().filter(|of| traffic.is_open(of.load)).collect();
    let groups = by_name(&planned, case);
    if objective.per_request || groups.len() < 2 {
        return;
    }
    let stretches = phases::planned(&objective.during, &case.faults, traffic.ends().unwrap_or(0));
    let due = |of: &[assay_slo::case::Of]| {
        let pool = Pool::new(traffic.loads, of);
        stretches.iter().map(|stretch| pool.due_in(stretch)).sum::<u64>()
    };
    let all = due(&planned);
    let rare = groups.iter().filter(|(_, of)| due(of).saturating_mul(DROWNS) < all);
    let rare: Vec<&str> = rare.map(|(name, _)| *name).collect();
    if !rare.is_empty() {
        notes.warn(format!(
            "less than 5% of the requests of `{}` are {}, so their failures may drown in it: write \
             `per-request: true`, or an objective of their own",
            objective.name,
            list(rare)
        ));
    }
}
