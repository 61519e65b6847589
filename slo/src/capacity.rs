//! The capacity of a load that goes up in steps: up to which of them its criteria hold.
//!
//! Each step is judged by the score of any objective, on the whole seconds after it has settled.
//! The capacity is at least the last step up to which all held, and less than the first that broke
//! one; a step that is undecided between the two leaves it open.
//!
//! Invariant: what was planned in a step and left no record is unknown there, so a step that was
//! cut short is not met, and one that is broken stays so whatever else is recorded of it.
//! Not here: the score of one criterion (`objective`), ending a load (harness `run`).

use crate::case::{Capacity, Case, Load, Step};
use crate::evidence::Evidence;
use crate::health::LoadHealth;
use crate::interval::round9;
use crate::objective::{self, Judged, Part, Question};
use crate::outcome::Outcome;
use crate::scorecard::{ObjectiveScore, StepScore, Verdict};
use crate::time::{At, Share};
use crate::timeline::Timeline;
use crate::words;
use std::ops::Range;

/// Thousandths of a request a minute in a request a second.
const PER_SECOND: f64 = 60_000.0;

/// The first step of a load that is over by this second and has broken what is to stop the load,
/// in words; none if there is none, or the load ends by the next second anyway.
#[must_use]
pub fn broken(case: &Case, timeline: &Timeline, load: usize, now_second: i64) -> Option<String> {
    let planned = case.loads.get(load).filter(|planned| !planned.stop_after.is_empty())?;
    let evidence = Evidence::new(case, timeline);
    let ends = |(at, _): &(At, String)| at.second(evidence.phases.zero) <= now_second;
    if timeline.stopped.get(&load).is_some_and(ends) {
        return None;
    }
    let over = planned.steps.iter().filter(|step| seconds(step).end <= now_second);
    over.into_iter().find_map(|step| {
        let (_, part) = part(&evidence, load, step);
        let criteria = planned.stop_after.iter().filter_map(|index| case.objectives.get(*index));
        let mut questions = criteria.flat_map(|objective| {
            objective::groups(case, objective).into_iter().map(move |(id, of)| (objective, id, of))
        });
        questions.find_map(|(objective, id, of)| {
            let part = Some(part.clone());
            let question = Question { objective, of, during: &objective.during, part, runs: None };
            let decided = objective::judge_now(&evidence, &question);
            let rate = words::rate(step.milli_per_min);
            (decided.verdict == Verdict::Violated)
                .then(|| format!("step {rate} broke `{id}`: {}", decided.reason))
        })
    })
}

/// When a load ends or has ended, if it was stopped.
#[must_use]
pub fn ends(timeline: &Timeline, load: usize) -> Option<At> {
    timeline.stopped.get(&load).map(|(at, _)| *at)
}

/// Judges a capacity.
pub(crate) fn judge(evidence: &Evidence<'_>, capacity: &Capacity) -> Option<Judged> {
    let load = evidence.case.loads.get(capacity.load)?;
    let offered = load.steps.iter().filter(|step| is_offered(evidence, capacity.load, step));
    let steps: Vec<Tried> = offered.map(|step| Tried::new(evidence, capacity, step)).collect();
    let found = Found::new(&steps, load);
    let asked = capacity.at_least_milli_per_min;
    let wanted = asked.or_else(|| load.steps.first().map(|step| step.milli_per_min))?;
    let held = found.lower.is_some_and(|lower| lower >= wanted);
    let verdict = if found.upper.is_some_and(|upper| upper <= wanted) {
        Verdict::Violated
    } else if held && (asked.is_some() || found.open.is_none()) {
        Verdict::Met
    } else {
        Verdict::Inconclusive
    };
    let open = found.open.clone().filter(|_| verdict == Verdict::Inconclusive);
    let (reason, missing) = match (&open, verdict) {
        (Some(open), _) => (open.reason.clone(), Some(open.missing.clone())),
        (None, Verdict::Met) => (found.held(), None),
        (None, _) => (found.broke.clone().unwrap_or_default(), None),
    };
    let of = |verdict| steps.iter().filter(|step| step.score.verdict == verdict).count() as u64;
    let (broken, undecided) = (of(Verdict::Violated), of(Verdict::Inconclusive));
    let (judged, all) = shares(evidence, capacity.load, &steps);
    let names: Vec<&str> = criteria(evidence, capacity).map(|one| one.name.as_str()).collect();
    let least = asked.map_or(String::new(), |rate| format!(" at least {}", words::rate(rate)));
    let confidence = criteria(evidence, capacity).map(|one| one.confidence).min();
    let seconds = steps.iter().map(|step| step.score.to_s.saturating_sub(step.score.from_s));
    let score = ObjectiveScore {
        id: capacity.name.clone(),
        place: capacity.place.clone(),
        asks: format!("capacity{least} with {}", names.join(", ")),
        during: format!("steps of {}", load.name),
        verdict,
        advisory: capacity.advisory,
        n: steps.len() as u64,
        k: broken,
        unknown: undecided,
        lower: found.lower.map(per_second),
        upper: found.upper.map(per_second),
        limit: per_second(wanted),
        confidence: round9(confidence.map_or(0.0, Share::fraction)),
        deff: 1.0,
        observed: found.observed(),
        worst: None,
        reason,
        missing,
        coverage: round9(if all == 0 { 0.0 } else { judged as f64 / all as f64 }),
        seconds: seconds.fold(0, u64::saturating_add) as f64,
        moved_to_fault: 0,
        steps: steps.into_iter().map(|step| step.score).collect(),
        change: None,
        budget: None,
    };
    Some(Judged { score, ill: open.and_then(|open| open.ill) })
}

/// Where a load was stopped, in words.
pub(crate) fn stopped(evidence: &Evidence<'_>, load: usize) -> Option<String> {
    let (at, why) = evidence.timeline.stopped.get(&load)?;
    let name = &evidence.case.loads.get(load)?.name;
    let at = words::seconds(at.since(evidence.phases.zero));
    Some(format!("load `{name}` was stopped {at} after time 0: {why}"))
}

fn criteria<'e>(
    evidence: &'e Evidence<'_>,
    capacity: &'e Capacity,
) -> impl Iterator<Item = &'e crate::case::Objective> {
    capacity.criteria.iter().filter_map(|index| evidence.case.objectives.get(*index))
}

fn per_second(milli_per_min: u64) -> f64 {
    round9(milli_per_min as f64 / PER_SECOND)
}

/// Whether all of a step was sent, as far as that was ours to decide.
fn is_offered(evidence: &Evidence<'_>, load: usize, step: &Step) -> bool {
    let ends = i64::try_from(step.ends_us).unwrap_or(i64::MAX);
    let stopped = evidence.timeline.stopped.get(&load);
    stopped.is_none_or(|(at, _)| ends <= at.since(evidence.phases.zero))
}

/// The judged seconds of a step.
fn seconds(step: &Step) -> Range<i64> {
    let whole = |second: u64| i64::try_from(second).unwrap_or(i64::MAX);
    whole(step.from_s)..whole(step.to_s)
}

/// What was recorded of a load in a step.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    recorded: u64,
    unsent: u64,
    known: u64,
    bad: u64,
}

fn part(evidence: &Evidence<'_>, load: usize, step: &Step) -> (Seen, Part) {
    let seconds = seconds(step);
    let mut seen = Seen::default();
    for of in evidence.timeline.kinds().filter(|of| of.load == load) {
        let cells = evidence.timeline.cells(of);
        let inside = |second: i64| seconds.contains(&second);
        for (key, counts) in cells.filter(|(key, _)| key.segment > 0 && inside(key.second)) {
            let counted = |is: bool| if is { counts.n } else { 0 };
            let known = key.outcome.is_known_attempt();
            seen.recorded += counts.n;
            seen.unsent += counted(key.outcome == Outcome::NotSent);
            seen.known += counted(known);
            seen.bad += counted(known && key.outcome != Outcome::Ok);
        }
    }
    // Other loads that a criterion covers are as complete as they are in the whole run.
    let mut loads = evidence.loads.clone();
    if let Some(own) = loads.get_mut(load) {
        *own = LoadHealth {
            expected: step.planned,
            begun: seen.recorded - seen.unsent,
            lost: step.planned.saturating_sub(seen.recorded),
            unsent: seen.unsent,
            ..*own
        };
    }
    (seen, Part { seconds, loads })
}

/// Requests in the judged seconds, and all of the load's.
fn shares(evidence: &Evidence<'_>, load: usize, steps: &[Tried]) -> (u64, u64) {
    let kinds = evidence.timeline.kinds().filter(|of| of.load == load);
    let cells = kinds.flat_map(|of| evidence.timeline.cells(of));
    let all = cells.filter(|(key, _)| key.segment > 0).map(|(_, counts)| counts.n).sum();
    (steps.iter().map(|step| step.recorded).sum(), all)
}

/// Why the capacity is not known better, and what would decide it.
#[derive(Debug, Clone)]
struct Open {
    reason: String,
    missing: String,
    ill: Option<String>,
}

/// A step, judged.
#[derive(Debug)]
struct Tried {
    milli_per_min: u64,
    recorded: u64,
    score: StepScore,
    /// Why it is not met, if it is not.
    why: Open,
}

impl Tried {
    fn new(evidence: &Evidence<'_>, capacity: &Capacity, step: &Step) -> Tried {
        let (seen, part) = part(evidence, capacity.load, step);
        let questions = criteria(evidence, capacity).flat_map(|objective| {
            let groups = objective::groups(evidence.case, objective).into_iter();
            groups.map(move |(id, of)| (objective, id, of))
        });
        let judged = questions.map(|(objective, id, of)| {
            let part = Some(part.clone());
            let question = Question { objective, of, during: &objective.during, part, runs: None };
            objective::score(evidence, &question, id)
        });
        let judged: Vec<Judged> = judged.collect();
        let name = words::rate(step.milli_per_min);
        // Of equally bad ones the first.
        let worst = judged.iter().rev().max_by_key(|one| one.score.verdict);
        let verdict = worst.map_or(Verdict::Inconclusive, |one| one.score.verdict);
        let told = if verdict == Verdict::Violated { "broke" } else { "is undecided by" };
        let why = match worst {
            Some(one) if seen.recorded > 0 => Open {
                reason: format!("step {name} {told} `{}`: {}", one.score.id, one.score.reason),
                missing: format!(
                    "step {name}, `{}`: {}",
                    one.score.id,
                    one.score.missing.as_deref().unwrap_or_default()
                ),
                ill: one.ill.clone(),
            },
            _ => unreached(&name),
        };
        let score = StepScore {
            rate: per_second(step.milli_per_min),
            name,
            from_s: step.from_s,
            to_s: step.to_s,
            verdict,
            n: seen.known,
            bad: seen.bad,
            criteria: judged.into_iter().map(|one| one.score).collect(),
        };
        Tried { milli_per_min: step.milli_per_min, recorded: seen.recorded, score, why }
    }
}

fn unreached(name: &str) -> Open {
    Open {
        reason: format!("step {name} was not reached"),
        missing: format!("a run that reaches step {name}"),
        ill: None,
    }
}

/// What the steps say together.
#[derive(Debug)]
struct Found {
    /// All steps up to this rate held.
    lower: Option<u64>,
    /// The lowest that broke a criterion.
    upper: Option<u64>,
    /// The first between them that is undecided.
    open: Option<Open>,
    /// How the lowest that broke one did.
    broke: Option<String>,
}

impl Found {
    fn new(steps: &[Tried], load: &Load) -> Found {
        let held = steps.iter().take_while(|step| step.score.verdict == Verdict::Met).count();
        let broken = steps.iter().position(|step| step.score.verdict == Verdict::Violated);
        let open = match broken {
            Some(first) if first == held => None,
            _ => steps.get(held).map(|step| step.why.clone()).or_else(|| {
                let left_out = load.steps.get(held)?;
                Some(unreached(&words::rate(left_out.milli_per_min)))
            }),
        };
        let broken = broken.and_then(|first| steps.get(first));
        Found {
            lower: held.checked_sub(1).and_then(|last| steps.get(last)).map(|s| s.milli_per_min),
            upper: broken.map(|step| step.milli_per_min),
            open,
            broke: broken.map(|step| step.why.reason.clone()),
        }
    }

    /// The interval: `at least 800/s, less than 900/s`.
    fn observed(&self) -> String {
        let lower = self.lower.map(|rate| format!("at least {}", words::rate(rate)));
        let upper = self.upper.map(|rate| format!("less than {}", words::rate(rate)));
        let both: Vec<String> = lower.into_iter().chain(upper).collect();
        if both.is_empty() { "nothing".to_owned() } else { both.join(", ") }
    }

    /// Why it is met.
    fn held(&self) -> String {
        let lower = self.lower.map_or(String::new(), words::rate);
        let next = match (&self.open, &self.broke) {
            (Some(open), _) => open.reason.clone(),
            (None, Some(broke)) => broke.clone(),
            (None, None) => "no step broke it".to_owned(),
        };
        format!("every step up to {lower} held; {next}")
    }
}

#[cfg(test)]
mod tests;
