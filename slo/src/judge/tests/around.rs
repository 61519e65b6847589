//! Golden runs around faults: recovery, blast radius, degraded answers, faults' effects, gates.
//! Not here: objectives by themselves.

use super::*;
use crate::case::{Again, Asked, LoadKind, Must, Place, Shows, SteadyState};
use crate::event::{Effect, GateTime};
use crate::script::{ANSWERED, ANSWERED_SERVICE, LIST, REFUSED};

/// A fault from 20 s to 25 s, then so many bad in each second from 25 s on.
fn recovering(seconds: u64, bad_after: &[u64]) -> Script {
    let script = Script::new(seconds).errors().recovers(5).fault(20_000..25_000, hit(500));
    let mut script = script.run(0..20, 0).run(20..25, 100);
    for (second, bad) in (25..).zip(bad_after) {
        script = script.run(second..second + 1, *bad);
    }
    let next = 25 + bad_after.len() as i64;
    script.run(next..seconds as i64, 0)
}

#[test]
fn recovery() {
    let judge = |script: Script| {
        let score = script.complete().expectation();
        (score.verdict, score.observed, score.reason, score.missing)
    };
    let (verdict, observed, ..) = judge(recovering(60, &[]));
    assert_eq!((verdict, observed.as_str()), (Met, "recovered at fault0.end"));
    let (verdict, observed, ..) = judge(recovering(60, &[9, 9]));
    assert_eq!((verdict, observed.as_str()), (Met, "recovered 1 s to 2 s after fault0.end"));
    // One bad of 100 does not prove more than 0.1 %, neither alone nor with 200 good ones.
    let (_, observed, ..) = judge(recovering(60, &[9, 1, 0, 0]));
    assert_eq!(observed, "recovered 0 s to 1 s after fault0.end");
    // Three of 300 do, though no second of them does.
    let (_, observed, ..) = judge(recovering(60, &[9, 1, 1, 1]));
    assert_eq!(observed, "recovered 2 s to 3 s after fault0.end");
    // A relapse within the hold starts it anew.
    let (_, observed, ..) = judge(recovering(60, &[9, 0, 0, 9]));
    assert_eq!(observed, "recovered 3 s to 4 s after fault0.end");
    assert_eq!(judge(recovering(60, &[9; 5])).0, Met);
    let (verdict, _, reason, missing) = judge(recovering(60, &[9; 6]));
    assert_eq!(verdict, Inconclusive, "{reason}");
    assert_eq!(missing.as_deref(), Some("a deadline of at least 6 s"));
    let (verdict, observed, ..) = judge(recovering(60, &[9; 7]));
    assert_eq!((verdict, observed.as_str()), (Violated, "recovered 6 s to 7 s after fault0.end"));
    let (verdict, _, reason, _) = judge(recovering(60, &[9; 35]));
    assert_eq!(verdict, Violated);
    assert!(reason.contains("not recovered within the 35 s of load"), "{reason}");
    assert!(reason.contains("metastable"), "{reason}");
}

#[test]
fn a_load_that_ends_too_early_leaves_recovery_open() {
    let score = recovering(29, &[9; 4]).complete().expectation();
    assert_eq!(score.verdict, Inconclusive);
    assert_eq!(score.missing.as_deref(), Some("needs 6 s more of load after the moment"));
    // With the load long enough the same is violated.
    assert_eq!(recovering(40, &[9; 15]).complete().expectation().verdict, Violated);
    // And cut journals are never met, but may be violated.
    assert_eq!(recovering(60, &[]).expectation().verdict, Inconclusive);
    assert_eq!(recovering(60, &[9; 35]).expectation().verdict, Violated);
}

#[test]
fn a_second_without_requests_is_no_evidence() {
    let run = |idle_until| {
        let script = Script::new(60).errors().recovers(5).fault(20_000..25_000, hit(500));
        let script = script.run(0..20, 0).run(20..25, 100).run(idle_until..60, 0);
        script.complete().expectation()
    };
    assert_eq!(run(30).verdict, Met);
    let (verdict, reason) = (run(32).verdict, run(32).reason);
    assert_eq!(verdict, Inconclusive);
    assert!(reason.contains("in 7 seconds there was no request"), "{reason}");
}

#[test]
fn a_fault_without_effect_proves_nothing() {
    let run = |effect: Effect| {
        let script = Script::new(90).errors().recovers(5).fault(20_000..25_000, effect);
        script.run(0..90, 0).complete().judge()
    };
    assert_eq!(run(hit(500)).verdict, Met);
    let card = run(Effect::default());
    assert_eq!(card.faults[0].effect, "without effect: no request matched");
    // Where nobody reads requests there are connections only.
    for shows in [Shows::Connections, Shows::Refused, Shows::Unseen] {
        for (matched, words) in
            [(0, "no connection was open or came"), (7, "no connection was hit")]
        {
            let effect = Effect { matched, injected: 0, ours: 0 };
            let mut script = Script::new(90).errors().declare(shows.clone());
            script.case.faults[0].connections = true;
            let card = script.on(0, 20_000..25_000, effect).run(0..90, 0).complete().judge();
            assert_eq!(card.faults[0].effect, format!("without effect: {words}"));
        }
    }
    assert_eq!(card.objectives[0].verdict, Met);
    assert_eq!((card.verdict, card.expectations[0].verdict), (Inconclusive, Inconclusive));
    // Also when nothing refers to the fault.
    let script = Script::new(90).errors().fault(20_000..25_000, Effect::default()).run(0..90, 0);
    let card = script.complete().judge();
    assert_eq!((card.verdict, card.expectations[0].id.as_str()), (Inconclusive, "fault fault0"));
    let mut named = Script::new(90).errors().fault(20_000..25_000, Effect::default()).run(0..90, 0);
    named.case.objectives[0].during = vec![During::Named(0)];
    assert_eq!(named.complete().first().verdict, Inconclusive);
}

/// A steady state that requires the first objective.
fn steady() -> Option<SteadyState> {
    Some(SteadyState { require: vec![0], after_us: 0, place: Place::default() })
}

#[test]
fn a_closed_gate_leaves_everything_about_faults_open() {
    let run = |open: bool| {
        let mut script = Script::new(90).errors().recovers(5).declare(Shows::Status(503));
        script.case.steady_state = steady();
        let script = script.gate(19, GateTime::Before, open);
        let script = if open { script.on(0, 20_000..25_000, hit(500)) } else { script };
        script.run(0..90, 0).gate(80, GateTime::After, true).complete().judge()
    };
    assert_eq!(run(true).verdict, Met);
    let card = run(false);
    assert_eq!((card.verdict, card.objectives[0].verdict), (Inconclusive, Met));
    let begins = "steady-state: precondition: no fault was injected";
    assert!(card.sentence.starts_with(begins), "{}", card.sentence);
    assert!(card.expectations[0].reason.starts_with("precondition"), "{card:?}");
}

#[test]
fn the_look_after_the_last_undo() {
    let run = |after: Option<bool>| {
        let mut script = Script::new(90).errors().fault(20_000..25_000, hit(500));
        script.case.steady_state = steady();
        let script = script.run(0..90, 0);
        let script = match after {
            Some(open) => script.gate(80, GateTime::After, open),
            None => script,
        };
        script.complete().judge().verdict
    };
    assert_eq!([Some(true), Some(false), None].map(run), [Met, Violated, Inconclusive]);
}

#[test]
fn what_stays_unaffected() {
    let run = |bad: u64| {
        let during = vec![During::Named(0)];
        let must = Must::Unaffected { of: vec![LIST], during, keeps: vec![0, 1] };
        let script = Script::new(90).errors().fast().expect(must).fault(20_000..60_000, hit(9));
        script.run(0..20, 0).run(20..60, bad).run(60..90, 0).complete().expectation()
    };
    assert_eq!(run(0).verdict, Met);
    let score = run(1);
    assert_eq!(score.verdict, Violated);
    assert!(score.reason.starts_with("errors: "), "{}", score.reason);
    assert_eq!(score.observed, "errors: 1 % (40 of 4000); fast: 99 % ok in less than 500 ms");
}

#[test]
fn a_degraded_contract_is_exact() {
    // All 503 in the fault: so many answered wrong, wrong on the service clock, sent late.
    let run = |wrong: u64, service_wrong: u64, late: u64, stood_ms: i64| {
        let must = Must::Answers {
            of: vec![LIST],
            during: vec![During::Named(0)],
            mark: ANSWERED,
            service_mark: ANSWERED_SERVICE,
            late_mark: LATE,
        };
        let script = Script::new(60).expect(must).fault(20_000..25_000, hit(500));
        let mut script = script.run(0..20, 1).run(25..60, 1);
        for second in 20..25 {
            let mut cell = script.cell(second, Outcome::Http5xx, 100);
            cell.marks[ANSWERED] = 100 - wrong;
            cell.marks[ANSWERED_SERVICE] = 100 - service_wrong;
            cell.marks[LATE] = late;
            script = script.add(cell);
        }
        super::stood::stood(script, LoadKind::Open, stood_ms).complete().expectation()
    };
    let score = run(0, 0, 0, 0);
    assert_eq!((score.verdict, score.observed.as_str()), (Met, "500 of 500 answered so"));
    let asks = "answers 2xx or 503 within 50 ms, refusals with `retry-after` during fault0";
    assert_eq!(score.asks, asks);
    assert_eq!(run(1, 0, 0, 0).verdict, Violated);
    assert_eq!(run(1, 0, 2, 0).verdict, Inconclusive);
    assert_eq!(run(1, 1, 2, 0).verdict, Violated);
    assert_eq!(run(0, 0, 2, 0).verdict, Inconclusive);
    // What waited for us alone is no broken promise.
    let stood = run(1, 0, 0, 200);
    assert_eq!(stood.verdict, Inconclusive);
    assert!(stood.reason.contains("stood still for 200 ms"), "{}", stood.reason);
    assert_eq!(run(1, 1, 0, 200).verdict, Violated);
    assert_eq!(run(0, 0, 0, 200).verdict, Met);
}

#[test]
fn asked_injected_seen() {
    let effect = Effect { matched: 1000, injected: 480, ours: 480 };
    let mut script = Script::new(60).errors().fault(20_000..30_000, effect);
    script.case.faults[0].asked = Asked::Share(Share(500_000_000));
    let whole = script.clone().run(0..20, 0).run(20..30, 48).run(30..60, 0).complete().judge();
    let score = &whole.faults[0];
    assert_eq!((score.asked, score.injected, score.seen), (Some(500), Some(480), Some(480)));
    assert_eq!(whole.findings, Vec::<String>::new());
    // Retries between the link and the callers hide it.
    let hidden = script.clone().run(0..60, 0).complete().judge();
    assert!(hidden.findings[0].contains("hides it"), "{:?}", hidden.findings);
    // Only what is kept back can be let go.
    for (kind, why) in [("abort", "hides it"), ("stall", "over or at another try")] {
        let mut script = script.clone();
        script.case.faults[0].shows = Shows::Broken;
        script.case.faults[0].kind = kind.to_owned();
        let card = script.run(0..60, 0).complete().judge();
        assert!(card.findings[0].contains(why), "{kind}: {:?}", card.findings);
    }
    script.case.faults[0].asked = Asked::Share(Share(600_000_000));
    let card = script.run(0..20, 0).run(20..30, 48).run(30..60, 0).complete().judge();
    assert!(card.findings[0].contains("asked for 60 %"), "{:?}", card.findings);
}

#[test]
fn a_fault_that_spares_what_is_short_is_not_held_to_its_share() {
    let run = |kind: &str, injected| {
        let effect = Effect { matched: 1000, injected, ours: injected };
        let mut script = Script::new(60).errors().declare(Shows::Broken);
        script.case.faults[0].kind = kind.to_owned();
        script.case.faults[0].asked = Asked::Share(Share(400_000_000));
        let mut script = script.on(0, 20_000..30_000, effect).run(0..60, 0);
        let cell = script.cell(25, Outcome::ProtocolError, injected);
        script = script.add(cell);
        script.complete().judge().findings
    };
    assert_eq!(run("truncate", 212), Vec::<String>::new());
    assert!(run("truncate", 600)[0].contains("asked for 40 %"));
    assert!(run("abort", 212)[0].contains("asked for 40 %"));
}

#[test]
fn a_fault_that_comes_again_must_hit_somebody_each_time() {
    let run = |second: u64| {
        let script = Script::new(90).errors().recovers(10).fault(20_000..30_000, hit(1000));
        let script = script.on(0, 50_000..60_000, hit(second)).run(0..20, 0).run(20..30, 100);
        let script = script.run(30..50, 0).run(50..60, second / 10).run(60..90, 0);
        script.complete().judge()
    };
    let card = run(1000);
    assert_eq!(
        (card.faults[0].effect.as_str(), card.expectations[0].verdict),
        ("took effect", Met)
    );
    let card = run(0);
    assert_eq!(card.faults[0].effect, "took effect 1 of 2 times only");
    assert_eq!(card.expectations[0].verdict, Inconclusive);
}

/// A service that was found standing still refuses a time, and one that is late holds up the next.
#[test]
fn a_fault_that_did_not_come_as_often_as_planned_is_not_met() {
    for shows in [Shows::Done, Shows::Gone, Shows::Broken] {
        let run = |times: u64| {
            let mut script = Script::new(90).errors().recovers(10).declare(shows.clone());
            script.case.faults[0].again = Some(Again { times, every_us: 15_000_000 });
            let hits = if shows == Shows::Broken { hit(1000) } else { hit(1) };
            let script = script.on(0, 20_000..30_000, hits).on(0, 50_000..60_000, hits);
            let script = script.run(0..20, 0).run(20..30, 100).run(30..50, 0).run(50..60, 100);
            script.run(60..90, 0).complete().judge()
        };
        let verdict = |times| {
            let card = run(times);
            (card.faults[0].effect.clone(), card.expectations[0].verdict)
        };
        assert_eq!(verdict(1), ("took effect".to_owned(), Met), "{shows:?}");
        let told = "took effect 2 of 3 times only".to_owned();
        assert_eq!(verdict(2), (told, Inconclusive), "{shows:?}");
    }
}

/// Of 1000 that matched, each 300th is 3 and the first 5 are 5: no share that chance could miss.
#[test]
fn counted_victims_are_asked_for_by_their_number() {
    for (asked, wanted) in
        [(Asked::EveryNth(300), 3), (Asked::Next(5), 5), (Asked::Next(5000), 1000)]
    {
        let effect = Effect { matched: 1000, injected: 1, ours: 1 };
        let mut script = Script::new(60).errors().fault(20_000..30_000, effect);
        script.case.faults[0].asked = asked;
        let card = script.run(0..60, 0).complete().judge();
        assert_eq!((card.faults[0].asked, card.faults[0].injected), (Some(wanted), Some(1)));
        assert_eq!(card.findings, Vec::<String>::new());
    }
    // Each time that it is on anew.
    let effect = Effect { matched: 20, injected: 3, ours: 3 };
    let script = Script::new(60).errors().fault(20_000..30_000, effect);
    let mut script = script.on(0, 40_000..45_000, effect);
    script.case.faults[0].asked = Asked::Next(5);
    let card = script.run(0..60, 0).complete().judge();
    assert_eq!((card.faults[0].asked, card.faults[0].injected), (Some(10), Some(6)));
    let mut script = Script::new(60).errors().fault(20_000..30_000, Effect::default());
    script.case.faults[0].asked = Asked::EveryNth(0);
    assert!(script.run(0..60, 0).complete().timeline().is_err());
}

#[test]
fn a_delay_is_seen_as_slow_requests() {
    let run = |slow: u64| {
        let script = Script::new(60).errors().declare(Shows::Slow { mark: FAST_SERVICE });
        let mut script = script.on(0, 20_000..25_000, hit(500)).run(0..20, 0).run(25..60, 0);
        let mut cell = script.cell(22, Outcome::Ok, 500);
        cell.marks[FAST_SERVICE] = 500 - slow;
        script = script.add(cell);
        script.complete().judge().faults.remove(0)
    };
    assert_eq!((run(500).seen, run(0).seen), (Some(500), Some(0)));
    // Whoever gives up before the delay is over has seen it.
    let script = Script::new(60).errors().declare(Shows::Slow { mark: FAST_SERVICE });
    let script = script.on(0, 20_000..25_000, hit(500)).run(0..20, 0).run(25..60, 0);
    let mut cell = script.cell(22, Outcome::Timeout, 300);
    cell.marks[FAST_SERVICE] = 300;
    assert_eq!(script.add(cell).complete().judge().faults.remove(0).seen, Some(300));
}

#[test]
fn a_fault_that_callers_cannot_tell_is_judged_by_its_link() {
    let run = |injected| {
        let effect = Effect { matched: 1000, injected, ours: injected };
        let script = Script::new(60).errors().declare(Shows::Unseen).on(0, 20_000..30_000, effect);
        script.run(0..60, 0).complete().judge()
    };
    let (took, missed) = (run(40), run(0));
    assert_eq!((took.faults[0].injected, took.faults[0].seen), (Some(40), None));
    assert!(took.findings.is_empty() || !took.findings[0].contains("callers saw"));
    assert_eq!(missed.faults[0].effect, "without effect: no request was hit");
}

#[test]
fn a_refused_link_is_known_by_its_callers() {
    let run = |link: &str, refused: u64, open: u64| {
        let effect = Effect { matched: open, injected: open, ours: open };
        let mut script = Script::new(60).errors().declare(Shows::Refused);
        script.case.faults[0].link = link.to_owned();
        let mut script = script.on(0, 20_000..25_000, effect).run(0..20, 0).run(25..60, 0);
        let mut cell = script.cell(21, Outcome::ConnectError, refused);
        cell.marks[REFUSED] = refused;
        let broken = script.cell(20, Outcome::ProtocolError, open);
        script = script.add(cell).add(broken);
        script.complete().judge()
    };
    let card = run("api", 400, 7);
    let score = &card.faults[0];
    assert_eq!((score.asked, score.injected, score.seen), (Some(407), Some(407), Some(407)));
    assert_eq!((score.effect.as_str(), card.verdict), ("took effect", Met));
    assert!(run("api", 0, 0).faults[0].effect.starts_with("without effect"));
    let card = run("db", 0, 0);
    assert!(card.faults[0].effect.starts_with("effect unknown"), "{card:?}");
    assert!(!card.findings.iter().any(|said| said.contains("go past it")), "{card:?}");
    assert_eq!((card.faults[0].seen, card.verdict), (None, Inconclusive));
}

#[test]
fn a_connection_that_nobody_used_shows_no_fault() {
    let run = |kind: &str, shows: Shows, used: u64| {
        let effect = Effect { matched: 1, injected: used, ours: 0 };
        let mut script = Script::new(60).errors().declare(shows);
        (script.case.faults[0].kind, script.case.faults[0].link) = (kind.into(), "db".into());
        script.on(0, 20_000..25_000, effect).run(0..60, 0).complete().judge()
    };
    for (kind, shows) in [
        ("outage", Shows::Refused),
        ("outage", Shows::Connections),
        ("half-open", Shows::Connections),
    ] {
        let idle = run(kind, shows.clone(), 0);
        assert_eq!(idle.verdict, Inconclusive, "{idle:?}");
        let told = idle.findings.iter().find(|said| said.contains("go past it"));
        assert!(told.is_some_and(|told| told.contains("1 connection at link `db`")), "{idle:?}");
        let used = run(kind, shows, 1);
        assert_eq!((used.faults[0].effect.as_str(), used.verdict), ("took effect", Met));
    }
}
