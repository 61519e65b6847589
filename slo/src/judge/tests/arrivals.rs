//! Breakers by arrivals alone: numbers that are a range, and what is no opening, or no breaker of its own.
//! Not here: how states are inferred (`breaker`), arrivals beside a state (`beside`).

use super::breakers::{inferred, life, script};
use super::*;
use crate::case::{BreakerMust, Evidence, Shows};
use crate::event::Attempt;
use crate::script::fleet::{fault_start, ms, nothing};
use crate::script::gateway::{Flaw, Life, Setting, World, live};

/// Each of them opens after five failures, and tries once: together they do neither.
#[test]
fn two_behind_one_link_are_not_one_that_tries_twice() {
    let ask = BreakerMust { trials: Some(1), calls_while_open: Some(0), ..nothing() };
    for seed in 0..20 {
        let one = |seed: u64| {
            let (per_second, random, seconds, wait_us) = (50, true, 50, 0);
            let (fault_ms, flaw) = ((20_000, 32_000), Flaw::None);
            live(&World {
                seed,
                per_second,
                random,
                seconds,
                fault_ms,
                wait_us,
                set: Setting::USUAL,
                flaw,
            })
        };
        let (mut both, other) = (one(2 * seed), one(2 * seed + 1));
        both.due.extend(other.due);
        both.arrivals.extend(other.arrivals);
        let score = inferred(ask.clone(), both);
        assert_eq!(score.verdict, Inconclusive, "{seed}: {score:?}");
    }
}

fn by_arrivals(must: BreakerMust, flaw: Flaw) -> Script {
    script(must, Evidence::Arrivals("api".to_owned()), life(flaw), true)
}

/// The arrivals of a caller that sends 100 calls a second from 0 s on; from 20 s to 30 s they fail.
/// `failing` are those that arrive then (begun, how long, ms); a trial succeeds at 35 s.
fn arriving(failing: &[(i64, i64)], must: BreakerMust) -> crate::scorecard::ExpectationScore {
    tried(failing, 2, 2, must)
}

/// The same, with a trial that takes so long, ms, and calls after it that do.
fn tried(
    failing: &[(i64, i64)],
    trial: i64,
    later: i64,
    must: BreakerMust,
) -> crate::scorecard::ExpectationScore {
    let back = 3500 + trial / 10 + 1;
    let call = |begun: i64, long: i64, outcome| Attempt {
        begun: ms(begun),
        done: ms(begun + long),
        outcome,
        trial: false,
    };
    let good = (0..2000).map(|k| call(k * 10, 2, Outcome::Ok));
    let good = good.chain((back..5000).map(|k| call(k * 10, later, Outcome::Ok)));
    let bad = failing.iter().map(|(begun, long)| call(*begun, *long, Outcome::ProtocolError));
    let trial = std::iter::once(call(35_000, trial, Outcome::Ok));
    let life = Life {
        due: (0..5000).map(|k| ms(k * 10)).collect(),
        arrivals: good.chain(bad).chain(trial).collect(),
        ..Life::default()
    };
    inferred(must, life)
}

/// Ten trials one after the other look like one, and nine calls after it closed.
#[test]
fn trials_are_counted_by_arrivals_only_where_others_are_held_back() {
    let five: Vec<(i64, i64)> = (0..5).map(|k| (20_000 + k * 10, 1)).collect();
    let run = |most: u64, trial: i64, later: i64| {
        let must = BreakerMust { trials: Some(most), ..nothing() };
        let score = tried(&five, trial, later, must);
        (score.verdict, score.reason)
    };
    let (verdict, reason) = run(1, 2, 2);
    assert_eq!(verdict, Inconclusive);
    assert_eq!(reason, "at least 1 trial while half-open (1 allowed)");
    // 29 calls were held back while it was under way, and then let through together.
    assert_eq!(run(1, 300, 30).0, Met);
    assert_eq!(run(1, 50, 30).0, Inconclusive);
    // They may still come one at a time, as trials do.
    assert_eq!(run(1, 300, 5).0, Inconclusive);
}

/// What a right breaker could look like is never violated, what a wrong one could is never met.
#[test]
fn the_number_of_failures_by_arrivals_is_a_range() {
    let five = || BreakerMust { opens_after_failures: Some(5), ..nothing() };
    let each = |n: i64| -> Vec<(i64, i64)> { (0..n).map(|k| (20_000 + k * 10, 1)).collect() };
    assert_eq!(arriving(&each(5), five()).verdict, Met);
    assert_eq!(arriving(&each(4), five()).verdict, Violated);
    // Those of a second may have been let through before, by a caller that takes so long.
    assert_eq!(arriving(&each(25), five()).verdict, Inconclusive);
    assert_eq!(arriving(&each(130), five()).verdict, Violated);
    // A sixth fails so soon after the last began that the next may only be late.
    let sixth = [each(5), vec![(20_035, 30)]].concat();
    assert_eq!(arriving(&sixth, five()).verdict, Inconclusive);
    let later = [each(5), vec![(20_035, 60)]].concat();
    assert_eq!(arriving(&later, five()).verdict, Met);
    // Ten under way, reset at the same time: an opening after six would look alike.
    let burst: Vec<(i64, i64)> = (0..10).map(|k| (20_000 + k * 10, 100 - k * 10)).collect();
    let score = arriving(&burst, five());
    assert_eq!(score.verdict, Inconclusive, "{score:?}");
    assert!(score.reason.contains("any number from 1 to 10 would look like this"), "{score:?}");
}

/// Calls that are tried again behind the breaker are no calls of it.
#[test]
fn more_arrivals_than_were_offered_are_not_counted_as_calls() {
    let tries = |k: i64| [0, 3, 6].map(|try_at| (20_000 + k * 10 + try_at, 1));
    let failing: Vec<(i64, i64)> = (0..30).flat_map(tries).collect();
    let must = BreakerMust { opens_after_failures: Some(5), trials: Some(1), ..nothing() };
    let score = arriving(&failing, must);
    assert_eq!(score.verdict, Inconclusive, "{score:?}");
    assert!(score.reason.contains("calls are tried more than once"), "{score:?}");
}

/// A killed service closes the connections that callers keep: what they send on them is lost.
#[test]
fn under_a_kill_the_number_of_failures_cannot_be_told() {
    let five = BreakerMust { opens_after_failures: Some(5), ..nothing() };
    for flaw in [Flaw::None, Flaw::Late] {
        let mut script = by_arrivals(five.clone(), flaw);
        script.case.faults[0].shows = Shows::Gone;
        let score = script.expectation();
        assert_eq!(score.verdict, Inconclusive, "{score:?}");
        assert!(score.reason.contains("that the killed service closed"), "{score:?}");
    }
}

/// Who only waits between tries is as silent as a breaker that is open.
#[test]
fn a_silence_after_too_few_failures_is_no_opening() {
    let opens = BreakerMust { opens: Some((fault_start(), 1_000_000)), ..nothing() };
    for (needs, verdict) in [(5, Met), (9, Inconclusive)] {
        let mut script = by_arrivals(opens.clone(), Flaw::None);
        script.case.breakers[0].policy.failures = Some(needs);
        let score = script.expectation();
        assert_eq!(score.verdict, verdict, "{score:?}");
        assert_eq!(score.reason.contains("callers only waited"), verdict == Inconclusive);
    }
}

/// Without a number of failures nothing tells one breaker from several.
#[test]
fn several_may_be_behind_a_link_where_nobody_says_how_many_failures_open_one() {
    let life = |flaw| super::breakers::life_at(1000, flaw);
    for (must, flaw) in [
        (BreakerMust { trials: Some(1), ..nothing() }, Flaw::TwoTrials),
        (BreakerMust { calls_while_open: Some(0), ..nothing() }, Flaw::Leaks(2500)),
    ] {
        for (failures, verdict) in [(Some(5), Violated), (None, Inconclusive)] {
            let arrivals = Evidence::Arrivals("api".to_owned());
            let mut script = script(must.clone(), arrivals, life(flaw), true);
            script.case.breakers[0].policy.failures = failures;
            let score = script.expectation();
            assert_eq!(score.verdict, verdict, "{score:?}");
            assert_eq!(score.reason.contains("several breakers"), failures.is_none());
        }
    }
}

/// By its policy it is open for 5 s: what comes before was let through while it was, or it does not wait.
#[test]
fn calls_that_come_back_before_a_trial_may_come_are_leaks() {
    let leaks = |back: i64| {
        let call = |ms_: i64| {
            let bad = (20_000..30_000).contains(&ms_) && ms_ < 20_050;
            let outcome = if bad { Outcome::ProtocolError } else { Outcome::Ok };
            Attempt { begun: ms(ms_), done: ms(ms_ + 2), outcome, trial: false }
        };
        let life = Life {
            due: (0..5000).map(|k| ms(k * 10)).collect(),
            arrivals: (0..20_050).chain(back..50_000).step_by(10).map(call).collect(),
            ..Life::default()
        };
        let must = BreakerMust { calls_while_open: Some(0), ..nothing() };
        let score = inferred(must, life);
        (score.verdict, score.reason)
    };
    assert_eq!(leaks(25_050).0, Met);
    let (verdict, reason) = leaks(23_050);
    // All but those of the last 120 ms, which may be early trials.
    let told = "187 calls let through while open (0 allowed)";
    assert_eq!((verdict, reason.as_str()), (Violated, told));
}
