//! Latency to the first byte of answers.

use super::*;
use crate::case::Mark;
use crate::outcome::Outcome;
use crate::scorecard::ObjectiveScore;
use crate::script::{LATE, MARKS};

/// The marks of the limit, behind those of all scripts: of 500 ms from due, and from begun.
const FIRST: usize = MARKS;
const SERVICE_FIRST: usize = MARKS + 1;

/// P95 to the first byte below 500 ms.
fn script() -> Script {
    let (us, clock) = (500_000, Clock::FirstByte);
    let (percentile, mark, service_mark) = (Share(950_000_000), FIRST, SERVICE_FIRST);
    let ask = Ask::Latency { percentile, below_us: us, clock, mark, service_mark };
    let mut script = Script::new(20).objective("first", ask);
    script.case.marks.extend([clock, clock.begun()].map(|clock| Mark::Below { clock, us }));
    script
}

/// 100 requests a second that end ok, but slowly: so many had their first byte in time, so many
/// by the service clock, so many began late.
fn judged(first: u64, service: u64, late: u64) -> ObjectiveScore {
    let mut script = script();
    for second in 0..20 {
        let mut cell = script.cell(second, Outcome::Ok, 100);
        cell.marks.fill(0);
        cell.marks[LATE] = late;
        cell.marks.extend([first, service]);
        script = script.add(cell);
    }
    script.complete().first()
}

#[test]
fn only_the_first_byte_decides() {
    assert_eq!(judged(100, 100, 0).verdict, Met);
    assert_eq!(judged(80, 80, 0).verdict, Violated);
    assert_eq!(judged(100, 100, 0).asks, "P95 < 500 ms to the first byte");
}

#[test]
fn of_an_ill_generator_only_what_the_service_took_violates() {
    assert_eq!(judged(80, 100, 50).verdict, Inconclusive);
    assert_eq!(judged(80, 80, 50).verdict, Violated);
    assert_eq!(judged(100, 100, 50).verdict, Inconclusive);
}

#[test]
fn failures_need_no_first_byte_but_what_was_ok_had_one() {
    let run = |ok_timed: u64, bad_timed: u64| {
        let mut script = script();
        for (outcome, n) in [(Outcome::Ok, 1_990), (Outcome::Timeout, 10)] {
            let mut cell = script.cell(1, outcome, n);
            let fast = if outcome == Outcome::Ok { n } else { 0 };
            cell.marks.extend([fast, fast]);
            script = script.add(cell);
        }
        for (ok, n) in [(true, ok_timed), (false, bad_timed)] {
            let (clock, segment, buckets) = (Clock::FirstByte, 1, vec![(1_000, 1_000, n)]);
            let histogram = Histogram { load: 0, request: 0, ok, clock, segment, buckets };
            script.push(At(26_000_000), Event::Histogram(histogram));
        }
        let card = script.complete().judge();
        card.findings.iter().any(|text| text.starts_with("assay disagrees with itself"))
    };
    assert!(!run(1_990, 0));
    assert!(run(1_989, 0) && run(1_991, 0) && run(1_990, 11));
}

/// A journal whose limit is counted on another clock is no journal of ours.
#[test]
fn marks_are_of_its_own_clock() {
    for wrong in [Clock::Response, Clock::Service] {
        for at in [FIRST, SERVICE_FIRST] {
            let mut script = script();
            script.case.marks[at] = Mark::Below { clock: wrong, us: 500_000 };
            assert!(script.timeline().is_err(), "{wrong:?} at {at}");
        }
    }
}
