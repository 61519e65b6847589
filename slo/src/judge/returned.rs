//! Services that a fault ended, that were started again, and that were not ready within their time.
//!
//! Invariant: whoever did not come back violates the run without being asked: what a fault did is not
//! undone by starting something that never answers.
//! Invariant: another fault that was on during the wait may be the reason, so nothing is sure then; nor of one
//! that could not even be started again, because its program or its port were taken away from it.
//! Not here: services that ended by themselves (`judge`), how fast one must be ready (`expectation::ready`).

use crate::case::Place;
use crate::event::NotBack;
use crate::evidence::Evidence;
use crate::scorecard::{ExpectationScore, Verdict};
use crate::time::At;

/// Each service once, at its worst.
pub(super) fn missing(evidence: &Evidence<'_>) -> Vec<ExpectationScore> {
    let mut scores: Vec<ExpectationScore> = Vec::new();
    for (at, missed) in &evidence.timeline.sightings.not_back {
        let Some(score) = score(evidence, *at, missed) else { continue };
        match scores.iter_mut().find(|known| known.id == score.id) {
            Some(known) if known.verdict < score.verdict => *known = score,
            Some(_) => {}
            None => scores.push(score),
        }
    }
    scores
}

fn score(evidence: &Evidence<'_>, at: At, missed: &NotBack) -> Option<ExpectationScore> {
    let fault = evidence.case.faults.get(missed.fault)?;
    let (service, detail) = (fault.link.as_str(), missed.detail.as_str());
    // By another start, or where an expectation gives it longer.
    let samples = &evidence.timeline.samples;
    let looks = samples.looks.iter().filter(|looks| looks.service == service);
    let came = samples.ready_since(service, missed.since).is_some()
        || looks.filter_map(|looks| looks.ready).any(|ready| ready >= missed.since);
    if came {
        return None;
    }
    let after = format!("after fault `{}`", fault.name);
    let (verdict, reason, missing) = match meanwhile(evidence, at, missed) {
        _ if missed.unstarted => (
            Verdict::Inconclusive,
            format!("it did not come back {after}: {detail}"),
            Some("a service that can be started again for as long as the run goes on".to_owned()),
        ),
        None => (Verdict::Violated, format!("it did not come back {after}: {detail}"), None),
        Some(other) => (
            Verdict::Inconclusive,
            format!("it did not come back {after}, while fault `{other}` was on: {detail}"),
            Some(format!("a service that is ready before `{other}` starts, or time after its end")),
        ),
    };
    Some(ExpectationScore {
        id: format!("service {service}"),
        place: Place::default(),
        asks: format!("is ready again {after}"),
        verdict,
        observed: "not ready again".to_owned(),
        reason,
        missing,
        recovered: None,
    })
}

/// A fault that was on while the service was waited for.
fn meanwhile<'a>(evidence: &'a Evidence<'_>, at: At, missed: &NotBack) -> Option<&'a str> {
    let other = evidence.timeline.faults.iter().find(|(_, line)| {
        line.spans.iter().any(|span| {
            span.applied < at && span.cleared.is_none_or(|cleared| cleared > missed.since)
        })
    });
    let fault = evidence.case.faults.get(*other?.0)?;
    Some(fault.name.as_str())
}
