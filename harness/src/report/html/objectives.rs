//! The objectives: what was asked, what was seen, and how sure that is.
//!
//! Invariant: all intervals lie on one axis, the bad share as a multiple of the allowed one, so
//! that left of the line is met and right of it violated, whatever the limit.
//! Not here: how the bounds are computed (crate slo).

use super::super::{budget, coverage, order, steps, units};
use super::markup::{long, number, table, text, together, verdict, words};
use super::scale::length;
use assay_slo::Verdict;
use assay_slo::scorecard::ObjectiveScore;
use maud::{Markup, html};

/// Bytes for the rows.
const ROOM: usize = 90 * 1024;
/// Bytes for the steps of one capacity.
const STEPS_ROOM: usize = 40 * 1024;

/// Decades drawn on each side of the limit.
const DECADES: f64 = 2.0;

const WIDTH: f64 = 190.0;
const MIDDLE: f64 = WIDTH / 2.0;

/// The section.
pub(super) fn objectives(all: &[ObjectiveScore]) -> Markup {
    let columns = [
        words("Objective"),
        words("Verdict"),
        words("Observed"),
        words("Bad share against the limit"),
        number("n"),
        words("Why"),
    ];
    html! {
        section id="objectives" aria-labelledby="objectives-head" {
            h2 id="objectives-head" { "Objectives" }
            @if all.is_empty() {
                p { "None was asked for." }
            } @else {
                (table("Objectives, the worst first", &columns, order::objectives(all).into_iter().map(row), ROOM))
                p class="aside" {
                    "The bar is the interval that the bad share lies in, the dot what was counted, "
                    "both as multiples of the allowed share (1×, the line) from 0.01× to 100×. Each "
                    "end of it is off with at most the probability that the confidence leaves."
                }
                @for score in all.iter().filter(|score| !score.steps.is_empty()) { (steps(score)) }
                (costs(all))
            }
        }
    }
}

fn row(score: &ObjectiveScore) -> [Markup; 6] {
    [
        html! {
            strong { (text(&score.id)) }
            span class="block" { (text(&score.asks)) }
            (place(&score.place))
        },
        verdict(score.verdict, score.advisory),
        html! {
            (text(&score.observed))
            @if let Some(worst) = &score.worst { span class="aside" { "Worst: " (long(worst)) } }
        },
        html! {
            @if score.steps.is_empty() {
                @if score.change.is_none() { (bar(score)) }
                span class="aside" { (together(&bounds(score))) }
            } @else {
                span class="aside" { "See its steps below." }
            }
        },
        html! {
            @if score.steps.is_empty() {
                (score.n)
                span class="aside" { (score.k) " bad" }
                @if score.unknown > 0 { span class="aside" { (score.unknown) " unknown" } }
            } @else {
                (text(&coverage::judged(score)))
            }
        },
        html! {
            (long(&score.reason))
            @if let Some(missing) = &score.missing {
                span class="missing" { strong { "Missing: " } (long(missing)) }
            }
            span class="aside" { (together(&coverage::covered(score))) }
        },
    ]
}

/// What it would have cost in production.
fn costs(all: &[ObjectiveScore]) -> Markup {
    let rows = budget::rows(all);
    if rows.is_empty() {
        return html! {};
    }
    let columns = budget::HEADS.map(words);
    let rows = rows.into_iter().map(|row| row.map(|cell| html! { (long(&cell)) }));
    html! {
        (table(budget::TITLE, &columns, rows, STEPS_ROOM))
        p class="aside" { (budget::NOTE) }
    }
}

/// The steps of a capacity.
fn steps(score: &ObjectiveScore) -> Markup {
    let columns =
        [words("Step"), words("Verdict"), words("Seconds"), number("n"), words("Observed")];
    let rows = score.steps.iter().zip(steps::rows(score)).map(|(step, row)| {
        let [name, _, seconds, n, observed] = row;
        [
            html! { (text(&name)) },
            verdict(step.verdict, false),
            html! { (text(&seconds)) },
            html! { (n) },
            html! { (long(&observed)) },
        ]
    });
    table(&format!("Steps of {}", text(&score.id)), &columns, rows, STEPS_ROOM)
}

/// `file:line`, where something was asked for.
pub(super) fn place(place: &assay_slo::case::Place) -> Markup {
    html! {
        @if !place.file.is_empty() { span class="aside code" { (text(&place.file)) ":" (place.line) } }
    }
}

/// The interval in words.
fn bounds(score: &ObjectiveScore) -> String {
    if let Some(change) = &score.change {
        return units::change(change, score.limit);
    }
    let one_sided = units::share(score.confidence);
    match (score.lower, score.upper) {
        (Some(lower), Some(upper)) => format!(
            "{} to {}, allowed {}, {one_sided} on each side",
            units::share(lower),
            units::share(upper),
            units::share(score.limit)
        ),
        (None, Some(upper)) => format!(
            "at most {}, allowed {}, {one_sided} sure",
            units::share(upper),
            units::share(score.limit)
        ),
        (Some(lower), None) => format!(
            "at least {}, allowed {}, {one_sided} sure",
            units::share(lower),
            units::share(score.limit)
        ),
        (None, None) if is_share(score.limit) => {
            format!("{} of {} bad, allowed {}", score.k, score.n, units::share(score.limit))
        }
        (None, None) => format!("{} bad, allowed {}", score.k, score.limit),
    }
}

/// Whether a limit of what is counted is a share of it, and no count.
fn is_share(limit: f64) -> bool {
    limit > 0.0 && limit < 1.0
}

/// Where a multiple of the limit lies.
fn x(value: f64, limit: f64) -> f64 {
    let place = match (value, limit) {
        (value, _) if value <= 0.0 => -DECADES,
        (_, limit) if limit <= 0.0 => DECADES,
        (value, limit) => (value / limit).log10(),
    };
    MIDDLE + place.clamp(-DECADES, DECADES) / DECADES * (MIDDLE - 6.0)
}

fn bar(score: &ObjectiveScore) -> Markup {
    let (class, hex) = match score.verdict {
        Verdict::Met => ("a-green", "#009E73"),
        Verdict::Inconclusive => ("a-orange", "#E69F00"),
        Verdict::Violated => ("a-vermillion", "#D55E00"),
    };
    let counted = score.lower.is_none() && score.upper.is_none();
    let observed = match (counted && !is_share(score.limit), score.n) {
        (true, _) => Some(score.k as f64),
        (false, 0) => None,
        (false, n) => Some(score.k as f64 / n as f64),
    };
    let from = x(score.lower.unwrap_or(0.0), score.limit);
    let to = x(score.upper.unwrap_or(1.0), score.limit);
    let described = format!("{}: {}", text(&score.id), bounds(score));
    html! {
        svg class="bar" role="img" viewBox={ "0 0 " (length(WIDTH)) " 34" } font-size="10"
            font-family="system-ui, sans-serif" fill="currentColor" {
            title { (described) }
            path d={ "M6 14H" (length(WIDTH - 6.0)) } stroke="currentColor" stroke-opacity="0.35" {}
            @for (multiple, label) in [(0.01, "0.01×"), (0.1, ""), (1.0, "1×"), (10.0, ""), (100.0, "100×")] {
                @let at = x(multiple, 1.0);
                path d={ "M" (length(at)) " 11v6" } stroke="currentColor" stroke-opacity="0.35" {}
                text x=(length(at)) y="31" class="quiet"
                    text-anchor=(if multiple < 0.05 { "start" } else if multiple > 50.0 { "end" } else { "middle" }) {
                    (label)
                }
            }
            @if !counted {
                rect x=(length(from)) y="9" width=(length((to - from).max(2.0))) height="10" rx="2"
                    class=(class) fill=(hex) {}
            }
            path d={ "M" (length(MIDDLE)) " 1V22" } stroke="currentColor" stroke-width="2" {}
            @if let Some(observed) = observed {
                circle cx=(length(x(observed, score.limit))) cy="14" r="4" stroke="currentColor"
                    class="a-page" fill="#ffffff" stroke-width="1.6" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_axis_is_common_and_closed() {
        for (value, limit) in [(0.0, 0.1), (1.0, 0.0), (0.0, 0.0), (1.0, 1e-9), (1e-12, 1.0)] {
            let x = x(value, limit);
            assert!((0.0..=WIDTH).contains(&x), "{value} {limit}: {x}");
        }
        assert!((x(0.05, 0.05) - x(0.001, 0.001)).abs() < 1e-9);
        assert!(x(0.0, 0.0) < MIDDLE && x(1.0, 0.0) > MIDDLE);
    }

    #[test]
    fn a_capacity_has_a_table_of_its_steps_and_no_bar() {
        let page = objectives(&[sample::capacity()]).into_string();
        assert!(page.contains("Steps of room") && !page.contains("<svg"), "{page}");
        assert_eq!(page.matches("00/s</th>").count(), 2, "{page}");
        let page = objectives(&[sample::objective("fast", Verdict::Met)]).into_string();
        assert!(!page.contains("Steps of") && page.contains("<svg"), "{page}");
    }

    #[test]
    fn bounds_say_what_they_know() {
        let mut score = sample::objective("fast", Verdict::Met);
        assert_eq!(bounds(&score), "0.10 % to 0.29 %, allowed 5.00 %, 95.0 % on each side");
        score.lower = None;
        assert_eq!(bounds(&score), "at most 0.29 %, allowed 5.00 %, 95.0 % sure");
        (score.upper, score.limit) = (None, 3.0);
        assert_eq!(bounds(&score), "12 bad, allowed 3");
        score.limit = 0.001;
        assert_eq!(bounds(&score), format!("12 of {} bad, allowed 0.10 %", score.n));
    }
}
