//! States by evidence: golden timelines, and what cannot be told.

use super::*;
use crate::case::Shows;
use crate::event::{AttemptsOf, BreakerEvent, BreakerState, Event};
use crate::script::fleet::ms;
use crate::script::gateway::{Flaw, World, live};
use crate::script::{Script, hit};

fn breakers(script: &Script) -> Breakers {
    let timeline = script.timeline().unwrap();
    let phases = Phases::new(&script.case, &timeline);
    all(&script.case, &timeline, &phases)
}

fn change(gateway: u32, at: i64, from: BreakerState, to: BreakerState) -> Event {
    let (fleet, failures, in_flight) = (0, 5, 2);
    Event::Breaker(BreakerEvent { fleet, gateway, from, to, at: ms(at), failures, in_flight })
}

fn two_gateways() -> Script {
    use BreakerState::{Closed, HalfOpen, Open};
    let mut script = Script::new(40).fleet().breaker(vec![Evidence::Gateway(0)]);
    for (gateway, at, from, to) in [
        (1, 10_500, Closed, Open),
        (0, 10_200, Closed, Open),
        // Lines are not in the order of instants.
        (0, 20_300, HalfOpen, Closed),
        (0, 20_200, Open, HalfOpen),
        (1, 15_500, Open, HalfOpen),
        (1, 15_600, HalfOpen, Open),
        (1, 20_600, Open, HalfOpen),
        (1, 20_700, HalfOpen, Closed),
    ] {
        script.push(ms(at), change(gateway, at, from, to));
    }
    script
}

#[test]
fn told_transitions_are_spells() {
    let breakers = breakers(&two_gateways().complete());
    let lines = &breakers.lines[0];
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.doubt.is_none()), "{lines:?}");
    assert_eq!(lines[0].spells.len(), 1);
    let spells = &lines[1].spells;
    assert_eq!(spells.len(), 2);
    assert_eq!(spells[0].ended, Some((exactly(ms(15_600)), Ending::Reopened)));
    assert_eq!(spells[1].ended, Some((exactly(ms(20_700)), Ending::Closed)));
    assert!(spells[0].from_closed && !spells[1].from_closed);
    // All gateways open: of both.
    let zero = ms(0);
    let open = open_stretches(lines, zero);
    assert_eq!(open, [(10_500_000, 15_500_000), (15_600_000, 20_200_000)]);
    // No fault was on.
    assert_eq!(breakers.findings.len(), 2);
    assert!(breakers.findings[0].contains("opened without cause at 10.2 s"), "{breakers:?}");
}

#[test]
fn a_missing_transition_is_a_doubt() {
    use BreakerState::{Closed, HalfOpen, Open};
    let run = |changes: &[(i64, BreakerState, BreakerState)]| {
        let mut script = Script::new(40).fleet().breaker(vec![Evidence::Gateway(0)]);
        for (at, from, to) in changes {
            script.push(ms(*at), change(0, *at, *from, *to));
        }
        breakers(&script.complete()).lines.remove(0).remove(0)
    };
    assert!(run(&[(1, Closed, Open), (2, Open, HalfOpen)]).doubt.is_none());
    for wrong in [
        [(1, Closed, Open), (2, HalfOpen, Closed)],
        [(1, HalfOpen, Open), (2, Open, HalfOpen)],
        [(1, Closed, HalfOpen), (2, HalfOpen, Closed)],
    ] {
        let line = run(&wrong);
        assert!(line.doubt.is_some() && line.spells.is_empty(), "{line:?}");
    }
    // Nothing at all is not "never opened".
    let silent = Script::new(40).fleet().breaker(vec![Evidence::Gateway(0)]).complete();
    assert!(breakers(&silent).lines[0][0].doubt.is_some());
    let none = Script::new(40).fleet().breaker(Vec::new()).complete();
    assert!(breakers(&none).lines[0][0].doubt.is_some());
}

fn world() -> World {
    let (seed, per_second, random) = (7, 100, true);
    World { seed, per_second, random, seconds: 40, fault_ms: (10_000, 19_300), flaw: Flaw::None }
}

fn seen(shows: Shows, evidence: Vec<Evidence>, flaw: Flaw, told: Flaw) -> Script {
    let life = live(&World { flaw, ..world() });
    let ours = live(&World { flaw: told, ..world() });
    let mut script = Script::new(40)
        .fleet()
        .declare(shows)
        .on(0, 10_000..19_300, hit(1))
        .breaker(evidence)
        .offered(&life.due)
        .attempts(AttemptsOf::Link("api".to_owned()), life.arrivals)
        .attempts(AttemptsOf::Gateway(0, 0), ours.attempts);
    for event in ours.transitions {
        script.push(event.at, Event::Breaker(event));
    }
    script.complete()
}

#[test]
fn told_and_inferred_agree_or_that_is_a_finding() {
    let both = || vec![Evidence::Gateway(0), Evidence::Arrivals("api".to_owned())];
    let same = breakers(&seen(Shows::Broken, both(), Flaw::None, Flaw::None));
    assert_eq!(same.lines[0].len(), 1);
    assert_eq!(same.lines[0][0].how, How::Told);
    assert!(same.findings.is_empty(), "{same:?}");
    let liar = breakers(&seen(Shows::Broken, both(), Flaw::NeverOpens, Flaw::None));
    assert!(liar.findings.iter().any(|text| text.contains("disagree")), "{:?}", liar.findings);
    let hidden = breakers(&seen(Shows::Broken, both(), Flaw::None, Flaw::NeverOpens));
    assert!(hidden.findings.iter().any(|text| text.contains("disagree")), "{:?}", hidden.findings);
}

#[test]
fn under_refuse_nobody_sees_arrivals() {
    let arrivals = || vec![Evidence::Arrivals("api".to_owned())];
    let line = breakers(&seen(Shows::Refused, arrivals(), Flaw::None, Flaw::None));
    let doubt = line.lines[0][0].doubt.clone().unwrap();
    assert!(doubt.reason.starts_with("cannot tell: while `fault0` refuses"), "{doubt:?}");
    let line = breakers(&seen(Shows::Broken, arrivals(), Flaw::None, Flaw::None));
    assert!(line.lines[0][0].doubt.is_none());
    assert_eq!(line.lines[0][0].how, How::Inferred);
    // An uncapped record is needed.
    let mut capped = seen(Shows::Broken, arrivals(), Flaw::None, Flaw::None);
    for entry in &mut capped.entries {
        if let Event::Attempts(attempts) = &mut entry.event {
            attempts.left_out = 1;
        }
    }
    assert!(breakers(&capped).lines[0][0].doubt.is_some());
}
