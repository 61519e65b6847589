//! Services that died, and those that a fault ended and that were not ready again in time.
//! Not here: how fast one must be ready (`metrics`).

use super::*;
use crate::case::Shows;
use crate::event::{Looks, NotBack};

/// A kill of `api` from 10 s to 12 s, another fault then, ms, and that at 42 s it was not back.
fn script(other: std::ops::Range<u64>) -> Script {
    let mut script = Script::new(60).errors().declare(Shows::Gone);
    script.case.faults[0].kind = "kill".to_owned();
    let mut script = script.on(0, 10_000..12_000, hit(1)).fault(other, hit(0));
    let since = At(ZERO.0 + 12_000_000);
    let event = NotBack { fault: 0, since, detail: "no answer".to_owned(), unstarted: false };
    script.push(At(ZERO.0 + 42_000_000), Event::NotBack(event));
    script
}

/// After all has been said of the service.
const LATER: std::ops::Range<u64> = 50_000..55_000;

fn service(script: Script) -> Option<(crate::Verdict, String)> {
    let card = script.complete().judge();
    let found = card.expectations.into_iter().find(|one| one.id == "service api");
    found.map(|one| (one.verdict, one.reason))
}

#[test]
fn a_service_that_died_violates_unasked() {
    let mut script = Script::new(40).errors().run(0..40, 0);
    let event =
        ServiceEvent { name: "api".into(), state: ServiceState::Died, detail: "signal 9".into() };
    script.push(At(9_000_000), Event::Service(event));
    let card = script.complete().judge();
    assert_eq!((card.verdict, card.expectations[0].id.as_str()), (Violated, "service api"));
    // What it made of the objectives comes after it.
    let mut script = Script::new(40).errors().run(0..9, 0).run(9..40, 100);
    let event =
        ServiceEvent { name: "api".into(), state: ServiceState::Died, detail: "signal 9".into() };
    script.push(At(9_000_000), Event::Service(event));
    let sentence = script.complete().judge().sentence;
    assert!(
        sentence.starts_with("service api: ") && sentence.ends_with("; and 1 more"),
        "{sentence}"
    );
}

#[test]
fn a_service_that_does_not_come_back_violates_unasked() {
    let why = "it did not come back after fault `fault0`: no answer".to_owned();
    assert_eq!(service(script(LATER)), Some((Violated, why)));
    assert_eq!(script(LATER).complete().judge().verdict, Violated);
}

/// Its program or port is no part of it.
#[test]
fn one_that_could_not_be_started_again_is_undecided() {
    let mut script = Script::new(60).errors().declare(Shows::Gone);
    script.case.faults[0].kind = "kill".to_owned();
    let mut script = script.on(0, 10_000..12_000, hit(1));
    let since = At(ZERO.0 + 12_000_000);
    let event = NotBack { fault: 0, since, detail: "no program".to_owned(), unstarted: true };
    let text = serde_json::to_string(&event).unwrap();
    assert!(text.contains("unstarted"), "{text}");
    let before: NotBack = serde_json::from_str(r#"{"fault":0,"since":1,"detail":"x"}"#).unwrap();
    assert!(!before.unstarted);
    script.push(since, Event::NotBack(event));
    let why = "it did not come back after fault `fault0`: no program".to_owned();
    assert_eq!(service(script), Some((Inconclusive, why)));
}

/// What an expectation gives longer, or another fault starts again, is back.
#[test]
fn one_that_was_seen_to_be_ready_later_is_back() {
    let ready = At(ZERO.0 + 45_000_000);
    let mut later = script(LATER);
    let (name, from) = ("api".to_owned(), At(ZERO.0 + 12_000_000));
    let detail = String::new();
    let looks = Looks { service: name.clone(), from, not_ready: None, ready: Some(ready), detail };
    later.push(ready, Event::Looks(looks));
    assert_eq!(service(later), None);
    let mut again = script(LATER);
    let event = ServiceEvent { name, state: ServiceState::Ready, detail: String::new() };
    again.push(ready, Event::Service(event));
    assert_eq!(service(again), None);
}

/// It may wait for what another fault keeps from it.
#[test]
fn one_that_another_fault_may_have_kept_away_is_undecided() {
    let told = |on| service(script(on)).map(|(verdict, _)| verdict);
    assert_eq!(told(20_000..25_000), Some(Inconclusive));
    assert_eq!(told(11_000..25_000), Some(Inconclusive));
    assert_eq!(told(5_000..8_000), Some(Violated));
    assert_eq!(told(45_000..50_000), Some(Violated));
}
