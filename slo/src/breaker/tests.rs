//! States by evidence: golden timelines, and what cannot be told.

use super::*;
use crate::case::Shows;
use crate::event::{AttemptsOf, BreakerEvent, BreakerState, Event};
use crate::script::fleet::ms;
use crate::script::gateway::{Flaw, Setting, World, live};
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
    World {
        seed,
        per_second,
        random,
        seconds: 40,
        fault_ms: (10_000, 19_300),
        wait_us: 0,
        set: Setting::USUAL,
        flaw: Flaw::None,
    }
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
    assert!(same.findings.is_empty() && same.lines[0][0].dispute.is_none(), "{same:?}");
    let liar = breakers(&seen(Shows::Broken, both(), Flaw::NeverOpens, Flaw::None));
    assert!(liar.findings.iter().any(|text| text.contains("disagree")), "{:?}", liar.findings);
    let dispute = liar.lines[0][0].dispute.as_ref().unwrap();
    assert!(
        dispute.doubt.reason.contains("it was open by gateway 0 of fleet `trucks`, and closed by")
    );
    assert!(open_stretches(&liar.lines[0], ms(0)).is_empty());
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

#[test]
fn arrivals_past_the_breaker_tell_nothing() {
    let arrivals = vec![Evidence::Arrivals("api".to_owned())];
    let mut script = seen(Shows::Broken, arrivals, Flaw::None, Flaw::None);
    script.case.loads[0].link = Some("api".to_owned());
    let doubt = breakers(&script).lines[0][0].doubt.clone().unwrap();
    assert!(doubt.reason.starts_with("cannot tell: `visitors` itself goes through"), "{doubt:?}");
}

#[test]
fn calls_under_way_are_no_leak() {
    let spell = |in_flight| Spell {
        opened: exactly(ms(100)),
        from_closed: true,
        failures: Some((5, in_flight)),
        half_open: Some(exactly(ms(200))),
        ended: None,
        inferred: None,
    };
    let call =
        |begun, done, outcome| Attempt { begun: ms(begun), done: ms(done), outcome, trial: false };
    let leaked = |calls: &[Attempt], in_flight| {
        let calls = Some(Calls { list: sorted(calls), left_out: 0 });
        let line =
            Line { calls, tolerance_us: 2_000, ..Line::new("it".into(), How::Told, ms(300)) };
        let range = line.leaked(&spell(in_flight)).unwrap();
        (range.least, range.most)
    };
    let (ok, no) = (Outcome::Ok, Outcome::FastFail);
    // One on the wire, one rejected, the trial.
    let quiet = [call(99, 150, ok), call(120, 120, no), call(200, 210, ok)];
    assert_eq!(leaked(&quiet, 1), (0, Some(0)));
    // Admitted before, and written 1 ms after it opened.
    let early = [call(99, 150, ok), call(101, 140, ok)];
    assert_eq!(leaked(&early, 2), (0, Some(0)));
    assert_eq!(leaked(&early, 1), (1, Some(1)));
    // Much later it may still be that one.
    assert_eq!(leaked(&[call(99, 150, ok), call(150, 160, ok)], 2), (0, Some(1)));
    assert_eq!(leaked(&[call(99, 150, ok), call(150, 160, ok)], 1), (1, Some(1)));
}

#[test]
fn timeouts_open_it_with_many_under_way() {
    // 100 a second; from 10 s on all time out after 2 s. The fifth ends at 12.04 s. Trials at
    // 17.05 s and 24.06 s, of which the second succeeds.
    let call = |begun: i64, long: i64, outcome| Attempt {
        begun: ms(begun),
        done: ms(begun + long),
        outcome,
        trial: false,
    };
    let good = (0..1000).chain(2407..4000).map(|k| call(k * 10, 3, Outcome::Ok));
    let bad = (1000..=1204).map(|k| call(k * 10, 2000, Outcome::Timeout));
    let trials = [call(17_050, 2000, Outcome::Timeout), call(24_060, 3, Outcome::Ok)];
    let arrivals: Vec<Attempt> = good.chain(bad).chain(trials).collect();
    let due: Vec<At> = (0..4000).map(|k| ms(k * 10)).collect();
    let script = Script::new(40)
        .fleet()
        .declare(Shows::Broken)
        .on(0, 10_000..22_000, hit(200))
        .breaker(vec![Evidence::Arrivals("api".to_owned())])
        .offered(&due)
        .attempts(AttemptsOf::Link("api".to_owned()), arrivals)
        .complete();
    let line = breakers(&script).lines.remove(0).remove(0);
    assert_eq!(line.doubt, None);
    let spells = &line.spells;
    assert_eq!(spells.len(), 2, "{spells:?}");
    assert_eq!(spells[0].opened, Between { earliest: ms(12_040), latest: ms(12_040) });
    assert_eq!(line.calls.as_ref().unwrap().run_before(spells[0].opened).len(), 205);
    // The first trial was under way for 2 s, it opened again somewhen in them.
    assert_eq!(spells[1].opened, Between { earliest: ms(17_050), latest: ms(19_050) });
    let closed = Between { earliest: ms(24_063), latest: ms(24_070) };
    assert_eq!(spells[1].ended, Some((closed, Ending::Closed)));
}

/// A load that ends when the fault begins, or begins then, and has nothing to do with the breaker.
#[test]
fn another_load_that_comes_or_goes_makes_no_silence_and_hides_none() {
    let infer = |bulk: std::ops::Range<i64>, n: u64, flaw| {
        let mut script =
            seen(Shows::Broken, vec![Evidence::Arrivals("api".to_owned())], flaw, flaw);
        let end = script.entries.pop().unwrap();
        let load = script.case.loads.len();
        let other = crate::case::Load {
            name: "bulk".to_owned(),
            link: None,
            ..script.case.loads[0].clone()
        };
        script.case.loads.push(crate::case::Load { planned: 0, ..other });
        for second in bulk {
            let cell = script.cell(second, crate::Outcome::Ok, n);
            script = script.add(crate::Cell { load, ..cell });
        }
        script.entries.push(end);
        breakers(&script).lines.remove(0).remove(0)
    };
    let alone = infer(0..0, 0, Flaw::None);
    assert_eq!((alone.doubt.as_ref(), alone.spells.len()), (None, 2));
    // It lasts, or begins: the silence is what it was.
    for (bulk, n) in [(0..40, 2000), (10..40, 2000), (0..40, 2)] {
        let line = infer(bulk.clone(), n, Flaw::None);
        let opened = |line: &Line| line.spells.iter().map(|s| s.opened).collect::<Vec<_>>();
        assert_eq!((line.doubt.as_ref(), opened(&line)), (None, opened(&alone)), "{bulk:?}");
        assert!(infer(bulk, n, Flaw::NeverOpens).spells.is_empty());
    }
    // It ends: what came may have come by it.
    for n in [50, 500, 2000] {
        assert!(infer(0..10, n, Flaw::None).doubt.is_some(), "{n}");
        let never = infer(0..10, n, Flaw::NeverOpens);
        assert!(never.doubt.is_none() && never.spells.is_empty(), "{n}: {never:?}");
    }
}
