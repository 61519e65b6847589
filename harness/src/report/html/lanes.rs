//! Lanes of numbers: rates, outcomes, times, backlog, lag.
//!
//! Invariant: lines are told apart by their dashes, surfaces by their hatching, not by color
//! alone.
//! Not here: the axis they share (`chart`), states (`states`).

use super::chart::{Frame, Lane};
use super::ink::{self, Ink};
use super::markup::text;
use super::scale::{Scale, length};
use super::seconds::{Pace, count, not_ok};
use super::series::{Outcomes, Series};
use super::trace::{Point, area, line, rectangle, thin};
use assay_slo::Outcome;
use assay_slo::case::{Ask, Clock};
use assay_slo::event::Backlog;
use maud::{Markup, html};

/// Dashes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dash {
    Whole,
    Long,
    Dots,
}

impl Dash {
    fn pattern(self) -> Option<&'static str> {
        match self {
            Dash::Whole => None,
            Dash::Long => Some("7 3"),
            Dash::Dots => Some("1.5 3.5"),
        }
    }
}

pub(super) fn stroke(path: &str, ink: Ink, dash: Dash) -> Markup {
    html! {
        path d=(path) class=(ink.line()) stroke=(ink.hex()) fill="none" stroke-width="1.7"
            stroke-linejoin="round" stroke-linecap="round" stroke-dasharray=[dash.pattern()] {}
    }
}

pub(super) fn sample(ink: Ink, dash: Dash) -> Markup {
    stroke("M0 7h18", ink, dash)
}

fn surface(path: &str, ink: Ink) -> Markup {
    html! { path d=(path) class=(ink.area()) fill=(ink.hex()) fill-opacity="0.22" {} }
}

fn surface_sample(ink: Ink) -> Markup {
    surface("M0 2h18v10h-18z", ink)
}

/// Points of a line from values of each second.
fn points(
    frame: Frame,
    values: impl Iterator<Item = Option<f64>>,
    scale: Scale,
    height: f64,
) -> Vec<Point> {
    let all: Vec<Point> = values
        .enumerate()
        .map(|(second, value)| {
            let y = value.map(|value| height * (1.0 - scale.place(value)));
            (frame.x(second as f64 + 0.5), y)
        })
        .collect();
    thin(&all, frame.columns(2.5))
}

/// Offered, begun and answered ok a second. Users and fleets offer only what they begin.
pub(super) fn rate(
    frame: Frame,
    title: &str,
    pace: &[Pace],
    outcomes: &[Outcomes],
    open: bool,
) -> Lane {
    let height = 92.0;
    let ok = |outcomes: &Outcomes| count(outcomes, Outcome::Ok);
    let greatest = pace.iter().map(|pace| pace.due.max(pace.begun)).max().unwrap_or(0);
    let greatest = greatest.max(outcomes.iter().map(ok).max().unwrap_or(0));
    let scale = Scale::up_to(greatest as f64);
    let told = |pace: &Pace, value: u64| pace.told.then_some(value as f64);
    let at = |values: Vec<Option<f64>>| points(frame, values.into_iter(), scale, height);
    let due = at(pace.iter().map(|pace| told(pace, pace.due)).collect());
    let begun = at(pace.iter().map(|pace| told(pace, pace.begun)).collect());
    let answered = at(outcomes.iter().map(|outcomes| Some(ok(outcomes) as f64)).collect());
    let mut keys = vec![
        (sample(Ink::Grey, Dash::Long), "begun".to_owned()),
        (sample(Ink::Blue, Dash::Whole), "answered ok, by second due".to_owned()),
    ];
    if open {
        keys.insert(0, (surface_sample(Ink::Grey), "offered".to_owned()));
    }
    let body = html! {
        @if open { (surface(&area(&due, height), Ink::Grey)) }
        (stroke(&line(&begun), Ink::Grey, Dash::Long))
        (stroke(&line(&answered), Ink::Blue, Dash::Whole))
    };
    Lane { title: title.to_owned(), height, keys, ticks: scale.ticks(), body }
}

/// What was not ok, stacked by outcome.
pub(super) fn errors(frame: Frame, outcomes: &[Outcomes], seen: &[Outcome]) -> Lane {
    let height = 92.0;
    let greatest = outcomes.iter().map(not_ok).max().unwrap_or(0);
    let scale = Scale::up_to(greatest as f64);
    let width = outcomes.len().div_ceil(frame.columns(4.0)).max(1);
    let mut paths = vec![String::new(); Outcome::ALL.len()];
    for (column, rows) in outcomes.chunks(width).enumerate() {
        // The worst second stands for its column, whole, so that its parts add up.
        let Some(worst) = rows.iter().max_by_key(|row| not_ok(row)) else { continue };
        let (from, to) = (column * width, (column + 1) * width);
        let (from, to) = (frame.x(from as f64), frame.x(to as f64));
        let gap = if to - from > 6.0 { 1.0 } else { 0.0 };
        let mut below = 0.0;
        for (place, outcome) in Outcome::ALL.iter().enumerate() {
            let n = count(worst, *outcome);
            if *outcome == Outcome::Ok || n == 0 {
                continue;
            }
            // One of thousands must be seen too.
            let tall = (scale.place(n as f64) * height).max(1.5);
            let y = (height - below - tall).max(0.0);
            rectangle(&mut paths[place], from + gap / 2.0, y, to - from - gap, tall);
            below += tall;
        }
    }
    let fill = |outcome: Outcome| format!("url(#{})", ink::hatching(frame.prefix, outcome));
    let keys = seen
        .iter()
        .map(|outcome| {
            let total: u64 = outcomes.iter().map(|row| count(row, *outcome)).sum();
            let sign = html! {
                rect y="2" width="17" height="10" fill=(fill(*outcome))
                    stroke="currentColor" stroke-opacity="0.5" stroke-width="0.7" {}
            };
            (sign, format!("{} {total}", outcome.name()))
        })
        .collect();
    let body = html! {
        @for (outcome, path) in Outcome::ALL.iter().zip(&paths) {
            @if !path.is_empty() { path d=(path) fill=(fill(*outcome)) {} }
        }
        @if seen.is_empty() {
            text x=(length(frame.left + 8.0)) y=(length(height / 2.0 + 4.0)) class="quiet" {
                "nothing but ok"
            }
        }
    };
    let title = "Not ok a second, by outcome".to_owned();
    Lane { title, height, keys, ticks: scale.ticks(), body }
}

/// Percentiles a second of one load, with the limits that objectives set.
pub(super) fn times(
    frame: Frame,
    series: &Series,
    load: usize,
    clock: Clock,
    seconds: usize,
) -> Lane {
    let height = 104.0;
    let known: Vec<_> = (0..seconds as i64)
        .map(|second| series.times.by_second.get(&(load, clock, second)).copied())
        .collect();
    let limits = limits(series, load, clock);
    let values = || known.iter().flatten();
    let least = values().map(|times| times.p50).min();
    let greatest = values().map(|times| times.p99).chain(limits.iter().map(|limit| limit.1)).max();
    let scale = Scale::decades(least.unwrap_or(1_000) as f64, greatest.unwrap_or(1_000_000) as f64);
    let at = |value: fn(&super::times::Percentiles) -> u64| {
        let values = known.iter().map(|times| times.as_ref().map(|times| value(times) as f64));
        line(&points(frame, values, scale, height))
    };
    let lines = [
        ("P99", Ink::Vermillion, Dash::Whole, at(|times| times.p99)),
        ("P95", Ink::Green, Dash::Long, at(|times| times.p95)),
        ("P50", Ink::Blue, Dash::Dots, at(|times| times.p50)),
    ];
    let right = frame.width - frame.right;
    let body = html! {
        @for (label, us) in &limits {
            @let y = height * (1.0 - scale.place(*us as f64));
            path d={ "M" (length(frame.left)) " " (length(y)) "H" (length(right)) }
                stroke="currentColor" stroke-width="1.2" stroke-dasharray="10 4" {}
            text x=(length(right - 2.0)) y=(length(if y < 14.0 { y + 13.0 } else { y - 4.0 }))
                text-anchor="end" font-size="11" class="flag" paint-order="stroke" stroke="#ffffff"
                stroke-width="3" stroke-linejoin="round" { (label) }
        }
        @for (_, ink, dash, path) in &lines { (stroke(path, *ink, *dash)) }
        @if known.iter().all(Option::is_none) {
            text x=(length(frame.left + 8.0)) y=(length(height / 2.0 + 4.0)) class="quiet" {
                (series.times.problem.as_deref().map_or("no time was recorded", |_| "times could not be read"))
            }
        }
    };
    let keys = lines
        .iter()
        .map(|(name, ink, dash, _)| (sample(*ink, *dash), (*name).to_owned()))
        .collect();
    Lane { title: title(series, load, clock), height, keys, ticks: scale.ticks(), body }
}

fn title(series: &Series, load: usize, clock: Clock) -> String {
    let loads = series.case.as_ref().map(|case| &case.loads);
    let name = loads.and_then(|loads| loads.get(load)).map_or("?", |load| &load.name);
    let clock = match clock {
        Clock::Response => "response",
        Clock::Service | Clock::ServiceSeen => "service",
        Clock::FirstByte | Clock::ServiceFirstByte => "first-byte",
    };
    super::super::foreign::clip(&format!("{}: {clock} time of what was ok", text(name)), 48)
}

/// The latency limits of a load on a clock, with their names.
fn limits(series: &Series, load: usize, clock: Clock) -> Vec<(String, u64)> {
    let objectives = series.case.iter().flat_map(|case| &case.objectives);
    let mut limits: Vec<(String, u64)> = Vec::new();
    for objective in objectives.filter(|one| one.of.iter().any(|of| of.load == load)) {
        match objective.ask {
            Ask::Latency { percentile, below_us, clock: on, .. } if on == clock => {
                let name = super::times::percentile_name(percentile);
                let limit = super::super::units::time(below_us);
                if limits.iter().all(|known| known.1 != below_us) && limits.len() < 3 {
                    limits.push((format!("{name} < {limit}"), below_us));
                }
            }
            _ => {}
        }
    }
    limits
}

/// Samples waiting in a fleet's gateways.
pub(super) fn backlog(frame: Frame, series: &Series, fleet: usize, name: &str) -> Lane {
    let height = 80.0;
    let mut told: Vec<&Backlog> =
        series.backlog.iter().filter(|backlog| backlog.fleet == fleet).collect();
    told.sort_by_key(|backlog| backlog.at);
    let greatest = told.iter().map(|backlog| backlog.peak).max().unwrap_or(0);
    let scale = Scale::up_to(greatest as f64);
    let all: Vec<Point> = told
        .iter()
        .map(|backlog| {
            let y = height * (1.0 - scale.place(backlog.peak as f64));
            (frame.x(series.seconds(backlog.at)), Some(y))
        })
        .collect();
    let path = thin(&all, frame.columns(2.5));
    let body = html! {
        (surface(&area(&path, height), Ink::Orange))
        (stroke(&line(&path), Ink::Orange, Dash::Whole))
    };
    let keys = vec![(
        sample(Ink::Orange, Dash::Whole),
        format!("peak of each second, greatest {greatest}"),
    )];
    let title = format!("{}: samples waiting", text(name));
    Lane { title, height, keys, ticks: scale.ticks(), body }
}

/// How late requests began.
pub(super) fn lag(frame: Frame, pace: &[Pace]) -> Lane {
    let height = 84.0;
    let known = || pace.iter().filter(|pace| pace.told);
    let least = known().map(|pace| pace.lag_p50_us).min().unwrap_or(1);
    let greatest = known().map(|pace| pace.lag_p99_us).max().unwrap_or(1_000);
    let scale = Scale::decades(least as f64, greatest as f64);
    let at = |value: fn(&Pace) -> u64| {
        let values = pace.iter().map(|pace| pace.told.then(|| value(pace) as f64));
        line(&points(frame, values, scale, height))
    };
    let p99 = at(|pace| pace.lag_p99_us);
    let p50 = at(|pace| pace.lag_p50_us);
    let body = html! {
        (stroke(&p99, Ink::Vermillion, Dash::Whole))
        (stroke(&p50, Ink::Blue, Dash::Dots))
    };
    let keys = vec![
        (sample(Ink::Vermillion, Dash::Whole), "P99".to_owned()),
        (sample(Ink::Blue, Dash::Dots), "P50".to_owned()),
    ];
    Lane { title: "Lag: begun after due".to_owned(), height, keys, ticks: scale.ticks(), body }
}
