//! Objectives by the requests of all runs together.
//!
//! Invariant: counts are added up and decided as those of one run; what stands in the way of one
//! run's verdict stands in the way of all.
//! Not here: what is decided by runs (`series`).

use super::Run;
use crate::baseline::Past;
use crate::case::{Ask, Objective};
use crate::evidence::Evidence;
use crate::objective::{self, Measured, Question, Weighed};
use crate::scorecard::{ObjectiveScore, Verdict};
use crate::words;

/// Seconds of different runs are so far apart, so that no window holds two of them.
const APART_S: i64 = 20_000_000;

/// All objectives of all runs; none where the runs were not asked the same.
pub(super) fn objectives(runs: &[Run]) -> Vec<ObjectiveScore> {
    let Some(last) = runs.last() else { return Vec::new() };
    // The last run knows the whole baseline of runs by turns; but for that all are asked the same.
    if runs.iter().any(|run| run.case.objectives != last.case.objectives) {
        return Vec::new();
    }
    let evidence: Vec<Evidence<'_>> =
        runs.iter().map(|run| Evidence::new(&run.case, &run.timeline)).collect();
    let pasts: Vec<Past> = evidence.iter().map(Past::of).collect();
    let asked = last.case.objectives.iter().filter(|one| !one.criterion);
    asked.flat_map(|one| pooled(&evidence, &pasts, one)).collect()
}

fn pooled(evidence: &[Evidence<'_>], pasts: &[Past], objective: &Objective) -> Vec<ObjectiveScore> {
    let Some(last) = evidence.last() else { return Vec::new() };
    let groups = objective::groups(last.case, objective).into_iter();
    let scores = groups.map(|(id, of)| {
        let question =
            Question { objective, of, during: &objective.during, part: None, runs: Some(pasts) };
        let each: Vec<Measured> =
            evidence.iter().map(|one| objective::measure(one, &question)).collect();
        let mut all = Measured::default();
        for (at, one) in (0i64..).zip(&each) {
            all.add(one, at * apart(objective));
        }
        let mut decided = objective::decide(last, &question, &all, false);
        if let Ask::Latency { below_us, .. } = objective.ask
            && decided.n > 0
        {
            let good = words::ratio(decided.n - decided.k, decided.n);
            let limit = words::duration(below_us);
            let runs = words::count(evidence.len() as u64, "run");
            decided.observed = format!("{good} ok in less than {limit}, in {runs} together");
        }
        let alone = || objective::decide(last, &question, &all, true).verdict == Verdict::Violated;
        let mut weighed = Weighed::default();
        for (at, (one, measured)) in evidence.iter().zip(&each).enumerate() {
            let found = objective::weigh(one, &question, measured, &decided, alone);
            if let Some(mut doubt) = found.doubt
                && weighed.doubt.is_none()
            {
                doubt.reason = format!("run {}: {}", at + 1, doubt.reason);
                weighed.doubt = Some(doubt);
            }
            weighed.ill = weighed.ill.or(found.ill);
        }
        let score = objective::conclude(last, &question, id, &all, decided, weighed).score;
        // Its seconds are those of no run.
        ObjectiveScore { worst: None, ..score }
    });
    scores.collect()
}

/// On the grid of the objective's windows and slices.
fn apart(objective: &Objective) -> i64 {
    let slice = match objective.ask {
        Ask::Availability { slice_s, .. } => slice_s,
        _ => 1,
    };
    let grid = objective.terms.window_s.unwrap_or(1).max(1).saturating_mul(slice.max(1));
    let grid = i64::try_from(grid).unwrap_or(APART_S).clamp(1, APART_S);
    APART_S / grid * grid
}
