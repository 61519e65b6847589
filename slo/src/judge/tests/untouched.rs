//! What a run did not try although all of it went well: links that nobody used, faults that hit none, faults
//! that nobody saw or made.
//! Not here: what faults did (`around`).

use super::*;
use crate::case::{Asked, Shows};
use crate::event::{Edge, EdgeKind, Effect};

fn bypassed(link: &str) -> Event {
    Event::Bypassed { link: link.to_owned() }
}

#[test]
fn a_link_that_nothing_goes_through_leaves_a_run_open() {
    let run = |bad: u64, told: bool, reason: EndReason| {
        let mut script = Script::new(30).errors().run(0..30, bad);
        if told {
            script.push(ZERO.plus(31_000_000), bypassed("rd"));
        }
        script.end(reason).judge()
    };
    assert_eq!(run(0, false, EndReason::Complete).verdict, Met);
    let card = run(0, true, EndReason::Complete);
    assert_eq!((card.verdict, card.objectives[0].verdict), (Inconclusive, Met));
    let score = &card.expectations[0];
    assert_eq!((score.id.as_str(), score.verdict), ("link rd", Inconclusive));
    assert!(score.reason.contains("`rd` is bypassed: nothing went through it"), "{score:?}");
    let missing = score.missing.as_deref().unwrap();
    assert!(missing.contains("${links.rd.addr}, or a scenario without"), "{missing}");
    // What does not work, or was stopped, is told by itself.
    assert!(run(100, true, EndReason::Complete).expectations.is_empty());
    assert!(run(0, true, EndReason::Interrupted).expectations.is_empty());
    // One with a fault is told by that.
    let mut script = Script::new(60).errors().fault(20_000..25_000, hit(500));
    script.case.faults[0].link = "rd".to_owned();
    script.push(ZERO.plus(61_000_000), bypassed("rd"));
    let card = script.run(0..60, 0).complete().judge();
    let ids: Vec<&str> = card.expectations.iter().map(|score| score.id.as_str()).collect();
    assert_eq!(ids, ["fault fault0"]);
}

#[test]
fn few_that_none_was_of_are_told_as_such() {
    let run = |asked: Asked, matched: u64, connections: bool| {
        let effect = Effect { matched, injected: 0, ours: 0 };
        let mut script = Script::new(60).errors().declare(Shows::Status(503));
        script.case.faults[0].asked = asked;
        script.case.faults[0].connections = connections;
        let mut card = script.on(0, 20_000..25_000, effect).run(0..60, 0).complete().judge();
        let missing = card.expectations.remove(0).missing.unwrap();
        (card.faults.remove(0).effect, missing)
    };
    let (effect, missing) = run(Asked::EveryNth(100), 40, false);
    assert_eq!(effect, "without effect: 40 requests matched, none was the 100th");
    assert!(missing.starts_with("more requests while it is on"), "{missing}");
    let (effect, _) = run(Asked::EveryNth(3), 1, true);
    assert_eq!(effect, "without effect: 1 connection came or were open, none was the 3rd");
    let (effect, missing) = run(Asked::Share(Share(10_000_000)), 40, false);
    assert_eq!(effect, "without effect: 40 requests matched, none was among the 1 % asked for");
    assert!(missing.starts_with("more requests"), "{missing}");
    for asked in [Asked::EveryNth(100), Asked::Share(Share(10_000_000)), Asked::Next(3)] {
        let (effect, missing) = run(asked, 0, false);
        assert_eq!(effect, "without effect: no request matched");
        assert!(missing.contains("check its `match`"), "{missing}");
    }
}

#[test]
fn what_had_nothing_to_hit_is_told_as_such() {
    let missing = |kind: &str, matched: u64| {
        let effect = Effect { matched, injected: 0, ours: 0 };
        let mut script = Script::new(60).errors().declare(Shows::Unseen);
        script.case.faults[0].kind = kind.to_owned();
        let mut card = script.on(0, 20_000..25_000, effect).run(0..60, 0).complete().judge();
        card.expectations.remove(0).missing.unwrap()
    };
    for (kind, told) in [
        ("slow-close", "connections that are to be closed"),
        ("truncate", "answers whose body is longer"),
        ("limit-bytes", "connections that carry more"),
        ("bandwidth", "bodies while it is on"),
    ] {
        assert!(missing(kind, 40).starts_with(told), "{}", missing(kind, 40));
        assert!(missing(kind, 0).contains("check its `match`"), "{}", missing(kind, 0));
    }
}

#[test]
fn a_service_that_nobody_missed_is_told() {
    let run = |kind: &str, link: &str, bad: u64| {
        let mut script = Script::new(60).errors().declare(Shows::Done);
        script.case.faults[0].kind = kind.to_owned();
        script.case.faults[0].link = link.to_owned();
        let effect = Effect { matched: 1, injected: 1, ours: 0 };
        let script = script.on(0, 20_000..25_000, effect).run(0..20, 0).run(20..25, bad);
        script.run(25..60, 0).complete().judge()
    };
    let card = run("pause", "db", 0);
    let told = |card: &crate::Scorecard| card.findings.iter().any(|f| f.contains("saw nothing"));
    assert!(
        card.findings.iter().any(|text| text.contains(
            "fault `fault0`: our callers saw nothing of it: 500 requests of theirs while it was on"
        ) && text.contains("service `db`")),
        "{:?}",
        card.findings
    );
    assert_eq!((card.verdict, card.faults[0].effect.as_str()), (Met, "took effect"));
    assert!(!told(&run("pause", "db", 1)), "one of them may have been hit");
    let mut script = Script::new(60).errors().declare(Shows::Done);
    script.case.faults[0].kind = "pause".to_owned();
    let effect = Effect { matched: 1, injected: 1, ours: 0 };
    let script = script.on(0, 20_000..25_000, effect).run(0..22, 0);
    let cut = script.cell(22, crate::outcome::Outcome::NotSent, 3);
    let card = script.add(cut).run(23..60, 0).complete().judge();
    assert!(!told(&card), "what became of three is not known");
    assert!(!told(&run("command", "sh", 0)), "whom it should touch is not known");
    assert!(!told(&run("manual", "", 0)));
}

#[test]
fn a_fault_that_nobody_marked_says_what_to_do() {
    let mut script = Script::new(60).errors().declare(Shows::Done);
    script.case.faults[0].kind = "manual".to_owned();
    script.case.faults[0].link = String::new();
    let at = ZERO.plus(20_000_000);
    let edge = Edge { fault: 0, edge: EdgeKind::Asked, at, effect: None };
    script.push(at, Event::Edge(edge));
    let card = script.run(0..60, 0).complete().judge();
    let score = &card.expectations[0];
    assert_eq!(score.asks, "somebody marks `fault0` (`assay mark RUN fault0 start`)");
    assert_eq!(score.reason, "fault `fault0`: not applied: nobody marked it");
    assert!(
        score.missing.as_deref().unwrap().contains("`assay mark RUN fault0 start`"),
        "{score:?}"
    );
}
