//! GitHub workflow commands: what went wrong, at the line where it was asked for.
//!
//! Invariant: at most ten annotations, the worst first; GitHub drops the rest without a word.
//! Invariant: no text from outside can begin a command of its own.
//! Not here: when they are printed (only where `GITHUB_ACTIONS` is set).

use super::exit::OnInconclusive;
use super::foreign::{clip, line};
use super::head::Head;
use super::{junit, order};
use assay_slo::case::Place;
use assay_slo::{Scorecard, Verdict};

/// So many of a kind are shown for one step.
const MOST: usize = 10;

/// Longer messages help nobody in a margin.
const LONGEST: usize = 600;

/// The commands, one a line; empty when there is nothing to annotate.
#[must_use]
pub fn annotations(head: &Head, scorecard: &Scorecard) -> String {
    let mut all = Vec::new();
    let mut told = false;
    let whole = Place { file: head.file.clone(), line: 0 };
    if head.stopped_by.is_some() || head.exit.is_of_the_run() {
        all.push(command("error", &whole, &head.scenario, &junit::run_trouble(head)));
        told = true;
    }
    let mut parts = Vec::new();
    for one in &scorecard.objectives {
        let missing = one.missing.as_deref();
        parts.push((one.advisory, one.verdict, &one.place, &one.id, &one.reason, missing));
    }
    for one in &scorecard.expectations {
        let missing = one.missing.as_deref();
        parts.push((false, one.verdict, &one.place, &one.id, &one.reason, missing));
    }
    parts.sort_by_key(|(advisory, verdict, ..)| (*advisory, std::cmp::Reverse(*verdict)));
    for (advisory, verdict, place, id, reason, missing) in parts {
        if verdict == Verdict::Met {
            continue;
        }
        told |= !advisory;
        let level = if advisory { "warning" } else { level(verdict, head.on_inconclusive) };
        let missing = missing.map(|missing| format!("; missing: {missing}")).unwrap_or_default();
        let title = format!("{}: {id}", order::mark(verdict, advisory));
        all.push(command(level, place, &title, &format!("{reason}{missing}")));
    }
    if !told && scorecard.verdict != Verdict::Met {
        let level = level(scorecard.verdict, head.on_inconclusive);
        all.insert(0, command(level, &whole, &head.scenario, &scorecard.sentence));
    }
    if all.len() > MOST {
        let more = all.len() - MOST;
        all.truncate(MOST);
        all.push(format!("::notice::and {more} more, see the job summary or verdict.json\n"));
    }
    all.concat()
}

fn level(verdict: Verdict, policy: OnInconclusive) -> &'static str {
    match (verdict, policy) {
        (Verdict::Inconclusive, OnInconclusive::Pass) => "warning",
        _ => "error",
    }
}

fn command(level: &str, place: &Place, title: &str, text: &str) -> String {
    let mut properties = Vec::new();
    if !place.file.is_empty() {
        properties.push(format!("file={}", property(&place.file)));
    }
    if place.line > 0 {
        properties.push(format!("line={}", place.line));
    }
    properties.push(format!("title={}", property(title)));
    format!("::{level} {}::{}\n", properties.join(","), data(text))
}

/// A message: the runner undoes these escapes.
fn data(text: &str) -> String {
    clip(&line(text), LONGEST).replace('%', "%25")
}

/// A property, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
