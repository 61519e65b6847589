//! So many lines in a service's output: an event that must be told, or must not.
//!
//! A line is written between its own time, where it has one, and the instant at which it was read; on
//! top of that comes a tolerance. Lines whose interval lies at the edge of what is judged are counted
//! as at least none and at most all of them.
//!
//! Invariant: the absence of lines is believed only where the output was read to its end, and had
//! lines at all: a service may write its log elsewhere.
//! Not here: how lines are read (harness `service`), breakers by their log (`breaker`).

use super::Answer;
use super::part::{Part, partial, worst};
use crate::breaker::tolerance;
use crate::case::{During, Log, LogMust};
use crate::event::Lines;
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::Verdict;
use crate::words;

/// Characters of a line that a sentence shows.
const SHOWN: usize = 120;

/// How many lines there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counted<'a> {
    least: u64,
    most: u64,
    /// Of the difference, those too long to be read whole.
    unsure: u64,
    first: Option<&'a Lines>,
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, must: &LogMust) -> Answer {
    let Some(log) = evidence.case.logs.get(must.log) else {
        let doubt = Doubt {
            reason: "the log is unknown".to_owned(),
            missing: "a service of the scenario".to_owned(),
        };
        return Answer::doubtful("lines of a log".to_owned(), doubt);
    };
    let tolerance_us = tolerance(evidence.timeline, 0).saturating_add(log.slack_us);
    let asks = format!(
        "{} lines of `{}` with `{}` during {} (±{})",
        bounds(must),
        log.service,
        log.pattern,
        evidence.during_words(&must.during),
        words::about(tolerance_us)
    );
    if let Some(doubt) = evidence.during_doubt(&must.during) {
        return Answer::doubtful(asks, doubt);
    }
    let stretches = stretches(evidence, must);
    if stretches.is_empty() {
        let doubt = evidence.cut_short().unwrap_or_else(|| Doubt {
            reason: format!("the run had no {}", evidence.during_words(&must.during)),
            missing: "a run that has it".to_owned(),
        });
        return Answer::doubtful(asks, doubt);
    }
    let lines = evidence.timeline.logs.of(must.log);
    let zero = evidence.phases.zero;
    let slack = i64::try_from(tolerance_us).unwrap_or(i64::MAX);
    let mut counted = Counted::default();
    for one in lines {
        let (from, to) = (one.from.since(zero).saturating_sub(slack), one.to.since(zero));
        let inside = stretches.iter().any(|(a, b)| *a <= from && to <= *b);
        let touches = stretches.iter().any(|(a, b)| from < *b && *a < to.max(from + 1));
        if inside {
            counted.least = counted.least.saturating_add(one.n);
        }
        if inside || touches {
            counted.most = counted.most.saturating_add(one.n).saturating_add(one.unsure);
            counted.unsure = counted.unsure.saturating_add(one.unsure);
            counted.first = counted.first.or(Some(one).filter(|one| one.n > 0));
        }
    }
    let part = part(evidence, must, &counted);
    worst(asks, &[part.unless(partial(evidence))])
}

/// `at least 1`, `exactly 2`.
fn bounds(must: &LogMust) -> String {
    match (must.at_least, must.at_most) {
        (Some(least), Some(most)) if least == most => format!("exactly {least}"),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any".to_owned(),
    }
}

fn lines(n: u64) -> String {
    words::count(n, "line")
}

/// What is judged, µs after time 0, without the services' own end; all of a run begins with the
/// services' start.
fn stretches(evidence: &Evidence<'_>, must: &LogMust) -> Vec<(i64, i64)> {
    let until = evidence.timeline.logs.read(must.log).map(|read| read.until);
    let until = until.map_or(i64::MAX, |until| until.since(evidence.phases.zero));
    let whole = must.during.contains(&During::All);
    let from_start = |from| if whole && from <= 0 { i64::MIN } else { from };
    let all = evidence.phases.stretches(&must.during).into_iter();
    let all = all.map(|(from, to)| (from_start(from), to.min(until)));
    all.filter(|(from, to)| from < to).collect()
}

/// `3 lines (at least 1 asked), the first at 12.3 s: breaker open`.
fn seen(evidence: &Evidence<'_>, must: &LogMust, counted: &Counted<'_>) -> String {
    let n = match counted.least == counted.most {
        true => lines(counted.least),
        false => format!("{} to {}", counted.least, lines(counted.most)),
    };
    let n = format!("{n} ({} asked)", bounds(must));
    let Some(first) = counted.first else { return n };
    let at = words::seconds(first.to.since(evidence.phases.zero));
    let text: String = first.text.chars().take(SHOWN).collect();
    let more = if text.len() < first.text.len() { "…" } else { "" };
    format!("{n}, the first at {at}: {text}{more}")
}

/// Why lines may be missing: the output was not read to its end, or goes elsewhere.
fn unread(evidence: &Evidence<'_>, must: &LogMust) -> Option<Doubt> {
    let service = |log: &Log| log.service.clone();
    let service = evidence.case.logs.get(must.log).map(service).unwrap_or_default();
    match evidence.timeline.logs.read(must.log) {
        Some(read) if read.lines > 0 => None,
        Some(_) => Some(Doubt {
            reason: format!("`{service}` wrote no line at all: its log may go elsewhere"),
            missing: format!("a `{service}` that writes its log to standard output or error"),
        }),
        None => Some(evidence.cut_short().unwrap_or_else(|| Doubt {
            reason: format!("the output of `{service}` was not read to its end"),
            missing: "a run that ends by itself".to_owned(),
        })),
    }
}

/// Both bounds together: what is surely too many, or too few with nothing missing, is violated.
fn part(evidence: &Evidence<'_>, must: &LogMust, counted: &Counted<'_>) -> Part {
    let text = seen(evidence, must, counted);
    let (least, most) = (must.at_least.unwrap_or(0), must.at_most.unwrap_or(u64::MAX));
    if counted.least > most {
        return Part::new(Verdict::Violated, text);
    }
    let enough = counted.least >= least;
    if enough && must.at_most.is_none() {
        return Part::new(Verdict::Met, text);
    }
    match unread(evidence, must) {
        Some(doubt) => Part::open(format!("{text}; {}", doubt.reason), doubt.missing),
        None if counted.most < least => Part::new(Verdict::Violated, text),
        None if enough && counted.most <= most => Part::new(Verdict::Met, text),
        None => edge(text, counted),
    }
}

/// It depends on lines of which nobody knows whether they count.
fn edge(text: String, counted: &Counted<'_>) -> Part {
    if counted.unsure > 0 {
        return Part::open(
            format!("{text}: {} too long to be read whole", lines(counted.unsure)),
            "lines shorter than 64 KiB",
        );
    }
    Part::open(
        format!("{text}: at the edge of what is judged"),
        "a `during` that ends farther from them, and a service that writes its lines at once, \
         unbuffered",
    )
}
