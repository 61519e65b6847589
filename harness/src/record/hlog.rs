//! `latency.hlog`: the interval log that HdrHistogram's own tools read.
//!
//! Invariant: flushed after each hand-over, so a killed run leaves whole lines but the last.
//! Not here: what the times mean, and the sums in the journal (`totals`).

use super::health::Lags;
use super::intervals::Interval;
use assay_slo::At;
use assay_slo::case::{Clock, Load};
use chrono::{DateTime, Utc};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Writes an interval log. Each line's tag is
/// `load/request/ok|bad/response|service|first-byte/segment`, or `load/lag`; its times are µs.
pub struct Hlog<W: Write> {
    out: W,
    serializer: V2DeflateSerializer,
    tags: Vec<(String, Vec<String>)>,
}

impl<W: Write> Hlog<W> {
    /// Starts a log. `epoch` is the date of the run's epoch; the loads give tags their names.
    ///
    /// # Errors
    /// What writing said.
    pub fn begin(mut out: W, loads: &[Load], epoch: DateTime<Utc>) -> io::Result<Hlog<W>> {
        let mut serializer = V2DeflateSerializer::new();
        let epoch = SystemTime::from(epoch);
        IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment(
                "times in microseconds; tags are load/request/ok|bad/clock/segment, or load/lag",
            )
            .with_start_time(epoch)
            .with_base_time(epoch)
            .begin_log_with(&mut out, &mut serializer)?;
        let legend = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
                      \"Interval_Compressed_Histogram\"";
        writeln!(out, "{legend}")?;
        out.flush()?;
        let tags = loads
            .iter()
            .map(|load| {
                let requests = load.requests.iter().map(|request| safe(&request.name));
                (safe(&load.name), requests.collect())
            })
            .collect();
        Ok(Hlog { out, serializer, tags })
    }

    /// Writes a line for each interval, and flushes.
    ///
    /// # Errors
    /// What writing said.
    pub fn add(&mut self, intervals: &[Interval]) -> io::Result<()> {
        for interval in intervals {
            let tag = self.tag(interval);
            self.line(&interval.times, interval.from, interval.to, &tag)?;
        }
        self.out.flush()
    }

    /// Writes a line for each load's lags, and flushes.
    ///
    /// # Errors
    /// What writing said.
    pub fn add_lags(&mut self, lags: &[Lags]) -> io::Result<()> {
        for one in lags {
            let load = self.tags.get(one.load).map_or("?", |(load, _)| load);
            let tag = format!("{load}/lag");
            self.line(&one.lags, one.from, one.to, &tag)?;
        }
        self.out.flush()
    }

    fn line(&mut self, times: &Histogram<u32>, from: At, to: At, tag: &str) -> io::Result<()> {
        let lasted = Duration::from_micros(to.0.saturating_sub(from.0));
        // The builder has no more headers to write: this only borrows the file.
        IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.out, &mut self.serializer)?
            .write_histogram(times, Duration::from_micros(from.0), lasted, Tag::new(tag))
            .map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })
    }

    fn tag(&self, interval: &Interval) -> String {
        let series = interval.series;
        let names = self.tags.get(series.load);
        let load = names.map_or("?", |(load, _)| load);
        let request = names.and_then(|(_, requests)| requests.get(series.request));
        let request = request.map_or("?", String::as_str);
        let end = if series.ok { "ok" } else { "bad" };
        let clock = match series.clock {
            Clock::Response => "response",
            Clock::Service | Clock::ServiceSeen => "service",
            Clock::FirstByte | Clock::ServiceFirstByte => "first-byte",
        };
        format!("{load}/{request}/{end}/{clock}/{}", series.segment)
    }
}

/// A name without the characters that end a tag or a part of it.
pub(crate) fn safe(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_whitespace() || c.is_control() || c == ',' { '_' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::intervals::Series;
    use super::*;
    use assay_slo::At;
    use assay_slo::case::Request;
    use base64::Engine as _;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn a_reader_finds_every_interval_with_its_tag_and_counts() {
        let load = Load {
            name: "web, shop".to_owned(),
            kind: assay_slo::case::LoadKind::Open,
            link: None,
            requests: vec![Request { name: "GET /a b".to_owned() }],
            starts_us: 0,
            ends_us: 0,
            planned: 0,
            journeys: false,
            steps: vec![],
            stop_after: vec![],
            traffic: None,
            scarce: None,
        };
        let mut times = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        (1..=1000).for_each(|value| times.saturating_record(value * 1000));
        let series = Series { load: 0, request: 0, segment: 3, ok: false, clock: Clock::Service };
        let interval = Interval { series, from: At(2_000_000), to: At(3_000_000), times };
        let mut file = Vec::new();
        let mut log = Hlog::begin(&mut file, &[load], DateTime::UNIX_EPOCH).unwrap();
        log.add(std::slice::from_ref(&interval)).unwrap();
        log.add(std::slice::from_ref(&interval)).unwrap();
        let text = String::from_utf8(file).unwrap();
        // The crate's reader does not know the Java tools' legend line.
        let text: Vec<_> = text.lines().filter(|line| !line.starts_with('"')).collect();
        let text = text.join("\n") + "\n";
        let mut found = 0;
        for entry in IntervalLogIterator::new(text.as_bytes()) {
            let Ok(LogEntry::Interval(line)) = entry else { continue };
            found += 1;
            assert_eq!(line.tag().unwrap().as_str(), "web__shop/GET_/a_b/bad/service/3");
            assert_eq!(line.start_timestamp(), Duration::from_secs(2));
            assert_eq!(line.duration(), Duration::from_secs(1));
            let bytes =
                base64::engine::general_purpose::STANDARD.decode(line.encoded_histogram()).unwrap();
            let back: hdrhistogram::Histogram<u32> =
                Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            assert_eq!(back, interval.times);
        }
        assert_eq!(found, 2);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut small = [0_u8; 8];
        assert!(Hlog::begin(&mut small[..], &[], DateTime::UNIX_EPOCH).is_err());
    }
}
