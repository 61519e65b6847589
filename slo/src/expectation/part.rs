//! One thing of several that an expectation asks, and how several become one answer.
//!
//! Invariant: the worst part decides; nothing asked is not met.
//! Not here: what the parts are (the expectations' own files).

use super::Answer;
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::Verdict;
use crate::words;

/// One thing asked, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) verdict: Verdict,
    /// What was seen, against what was asked.
    pub(super) text: String,
    /// What would decide it, if it is undecided.
    pub(super) missing: String,
}

impl Part {
    pub(super) fn new(verdict: Verdict, text: String) -> Part {
        Part { verdict, text, missing: String::new() }
    }

    pub(super) fn open(text: impl Into<String>, missing: impl Into<String>) -> Part {
        Part { verdict: Verdict::Inconclusive, text: text.into(), missing: missing.into() }
    }

    pub(super) fn doubt(doubt: Doubt) -> Part {
        Part::open(doubt.reason, doubt.missing)
    }

    /// Met by what was seen, unless a doubt stands in the way.
    pub(super) fn unless(self, doubt: Option<Doubt>) -> Part {
        match doubt {
            Some(doubt) if self.verdict == Verdict::Met => Part::doubt(doubt),
            _ => self,
        }
    }
}

/// A deadline against an interval that surely holds the instant, µs after the moment.
pub(super) fn in_time(what: &str, (low, high): (i64, i64), within_us: u64) -> Part {
    let within = i64::try_from(within_us).unwrap_or(i64::MAX);
    let allowed = words::duration(within_us);
    let (from, to) = (low.max(0).unsigned_abs(), high.max(0).unsigned_abs());
    let seen = if to.saturating_sub(from) < 20_000 {
        words::about(from + to.saturating_sub(from) / 2)
    } else {
        format!("{} to {}", words::about(from), words::about(to))
    };
    let text = format!("{what} after {seen} ({allowed} allowed)");
    if high <= within {
        Part::new(Verdict::Met, text)
    } else if low > within {
        Part::new(Verdict::Violated, text)
    } else {
        let missing = format!("a deadline of at least {}", words::duration(to));
        Part::open(format!("{text}: inside the tolerance"), missing)
    }
}

/// Why what must be absent over the whole run cannot be met: the run was not whole.
pub(super) fn partial(evidence: &Evidence<'_>) -> Option<Doubt> {
    let whole = evidence.end() == Some(crate::event::EndReason::Complete);
    evidence.cut_short().or_else(|| {
        (!whole).then(|| Doubt {
            reason: "the run was stopped before its timetable was over".to_owned(),
            missing: "a run that is not stopped".to_owned(),
        })
    })
}

/// All texts, each once.
fn once<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.join("; ")
}

/// The worst of all parts; of equally bad ones all are told.
pub(super) fn worst(asks: String, parts: &[Part]) -> Answer {
    let Some(verdict) = parts.iter().map(|part| part.verdict).max() else {
        let doubt =
            Doubt { reason: "it asks nothing".to_owned(), missing: "something asked".to_owned() };
        return Answer::doubtful(asks, doubt);
    };
    let texts = |all: bool| {
        let parts = parts.iter().filter(|part| all || part.verdict == verdict);
        once(parts.map(|part| part.text.as_str()))
    };
    let missing = parts.iter().filter(|part| part.verdict == verdict);
    Answer {
        asks,
        verdict,
        observed: texts(true),
        reason: texts(false),
        missing: once(missing.map(|part| part.missing.as_str())),
        ill: None,
    }
}
