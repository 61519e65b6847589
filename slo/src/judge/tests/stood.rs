//! A generator that stood still blames nobody, and nobody is cleared by it.

use super::*;
use crate::case::LoadKind::{self, Open, Users};
use crate::script::{FAST, FAST_SERVICE, LATE};

/// It stood still for so long from 10 s on, told by two threads that overlap.
pub(super) fn stood(mut script: Script, kind: LoadKind, ms: i64) -> Script {
    script.driven_by(kind);
    if kind == Users {
        script.case.loads[0].planned = 0;
    }
    let at = |ms: i64| ZERO.plus(10_000_000 + ms * 1_000);
    for (from, to) in [(0, ms * 3 / 4), (ms / 4, ms)] {
        let health = Health {
            due: if kind == Open { 2_000 } else { 0 },
            stood: if ms > 0 { vec![(at(from), at(to))] } else { Vec::new() },
            ..punctual(2_000)
        };
        script.push(At(46_000_000), Event::Health(health));
    }
    script
}

/// 40 s, of which so many in a hundred took too long by the response clock, and by the service clock.
fn took(slow: u64, service: u64, late: u64) -> Script {
    (0..40).fold(Script::new(40).fast(), |script, second| {
        let mut cell = script.cell(second, Outcome::Ok, 100);
        (cell.marks[FAST], cell.marks[FAST_SERVICE]) = (100 - slow, 100 - service);
        cell.marks[LATE] = late;
        script.add(cell)
    })
}

#[test]
fn what_only_we_have_delayed_violates_nothing() {
    let first = |script: Script, kind, ms| stood(script, kind, ms).complete().first();
    for kind in [Open, Users] {
        let one = first(took(20, 0, 0), kind, 1_000);
        assert_eq!(one.verdict, Inconclusive, "{one:?}");
        let reason = "the generator of load `visitors` stood still for 1 s, and without that the service \
                      kept to it";
        assert_eq!(one.reason, reason);
        assert!(one.missing.unwrap().starts_with("a run in which nothing stops the generator"));
        // Slow by its own clock, whatever we did.
        assert_eq!(first(took(20, 20, 0), kind, 1_000).verdict, Violated);
        assert_eq!(first(took(20, 20, 0), kind, 0).verdict, Violated);
        // What we waited for is no service's time, but nothing is met by it.
        assert_ne!(first(took(5, 0, 0), kind, 1_000).verdict, Met);
        assert_eq!(first(took(0, 0, 0), kind, 1_000).verdict, Met);
    }
    // Of what was never still the clocks mean what they always did.
    assert_eq!(first(took(20, 0, 0), Open, 0).verdict, Violated);
    assert_eq!(first(took(20, 0, 0), Users, 0).verdict, Met);
    let late = first(took(20, 0, 20), Open, 4_000);
    assert!(late.reason.starts_with("the generator was late: 20 %"), "{}", late.reason);
}

#[test]
fn a_closed_load_that_stood_still_for_a_twentieth_of_its_time_meets_nothing() {
    let judged = |kind, ms| stood(took(0, 0, 0), kind, ms).complete().judge();
    let ill = judged(Users, 2_100);
    let score = &ill.objectives[0];
    assert_eq!(score.verdict, Inconclusive);
    let reason = "the generator stood still for 2.1 s of the 40 s of load `visitors` (5 % is allowed): \
                  what its users would have met then nobody knows";
    assert_eq!(score.reason, reason);
    assert!(!ill.health.well && ill.health.sentence.contains(reason), "{}", ill.health.sentence);
    let told = "load `visitors`: the generator stood still for 2.1 s of 40 s (SIGSTOP, a debugger, or a \
                pause of its machine); that is left out of the service clock, and counts for no timeout";
    assert!(ill.findings.contains(&told.to_owned()), "{:?}", ill.findings);
    // Less than that is told, and a moment is not.
    let less = judged(Users, 1_900);
    assert_eq!(less.objectives[0].verdict, Met);
    assert!(less.findings.iter().any(|text| text.contains("stood still for 1.9 s")));
    assert!(judged(Users, 90).findings.is_empty());
    // Arrivals at a rate were late, each counted: they say enough.
    assert_eq!(judged(Open, 2_100).objectives[0].verdict, Met);
}

#[test]
fn a_rate_that_a_closed_load_did_not_reach_while_it_stood_still_is_open() {
    let ask = || Ask::Throughput { at_least: crate::case::Pace::Rate(6_600_000) };
    let run = |ms| stood(Script::new(40).objective("many", ask()).run(0..40, 0), Users, ms);
    assert_eq!(run(0).complete().first().verdict, Violated);
    assert_eq!(run(20_000).complete().first().verdict, Inconclusive);
}

#[test]
fn old_journals_know_nothing_of_it() {
    let health = stood(Script::new(1), Open, 0).entries.pop().unwrap();
    let text = serde_json::to_string(&health).unwrap();
    assert!(!text.contains("stood"), "{text}");
    assert_eq!(serde_json::from_str::<crate::Entry>(&text).unwrap(), health);
    let still = stood(Script::new(1), Open, 100).entries.pop().unwrap();
    let text = serde_json::to_string(&still).unwrap();
    assert!(text.contains(r#""stood":[[15025000,15100000]]"#), "{text}");
    // Backwards it cannot have been.
    let mut script = stood(Script::new(20), Users, 100);
    if let Event::Health(health) = &mut script.entries.last_mut().unwrap().event {
        health.stood = vec![(At(20_000_000), At(19_000_000))];
    }
    assert!(script.timeline().is_err());
}
