//! Lanes one above another on one time axis, with what happened across all of them.
//!
//! Invariant: the same x is the same instant in every lane.
//! Invariant: a drawing says in words what it shows (`title`, `desc`), and needs no style sheet.
//! Not here: what a lane draws (`lanes`, `states`).

use super::ink;
use super::markup::text;
use super::scale::{length, moment, moments};
use super::seconds::Band;
use assay_slo::Outcome;
use assay_slo::scorecard::Phase;
use maud::{Markup, html};

/// The measures of a drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Prefix of its names: a page has each drawing once for wide and once for narrow screens.
    pub(super) prefix: &'static str,
    pub(super) width: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    /// Seconds on the axis, from time 0.
    pub(super) seconds: f64,
    /// How many times coarser than usual lines are, to save room.
    pub(super) coarse: usize,
}

/// Height of a line of text.
pub(super) const LINE: f64 = 15.0;
const FONT: &str = "12";

impl Frame {
    /// For screens and paper.
    pub(super) fn wide(prefix: &'static str, seconds: usize, coarse: usize) -> Frame {
        let seconds = seconds as f64;
        Frame { prefix, width: 1120.0, left: 60.0, right: 14.0, seconds, coarse }
    }

    /// For telephones.
    pub(super) fn narrow(prefix: &'static str, seconds: usize, coarse: usize) -> Frame {
        let seconds = seconds as f64;
        Frame { prefix, width: 372.0, left: 48.0, right: 8.0, seconds, coarse }
    }

    /// Where an instant lies.
    pub(super) fn x(&self, second: f64) -> f64 {
        self.left + second.clamp(0.0, self.seconds) / self.seconds * self.plot()
    }

    /// Width of what is drawn.
    pub(super) fn plot(&self) -> f64 {
        self.width - self.left - self.right
    }

    /// How many columns of so many units there are, at least one.
    pub(super) fn columns(&self, units: f64) -> usize {
        ((self.plot() / units) as usize / self.coarse.max(1)).max(1)
    }

    fn is_narrow(&self) -> bool {
        self.width < 600.0
    }
}

/// One lane, drawn between 0 and its height.
pub(super) struct Lane {
    pub(super) title: String,
    pub(super) height: f64,
    /// Signs and their meanings.
    pub(super) keys: Vec<(Markup, String)>,
    /// Places from the bottom (0 to 1) and what is written there.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) body: Markup,
}

/// What happened across all lanes.
pub(super) struct Across<'a> {
    pub(super) phases: &'a [Phase],
    pub(super) bands: &'a [Band],
    /// Second, sign and word, and the whole text.
    pub(super) marks: &'a [(f64, String, String)],
}

/// How wide a text is, about.
fn wide(label: &str) -> f64 {
    label.chars().count() as f64 * 6.6
}

/// A label of the head: its place, the line it is on, the text.
struct Flag {
    x: f64,
    end: bool,
    row: usize,
    label: String,
    full: String,
}

/// The drawing.
pub(super) fn chart(
    frame: Frame,
    lanes: &[Lane],
    across: &Across<'_>,
    outcomes: &[Outcome],
    title: &str,
    description: &str,
) -> Markup {
    let flags = flags(frame, across);
    let rows = flags.iter().map(|flag| flag.row + 1).max().unwrap_or(0);
    let strip = if across.phases.is_empty() { 0.0 } else { 20.0 };
    let top = strip + rows as f64 * LINE + 4.0;
    let legends: Vec<_> = lanes.iter().map(|lane| legend(frame, lane)).collect();
    let mut y = top;
    let mut places = Vec::new();
    for (lane, (_, rows)) in lanes.iter().zip(&legends) {
        y += *rows as f64 * LINE + 8.0;
        places.push(y);
        y += lane.height + 8.0;
    }
    let bottom = y - 4.0;
    let height = bottom + 20.0;
    let prefix = frame.prefix;
    let right = frame.width - frame.right;
    let most = if frame.is_narrow() { 6 } else { 14 };
    html! {
        svg class=(if frame.is_narrow() { "narrow" } else { "wide" }) role="img"
            viewBox={ "0 0 " (length(frame.width)) " " (length(height)) }
            aria-labelledby={ (prefix) "-title " (prefix) "-desc" }
            font-family="system-ui, sans-serif" font-size=(FONT) fill="currentColor" {
            title id={ (prefix) "-title" } { (title) }
            desc id={ (prefix) "-desc" } { (description) }
            (ink::definitions(prefix, outcomes))
            (strip_of(frame, across.phases))
            @for band in across.bands {
                @let (from, to) = (frame.x(band.from), frame.x(band.to));
                rect x=(length(from)) y=(length(strip)) width=(length((to - from).max(1.0)))
                    height=(length(bottom - strip)) fill={ "url(#" (prefix) "-fault)" } {
                    title { (text(&band.name)) }
                }
                @for edge in [from, to] {
                    path d={ "M" (length(edge)) " " (length(strip)) "V" (length(bottom)) }
                        stroke="currentColor" stroke-opacity="0.55" {}
                }
            }
            @for (at, _, _) in across.marks {
                path d={ "M" (length(frame.x(*at))) " " (length(strip)) "V" (length(bottom)) }
                    stroke="currentColor" stroke-opacity="0.7" stroke-dasharray="2 3" {}
            }
            @for flag in &flags {
                text x=(length(flag.x)) y=(length(strip + flag.row as f64 * LINE + 12.0))
                    text-anchor=[flag.end.then_some("end")] font-weight="600" class="flag"
                    paint-order="stroke" stroke="#ffffff" stroke-width="4" stroke-linejoin="round" {
                    (flag.label)
                    title { (flag.full) }
                }
            }
            @for ((lane, y), (legend, rows)) in lanes.iter().zip(&places).zip(&legends) {
                g transform={ "translate(0 " (length(*y - *rows as f64 * LINE)) ")" } { (legend) }
                g transform={ "translate(0 " (length(*y)) ")" } {
                    @for (place, label) in &lane.ticks {
                        @let at = (1.0 - place) * lane.height;
                        path d={ "M" (length(frame.left)) " " (length(at)) "H" (length(right)) }
                            stroke="currentColor" stroke-opacity="0.16" {}
                        text x=(length(frame.left - 5.0)) y=(length(at + 4.0)) text-anchor="end"
                            font-size="11" class="quiet" { (label) }
                    }
                    (lane.body)
                }
            }
            @for second in moments(0.0, frame.seconds, most) {
                @let x = frame.x(second as f64);
                path d={ "M" (length(x)) " " (length(bottom)) "v4" } stroke="currentColor" {}
                text x=(length(x.min(right - 4.0))) y=(length(bottom + 16.0)) font-size="11"
                    text-anchor=(if x > right - 10.0 { "end" } else { "middle" }) class="quiet" {
                    (moment(second))
                }
            }
            path d={ "M" (length(frame.left)) " " (length(bottom)) "H" (length(right)) }
                stroke="currentColor" {}
        }
    }
}

/// The strip of phases.
fn strip_of(frame: Frame, phases: &[Phase]) -> Markup {
    html! {
        @for phase in phases.iter().filter(|phase| phase.to_ms > 0) {
            @let from = frame.x(phase.from_ms as f64 / 1e3);
            @let to = frame.x(phase.to_ms as f64 / 1e3);
            @let name = text(&phase.name);
            rect x=(length(from)) y="0.5" width=(length((to - from).max(0.5))) height="16"
                fill=(if phase.name == "fault" { format!("url(#{}-fault)", frame.prefix) }
                      else { "none".to_owned() })
                stroke="currentColor" stroke-opacity="0.5" {
                title { (name) @if !phase.faults.is_empty() { ": " (text(&phase.faults.join(", "))) } }
            }
            @if wide(&name) + 6.0 < to - from {
                text x=(length(f64::midpoint(from, to))) y="12.5" text-anchor="middle" class="flag"
                    paint-order="stroke" stroke="#ffffff" stroke-width="3" stroke-linejoin="round" {
                    (name)
                }
            }
        }
    }
}

/// Labels on as few lines as they need without touching each other.
fn flags(frame: Frame, across: &Across<'_>) -> Vec<Flag> {
    let most = if frame.is_narrow() { 22 } else { 44 };
    let bands = across.bands.iter().map(|band| {
        let open = if band.cleared { "" } else { ", never cleared" };
        let full = format!("{} ({} at {}{open})", band.name, band.kind, band.link);
        (frame.x(band.from), format!("{} ({})", band.name, band.kind), full)
    });
    let marks =
        across.marks.iter().map(|(at, short, full)| (frame.x(*at), short.clone(), full.clone()));
    let mut wanted: Vec<_> = bands.chain(marks).collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut taken: Vec<f64> = Vec::new();
    let mut flags = Vec::new();
    for (x, name, full) in wanted.into_iter().take(40) {
        let label = super::super::foreign::clip(&text(&name), most);
        let width = wide(&label);
        let end = x + width + 4.0 > frame.width;
        let (from, to) = if end { (x - width - 4.0, x) } else { (x, x + width + 10.0) };
        let free = taken.iter().position(|until| *until <= from);
        let row = free.unwrap_or_else(|| {
            taken.push(0.0);
            taken.len() - 1
        });
        taken[row] = to;
        let x = if end { x - 3.0 } else { x + 3.0 };
        flags.push(Flag { x, end, row, label, full: text(&full) });
    }
    flags
}

/// A lane's title and keys, on as many lines as they need.
fn legend(frame: Frame, lane: &Lane) -> (Markup, usize) {
    let mut x = frame.left + wide(&lane.title) * 1.08 + 14.0;
    let mut row = 0_usize;
    let mut placed = Vec::new();
    for (sign, label) in &lane.keys {
        let width = 24.0 + wide(label) + 12.0;
        if x + width - 12.0 > frame.width - frame.right && x > frame.left {
            (row, x) = (row + 1, frame.left);
        }
        placed.push((x, row, sign, label));
        x += width;
    }
    let drawn = html! {
        text x=(length(frame.left)) y="11" font-weight="600" class="flag" paint-order="stroke"
            stroke="#ffffff" stroke-width="4" stroke-linejoin="round" { (lane.title) }
        @for (x, row, sign, label) in placed {
            g transform={ "translate(" (length(x)) " " (length(row as f64 * LINE)) ")" } {
                (sign)
                text x="23" y="11" class="quiet flag" paint-order="stroke" stroke="#ffffff"
                    stroke-width="4" stroke-linejoin="round" { (label) }
            }
        }
    };
    (drawn, row + 1)
}
