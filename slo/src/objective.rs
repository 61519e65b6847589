//! Objectives: counts against a limit, and what stands in the way of a verdict.
//!
//! Invariant: violated only by evidence that no doubt can explain, met only without any doubt.
//! Invariant: an objective is judged by its own counts; no other objective is looked at.
//! Not here: the arithmetic (`interval`), which requests are meant (`window`).

use crate::baseline::Past;
use crate::budget;
use crate::case::{Ask, Case, During, LoadKind, Objective, Of};
use crate::event::EndReason;
use crate::evidence::Evidence;
use crate::health::{self, Doubt, LoadHealth, Punctuality, stood};
use crate::interval::round9;
use crate::outcome::Outcome;
use crate::scorecard::{ObjectiveScore, Verdict};
use crate::tally::{self, Good, Tally};
use crate::time::SECOND_US;
use crate::window::{SLOW_US, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

mod asks;
mod availability;
mod change;
mod clustered;
mod decide;
mod excused;
mod observed;
mod sending;
mod throughput;
pub(crate) mod unsent;
mod waiting;
mod windows;

pub(crate) use asks::{asks, short};
pub(crate) use decide::{Decided, breaks, decide, effect, reaches};
pub(crate) use excused::{Excused, WITHOUT};
use waiting::Wait;

/// An objective's limit, asked of some requests in some stretches.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    pub(crate) objective: &'a Objective,
    pub(crate) of: BTreeSet<Of>,
    pub(crate) during: &'a [During],
    /// Only a part of the run.
    pub(crate) part: Option<Part>,
    /// Of several runs together: what each came to.
    pub(crate) runs: Option<&'a [Past]>,
}

/// A part of a run.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// What was due in these seconds.
    pub(crate) seconds: Range<i64>,
    /// How complete the loads are in them; empty in a look while the run goes on, which leaves out
    /// the last seconds: nothing is lost by that.
    pub(crate) loads: Vec<LoadHealth>,
}

impl Part {
    /// A look at some seconds.
    pub(crate) fn look(seconds: Range<i64>) -> Option<Part> {
        Some(Part { seconds, loads: Vec::new() })
    }
}

/// What the requests of a question came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    /// The same on the service clock.
    pub(crate) service: Tally,
    /// Empty where that is not known.
    pub(crate) by_second: BTreeMap<i64, Tally>,
    pub(crate) service_by_second: BTreeMap<i64, Tally>,
    /// In which seconds the bad ones were nobody counted.
    pub(crate) by_segment: bool,
    /// Of loads in which who waits begins nothing else.
    waits: Vec<Wait>,
    /// Requests that its terms leave out.
    pub(crate) excused: Excused,
    /// Attempts that were not ok, whatever they took.
    pub(crate) failed: u64,
    /// Requests under way when a fault was applied, and counted to it.
    pub(crate) moved: u64,
    /// All requests of the question's kinds, in all stretches.
    all: u64,
    pub(crate) punctuality: Punctuality,
    /// Covered stretches in which its loads were sending, µs after time 0.
    pub(crate) stretches: Vec<(i64, i64)>,
    /// How many of its loads had begun before each of these.
    pub(crate) begun_before: Vec<u64>,
    /// Requests that left no record.
    pub(crate) lost: u64,
    /// Why it covers less time than was planned: rows were used up.
    pub(crate) short: Option<String>,
}

/// A score, and why the generator was ill for it, if it was.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) score: ObjectiveScore,
    pub(crate) ill: Option<String>,
}

/// Judges an objective: one score, or one for each name of its requests.
pub(crate) fn judge(evidence: &Evidence<'_>, objective: &Objective) -> Vec<Judged> {
    let during = &objective.during;
    let question = |of| Question { objective, of, during, part: None, runs: None };
    let groups = groups(evidence.case, objective).into_iter();
    let judged = groups.map(|(id, of)| {
        let mut judged = score(evidence, &question(of.clone()), id);
        let counted = (judged.score.n, judged.score.k);
        judged.score.budget = budget::score(evidence, objective, &of, counted);
        judged
    });
    judged.collect()
}

/// The requests of an objective that are judged together, each group with its id.
pub(crate) fn groups(case: &Case, objective: &Objective) -> Vec<(String, BTreeSet<Of>)> {
    if !objective.per_request || objective.of.is_empty() {
        return vec![(objective.name.clone(), objective.of.iter().copied().collect())];
    }
    let mut groups: Vec<(String, BTreeSet<Of>)> = Vec::new();
    for of in &objective.of {
        let id = format!("{} ({})", objective.name, request_name(case, *of));
        match groups.iter_mut().find(|(known, _)| *known == id) {
            Some((_, group)) => {
                group.insert(*of);
            }
            None => groups.push((id, BTreeSet::from([*of]))),
        }
    }
    groups
}

fn request_name(case: &Case, of: Of) -> &str {
    let request = case.loads.get(of.load).and_then(|load| load.requests.get(of.request));
    request.map_or("?", |request| request.name.as_str())
}

/// What is good for an objective, and the same on the service clock.
pub(crate) fn good(ask: &Ask) -> (Good, Good) {
    match ask {
        Ask::Latency { mark, service_mark, .. } => {
            (Good::Faster { mark: *mark }, Good::Faster { mark: *service_mark })
        }
        Ask::ErrorRate { .. }
        | Ask::ErrorCount { .. }
        | Ask::LatencyChange { .. }
        | Ask::ErrorRateChange { .. } => (Good::Ok, Good::Ok),
        Ask::Availability { .. } | Ask::Throughput { .. } => (Good::Available, Good::Available),
    }
}

/// Counts a question's requests.
pub(crate) fn measure(evidence: &Evidence<'_>, question: &Question<'_>) -> Measured {
    let Evidence { case, timeline, phases, .. } = evidence;
    let limit_us = match question.objective.ask {
        Ask::Latency { below_us, .. } => below_us,
        _ => SLOW_US,
    };
    let window = Window {
        of: question.of.clone(),
        during: question.during,
        limit_us,
        seconds: question.part.as_ref().map(|part| part.seconds.clone()),
    };
    let (good, service) = good(&question.objective.ask);
    let stretches = sending::stretches(evidence, question);
    let mut measured = Measured {
        begun_before: sending::begun_before(evidence, question, &stretches),
        stretches,
        lost: health::lost(question.loads(evidence), &question.of),
        short: throughput::short(evidence, question),
        by_segment: matches!(good, Good::Faster { mark } if timeline.by_segment.contains(&mark)),
        ..Measured::default()
    };
    for (place, key, counts) in window.cells(case, phases, timeline) {
        let open = case.loads.get(place.of.load).is_some_and(|load| load.kind == LoadKind::Open);
        // Who waits for an answer is due when it begins: there is one clock, unless we stood still.
        let open = open || evidence.loads.get(place.of.load).is_some_and(|load| load.stood.us > 0);
        let tally = Tally::of(if open { good } else { service }, key, counts);
        measured.all += tally.due();
        measured.moved += if place.moved { counts.n } else { 0 };
        if !place.inside {
            continue;
        }
        if question.objective.terms.excused.contains(&key.outcome) {
            measured.excused.add(key.second, counts.n);
            continue;
        }
        measured.waits.extend(Wait::of(evidence, place, (key, counts), tally));
        measured.tally.add(tally);
        let on_service = Tally::of(service, key, counts);
        measured.service.add(on_service);
        if !measured.by_segment {
            measured.by_second.entry(key.second).or_default().add(tally);
            measured.service_by_second.entry(key.second).or_default().add(on_service);
        }
        if key.outcome.is_known_attempt() && key.outcome != Outcome::Ok {
            measured.failed += counts.n;
        }
        measured.punctuality.add(case, question.objective.late_mark, place.of, key, counts);
    }
    let used = question.of.iter().map(|of| of.load).collect();
    let late = timeline.late_at_most(case, question.objective.late_mark, &used);
    measured.punctuality.bound(late);
    measured
}

/// Judges one question.
pub(crate) fn score(evidence: &Evidence<'_>, question: &Question<'_>, id: String) -> Judged {
    let measured = measure(evidence, question);
    let decided = decide(evidence, question, &measured, false);
    let alone = || decide(evidence, question, &measured, true).verdict == Verdict::Violated;
    let weighed = weigh(evidence, question, &measured, &decided, alone);
    conclude(evidence, question, id, &measured, decided, weighed)
}

/// Why numbers decide nothing, if so, and why the generator was ill for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weighed {
    pub(crate) doubt: Option<Doubt>,
    pub(crate) ill: Option<Doubt>,
}

/// Weighs what stands in the way of a verdict. `alone`: whether the service clock alone violates it.
pub(crate) fn weigh(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    measured: &Measured,
    decided: &Decided,
    alone: impl Fn() -> bool,
) -> Weighed {
    let objective = question.objective;
    let used: BTreeSet<usize> = question.of.iter().map(|of| of.load).collect();
    let loads = question.loads(evidence);
    let ill = measured.punctuality.ill(evidence.case, loads, &used, objective.late_mark);
    let still = stood::ill(evidence, &used, &measured.stretches);
    let counts = matches!(objective.ask, Ask::Throughput { .. }) && still.is_some();
    let ill = ill.or(still);
    let ill = ill.map(|ill| ill.beside(evidence.timeline.machine.as_ref()));
    let doubt = || {
        let found = evidence.cut_short().or_else(|| evidence.load_doubt(&question.of));
        let found = found.or_else(|| ill.clone()).or_else(|| incomplete(evidence, question));
        let found = found
            .or_else(|| measured.excused.doubt(measured.tally, &objective.terms.excused_names()));
        found.or_else(|| unsent::doubt(evidence, &question.of))
    };
    let depends = evidence.during_doubt(question.during);
    let doubt = match decided.verdict {
        _ if depends.is_some() => depends,
        Verdict::Met => doubt(),
        Verdict::Violated => ill
            .clone()
            .or_else(|| stood::excuse(evidence, &used))
            // What is asked of the time itself no clock can tell without it.
            .filter(|_| counts || !alone()),
        // Undecided anyway: what stands in the way tells more than the numbers.
        Verdict::Inconclusive => evidence.closed().filter(|_| decided.n == 0).or_else(doubt),
    };
    Weighed { doubt, ill }
}

/// The score of a question whose counts were decided, and weighed.
pub(crate) fn conclude(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    id: String,
    measured: &Measured,
    decided: Decided,
    Weighed { doubt, ill }: Weighed,
) -> Judged {
    let objective = question.objective;
    let (verdict, reason, missing) = match doubt {
        Some(Doubt { reason, missing }) => (Verdict::Inconclusive, reason, Some(missing)),
        None => {
            let open = decided.verdict == Verdict::Inconclusive;
            let reason = decided.reason + &measured.excused.words(&objective.terms.excused_names());
            (decided.verdict, reason, open.then_some(decided.missing))
        }
    };
    let worst = tally::worst(&measured.by_second, &measured.stretches);
    let judged = measured.tally.due();
    let coverage = if measured.all == 0 { 0.0 } else { judged as f64 / measured.all as f64 };
    let score = ObjectiveScore {
        id,
        place: objective.place.clone(),
        asks: asks(&objective.ask) + &objective.terms.words(),
        during: evidence.during_words(question.during),
        verdict,
        advisory: objective.advisory,
        n: decided.n,
        k: decided.k,
        unknown: decided.unknown,
        lower: decided.lower.map(round9),
        upper: decided.upper.map(round9),
        limit: round9(decided.limit),
        confidence: round9(objective.confidence.fraction()),
        deff: round9(decided.effect),
        observed: decided.observed,
        worst,
        reason,
        missing,
        coverage: round9(coverage),
        seconds: round9(measured.seconds()),
        moved_to_fault: measured.moved,
        steps: Vec::new(),
        change: decided.change,
        budget: None,
    };
    Judged { score, ill: ill.map(|doubt| doubt.reason) }
}

/// A count promises something of the whole run, so it must have been whole.
fn incomplete(evidence: &Evidence<'_>, question: &Question<'_>) -> Option<Doubt> {
    let whole = evidence.end() == Some(EndReason::Complete) || question.part.is_some();
    let counted = matches!(question.objective.ask, Ask::ErrorCount { .. } | Ask::Throughput { .. });
    (counted && !whole).then(|| Doubt {
        reason: "the run was stopped before its timetable was over".to_owned(),
        missing: "a run that is not stopped".to_owned(),
    })
}

impl Question<'_> {
    /// How complete the loads are in what it is about.
    pub(crate) fn loads<'e>(&'e self, evidence: &'e Evidence<'_>) -> &'e [LoadHealth] {
        self.part.as_ref().map_or(&evidence.loads, |part| &part.loads)
    }
}

impl Measured {
    /// Adds what the same question came to in another run, whose seconds are put `later`.
    pub(crate) fn add(&mut self, other: &Measured, later: i64) {
        self.tally.add(other.tally);
        self.service.add(other.service);
        let seconds = |of: &BTreeMap<i64, Tally>| {
            let moved = of.iter().map(|(second, tally)| (second.saturating_add(later), *tally));
            moved.collect::<Vec<_>>()
        };
        self.by_second.extend(seconds(&other.by_second));
        self.service_by_second.extend(seconds(&other.service_by_second));
        self.waits.extend(other.waits.iter().map(|wait| wait.moved(later)));
        self.excused.extend(&other.excused, later);
        self.failed += other.failed;
        self.moved += other.moved;
        self.all += other.all;
        let us = later.saturating_mul(SECOND_US as i64);
        let moved = |(from, to): &(i64, i64)| (from.saturating_add(us), to.saturating_add(us));
        self.stretches.extend(other.stretches.iter().map(moved));
        self.begun_before.extend(&other.begun_before);
        self.lost += other.lost;
        self.by_segment |= other.by_segment;
        self.short = self.short.take().or_else(|| other.short.clone());
    }

    /// The seconds in which nothing was due because all waited for what then failed.
    pub(crate) fn waited(&self) -> BTreeSet<i64> {
        waiting::seconds(&self.waits, &self.stretches)
    }

    /// How long it covers, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        let us: i64 = self.stretches.iter().map(|(from, to)| to - from).sum();
        us as f64 / SECOND_US as f64
    }
}

/// Decides a question while the run goes on, or about a part of it: by the numbers alone, on the
/// service clock if the generator was late.
pub(crate) fn judge_now(evidence: &Evidence<'_>, question: &Question<'_>) -> Decided {
    let measured = measure(evidence, question);
    let late_mark = question.objective.late_mark;
    let ill = measured.punctuality.ill(evidence.case, &[], &BTreeSet::new(), late_mark);
    decide(evidence, question, &measured, ill.is_some())
}
