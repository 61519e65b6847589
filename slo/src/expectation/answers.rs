//! The degraded contract: every request of these stretches is answered as promised, in time.
//!
//! Invariant: exact; one wrong answer violates it, one unknown answer keeps it from being met.
//! Not here: what an answer was compared with (harness `client`), which counts the marks.

use super::Answer;
use crate::case::{Clock, During, Mark, Of};
use crate::evidence::Evidence;
use crate::health::{Doubt, Punctuality, stood};
use crate::objective::unsent;
use crate::scorecard::Verdict;
use crate::tally::{Good, Tally};
use crate::window::{SLOW_US, Window};
use crate::words;
use std::collections::BTreeSet;

/// The predicates that it counts by, indices into the case's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) asked: usize,
    pub(super) service: usize,
    pub(super) late: usize,
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, of: &[Of], during: &[During], marks: Marks) -> Answer {
    let of: BTreeSet<Of> = of.iter().copied().collect();
    let asks = format!(
        "{} during {}",
        promise(evidence.case.marks.get(marks.asked)),
        evidence.during_words(during)
    );
    if let Some(doubt) = evidence.during_doubt(during) {
        return Answer::doubtful(asks, doubt);
    }
    let window = Window { of: of.clone(), during, limit_us: SLOW_US, seconds: None };
    let (mut tally, mut service) = (Tally::default(), Tally::default());
    let mut punctuality = Punctuality::default();
    for (place, key, counts) in window.cells(evidence.case, &evidence.phases, evidence.timeline) {
        if place.inside {
            tally.add(Tally::of(Good::Marked { mark: marks.asked }, key, counts));
            service.add(Tally::of(Good::Marked { mark: marks.service }, key, counts));
            punctuality.add(evidence.case, marks.late, place.of, key, counts);
        }
    }
    let used: BTreeSet<usize> = of.iter().map(|of| of.load).collect();
    let ill = punctuality.ill(evidence.case, &evidence.loads, &used, marks.late);
    let excuse = ill.clone().or_else(|| stood::excuse(evidence, &used));
    let unknown = tally.unknown.saturating_add(evidence.lost(&of));
    let counted = format!("{} of {} answered so", tally.n - tally.k, tally.n);
    let undecided = |doubt: Doubt| (Verdict::Inconclusive, doubt.reason, doubt.missing);
    let doubt = evidence.cut_short().or_else(|| evidence.load_doubt(&of)).or_else(|| ill.clone());
    let doubt = doubt.or_else(|| unsent::doubt(evidence, &of));
    let (verdict, reason, missing) = match (tally.k > 0, doubt) {
        (true, _) => match excuse.filter(|_| service.k == 0) {
            Some(doubt) => undecided(doubt),
            None => {
                (Verdict::Violated, format!("{} of {} did not", tally.k, tally.n), String::new())
            }
        },
        (false, Some(doubt)) => undecided(doubt),
        (false, None) if tally.n == 0 => undecided(Doubt {
            reason: "no request was judged".to_owned(),
            missing: "requests in these stretches".to_owned(),
        }),
        (false, None) if unknown > 0 => undecided(Doubt {
            reason: format!("{counted}, but the outcome of {unknown} is unknown"),
            missing: format!("the outcome of {}", words::count(unknown, "request")),
        }),
        (false, None) => (Verdict::Met, counted.clone(), String::new()),
    };
    let observed = if tally.n == 0 { "nothing".to_owned() } else { counted };
    Answer { asks, verdict, observed, reason, missing, ill: ill.map(|doubt| doubt.reason) }
}

/// A mark in words: `answers 200 or 503 within 50 ms, refusals with Retry-After`.
fn promise(mark: Option<&Mark>) -> String {
    let Some(Mark::Answered { only, within_us, clock, header }) = mark else {
        return "answers".to_owned();
    };
    let range = |(from, to): &(u16, u16)| {
        if from == to {
            from.to_string()
        } else if from % 100 == 0 && *to == from + 99 {
            format!("{}xx", from / 100)
        } else {
            format!("{from}-{to}")
        }
    };
    let statuses: Vec<String> = only.iter().map(range).collect();
    let clock = if *clock == Clock::Service { " (service clock)" } else { "" };
    let within = within_us.map_or(String::new(), |us| format!(" within {}", words::duration(us)));
    let header = header.as_ref().map_or(String::new(), |h| format!(", refusals with `{h}`"));
    format!("answers {}{within}{clock}{header}", statuses.join(" or "))
}
