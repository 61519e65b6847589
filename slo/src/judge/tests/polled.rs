//! Breakers whose state is read again and again: instants as intervals, and what reads may miss.
//! Not here: how a state is read (harness `probe`).

use super::*;
use crate::case::{Anchor, BreakerMust, Evidence, Limits, Moment, Must, Unit};
use crate::script::fleet;
use crate::script::metric::nothing;

const CLOSED: f64 = 0.0;
const OPEN: f64 = 1.0;
const HALF: f64 = 2.0;

/// A fault from 20 s to 30 s; the state at the read of each second, 250 ms after it.
fn run(
    must: BreakerMust,
    recovery_s: Option<u64>,
    state: impl Fn(i64) -> f64,
) -> (crate::Verdict, String) {
    let mut script = Script::new(60).metric(Unit::Plain);
    script = script.guarded(recovery_s, vec![Evidence::Polled(0)]);
    let script = script.expect(Must::Breaker(must)).fault(20_000..30_000, hit(500));
    let script = script.run(0..20, 0).run(20..30, 100).run(30..60, 0);
    let score = script.read(-2..61, state).read_until(61).complete().expectation();
    (score.verdict, score.reason)
}

fn within(anchor: Anchor, seconds: u64) -> Option<(Moment, u64)> {
    Some((Moment { anchor, offset_us: 0 }, seconds * 1_000_000))
}

/// Open from the read at 21 s on, a trial at the read of 33 s, closed at that of 34 s.
fn usual(second: i64) -> f64 {
    match second {
        21..=32 => OPEN,
        33 => HALF,
        _ => CLOSED,
    }
}

#[test]
fn instants_lie_between_two_reads() {
    let opens = |s| BreakerMust { opens: within(Anchor::FaultStart(0), s), ..fleet::nothing() };
    let (verdict, reason) = run(opens(2), Some(10), usual);
    assert_eq!((verdict, reason.as_str()), (Met, "opened after 248 ms to 1.26 s (2 s allowed)"));
    assert_eq!(run(opens(1), Some(10), usual).0, Inconclusive);
    let late = |s: i64| if s == 21 { CLOSED } else { usual(s) };
    assert_eq!(run(opens(1), Some(10), late).0, Violated);
    assert_eq!(run(opens(2), Some(10), |_| CLOSED).0, Violated);
    let closes = |s| BreakerMust { closes: within(Anchor::FaultEnd(0), s), ..fleet::nothing() };
    assert_eq!(run(closes(5), Some(10), usual).0, Met);
    assert_eq!(run(closes(3), Some(10), usual).0, Violated);
    assert_eq!(run(closes(4), Some(10), usual).0, Inconclusive);
    // Nobody saw the trial; the state went from open to closed between two reads.
    let quick = |s: i64| if s == 33 { OPEN } else { usual(s) };
    assert_eq!(run(closes(5), Some(10), quick).0, Met);
}

#[test]
fn what_may_hide_between_two_reads_is_neither_met_nor_violated() {
    let never = || BreakerMust { never_opens: true, ..fleet::nothing() };
    assert_eq!(run(never(), Some(10), |_| CLOSED).0, Met);
    assert_eq!(run(never(), Some(10), usual).0, Violated);
    let (verdict, reason) = run(never(), Some(1), |_| CLOSED);
    assert_eq!(verdict, Inconclusive);
    assert_eq!(reason, "it may have been open between two reads, which are up to 1.01 s apart");
    assert_eq!(run(never(), None, |_| CLOSED).0, Inconclusive);
    assert_eq!(run(never(), None, usual).0, Violated);
    // Nor is an opening that was not seen, or late.
    let opens = BreakerMust { opens: within(Anchor::FaultStart(0), 2), ..fleet::nothing() };
    assert_eq!(run(opens.clone(), None, |_| CLOSED).0, Inconclusive);
    assert_eq!(run(opens, None, usual).0, Met);
    let reopens = || BreakerMust { reopens_after_close: Some(0), ..fleet::nothing() };
    assert_eq!(run(reopens(), Some(10), usual).0, Met);
    assert_eq!(run(reopens(), None, usual).0, Inconclusive);
    let again = |s: i64| if (40..45).contains(&s) { OPEN } else { usual(s) };
    assert_eq!(run(reopens(), None, again).0, Violated);
    // Calls show in arrivals only.
    let trials = BreakerMust { trials: Some(1), ..fleet::nothing() };
    assert_eq!(run(trials, Some(10), usual).0, Inconclusive);
    let leaks = BreakerMust { calls_while_open: Some(0), ..fleet::nothing() };
    assert_eq!(run(leaks, Some(10), usual), (Inconclusive, "states do not show calls".to_owned()));
}

#[test]
fn it_is_surely_open_only_until_a_trial_may_come() {
    let stretch = |recovery_s: Option<u64>| {
        let mut script = Script::new(60).metric(Unit::Plain).errors();
        script = script.guarded(recovery_s, vec![Evidence::Polled(0)]);
        script.case.objectives[0].during = vec![During::Open(0)];
        let script = script.fault(20_000..30_000, hit(500)).run(0..20, 0).run(20..30, 100);
        let script = script.run(30..60, 0).read(-2..61, usual).read_until(61).complete();
        script.first()
    };
    // From the read at 21.26 s to 20.25 s and 5 s: 22, 23 and 24 are whole seconds.
    assert_eq!(stretch(Some(5)).seconds, 3.0);
    let unknown = stretch(None);
    assert_eq!(
        (unknown.verdict, unknown.reason.as_str()),
        (Inconclusive, "breaker `pay` was never surely open")
    );
}

#[test]
fn a_state_that_was_not_read_cannot_be_told() {
    let must = BreakerMust { never_opens: true, ..fleet::nothing() };
    let mut script = Script::new(60).metric(Unit::Plain).keeps(nothing());
    script.case.expectations.clear();
    script = script.guarded(Some(10), vec![Evidence::Polled(0)]);
    let script = script.expect(Must::Breaker(must)).run(0..60, 0);
    let holed = script.read(0..20, |_| CLOSED).missed(21, "no series").read(30..61, |_| CLOSED);
    let score = holed.read_until(61).complete().expectation();
    assert_eq!(score.verdict, Inconclusive);
    assert_eq!(score.reason, "its state was not read from 19.3 s to 30.3 s (no series)");
    assert_eq!(Limits::default().words(Unit::Plain), "");
}
