//! What is shown while a run goes on, on standard error.
//!
//! Invariant: progress never fails or stops a run; a closed standard error is passed over.
//! Invariant: on a terminal one line is redrawn and each phase leaves its totals; elsewhere, where
//! nothing can be redrawn, a line comes every five seconds and at each phase's start.
//! Not here: the verdict (`console`), which goes to standard output.

use super::foreign::line;
use super::look::Detail;
use super::units;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How often a line comes where none can be redrawn.
const EVERY: Duration = Duration::from_secs(5);
/// An offered rate this many times what was done is told.
const WORTH_TELLING: f64 = 1.02;
/// A lag from here on is told, µs: the generator's own lateness is no news before.
const LATE_US: u64 = 5_000;

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A terminal, which can redraw a line.
    Terminal,
    /// A file, a pipe, a CI server's log.
    Plain,
}

impl Mode {
    /// What standard error is.
    #[must_use]
    pub fn of_stderr() -> Mode {
        if io::stderr().is_terminal() { Mode::Terminal } else { Mode::Plain }
    }
}

/// How a run does just now; told about once a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The phase, with its faults: `fault (half)`.
    pub phase: String,
    /// Since the load began, warm-up included.
    pub elapsed: Duration,
    /// Until the timetable's end.
    pub left: Duration,
    /// Requests due in the last second.
    pub offered_rate: f64,
    /// Requests ended in the last second.
    pub done_rate: f64,
    /// 95th percentile of the last second's response times, µs; none without any.
    pub p95_us: Option<u64>,
    /// Of those ended in the last second, the fraction that was not ok.
    pub errors_share: f64,
    /// Requests under way.
    pub in_flight: u64,
    /// 99th percentile of the last second's lag, µs.
    pub lag_p99_us: u64,
}

/// What a phase came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The phase, with its faults.
    pub phase: String,
    /// How long it was.
    pub lasted: Duration,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of these, not ok.
    pub bad: u64,
    /// 95th percentile of their response times, µs.
    pub p95_us: Option<u64>,
}

/// The progress of one run.
#[derive(Debug)]
pub struct Live {
    screen: Screen,
    detail: Detail,
    /// The phase and instant of the last line.
    last: Option<(String, Duration)>,
}

enum Screen {
    Redrawn(ProgressBar),
    Lines(Box<dyn Write + Send>),
    Silent,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Screen::Redrawn(_) => "Redrawn",
            Screen::Lines(_) => "Lines",
            Screen::Silent => "Silent",
        })
    }
}

impl Live {
    /// On standard error; with [`Detail::Quiet`] nothing is ever shown.
    #[must_use]
    pub fn new(mode: Mode, detail: Detail) -> Live {
        let screen = match (mode, detail) {
            (_, Detail::Quiet) => Screen::Silent,
            (Mode::Terminal, _) => redrawn(ProgressDrawTarget::stderr()),
            (Mode::Plain, _) => Screen::Lines(Box::new(io::stderr())),
        };
        Live { screen, detail, last: None }
    }

    /// Something happened: a service is ready, the gate is open, a fault is on.
    pub fn note(&mut self, text: &str) {
        self.print(&line(text));
    }

    /// Something happened that only those who ask (`-v`) want to know.
    pub fn detail(&mut self, text: &str) {
        if self.detail == Detail::Verbose {
            self.note(text);
        }
    }

    /// How it does now.
    pub fn tick(&mut self, tick: &Tick) {
        if let Screen::Redrawn(bar) = &self.screen {
            bar.set_message(status(tick));
            return;
        }
        let due = match &self.last {
            Some((phase, at)) => *phase != tick.phase || tick.elapsed >= at.saturating_add(EVERY),
            None => true,
        };
        if due {
            self.last = Some((tick.phase.clone(), tick.elapsed));
            self.print(&status(tick));
        }
    }

    /// A phase is over; its totals stay.
    pub fn phase_end(&mut self, totals: &Totals) {
        if let Screen::Redrawn(bar) = &self.screen {
            bar.set_message("");
        }
        // To the nearest: a phase of 20 s is told of a moment early or late.
        let lasted = totals.lasted.saturating_add(Duration::from_millis(500));
        let lasted = units::whole_seconds(lasted.as_secs());
        let p95 = totals.p95_us.map(|us| format!(", P95 {}", units::time(us))).unwrap_or_default();
        self.print(&format!(
            "{} over after {lasted}: {} {}, {} not ok ({}){p95}",
            line(&totals.phase),
            totals.requests,
            if totals.requests == 1 { "request" } else { "requests" },
            totals.bad,
            units::share_of(totals.bad, totals.requests)
        ));
    }

    /// Nothing more comes: the line that is redrawn goes, what was left stays.
    pub fn finish(self) {
        if let Screen::Redrawn(bar) = self.screen {
            bar.finish_and_clear();
        }
    }

    fn print(&mut self, text: &str) {
        match &mut self.screen {
            Screen::Redrawn(bar) => bar.println(text),
            // Nobody is left to be told that nobody listens.
            Screen::Lines(out) => _ = writeln!(out, "{text}").and_then(|()| out.flush()),
            Screen::Silent => {}
        }
    }
}

fn redrawn(target: ProgressDrawTarget) -> Screen {
    let bar = ProgressBar::with_draw_target(None, target);
    // The template is fixed and right; the style without it only looks plainer.
    let style = ProgressStyle::with_template("{wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    Screen::Redrawn(bar)
}

/// Short enough for a terminal of 80 columns while all is well.
fn status(tick: &Tick) -> String {
    let p95 = tick.p95_us.map_or("unknown".to_owned(), units::time);
    let mut status = format!(
        "{}  {}, {} left  {}  P95 {p95}  errors {}  in flight {}",
        line(&tick.phase),
        units::whole_seconds(tick.elapsed.as_secs()),
        units::whole_seconds(tick.left.as_secs()),
        units::rate(tick.done_rate),
        units::share(tick.errors_share),
        tick.in_flight,
    );
    if tick.offered_rate > tick.done_rate * WORTH_TELLING {
        status += &format!("  offered {}", units::rate(tick.offered_rate));
    }
    if tick.lag_p99_us >= LATE_US {
        status += &format!("  lag P99 {}", units::time(tick.lag_p99_us));
    }
    status
}

#[cfg(test)]
mod tests;
