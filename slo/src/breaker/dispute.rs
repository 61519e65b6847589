//! Whether two kinds of evidence of one breaker contradict each other.
//!
//! Compared are only stretches of which both are sure: open by the one, closed by the other. Where
//! they overlap by more than both are unsure of (tolerances, the time between two reads, how late a
//! call may arrive) one of them is wrong, and nobody knows which.
//!
//! Not here: what such a contradiction spoils (`expectation`).

use super::{ADMISSION_US, Ending, How, Line, Spell};
use crate::case::Breaker;
use crate::health::Doubt;
use crate::phase::Phases;
use crate::scorecard::Between;
use crate::time::At;
use crate::words;

/// What contradicts a line of states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dispute {
    pub(crate) doubt: Doubt,
    /// By the other evidence.
    pub(crate) other: Line,
}

/// From when to when.
type Stretch = (At, At);

/// Holds a line against others, and keeps the first that contradicts it.
pub(super) fn settle(
    phases: &Phases,
    breaker: &Breaker,
    line: &mut Line,
    others: &[Line],
    findings: &mut Vec<String>,
) {
    if line.doubt.is_some() {
        return;
    }
    for other in others.iter().filter(|other| other.doubt.is_none()) {
        let Some(what) = contradiction(phases, line, other) else { continue };
        findings.push(format!(
            "breaker `{}` ({}) and {} disagree: {what}",
            breaker.name, line.of, other.of
        ));
        if line.dispute.is_none() {
            let doubt = Doubt {
                reason: format!("contradicted evidence: {what}"),
                missing: format!(
                    "to know which of both is wrong, and evidence without it: {}, or {}",
                    suspicion(line),
                    suspicion(other)
                ),
            };
            line.dispute = Some(Box::new(Dispute { doubt, other: other.clone() }));
        }
    }
}

/// What may be wrong with it.
fn suspicion(line: &Line) -> &'static str {
    match line.how {
        How::Told => "a gateway whose calls take another way",
        How::Inferred => "calls that come to the link past this breaker, or by several",
        How::Polled => "a state that nobody updates, or another breaker's",
        How::Logged => "a log that is written late, or of another breaker",
    }
}

fn contradiction(phases: &Phases, one: &Line, other: &Line) -> Option<String> {
    let slack = [one.tolerance_us, other.tolerance_us, one.grain_us, other.grain_us]
        .into_iter()
        .fold(ADMISSION_US, u64::saturating_add);
    let longer = |(from, to): &Stretch| to.0.saturating_sub(from.0) > slack;
    let at = |at: At| words::seconds(at.since(phases.zero));
    let by = |open: &Line, closed: &Line| {
        let overlap = common(&opened(open), &shut(closed, phases.zero)).find(longer)?;
        let (from, to) = (at(overlap.0), at(overlap.1));
        Some(format!("from {from} to {to} it was open by {}, and closed by {}", open.of, closed.of))
    };
    by(one, other).or_else(|| by(other, one))
}

/// What two lists of stretches have in common.
fn common<'a>(ones: &'a [Stretch], others: &'a [Stretch]) -> impl Iterator<Item = Stretch> + 'a {
    ones.iter().flat_map(move |one| {
        others.iter().map(move |other| (one.0.max(other.0), one.1.min(other.1)))
    })
}

/// Surely not closed. Half-open only by its own word: arrivals do not tell it from closed.
fn opened(line: &Line) -> Vec<Stretch> {
    let stretch = |spell: &Spell| {
        let ended = spell.ended.map(|(between, _)| between);
        let half_open = spell.half_open.filter(|_| line.how == How::Inferred);
        let to = half_open.or(ended).map_or(line.until, |between| between.earliest);
        (spell.opened.latest, to)
    };
    line.spells.iter().map(stretch).collect()
}

/// Surely closed.
fn shut(line: &Line, zero: At) -> Vec<Stretch> {
    let (mut from, mut stretches) = (Some(zero), Vec::new());
    for spell in &line.spells {
        if let Some(from) = from.take() {
            stretches.push((from, opening(line, spell.opened)));
        }
        from = spell.ended.filter(|(_, how)| *how == Ending::Closed).map(|(at, _)| at.latest);
    }
    stretches.extend(from.map(|from| (from, line.until)));
    stretches
}

/// Until when it was surely closed before an opening. What is tried again behind a breaker arrives long
/// after it: then from the first failure on it may have been open.
fn opening(line: &Line, opened: Between) -> At {
    let calls = line.calls.as_ref().filter(|_| line.retried);
    let run = calls.map(|calls| calls.run_before(opened)).unwrap_or_default();
    let first = run.iter().map(|call| call.begun).min();
    first.map_or(opened.earliest, |first| first.min(opened.earliest))
}
