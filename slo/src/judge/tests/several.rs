//! Several requests or loads in one question: what is dead is not hidden by what is well, and what has
//! nothing to do with it excuses nothing.

use super::*;
use crate::case::{Load, Must, Of};
use crate::script::LIST;
use crate::script::fleet::fault_end;

/// 100 requests a second of each of two kinds; from second 20 on so many of the second kind fail.
fn two_kinds(mut script: Script, bad: u64) -> Script {
    script.case.objectives[0].of = vec![LIST, PAY];
    for second in 0..60 {
        script = script.run(second..second + 1, 0);
        let failed = if second < 20 { 0 } else { bad };
        for (outcome, n) in [(Outcome::Ok, 100 - failed), (Outcome::Http5xx, failed)] {
            let cell = Cell { request: 1, ..script.cell(second, outcome, n) };
            script = if n > 0 { script.add(cell) } else { script };
        }
    }
    script.complete()
}

#[test]
fn a_request_that_stays_dead_is_not_pooled_away() {
    let judged = |must: Option<Must>, per_request: bool, bad: u64| {
        let below = Share(400_000_000);
        let script = Script::new(60).objective("errors", Ask::ErrorRate { below });
        let script = match must {
            Some(must) => script.expect(must),
            None => script.recovers(10),
        };
        let mut script = script.fault(20_000..30_000, hit(1000));
        script.case.objectives[0].per_request = per_request;
        script.case.objectives[0].of = vec![LIST, PAY];
        two_kinds(script, bad).expectation()
    };
    let kept = || {
        let during = vec![During::Named(0)];
        Some(Must::Unaffected { of: vec![LIST, PAY], during, keeps: vec![0] })
    };
    for must in [None, kept()] {
        let judged = |per_request, bad| judged(must.clone(), per_request, bad);
        // A third of all: less than 40 % of both together.
        assert_eq!(judged(false, 66).verdict, Met);
        let dead = judged(true, 66);
        assert_eq!(dead.verdict, Violated, "{dead:?}");
        assert!(dead.reason.starts_with("errors (pay): "), "{}", dead.reason);
        assert_eq!(judged(true, 0).verdict, Met);
    }
}

/// A second load that sends so many a second from second `from` on.
fn beside(mut script: Script, from: i64, n: u64, outcome: Outcome) -> Script {
    let first = script.case.loads[0].clone();
    let starts_us = from.unsigned_abs() * 1_000_000;
    script.case.loads.push(Load {
        name: "bulk".to_owned(),
        link: None,
        starts_us,
        planned: 0,
        ..first
    });
    for second in from..60 {
        let cell = Cell { load: 1, ..script.cell(second, outcome, n) };
        script = script.add(cell);
    }
    script
}

#[test]
fn a_load_that_has_nothing_to_do_with_it_excuses_no_herd() {
    let herd = Must::Herd {
        link: "api".to_owned(),
        peak_milli: 1500,
        after: fault_end(),
        within_us: 10_000_000,
    };
    let run = |bulk: Option<i64>, calls: u64| {
        let mut script = Script::new(60).expect(herd.clone()).fault(20_000..30_000, hit(1000));
        script = script.run(0..60, 0);
        if let Some(from) = bulk {
            script = beside(script, from, 2000, Outcome::Ok);
        }
        script.arrivals(0..30, 100).arrivals(30..60, calls).complete().expectation()
    };
    assert_eq!(run(None, 445).verdict, Violated);
    // It may have led to them, or not.
    let mixed = run(Some(30), 445);
    assert_eq!(mixed.verdict, Inconclusive, "{mixed:?}");
    assert!(mixed.reason.contains("nobody knows which"), "{}", mixed.reason);
    // As many as in steady it sends all the time.
    assert_eq!(run(Some(0), 445).verdict, Violated);
    assert_eq!(run(Some(30), 110).verdict, Met);
}

#[test]
fn a_load_that_did_not_send_before_is_no_goodput() {
    let of = vec![LIST, PAY, Of { load: 1, request: 0 }];
    let at_least = Share(950_000_000);
    let must = Must::Goodput { of, at_least, after: fault_end(), within_us: 10_000_000 };
    let run = |bad: u64| {
        let script = Script::new(60).expect(must.clone()).fault(20_000..30_000, hit(1000));
        let script = script.run(0..20, 0).run(20..30, 100).run(30..60, bad);
        beside(script, 30, 2000, Outcome::Ok).complete().expectation()
    };
    assert_eq!(run(100).verdict, Violated);
    assert_eq!(run(0).verdict, Met);
}
