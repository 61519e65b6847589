//! Windows, excuses, bursts.

use super::*;
use crate::case::{Must, Terms};
use crate::outcome::Outcome;
use crate::scorecard::ObjectiveScore;
use std::ops::Range;

/// Errors below 1 %: 100 requests a second for so long, of which so many in a second end like this.
fn judged(seconds: i64, bad: impl Fn(i64) -> u64, as_: Outcome, terms: Terms) -> ObjectiveScore {
    let mut script = Script::new(seconds as u64).errors();
    script.case.objectives[0].terms = terms;
    script.case.objectives[0].ask = Ask::ErrorRate { below: Share(10_000_000) };
    for second in 0..seconds {
        let bad = bad(second);
        let ok = script.cell(second, Outcome::Ok, 100 - bad);
        script = script.add(ok);
        if bad > 0 {
            let cell = script.cell(second, as_, bad);
            script = script.add(cell);
        }
    }
    script.complete().first()
}

fn excused(outcome: Outcome) -> Terms {
    Terms { excused: vec![outcome], ..Terms::default() }
}

fn window(s: u64) -> Terms {
    Terms { window_s: Some(s), ..Terms::default() }
}

fn bursts(of: u64) -> Terms {
    Terms { bursts: Some(of), ..Terms::default() }
}

/// Errors below 1 % of 6000: 40 refusals are too many to be met, and none once they are excused.
#[test]
fn what_is_excused_is_left_out_and_told() {
    let some = |second: i64| u64::from(second < 40);
    let plain = judged(60, some, Outcome::Http429, Terms::default());
    assert_ne!((plain.n, plain.k, plain.verdict), (6000, 0, Met));
    let score = judged(60, some, Outcome::Http429, excused(Outcome::Http429));
    assert_eq!((score.n, score.k, score.verdict), (5960, 0, Met));
    assert!(score.reason.ends_with("; 40 excused (http_429)"), "{}", score.reason);
    assert!(score.asks.ends_with(", http_429 excused"), "{}", score.asks);
    // Other errors count as ever.
    let other = judged(60, |_| 5, Outcome::Http5xx, excused(Outcome::Http429));
    assert_eq!(other.verdict, Violated);
}

/// A service that refuses most requests must not be green on the rest.
#[test]
fn more_than_one_in_a_hundred_excused_decides_nothing() {
    let score =
        judged(60, |second| u64::from(second > 0) + 1, Outcome::Http429, excused(Outcome::Http429));
    assert_eq!(score.verdict, Inconclusive);
    assert!(score.reason.contains("119 of 6000 requests are excused"), "{}", score.reason);
    assert!(score.missing.is_some());
}

/// A service that is back but refuses nine of ten: whether it recovered nobody knows. Once it refuses only one of
/// a hundred, or where refusals count, it is known.
#[test]
fn what_is_excused_is_no_recovery() {
    let recovers = |refused: Range<i64>, n: u64, terms: Terms| {
        let mut script = Script::new(40).errors().recovers(5);
        script.case.objectives[0].terms = terms;
        script.case.objectives[0].ask = Ask::ErrorRate { below: Share(10_000_000) };
        script = script.fault(10_000..12_000, hit(200)).run(0..10, 0).run(10..12, 100);
        for second in 12..40 {
            let refused = if refused.contains(&second) { n } else { 0 };
            for (outcome, n) in [(Outcome::Http429, refused), (Outcome::Ok, 100 - refused)] {
                let cell = script.cell(second, outcome, n);
                script = if n > 0 { script.add(cell) } else { script };
            }
        }
        script.complete().expectation()
    };
    let score = recovers(12..25, 90, excused(Outcome::Http429));
    assert_eq!(score.verdict, Inconclusive, "{}", score.reason);
    let told = "from 12 s to 15 s 270 of 300 requests are excused (http_429), and 1 % may be";
    assert!(score.reason.ends_with(told), "{}", score.reason);
    assert!(score.missing.is_some_and(|missing| missing.contains("that counts them")));
    // A few are no doubt, and what was over in time is none either.
    assert_eq!(recovers(12..40, 1, excused(Outcome::Http429)).verdict, Met);
    assert_eq!(recovers(12..15, 90, excused(Outcome::Http429)).verdict, Met);
    // What is surely bad stays so.
    assert_eq!(recovers(12..25, 90, Terms::default()).verdict, Violated);
    assert_eq!(recovers(12..25, 90, excused(Outcome::Timeout)).verdict, Violated);
}

/// Five errors in a second are surely more than 1 % of 100, and are not where they come five at a time.
#[test]
fn a_declared_burst_is_no_relapse() {
    let recovers = |errors: u64, terms: Terms| {
        let mut script = Script::new(30).errors().recovers(2);
        script.case.objectives[0].terms = terms;
        script.case.objectives[0].ask = Ask::ErrorRate { below: Share(10_000_000) };
        let script = script.fault(10_000..12_000, hit(200)).run(0..10, 0).run(10..12, 100);
        let script = script.run(12..14, 0).run(14..15, errors).run(15..16, 0);
        script.run(16..17, errors).run(17..30, 0).complete().expectation().verdict
    };
    assert_eq!(recovers(5, Terms::default()), Violated);
    assert_eq!(recovers(5, bursts(5)), Met);
    assert_eq!(recovers(40, bursts(5)), Violated);
}

/// 100 requests a second in bursts of 100 say as much as one: two seconds in which all fail do not surely break
/// 30 %, and so are no evidence of a recovery.
#[test]
fn what_could_not_show_the_opposite_shows_no_recovery() {
    let recovers = |errors: u64, hold: u64| {
        let mut script = Script::new(30).errors().recovers(2);
        script.case.objectives[0].terms = bursts(100);
        script.case.objectives[0].ask = Ask::ErrorRate { below: Share(300_000_000) };
        if let Must::Recovers { hold_us, .. } = &mut script.case.expectations[0].must {
            *hold_us = hold * 1_000_000;
        }
        let script = script.fault(10_000..12_000, hit(200)).run(0..10, 0).run(10..12, 100);
        script.run(12..30, errors).complete().expectation().verdict
    };
    assert_eq!([recovers(100, 2), recovers(0, 2)], [Inconclusive; 2]);
    assert_eq!([recovers(100, 5), recovers(0, 5)], [Violated, Met]);
}

/// 30 errors in one window of ten seconds are 3 % of it, and half a per cent of the whole.
#[test]
fn a_window_that_breaks_the_limit_violates_and_one_that_keeps_it_proves_nothing() {
    let bad = |second: i64| if (20..30).contains(&second) { 3 } else { 0 };
    assert_eq!(judged(120, bad, Outcome::Http5xx, Terms::default()).verdict, Met);
    let score = judged(120, bad, Outcome::Http5xx, window(10));
    assert_eq!(score.verdict, Violated);
    assert!(score.reason.contains("from 20 s to 30 s 30 of 1000"), "{}", score.reason);
    // Spread over the whole, no window is surely worse: the whole decides.
    let even = |second: i64| u64::from(second % 4 == 0);
    assert_eq!(judged(120, even, Outcome::Http5xx, window(10)).verdict, Met);
    // Too few requests to be met are not met by clean windows.
    assert_eq!(judged(2, |_| 0, Outcome::Http5xx, window(1)).verdict, Inconclusive);
}

/// Clean windows of a service exactly at its limit are broken by chance in at most 5 % of runs:
/// Bonferroni's bound holds for the most that a window may have.
#[test]
fn many_windows_do_not_make_a_false_red() {
    // 1 % of 100 is one; three in a second are well within what chance does to 600 windows.
    let bad = |second: i64| if second == 300 { 5 } else { 0 };
    let score = judged(600, bad, Outcome::Http5xx, window(1));
    assert_eq!(score.verdict, Met, "{}", score.reason);
    let bad = |second: i64| if second == 300 { 9 } else { 0 };
    assert_eq!(judged(600, bad, Outcome::Http5xx, window(1)).verdict, Violated);
}

/// Source of the numbers: Korn-Graubard, Clopper-Pearson on n/b and k/b. Below 1 % at 95 % takes 299
/// clean requests, and five times as many where bad ones come five at a time.
#[test]
fn bursts_ask_for_as_many_times_more_requests() {
    let clean = |seconds: i64, terms: Terms| judged(seconds, |_| 0, Outcome::Http5xx, terms);
    assert_eq!(clean(3, Terms::default()).verdict, Met);
    let few = clean(14, bursts(5));
    assert_eq!(few.verdict, Inconclusive);
    assert!(
        few.missing.as_deref().is_some_and(|m| m.contains("95 more clean")),
        "{:?}",
        few.missing
    );
    let enough = clean(15, bursts(5));
    assert_eq!((enough.verdict, enough.deff), (Met, 5.0));
    // And for more bad ones before it is violated.
    let some = |second: i64| if second < 10 { 2 } else { 0 };
    assert_eq!(judged(10, some, Outcome::Http5xx, Terms::default()).verdict, Violated);
    assert_eq!(judged(10, some, Outcome::Http5xx, bursts(20)).verdict, Inconclusive);
    assert_eq!(judged(10, |_| 40, Outcome::Http5xx, bursts(20)).verdict, Violated);
}
