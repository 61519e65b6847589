//! What is asked from the instant on at which a breaker first opened.
//!
//! Evidence gives that instant as an interval. Seconds are whole, so what is judged changes only where a
//! second begins: it is judged from both ends of the interval, and on both sides of each such change
//! between them. Where all of these agree, it does not matter when exactly the breaker opened.
//!
//! Invariant: one that was not surely seen to open first decides nothing.
//! Not here: the states of breakers (`breaker`), what is asked (the other files here).

use crate::case::{Anchor, Moment, Must};
use crate::evidence::Evidence;
use crate::expectation::{Recovery, breaker, on_its_own};
use crate::health::Doubt;
use crate::scorecard::Verdict;
use crate::time::SECOND_US;
use crate::words;
use std::collections::BTreeSet;

/// From earlier to later than that, µs, an opening says nothing of what came after it.
const WIDEST: i64 = 10_000_000;

/// When a breaker first opened after time 0: not before the one instant, and not after the other, µs after
/// time 0.
pub(crate) fn first(evidence: &Evidence<'_>, index: usize) -> Result<(i64, i64), Doubt> {
    if let Some(closed) = evidence.closed() {
        return Err(closed);
    }
    let name = evidence.case.breakers.get(index).map_or("?", |breaker| breaker.name.as_str());
    let lines = evidence.breakers.lines.get(index).map_or(&[][..], Vec::as_slice);
    let mut opened: Option<(i64, i64)> = None;
    for line in lines {
        // Any of them may hide an opening that came earlier.
        let disputed = || line.dispute.as_ref().map(|dispute| dispute.doubt.clone());
        let doubt = line.doubt.clone().or_else(disputed).or_else(|| line.blind.clone());
        if let Some(doubt) = doubt.or_else(|| breaker::contradiction(evidence, index, line)) {
            let reason = format!("when breaker `{name}` ({}) opened: {}", line.of, doubt.reason);
            return Err(Doubt { reason, ..doubt });
        }
        let slack = i64::try_from(line.tolerance_us).unwrap_or(i64::MAX);
        let since = |at: crate::At| at.since(evidence.phases.zero);
        // What was over before time 0 is none of the run's.
        let spell = line
            .spells
            .iter()
            .find(|spell| spell.ended.is_none_or(|(ended, _)| since(ended.latest) > 0));
        let Some(spell) = spell else { continue };
        let earliest = since(spell.opened.earliest).saturating_sub(slack);
        let latest = since(spell.opened.latest).saturating_add(slack);
        if earliest < 0 {
            return Err(Doubt {
                reason: format!("breaker `{name}` ({}) may have been open at time 0", line.of),
                missing: "a breaker that is closed when the warm-up ends".to_owned(),
            });
        }
        opened = Some(
            opened.map_or((earliest, latest), |(from, to)| (from.min(earliest), to.min(latest))),
        );
    }
    let (earliest, latest) = opened.ok_or_else(|| Doubt {
        reason: format!("breaker `{name}` was never seen to open"),
        missing: "a breaker that opens".to_owned(),
    })?;
    if latest.saturating_sub(earliest) > WIDEST {
        return Err(Doubt {
            reason: format!("breaker `{name}` opened {}", between(earliest, latest)),
            missing: "evidence that says closer when: the word of our own gateway, a log line, or \
                      more reads or calls"
                .to_owned(),
        });
    }
    Ok((earliest, latest))
}

/// Judges what is asked from every instant at which the breakers may have opened that it names.
pub(super) fn judge(evidence: &Evidence<'_>, must: &Must) -> Recovery {
    let mut must = must.clone();
    let anchors = must.moments_mut();
    let breaker = anchors.iter().find_map(|moment| match moment.anchor {
        Anchor::BreakerOpen(index) => Some(index),
        _ => None,
    });
    // One that is not known has its doubt there.
    let opened = breaker.and_then(|index| Some((index, first(evidence, index).ok()?)));
    let Some((index, (earliest, latest))) = opened else { return on_its_own(evidence, &must) };
    let is_meant = |moment: &&mut Moment| moment.anchor == Anchor::BreakerOpen(index);
    let offsets: Vec<i64> =
        anchors.into_iter().filter(is_meant).map(|moment| moment.offset_us).collect();
    let instants = instants((earliest, latest), &offsets);
    let mut from_each = instants.into_iter().map(|at_us| {
        let mut must = must.clone();
        for moment in must.moments_mut().into_iter().filter(is_meant) {
            moment.anchor = Anchor::BreakerOpenAt { breaker: index, at_us };
        }
        judge(evidence, &must)
    });
    let Some(mut recovery) = from_each.next() else { return on_its_own(evidence, &must) };
    let name = evidence.case.breakers.get(index).map_or("?", |breaker| breaker.name.as_str());
    let when = between(earliest, latest);
    let others: Vec<Recovery> = from_each.collect();
    if others.iter().any(|other| other.answer.verdict != recovery.answer.verdict) {
        recovery.answer.verdict = Verdict::Inconclusive;
        recovery.answer.reason =
            format!("it depends on when exactly `{name}` opened, which was {when}");
        recovery.answer.missing = "evidence that says closer when it opened".to_owned();
    }
    recovery.answer.observed = format!("{} (`{name}` opened {when})", recovery.answer.observed);
    recovery
}

/// The instants from which it must be judged.
fn instants((earliest, latest): (i64, i64), offsets: &[i64]) -> BTreeSet<i64> {
    let second = i64::try_from(SECOND_US).unwrap_or(i64::MAX);
    let mut all = BTreeSet::from([earliest, latest]);
    for offset in offsets {
        let first = earliest.saturating_add(*offset).div_euclid(second);
        let last = latest.saturating_add(*offset).div_euclid(second);
        let begins = (first..=last).map(|nth| nth.saturating_mul(second).saturating_sub(*offset));
        all.extend(begins.flat_map(|at| [at, at.saturating_add(1)]));
    }
    all.retain(|at| (earliest..=latest).contains(at));
    all
}

fn between(earliest: i64, latest: i64) -> String {
    match (words::seconds(earliest), words::seconds(latest)) {
        (from, to) if from == to => format!("at {to}"),
        (from, to) => format!("between {from} and {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_judged_on_both_sides_of_each_second_and_nowhere_outside() {
        let all = |interval, offsets: &[i64]| -> Vec<i64> {
            instants(interval, offsets).into_iter().collect()
        };
        assert_eq!(all((1_200_000, 1_200_000), &[0]), [1_200_000]);
        assert_eq!(all((1_200_000, 1_900_000), &[0]), [1_200_000, 1_900_000]);
        let across = [1_900_000, 2_000_000, 2_000_001, 2_100_000];
        assert_eq!(all((1_900_000, 2_100_000), &[0]), across);
        let shifted = [1_200_000, 1_500_000, 1_500_001, 1_900_000];
        assert_eq!(all((1_200_000, 1_900_000), &[500_000]), shifted);
        assert_eq!(all((1_200_000, 1_900_000), &[-500_000]), shifted);
    }
}
