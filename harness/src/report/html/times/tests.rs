//! The log is read as it was written, and however it is damaged.
//!
//! Not here: the format (hdrhistogram's own reader).

use super::*;
use crate::record::Hlog;
use assay_slo::case::{Load, LoadKind, Request};
use chrono::DateTime;

fn case() -> Case {
    let load = |name: &str, request: &str| Load {
        name: name.to_owned(),
        kind: LoadKind::Open,
        link: None,
        requests: vec![Request { name: request.to_owned() }],
        starts_us: 0,
        ends_us: 0,
        planned: 0,
        journeys: false,
        steps: vec![],
        stop_after: vec![],
        traffic: None,
        scarce: None,
    };
    Case { loads: vec![load("a b", "GET /x/y"), load("a_b/c", "d")], ..Case::default() }
}

fn interval_of(load: usize, second: u64, ok: bool, us: u64) -> Interval {
    let mut times = Histogram::new_with_bounds(1, intervals::GREATEST_US, 3).unwrap();
    (1..=100).for_each(|step| times.saturating_record(us * step / 100));
    let series = intervals::Series { load, request: 0, segment: 1, ok, clock: Clock::Response };
    let from = At(5_000_000 + second * 1_000_000 + 30_000);
    Interval { series, from, to: from.plus(1_000_000), times }
}

fn log(intervals: &[Interval]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut log = Hlog::begin(&mut file, &case().loads, DateTime::UNIX_EPOCH).unwrap();
    log.add(intervals).unwrap();
    file
}

fn whole() -> Vec<u8> {
    log(&[
        interval_of(0, 0, true, 10_000),
        interval_of(0, 0, false, 900_000),
        interval_of(1, 0, true, 20_000),
        interval_of(0, 1, true, 10_000),
        interval_of(0, 1, true, 40_000),
    ])
}

#[test]
fn percentiles_by_load_and_second() {
    let times = read(&whole()[..], &case(), At(5_000_000));
    assert_eq!(times.problem, None);
    let of = |load, second| times.by_second[&(load, Clock::Response, second)];
    assert_eq!(times.by_second.len(), 3);
    assert!((5_000..=5_003).contains(&of(0, 0).p50));
    assert!((9_900..=9_910).contains(&of(0, 0).p99));
    assert!((19_000..=19_020).contains(&of(1, 0).p95));
    assert!((39_000..=39_300).contains(&of(0, 1).p99));
}

#[test]
fn a_log_cut_or_damaged_anywhere_is_read_up_to_there() {
    let bytes = whole();
    let all = read(&bytes[..], &case(), At(5_000_000)).by_second;
    for end in (0..bytes.len()).step_by(7) {
        let times = read(&bytes[..end], &case(), At(5_000_000));
        assert!(times.by_second.keys().all(|key| all.contains_key(key)));
        let torn = end > 0 && bytes[end - 1] != b'\n';
        assert_eq!(times.problem.is_some(), torn, "{end}");
        let mut flipped = bytes.clone();
        flipped[end] ^= 0x15;
        _ = read(&flipped[..], &case(), At(5_000_000));
    }
}

#[test]
fn a_second_long_past_is_told() {
    let mut late: Vec<_> = (0..200).map(|second| interval_of(0, second, true, 1_000)).collect();
    late.push(interval_of(0, 3, true, 1_000));
    let times = read(&log(&late)[..], &case(), At(5_000_000));
    assert_eq!(times.by_second.len(), 200);
    assert!(times.problem.unwrap().contains("out of order"));
}
