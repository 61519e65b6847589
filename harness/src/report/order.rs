//! In which order findings are read, and with which mark: the worst first, never by color alone.
//!
//! Not here: the words of a verdict (crate slo).

use assay_slo::Verdict;
use assay_slo::scorecard::{ExpectationScore, ObjectiveScore};
use std::cmp::Reverse;

/// The sign that stands beside a verdict's word.
pub(super) fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Met => '✓',
        Verdict::Inconclusive => '?',
        Verdict::Violated => '✗',
    }
}

/// Sign and word, and whether it decides: `✗ violated`, `✗ violated (advisory)`.
pub(super) fn mark(verdict: Verdict, advisory: bool) -> String {
    let advisory = if advisory { " (advisory)" } else { "" };
    format!("{} {}{advisory}", sign(verdict), verdict.word())
}

/// Those that decide first, of these the worst first, else as they were written.
pub(super) fn objectives(all: &[ObjectiveScore]) -> Vec<&ObjectiveScore> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|one| (one.advisory, Reverse(one.verdict)));
    sorted
}

/// The worst first, else as they were written.
pub(super) fn expectations(all: &[ExpectationScore]) -> Vec<&ExpectationScore> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|one| Reverse(one.verdict));
    sorted
}
