//! Recovery: from when an objective's limit holds again.
//!
//! Recovered is the first start t of a whole second, not before the moment, from which all
//! seconds of `hold` are good and, pooled, not above the limit; the true instant lies between
//! t - 1 s and t.
//!
//! Invariant: met only if even the later end is in time, violated only if even the earlier is not.
//! Not here: the search (`slices`).

use super::slices::{Limit, Slices, Unknown};
use super::{Answer, Recovery};
use crate::case::{Anchor, Ask, During, Moment, Objective, Of};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::objective::{self, Excused, Measured, Part, Question, WITHOUT, asks, measure};
use crate::scorecard::{Recovered, Verdict};
use crate::time::SECOND_US;
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// A second in µs.
const SECOND: i64 = SECOND_US as i64;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) after: &'a Moment,
    pub(super) within_us: u64,
    pub(super) hold_us: u64,
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, index: usize, asked: &Asked<'_>) -> Recovery {
    let unseen = |answer| Recovery { answer, seen: None };
    let Some(objective) = evidence.case.objectives.get(index) else {
        let doubt = Doubt { reason: "no objective".to_owned(), missing: "one".to_owned() };
        return unseen(Answer::doubtful("recovers".to_owned(), doubt));
    };
    let moment_words = evidence.moment_words(asked.after);
    let asks = format!(
        "{} {} again within {} after {moment_words}, for {}",
        objective.name,
        asks(&objective.ask),
        words::duration(asked.within_us),
        words::duration(asked.hold_us)
    );
    let moment = match evidence.moment(asked.after) {
        Ok(moment) => moment,
        Err(doubt) => return unseen(Answer::doubtful(asks, doubt)),
    };
    // Asked per request, each must recover: one of many that stays dead is not pooled away.
    let groups = objective::groups(evidence.case, objective).into_iter();
    let each = groups.map(|(id, of)| {
        let search = Search::new(evidence, (objective, of), asked, moment);
        (id, one(evidence, &search, asks.clone(), &moment_words))
    });
    slowest(each.collect()).unwrap_or_else(|| {
        let doubt = Doubt { reason: "no request".to_owned(), missing: "one".to_owned() };
        unseen(Answer::doubtful(asks, doubt))
    })
}

/// The last of several; seen only if all were seen.
fn slowest(mut each: Vec<(String, Recovery)>) -> Option<Recovery> {
    if each.len() < 2 {
        return each.pop().map(|(_, only)| only);
    }
    let seen: Option<Vec<Recovered>> = each.iter().map(|(_, one)| one.seen).collect();
    let seen = seen.and_then(|all| {
        let earliest_us = all.iter().map(|seen| seen.earliest_us).max()?;
        let latest_us = all.iter().map(|seen| seen.latest_us).max()?;
        Some(Recovered { earliest_us, latest_us })
    });
    let all = |text: &dyn Fn(&Answer) -> &str| {
        let texts = each.iter().map(|(id, one)| format!("{id}: {}", text(&one.answer)));
        texts.collect::<Vec<_>>().join("; ")
    };
    // Of equally bad ones the first.
    let (id, worst) = each.iter().rev().max_by_key(|(_, one)| one.answer.verdict)?;
    let reason = match worst.answer.verdict {
        Verdict::Met => all(&|answer| &answer.reason),
        _ => format!("{id}: {}", worst.answer.reason),
    };
    let ill = each.iter().find_map(|(_, one)| one.answer.ill.clone());
    let observed = all(&|answer| &answer.observed);
    Some(Recovery { answer: Answer { observed, reason, ill, ..worst.answer.clone() }, seen })
}

fn one(evidence: &Evidence<'_>, search: &Search<'_>, asks: String, moment_words: &str) -> Recovery {
    let found = search.run(&search.measured.by_second);
    let ill = search.ill(evidence);
    let on_service = || search.run(&search.measured.service_by_second).verdict;
    let doubt = match found.verdict {
        Verdict::Violated => ill.clone().filter(|_| on_service() != Verdict::Violated),
        _ => evidence
            .cut_short()
            .or_else(|| evidence.load_doubt(&search.of))
            .or_else(|| ill.clone())
            .or_else(|| search.lost()),
    };
    let observed = found.observed(moment_words, search.reach());
    let (verdict, reason, missing) = match doubt {
        Some(doubt) => (Verdict::Inconclusive, doubt.reason, doubt.missing),
        None => {
            let (reason, missing) = search.explain(evidence, &found, &observed);
            (found.verdict, reason, missing)
        }
    };
    let seen = found.between;
    Recovery {
        answer: Answer { asks, verdict, observed, reason, missing, ill: ill.map(|d| d.reason) },
        seen: seen.map(|(earliest_us, latest_us)| Recovered { earliest_us, latest_us }),
    }
}

/// Everything that the search is made in.
struct Search<'a> {
    asked: Asked<'a>,
    objective: &'a Objective,
    of: BTreeSet<Of>,
    measured: Measured,
    waited: BTreeSet<i64>,
    limit: Limit,
    /// µs after time 0.
    moment: i64,
    /// First second that starts at or after the moment.
    first: i64,
    /// First second that the load, or the run, did not fill.
    over: i64,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    verdict: Verdict,
    /// Bounds of the recovery, µs after the moment; none if it was not seen.
    between: Option<(u64, u64)>,
}

impl<'a> Search<'a> {
    fn new(
        evidence: &Evidence<'_>,
        (objective, of): (&'a Objective, BTreeSet<Of>),
        asked: &Asked<'a>,
        moment: i64,
    ) -> Search<'a> {
        let question =
            Question { objective, of: of.clone(), during: &[During::All], part: None, runs: None };
        let measured = measure(evidence, &question);
        let sending = measured.stretches.iter().map(|(_, to)| *to).max().unwrap_or(0);
        // Of a journal that was cut the last second is not known to be whole.
        let known = match (evidence.end(), measured.by_second.keys().next_back()) {
            (Some(_), _) => i64::MAX,
            (None, Some(last)) => *last,
            (None, None) => 0,
        };
        let (confidence, bursts) = (objective.confidence, objective.terms.effect());
        let share = |limit| Limit::Share { limit, confidence, bursts };
        let limit = match objective.ask {
            Ask::Latency { percentile, .. } => share(percentile.rest()),
            Ask::ErrorRate { below } => share(below),
            Ask::ErrorCount { at_most } => Limit::Count { at_most },
            Ask::Availability { slice_target, .. } => Limit::Good { target: slice_target },
            // Refused by the plan; whoever edits a journal asks for all of it.
            Ask::Throughput { .. } | Ask::LatencyChange { .. } | Ask::ErrorRateChange { .. } => {
                Limit::Count { at_most: 0 }
            }
        };
        Search {
            asked: *asked,
            objective,
            of,
            waited: measured.waited(),
            measured,
            limit,
            moment,
            // No second lies before time 0, whatever the moment's offset.
            first: (-(-moment.max(0)).div_euclid(SECOND)).max(0),
            over: sending.div_euclid(SECOND).min(known),
        }
    }

    fn slices<'b>(&'b self, by_second: &'b BTreeMap<i64, crate::tally::Tally>) -> Slices<'b> {
        let Search { limit, first, over, .. } = *self;
        let Measured { lost, ref excused, .. } = self.measured;
        Slices { by_second, limit, first, over, waited: &self.waited, lost, excused }
    }

    fn hold(&self) -> i64 {
        i64::try_from(self.asked.hold_us.div_ceil(SECOND_US)).unwrap_or(i64::MAX).max(1)
    }

    fn within(&self) -> i64 {
        i64::try_from(self.asked.within_us).unwrap_or(i64::MAX)
    }

    fn run(&self, by_second: &BTreeMap<i64, crate::tally::Tally>) -> Found {
        let slices = self.slices(by_second);
        let since = |second: i64| second.saturating_mul(SECOND).saturating_sub(self.moment).max(0);
        let between = slices.recovered(self.hold(), self.over, Unknown::Bad).map(|second| {
            let upper = since(second);
            (upper.saturating_sub(SECOND).max(0).unsigned_abs(), upper.unsigned_abs())
        });
        // The last start whose earlier end is still in time.
        let latest = self.moment.saturating_add(self.within()).saturating_add(SECOND);
        let possible = slices.recovered(self.hold(), latest.div_euclid(SECOND), Unknown::Good);
        let in_time = between.is_some_and(|(_, upper)| upper <= self.asked.within_us);
        let verdict = match possible {
            _ if in_time => Verdict::Met,
            None => Verdict::Violated,
            Some(_) => Verdict::Inconclusive,
        };
        Found { verdict, between }
    }

    /// How long after the moment the load was seen to go on, µs.
    fn reach(&self) -> u64 {
        self.over.saturating_mul(SECOND).saturating_sub(self.moment).max(0).unsigned_abs()
    }

    fn ill(&self, evidence: &Evidence<'_>) -> Option<Doubt> {
        let question = Question {
            objective: self.objective,
            of: self.of.clone(),
            during: &[During::All],
            part: Part::look(self.first..i64::MAX),
            runs: None,
        };
        let loads: BTreeSet<usize> = self.of.iter().map(|of| of.load).collect();
        let late = self.objective.late_mark;
        let later = measure(evidence, &question).punctuality;
        later.ill(evidence.case, &evidence.loads, &loads, late)
    }

    fn lost(&self) -> Option<Doubt> {
        (self.measured.lost > 0).then(|| Doubt {
            reason: format!(
                "{} left no record",
                words::count(self.measured.lost, "planned request")
            ),
            missing: "a record of every request".to_owned(),
        })
    }

    /// The reason, and what is missing if it is undecided.
    fn explain(&self, evidence: &Evidence<'_>, found: &Found, observed: &str) -> (String, String) {
        let within = words::duration(self.asked.within_us);
        // Seconds are whole: the moment lies in one, and the earlier end of the last start in time
        // lies in another.
        let needed = self.asked.within_us.saturating_add(self.asked.hold_us);
        let needed = needed.saturating_add(2 * SECOND_US);
        if found.verdict == Verdict::Inconclusive
            && let Some(hidden) = self.hidden()
        {
            return (format!("{observed}: {hidden}"), WITHOUT.to_owned());
        }
        match (found.verdict, found.between) {
            (Verdict::Met, _) => (format!("{observed}, {within} is allowed"), String::new()),
            (Verdict::Violated, between) => {
                let stuck = between.is_none() && self.metastable(evidence);
                let note = if stuck {
                    "; metastable: the load is no higher than before the fault, and still it does \
                     not recover"
                } else {
                    ""
                };
                (format!("{observed}, {within} is allowed{note}"), String::new())
            }
            (Verdict::Inconclusive, Some((low, high))) if low <= self.asked.within_us => (
                format!("{observed}: the deadline of {within} lies inside the error bar of 1 s"),
                format!("a deadline of at least {}", words::duration(high)),
            ),
            (Verdict::Inconclusive, _) if self.reach() < needed => {
                let more = (needed - self.reach()).div_ceil(SECOND_US);
                let more = words::duration(more.saturating_mul(SECOND_US));
                (
                    format!("the load ended too early: {observed}"),
                    format!("needs {more} more of load after the moment"),
                )
            }
            (Verdict::Inconclusive, _) if self.empty() > 0 => (
                format!(
                    "{observed}, but in {} there was no request, which is no evidence either way",
                    words::count(self.empty(), "second")
                ),
                "a request in every second after the moment".to_owned(),
            ),
            (Verdict::Inconclusive, _) => (
                format!("{observed}, but outcomes that are unknown could change that"),
                "requests whose outcome is known".to_owned(),
            ),
        }
    }

    /// Of a recovery that would be seen in time but for what the objective leaves out, how much that is.
    fn hidden(&self) -> Option<String> {
        let none = Excused::default();
        let slices = Slices { excused: &none, ..self.slices(&self.measured.by_second) };
        let latest = self.moment.saturating_add(self.within()).div_euclid(SECOND);
        let first = slices.recovered(self.hold(), latest.min(self.over), Unknown::Bad)?;
        let seconds = first..first.saturating_add(self.hold());
        let due = self.measured.by_second.range(seconds.clone()).map(|(_, tally)| tally.due());
        let rest = due.fold(0, u64::saturating_add);
        let excused = self.measured.excused.too_many(seconds.clone(), rest)?;
        let names = self.objective.terms.excused_names();
        Some(format!(
            "from {} s to {} s {excused} of {} requests are excused ({names}), and 1 % may be",
            seconds.start,
            seconds.end,
            excused.saturating_add(rest)
        ))
    }

    /// Seconds after the moment in which nothing was due, and nobody waited.
    fn empty(&self) -> u64 {
        let due = self.measured.by_second.range(self.first..self.over.max(self.first));
        let due = due.filter(|(_, tally)| tally.due() > 0).map(|(second, _)| *second);
        let known = due.collect::<BTreeSet<i64>>().union(&self.waited).count() as i64;
        self.over.saturating_sub(self.first).saturating_sub(known).max(0).unsigned_abs()
    }

    /// Whether it stays bad though the load is no higher than it was, well, before any fault.
    fn metastable(&self, evidence: &Evidence<'_>) -> bool {
        let zero = evidence.phases.zero;
        let spans = || evidence.timeline.faults.values().flat_map(|line| &line.spans);
        let Some(applied) = spans().map(|span| span.applied.since(zero)).min() else {
            return false;
        };
        let end = self.over.saturating_mul(SECOND);
        let on = spans().any(|span| {
            let cleared = span.cleared.map_or(i64::MAX, |cleared| cleared.since(zero));
            span.applied.since(zero) < end && cleared > self.moment
        });
        let fault_over = matches!(self.asked.after.anchor, Anchor::FaultEnd(_)) && !on;
        let sum = |range: std::ops::Range<i64>| {
            let (seconds, from) = (range.end - range.start, range.start);
            let due = self.measured.by_second.range(from..range.end.max(from));
            (due.map(|(_, tally)| u128::from(tally.due())).sum::<u128>(), seconds.max(0) as u128)
        };
        let (before, before_s) = sum(0..applied.div_euclid(SECOND));
        let (later, later_s) = sum(self.first..self.over);
        fault_over
            && before > 0
            && later > 0
            && later * before_s <= before * later_s
            && self.well_before(evidence, applied.div_euclid(SECOND))
    }
}

impl Search<'_> {
    /// Whether the objective was not violated by what was due before this second.
    fn well_before(&self, evidence: &Evidence<'_>, second: i64) -> bool {
        let question = Question {
            objective: self.objective,
            of: self.of.clone(),
            during: &[During::All],
            part: Part::look(0..second),
            runs: None,
        };
        objective::judge_now(evidence, &question).verdict != Verdict::Violated
    }
}

impl Found {
    fn observed(&self, moment: &str, reach: u64) -> String {
        match self.between {
            Some((_, 0)) => format!("recovered at {moment}"),
            Some((low, high)) => format!(
                "recovered {} to {} after {moment}",
                words::seconds(i64::try_from(low).unwrap_or(i64::MAX)),
                words::seconds(i64::try_from(high).unwrap_or(i64::MAX))
            ),
            None => format!(
                "not recovered within the {} of load after {moment}",
                words::seconds(i64::try_from(reach).unwrap_or(i64::MAX))
            ),
        }
    }
}
