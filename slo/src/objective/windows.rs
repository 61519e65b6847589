//! Windows of an objective: none of them may surely break its limit.
//!
//! Each window is tested at a confidence that leaves the objective's for all of them together
//! (Bonferroni: α divided by their number). One that breaks the limit is enough; none proves that
//! the limit is kept, which the whole period must show.
//!
//! Invariant: a window makes nothing better.
//! Not here: slices of an availability, which are a budget (`decide`).

use super::asks::short;
use super::decide::{Decided, breaks};
use super::{Measured, Question};
use crate::scorecard::Verdict;
use crate::tally::Tally;
use crate::time::Share;
use crate::words;
use std::collections::BTreeMap;

/// What the whole period says, unless a window says worse.
pub(super) fn hold(
    whole: Decided,
    question: &Question<'_>,
    measured: &Measured,
    limit: Share,
    on_service: bool,
) -> Decided {
    let terms = &question.objective.terms;
    let Some(length) = terms.window_s.and_then(|s| i64::try_from(s).ok()).filter(|s| *s > 0) else {
        return whole;
    };
    let seconds = if on_service { &measured.service_by_second } else { &measured.by_second };
    let mut windows: BTreeMap<i64, Tally> = BTreeMap::new();
    for (second, tally) in seconds {
        windows.entry(second.div_euclid(length)).or_default().add(*tally);
    }
    windows.retain(|_, tally| tally.n > 0);
    let each = each(question.objective.confidence, windows.len() as u64);
    let broken = |tally: &Tally| breaks((tally.k, tally.due()), limit, each, terms.effect());
    let share = |tally: &Tally, other: &Tally| u128::from(tally.k) * u128::from(other.due());
    let worst = windows.iter().filter(|(_, tally)| broken(tally));
    let worst = worst.max_by(|(_, a), (_, b)| share(a, b).cmp(&share(b, a)));
    let Some((number, tally)) = worst else { return whole };
    let (from, to) = (number * length, (number + 1) * length);
    let reason = format!(
        "in the window from {from} s to {to} s {} of {} were {}: {} sure that this is more than {} in \
         one of {} windows",
        tally.k,
        tally.due(),
        short(&question.objective.ask),
        words::share(question.objective.confidence),
        words::share(limit),
        windows.len()
    );
    Decided { verdict: Verdict::Violated, reason, missing: String::new(), ..whole }
}

/// The confidence of each of so many tests, so that all together have this one.
fn each(confidence: Share, tests: u64) -> Share {
    Share(Share::ONE.0 - confidence.rest().0 / tests.max(1))
}
