//! How much must get through.

use super::*;
use crate::case::{Load, Of, Pace, Scarce};
use crate::event::Effect;

/// 100 requests a second for 30 s, of which so many in each of the last ten end like this.
fn run(at_least: Pace, bad: u64, as_: Outcome) -> Script {
    let script = Script::new(30).objective("pushed", Ask::Throughput { at_least }).run(0..20, 0);
    (20..30).fold(script, |script, second| {
        let (ok, other) =
            (script.cell(second, Outcome::Ok, 100 - bad), script.cell(second, as_, bad));
        let script = script.add(ok);
        if bad > 0 { script.add(other) } else { script }
    })
}

const SHARE: Pace = Pace::Share(Share(990_000_000));
/// 100 a second.
const RATE: Pace = Pace::Rate(6_000_000);

#[test]
fn a_share_of_what_is_offered_is_exact() {
    let verdict = |bad, as_| run(SHARE, bad, as_).complete().first().verdict;
    assert_eq!(verdict(0, Outcome::Ok), Met);
    assert_eq!(verdict(3, Outcome::Http5xx), Met);
    assert_eq!(verdict(4, Outcome::Http5xx), Violated);
    // What our own breaker rejected did not get through either.
    assert_eq!(verdict(4, Outcome::FastFail), Violated);
    // Nobody knows what would have become of what was not sent, or was cut off.
    assert_eq!(verdict(4, Outcome::NotSent), Inconclusive);
    assert_eq!(verdict(4, Outcome::Cut), Inconclusive);
    let score = run(SHARE, 4, Outcome::Http5xx).complete().first();
    assert_eq!((score.n, score.k, score.limit), (3000, 40, 0.01));
    assert_eq!(score.observed, "98.7/s ok, 98.67 % of what was offered");
    assert_eq!(score.reason, "2960 answered ok, needed are 99 % of 3000");
    assert_eq!(score.asks, "throughput of at least 99 % of what is offered");
}

#[test]
fn a_rate_is_whole_requests_in_the_time_that_was_sent() {
    let verdict = |bad, as_| run(RATE, bad, as_).complete().first().verdict;
    assert_eq!(verdict(0, Outcome::Ok), Met);
    assert_eq!(verdict(1, Outcome::Http5xx), Violated);
    assert_eq!(verdict(1, Outcome::Cut), Inconclusive);
    let score = run(RATE, 1, Outcome::Http5xx).complete().first();
    assert_eq!(score.reason, "2990 answered ok, needed are 3000: 100/s in 30 s");
}

/// A run ends with its last answer, an open load at its end: what lies between is its time, too.
#[test]
fn a_rate_is_of_the_whole_load_though_its_last_answer_comes_before_its_end() {
    let verdict = |bad: u64, planned: u64, ends_us: u64| {
        let mut script = run(RATE, bad, Outcome::Http5xx).complete();
        script.case.loads[0].planned = planned;
        script.case.loads[0].ends_us = ends_us;
        let last = ZERO.plus(29_990_500);
        script.entries.iter_mut().for_each(|entry| entry.at = entry.at.min(last));
        let score = script.first();
        (score.verdict, score.reason)
    };
    let (met, reason) = verdict(0, 3000, 30_000_000);
    assert_eq!((met, reason.as_str()), (Met, "3000 answered ok, needed are 3000: 100/s in 30 s"));
    let (violated, reason) = verdict(1, 3000, 30_000_000);
    assert_eq!(violated, Violated);
    assert_eq!(reason, "2990 answered ok, needed are 3000: 100/s in 30 s");
    // Whose end nobody knew has the time that there was.
    for (planned, ends_us) in [(0, 30_000_000), (3000, 60_000_000)] {
        let (_, reason) = verdict(0, planned, ends_us);
        assert!(reason.contains("needed are 2999: "), "{reason}");
    }
}

/// What cut the traffic is followed by undo and teardown, in which nobody was to be answered.
#[test]
fn the_time_after_a_cut_is_nobodys() {
    let verdict = |until: i64| {
        let script = Script::new(30).objective("pushed", Ask::Throughput { at_least: RATE });
        script.run(0..until, 0).end(EndReason::Interrupted).first().verdict
    };
    assert_eq!(verdict(15), Inconclusive);
}

/// Each load whose first request is due with the stretch has all that its rate makes of it.
#[test]
fn loads_that_begin_together_lack_none() {
    let mut script = run(RATE, 0, Outcome::Ok);
    let first = script.case.loads[0].clone();
    for _ in 0..2 {
        script.case.loads.push(Load { planned: 0, ..first.clone() });
    }
    script.case.objectives[0].of = (0..3).map(|load| Of { load, request: 0 }).collect();
    let reason = script.complete().first().reason;
    assert_eq!(reason, "3000 answered ok, needed are 3000: 100/s in 30 s");
}

/// A phase that ends between two arrivals, or takes requests to a fault, misses none.
#[test]
fn the_edges_of_a_phase_lose_nothing() {
    let hit = Effect { matched: 500, injected: 500, ours: 500 };
    let mut script = Script::new(30).objective("pushed", Ask::Throughput { at_least: RATE });
    script.case.objectives[0].during = vec![During::Steady];
    let script = script.fault(20_005..25_000, hit).run(0..20, 0);
    let seen = script.clone().complete().first();
    assert_eq!(seen.verdict, Met, "{}", seen.reason);
    // Ten of them were under way when it came.
    let mut moved = script.clone();
    let cell = moved.entries.iter_mut().rev().find_map(|entry| match &mut entry.event {
        Event::Cells(cells) => cells.first_mut(),
        _ => None,
    });
    let cell = cell.unwrap();
    cell.n -= 10;
    cell.marks.iter_mut().for_each(|mark| *mark = (*mark).min(cell.n));
    let moved = moved.straddling(19, Outcome::Http5xx, 10, 0).complete().first();
    assert_eq!((moved.verdict, moved.moved_to_fault), (Met, 10), "{}", moved.reason);
}

/// Met in the time that was sent says nothing of the time that was planned.
#[test]
fn rows_that_are_used_up_meet_no_rate() {
    let scarce = |ends_us| Some(Scarce { rows: "users".to_owned(), ends_us });
    let mut short = run(RATE, 0, Outcome::Ok);
    short.case.loads[0].scarce = scarce(300_000_000);
    let score = short.clone().complete().first();
    assert_eq!(score.verdict, Inconclusive);
    assert_eq!(
        score.reason,
        "3000 answered ok, needed are 3000: 100/s in 30 s, but `visitors` ended at 30 s of its \
         300 s: the rows of `users` are used up"
    );
    assert_eq!(score.missing.as_deref(), Some("rows for the whole load"));
    // Too little is too little, and a share asks for no time.
    let mut bad = run(RATE, 1, Outcome::Http5xx);
    bad.case.loads[0].scarce = scarce(300_000_000);
    assert_eq!(bad.complete().first().verdict, Violated);
    let mut share = run(SHARE, 0, Outcome::Ok);
    share.case.loads[0].scarce = scarce(300_000_000);
    assert_eq!(share.complete().first().verdict, Met);
    // Rows that might have been used up, and were not.
    short.case.loads[0].scarce = scarce(30_000_000);
    assert_eq!(short.complete().first().verdict, Met);
    // Users may end before their time, which their load's end does not say.
    let mut users = run(Pace::Rate(5_400_000), 0, Outcome::Ok).complete();
    users.case.loads[0].ends_us = 300_000_000;
    users.case.loads[0].scarce = scarce(300_000_000);
    let score = users.first();
    assert_eq!(score.verdict, Inconclusive);
    assert!(
        score.reason.contains(" of its 300 s: the rows of `users` are used up"),
        "{}",
        score.reason
    );
}

#[test]
fn nothing_and_half_a_run_are_not_met() {
    let none = Script::new(30).objective("pushed", Ask::Throughput { at_least: SHARE });
    assert_eq!(none.complete().first().verdict, Inconclusive);
    assert_eq!(run(SHARE, 0, Outcome::Ok).end(EndReason::Guard).first().verdict, Inconclusive);
}
