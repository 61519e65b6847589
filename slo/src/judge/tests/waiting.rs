//! Loads in which who waits begins nothing else: an outage that holds requests is no idle time.
//! Not here: seconds in which something was due (`tests`).

use super::*;
use crate::case::LoadKind;

const SECOND: i64 = 1_000_000;

/// Users that are up to be judged, in slices of so many seconds.
fn users(slice_s: u64) -> Script {
    let ask = Ask::Availability {
        at_least: Share(950_000_000),
        slice_s,
        slice_target: Share(950_000_000),
        slice_least: 1,
    };
    let mut script = Script::new(125).objective("up", ask);
    script.driven_by(LoadKind::Users);
    script
}

/// 20 requests that began in a second, and ended in the second before `known`.
fn held(mut script: Script, second: i64, outcome: Outcome, known: i64) -> Script {
    let cell = script.cell(second, outcome, 20);
    script.case.loads[0].planned += cell.n;
    script.push(ZERO.plus(known * SECOND + 1_000), Event::Cells(vec![cell]));
    script
}

/// Three times from 20 s on all are held for 9.9 s.
fn outage(slice_s: u64, outcome: Outcome) -> Script {
    let script = users(slice_s).run(0..20, 0);
    let script = [20, 30, 40]
        .into_iter()
        .fold(script, |script, second| held(script, second, outcome, second + 10));
    script.run(50..125, 0)
}

#[test]
fn an_outage_in_which_everybody_waits_is_bad() {
    let down = outage(1, Outcome::Http5xx).complete().first();
    assert_eq!(down.verdict, Violated, "{down:?}");
    // Of each ten seconds the first, and those that were waited through.
    assert_eq!((down.n, down.k), (122, 27));
    assert!(down.reason.ends_with("down for 27 s (at most 9 s at a time), 3 idle"), "{down:?}");
    assert_eq!(outage(2, Outcome::Timeout).complete().first().verdict, Violated);
    // Answered late is answered; and who pauses asks for nothing.
    assert_eq!(outage(1, Outcome::Ok).complete().first().verdict, Met);
    let pauses = users(1).run(0..20, 0).run(24..125, 0).complete().first();
    assert_eq!((pauses.verdict, pauses.n), (Met, 121));
    // Nobody knows what would have become of those that the end cut off.
    let cut = held(users(1).run(0..110, 0), 110, Outcome::Cut, 125).complete().first();
    assert_eq!((cut.verdict, cut.k, cut.unknown), (Inconclusive, 0, 14));
}

#[test]
fn one_that_is_answered_shows_a_service_that_is_up() {
    let mixed = held(outage(1, Outcome::Http5xx), 20, Outcome::Ok, 30).complete().first();
    assert_eq!(mixed.k, 27 - 8);
    // What arrives whether or not others wait is idle where nothing is due.
    let mut open = outage(1, Outcome::Http5xx);
    open.driven_by(LoadKind::Open);
    assert_eq!(open.complete().first().verdict, Met);
}

#[test]
fn who_waits_for_what_then_fails_has_not_recovered() {
    // After the fault nobody is answered for 30 s, and then all are.
    let run = |outcome: Outcome| {
        let mut script = Script::new(90).errors().recovers(10).fault(10_000..20_000, hit(200));
        script.driven_by(LoadKind::Users);
        let script = script.run(0..10, 0).run(10..20, 100);
        let held = [20, 30, 40]
            .into_iter()
            .fold(script, |script, second| held(script, second, outcome, second + 10));
        held.run(50..90, 0).complete().expectation()
    };
    assert_eq!(run(Outcome::Http5xx).verdict, Violated);
    // Who pauses says nothing.
    let mut script = Script::new(60).errors().recovers(5).fault(10_000..20_000, hit(200));
    script.driven_by(LoadKind::Users);
    let script = script.run(0..10, 0).run(10..20, 100);
    let sparse =
        (20..60).step_by(2).fold(script, |script, second| script.run(second..second + 1, 0));
    let score = sparse.complete().expectation();
    assert_eq!(score.verdict, Inconclusive);
    assert!(score.reason.contains("there was no request") && !score.reason.contains("metastable"));
}

/// All users wait two seconds of ten, and 20 of 820 requests took longer: P95 is met, and says nothing of it.
#[test]
fn a_percentile_of_a_closed_load_tells_of_time_in_which_all_waited() {
    let told = |script: Script| {
        let card = script.fast().complete().judge();
        assert_eq!(card.objectives[0].verdict, Met);
        card.findings.into_iter().find(|text| text.contains("nothing of load `visitors` was begun"))
    };
    let mut closed = Script::new(10);
    closed.driven_by(LoadKind::Users);
    let stalls = |script: Script| held(script.run(0..5, 0), 4, Outcome::Ok, 8).run(7..10, 0);
    let text = told(stalls(closed.clone())).unwrap();
    assert!(text.starts_with("objective `fast`: in 2 of 10 seconds nothing of load"), "{text}");
    // Who pauses waits for nothing; and a second of fifty is less than what may be slow.
    assert_eq!(told(closed.clone().run(0..5, 0).run(7..10, 0)), None);
    assert_eq!(told(closed.clone().run(0..10, 0)), None);
    // What arrives at a rate waits for nobody.
    assert_eq!(told(stalls(Script::new(10))), None);
}

/// The generator itself did not begin anything.
#[test]
fn a_generator_that_stood_still_is_not_taken_for_users_who_waited() {
    let told = |still: bool| {
        let mut script = Script::new(100).fast();
        script.driven_by(LoadKind::Users);
        if let Ask::Latency { percentile, .. } = &mut script.case.objectives[0].ask {
            *percentile = Share(990_000_000);
        }
        let script = held(script.run(0..10, 0), 9, Outcome::Ok, 13).run(12..100, 0);
        let script = super::stood::stood(script, LoadKind::Users, if still { 2_000 } else { 0 });
        let card = script.complete().judge();
        assert_eq!(card.objectives[0].verdict, Met, "{:?}", card.objectives[0]);
        card.findings.iter().any(|text| text.contains("was begun, since its users waited"))
    };
    assert!(told(false) && !told(true));
}
