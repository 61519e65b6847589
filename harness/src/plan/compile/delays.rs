//! Distributions of delays: their numbers checked, recorded ones read from their file.
//!
//! Invariant: whatever a file holds, it makes a distribution or one problem that names it.
//! Not here: drawing delays (`fault`), finding and bounding files (`data`).

use super::data;
use super::notes::Notes;
use crate::plan::text::literal;
use crate::plan::{Delay, Recorded};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{self, Lognormal, Pareto};
use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry, LogIteratorError};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the tag of a line of `latency.hlog` has in it that counts: answers that were ok, timed
/// from the first byte written, as the delay of a dependency is.
const OWN_TAG: &str = "/ok/service/";

pub(super) fn compile(
    add: &types::Delay,
    trail: &Trail,
    folder: &Path,
    notes: &mut Notes<'_>,
) -> Delay {
    let (delay, greatest, trail) = match add {
        types::Delay::Fixed(by) => (Delay::Fixed { us: by.us }, by.us, trail.key("fixed")),
        types::Delay::Uniform(span) => {
            let (min_us, max_us) = (span.min_us, span.max_us);
            (Delay::Uniform { min_us, max_us }, max_us, trail.key("uniform"))
        }
        types::Delay::Normal(bell) => {
            let (mean_us, sd_us) = (bell.mean.us, bell.sd.us);
            (Delay::Normal { mean_us, sd_us }, mean_us, trail.key("normal").key("mean"))
        }
        types::Delay::Lognormal(Lognormal { p50, p99 }) => {
            let trail = trail.key("lognormal");
            check_tail(("p50", *p50), *p99, &trail, notes);
            (Delay::Lognormal { p50_us: p50.us, p99_us: p99.us }, p50.us, trail.key("p50"))
        }
        types::Delay::Pareto(Pareto { min, p99 }) => {
            let trail = trail.key("pareto");
            check_tail(("min", *min), *p99, &trail, notes);
            (Delay::Pareto { min_us: min.us, p99_us: p99.us }, min.us, trail.key("min"))
        }
        types::Delay::Recorded(file) => {
            let trail = trail.key("recorded");
            match recorded(&literal(file), folder) {
                Ok(recorded) => {
                    let longest = recorded.nth(recorded.total());
                    (Delay::Recorded(Arc::new(recorded)), longest, trail)
                }
                Err((message, help)) => {
                    notes.value(&trail, message, help);
                    return Delay::Fixed { us: 1 };
                }
            }
        }
    };
    if greatest == 0 {
        notes.value(&trail, "a delay of 0s delays nothing".to_owned(), "write one such as 200ms");
    }
    delay
}

/// A tail needs room between where it starts and its 99th percentile.
fn check_tail(from: (&str, Duration), p99: Duration, trail: &Trail, notes: &mut Notes<'_>) {
    let (key, from) = from;
    if p99 <= from && from.us > 0 {
        let message = format!("a p99 of {p99} is not above the {key} of {from}");
        let help = format!("write one above {from}, or `fixed: {from}` for no spread at all");
        notes.value(&trail.key("p99"), message, help);
    }
}

/// Reads an interval log; its times are µs.
fn recorded(file: &str, folder: &Path) -> Result<Recorded, (String, &'static str)> {
    let path = folder.join(file);
    let shown = path.display();
    let bytes = data::read(&path, data::LONGEST).map_err(|why| {
        let help = "the path is relative to the scenario's folder";
        (format!("cannot read `{shown}`: {why}"), help)
    })?;
    let help = "name an interval log of HdrHistogram, such as a run's latency.hlog";
    // The crate's reader does not know the legend line of the Java tools: a comment in its place.
    let text = String::from_utf8(bytes).map_err(|_| (format!("{shown} is not text"), help))?;
    let line =
        |line: &str| if line.starts_with('"') { "#\n".to_owned() } else { format!("{line}\n") };
    let text: String = text.lines().map(line).collect();
    let mut counted = BTreeMap::new();
    let mut others = 0;
    for entry in IntervalLogIterator::new(text.as_bytes()) {
        let wrong = |why: String| (format!("{shown} is no interval log: {why}"), help);
        let line = match entry.map_err(|LogIteratorError::ParseError { offset }| {
            let before = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
            wrong(format!("line {} is none of one", before + 1))
        })? {
            LogEntry::Interval(line) => line,
            _ => continue,
        };
        if line.tag().is_some_and(|tag| !tag.as_str().contains(OWN_TAG)) {
            others += 1;
            continue;
        }
        let encoded = base64::engine::general_purpose::STANDARD.decode(line.encoded_histogram());
        let encoded = encoded.map_err(|error| wrong(error.to_string()))?;
        let times: Result<Histogram<u64>, _> = Deserializer::new().deserialize(&mut &encoded[..]);
        let times = times.map_err(|error| wrong(format!("{error:?}")))?;
        for step in times.iter_recorded() {
            let us = times.median_equivalent(step.value_iterated_to());
            let n: &mut u64 = counted.entry(us).or_default();
            *n = n.saturating_add(step.count_at_value());
        }
    }
    Recorded::new(file, &counted).ok_or_else(|| match others {
        0 => (format!("{shown} has no recorded times"), help),
        _ => {
            let help = "write one with lines without tags, or a run's latency.hlog";
            (format!("no line of {shown} has service times of answers that were ok"), help)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::V2DeflateSerializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

    /// A log with one line for each of these tags, of these times in µs.
    fn log(lines: &[(Option<&'static str>, &[u64])]) -> Vec<u8> {
        let (mut out, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
        let mut log =
            IntervalLogWriterBuilder::new().begin_log_with(&mut out, &mut serializer).unwrap();
        for (tag, times) in lines {
            let mut histogram: Histogram<u64> = Histogram::new(3).unwrap();
            times.iter().for_each(|us| histogram.record(*us).unwrap());
            let zero = std::time::Duration::ZERO;
            log.write_histogram(&histogram, zero, zero, tag.and_then(Tag::new)).unwrap();
        }
        out
    }

    fn read(bytes: &[u8]) -> Result<Recorded, (String, &'static str)> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("fx.hlog"), bytes).unwrap();
        recorded("fx.hlog", folder.path())
    }

    #[test]
    fn lines_add_up_and_of_our_own_only_service_times_of_ok_answers_count() {
        let plain = read(&log(&[(None, &[100, 100, 900]), (None, &[900, 5000])])).unwrap();
        let counted = BTreeMap::from([(100, 2), (900, 2), (5002, 1)]);
        assert_eq!(plain, Recorded::new("fx.hlog", &counted).unwrap());
        let mut own = b"\"StartTimestamp\",\"Interval_Length\"\n".to_vec();
        own.extend(log(&[
            (Some("web/GET_//ok/service/0"), &[100, 900]),
            (Some("web/GET_//ok/response/0"), &[7]),
            (Some("web/GET_//bad/service/0"), &[8]),
            (Some("web/lag"), &[9]),
        ]));
        let counted = BTreeMap::from([(100, 1), (900, 1)]);
        assert_eq!(read(&own).unwrap(), Recorded::new("fx.hlog", &counted).unwrap());
    }

    #[test]
    fn what_is_no_log_of_times_is_refused() {
        let why = |bytes: &[u8]| read(bytes).unwrap_err().0;
        assert!(why(b"").ends_with("fx.hlog has no recorded times"));
        assert!(why(b"#x\nemail,name\n").contains("is no interval log: line 2 is none of one"));
        assert!(why(&[0xff, 0xfe]).ends_with("is not text"));
        assert!(why(&log(&[(Some("web/lag"), &[9])])).contains("answers that were ok"));
        let broken = String::from_utf8(log(&[(None, &[1])])).unwrap().replace("HIST", "HISX");
        assert!(
            why(broken.as_bytes()).contains("is no interval log"),
            "{}",
            why(broken.as_bytes())
        );
        let missing = recorded("fx.hlog", Path::new("/nowhere")).unwrap_err().0;
        assert!(missing.starts_with("cannot read `/nowhere/fx.hlog`"), "{missing}");
    }
}
