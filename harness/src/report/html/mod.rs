//! report.html: the run on one page, for a browser without script and network.
//!
//! Invariant: the page holds all it needs; the sheet beside it (report.css) is the same as the
//! one in it, for viewers that forbid inline styles. Without any style it still reads.
//! Invariant: less than [`MOST_BYTES`], however long the run and however many its parts.
//! Invariant: the same run gives the same bytes.
//! Not here: judgement (crate slo), what is drawn from where (`series`, `collect`).

mod chart;
mod closing;
mod collect;
mod expectations;
mod failures;
mod faults;
mod ink;
mod lanes;
mod ledger;
mod loads;
mod markup;
mod metric;
mod objectives;
mod scale;
mod seconds;
mod series;
mod states;
mod timeline;
mod times;
mod trace;

pub use collect::{collect, kept};
pub use series::Series;

use super::head::Head;
use super::headline::{Headline, headline};
use super::units;
use assay_slo::Scorecard;
use markup::{long, text};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style sheet: report.css.
pub const STYLE: &str = include_str!("report.css");

/// What the page stays under.
pub const MOST_BYTES: usize = 500 * 1024;

/// How many times coarser than usual drawings get, to save room.
const COARSEST: usize = 64;

/// Nothing is fetched but the sheet beside the page, and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'";

/// The page. `scenario` is the resolved scenario, secrets masked.
#[must_use]
pub fn html(head: &Head, scorecard: &Scorecard, series: &Series, scenario: &str) -> String {
    // Tables and texts have their own room; only drawings can be too large, and get coarser.
    let page = |coarse| whole(head, scorecard, series, scenario, coarse).into_string();
    let mut coarse = 1;
    let mut made = page(coarse);
    while made.len() >= MOST_BYTES && coarse < COARSEST {
        coarse *= 2;
        made = page(coarse);
    }
    made
}

fn whole(
    head: &Head,
    scorecard: &Scorecard,
    series: &Series,
    scenario: &str,
    coarse: usize,
) -> Markup {
    let first = headline(head, scorecard);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(text(&head.tool));
                title { (first.mark()) ": " (text(&head.scenario)) }
                link rel="stylesheet" href="report.css";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#objectives" { "To the objectives" }
                (top(head, &first, scorecard, series))
                (contents(scorecard, series))
                main {
                    (objectives::objectives(&scorecard.objectives))
                    (expectations::expectations(&scorecard.expectations))
                    (timeline::timeline(series, scorecard, coarse))
                    (expectations::recovery(series, scorecard))
                    (metric::metrics(&scorecard.metrics))
                    (ledger::ledger(series))
                    (faults::faults(&scorecard.faults, series))
                    (loads::loads(scorecard))
                    (loads::health(series, scorecard, coarse))
                    (closing::findings(&scorecard.findings))
                    (failures::failures(&series.failures))
                    (closing::scenario(scenario))
                    (closing::repeat(head, series))
                    (closing::method())
                }
                footer { p { (text(&head.tool)) " · " (text(&head.run_id)) } }
            }
        }
    }
}

/// The verdict in words, and what the author believed.
fn top(head: &Head, first: &Headline<'_>, scorecard: &Scorecard, series: &Series) -> Markup {
    let requests: u64 = scorecard.phases.iter().map(judged).map(|counts| counts.0).sum();
    let bad: u64 = scorecard.phases.iter().map(judged).map(|counts| counts.1).sum();
    let seconds = units::whole_seconds(series.length(scorecard) as u64);
    let facts = [
        ("Exit code", first.exit.clone()),
        ("Requests with a known end", requests.to_string()),
        ("Not ok, faults included", format!("{bad} ({})", units::share_of(bad, requests))),
        ("After the warm-up", seconds),
        ("Started", head.started.clone()),
    ];
    html! {
        header class={ "top " (first.word) } {
            p class="kicker" { "Assay run report" }
            h1 {
                span class="name" { (text(&head.scenario)) } " "
                (markup::sign_and_word(first.sign, first.word))
            }
            p class="sentence" { (long(&first.sentence)) }
            @if let Some(by) = &head.stopped_by { p class="missing" { strong { "Stopped: " } (long(by)) } }
            @if !series.ended && series.case.is_some() {
                p class="missing" { "The journal has no last line: the run was killed." }
            }
            @if let Some(hypothesis) = &head.hypothesis {
                p class="hypothesis" { strong { "Hypothesis: " } (long(hypothesis)) }
            }
            @if !head.labels.is_empty() {
                ul class="labels" {
                    @for (name, value) in head.labels.iter().take(20) { li { (text(name)) ": " (text(value)) } }
                }
            }
            dl class="facts" {
                @for (name, value) in facts { div { dt { (name) } dd { (text(&value)) } } }
            }
        }
    }
}

/// Requests and bad ones of a phase; none of the warm-up, which is not judged.
fn judged(phase: &assay_slo::scorecard::Phase) -> (u64, u64) {
    if phase.name == "warmup" { (0, 0) } else { (phase.requests, phase.bad) }
}

fn contents(scorecard: &Scorecard, series: &Series) -> Markup {
    let recovers = series.case.iter().flat_map(|case| &case.expectations);
    let recovers = recovers
        .filter(|one| matches!(one.must, assay_slo::case::Must::Recovers { .. }))
        .any(|one| scorecard.expectations.iter().any(|score| score.id == one.name));
    let parts = [
        ("objectives", "Objectives", true),
        ("expectations", "Expectations", !scorecard.expectations.is_empty()),
        ("timeline", "Timeline", true),
        ("recovery", "Recovery", recovers),
        ("metrics", "Metrics", !scorecard.metrics.is_empty()),
        ("ledger", "Ledger", !series.ledgers.is_empty()),
        ("faults", "Faults", !scorecard.faults.is_empty()),
        ("loads", "Loads", true),
        ("generator", "Generator", true),
        ("findings", "Findings", !scorecard.findings.is_empty()),
        ("failures", "Failures kept", !series.failures.is_empty()),
        ("scenario", "Scenario", true),
        ("repeat", "Repeat", true),
        ("method", "Method", true),
    ];
    html! {
        nav aria-label="Parts of this report" {
            ul {
                @for (id, name, there) in parts {
                    @if there { li { a href={ "#" (id) } { (name) } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
