//! The run on one time axis: lanes, and the same numbers as a table.
//!
//! Invariant: what a lane shows stands in the table too, for those who cannot see it.
//! Not here: what single lanes look like (`lanes`, `states`, `chart`).

use super::chart::{Across, Frame, Lane, chart};
use super::markup::{Column, fitting, left_out, long, text};
use super::scale::exact;
use super::seconds::{Band, count, not_ok};
use super::series::Series;
use super::{lanes, metric, states};
use assay_slo::case::{Clock, LoadKind};
use assay_slo::{Outcome, Scorecard};
use maud::{Markup, html};

/// So many loads have a lane of times of their own.
const MOST_LOADS: usize = 4;

/// So many fleets have a lane of their own.
const MOST_FLEETS: usize = 3;

/// So many rows has the table, however long the run.
const MOST_ROWS: usize = 120;

/// Bytes for the rows of a table.
const ROOM: usize = 32 * 1024;

/// The section.
pub(super) fn timeline(series: &Series, scorecard: &Scorecard, coarse: usize) -> Markup {
    html! {
        section id="timeline" aria-labelledby="timeline-head" {
            h2 id="timeline-head" { "Timeline" }
            @if series.zero.is_none() {
                p { "The run ended before time 0: there is nothing to draw." }
            } @else {
                (drawings(series, scorecard, coarse))
            }
        }
    }
}

fn drawings(series: &Series, scorecard: &Scorecard, coarse: usize) -> Markup {
    let seconds = series.length(scorecard);
    let bands = series.bands(seconds);
    let marks = marks(series);
    let across = Across { phases: &scorecard.phases, bands: &bands, marks: &marks };
    let seen = seen(series, seconds);
    let breakers = states::rows(series, scorecard, seconds as f64);
    let lanes = |frame| all_lanes(frame, series, seconds, &seen, &breakers);
    let title = "The run over time";
    let description = describe(seconds, &bands, &marks);
    let draw = |frame: Frame| chart(frame, &lanes(frame), &across, &seen, title, &description);
    html! {
        figure {
            (draw(Frame::wide("w", seconds, coarse)))
            (draw(Frame::narrow("n", seconds, coarse)))
            figcaption {
                "Seconds after time 0, the end of the warm-up. Hatched: a fault was on, from its "
                "applied to its cleared edge, as acknowledged. Where seconds are narrower than "
                "what can be drawn, the least and the greatest of them are."
            }
        }
        @if let Some(problem) = &series.times.problem { p class="aside" { (long(problem)) } }
        @if !marks.is_empty() {
            ul class="plain" {
                @for (at, _, full) in marks.iter().take(40) { li { (exact(*at)) ": " (long(full)) } }
            }
        }
        details {
            summary { "The same as numbers" }
            (numbers(series, seconds))
            @if !scorecard.phases.is_empty() { (phases(scorecard)) }
            @if !breakers.is_empty() { (breakers_table(&breakers)) }
        }
    }
}

fn all_lanes(
    frame: Frame,
    series: &Series,
    seconds: usize,
    seen: &[Outcome],
    breakers: &[states::Row],
) -> Vec<Lane> {
    let open = series.loads(|kind| kind == LoadKind::Open);
    let closed = series.loads(|kind| kind != LoadKind::Open);
    let all = series.loads(|_| true);
    let mut made = Vec::new();
    for (title, loads, is_open) in
        [("Arrivals a second", open, true), ("Users and fleets, attempts a second", closed, false)]
    {
        if !loads.is_empty() {
            let pace = series.pace_of(&loads, seconds);
            let outcomes = series.outcomes_of(&loads, seconds);
            made.push(lanes::rate(frame, title, &pace, &outcomes, is_open));
        }
    }
    made.push(lanes::errors(frame, &series.outcomes_of(&all, seconds), seen));
    for load in all.iter().take(MOST_LOADS) {
        made.push(lanes::times(frame, series, *load, clock(series, *load), seconds));
    }
    for (fleet, name) in fleets(series) {
        made.push(lanes::backlog(frame, series, fleet, &name));
    }
    for (index, name) in metric::drawn(series) {
        made.push(metric::lane(frame, series, index, &name));
    }
    if !breakers.is_empty() {
        made.push(states::breakers(frame, breakers));
    }
    made
}

/// The clock that people read for a load: open arrivals have the response clock.
fn clock(series: &Series, load: usize) -> Clock {
    let kind = series.case.as_ref().and_then(|case| case.loads.get(load)).map(|load| load.kind);
    match kind {
        Some(LoadKind::Open) | None => Clock::Response,
        Some(LoadKind::Users | LoadKind::Fleet) => Clock::Service,
    }
}

/// Fleets whose backlog was told, with their names.
fn fleets(series: &Series) -> Vec<(usize, String)> {
    let names = series.case.iter().flat_map(|case| &case.fleets).map(|fleet| fleet.name.clone());
    let told = |fleet: usize| series.backlog.iter().any(|backlog| backlog.fleet == fleet);
    names.enumerate().filter(|(fleet, _)| told(*fleet)).take(MOST_FLEETS).collect()
}

/// Outcomes other than ok that occurred.
fn seen(series: &Series, seconds: usize) -> Vec<Outcome> {
    let rows = series.outcomes_of(&series.loads(|_| true), seconds);
    let occurs = |outcome: &Outcome| rows.iter().any(|row| count(row, *outcome) > 0);
    Outcome::ALL.into_iter().skip(1).filter(occurs).collect()
}

fn marks(series: &Series) -> Vec<(f64, String, String)> {
    let mut marks: Vec<_> = series
        .marks
        .iter()
        .map(|mark| {
            let sign = if mark.good { '✓' } else { '✗' };
            let at = series.seconds(mark.at);
            (at, format!("{sign} {}", mark.short), format!("{sign} {}", mark.text))
        })
        .collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    marks
}

fn describe(seconds: usize, bands: &[Band], marks: &[(f64, String, String)]) -> String {
    let mut text = format!("From 0 s to {seconds} s after the warm-up.");
    for band in bands.iter().take(20) {
        let (from, to) = (exact(band.from), exact(band.to));
        text += &format!(" Fault {} on from {from} to {to}.", super::markup::text(&band.name));
    }
    for (at, _, full) in marks.iter().take(20) {
        text += &format!(" At {}: {}.", exact(*at), super::markup::text(full));
    }
    text + " The numbers are in the table below it."
}

/// A table with as many columns as there are lines.
fn numbers(series: &Series, seconds: usize) -> Markup {
    let step = step(seconds);
    let all = series.loads(|_| true);
    let pace = series.pace_of(&all, seconds);
    let outcomes = series.outcomes_of(&all, seconds);
    let shown: Vec<_> = all.iter().copied().take(MOST_LOADS).collect();
    let fleets = fleets(series);
    let mut heads = vec!["From".to_owned(), "Begun".into(), "Ok".into(), "Not ok".into()];
    let case = series.case.as_ref();
    for load in &shown {
        let name = case.and_then(|case| case.loads.get(*load)).map_or("?", |load| &load.name);
        heads.push(format!("{}: P50 / P95 / P99", text(name)));
    }
    heads.extend(fleets.iter().map(|(_, name)| format!("{}: waiting", text(name))));
    let metrics = metric::drawn(series);
    heads.extend(metrics.iter().map(|(_, name)| text(name)));
    let rows = (0..seconds).step_by(step).map(|from| {
        let to = (from + step).min(seconds);
        let begun: u64 = pace.iter().take(to).skip(from).map(|pace| pace.begun).sum();
        let rows = || outcomes.iter().take(to).skip(from);
        let ok: u64 = rows().map(|row| count(row, Outcome::Ok)).sum();
        let bad: u64 = rows().map(not_ok).sum();
        let mut cells =
            vec![format!("{from} s"), begun.to_string(), ok.to_string(), bad.to_string()];
        cells.extend(shown.iter().map(|load| worst_times(series, *load, from, to)));
        cells.extend(fleets.iter().map(|(fleet, _)| waiting(series, *fleet, from, to)));
        cells.extend(metrics.iter().map(|(at, _)| metric::greatest(series, *at, from, to)));
        cells
    });
    let lines = rows.map(|cells| {
        html! {
            tr role="row" {
                @for (place, (cell, head)) in cells.iter().zip(&heads).enumerate() {
                    @if place == 0 {
                        th scope="row" role="rowheader" class="number" data-label=(head) { (cell) }
                    } @else {
                        td role="cell" class="number" data-label=(head) { (cell) }
                    }
                }
            }
        }
    });
    let (kept, lines) = fitting(lines, ROOM);
    let total = seconds.div_ceil(step);
    html! {
        table role="table" class="dense" {
            caption { "Each " (step) " s: counts are sums, all others the greatest" }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in &heads { th scope="col" role="columnheader" class="number" { (head) } }
                }
            }
            tbody role="rowgroup" { (lines) }
        }
        (left_out(total - kept))
    }
}

/// The least round step with which the table is short enough.
fn step(seconds: usize) -> usize {
    let steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400];
    let fits = |step: &usize| seconds.div_ceil(*step) <= MOST_ROWS;
    steps.into_iter().find(fits).unwrap_or(seconds.div_ceil(MOST_ROWS))
}

fn worst_times(series: &Series, load: usize, from: usize, to: usize) -> String {
    let clock = clock(series, load);
    let range = (load, clock, from as i64)..(load, clock, to as i64);
    let worst = series
        .times
        .by_second
        .range(range)
        .map(|(_, times)| [times.p50, times.p95, times.p99])
        .reduce(|a, b| [a[0].max(b[0]), a[1].max(b[1]), a[2].max(b[2])]);
    let time = super::super::units::time;
    worst.map_or("–".to_owned(), |[p50, p95, p99]| {
        format!("{} / {} / {}", time(p50), time(p95), time(p99))
    })
}

fn waiting(series: &Series, fleet: usize, from: usize, to: usize) -> String {
    let range = from as f64..to as f64;
    let told = series.backlog.iter().filter(|backlog| {
        // A line tells of the second that ends with it.
        backlog.fleet == fleet && range.contains(&(series.seconds(backlog.at) - 0.5))
    });
    let peak = told.map(|backlog| backlog.peak).max();
    peak.map_or("–".to_owned(), |peak| peak.to_string())
}

fn phases(scorecard: &Scorecard) -> Markup {
    const COLUMNS: [Column; 5] = [
        super::markup::words("Phase"),
        super::markup::number("From"),
        super::markup::number("To"),
        super::markup::number("Requests"),
        super::markup::number("Not ok"),
    ];
    let rows = scorecard.phases.iter().map(|phase| {
        let faults = phase.faults.join(", ");
        let share = super::super::units::share_of(phase.bad, phase.requests);
        [
            html! { (text(&phase.name)) @if !faults.is_empty() { " (" (text(&faults)) ")" } },
            html! { (exact(phase.from_ms as f64 / 1e3)) },
            html! { (exact(phase.to_ms as f64 / 1e3)) },
            html! { (phase.requests) },
            html! { (phase.bad) " (" (share) ")" },
        ]
    });
    super::markup::table("Phases", &COLUMNS, rows, ROOM / 2)
}

fn breakers_table(all: &[states::Row]) -> Markup {
    const COLUMNS: [Column; 4] = [
        super::markup::words("Breaker"),
        super::markup::number("From"),
        super::markup::number("To"),
        super::markup::words("State"),
    ];
    let rows = all.iter().flat_map(|row| row.stretches.iter().map(move |stretch| (row, stretch)));
    let rows = rows.map(|(row, (from, to, state))| {
        [
            html! { (text(&row.whose)) },
            html! { (exact(*from)) },
            html! { (exact(*to)) },
            html! { (states::word(*state)) },
        ]
    });
    let rows: Vec<_> = rows.collect();
    super::markup::table("Breakers", &COLUMNS, rows.into_iter(), ROOM / 4)
}
