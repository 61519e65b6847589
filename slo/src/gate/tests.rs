//! The gate by golden runs, each with the twin that must stay closed.
//! Not here: when the run looks.

use super::*;
use crate::case::{Place, SteadyState};
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
