//! Why, in one sentence: the worst first, with its numbers.
//!
//! Invariant: it never says more than the scores do.
//! Not here: the verdict itself.

use super::stopped;
use crate::case::{Ask, Objective};
use crate::evidence::Evidence;
use crate::objective::{Judged, short};
use crate::scorecard::{ExpectationScore, ObjectiveScore, Verdict};
use crate::words;

pub(super) fn sentence(
    evidence: &Evidence<'_>,
    verdict: Verdict,
    asked: bool,
    judged: &[(Option<&Objective>, Judged)],
    expectations: &[ExpectationScore],
) -> String {
    let gating = || judged.iter().filter(|(_, one)| !one.score.advisory);
    let objectives = gating()
        .filter(|(_, one)| one.score.verdict == verdict)
        .map(|(objective, one)| objective_words(*objective, &one.score));
    let expected = |explains: bool| {
        let worst = expectations
            .iter()
            .filter(move |score| score.verdict == verdict && explains_the_rest(score) == explains);
        worst.map(|score| format!("{}: {}", score.id, score.reason))
    };
    let worst: Vec<String> = expected(true).chain(objectives).chain(expected(false)).collect();
    let stopped = stopped(evidence);
    let what = match (verdict, worst.split_first()) {
        (Verdict::Met, _) => {
            let counts = [(gating().count(), "objective"), (expectations.len(), "expectation")];
            let all = counts.iter().filter(|(n, _)| *n > 0);
            let all: Vec<String> = all.map(|(n, what)| words::count(*n as u64, what)).collect();
            format!("{} held", all.join(" and "))
        }
        _ if !asked && worst.is_empty() => "nothing was asked".to_owned(),
        (_, Some((first, []))) => first.clone(),
        (_, Some((first, rest))) => format!("{first}; and {} more", rest.len()),
        (_, None) => String::new(),
    };
    // The reason may say it already.
    let stopped = stopped.filter(|stopped| !what.contains(stopped.as_str()));
    let parts: Vec<String> = [what].into_iter().filter(|t| !t.is_empty()).chain(stopped).collect();
    parts.join("; ")
}

/// What a gate did, or a service's death.
fn explains_the_rest(score: &ExpectationScore) -> bool {
    let gate = score.id == "steady-state" && score.reason.starts_with("precondition");
    gate || score.id.starts_with("service ")
}

/// `errors 0.31 % (31 of 10000, 95 % sure above 0.21 %), limit 0.1 %`.
fn objective_words(objective: Option<&Objective>, score: &ObjectiveScore) -> String {
    let Some(objective) = objective else {
        let missing = score.missing.as_ref().map_or(String::new(), |m| format!(" ({m})"));
        return format!("{}: {}{missing}", score.id, score.reason);
    };
    let bound = match (&objective.ask, score.lower) {
        (Ask::Latency { .. } | Ask::ErrorRate { .. }, Some(lower)) => lower,
        _ => return format!("{} {}", score.id, score.reason),
    };
    if score.verdict != Verdict::Violated {
        let missing = score.missing.as_ref().map_or(String::new(), |m| format!(" ({m})"));
        return format!("{} {}{missing}", score.id, score.reason);
    }
    let bad = match objective.ask {
        Ask::Latency { .. } => format!(" {}", short(&objective.ask)),
        _ => String::new(),
    };
    let (k, n) = (score.k, score.n);
    format!(
        "{} {}{bad} ({k} of {n}, {} sure above {}), limit {}",
        score.id,
        words::ratio(k, n),
        words::share(objective.confidence),
        words::above(bound),
        words::percent(score.limit)
    )
}
