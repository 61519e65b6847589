//! The blast radius: objectives that hold for these requests while something else breaks.
//!
//! Invariant: the worst verdict of the kept objectives is its own.
//! Not here: how one is judged (`objective`).

use super::Answer;
use crate::case::{During, Objective, Of};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::objective::{self, Judged, Question};
use crate::scorecard::Verdict;

/// The worst of the kept objectives, each asked of these requests in these stretches.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    of: &[Of],
    during: &[During],
    keeps: &[usize],
) -> Answer {
    let kept: Vec<Judged> = keeps
        .iter()
        .filter_map(|index| evidence.case.objectives.get(*index))
        .flat_map(|objective| {
            let asked = Objective { of: of.to_vec(), ..objective.clone() };
            let groups = objective::groups(evidence.case, &asked).into_iter();
            groups.map(move |(id, of)| {
                let question = Question { objective, of, during, part: None, runs: None };
                objective::score(evidence, &question, id)
            })
        })
        .collect();
    let each = |text: &dyn Fn(&Judged) -> String| {
        kept.iter().map(text).collect::<Vec<String>>().join("; ")
    };
    let asks = format!(
        "{} during {}",
        each(&|one| format!("{} {}", one.score.id, one.score.asks)),
        evidence.during_words(during)
    );
    // Of equally bad ones the first.
    let worst = kept.iter().rev().max_by_key(|one| one.score.verdict);
    let Some(worst) = worst else {
        let doubt = Doubt {
            reason: "it keeps no objective".to_owned(),
            missing: "an objective to keep".to_owned(),
        };
        return Answer::doubtful(asks, doubt);
    };
    let reason = match worst.score.verdict {
        Verdict::Met => each(&|one| format!("{}: {}", one.score.id, one.score.reason)),
        _ => format!("{}: {}", worst.score.id, worst.score.reason),
    };
    Answer {
        asks,
        verdict: worst.score.verdict,
        observed: each(&|one| format!("{}: {}", one.score.id, one.score.observed)),
        reason,
        missing: worst.score.missing.clone().unwrap_or_default(),
        ill: kept.iter().find_map(|one| one.ill.clone()),
    }
}
