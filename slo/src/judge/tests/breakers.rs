//! Breakers: a gateway as it should be, and each flaw that must be found.
//! Not here: how states are inferred (`breaker`).

use super::*;
use crate::case::{BreakerMust, Evidence, Shows};
use crate::event::{Attempt, AttemptsOf, BreakerEvent, BreakerState};
use crate::script::fleet::{fault_end, fault_start, ms, nothing};
use crate::script::gateway::{Flaw, Life, Setting, World, live};

pub(super) fn life(flaw: Flaw) -> Life {
    life_at(200, flaw)
}

pub(super) fn life_at(per_second: u64, flaw: Flaw) -> Life {
    let (seed, random) = (11, false);
    live(&World {
        seed,
        per_second,
        random,
        seconds: 50,
        fault_ms: (20_000, 32_000),
        wait_us: 0,
        set: Setting::USUAL,
        flaw,
    })
}

/// All that can be asked of it.
fn all() -> BreakerMust {
    BreakerMust {
        opens: Some((fault_start(), 1_000_000)),
        opens_after_failures: Some(5),
        closes: Some((fault_end(), 8_000_000)),
        trials: Some(1),
        calls_while_open: Some(0),
        fast_fail_share: Some(Share(990_000_000)),
        fast_fail_latency: Some((Share(990_000_000), 5_000)),
        reopens_after_close: Some(0),
        ..nothing()
    }
}

pub(super) fn script(must: BreakerMust, evidence: Evidence, life: Life, ends: bool) -> Script {
    let mut script = Script::new(50)
        .fleet()
        .declare(Shows::Broken)
        .on(0, 20_000..32_000, hit(1))
        .breaker(vec![evidence])
        .must(must)
        .offered(&life.due)
        .attempts(AttemptsOf::Link("api".to_owned()), life.arrivals)
        .attempts(AttemptsOf::Gateway(0, 0), life.attempts);
    for event in life.transitions {
        script.push(event.at, Event::Breaker(event));
    }
    if ends { script.complete() } else { script }
}

fn told(must: BreakerMust, life: Life) -> crate::scorecard::ExpectationScore {
    script(must, Evidence::Gateway(0), life, true).expectation()
}

pub(super) fn inferred(must: BreakerMust, life: Life) -> crate::scorecard::ExpectationScore {
    script(must, Evidence::Arrivals("api".to_owned()), life, true).expectation()
}

/// Without what arrivals cannot show: rejections, and that calls after a success were no trials.
fn visible() -> BreakerMust {
    BreakerMust { trials: None, fast_fail_share: None, fast_fail_latency: None, ..all() }
}

#[test]
fn as_it_should_be() {
    let score = told(all(), life(Flaw::None));
    assert_eq!(score.verdict, Met, "{score:?}");
    assert!(score.observed.starts_with("opened after 2"), "{}", score.observed);
    assert!(score.asks.ends_with("(instants ± 2 ms)"), "{}", score.asks);
    let score = inferred(visible(), life(Flaw::None));
    assert_eq!(score.verdict, Met, "{score:?}");
    assert!(score.asks.ends_with("(instants ± 10 ms)"), "{}", score.asks);
    let score = inferred(all(), life(Flaw::None));
    assert_eq!(score.verdict, Inconclusive, "{score:?}");
    let card = script(all(), Evidence::Gateway(0), life(Flaw::None), true).judge();
    let score = &card.breakers[0];
    let episodes = &score.episodes;
    assert_eq!((episodes.len(), score.evidence.as_str()), (3, "told by the gateway"));
    assert_eq!(episodes[0].failures, Some(5));
    assert!(episodes.iter().all(|e| e.trials == Some(1) && e.leaked == Some(0)), "{episodes:?}");
    assert!(episodes[2].closed.is_some() && episodes[0].rejected > Some(900));
}

#[test]
fn one_that_never_opens() {
    for score in
        [told(visible(), life(Flaw::NeverOpens)), inferred(visible(), life(Flaw::NeverOpens))]
    {
        assert_eq!(score.verdict, Violated, "{score:?}");
        assert_eq!(score.reason, "did not open within 1 s");
    }
    let never = BreakerMust { never_opens: true, ..nothing() };
    for (flaw, verdict) in [(Flaw::NeverOpens, Met), (Flaw::None, Violated)] {
        assert_eq!(told(never.clone(), life(flaw)).verdict, verdict);
        assert_eq!(inferred(never.clone(), life(flaw)).verdict, verdict);
    }
}

#[test]
fn leaks_and_trials() {
    let leaks = BreakerMust { calls_while_open: Some(0), ..nothing() };
    let trials = BreakerMust { trials: Some(1), ..nothing() };
    for judge in [told, inferred] {
        let score = judge(leaks.clone(), life(Flaw::Leaks(250)));
        assert_eq!(score.verdict, Violated, "{score:?}");
        assert_eq!(judge(leaks.clone(), life(Flaw::None)).verdict, Met);
        // Fast enough that the second comes before the first has ended.
        let score = judge(trials.clone(), life_at(1000, Flaw::TwoTrials));
        assert_eq!(score.verdict, Violated, "{score:?}");
    }
    assert_eq!(told(trials.clone(), life_at(1000, Flaw::None)).verdict, Met);
    let two = BreakerMust { trials: Some(2), ..nothing() };
    assert_eq!(told(two, life_at(1000, Flaw::TwoTrials)).verdict, Met);
    assert_eq!(told(all(), life(Flaw::Leaks(250))).verdict, Violated);
    let share = BreakerMust { fast_fail_share: Some(Share(999_000_000)), ..nothing() };
    assert_eq!(told(share.clone(), life(Flaw::None)).verdict, Met);
    assert_eq!(told(share, life(Flaw::Leaks(250))).verdict, Violated);
}

/// A fault that comes again opens it again: that is no relapse.
#[test]
fn a_fault_that_comes_again_is_a_cause() {
    use BreakerState::{Closed, HalfOpen, Open};
    let must = BreakerMust { reopens_after_close: Some(0), ..nothing() };
    let run = |reopened: i64, link: &str| {
        let mut script = Script::new(60)
            .fleet()
            .declare(Shows::Broken)
            .declare(Shows::Broken)
            .on(0, 20_000..22_000, hit(1))
            .on(1, 40_000..42_000, hit(1))
            .breaker(vec![Evidence::Gateway(0)])
            .must(must.clone());
        link.clone_into(&mut script.case.faults[1].link);
        for (at, from, to) in [
            (20_100, Closed, Open),
            (25_100, Open, HalfOpen),
            (25_200, HalfOpen, Closed),
            (reopened, Closed, Open),
            (reopened + 5_000, Open, HalfOpen),
            (reopened + 5_100, HalfOpen, Closed),
        ] {
            let (fleet, gateway, failures, in_flight) = (0, 0, 5, 1);
            let at = ms(at);
            let event = BreakerEvent { fleet, gateway, from, to, at, failures, in_flight };
            script.push(at, Event::Breaker(event));
        }
        script.run(0..60, 0).complete().expectation()
    };
    let again = run(40_100, "api");
    assert_eq!(again.verdict, Met, "{again:?}");
    assert!(again.reason.contains("opened 0 times after it closed (0 allowed); 1 time by a fault"));
    assert_eq!(run(30_000, "api").verdict, Violated);
    // Elsewhere it may be a cause, or none.
    let elsewhere = run(40_100, "mail");
    assert_eq!(elsewhere.verdict, Inconclusive, "{elsewhere:?}");
    assert!(
        elsewhere.reason.contains("1 time while a fault was on that may have"),
        "{elsewhere:?}"
    );
    assert_eq!(run(30_000, "mail").verdict, Violated);
}

/// A breaker that closes by time, or by a lucky trial, opens again as long as its fault is on.
#[test]
fn a_fault_that_is_still_on_is_a_cause_if_nothing_succeeds() {
    use BreakerState::{Closed, HalfOpen, Open};
    let must = BreakerMust { reopens_after_close: Some(0), ..nothing() };
    let run = |asked: Share, fault_on: std::ops::Range<u64>| {
        let script = Script::new(60).fleet().declare(Shows::Broken).on(0, fault_on, hit(1));
        let mut script = script.breaker(vec![Evidence::Gateway(0)]).must(must.clone());
        script.case.faults[0].asked = crate::case::Asked::Share(asked);
        for (at, from, to) in [
            (20_100, Closed, Open),
            (25_100, Open, HalfOpen),
            (25_200, HalfOpen, Closed),
            (26_000, Closed, Open),
            (36_000, Open, HalfOpen),
            (36_100, HalfOpen, Closed),
        ] {
            let (fleet, gateway, failures, in_flight) = (0, 0, 5, 1);
            let at = ms(at);
            let event = BreakerEvent { fleet, gateway, from, to, at, failures, in_flight };
            script.push(at, Event::Breaker(event));
        }
        script.run(0..60, 0).complete().expectation().verdict
    };
    assert_eq!(run(Share::ONE, 20_000..30_000), Met);
    assert_eq!(run(Share(700_000_000), 20_000..30_000), Inconclusive);
    assert_eq!(run(Share::ONE, 20_000..25_150), Violated);
}

#[test]
fn the_number_of_failures() {
    let five = BreakerMust { opens_after_failures: Some(5), ..nothing() };
    let six = BreakerMust { opens_after_failures: Some(6), ..nothing() };
    assert_eq!(told(five.clone(), life(Flaw::Late)).verdict, Violated);
    assert_eq!(told(six.clone(), life(Flaw::Late)).verdict, Met);
    assert_eq!(told(six.clone(), life(Flaw::None)).verdict, Violated);
    // By arrivals one more may have been on its way.
    assert_eq!(inferred(five, life(Flaw::Late)).verdict, Inconclusive);
    assert_eq!(inferred(six, life(Flaw::None)).verdict, Violated);
}

#[test]
fn an_old_success_closes_nothing() {
    use BreakerState::{Closed, HalfOpen, Open};
    let closes = BreakerMust { closes: Some((fault_end(), 8_000_000)), ..nothing() };
    let change = |at: i64, from, to| {
        let (fleet, gateway, failures, in_flight) = (0, 0, 5, 1);
        BreakerEvent { fleet, gateway, from, to, at: ms(at), failures, in_flight }
    };
    let call = |begun: i64, done: i64, outcome, trial| Attempt {
        begun: ms(begun),
        done: ms(done),
        outcome,
        trial,
    };
    let run = |trial_begun: i64, outcome| Life {
        transitions: vec![
            change(20_100, Closed, Open),
            change(35_000, Open, HalfOpen),
            change(35_400, HalfOpen, Closed),
        ],
        attempts: vec![
            call(trial_begun, 35_400, Outcome::Ok, false),
            call(35_000, 36_000, outcome, true),
        ],
        ..Life::default()
    };
    assert_eq!(told(closes.clone(), run(35_000, Outcome::Timeout)).verdict, Met);
    let stale = told(closes.clone(), run(19_000, Outcome::Timeout));
    assert_eq!(stale.verdict, Violated, "{stale:?}");
    assert!(stale.reason.contains("an older call's success closed it"), "{}", stale.reason);
    // Of a journal that was cut the trial may not be written yet.
    let cut = script(closes.clone(), Evidence::Gateway(0), run(19_000, Outcome::Timeout), false);
    assert_eq!(cut.expectation().verdict, Inconclusive);
    // A success that ended only later did not close it either.
    assert_eq!(told(closes, run(19_000, Outcome::Ok)).verdict, Violated);
}

#[test]
fn deadlines_and_tolerance() {
    let closes = |within_us| BreakerMust { closes: Some((fault_end(), within_us)), ..nothing() };
    // Trials at about 25, 30 and 35 s: closed 3.03 s after the end.
    let closed = |within_us| told(closes(within_us), life(Flaw::None)).verdict;
    assert_eq!((closed(3_100_000), closed(2_900_000)), (Met, Violated));
    let at = script(closes(1), Evidence::Gateway(0), life(Flaw::None), true).judge();
    let at = at.breakers[0].episodes[2].closed.unwrap().latest.since(ms(32_000)).unsigned_abs();
    assert_eq!(closed(at), Inconclusive);
    // A run that ends before the deadline, with the breaker still open.
    let mut life = life(Flaw::None);
    life.transitions.retain(|event| event.at < ms(33_000));
    let score = told(closes(30_000_000), life);
    assert_eq!(score.verdict, Inconclusive, "{score:?}");
    assert_eq!(score.missing.unwrap(), "needs 12.1 s more of traffic after the moment");
}

#[test]
fn what_is_not_known_is_not_met() {
    // Nothing was written down beyond the cap.
    let mut capped = script(all(), Evidence::Gateway(0), life(Flaw::None), true);
    for entry in &mut capped.entries {
        if let Event::Attempts(attempts) = &mut entry.event {
            attempts.left_out = 1;
        }
    }
    assert_eq!(capped.expectation().verdict, Inconclusive);
    // A journal that was cut.
    let cut = script(all(), Evidence::Gateway(0), life(Flaw::None), false).expectation();
    assert_eq!(cut.verdict, Inconclusive, "{cut:?}");
    let cut = script(visible(), Evidence::Gateway(0), life(Flaw::NeverOpens), false).expectation();
    assert_ne!(cut.verdict, Met);
    // Asked nothing.
    assert_eq!(told(nothing(), life(Flaw::None)).verdict, Inconclusive);
    // A fault without effect.
    let mut idle = script(all(), Evidence::Gateway(0), life(Flaw::None), true);
    for entry in &mut idle.entries {
        if let Event::Edge(edge) = &mut entry.event {
            edge.effect = edge.effect.map(|_| hit(0));
        }
    }
    assert_eq!(idle.expectation().verdict, Inconclusive);
}

#[test]
fn requests_while_it_is_open() {
    let mut script = script(nothing(), Evidence::Gateway(0), life(Flaw::None), true).errors();
    script.case.expectations.clear();
    script.case.objectives[0].during = vec![During::Open(0)];
    // Open from 20.02 to 25.02, 30.02, 35.02 s: whole seconds 21-24, 26-29, 31-34.
    let score = script.first();
    assert_eq!((score.n, score.seconds), (2400, 12.0), "{score:?}");
    assert_eq!(score.during, "uplink.open");
    let mut never = script.clone();
    never.entries.retain(|entry| !matches!(entry.event, Event::Breaker(_)));
    let score = never.first();
    assert_eq!(score.verdict, Inconclusive);
    assert_eq!(score.reason, "breaker `uplink` was never open");
}

#[test]
fn every_gateway_must() {
    let both = |second: Flaw| {
        let (first, second) = (life(Flaw::None), life(second));
        let mut script = script(all(), Evidence::Gateway(0), first, false)
            .attempts(AttemptsOf::Gateway(0, 1), second.attempts);
        for event in second.transitions {
            script.push(event.at, Event::Breaker(BreakerEvent { gateway: 1, ..event }));
        }
        script.complete().expectation()
    };
    assert_eq!(both(Flaw::None).verdict, Met);
    let one = both(Flaw::NeverOpens);
    assert_eq!(one.verdict, Violated);
    assert_eq!(one.reason, "gateway 1 of fleet `trucks`: did not open within 1 s");
}
