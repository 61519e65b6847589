//! Expectations: what must hold around faults.
//!
//! Invariant: an expectation about a fault that did nothing is inconclusive.
//! Not here: objectives' limits themselves (`objective`).

use crate::case::{Expectation, Must};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::{ExpectationScore, Verdict};

mod answers;
mod recovers;
mod slices;
mod unaffected;

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
    let answer = match &expectation.must {
        Must::Recovers { objective, after, within_us, hold_us } => {
            let asked = recovers::Asked { after, within_us: *within_us, hold_us: *hold_us };
            recovers::judge(evidence, *objective, &asked)
        }
        Must::Unaffected { of, during, keeps } => unaffected::judge(evidence, of, during, keeps),
        Must::Answers { of, during, mark, service_mark, late_mark } => {
            let marks = answers::Marks { asked: *mark, service: *service_mark, late: *late_mark };
            answers::judge(evidence, of, during, marks)
        }
        Must::Breaker(_)
        | Must::Ledger { .. }
        | Must::Backlog { .. }
        | Must::Goodput { .. }
        | Must::Amplification { .. }
        | Must::Herd { .. } => Answer::doubtful(
            expectation.name.clone(),
            Doubt {
                reason: "it cannot be judged yet".to_owned(),
                missing: "a judge that can".to_owned(),
            },
        ),
    };
    let open = answer.verdict == Verdict::Inconclusive;
    let score = ExpectationScore {
        id: expectation.name.clone(),
        place: expectation.place.clone(),
        asks: answer.asks,
        verdict: answer.verdict,
        observed: answer.observed,
        reason: answer.reason,
        missing: open.then_some(answer.missing),
    };
    (score, answer.ill)
}
