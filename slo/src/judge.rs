//! The whole run: every question's verdict, the worst of them, and why in one sentence.
//!
//! Violated if any gating objective or any expectation is, else inconclusive if any is, else
//! met. No weights: they would hide a broken promise.
//!
//! Invariant: a pure function; the same case and timeline give the same scorecard, byte by byte.
//! Invariant: a run of which nothing was asked is not met.
//! Not here: exit codes (harness), what is printed (harness `report`).

use crate::breaker;
use crate::capacity;
use crate::case::{Case, Place};
use crate::event::EndReason;
use crate::evidence::Evidence;
use crate::expectation;
use crate::fault::Worked;
use crate::health::{self, Doubt};
use crate::objective::{self, Judged};
use crate::outcome::Outcome;
use crate::scorecard::{ExpectationScore, Scorecard, Verdict};
use crate::timeline::Timeline;

mod findings;
mod ledger;
mod metrics;
mod omission;
mod returned;
mod scores;
mod sentence;

/// Judges a run of this case by what happened in it. The timeline must have been folded with the
/// same case.
#[must_use]
pub fn judge(case: &Case, timeline: &Timeline) -> Scorecard {
    let evidence = Evidence::new(case, timeline);
    let mut ill = Vec::new();
    let mut judged = Vec::new();
    for objective in case.objectives.iter().filter(|objective| !objective.criterion) {
        judged.extend(
            objective::judge(&evidence, objective).into_iter().map(|one| (Some(objective), one)),
        );
    }
    let capacities = case.capacities.iter().filter_map(|one| capacity::judge(&evidence, one));
    judged.extend(capacities.map(|one| (None, one)));
    for (_, one) in &judged {
        ill.extend(one.ill.clone().map(|reason| (one.score.id.clone(), reason)));
    }
    let mut expectations = Vec::new();
    for expectation in &case.expectations {
        let (score, reason) = expectation::judge(&evidence, expectation);
        ill.extend(reason.map(|reason| (score.id.clone(), reason)));
        expectations.push(score);
    }
    let asked = !expectations.is_empty() || judged.iter().any(|(_, one)| !one.score.advisory);
    expectations.extend(steady_state(&evidence));
    expectations.extend(idle_faults(&evidence));
    expectations.extend(bypassed(&evidence));
    let dead = deaths(timeline);
    let missing = returned::missing(&evidence).into_iter();
    expectations.extend(missing.filter(|one| !dead.iter().any(|known| known.id == one.id)));
    expectations.extend(dead);
    let gating = judged.iter().map(|(_, one)| &one.score).filter(|score| !score.advisory);
    let verdicts = gating.map(|score| score.verdict);
    let worst = verdicts.chain(expectations.iter().map(|score| score.verdict)).max();
    let least = match (asked, evidence.cut_short()) {
        (true, None) => Verdict::Met,
        _ => Verdict::Inconclusive,
    };
    let verdict = worst.unwrap_or(Verdict::Inconclusive).max(least);
    let findings = findings::findings(&evidence, &judged);
    let sentence = sentence::sentence(&evidence, verdict, asked, &judged, &expectations);
    Scorecard {
        verdict,
        sentence,
        phases: scores::phases(&evidence),
        objectives: judged.into_iter().map(|(_, Judged { score, .. })| score).collect(),
        expectations,
        faults: evidence.faults.iter().map(|facts| facts.score.clone()).collect(),
        loads: scores::loads(&evidence),
        breakers: breaker::scores(case, &evidence.breakers),
        ledgers: ledger::scores(case, timeline),
        metrics: metrics::scores(case, timeline),
        findings,
        health: health::score(case, timeline, &evidence.loads, &ill),
    }
}

/// The look after the last undo, and what a closed gate before the first fault means: what was
/// asked of a run with faults was not tried.
fn steady_state(evidence: &Evidence<'_>) -> Option<ExpectationScore> {
    let steady = evidence.case.steady_state.as_ref();
    let applied = evidence.faults.iter().any(|facts| facts.score.edges.applied.is_some());
    let (verdict, observed, reason, missing) = match (evidence.closed(), &evidence.timeline.after) {
        (Some(Doubt { reason, missing }), _) => {
            (Verdict::Inconclusive, "not steady before the first fault", reason, Some(missing))
        }
        (None, Some(gate)) if gate.open => {
            let reason = "as steady after the last undo as before".to_owned();
            (Verdict::Met, "steady after the last undo", reason, None)
        }
        (None, Some(gate)) => {
            let reason = format!("after the last undo: {}", gate.reasons.join("; "));
            (Verdict::Violated, "not steady after the last undo", reason, None)
        }
        (None, None) if steady.is_some() && applied => (
            Verdict::Inconclusive,
            "nothing",
            "the look after the last undo was not taken".to_owned(),
            Some("a run that reaches the look after the last undo".to_owned()),
        ),
        (None, None) => return None,
    };
    Some(ExpectationScore {
        id: "steady-state".to_owned(),
        place: steady.map_or_else(Place::default, |steady| steady.place.clone()),
        asks: "steady before the first fault, and again after the last undo".to_owned(),
        verdict,
        observed: observed.to_owned(),
        reason,
        missing,
        recovered: None,
    })
}

/// A declared fault that did nothing, or is not known to have done anything, leaves the run's
/// question open, whether or not something refers to it.
fn idle_faults<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = ExpectationScore> + 'a {
    // A closed gate is told once, by `steady-state`.
    let open = evidence.closed().is_none();
    let idle = evidence
        .faults
        .iter()
        .enumerate()
        .filter(move |(_, facts)| open && facts.worked != Worked::Took);
    idle.filter_map(|(index, facts)| {
        let Doubt { reason, missing } = evidence.fault_doubt(index)?;
        Some(ExpectationScore {
            id: format!("fault {}", facts.score.name),
            place: Place::default(),
            asks: match evidence.case.faults.get(index) {
                Some(fault) if fault.is_manual() => {
                    format!("somebody marks `{0}` (`assay mark RUN {0} start`)", fault.name)
                }
                Some(fault) if fault.is_command() => {
                    format!("the command of `{}` (`{}`) takes effect", fault.name, fault.link)
                }
                _ => format!(
                    "{} of {} `{}` takes effect",
                    facts.score.kind,
                    if evidence.beside_links(index) { "service" } else { "link" },
                    facts.score.link
                ),
            },
            verdict: Verdict::Inconclusive,
            observed: facts.score.effect.clone(),
            reason,
            missing: Some(missing),
            recovered: None,
        })
    })
}

/// A link through which nothing went while our callers were answered: whoever should use it goes elsewhere, and
/// what the scenario says of that way was not tried. Where faults are on it, they tell.
fn bypassed<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = ExpectationScore> + 'a {
    let cells = evidence.timeline.kinds().flat_map(|of| evidence.timeline.cells(of));
    let mut after_zero = cells.filter(|(key, _)| key.segment > 0);
    let works = evidence.end() == Some(EndReason::Complete)
        && after_zero.any(|(key, counts)| key.outcome == Outcome::Ok && counts.n > 0);
    let links = evidence.timeline.sightings.bypassed.iter().filter(move |link| {
        let mut faults = evidence.case.faults.iter();
        works && !faults.any(|fault| fault.link == **link && !fault.shows.is_beside_links())
    });
    links.map(|link| ExpectationScore {
        id: format!("link {link}"),
        place: Place::default(),
        asks: format!("what should go through link `{link}` does"),
        verdict: Verdict::Inconclusive,
        observed: "nothing went through it".to_owned(),
        reason: format!(
            "link `{link}` is bypassed: nothing went through it in the whole run, while our callers were answered"
        ),
        missing: Some(format!(
            "a caller that is led through the link by its address, ${{links.{link}.addr}}, or a scenario \
             without the link"
        )),
        recovered: None,
    })
}

/// A service that died outside a declared fault violates the run without being asked.
fn deaths(timeline: &Timeline) -> Vec<ExpectationScore> {
    let mut scores: Vec<ExpectationScore> = Vec::new();
    for death in &timeline.died {
        let id = format!("service {}", death.name);
        let detail = match death.detail.as_str() {
            "" => String::new(),
            detail => format!(": {detail}"),
        };
        if scores.iter().any(|known| known.id == id) {
            continue;
        }
        scores.push(ExpectationScore {
            id,
            place: Place::default(),
            asks: "keeps running".to_owned(),
            verdict: Verdict::Violated,
            observed: format!("died{detail}"),
            reason: format!("it ended although nobody asked it to{detail}"),
            missing: None,
            recovered: None,
        });
    }
    scores
}

/// How a run that did not end by its timetable ended, for sentences.
fn stopped(evidence: &Evidence<'_>) -> Option<String> {
    let detail = evidence.timeline.end.as_ref().map_or("", |end| end.detail.as_str());
    let because = |text: &str, detail: &str| match detail {
        "" => text.to_owned(),
        detail => format!("{text} ({detail})"),
    };
    Some(match evidence.end() {
        Some(EndReason::Complete) => return None,
        None => "the journal ends before the run did".to_owned(),
        Some(EndReason::CouldNotRun) => because("the run could not go on", detail),
        Some(EndReason::Guard) => {
            because("a guard stopped the run", evidence.timeline.guard.as_deref().unwrap_or(detail))
        }
        Some(EndReason::Lost) => because("the run ended early", detail),
        Some(EndReason::Interrupted) => because("the run was interrupted", detail),
        Some(EndReason::Terminated) => because("the run was terminated", detail),
    })
}

#[cfg(test)]
mod tests;
