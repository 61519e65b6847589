//! Tests of guards: events in, and whether a run is stopped.
//!
//! Not here: looking at services (`lookers`).

use super::*;
use assay_slo::Number;
use assay_slo::case::{Limits, Unit};
use assay_slo::event::{Cell, Edge, Sample};

const ZERO: At = At(5_000_000);

impl Guards {
    /// These, with one metric, when the run has begun.
    pub(super) fn watching(guards: Vec<Guard>) -> Guards {
        let metric = Metric {
            name: "memory".into(),
            reads: "rss of api".into(),
            service: None,
            unit: Unit::Bytes,
            every_us: 1_000_000,
            shown: assay_slo::case::Shown::default(),
            scraped: false,
        };
        let since = vec![None; guards.len()];
        let (metrics, recoveries) = (vec![metric], vec![5_000_000]);
        let mut made = Guards { since, guards, metrics, recoveries, ..Guards::default() };
        made.event(&Entry { at: ZERO, event: Event::Zero { zero: ZERO } });
        made
    }
}

/// A guard that looks at a service.
pub(super) fn probe(name: &str, hold_us: u64) -> Guard {
    let look = crate::plan::guard::HttpLook {
        service: "api".into(),
        path: "/health".into(),
        status: vec![],
    };
    Guard::Probe { name: name.to_owned(), look, hold_us }
}

fn second(guards: &mut Guards, second: i64, bad: u64) {
    let cell = |outcome, n| Cell {
        load: 0,
        request: 0,
        segment: 1,
        straddle: None,
        outcome,
        status: 0,
        second,
        n,
        marks: vec![],
    };
    let cells = vec![cell(Outcome::Ok, 100 - bad), cell(Outcome::Timeout, bad)];
    guards.event(&Entry { at: at(second + 1), event: Event::Cells(cells) });
}

fn at(second: i64) -> At {
    ZERO.plus(second * 1_000_000)
}

fn error_rate(outside_faults: bool) -> Guard {
    let (above, hold_us) = (Share(500_000_000), 5_000_000);
    Guard::ErrorRate { above, hold_us, outside_faults }
}

#[test]
fn many_errors_for_long_enough_stop_a_run_and_no_sooner() {
    let mut made = Guards::watching(vec![error_rate(false)]);
    (0..3).for_each(|s| second(&mut made, s, 0));
    (3..7).for_each(|s| second(&mut made, s, 90));
    assert_eq!(made.stop(at(10)), None, "four seconds of five");
    second(&mut made, 7, 51);
    assert_eq!(made.stop(at(9)), None, "the eighth is not handed over yet");
    let stopped = made.stop(at(11)).unwrap();
    assert_eq!(stopped.guard, "stop-when error-rate");
    assert_eq!(stopped.text, "more than 50% of the requests were not ok for 5 s");
    let mut made = Guards::watching(vec![error_rate(false)]);
    (0..9).for_each(|s| second(&mut made, s, if s == 5 { 50 } else { 100 }));
    assert_eq!(made.stop(at(11)), None, "half is not more than half");
}

#[test]
fn the_default_guard_looks_away_while_a_fault_is_on_or_just_over() {
    let mut made = Guards::watching(vec![error_rate(true)]);
    let edge = |edge, second| Entry {
        at: at(second),
        event: Event::Edge(Edge { fault: 0, edge, at: at(second), effect: None }),
    };
    made.event(&edge(EdgeKind::Applied, 2));
    (0..8).for_each(|s| second(&mut made, s, 100));
    assert_eq!(made.stop(at(10)), None);
    made.event(&edge(EdgeKind::Cleared, 8));
    // Its recovery is over at 13 s.
    (8..17).for_each(|s| second(&mut made, s, 100));
    assert_eq!(made.stop(at(19)), None);
    (17..18).for_each(|s| second(&mut made, s, 100));
    let stopped = made.stop(at(21)).unwrap();
    assert!(stopped.text.ends_with("for 5 s, outside faults"), "{stopped:?}");
    let Guard::ErrorRate { above, hold_us, outside_faults } = Guard::DEFAULT else { panic!() };
    assert_eq!((above, hold_us, outside_faults), (Share(950_000_000), 60_000_000, true));
}

#[test]
fn metrics_and_probes_stop_it_when_every_look_was_bad() {
    let limits = Limits { at_most: Number::new(1024.0), ..Limits::default() };
    let metric = Guard::Metric { metric: 0, limits, hold_us: 2_000_000 };
    let mut made = Guards::watching(vec![metric]);
    let mut read = |second: i64, value: f64| {
        let (asked, answered) = (at(second), at(second).plus(1000));
        let value = Number::new(value).unwrap();
        let sample = Sample { metric: 0, asked, answered, value, counter: false, anew: None };
        made.event(&Entry { at: answered, event: Event::Sample(sample) });
        made.stop(at(second + 1))
    };
    assert_eq!(
        [read(3, 2048.0), read(4, 2048.0), read(5, 1024.0), read(6, 2048.0)],
        [const { None }; 4]
    );
    assert_eq!(read(7, 2048.0), None);
    let stopped = read(8, 4096.0).unwrap();
    assert_eq!(stopped.text, "`memory` was outside its limits for 2 s: 4 KiB");
    let mut made = Guards::watching(vec![probe("guard: x", 2_000_000)]);
    let mut look = |second: i64, ok: bool| {
        let (name, detail) = ("guard: x".to_owned(), "refused".to_owned());
        let asked = Some(at(second));
        made.event(&Entry { at: at(second), event: Event::Probe { name, ok, detail, asked } });
        made.stop(at(second))
    };
    assert_eq!(
        [look(3, false), look(4, true), look(5, false), look(6, false)],
        [const { None }; 4]
    );
    assert_eq!(look(7, false).unwrap().text, "failing for 2 s: refused");
    assert!(look(8, true).is_some(), "what was so for long enough stays so");
}

#[test]
fn a_look_fails_from_when_it_was_asked_and_a_short_one_stops_nothing() {
    let look = |asked: i64, answered: i64, ok: bool| {
        let mut made = Guards::watching(vec![probe("x", 500_000)]);
        let asked = Some(ZERO.plus(asked));
        let event = Event::Probe { name: "x".to_owned(), ok, detail: "late".to_owned(), asked };
        made.event(&Entry { at: ZERO.plus(answered), event });
        made.stop(at(9)).map(|stopped| stopped.text)
    };
    assert_eq!(look(0, 500_000, false).as_deref(), Some("failing for 500 ms: late"));
    assert_eq!(look(0, 499_999, false), None);
    assert_eq!(look(0, 2_000_000, true), None);
}
