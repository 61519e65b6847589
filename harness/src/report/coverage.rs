//! Which part of a run an objective judged, in words: a verdict says what it does not speak of.
//!
//! Not here: how requests are sorted into phases (crate slo).

use super::foreign::line;
use super::{steps, units};
use assay_slo::scorecard::ObjectiveScore;

/// `steady, after: 34 s, 85.0 % of its requests`, and how many were counted to a fault.
pub(super) fn covered(score: &ObjectiveScore) -> String {
    let share = units::share(score.coverage);
    // To a tenth: where a fault's edges fell is no round number.
    let seconds = (score.seconds * 10.0).round() / 10.0;
    let mut text = format!("{}: {seconds} s, {share} of its requests", line(&score.during));
    if score.moved_to_fault > 0 {
        let moved = score.moved_to_fault;
        text += &format!("; {moved} moved to a fault");
    }
    text
}

/// `n 6800 (85.0 % of all)`, or `n 6800` when that is all; of a capacity its steps.
pub(super) fn judged(score: &ObjectiveScore) -> String {
    if !score.steps.is_empty() {
        return steps::counted(score);
    }
    if score.coverage >= 1.0 {
        format!("n {}", score.n)
    } else {
        format!("n {} ({} of all)", score.n, units::share(score.coverage))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use assay_slo::Verdict;

    #[test]
    fn coverage_in_words() {
        let mut score = sample::objective("fast", Verdict::Met);
        assert_eq!(judged(&score), "n 6800 (85.0 % of all)");
        assert!(covered(&score).ends_with("; 3 moved to a fault"));
        (score.coverage, score.moved_to_fault) = (1.0, 0);
        assert_eq!(judged(&score), "n 6800");
        assert_eq!(covered(&score), "steady, after: 34 s, 100 % of its requests");
        score.coverage = 0.99999;
        assert_eq!(judged(&score), "n 6800 (>99.9 % of all)");
    }
}
