//! The expectations, and how long recovery took of the time it had.
//!
//! Invariant: the deadline comes from the case; the interval is read back from the judge's own
//! words, and where they hold none, none is drawn: the words stand beside it in any case.
//! Not here: how recovery is found (crate slo).

use super::super::order;
use super::markup::{fitting, left_out, long, table, text, verdict, words};
use super::objectives::place;
use super::scale::{exact, length, moment, moments};
use super::series::Series;
use assay_slo::case::Must;
use assay_slo::scorecard::ExpectationScore;
use assay_slo::{Scorecard, Verdict};
use maud::{Markup, html};

/// Bytes for the rows.
const ROOM: usize = 40 * 1024;

/// Bytes for the drawings.
const ROOM_DRAWN: usize = 20 * 1024;

/// The section; nothing without expectations.
pub(super) fn expectations(all: &[ExpectationScore]) -> Markup {
    let columns = [words("Expectation"), words("Verdict"), words("Observed"), words("Why")];
    html! {
        @if !all.is_empty() {
            section id="expectations" aria-labelledby="expectations-head" {
                h2 id="expectations-head" { "Expectations" }
                (table("Expectations, the worst first", &columns, order::expectations(all).into_iter().map(row), ROOM))
            }
        }
    }
}

fn row(score: &ExpectationScore) -> [Markup; 4] {
    [
        html! {
            strong { (text(&score.id)) }
            span class="block" { (text(&score.asks)) }
            (place(&score.place))
        },
        verdict(score.verdict, false),
        html! { (long(&score.observed)) },
        html! {
            (long(&score.reason))
            @if let Some(missing) = &score.missing {
                span class="missing" { strong { "Missing: " } (long(missing)) }
            }
        },
    ]
}

/// The panel of recoveries; nothing where none was asked for.
pub(super) fn recovery(series: &Series, scorecard: &Scorecard) -> Markup {
    let asked: Vec<_> = series
        .case
        .iter()
        .flat_map(|case| &case.expectations)
        .filter_map(|expectation| match expectation.must {
            Must::Recovers { within_us, hold_us, .. } => {
                let mut scores = scorecard.expectations.iter();
                let score = scores.find(|score| score.id == expectation.name)?;
                Some((score, within_us as f64 / 1e6, hold_us))
            }
            _ => None,
        })
        .collect();
    let total = asked.len();
    // All on one axis, so that they can be compared.
    let longest = asked
        .iter()
        .map(|(score, within, _)| within.max(interval(score).map_or(0.0, |seen| seen.1)))
        .fold(1.0, f64::max);
    let drawn = asked.iter().enumerate().map(|(number, (score, within, hold_us))| {
        html! {
            figure class="recovery" {
                figcaption {
                    strong { (text(&score.id)) } " " (verdict(score.verdict, false))
                    span class="aside" {
                        (long(&score.observed)) "; " (exact(*within)) " is allowed"
                        @if *hold_us > 0 { ", to hold for " (exact(*hold_us as f64 / 1e6)) }
                    }
                }
                (axis(score, *within, longest * 1.12, number))
            }
        }
    });
    let (kept, drawn) = fitting(drawn, ROOM_DRAWN);
    html! {
        @if total > 0 {
            section id="recovery" aria-labelledby="recovery-head" {
                h2 id="recovery-head" { "Recovery" }
                (drawn)
                (left_out(total - kept))
            }
        }
    }
}

/// Seconds between which it recovered.
fn interval(score: &ExpectationScore) -> Option<(f64, f64)> {
    let seen = score.recovered?;
    Some((seen.earliest_us as f64 / 1e6, seen.latest_us as f64 / 1e6))
}

fn axis(score: &ExpectationScore, within: f64, longest: f64, number: usize) -> Markup {
    let width = 440.0;
    let x = |second: f64| 10.0 + second.clamp(0.0, longest) / longest * (width - 20.0);
    let (class, hex) = match score.verdict {
        Verdict::Met => ("a-green", "#009E73"),
        Verdict::Inconclusive => ("a-orange", "#E69F00"),
        Verdict::Violated => ("a-vermillion", "#D55E00"),
    };
    let seen = interval(score);
    let deadline = x(within);
    let beyond = deadline > width - 90.0;
    html! {
        svg role="img" viewBox={ "0 0 " (length(width)) " 46" } font-size="12"
            font-family="system-ui, sans-serif" fill="currentColor"
            aria-labelledby={ "recovery-" (number) } {
            title id={ "recovery-" (number) } { (text(&score.id)) ": " (long(&score.observed)) }
            rect x="10" y="16" width=(length(deadline - 10.0)) height="10" fill="currentColor"
                fill-opacity="0.1" {}
            path d={ "M10 26H" (length(width - 10.0)) } stroke="currentColor" {}
            @for second in moments(0.0, longest, 8) {
                path d={ "M" (length(x(second as f64))) " 26v4" } stroke="currentColor" {}
                text x=(length(x(second as f64))) y="42" font-size="11" class="quiet"
                    text-anchor=(if second == 0 { "start" } else { "middle" }) { (moment(second)) }
            }
            @if let Some((low, high)) = seen {
                rect x=(length(x(low) - if high > low { 0.0 } else { 2.0 })) y="13"
                    width=(length((x(high) - x(low)).max(4.0))) height="13" rx="2" class=(class) fill=(hex) {}
            } @else {
                path d={ "M10 21H" (length(width - 12.0)) } class="l-vermillion" stroke="#D55E00"
                    stroke-width="3" stroke-dasharray="8 5" {}
            }
            path d={ "M" (length(deadline)) " 4V26" } stroke="currentColor" stroke-width="2" {}
            text x=(length(if beyond { deadline - 5.0 } else { deadline + 5.0 })) y="11"
                text-anchor=[beyond.then_some("end")] font-size="11" { "deadline" }
        }
    }
}
