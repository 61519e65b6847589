//! Metrics: a lane of each over time, and what each came to as a table.
//!
//! Not here: the axis that lanes share (`chart`), limits (crate slo).

use super::chart::{Frame, Lane};
use super::ink::Ink;
use super::lanes::{Dash, sample, stroke};
use super::markup::{self, Column, long, text};
use super::scale::{Scale, length};
use super::series::Series;
use super::trace::{Point, line, thin};
use crate::report::foreign::clip;
use assay_slo::amount;
use assay_slo::case::{Must, Unit};
use assay_slo::scorecard::MetricScore;
use maud::{Markup, html};

/// So many metrics have a lane of their own.
pub(super) const MOST: usize = 8;
/// Bytes for the rows of the table.
const ROOM: usize = 24 * 1024;
/// Units of axes.
const SIZES: [(&str, f64); 3] = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0)];

/// Metrics that have a lane, with their names.
pub(super) fn drawn(series: &Series) -> Vec<(usize, String)> {
    let metrics = series.case.iter().flat_map(|case| &case.metrics).enumerate();
    let drawn = metrics.filter(|(index, _)| series.samples.contains_key(index)).take(MOST);
    drawn.map(|(index, metric)| (index, metric.name.clone())).collect()
}

/// What a value is divided by on its axis, and what the axis then counts.
fn axis(unit: Unit, greatest: f64) -> (f64, &'static str) {
    match unit {
        Unit::Plain => (1.0, ""),
        Unit::Bytes => {
            let fits = SIZES.iter().find(|(_, bytes)| greatest >= *bytes);
            fits.map_or((1.0, "B"), |(name, bytes)| (*bytes, *name))
        }
        Unit::Share => (0.01, "%"),
        Unit::Seconds if greatest < 1.0 => (0.001, "ms"),
        Unit::Seconds => (1.0, "s"),
    }
}

/// One metric over time, with the limits of its values.
pub(super) fn lane(frame: Frame, series: &Series, index: usize, name: &str) -> Lane {
    let height = 80.0;
    let metric = series.case.iter().flat_map(|case| &case.metrics).nth(index);
    let unit = metric.map_or(Unit::Plain, |metric| metric.unit);
    let read = series.samples.get(&index).map_or(&[][..], Vec::as_slice);
    let values = || read.iter().map(|(_, value)| *value);
    let limits = limits(series, index);
    let (least, most) = (values().reduce(f64::min), values().reduce(f64::max));
    let greatest = values().chain(limits.iter().map(|(_, limit)| *limit)).fold(0.0, f64::max);
    let (step, counted) = axis(unit, greatest);
    let scale = Scale::up_to(greatest / step);
    let y = |value: f64| height * (1.0 - scale.place(value / step));
    let all: Vec<Point> =
        read.iter().map(|(at, value)| (frame.x(series.seconds(*at)), Some(y(*value)))).collect();
    let path = thin(&all, frame.columns(2.5));
    let right = frame.width - frame.right;
    let body = html! {
        @for (label, limit) in &limits {
            @let at = y(*limit);
            path d={ "M" (length(frame.left)) " " (length(at)) "H" (length(right)) }
                stroke="currentColor" stroke-width="1.2" stroke-dasharray="10 4" {}
            text x=(length(right - 2.0)) y=(length(if at < 14.0 { at + 13.0 } else { at - 4.0 }))
                text-anchor="end" font-size="11" class="flag" paint-order="stroke" stroke="#ffffff"
                stroke-width="3" stroke-linejoin="round" { (label) }
        }
        (stroke(&line(&path), Ink::Blue, Dash::Whole))
        @if read.is_empty() {
            text x=(length(frame.left + 8.0)) y=(length(height / 2.0 + 4.0)) class="quiet" {
                "nothing was read"
            }
        }
    };
    let span = match (least, most) {
        (Some(least), Some(most)) => {
            format!("{} to {}", amount::observed(least, unit), amount::observed(most, unit))
        }
        _ => "no value".to_owned(),
    };
    let keys = vec![(sample(Ink::Blue, Dash::Whole), span)];
    let counted = if counted.is_empty() { String::new() } else { format!(", {counted}") };
    let title = clip(&format!("{}{counted}", text(name)), 48);
    Lane { title, height, keys, ticks: scale.ticks(), body }
}

/// Upper and lower limits of a metric's values, with their labels.
fn limits(series: &Series, index: usize) -> Vec<(String, f64)> {
    let Some(case) = &series.case else { return Vec::new() };
    let unit = case.metrics.get(index).map_or(Unit::Plain, |metric| metric.unit);
    let mut limits: Vec<(String, f64)> = Vec::new();
    let mut add = |sign: &str, limit: Option<assay_slo::Number>| {
        if let Some(limit) = limit.filter(|_| limits.len() < 3) {
            limits.push((format!("{sign} {}", amount::limit(limit, unit)), limit.get()));
        }
    };
    for expectation in &case.expectations {
        match &expectation.must {
            Must::Metric(must) if must.metric == index => {
                add("<", must.value.below);
                add("≤", must.value.at_most);
                add(">", must.value.above);
                add("≥", must.value.at_least);
            }
            Must::Settles(must) if must.metric == index => add("settled ≤", Some(must.at_most)),
            _ => {}
        }
    }
    limits
}

/// The greatest value in a stretch of seconds.
pub(super) fn greatest(series: &Series, index: usize, from: usize, to: usize) -> String {
    let unit = series.case.iter().flat_map(|case| &case.metrics).nth(index);
    let unit = unit.map_or(Unit::Plain, |metric| metric.unit);
    let read = series.samples.get(&index).into_iter().flatten();
    let inside = read.filter(|(at, _)| (from as f64..to as f64).contains(&series.seconds(*at)));
    let greatest = inside.map(|(_, value)| *value).reduce(f64::max);
    greatest.map_or("–".to_owned(), |value| amount::observed(value, unit))
}

/// The section.
pub(super) fn metrics(scores: &[MetricScore]) -> Markup {
    const COLUMNS: [Column; 8] = [
        markup::words("Metric"),
        markup::words("Reads"),
        markup::number("Values"),
        markup::number("Failed"),
        markup::number("First"),
        markup::number("Least"),
        markup::number("Greatest"),
        markup::number("Last"),
    ];
    let rows = scores.iter().map(|score| {
        let value = |value: Option<f64>| {
            value.map_or("–".to_owned(), |value| amount::observed(value, score.unit))
        };
        [
            html! { (text(&score.name)) },
            html! { (long(&score.reads)) },
            html! { (score.samples) },
            html! {
                (score.missed)
                @if let Some(why) = &score.last_missed { " (the last: " (long(why)) ")" }
            },
            html! { (value(score.first)) },
            html! { (value(score.least)) },
            html! { (value(score.greatest)) },
            html! { (value(score.last)) },
        ]
    });
    html! {
        @if !scores.is_empty() {
            section id="metrics" aria-labelledby="metrics-head" {
                h2 id="metrics-head" { "Metrics" }
                (markup::table("From time 0 to the end; between two reads nobody knows the value", &COLUMNS, rows, ROOM))
            }
        }
    }
}
