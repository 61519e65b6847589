//! Scripted logs: lines of service `api`, and that all of its output was read.
//!
//! Not here: the rules under test.

use super::{Script, ZERO};
use crate::case::{During, Log, LogMust, Must};
use crate::event::{Event, Lines, LogRead};

/// Asks so many lines of log 0.
pub(crate) fn asks(at_least: Option<u64>, at_most: Option<u64>, during: During) -> Must {
    Must::Log(LogMust { log: 0, at_least, at_most, during: vec![during] })
}

impl Script {
    /// One more log of service `api`.
    pub(crate) fn log(mut self, pattern: &str) -> Script {
        let (service, pattern) = ("api".to_owned(), pattern.to_owned());
        self.case.logs.push(Log { service, pattern, slack_us: 0 });
        self
    }

    /// A line of this log, written and read at these instants, ms after time 0.
    pub(crate) fn line(self, log: usize, written_ms: i64, read_ms: i64) -> Script {
        self.lines(log, written_ms, read_ms, (1, 0))
    }

    /// So many lines, and so many too long to be read whole.
    pub(crate) fn lines(
        mut self,
        log: usize,
        written_ms: i64,
        read_ms: i64,
        (n, unsure): (u64, u64),
    ) -> Script {
        let (from, to) = (ZERO.plus(written_ms * 1_000), ZERO.plus(read_ms * 1_000));
        let text = "breaker open".to_owned();
        self.push(to, Event::Lines(Lines { log, from, to, n, unsure, text }));
        self
    }

    /// All logs were read to their end, which is so many seconds after time 0.
    pub(crate) fn logs_read(mut self, second: i64, lines: u64) -> Script {
        let until = ZERO.plus(second * 1_000_000);
        for log in 0..self.case.logs.len() {
            self.push(until, Event::LogRead(LogRead { log, until, lines }));
        }
        self
    }
}
