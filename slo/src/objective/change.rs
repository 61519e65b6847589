//! An objective that holds the run against its baseline.
//!
//! Invariant: this run and the earlier ones are counted by the same rule.
//! Not here: the comparison (`baseline`).

use super::{Question, decide::Decided};
use crate::baseline::{self, Baseline, Past};
use crate::case::Ask;
use crate::evidence::Evidence;
use crate::scorecard::Verdict;
use crate::tally::Tally;
use crate::time::Share;

/// Of an ill generator only the service clock tells something.
pub(super) fn decide(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    tally: Tally,
    on_service: bool,
) -> Decided {
    let (ask, limit) = match question.objective.ask {
        Ask::LatencyChange { percentile, at_most, clock } => {
            let clock = if on_service { clock.begun() } else { clock };
            (baseline::Ask::Latency { percentile, at_most, clock }, at_most)
        }
        Ask::ErrorRateChange { at_most } => (baseline::Ask::Errors { at_most }, at_most),
        _ => (baseline::Ask::Errors { at_most: Share::ONE }, Share::ONE),
    };
    let none = Baseline::default();
    let baseline = evidence.case.baseline.as_ref().unwrap_or(&none);
    let names = question.of.iter().filter_map(|of| {
        let load = evidence.case.loads.get(of.load)?;
        Some((load.name.as_str(), load.requests.get(of.request)?.name.as_str()))
    });
    let asked = baseline::Question {
        ask,
        names: names.collect(),
        during: question.during,
        faults: evidence.case.faults.iter().map(|fault| fault.name.as_str()).collect(),
        confidence: question.objective.confidence,
    };
    let own;
    let runs = match &question.runs {
        Some(runs) => runs,
        None => {
            own = [Past::of(evidence)];
            own.as_slice()
        }
    };
    let held = baseline::decide(&asked, baseline, runs);
    // A part of a run, or one that goes on, is like no whole one.
    let verdict = if question.part.is_some() { Verdict::Inconclusive } else { held.verdict };
    let Tally { n, k, unknown } = tally;
    Decided {
        verdict,
        n,
        k,
        unknown,
        lower: None,
        upper: None,
        limit: limit.fraction(),
        effect: 1.0,
        observed: held.observed,
        reason: held.reason,
        missing: held.missing,
        change: held.change,
    }
}
