//! Expectations: what must hold around faults.
//!
//! Invariant: an expectation about a fault that did nothing is inconclusive.
//! Not here: objectives' limits themselves (`objective`).

use crate::case::{Expectation, Must};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::{ExpectationScore, Recovered, Verdict};

mod amplification;
mod answers;
mod arrivals;
mod backlog;
mod breaker;
mod counted;
pub mod goodput;
mod herd;
mod ledger;
mod log;
mod metric;
pub(crate) mod opening;
mod part;
mod ready;
pub(crate) mod reconciles;
mod recovers;
mod settles;
mod slices;
mod slope;
mod unaffected;
mod watch;

/// What an expectation came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) asks: String,
    pub(crate) verdict: Verdict,
    pub(crate) observed: String,
    pub(crate) reason: String,
    /// What would decide it, if it is undecided.
    pub(crate) missing: String,
    /// Why the generator was ill for it, if it was.
    pub(crate) ill: Option<String>,
}

/// What a recovery came to, and when it was seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recovery {
    pub(crate) answer: Answer,
    pub(crate) seen: Option<Recovered>,
}

impl Answer {
    /// Undecided, without a look at what was observed.
    fn doubtful(asks: String, doubt: Doubt) -> Answer {
        Answer {
            asks,
            verdict: Verdict::Inconclusive,
            observed: "nothing".to_owned(),
            reason: doubt.reason,
            missing: doubt.missing,
            ill: None,
        }
    }
}

/// Judges one expectation; with it, why the generator was ill for it, if it was.
pub(crate) fn judge(
    evidence: &Evidence<'_>,
    expectation: &Expectation,
) -> (ExpectationScore, Option<String>) {
    let Recovery { answer, seen: recovered } = opening::judge(evidence, &expectation.must);
    let open = answer.verdict == Verdict::Inconclusive;
    let score = ExpectationScore {
        id: expectation.name.clone(),
        place: expectation.place.clone(),
        asks: answer.asks,
        verdict: answer.verdict,
        observed: answer.observed,
        reason: answer.reason,
        missing: open.then_some(answer.missing),
        recovered,
    };
    (score, answer.ill)
}

/// What it comes to, all its moments as they stand.
fn on_its_own(evidence: &Evidence<'_>, must: &Must) -> Recovery {
    let mut seen = None;
    let answer = match must {
        Must::Recovers { objective, after, within_us, hold_us } => {
            let asked = recovers::Asked { after, within_us: *within_us, hold_us: *hold_us };
            let recovery = recovers::judge(evidence, *objective, &asked);
            seen = recovery.seen;
            recovery.answer
        }
        Must::Unaffected { of, during, keeps } => unaffected::judge(evidence, of, during, keeps),
        Must::Answers { of, during, mark, service_mark, late_mark } => {
            let marks = answers::Marks { asked: *mark, service: *service_mark, late: *late_mark };
            answers::judge(evidence, of, during, marks)
        }
        Must::Breaker(must) => breaker::judge(evidence, must),
        Must::Ledger { fleet, lost, duplicated, unexpected, out_of_order, age_us } => {
            let bounds = ledger::Bounds {
                lost: *lost,
                duplicated: *duplicated,
                unexpected: *unexpected,
                out_of_order: *out_of_order,
                age_us: *age_us,
            };
            ledger::judge(evidence, *fleet, &bounds)
        }
        Must::Backlog { fleet, peak, drained } => {
            backlog::judge(evidence, *fleet, *peak, drained.as_ref())
        }
        Must::Goodput { of, at_least, after, within_us } => {
            let asked = goodput::Asked { at_least: *at_least, after, within_us: *within_us };
            goodput::judge(evidence, of, &asked)
        }
        Must::Amplification { link, per, at_most_milli, during, window_s } => {
            let (at_most_milli, window_s) = (*at_most_milli, *window_s);
            let asked = amplification::Asked { link, per, at_most_milli, during, window_s };
            amplification::judge(evidence, &asked)
        }
        Must::Herd { link, peak_milli, after, within_us } => {
            herd::judge(evidence, link, *peak_milli, after, *within_us)
        }
        Must::Log(must) => log::judge(evidence, must),
        Must::Metric(must) => metric::judge(evidence, must),
        Must::Reconciles(must) => reconciles::judge(evidence, must),
        Must::Settles(must) => settles::judge(evidence, must),
        Must::Ready { service, after, within_us } => {
            ready::judge(evidence, service, after, *within_us)
        }
    };
    Recovery { answer, seen }
}
