//! Looks for lines in a service's output, as it is captured, and keeps what was found for the run.
//!
//! A line lies between two instants: the one at which it was read, and, if it waited before that, the
//! last at which nothing waited. A line that says when it was written (RFC 3339, in a JSON object's
//! `timestamp`, `time`, `ts` or `@timestamp`, or at its beginning) may have been written as early as
//! that: whoever buffers its output is late. Lines that are close are told together.
//!
//! Invariant: a pattern is held against the line as it stands in the log file, secrets masked and cut,
//! but without what ends it.
//! Invariant: a line that was cut and does not fit might, and is told as such.
//! Not here: reading the output (`capture`), what is made of it (crate slo).

use crate::clock::{self, Clock};
use assay_slo::At;
use assay_slo::event::Lines;
use chrono::{DateTime, Utc};
use regex::Regex;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lines that lie within so much of each other are told together, µs: at most 100 times a second.
const TOGETHER_US: i64 = 10_000;
/// Characters of a line that are kept.
const KEPT: usize = 400;
/// Where a JSON object says when it was written.
const TIMES: [&str; 4] = ["timestamp", "time", "ts", "@timestamp"];

/// What is looked for in one service's output, and what was found. Copies are the same tap: a service
/// that is started again goes on where it was.
#[derive(Debug, Clone)]
pub struct Tap {
    clock: Clock,
    /// Each with its index into [`assay_slo::Case::logs`].
    patterns: Arc<[(usize, Regex)]>,
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    lines: Vec<Lines>,
    /// All lines, whatever they hold.
    seen: u64,
    /// The output could not be read to its end.
    broken: bool,
}

/// When a line was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The process had been started by then.
    pub(super) started: At,
    /// Written after this, and
    pub(super) from: At,
    /// before this.
    pub(super) to: At,
}

impl Tap {
    /// Looks for these.
    #[must_use]
    pub fn new(clock: Clock, patterns: Vec<(usize, Regex)>) -> Tap {
        Tap { clock, patterns: patterns.into(), found: Arc::default() }
    }

    /// What was found and not yet taken, in the order in which it was read.
    #[must_use]
    pub fn take(&self) -> Vec<Lines> {
        std::mem::take(&mut self.found().lines)
    }

    /// How many lines there were in all, whatever they hold; none if some could not be read.
    #[must_use]
    pub fn seen(&self) -> Option<u64> {
        let found = self.found();
        (!found.broken).then_some(found.seen)
    }

    /// The logs that it tells of, as indices into [`assay_slo::Case::logs`].
    pub fn logs(&self) -> impl Iterator<Item = usize> + '_ {
        self.patterns.iter().map(|(log, _)| *log)
    }

    pub(super) fn now(&self) -> At {
        self.clock.now()
    }

    /// What comes now cannot be read.
    pub(super) fn broke(&self) {
        self.found().broken = true;
    }

    /// Looks at a line; `is_cut`: it had more.
    pub(super) fn line(&self, text: &str, is_cut: bool, arrival: Arrival) {
        self.found().seen += 1;
        // Else no `$` would fit a line that ends as those of Windows do.
        let text = text.trim_end_matches('\r');
        for (log, pattern) in self.patterns.iter() {
            let fits = pattern.is_match(text);
            if !fits && !is_cut {
                continue;
            }
            let written = stamp(text).map(|stamp| self.at(stamp, arrival.to));
            let plausible = |at: &At| arrival.started <= *at && *at <= arrival.to;
            let from = written.filter(plausible).map_or(arrival.from, |at| at.min(arrival.from));
            let (n, unsure) = (u64::from(fits), u64::from(!fits));
            let text = text.chars().take(KEPT).collect();
            self.found().add(Lines { log: *log, from, to: arrival.to, n, unsure, text });
        }
    }

    /// An instant of the wall clock, when another is now.
    fn at(&self, stamp: DateTime<Utc>, now: At) -> At {
        let ago = clock::wall().signed_duration_since(stamp).num_microseconds();
        let since_read = self.now().since(now);
        // What lies in the future is no time of the line.
        let ago = ago.map_or(i64::MIN, |ago| ago.saturating_sub(since_read));
        now.plus(ago.saturating_neg())
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn add(&mut self, line: Lines) {
        let last = self.lines.iter_mut().rev().find(|known| known.log == line.log);
        let width = line.to.since(line.from);
        match last {
            Some(last) if together(last, &line) <= TOGETHER_US.saturating_add(width / 4) => {
                if last.n == 0 && line.n > 0 {
                    last.text = line.text;
                }
                last.from = last.from.min(line.from);
                last.to = last.to.max(line.to);
                last.n += line.n;
                last.unsure += line.unsure;
            }
            _ => self.lines.push(line),
        }
    }
}

/// How long both take together, µs.
fn together(one: &Lines, other: &Lines) -> i64 {
    one.to.max(other.to).since(one.from.min(other.from))
}

/// When a line says that it was written.
fn stamp(line: &str) -> Option<DateTime<Utc>> {
    let read = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    if line.starts_with('{') {
        let object: serde_json::Value = serde_json::from_str(line).ok()?;
        return TIMES.iter().find_map(|key| read(object.get(key)?.as_str()?));
    }
    let word = line.split_whitespace().next()?;
    read(word.trim_matches(|c| matches!(c, '[' | ']' | ',')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(patterns: &[&str]) -> Tap {
        let patterns = patterns.iter().map(|pattern| Regex::new(pattern).unwrap());
        Tap::new(Clock::start(), patterns.enumerate().collect())
    }

    fn read(from: u64, to: u64) -> Arrival {
        Arrival { started: At(0), from: At(from), to: At(to) }
    }

    #[test]
    fn lines_that_fit_are_told_those_that_are_close_together() {
        let tap = tap(&["open", "^breaker"]);
        for (at, text) in [(1_000, "breaker open"), (9_000, "reopened"), (20_000, "open\r")] {
            tap.line(text, false, read(at, at));
        }
        tap.line("nothing", false, read(30_000, 30_000));
        let told = |lines: &Lines| (lines.log, lines.from.0, lines.to.0, lines.n);
        let lines = tap.take();
        assert_eq!(
            lines.iter().map(told).collect::<Vec<_>>(),
            [(0, 1_000, 9_000, 2), (1, 1_000, 1_000, 1), (0, 20_000, 20_000, 1)]
        );
        assert_eq!((lines[0].text.as_str(), lines[2].text.as_str()), ("breaker open", "open"));
        assert_eq!((tap.take(), tap.seen()), (vec![], Some(4)));
        // Its copy is the same tap.
        tap.clone().line("open", false, read(40_000, 40_000));
        assert_eq!((tap.take().len(), tap.seen()), (1, Some(5)));
        tap.broke();
        assert_eq!(tap.seen(), None);
    }

    #[test]
    fn what_ends_a_line_is_no_part_of_it() {
        let tap = tap(&["open$", "^$"]);
        for text in ["open\r", "open", "\r", "open.\r"] {
            tap.line(text, false, read(1, 1));
        }
        let told = |lines: &Lines| (lines.log, lines.n, lines.text.clone());
        assert_eq!(
            tap.take().iter().map(told).collect::<Vec<_>>(),
            [(0, 2, "open".to_owned()), (1, 1, String::new())]
        );
    }

    #[test]
    fn what_was_cut_may_fit() {
        let tap = tap(&["open"]);
        tap.line("x", true, read(1, 1));
        tap.line("open", true, read(2, 2));
        let lines = tap.take();
        assert_eq!((lines[0].n, lines[0].unsure, lines[0].text.as_str()), (1, 1, "open"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_may_be_as_old_as_it_says() {
        let tap = tap(&["x"]);
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        let now = tap.now();
        let old = (clock::wall() - chrono::Duration::seconds(3)).to_rfc3339();
        let from = |line: &str| {
            let arrival = Arrival { started: At(1_000_000), from: now, to: now };
            tap.line(line, false, arrival);
            let lines = tap.take();
            (now.since(lines[0].from) as f64 / 1e6).round()
        };
        assert_eq!(from(&format!("{{\"timestamp\": {old:?}, \"m\": \"x\"}}")), 3.0);
        assert_eq!(from(&format!("[{old}] x")), 3.0);
        assert_eq!(from(&format!("{old} x")), 3.0);
        assert_eq!(from("x 2026-11-05T09:30:00Z"), 0.0);
        // Older than the process, or not yet: no time of the line.
        assert_eq!(from("2016-11-05T09:30:00Z x"), 0.0);
        assert_eq!(from("2116-11-05T09:30:00Z x"), 0.0);
        assert_eq!(from("{\"timestamp\": 5, \"m\": \"x\"}"), 0.0);
        assert_eq!(from("{x"), 0.0);
    }
}
