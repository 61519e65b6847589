//! Two runs, or sets of them, held against each other without a scenario that asks.
//!
//! Invariant: each request of each load is asked for, and what only one side has is told.
//! Invariant: runs of either side that are ill leave all of it open.
//! Not here: where they come from (harness `cli`).

use super::change::{Ask, Held, Question, decide};
use super::{Baseline, Past};
use crate::case::{Clock, During, LoadKind};
use crate::scorecard::Verdict;
use crate::time::Share;
use crate::words;

/// How much worse may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// Which percentile of the times is compared.
    pub percentile: Share,
    /// It may be so much above, a share of what it was.
    pub latency: Share,
    /// So many points more may be not ok, a share of all requests.
    pub errors: Share,
    /// Two-sided confidence of the intervals.
    pub confidence: Share,
}

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What: `P95 of list (visitors)`.
    pub name: String,
    /// Met: not worse. Violated: worse. Inconclusive: that cannot be told.
    pub verdict: Verdict,
    /// What was seen.
    pub observed: String,
    /// Why, in one sentence.
    pub reason: String,
    /// What all of the times say, in a sentence; where times are compared.
    pub in_all: Option<String>,
    /// What would decide it; set exactly when it is inconclusive.
    pub missing: Option<String>,
}

/// Holds runs against a baseline: of each request a percentile, in its steady and after phases, and
/// its errors; on the service clock for what has no other. Requests without any on either side are
/// left out.
#[must_use]
pub fn compare(baseline: &Baseline, new: &[Past], margins: &Margins) -> Vec<Compared> {
    let during = [During::Steady, During::After];
    let mut compared = Vec::new();
    for load in new.iter().take(1).flat_map(|run| &run.loads) {
        let open = load.kind == LoadKind::Open;
        let clock = if open { Clock::Response } else { Clock::Service };
        let Margins { percentile, latency, errors, confidence } = *margins;
        let asks = [
            (words::percentile(percentile), Ask::Latency { percentile, at_most: latency, clock }),
            ("errors".to_owned(), Ask::Errors { at_most: errors }),
        ];
        for request in &load.requests {
            for (what, ask) in &asks {
                let question = Question {
                    ask: *ask,
                    names: vec![(load.name.as_str(), request.name.as_str())],
                    during: &during,
                    faults: Vec::new(),
                    confidence,
                };
                let held = decide(&question, baseline, new);
                let Held { verdict, observed, reason, missing, in_all, .. } = healthy(held, new);
                compared.push(Compared {
                    name: format!("{what} of {} ({})", request.name, load.name),
                    verdict,
                    observed,
                    reason,
                    in_all,
                    missing: (verdict == Verdict::Inconclusive).then_some(missing),
                });
            }
        }
    }
    compared
}

/// Nothing is said by runs that say nothing of the service: no objective stands between that and this.
fn healthy(held: Held, new: &[Past]) -> Held {
    let mut ill = new.iter().filter_map(|run| run.ill.as_ref());
    match ill.next() {
        Some(why) if held.verdict != Verdict::Inconclusive => Held {
            verdict: Verdict::Inconclusive,
            reason: format!("a run that is compared says nothing: {why}"),
            missing: "runs that end by themselves, of a generator that keeps up".to_owned(),
            ..held
        },
        _ => held,
    }
}
