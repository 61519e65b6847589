//! The loads' outcomes and times, and how the generator itself did.
//!
//! Not here: whether the generator did well enough (crate slo).

use super::super::{summary, units};
use super::chart::{Across, Frame, chart};
use super::lanes;
use super::markup::{long, number, table, text, words};
use super::series::Series;
use assay_slo::Scorecard;
use assay_slo::case::{Clock, LoadKind};
use assay_slo::scorecard::LoadScore;
use maud::{Markup, html};

/// Bytes for the rows.
const ROOM: usize = 16 * 1024;

/// The section.
pub(super) fn loads(scorecard: &Scorecard) -> Markup {
    let counts = [words("Load"), number("Planned"), number("Begun"), words("Outcomes")];
    let times = [
        words("Load"),
        words("Clock"),
        number("n"),
        number("P50"),
        number("P95"),
        number("P99"),
        number("Max"),
    ];
    let timed: Vec<_> = scorecard
        .loads
        .iter()
        .flat_map(|load| load.times.iter().map(move |times| (load, times)))
        .map(|(load, times)| {
            let clock = match times.clock {
                Clock::Response => "response",
                Clock::Service | Clock::ServiceSeen => "service",
                Clock::FirstByte | Clock::ServiceFirstByte => "first byte",
            };
            [
                html! { strong { (text(&load.name)) } },
                html! { (clock) },
                html! { (times.n) },
                html! { (units::time(times.p50_us)) },
                html! { (units::time(times.p95_us)) },
                html! { (units::time(times.p99_us)) },
                html! { (units::time(times.max_us)) },
            ]
        })
        .collect();
    html! {
        section id="loads" aria-labelledby="loads-head" {
            h2 id="loads-head" { "Loads" }
            @if scorecard.loads.is_empty() {
                p { "No request was sent." }
            } @else {
                (table("Requests by outcome, time 0 on", &counts, scorecard.loads.iter().map(row), ROOM))
                (table("Times of what was ok, whole run, faults included", &times, timed.into_iter(), ROOM))
            }
        }
    }
}

fn row(load: &LoadScore) -> [Markup; 4] {
    let planned = if load.planned == 0 { "unknown".to_owned() } else { load.planned.to_string() };
    [
        html! { strong { (text(&load.name)) } },
        html! { (planned) },
        html! { (load.begun) },
        html! { (long(&summary::outcomes(load))) },
    ]
}

/// The generator's own section.
pub(super) fn health(series: &Series, scorecard: &Scorecard, coarse: usize) -> Markup {
    let health = &scorecard.health;
    let facts = [
        ("Planned", health.planned.to_string()),
        ("Begun", format!("{} ({})", health.begun, units::share_of(health.begun, health.planned))),
        ("Waited for a connection", health.blocked.to_string()),
        ("Worst second's median lag", units::time(health.worst_lag_p50_us)),
        ("Worst second's P99 lag", units::time(health.worst_lag_p99_us)),
        ("Greatest lag", units::time(health.lag_max_us)),
    ];
    html! {
        section id="generator" aria-labelledby="generator-head" {
            h2 id="generator-head" { "Generator" }
            p {
                strong { (if health.well { "✓ well" } else { "✗ not well" }) }
                ": " (long(&health.sentence))
            }
            dl class="facts" {
                @for (name, value) in facts { div { dt { (name) } dd { (value) } } }
            }
            (lag(series, scorecard, coarse))
        }
    }
}

fn lag(series: &Series, scorecard: &Scorecard, coarse: usize) -> Markup {
    let open = series.loads(|kind| kind == LoadKind::Open);
    let seconds = series.length(scorecard);
    let pace = series.pace_of(&open, seconds);
    let across = Across { phases: &[], bands: &series.bands(seconds), marks: &[] };
    let worst = pace.iter().map(|pace| pace.lag_p99_us).max().unwrap_or(0);
    let description = format!(
        "How late arrivals began, second by second; the worst P99 is {}.",
        units::time(worst)
    );
    let draw = |frame: Frame| {
        chart(
            frame,
            &[lanes::lag(frame, &pace)],
            &across,
            &[],
            "Lag of the generator",
            &description,
        )
    };
    html! {
        @if series.zero.is_some() && pace.iter().any(|pace| pace.told) {
            figure {
                (draw(Frame::wide("wl", seconds, coarse)))
                (draw(Frame::narrow("nl", seconds, coarse)))
                figcaption { (description) " Numbers of the worst seconds stand above it." }
            }
        }
    }
}
