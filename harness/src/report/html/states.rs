//! The lane of breakers: which state each was in, when, as our gateways told it or as arrivals at
//! a link show it.
//!
//! Invariant: a state is told by its height and hatching, an open one where there is room by its
//! word too.
//! Not here: what breakers must do (crate slo).

use super::chart::{Frame, Lane};
use super::scale::length;
use super::series::Series;
use super::trace::rectangle;
use assay_slo::Scorecard;
use assay_slo::event::{BreakerEvent, BreakerState};
use assay_slo::scorecard::{Between, BreakerScore, Episode};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// So many breakers are drawn; those with the most changes.
const MOST: usize = 4;

const ROW: f64 = 22.0;
const BAR: f64 = 15.0;

/// One breaker's states: from, to (seconds), which.
pub(super) type Stretches = Vec<(f64, f64, BreakerState)>;

/// A breaker that changed.
pub(super) struct Row {
    /// Whose it is, in words.
    pub(super) whose: String,
    /// The same beside the lane.
    short: String,
    pub(super) stretches: Stretches,
}

/// Each breaker that changed: those of our gateways, then those that arrivals show.
pub(super) fn rows(series: &Series, scorecard: &Scorecard, seconds: f64) -> Vec<Row> {
    let mut changes: BTreeMap<(usize, u32), Vec<&BreakerEvent>> = BTreeMap::new();
    for change in &series.breakers {
        changes.entry((change.fleet, change.gateway)).or_default().push(change);
    }
    let fleets = series.case.as_ref().map(|case| &case.fleets);
    let fleet = |fleet: usize| {
        fleets.and_then(|fleets| fleets.get(fleet)).map_or("?", |fleet| fleet.name.as_str())
    };
    let told = changes.into_iter().map(|((of, gateway), changes)| Row {
        whose: format!("gateway {gateway} of {}", fleet(of)),
        short: format!("#{gateway}"),
        stretches: told(series, changes, seconds),
    });
    let seen = scorecard.breakers.iter().filter(|score| score.evidence == BreakerScore::INFERRED);
    let seen = seen.filter(|score| !score.episodes.is_empty()).map(|score| Row {
        whose: format!("{}, by {}", score.name, score.of),
        short: score.name.clone(),
        stretches: seen_in(series, &score.episodes, seconds),
    });
    told.chain(seen).collect()
}

fn told(series: &Series, mut changes: Vec<&BreakerEvent>, seconds: f64) -> Stretches {
    changes.sort_by_key(|change| change.at);
    let mut stretches = Stretches::new();
    let mut since = (0.0, BreakerState::Closed);
    for (number, change) in changes.iter().enumerate() {
        let at = series.seconds(change.at);
        let state = if number == 0 { change.from } else { since.1 };
        stretches.push((since.0, at, state));
        since = (at, change.to);
    }
    stretches.push((since.0, seconds, since.1));
    stretches
}

/// Instants that are known between two are drawn at the later one.
fn seen_in(series: &Series, episodes: &[Episode], seconds: f64) -> Stretches {
    let mut changes: Vec<(f64, BreakerState)> = Vec::new();
    for episode in episodes {
        let at = |between: Between| series.seconds(between.latest);
        changes.push((at(episode.opened), BreakerState::Open));
        changes.extend(episode.half_open.map(|half| (at(half), BreakerState::HalfOpen)));
        changes.extend(episode.closed.map(|closed| (at(closed), BreakerState::Closed)));
    }
    let mut stretches = Stretches::new();
    let mut since = (0.0, BreakerState::Closed);
    for (at, state) in changes {
        stretches.push((since.0, at.max(since.0), since.1));
        since = (at.max(since.0), state);
    }
    stretches.push((since.0, seconds.max(since.0), since.1));
    stretches
}

/// The lane.
pub(super) fn breakers(frame: Frame, all: &[Row]) -> Lane {
    let mut shown: Vec<(usize, &Row)> = all.iter().enumerate().collect();
    shown.sort_by_key(|(place, row)| (std::cmp::Reverse(row.stretches.len()), *place));
    shown.truncate(MOST);
    shown.sort_by_key(|(place, _)| *place);
    let height = ROW * shown.len().max(1) as f64;
    let body = html! {
        @for (number, (_, row)) in shown.iter().enumerate() {
            @let top = number as f64 * ROW + 3.0;
            @for state in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
                (bars(frame, top, &row.stretches, state))
            }
            @if all.len() > 1 {
                text x=(length(frame.left - 5.0)) y=(length(top + 12.0)) text-anchor="end"
                    font-size="11" class="quiet" { (row.short) }
            }
        }
    };
    let sign = |state| sample(frame, state);
    let keys = vec![
        (sign(BreakerState::Closed), "closed".to_owned()),
        (sign(BreakerState::HalfOpen), "half-open".to_owned()),
        (sign(BreakerState::Open), "open".to_owned()),
    ];
    let title = match all.len() - shown.len() {
        0 => "Breakers".to_owned(),
        more => format!("Breakers (and {more} more)"),
    };
    Lane { title, height, keys, ticks: vec![], body }
}

/// A state's word.
pub(super) fn word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half-open",
    }
}

/// All stretches of one state. Those nearer to each other than can be seen become one.
fn bars(frame: Frame, top: f64, stretches: &Stretches, state: BreakerState) -> Markup {
    let near = if frame.coarse > 1 { 3.0 * frame.coarse as f64 } else { 0.0 };
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for (from, to, _) in stretches.iter().filter(|stretch| stretch.2 == state) {
        let (x, end) = (frame.x(*from), frame.x(*to));
        // A trial may last a millisecond: it is drawn as wide as it can be seen.
        let end = end.max(x + if state == BreakerState::HalfOpen { 3.0 } else { 1.0 });
        match spans.last_mut() {
            Some(last) if x <= last.1 + near => last.1 = last.1.max(end),
            _ => spans.push((x, end)),
        }
    }
    let mut path = String::new();
    for (x, end) in &spans {
        outline(&mut path, *x, top, end - x, state);
    }
    let room = word(state).len() as f64 * 6.6 + 8.0;
    let said = spans.iter().filter(|(x, end)| end - x > room && state == BreakerState::Open);
    html! {
        @if !path.is_empty() { (shape(frame, &path, state)) }
        @for (x, end) in said.take(20) {
            text x=(length(f64::midpoint(*x, *end))) y=(length(top + 11.5)) text-anchor="middle"
                class="flag" paint-order="stroke" stroke="#ffffff" stroke-width="4"
                stroke-linejoin="round" { (word(state)) }
        }
    }
}

fn outline(path: &mut String, x: f64, top: f64, width: f64, state: BreakerState) {
    match state {
        BreakerState::Closed => rectangle(path, x, top + BAR - 4.0, width, 3.0),
        BreakerState::HalfOpen => rectangle(path, x, top - 4.0, width, 9.0),
        BreakerState::Open => rectangle(path, x, top, width, BAR),
    }
}

fn shape(frame: Frame, path: &str, state: BreakerState) -> Markup {
    html! {
        @match state {
            BreakerState::Closed => path d=(path) class="a-green" fill="#009E73" {},
            BreakerState::HalfOpen => path d=(path) class="a-orange" fill="#E69F00"
                stroke="currentColor" stroke-width="0.8" {},
            BreakerState::Open => path d=(path) fill={ "url(#" (frame.prefix) "-open)" } {},
        }
    }
}

fn sample(frame: Frame, state: BreakerState) -> Markup {
    let mut path = String::new();
    let width = if state == BreakerState::HalfOpen { 4.0 } else { 17.0 };
    let top = if state == BreakerState::HalfOpen { 5.0 } else { -1.0 };
    outline(&mut path, 8.0 - width / 2.0, top, width, state);
    shape(frame, &path, state)
}
