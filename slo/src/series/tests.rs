//! Each rule, with runs that it tells apart.

use super::*;
use crate::case::{Ask, Terms};
use crate::event::EndReason;
use crate::outcome::Outcome;
use crate::scorecard::Verdict::{Inconclusive, Met, Violated};
use crate::script::Script;
use crate::time::Share;

fn run(script: Script) -> Run {
    let timeline = script.timeline().unwrap();
    Run { card: crate::judge(&script.case, &timeline), timeline, case: script.case }
}

/// Errors below 0.1 % in 20 s of 100 a second: none is inconclusive, thirty are violated.
fn short(bad: i64) -> Run {
    run(Script::new(20).errors().run(0..20 - bad, 0).run(20 - bad..20, 1).complete())
}

fn long(bad: i64) -> Run {
    run(Script::new(60).errors().run(0..60 - bad, 0).run(60 - bad..60, 1).complete())
}

#[test]
fn all_majority_pooled() {
    let verdict = |runs: &[Run], decide| judge(runs, decide).verdict;
    let (good, bad, open) = (|| long(0), || long(40), || short(0));
    assert_eq!(verdict(&[good(), good(), good()], Decide::All), Met);
    assert_eq!(verdict(&[good(), good(), bad()], Decide::All), Violated);
    assert_eq!(verdict(&[good(), good(), open()], Decide::All), Inconclusive);
    assert_eq!(verdict(&[good(), good(), bad()], Decide::Majority), Met);
    assert_eq!(verdict(&[good(), bad(), bad()], Decide::Majority), Violated);
    assert_eq!(verdict(&[good(), bad()], Decide::Majority), Inconclusive);
    assert_eq!(verdict(&[good(), bad(), open()], Decide::Majority), Inconclusive);
    // Two of 2000 each are undecided, together 4000 clean ones are enough.
    assert_eq!(verdict(&[open(), open()], Decide::All), Inconclusive);
    assert_eq!(verdict(&[open(), open()], Decide::Pooled), Met);
    assert_eq!(verdict(&[good(), good(), bad()], Decide::Pooled), Violated);
    assert_eq!(verdict(&[], Decide::All), Inconclusive);
}

#[test]
fn counts_are_of_the_run_that_the_reason_names_or_pooled() {
    let card = judge(&[long(0), long(40), long(0)], Decide::All);
    let score = &card.objectives[0];
    assert_eq!((score.n, score.k, score.seconds), (6000, 40, 60.0));
    assert_eq!(score.observed, "0.667 % (40 of 6000)");
    assert!(score.lower.is_some_and(|lower| lower > 0.001));
    let reason = "2 met, 1 violated (of 3 runs); run 2: ";
    assert!(score.reason.starts_with(reason), "{}", score.reason);
    assert!(
        card.sentence.starts_with("3 runs, all: errors: 2 met, 1 violated"),
        "{}",
        card.sentence
    );
    let pooled = judge(&[long(0), long(40), long(0)], Decide::Pooled);
    let score = &pooled.objectives[0];
    assert_eq!((score.n, score.k, score.seconds), (18_000, 40, 180.0));
    assert_eq!(score.observed, "0.222 % (40 of 18000)");
    assert!(score.lower.is_some_and(|lower| lower > 0.001));
    let met = judge(&[long(0), long(0)], Decide::Majority);
    assert_eq!(met.sentence, "2 runs, majority: each of 1 held in more than half of the runs");
}

/// One run pooled is that run.
#[test]
fn one_run_is_itself() {
    for one in [long(0), long(40), short(0)] {
        let card = judge(std::slice::from_ref(&one), Decide::Pooled);
        let (pooled, own) = (&card.objectives[0], &one.card.objectives[0]);
        assert_eq!((pooled.verdict, pooled.n, pooled.k), (own.verdict, own.n, own.k));
        assert_eq!((pooled.lower, pooled.upper), (own.lower, own.upper));
        assert_eq!((&pooled.reason, &pooled.missing), (&own.reason, &own.missing));
    }
}

#[test]
fn a_doubt_of_one_run_is_one_of_all() {
    let cut = run(Script::new(60).errors().run(0..60, 0).end(EndReason::CouldNotRun));
    let late = Script::new(60).errors().run(0..60, 0);
    let cell = late.cell(3, Outcome::NotSent, 500);
    let short = run(late.add(cell).complete());
    for doubtful in [cut, short] {
        let card = judge(&[long(0), doubtful, long(0)], Decide::Pooled);
        assert_eq!(card.verdict, Inconclusive);
        assert!(card.objectives[0].reason.starts_with("run 2: "), "{}", card.objectives[0].reason);
    }
}

/// No window, and no two bad slices in a row, reach from one run into the next.
#[test]
fn windows_are_those_of_runs() {
    let windowed = |bad: std::ops::Range<i64>| {
        let mut script = Script::new(65).errors();
        script.case.objectives[0].terms = Terms { window_s: Some(30), ..Terms::default() };
        script.case.objectives[0].ask = Ask::ErrorRate { below: Share(10_000_000) };
        let script = script.run(0..bad.start, 0).run(bad.clone(), 2).run(bad.end..65, 0);
        run(script.complete())
    };
    // 5 s at the end of one and at the start of the next: 10 each, 20 of 1000 in one window would
    // break the limit.
    let card = judge(&[windowed(60..65), windowed(0..5)], Decide::Pooled);
    assert_eq!(card.objectives[0].verdict, Met, "{}", card.objectives[0].reason);
    let ask = Ask::Availability {
        at_least: Share(990_000_000),
        slice_s: 1,
        slice_target: Share(950_000_000),
        slice_least: 5,
    };
    let sliced = |bad: i64| {
        let script = Script::new(60).objective("up", ask.clone());
        let script = script.run(0..bad, 0).run(bad..bad + 1, 50).run(bad + 1..60, 0);
        run(script.complete())
    };
    let card = judge(&[sliced(59), sliced(0)], Decide::Pooled);
    assert_eq!(card.objectives[0].verdict, Inconclusive, "{}", card.objectives[0].reason);
    assert_eq!(card.objectives[0].during, "steady, after");
}
