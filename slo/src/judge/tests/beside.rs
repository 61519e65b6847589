//! Breakers whose state is read, with arrivals beside it: leaks and trials by both, and what is
//! neither met nor violated because they contradict each other.
//! Not here: reads alone (`polled`), arrivals alone (`breakers`).

use super::*;
use crate::case::{BreakerMust, Evidence, Must, Unit};
use crate::event::{Attempt, AttemptsOf};
use crate::script::fleet::{self, fault_end, fault_start};

const CLOSED: f64 = 0.0;
const OPEN: f64 = 1.0;
const HALF: f64 = 2.0;

/// Open from the read at 21.25 s on, a trial at that of 33.25 s, closed at that of 34.25 s.
fn usual(second: i64) -> f64 {
    match second {
        21..=32 => OPEN,
        33 => HALF,
        _ => CLOSED,
    }
}

/// Every 25 ms from time 0 until 60 s, but for those between these (ms).
fn but(silent: std::ops::Range<i64>) -> Vec<i64> {
    (0..60_000).step_by(25).filter(|at| !silent.contains(at)).collect()
}

/// A fault from 20 s to 30 s; 40 calls a second; a state by the read of each second, a breaker that is open
/// for 10 s; calls that arrive at these instants, ms.
fn script(state: impl Fn(i64) -> f64, calls: &[i64]) -> Script {
    let mut script = Script::new(60).metric(Unit::Plain);
    script =
        script.guarded(Some(10), vec![Evidence::Polled(0), Evidence::Arrivals("api".to_owned())]);
    script.case.loads[0].link = None;
    let call = |ms: &i64| {
        let bad = (20_000..30_000).contains(ms);
        let outcome = if bad { Outcome::ProtocolError } else { Outcome::Ok };
        Attempt { begun: fleet::ms(*ms), done: fleet::ms(ms + 2), outcome, trial: false }
    };
    let due: Vec<At> = (0..60_000).step_by(25).map(fleet::ms).collect();
    let script = script.fault(20_000..30_000, hit(500)).offered(&due);
    let script =
        script.attempts(AttemptsOf::Link("api".to_owned()), calls.iter().map(call).collect());
    script.read(-2..61, state).read_until(61)
}

fn ask(script: &Script, must: BreakerMust) -> (crate::Verdict, String) {
    let score = script.clone().expect(Must::Breaker(must)).complete().expectation();
    (score.verdict, score.reason)
}

fn no_leaks() -> BreakerMust {
    BreakerMust { calls_while_open: Some(0), ..fleet::nothing() }
}

/// Calls that arrive while it says that it is open are leaks, whether or not arrivals alone are like a
/// breaker's. Those soon after the read that found it open may have been let through before.
#[test]
fn calls_that_arrive_while_it_says_open_are_leaks() {
    let run = |calls: &[i64]| ask(&script(usual, calls), no_leaks());
    let kept = run(&but(20_200..33_000));
    assert_eq!(kept, (Met, "0 calls let through while open (0 allowed)".to_owned()));
    // It is surely open from the read at 21.26 s to 20.25 s and 10 s; a second may be on the way.
    let some = (20_400..33_000).step_by(400);
    let mut leaky = but(20_200..33_000);
    leaky.extend(some);
    leaky.sort_unstable();
    let cases = [
        ("some", leaky, 20),
        ("the first seconds", but(25_000..33_000), 109),
        ("the last", but(20_200..28_000), 90),
        ("all", but(0..0), 319),
    ];
    for (name, calls, least) in cases {
        let (verdict, reason) = run(&calls);
        assert_eq!(verdict, Violated, "{name}: {reason}");
        let told = format!("{least} calls let through while open (0 allowed)");
        assert!(reason.ends_with(&told), "{name}: {reason}");
    }
    let (verdict, reason) = run(&but(22_100..33_000));
    assert_eq!(verdict, Inconclusive, "{reason}");
}

/// While it says half-open at read after read, what arrives are trials.
#[test]
fn calls_that_arrive_while_it_says_half_open_are_trials() {
    let one = BreakerMust { trials: Some(1), ..fleet::nothing() };
    let calls = but(20_200..33_000);
    let long = |second: i64| if (33..37).contains(&second) { HALF } else { usual(second) };
    let (verdict, reason) = ask(&script(long, &calls), one.clone());
    assert_eq!(verdict, Violated);
    assert_eq!(reason, "at least 119 trials while half-open (1 allowed)");
    // Also where its policy says that it closes after one, so that arrivals contradict the state.
    let mut said = script(long, &calls);
    said.case.breakers[0].policy.trials = Some(1);
    assert_eq!(ask(&said, one.clone()).0, Violated);
    assert_eq!(ask(&said, closes()).0, Inconclusive);
    // Read once, it may have been so for the first call only, or for all until the next read.
    let (verdict, reason) = ask(&script(usual, &calls), one.clone());
    assert_eq!(verdict, Inconclusive);
    assert_eq!(
        reason,
        "at least 1 trial while half-open (1 allowed), at most 51: inside the tolerance"
    );
    let score = script(usual, &calls).expect(Must::Breaker(one.clone())).complete().expectation();
    assert!(score.missing.is_some_and(|missing| missing.contains("`every`")));
    // Two at once are two, and not one each of two breakers that have one state.
    let mut two = calls.clone();
    two.push(33_001);
    two.sort_unstable();
    assert_eq!(ask(&script(usual, &two), one.clone()).0, Violated);
    let mut alone = script(usual, &two);
    alone.case.breakers[0].evidence.remove(0);
    assert_eq!(ask(&alone, one).0, Inconclusive);
    // No more than came until it said closed.
    let many = BreakerMust { trials: Some(60), ..fleet::nothing() };
    assert_eq!(ask(&script(usual, &calls), many).0, Met);
}

fn opens() -> BreakerMust {
    BreakerMust { opens: Some((fault_start(), 2_000_000)), ..fleet::nothing() }
}

fn closes() -> BreakerMust {
    BreakerMust { closes: Some((fault_end(), 9_000_000)), ..fleet::nothing() }
}

fn never() -> BreakerMust {
    BreakerMust { never_opens: true, ..fleet::nothing() }
}

fn reopens() -> BreakerMust {
    BreakerMust { reopens_after_close: Some(0), ..fleet::nothing() }
}

/// A state that nobody updates says nothing, and neither do arrivals that it contradicts.
#[test]
fn contradicted_evidence_decides_nothing() {
    let opened = but(20_200..33_000);
    let agreed = script(usual, &opened);
    for (must, verdict) in [(opens(), Met), (closes(), Met), (reopens(), Met), (never(), Violated)]
    {
        assert_eq!(ask(&agreed, must.clone()).0, verdict, "{must:?}");
    }
    let card = agreed.complete().judge();
    assert!(card.findings.iter().all(|text| !text.contains("disagree")));
    let stuck = |second: i64| if second < 21 { CLOSED } else { OPEN };
    let cases: [(&str, Script); 3] = [
        ("never updated", script(|_| CLOSED, &opened)),
        ("never closed", script(stuck, &opened)),
        ("says so, and lets all through", script(usual, &but(0..0))),
    ];
    for (name, script) in &cases {
        for must in [opens(), closes(), reopens(), never()] {
            // Both say that it opened.
            let agree = *name == "never closed" && must == never();
            let (verdict, reason) = ask(script, must);
            assert_eq!(verdict, if agree { Violated } else { Inconclusive }, "{name}: {reason}");
            let names = ["contradicted evidence: from ", "rss of api", "arrivals at link `api`"];
            assert!(agree || names.iter().all(|one| reason.contains(one)), "{name}: {reason}");
        }
        let card = script.clone().complete().judge();
        let told = card.findings.iter().filter(|text| text.contains(" disagree: from ")).count();
        assert_eq!(told, 1, "{name}: {:?}", card.findings);
        let score = script.clone().expect(Must::Breaker(never())).complete().expectation();
        let decides =
            score.missing.is_none_or(|missing| missing.contains("a state that nobody updates"));
        assert!(decides, "{name}");
    }
}

/// What is violated by both is violated.
#[test]
fn what_both_contradict_is_violated_all_the_same() {
    let late = |second: i64| if (40..50).contains(&second) { OPEN } else { CLOSED };
    let slow = |second: i64| if second < 23 { CLOSED } else { usual(second) };
    let agreed = script(slow, &but(22_500..33_000));
    let script = script(late, &but(25_000..38_000));
    let (verdict, reason) = ask(&script, opens());
    assert_eq!(verdict, Violated, "{reason}");
    assert!(reason.starts_with("opened after 19"), "{reason}");
    assert_eq!(ask(&script, closes()).0, Inconclusive);
    // What only arrivals count is not said by both.
    let five = BreakerMust { opens_after_failures: Some(5), ..fleet::nothing() };
    assert_eq!(ask(&script, five.clone()).0, Inconclusive);
    assert_eq!(ask(&agreed, five).0, Violated);
}

/// Its own log against what is read of it; and the time in which it is said to be open.
#[test]
fn states_of_two_kinds_contradict_each_other_too() {
    let mut script = script(usual, &but(0..0)).log("opened").log("closed");
    script.case.breakers[0].evidence =
        vec![Evidence::Polled(0), Evidence::Logged { opened: 0, closed: 1 }];
    let (verdict, reason) = ask(&script.clone().logs_read(61, 9), opens());
    assert_eq!(verdict, Inconclusive);
    assert!(reason.contains("it was open by rss of api, and closed by log of api"), "{reason}");
    let told = script.clone().line(0, 20_400, 20_400).line(1, 33_300, 33_300).logs_read(61, 9);
    assert_eq!(ask(&told, opens()).0, Met);
    let mut during = script.logs_read(61, 9).errors();
    during.case.objectives[0].during = vec![During::Open(0)];
    let score = during.complete().first();
    assert_eq!(score.verdict, Inconclusive);
    assert!(score.reason.contains("contradicted evidence"), "{}", score.reason);
}
