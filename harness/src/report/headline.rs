//! What stands first in every report: the verdict's sign, word and sentence, and the exit code.
//!
//! Invariant: a run of which nothing was asked is `measured`; it is never shown as a verdict, and
//! never as met.
//! Invariant: a run that did not come to its end is never shown as met: what it was until then is.
//! Not here: the verdict itself (crate slo), and what decides the code (`exit`).

use super::exit::{Exit, OnInconclusive};
use super::head::Head;
use super::order;
use assay_slo::{Scorecard, Verdict};
use std::borrow::Cow;

/// The head of a page.
pub(super) struct Headline<'a> {
    /// Stands beside the word, so that color is not needed.
    pub(super) sign: char,
    /// `met`, `violated`, `inconclusive` or `measured`; of a run that ended before its time, instead of
    /// `met`, how.
    pub(super) word: &'static str,
    /// Whose color it has.
    pub(super) looks: Verdict,
    /// Why.
    pub(super) sentence: Cow<'a, str>,
    /// The code, and what it means where that is not said by the word.
    pub(super) exit: String,
}

impl Headline<'_> {
    /// Sign and word.
    pub(super) fn mark(&self) -> String {
        format!("{} {}", self.sign, self.word)
    }
}

/// Whether the run went well and only measured.
pub(super) fn only_measured(head: &Head, scorecard: &Scorecard) -> bool {
    scorecard.asks_nothing() && head.exit == Exit::Met
}

/// The word that every report is titled with; none of a run that went well and only measured.
#[must_use]
pub fn word(head: &Head, scorecard: &Scorecard) -> Option<&'static str> {
    (!only_measured(head, scorecard)).then(|| headline(head, scorecard).word)
}

/// What stands first of this run.
pub(super) fn headline<'a>(head: &Head, scorecard: &'a Scorecard) -> Headline<'a> {
    if only_measured(head, scorecard) {
        return Headline {
            sign: '·',
            word: "measured",
            looks: Verdict::Met,
            sentence: "nothing was asked, so there is no verdict".into(),
            exit: head.exit.code().to_string(),
        };
    }
    let asked = match (scorecard.verdict, head.on_inconclusive) {
        _ if head.exit.is_of_the_run() => "",
        (Verdict::Inconclusive, OnInconclusive::Fail) => ", by --on-inconclusive fail",
        (Verdict::Inconclusive, OnInconclusive::Pass) => ", by --on-inconclusive pass",
        _ => "",
    };
    let exit = format!("{} ({}){asked}", head.exit.code(), head.exit.meaning());
    if scorecard.verdict == Verdict::Met && head.exit != Exit::Met {
        return Headline {
            sign: order::sign(Verdict::Inconclusive),
            word: unmet(head.exit),
            looks: Verdict::Inconclusive,
            sentence: format!("not the whole run; of what was seen: {}", scorecard.sentence).into(),
            exit,
        };
    }
    Headline {
        sign: order::sign(scorecard.verdict),
        word: scorecard.verdict.word(),
        looks: scorecard.verdict,
        sentence: scorecard.sentence.as_str().into(),
        exit,
    }
}

/// What stands in the place of `met`.
fn unmet(exit: Exit) -> &'static str {
    match exit {
        Exit::Interrupted => "interrupted",
        Exit::Terminated => "terminated",
        Exit::StillBroken => "broken",
        Exit::Met | Exit::Violated | Exit::Invalid | Exit::Inconclusive | Exit::CouldNotRun => {
            "stopped"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::{Color, Detail, console, html, summary_md};
    use super::*;

    #[test]
    fn a_run_that_did_not_end_is_shown_green_nowhere() {
        let (mut head, mut card) = (sample::head(), sample::scorecard());
        card.verdict = Verdict::Met;
        card.sentence = "1 objective holds".to_owned();
        head.exit = Exit::Met;
        assert_eq!(headline(&head, &card).mark(), "✓ met");
        for (exit, mark) in [
            (Exit::Interrupted, "? interrupted"),
            (Exit::Terminated, "? terminated"),
            (Exit::CouldNotRun, "? stopped"),
            (Exit::Inconclusive, "? stopped"),
            (Exit::StillBroken, "? broken"),
        ] {
            head.exit = exit;
            assert_eq!(headline(&head, &card).mark(), mark);
            assert_eq!(word(&head, &card), Some(&mark[2..]));
            let page = html::html(&head, &card, &html::Series::default(), "");
            let console = console(&head, &card, Detail::Quiet, Color::Plain);
            let summary = summary_md(&head, &card);
            let first = summary.lines().next().unwrap();
            for text in [page.split("<main>").next().unwrap(), first, &console] {
                assert!(text.contains(mark) || text.contains(&mark[2..]), "{text}");
                assert!(!text.contains("✓ met") && !text.contains("top met"), "{text}");
            }
        }
    }

    #[test]
    fn a_run_that_only_measured_shows_no_verdict_anywhere() {
        let (mut head, mut card) = (sample::head(), sample::scorecard());
        head.exit = Exit::Met;
        head.stopped_by = None;
        head.still_broken = vec![];
        (card.objectives, card.expectations) = (vec![], vec![]);
        card.verdict = Verdict::Inconclusive;
        card.sentence = "nothing was asked".to_owned();
        let first = headline(&head, &card);
        assert_eq!((first.mark().as_str(), first.exit.as_str()), ("· measured", "0"));
        let page = html::html(&head, &card, &html::Series::default(), "");
        let console = console(&head, &card, Detail::Usual, Color::Plain);
        for text in [page.split("<main>").next().unwrap(), &summary_md(&head, &card), &console] {
            assert!(text.contains("· measured"), "{text}");
            assert!(!text.contains("inconclusive</span>") && !text.contains("? inconclusive"));
            assert!(!text.contains("(met)"), "{text}");
        }
        // What went wrong unasked is told as before.
        head.exit = Exit::CouldNotRun;
        assert_eq!(headline(&head, &card).word, "inconclusive");
    }
}
