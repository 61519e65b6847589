//! The gate by golden runs, each with the twin that must stay closed.
//! Not here: when the run looks.

use super::*;
use crate::case::{Anchor, Moment, Must, Place, SteadyState};
use crate::outcome::Outcome;
use crate::script::{Script, hit};

fn asked(mut script: Script) -> Script {
    let place = Place::default();
    script.case.steady_state = Some(SteadyState { require: vec![0], after_us: 0, place });
    script
}

fn seen(script: &Script, now: i64, when: GateTime) -> Gate {
    look(&script.case, &script.timeline().unwrap(), now, when)
}

#[test]
fn before_the_first_fault() {
    let script = asked(Script::new(60).errors().run(0..10, 0));
    assert!(seen(&script, 10, GateTime::Before).open);
    // 1000 requests prove nothing about 0.1 %, 4 bad ones of them do.
    let script = asked(Script::new(60).errors().run(0..4, 1).run(4..10, 0));
    let gate = seen(&script, 10, GateTime::Before);
    assert!(!gate.open && gate.reasons[0].starts_with("errors: "), "{gate:?}");
    let script = asked(Script::new(60).errors().run(0..3, 1).run(3..10, 0));
    assert!(seen(&script, 10, GateTime::Before).open);
}

#[test]
fn the_last_five_seconds() {
    let ask = |bad| asked(Script::new(60).fast().run(0..5, 0).run(5..10, bad));
    assert!(seen(&ask(1), 10, GateTime::Before).open);
    let gate = seen(&ask(2), 10, GateTime::Before);
    assert_eq!(
        gate.reasons,
        ["of the requests of the last 5 s only 98 % were ok (490 of 500), 99 % are needed"]
    );
    // What is not handed over yet is not looked at, and nothing at all is not steady.
    assert!(seen(&ask(2), 5, GateTime::Before).open);
    let gate = seen(&ask(0), 20, GateTime::Before);
    assert_eq!(gate.reasons, ["no request of the last 5 s has ended"]);
    assert!(!seen(&ask(0), 0, GateTime::Before).open);
}

#[test]
fn after_the_last_undo_only_the_last_seconds_count() {
    let run = |bad| {
        let script = Script::new(60).errors().fault(10_000..15_000, hit(500));
        asked(script.run(0..10, 0).run(10..15, 100).run(15..20, 50).run(20..30, bad))
    };
    assert!(seen(&run(0), 30, GateTime::After).open);
    assert!(!seen(&run(1), 30, GateTime::After).open);
    assert!(!seen(&run(0), 22, GateTime::After).open);
}

#[test]
fn after_the_last_undo_the_fault_itself_is_not_looked_at() {
    let run = |bad| {
        let script = Script::new(60).errors().fault(10_000..15_000, hit(500));
        asked(script.run(0..10, 0).run(10..15, 100).run(15..30, bad))
    };
    assert!(seen(&run(0), 17, GateTime::After).open);
    assert!(!seen(&run(3), 17, GateTime::After).open);
    assert!(!seen(&run(0), 15, GateTime::After).open, "nothing is left to look at");
}

/// What may come back within 5 s must not be violated by a look at these seconds.
#[test]
fn seconds_in_which_failures_are_allowed_are_not_looked_at() {
    let run = |bad, within_us| {
        let script = Script::new(60).errors().fault(10_000..15_000, hit(500));
        let script = script.run(0..10, 0).run(10..15, 100).run(15..20, 50).run(20..30, bad);
        let after = Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 };
        let must = Must::Recovers { objective: 0, after, within_us, hold_us: 0 };
        asked(script.expect(must))
    };
    assert!(seen(&run(0, 5_000_000), 22, GateTime::After).open);
    assert!(!seen(&run(0, 3_000_000), 22, GateTime::After).open);
    // What is not allowed is still seen, and somewhere it has to look.
    assert!(!seen(&run(50, 5_000_000), 22, GateTime::After).open);
    assert!(!seen(&run(50, 20_000_000), 22, GateTime::After).open);
    assert!(seen(&run(0, 20_000_000), 22, GateTime::After).open);
    // What came back, and fails again, is not excused by a time that is not over.
    let again = |hold_us| {
        let script = Script::new(60).errors().fault(10_000..15_000, hit(500));
        let script = script.run(0..10, 0).run(10..15, 100).run(15..18, 0).run(18..20, 50);
        let after = Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 };
        let must = Must::Recovers { objective: 0, after, within_us: 6_000_000, hold_us };
        asked(script.run(20..30, 0).expect(must))
    };
    assert!(!seen(&again(3_000_000), 22, GateTime::After).open);
    assert!(seen(&again(4_000_000), 22, GateTime::After).open);
}

/// Slow answers are ok ones: back is what holds the objective that is waited for.
#[test]
fn seconds_in_which_slowness_is_allowed_are_not_looked_at() {
    let slow = |from: i64, until: i64, within_us| {
        let mut script = Script::new(60).fast().fault(10_000..15_000, hit(500)).run(0..10, 0);
        for second in 15..30 {
            let mut cell = script.cell(second, Outcome::Ok, 100);
            if (from..until).contains(&second) {
                cell.marks.fill(0);
            }
            script = script.add(cell);
        }
        let after = Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 };
        let must = Must::Recovers { objective: 0, after, within_us, hold_us: 1_000_000 };
        seen(&asked(script.expect(must)), 20, GateTime::After).open
    };
    assert!(slow(15, 17, 3_000_000), "slow for 2 s, of 3 that are allowed");
    assert!(!slow(15, 17, 1_000_000), "only one is allowed");
    assert!(!slow(17, 19, 3_000_000), "it was back, and is slow again");
}

/// 100 requests a second are due for 10 s, told a moment after each second; of those due from
/// second 6 on, so many a second have ended by now.
fn ended_of_the_last(each: u64) -> Script {
    let mut script = Script::new(60).fast().run(0..6, 0);
    for second in 6..10 {
        let cell = script.cell(second, Outcome::Ok, each);
        script = if each > 0 { script.add(cell) } else { script };
    }
    for second in 0..10 {
        let health = crate::script::punctual(100);
        let at = crate::script::ZERO.plus((second + 1) * 1_000_000 + 1_000);
        script.push(at, crate::event::Event::Health(health));
    }
    asked(script)
}

#[test]
fn what_hangs_is_not_well_though_nothing_has_failed() {
    assert!(seen(&ended_of_the_last(100), 10, GateTime::Before).open);
    // A few may hang; half of them, and all, may not.
    assert!(seen(&ended_of_the_last(98), 10, GateTime::Before).open);
    for each in [50, 0] {
        let gate = seen(&ended_of_the_last(each), 10, GateTime::Before);
        assert!(!gate.open, "{each}");
        assert!(gate.reasons[0].ends_with("due more than 1 s ago have not ended"), "{gate:?}");
    }
}

#[test]
fn what_may_still_be_on_its_way_does_not_hang() {
    // An objective that lets a request take 5 s: those due from second 6 on are not overdue.
    let mut patient = ended_of_the_last(0);
    for mark in &mut patient.case.marks {
        if let crate::case::Mark::Below { us, .. } = mark {
            *us = 5_000_000;
        }
    }
    for objective in &mut patient.case.objectives {
        if let Ask::Latency { below_us, .. } = &mut objective.ask {
            *below_us = 5_000_000;
        }
    }
    assert!(seen(&patient, 10, GateTime::Before).open);
    assert!(!seen(&ended_of_the_last(0), 10, GateTime::Before).open);
}

#[test]
fn a_look_after_the_last_undo_wants_a_whole_second_after_it() {
    let script = Script::new(60).errors().fault(10_000..15_500, hit(500)).run(0..30, 0);
    let timeline = script.timeline().unwrap();
    // It ended within second 15: the first without it is 16, and that must be over.
    assert_eq!(first_second_after_faults(&timeline), 16);
    assert_eq!([15, 16, 17].map(|now| can_look_after(&timeline, now)), [false, false, true]);
}
