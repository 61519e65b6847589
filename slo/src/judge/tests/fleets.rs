//! Ledgers, backlogs, goodput, amplification and herds, each with the twin that must fail; loads
//! without a timetable, and killed processes.
//! Not here: breakers (`breakers`).

use super::*;
use crate::case::{Bound, LoadKind, Must, Shows};
use crate::event::{Effect, Ledger, Store};
use crate::script::fleet::{fault_end, fault_start};
use crate::script::{LIST, PERMILLE};

fn account(generated: u64, lost: u64, duplicated: u64) -> Ledger {
    let store = Store {
        found: generated - lost,
        lost,
        lost_acknowledged: lost,
        duplicated: Some(duplicated),
        unexpected: 0,
        out_of_order: None,
    };
    Ledger {
        generated,
        acknowledged: generated,
        store: Some(store),
        age_max_us: 13_000_000,
        first_lost: vec!["truck-7, sample 99".to_owned()],
        ..Ledger::default()
    }
}

fn bounds() -> Must {
    Must::Ledger {
        fleet: 0,
        lost: Some(Bound::Count(0)),
        duplicated: Some(Bound::Share(PERMILLE)),
        unexpected: Some(Bound::Count(0)),
        out_of_order: None,
        age_us: Some(60_000_000),
    }
}

fn ledger(ledger: Ledger, must: Must) -> Script {
    Script::new(40).fleet().expect(must).run(0..40, 0).ledger(ledger)
}

#[test]
fn nothing_is_lost() {
    let judged = |account| ledger(account, bounds()).complete().expectation();
    let met = judged(account(10_000, 0, 10));
    assert_eq!(met.verdict, Met, "{met:?}");
    // One sample in a thousand.
    let lost = judged(account(10_000, 10, 0));
    assert_eq!(lost.verdict, Violated);
    assert_eq!(lost.reason, "10 of 10000 lost (0 allowed); the first lost: truck-7, sample 99");
    assert_eq!(judged(account(10_000, 0, 11)).verdict, Violated);
    let unexpected = |ledger: &mut Ledger| ledger.store.as_mut().unwrap().unexpected = 1;
    let old = |ledger: &mut Ledger| ledger.age_max_us = 60_000_001;
    let bad: [&dyn Fn(&mut Ledger); 2] = [&unexpected, &old];
    for bad in bad {
        let mut ledger = account(10_000, 0, 0);
        bad(&mut ledger);
        assert_eq!(judged(ledger.clone()).verdict, Violated, "{ledger:?}");
    }
}

#[test]
fn an_account_that_is_not_known() {
    let judged = |account| ledger(account, bounds()).complete().expectation();
    let unread = |ledger: &mut Ledger| {
        ledger.store = None;
        ledger.problem = Some("the store answered 500".to_owned());
    };
    let partly = |ledger: &mut Ledger| ledger.problem = Some("page 3 was cut".to_owned());
    let blind = |ledger: &mut Ledger| ledger.store.as_mut().unwrap().duplicated = None;
    let wrong = |ledger: &mut Ledger| ledger.store.as_mut().unwrap().found -= 1;
    let waiting = |ledger: &mut Ledger| ledger.acknowledged -= 1;
    type Change<'a> = &'a dyn Fn(&mut Ledger);
    let doubts: [(Change<'_>, &str); 5] = [
        (&unread, "the store was never read back: the store answered 500"),
        (&partly, "the store was never read back: page 3 was cut"),
        (&blind, "the read-back cannot show what was stored more than once"),
        (&wrong, "the account does not add up: 9999 found and 0 lost of 10000 generated"),
        (&waiting, "1 sample never acknowledged"),
    ];
    for (doubt, reason) in doubts {
        let mut ledger = account(10_000, 0, 0);
        doubt(&mut ledger);
        let score = judged(ledger);
        assert_eq!((score.verdict, score.reason.as_str()), (Inconclusive, reason));
    }
    let none = Script::new(40).fleet().expect(bounds()).run(0..40, 0).complete();
    assert_eq!(none.expectation().verdict, Inconclusive);
    assert_eq!(judged(account(0, 0, 0)).verdict, Inconclusive);
    // Interrupted: what is missing might have come, what is double is there.
    let cut = |account| ledger(account, bounds()).end(EndReason::Interrupted).expectation().verdict;
    assert_eq!((cut(account(1000, 0, 0)), cut(account(1000, 9, 0))), (Inconclusive, Inconclusive));
    assert_eq!(cut(account(1000, 0, 9)), Violated);
    // A fleet that generated too little.
    let mut short = ledger(account(1000, 0, 0), bounds());
    short.case.fleets[0].planned = 1100;
    assert_eq!(short.complete().expectation().verdict, Inconclusive);
    // Two generators' accounts add up.
    let both = ledger(account(1000, 0, 1), bounds()).ledger(account(1000, 0, 1)).complete().judge();
    assert_eq!((both.ledgers[0].generated, both.ledgers[0].duplicated), (Some(2000), Some(2)));
}

fn backlog(after: &[(u64, u64)]) -> Script {
    let must =
        Must::Backlog { fleet: 0, peak: Some(4000), drained: Some((fault_end(), 10_000_000)) };
    let script = Script::new(60).fleet().expect(must).fault(20_000..32_000, hit(1)).run(0..60, 0);
    let during: Vec<(u64, u64)> = (0..12).map(|s| (s * 200, s * 200 + 200)).collect();
    script.backlog(0, &[(0, 60); 20]).backlog(20, &during).backlog(32, after)
}

#[test]
fn a_backlog_drains() {
    let draining = |seconds: u64, to: u64| -> Vec<(u64, u64)> {
        let full = (1..=seconds).map(|s| (2400 - s * 2340 / seconds, 2400)).chain([(to, 60)]);
        let rest = 28usize.saturating_sub(seconds as usize + 1);
        full.chain(std::iter::repeat_n((0, 55), rest)).collect()
    };
    let judged = |rows: &[(u64, u64)]| backlog(rows).complete().expectation();
    let met = judged(&draining(8, 20));
    assert_eq!(met.verdict, Met, "{met:?}");
    assert!(met.observed.contains("drained after"), "{}", met.observed);
    let late = judged(&draining(14, 20));
    assert_eq!(late.verdict, Violated, "{late:?}");
    // In the second before the tenth it was down at 60 at some time.
    let close = judged(&draining(11, 20));
    assert_eq!(close.verdict, Inconclusive, "{close:?}");
    let mut high = draining(8, 20);
    high[0].1 = 4001;
    assert_eq!(judged(&high).verdict, Violated);
    // The run ends before it is known.
    let mut short = backlog(&[(2300, 2400); 5]);
    short.case.loads.iter_mut().for_each(|load| load.ends_us = 37_000_000);
    let short = short.complete().expectation();
    assert_eq!(short.verdict, Inconclusive);
    assert_eq!(short.missing.unwrap(), "needs 7 s more of watching after the moment");
    // A hole hides a peak.
    let mut hole = backlog(&draining(8, 20)).complete();
    hole.entries.retain(
        |entry| !matches!(entry.event, Event::Backlog(b) if (30..34).contains(&b.at.second(ZERO))),
    );
    assert_eq!(hole.expectation().verdict, Inconclusive);
}

/// The interval's width, solved for the mean, and by hand: 1.645² × 4.5 / 0.25 for 90 % after ever
/// so many seconds, more after few.
#[test]
fn goodput_needs_so_many_answers_a_second() {
    let needs = |share, seconds| crate::goodput::needs(Share(share), seconds, 1.0);
    assert_eq!(needs(900_000_000, 1e12), Some(49.0));
    assert_eq!(needs(900_000_000, 5.0), Some(93.0));
    assert_eq!(needs(950_000_000, 10.0), Some(304.0));
    assert_eq!(needs(1_000_000_000, 10.0), None);
}

#[test]
fn goodput_comes_back() {
    let judged = |after: &[u64], seconds: u64| {
        let (of, at_least) = (vec![LIST, PAY], Share(950_000_000));
        let must = Must::Goodput { of, at_least, after: fault_end(), within_us: 10_000_000 };
        let mut script = Script::new(seconds).expect(must).fault(20_000..30_000, hit(1000));
        script = script.run(0..20, 0).run(20..30, 100);
        for second in 30..seconds as i64 {
            let bad = after.get(second as usize - 30).or(after.last()).copied().unwrap_or(0);
            script = script.run(second..second + 1, bad);
        }
        script.complete().expectation()
    };
    let met = judged(&[100, 50, 0], 60);
    assert_eq!(met.verdict, Met, "{met:?}");
    assert_eq!(judged(&[10], 60).verdict, Violated);
    assert_eq!(judged(&[5], 60).verdict, Met);
    let late = judged(&[&[100; 14][..], &[0]].concat(), 60);
    assert_eq!(late.verdict, Violated, "{late:?}");
    let short = judged(&[100, 100, 100], 33);
    assert_eq!(short.verdict, Inconclusive, "{short:?}");
    assert_eq!(short.missing.unwrap(), "needs 13 s more of load after the moment");
}

/// Twice as much is offered after the fault as before.
#[test]
fn goodput_and_herds_are_held_against_what_is_offered() {
    let of = vec![LIST, PAY];
    let at_least = Share(950_000_000);
    let goodput = Must::Goodput { of, at_least, after: fault_end(), within_us: 10_000_000 };
    let herd = Must::Herd {
        link: "api".to_owned(),
        peak_milli: 1500,
        after: fault_end(),
        within_us: 10_000_000,
    };
    let run = |must: &Must, ok: u64, calls: u64| {
        let script = Script::new(60).expect(must.clone()).fault(20_000..30_000, hit(1000));
        let mut script = script.run(0..20, 0).run(20..30, 100);
        for second in 30..60 {
            for (outcome, n) in [(Outcome::Ok, ok), (Outcome::Http5xx, 200 - ok)] {
                let cell = script.cell(second, outcome, n);
                script = script.add(cell);
            }
        }
        let script = script.arrivals(0..20, 100).arrivals(20..30, 100);
        script.arrivals(30..60, calls).complete().expectation()
    };
    assert_eq!(run(&goodput, 200, 200).verdict, Met);
    // As many as before are half of what is asked.
    let half = run(&goodput, 100, 200);
    assert_eq!(
        (half.verdict, half.reason.as_str()),
        (Violated, "not back to 95 % of 200 ok/s within 10 s")
    );
    assert_eq!(run(&herd, 200, 200).verdict, Met);
    let herded = run(&herd, 200, 320);
    assert_eq!(herded.verdict, Violated);
    assert!(herded.reason.contains("1.6x of 200/s"), "{}", herded.reason);
}

/// 100 requests and 100 calls a second, then so many calls while the fault is on, and after.
fn calls(must: Must, during: u64, after: &[u64]) -> Script {
    let mut script = Script::new(60).expect(must).fault(20_000..30_000, hit(1000));
    script = script.run(0..60, 0).arrivals(0..20, 100).arrivals(20..30, during);
    for (second, n) in (30..60).zip(after.iter().chain(std::iter::repeat(&100))) {
        script = script.arrivals(second..second + 1, *n);
    }
    script
}

#[test]
fn calls_are_not_amplified() {
    let must = |window_s| Must::Amplification {
        link: "api".to_owned(),
        per: vec![LIST, PAY],
        at_most_milli: 1500,
        during: vec![During::Named(0), During::Recovery],
        window_s,
    };
    let judged =
        |window, during, after: &[u64]| calls(must(window), during, after).complete().expectation();
    assert_eq!(judged(Some(1), 150, &[]).verdict, Met);
    let storm = judged(Some(1), 300, &[]);
    assert_eq!(storm.verdict, Violated);
    assert!(storm.reason.starts_with("3x in the worst window: 300 calls for 100"), "{storm:?}");
    // One full second does it, unless the whole stretch is the window.
    assert_eq!(judged(Some(1), 100, &[151]).verdict, Violated);
    assert_eq!(judged(None, 100, &[151]).verdict, Met);
    assert_eq!(judged(Some(5), 100, &[151]).verdict, Met);
    // Nothing was counted, or nothing came in steady.
    let unseen = Script::new(60).expect(must(None)).fault(20_000..30_000, hit(1)).run(0..60, 0);
    assert_eq!(unseen.clone().complete().expectation().verdict, Inconclusive);
    let unsteady = unseen.arrivals(20..60, 100).complete().expectation();
    assert_eq!(unsteady.verdict, Inconclusive);
    // A gateway's attempts would hide its retries.
    let mut fleet = calls(must(None), 100, &[]).fleet();
    fleet.case.expectations[0].must = Must::Amplification {
        link: "api".to_owned(),
        per: vec![crate::case::Of { load: 1, request: 0 }],
        at_most_milli: 1500,
        during: vec![During::All],
        window_s: None,
    };
    assert_eq!(fleet.complete().expectation().verdict, Inconclusive);
}

#[test]
fn no_herd() {
    let must = |after, within_us| Must::Herd {
        link: "api".to_owned(),
        peak_milli: 3000,
        after,
        within_us,
    };
    let judged = |after, within_us, calls_after: &[u64]| {
        calls(must(after, within_us), 0, calls_after).complete().expectation()
    };
    assert_eq!(judged(fault_end(), 20_000_000, &[300, 100]).verdict, Met);
    let herd = judged(fault_end(), 20_000_000, &[100, 301]);
    assert_eq!(herd.verdict, Violated, "{herd:?}");
    assert_eq!(judged(fault_end(), 1_000_000, &[100, 301]).verdict, Met);
    let short = judged(fault_end(), 60_000_000, &[]);
    assert_eq!(short.verdict, Inconclusive);
    assert_eq!(short.missing.unwrap(), "needs 30 s more of load after the moment");
    // The second that holds the moment: nothing came before it, so the herd came after.
    let mut later = fault_end();
    later.offset_us = 10_000;
    assert_eq!(judged(later, 20_000_000, &[400]).verdict, Violated);
    later.offset_us = 1_900_000;
    assert_eq!(judged(later, 20_000_000, &[200, 310]).verdict, Inconclusive);
    assert_eq!(judged(fault_start(), 5_000_000, &[]).verdict, Met);
}

#[test]
fn users_and_fleets_have_no_timetable() {
    let run = |kind| {
        let mut script = Script::new(30).fast();
        script.driven_by(kind);
        for second in 0..30 {
            let mut cell = script.cell(second, Outcome::Ok, 100);
            // What an open load would be ill by.
            cell.marks[LATE] = 100;
            cell.marks[FAST] = 0;
            script = script.add(cell);
        }
        script.case.loads[0].planned = if kind == LoadKind::Open { 5000 } else { 0 };
        script.complete().judge()
    };
    for kind in [LoadKind::Users, LoadKind::Fleet] {
        let card = run(kind);
        assert_eq!((card.verdict, card.health.well), (Met, true), "{card:?}");
        assert!(card.health.sentence.contains("3000 by users and fleets"), "{:?}", card.health);
    }
    assert_eq!(run(LoadKind::Open).verdict, Inconclusive);
    // What they lack is priced by what was observed.
    let mut few = Script::new(10).errors();
    few.driven_by(LoadKind::Users);
    let mut few = few.run(0..10, 0);
    few.case.loads[0].planned = 0;
    let score = few.complete().first();
    assert_eq!(score.missing.unwrap(), "needs 1995 more clean requests = 20 s at 100/s");
}

#[test]
fn a_process_that_was_ended() {
    let judged = |injected| {
        let mut script = Script::new(60).errors().recovers(20).declare(Shows::Gone);
        script.case.faults[0].link = "backend".to_owned();
        script.case.faults[0].kind = "kill".to_owned();
        let effect = Effect { matched: 1, injected, ours: 0 };
        script = script.on(0, 20_000..25_000, effect).run(0..20, 0).run(25..60, 0);
        for second in 20..25 {
            let cell = script.cell(second, Outcome::ConnectError, 100);
            script = script.add(cell);
        }
        script.complete().judge()
    };
    let killed = judged(1);
    assert_eq!(killed.verdict, Met, "{killed:?}");
    let fault = &killed.faults[0];
    assert_eq!((fault.asked, fault.injected, fault.seen), (Some(1), Some(1), Some(500)));
    let alive = judged(0);
    assert_eq!(alive.verdict, Inconclusive);
    let idle = alive.expectations.iter().find(|score| score.id == "fault fault0").unwrap();
    assert_eq!(idle.asks, "kill of service `backend` takes effect");
}
