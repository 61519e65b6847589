//! How much got through: requests answered ok, of those that were due or in the time that their
//! loads were sending.
//!
//! A count of what happened, no inference: whoever asks for a rate at which even arrivals come wants
//! all of them. Whole requests are needed in each stretch, so that where a phase ends between two
//! arrivals nothing is missed; what was counted to a fault (`moved`) is not missed either.
//!
//! Invariant: what is unknown decides neither way; what our own breaker rejected did not get through.
//! Invariant: a rate is never met on the shorter time of a load whose rows were used up.
//! Not here: whether the generator offered enough (`health`).

use super::decide::{Decided, why};
use super::{Measured, Question, reaches};
use crate::case::Pace;
use crate::evidence::Evidence;
use crate::scorecard::Verdict;
use crate::tally::Tally;
use crate::time::SECOND_US;
use crate::words;
use std::collections::BTreeSet;

/// µs in a thousandth of a minute, times thousandths of requests.
const SCALE: u128 = 60 * SECOND_US as u128 * 1000;

pub(super) fn decide(
    question: &Question<'_>,
    measured: &Measured,
    tally: Tally,
    at_least: Pace,
) -> Decided {
    let Tally { n, k, unknown } = tally;
    let ok = n - k;
    let most = ok.saturating_add(unknown);
    let seconds = measured.seconds();
    // A look while the run goes on does not know what is under way.
    let look = question.part.as_ref().is_some_and(|part| part.loads.is_empty());
    let (reached, possible, limit, needed) = match at_least {
        Pace::Share(share) => {
            let due = tally.due();
            let needed = format!("{} of {due}", words::share(share));
            (reaches(ok, due, share), reaches(most, due, share), share.rest().fraction(), needed)
        }
        Pace::Rate(rate) => {
            let whole = needed(measured, rate);
            let words = format!("{whole}: {} in {} s", words::rate(rate), words::number(seconds));
            let spare = tally.due().saturating_sub(whole) as f64;
            (ok >= whole && seconds > 0.0, look || most >= whole, spare, words)
        }
    };
    // A share of what is offered asks for no time.
    let short = measured.short.as_ref().filter(|_| matches!(at_least, Pace::Rate(_)));
    let verdict = if n == 0 && unknown == 0 {
        Verdict::Inconclusive
    } else if !possible {
        Verdict::Violated
    } else if reached && n > 0 && short.is_none() {
        Verdict::Met
    } else {
        Verdict::Inconclusive
    };
    let counted = format!("{ok} answered ok, needed are {needed}");
    let (reason, missing) = match short {
        Some(short) if verdict == Verdict::Inconclusive && reached && n > 0 => {
            (format!("{counted}, but {short}"), "rows for the whole load".to_owned())
        }
        _ => why(verdict, counted, tally),
    };
    let observed = match (n, seconds > 0.0) {
        (0, _) => "nothing".to_owned(),
        (_, false) => format!("{} ok of {}", words::ratio(ok, tally.due()), tally.due()),
        (_, true) => format!(
            "{}/s ok, {} of what was offered",
            words::number(ok as f64 / seconds),
            words::ratio(ok, tally.due())
        ),
    };
    Decided {
        verdict,
        n,
        k,
        unknown,
        lower: None,
        upper: None,
        limit,
        effect: 1.0,
        observed,
        reason,
        missing,
        change: None,
    }
}

/// Why less time was sent in than was planned, if rows were used up: then a rate over what is left
/// says nothing of the rest.
pub(super) fn short(evidence: &Evidence<'_>, question: &Question<'_>) -> Option<String> {
    let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let used = question.of.iter().map(|of| of.load).collect::<BTreeSet<_>>();
    let loads = || used.iter().filter_map(|load| evidence.case.loads.get(*load));
    let ended = evidence.timeline.ended().since(evidence.phases.zero);
    let sent_until = loads().map(|load| whole(load.ends_us)).max()?.min(ended);
    // What is asked of an earlier stretch has all of it.
    let stretches = evidence.phases.stretches(question.during);
    let reaches_it = stretches.iter().any(|(from, to)| *from < sent_until && *to >= sent_until);
    let scarce = loads().filter_map(|load| Some((load, load.scarce.as_ref()?)));
    let (load, scarce) =
        scarce.max_by_key(|(_, scarce)| scarce.ends_us).filter(|(_, scarce)| {
            question.part.is_none() && reaches_it && whole(scarce.ends_us) > sent_until
        })?;
    let second = SECOND_US as f64;
    Some(format!(
        "`{}` ended at {} s of its {} s: the rows of `{}` are used up",
        load.name,
        words::number(sent_until as f64 / second),
        words::number(scarce.ends_us.saturating_sub(load.starts_us) as f64 / second),
        scarce.rows
    ))
}

/// Whole requests that a rate (thousandths of a request a minute) makes of the stretches. A load that
/// starts with a stretch has its first request there; each of several others may have one less.
fn needed(measured: &Measured, rate: u64) -> u64 {
    let each = measured.stretches.iter().zip(&measured.begun_before).map(|((from, to), others)| {
        let us = u128::from((to - from).unsigned_abs());
        let whole = u64::try_from(us * u128::from(rate) / SCALE).unwrap_or(u64::MAX);
        whole.saturating_sub(others.saturating_sub(1))
    });
    each.fold(0u64, u64::saturating_add).saturating_sub(measured.moved)
}
