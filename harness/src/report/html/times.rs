//! Percentiles of each second, from `latency.hlog`.
//!
//! Invariant: a log that is missing, torn or damaged costs curves, never the page; what could not
//! be read is said.
//! Not here: verdicts, which never use these times; writing the log (`record::hlog`).

use super::series::Series;
use crate::record::hlog::safe;
use crate::record::{Interval, Totals, intervals};
use assay_slo::case::{Case, Clock};
use assay_slo::{At, Share};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use std::collections::BTreeMap;
use std::io::BufRead;

/// So many seconds are collected at once; a line of an older one comes too late.
const OPEN_SECONDS: usize = 60;

/// The longest line that can be ours: a histogram of all its buckets is far smaller.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// Percentiles in µs of what was answered ok in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p95: u64,
    pub(super) p99: u64,
}

/// Percentiles of every second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// By load, clock and second from time 0 in which they were recorded.
    pub(super) by_second: BTreeMap<(usize, Clock, i64), Percentiles>,
    /// What could not be read, in a sentence.
    pub(super) problem: Option<String>,
}

impl Series {
    /// Reads the run's `latency.hlog`. Time 0 must be known: read the journal first.
    pub fn read_times(&mut self, log: impl BufRead) {
        if let (Some(case), Some(zero)) = (&self.case, self.zero) {
            self.times = read(log, case, zero);
        }
    }

    /// Says that there is no log to read.
    pub fn no_times(&mut self, why: &str) {
        self.times.problem = Some(format!("latency.hlog could not be read: {why}"));
    }
}

fn read(mut log: impl BufRead, case: &Case, zero: At) -> Times {
    let names = names(case);
    let mut reading = Reading { times: Times::default(), open: BTreeMap::new(), closed: i64::MIN };
    let mut number = 0_u64;
    let mut line = Vec::new();
    let problem = loop {
        line.clear();
        number += 1;
        let got = std::io::Read::take(&mut log, LONGEST_LINE).read_until(b'\n', &mut line);
        match got {
            Ok(0) => break None,
            Ok(_) if line.last() != Some(&b'\n') => {
                break Some("latency.hlog ends in the middle of a line".to_owned());
            }
            Ok(_) => {}
            Err(error) => break Some(format!("latency.hlog could not be read: {error}")),
        }
        match interval(&line, &names) {
            Ok(None) => {}
            Ok(Some(interval)) => {
                let middle = interval.from.0.saturating_add(interval.to.0) / 2;
                if !reading.add(At(middle).second(zero), interval) {
                    break Some(format!("latency.hlog:{number}: out of order"));
                }
            }
            Err(what) => break Some(format!("latency.hlog:{number}: {what}")),
        }
    };
    reading.close_down_to(0);
    reading.times.problem = problem.map(|what| format!("{what}; what comes after it is not drawn"));
    reading.times
}

struct Reading {
    times: Times,
    open: BTreeMap<i64, Totals>,
    /// The last second that was closed.
    closed: i64,
}

impl Reading {
    /// Adds an interval to its second; not if that was closed already.
    fn add(&mut self, second: i64, interval: Interval) -> bool {
        if second < 0 {
            return true;
        }
        if second <= self.closed {
            return false;
        }
        self.open.entry(second).or_default().add(&[interval]);
        self.close_down_to(OPEN_SECONDS);
        true
    }

    fn close_down_to(&mut self, most: usize) {
        while self.open.len() > most
            && let Some((second, mut totals)) = self.open.pop_first()
        {
            self.closed = second;
            for recent in totals.take_recent() {
                let percentiles =
                    Percentiles { p50: recent.p50_us, p95: recent.p95_us, p99: recent.p99_us };
                self.times.by_second.insert((recent.load, recent.clock, second), percentiles);
            }
        }
    }
}

/// Load by `load/request` as tags write it.
fn names(case: &Case) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for (load, described) in case.loads.iter().enumerate() {
        for request in &described.requests {
            let name = format!("{}/{}", safe(&described.name), safe(&request.name));
            names.entry(name).or_insert(load);
        }
    }
    names
}

/// The interval on a line, if it is one that is drawn: ok, of a known load.
fn interval(line: &[u8], names: &BTreeMap<String, usize>) -> Result<Option<Interval>, String> {
    let entry = match IntervalLogIterator::new(line).next() {
        None => return Ok(None),
        Some(Err(_)) => return Err("not a line of an interval log".to_owned()),
        Some(Ok(LogEntry::Interval(entry))) => entry,
        Some(Ok(_)) => return Ok(None),
    };
    let tag = entry.tag().map_or("", |tag| tag.as_str());
    let mut parts = tag.rsplitn(4, '/');
    let (_segment, clock, end) = (parts.next(), parts.next(), parts.next());
    let load = parts.next().and_then(|name| names.get(name));
    let clock = match clock {
        Some("response") => Clock::Response,
        Some("service") => Clock::Service,
        _ => return Ok(None),
    };
    let (Some(load), Some("ok")) = (load, end) else { return Ok(None) };
    let bytes = STANDARD.decode(entry.encoded_histogram()).map_err(|error| error.to_string())?;
    let times: Histogram<u32> =
        Deserializer::new().deserialize(&mut &bytes[..]).map_err(|error| error.to_string())?;
    let from = micros(entry.start_timestamp());
    let to = from.saturating_add(micros(entry.duration()));
    let series = intervals::Series { load: *load, request: 0, segment: 0, ok: true, clock };
    Ok(Some(Interval { series, from: At(from), to: At(to), times }))
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The percentile whose limit an objective of this share has, for the table of limits.
pub(super) fn percentile_name(share: Share) -> String {
    format!("P{}", share.to_string().trim_end_matches('%'))
}

#[cfg(test)]
mod tests;
