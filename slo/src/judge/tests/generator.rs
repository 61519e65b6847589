//! What is said of a generator that could not send, and of names that hardly count.

use super::*;
use crate::case::{LoadKind, Of};
use crate::health::Doubt;

#[test]
fn what_was_not_sent_for_a_reason_of_its_own_is_not_advised_against() {
    let missing = |unsent: u64, blocked| {
        let mut script = Script::new(40).errors().run(0..40, 0);
        script.case.loads[0].planned = 4_200;
        let health = Health { due: 4_200, blocked, ..punctual(4_000) };
        script.push(At(46_000_000), Event::Health(health));
        let cell = script.cell(3, Outcome::NotSent, unsent);
        let script = if unsent > 0 { script.add(cell) } else { script };
        script.complete().first().missing.unwrap()
    };
    assert!(missing(0, 0).starts_with("a generator that keeps up"));
    let cause = "an end to what kept 200 requests from being sent: the findings name it";
    assert_eq!(missing(200, 0), cause);
    let both = missing(200, 5);
    assert!(both.contains("limit of `connections`; or ") && both.ends_with(cause), "{both}");
}

/// Part of what was to be done, done well, is not what was asked for.
#[test]
fn users_who_did_not_make_their_journeys_meet_nothing() {
    let judged = |made: u64, bad: u64| {
        let mut script = Script::new(40).errors().run(0..40, bad);
        script.driven_by(LoadKind::Users);
        script.case.loads[0].planned = 0;
        let unmade = crate::event::Unmade { load: 0, made, of: 1000 };
        script.push(At(46_000_000), Event::Unmade(unmade));
        script.complete().judge()
    };
    let short = judged(158, 0);
    let told = "load `visitors`: its time was over after 158 of its 1000 journeys";
    assert!(short.findings.contains(&told.to_owned()), "{:?}", short.findings);
    let score = &short.objectives[0];
    assert_eq!(score.verdict, Inconclusive);
    assert!(
        score
            .reason
            .contains("of the 1000 journeys that the users of load `visitors` were to make"),
        "{}",
        score.reason
    );
    assert!(score.missing.as_deref().unwrap_or_default().starts_with("a longer `max-duration`"));
    assert!(!short.health.well);
    assert_eq!(judged(990, 0).objectives[0].verdict, Met, "99 % are enough, as of arrivals");
    assert_eq!(judged(989, 0).objectives[0].verdict, Inconclusive);
    assert_eq!(judged(158, 50).objectives[0].verdict, Violated);
}

/// Who answers before being asked answers another request, or none.
#[test]
fn answers_that_may_be_others_meet_nothing() {
    use crate::event::Unasked;
    let judged = |kind: LoadKind, talked: u64, bad: u64| {
        let mut script = Script::new(40).errors().run(0..40, bad);
        script.driven_by(kind);
        script.case.loads[0].planned = 0;
        for line in [(150, talked), (50, 0)] {
            let line = Unasked { load: 0, connections: line.0, talked: line.1 };
            script.push(At(46_000_000), Event::Unasked(line));
        }
        script.complete().judge()
    };
    use LoadKind::{Open, Users};
    let told = judged(Open, 3, 0);
    let finding = "load `visitors`: 3 of 200 connections were given up because the peer had said on \
                   them what nobody had asked for: answers may belong to other requests";
    assert!(told.findings.contains(&finding.to_owned()), "{:?}", told.findings);
    let score = &told.objectives[0];
    assert_eq!(score.verdict, Inconclusive);
    let reason = "answers may belong to other requests: on 3 of 200 connections of load `visitors` \
                  the peer said what nobody had asked for (1 % is allowed)";
    assert_eq!(score.reason, reason);
    let missing = score.missing.as_deref().unwrap_or_default();
    assert!(missing.starts_with("a peer that answers each request once"), "{missing}");
    assert_eq!(judged(Open, 2, 0).objectives[0].verdict, Met);
    assert_eq!(judged(Users, 0, 0).objectives[0].verdict, Met);
    assert_eq!(judged(Users, 1, 0).objectives[0].verdict, Inconclusive, "all may be one ahead");
    assert_eq!(judged(Open, 3, 50).objectives[0].verdict, Violated);
}

/// More cores are no advice to whom others have taken them.
#[test]
fn a_late_generator_is_told_of_the_others_on_its_cores() {
    let machine = |all_milli| Machine {
        cores: 2,
        own_milli: 300,
        all_milli,
        descriptors: 0,
        descriptors_allowed: 0,
        sockets: 0,
        ports: 0,
    };
    let late = "a generator that keeps up: fewer requests per second, or more cores";
    let missing = |missing: &str, machine: Option<Machine>| {
        let doubt = Doubt { reason: String::new(), missing: missing.to_owned() };
        doubt.beside(machine.as_ref()).missing
    };
    assert_eq!(
        missing(late, Some(machine(1_950))),
        format!(
            "{late}, or an end to the other work on this machine, which used 1.65 of its 2 cores"
        )
    );
    assert_eq!(missing(late, Some(machine(700))), late);
    assert_eq!(missing(late, None), late);
    assert_eq!(missing("more connections", Some(machine(1_950))), "more connections");
}

#[test]
fn what_could_not_be_read_of_the_machine_is_not_told_as_0() {
    let mut script = Script::new(30).errors().run(0..30, 0);
    let plain = script.clone().complete().judge().health.sentence;
    let unread = Machine {
        cores: 2,
        own_milli: 1_234,
        all_milli: 0,
        descriptors: 60,
        descriptors_allowed: 60,
        sockets: 0,
        ports: 0,
    };
    script.push(At(ZERO.0 + 30_100_000), Event::Machine(unread));
    let most = "; at most 1.23 of 2 cores in use by this program; 60 of 60 descriptors";
    assert_eq!(script.complete().judge().health.sentence, plain + most);
}

#[test]
fn small_names_are_one_finding() {
    let mut script = Script::new(100).errors().run(0..100, 0);
    let pay = script.case.loads[0].requests[PAY.request].clone();
    for extra in 0..4 {
        let mut request = pay.clone();
        request.name = format!("extra-{extra}");
        script.case.loads[0].requests.push(request);
        let of = Of { load: 0, request: script.case.loads[0].requests.len() - 1 };
        script.case.objectives[0].of.push(of);
        let mut cell = script.cell(3, Outcome::Ok, 5);
        cell.request = of.request;
        script = script.add(cell);
    }
    let found = script.complete().judge().findings;
    let small: Vec<_> = found.iter().filter(|text| text.contains("judged together")).collect();
    let [one] = small.as_slice() else { panic!("{small:?}") };
    assert!(one.starts_with("objective `errors`: 4 names are each only a small part"), "{one}");
    assert!(
        one.contains("`extra-0` (0.0499 %), `extra-1`") && one.ends_with("and 1 more"),
        "{one}"
    );
}

/// Users who pause when their load ends have steps that nobody reached.
#[test]
fn a_step_that_no_user_reached_is_not_met() {
    let judged = |kind: LoadKind, pays: u64| {
        let mut script = Script::new(30).errors().run(0..30, 0);
        script.case.loads[0].kind = kind;
        if pays > 0 {
            let mut cell = script.cell(20, Outcome::Ok, pays);
            cell.request = 1;
            script = script.add(cell);
        }
        if kind == LoadKind::Users {
            script.case.loads[0].planned = 0;
        }
        script.complete().judge().objectives.remove(0)
    };
    let score = judged(LoadKind::Users, 0);
    assert_eq!(score.verdict, Inconclusive);
    assert_eq!(score.reason, "`pay` of load `visitors` was never sent: nothing is known of it");
    assert!(score.missing.unwrap().starts_with("a longer load, or shorter pauses"));
    assert_eq!(judged(LoadKind::Users, 1).verdict, Met);
    // How many of each arrive is planned, and told beforehand.
    assert_eq!(judged(LoadKind::Open, 0).verdict, Met);
}
