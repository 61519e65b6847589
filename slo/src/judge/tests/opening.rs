//! What is asked from a breaker's first opening on.
//! Not here: the instants that are tried (`expectation::opening`), states of breakers (`polled`, `breakers`).

use super::*;
use crate::case::{Anchor, Evidence, Moment, Must, Unit};

const CLOSED: f64 = 0.0;
const OPEN: f64 = 1.0;

/// Requests fail from 20 s until `bad_until`; a read 250 ms after each second tells the state of the
/// breaker; the errors are to be gone within so long after it opened.
fn run(
    within_s: u64,
    recovery_s: Option<u64>,
    bad_until: i64,
    state: impl Fn(i64) -> f64,
) -> crate::scorecard::ExpectationScore {
    let mut script = Script::new(60).metric(Unit::Plain).errors();
    script = script.guarded(recovery_s, vec![Evidence::Polled(0)]);
    let after = Moment { anchor: Anchor::BreakerOpen(0), offset_us: 0 };
    let (within_us, hold_us) = (within_s * 1_000_000, 3_000_000);
    let must = Must::Recovers { objective: 0, after, within_us, hold_us };
    let script = script.expect(must).fault(20_000..40_000, hit(500));
    let script = script.run(0..20, 0).run(20..bad_until, 100).run(bad_until..60, 0);
    script.read(-2..61, state).read_until(61).complete().expectation()
}

/// Seen to be open first at 21.25 s: it opened since the read a second before.
fn usual(second: i64) -> f64 {
    if (21..=32).contains(&second) { OPEN } else { CLOSED }
}

#[test]
fn it_must_hold_whenever_in_its_interval_the_breaker_opened() {
    let met = run(6, Some(10), 25, usual);
    assert_eq!(met.verdict, Met, "{met:?}");
    assert!(met.asks.contains("within 6 s after pay.open, for 3 s"), "{}", met.asks);
    let when = "(`pay` opened between 20.2 s and 21.3 s)";
    assert!(met.observed.ends_with(when), "{}", met.observed);
    // In time if it opened at its latest, too late if at its earliest.
    let open = run(4, Some(10), 25, usual);
    assert_eq!(open.verdict, Inconclusive, "{open:?}");
    assert!(open.reason.starts_with("it depends on when exactly `pay` opened"), "{}", open.reason);
    assert_eq!(open.missing.as_deref(), Some("evidence that says closer when it opened"));
    assert_eq!(run(2, Some(10), 25, usual).verdict, Violated);
}

/// The mutants: an opening, or what follows it, a few seconds late.
#[test]
fn what_comes_later_after_the_opening_is_found() {
    assert_eq!(run(6, Some(10), 27, usual).verdict, Inconclusive);
    assert_eq!(run(6, Some(10), 29, usual).verdict, Violated);
    // From a later opening on less is left to wait for.
    let late = |second: i64| if second < 24 { CLOSED } else { usual(second) };
    assert_eq!(run(6, Some(10), 29, late).verdict, Met);
    // It is the first opening that counts.
    let twice = |second: i64| if (27..30).contains(&second) { CLOSED } else { usual(second) };
    assert_eq!(run(6, Some(2), 29, twice).verdict, Violated);
}

#[test]
fn an_opening_that_nobody_saw_decides_nothing() {
    let doubt = |score: crate::scorecard::ExpectationScore| {
        assert_eq!(score.verdict, Inconclusive, "{score:?}");
        (score.reason, score.missing.unwrap())
    };
    let (reason, missing) = doubt(run(6, Some(10), 25, |_| CLOSED));
    assert_eq!(reason, "breaker `pay` was never seen to open");
    assert_eq!(missing, "a breaker that opens");
    // It may have been open before, between two reads.
    let (reason, missing) = doubt(run(6, None, 25, usual));
    assert!(reason.contains("it may have been open between two reads"), "{reason}");
    assert!(missing.contains("`policy: recovery`"), "{missing}");
    let (reason, _) = doubt(run(6, Some(10), 25, |_| OPEN));
    assert_eq!(reason, "breaker `pay` (rss of api) may have been open at time 0");
}

#[test]
fn an_instant_that_is_only_tried_is_in_no_journal() {
    let mut script = Script::new(60).errors().recovers(5).fault(20_000..25_000, hit(500));
    let Must::Recovers { after, .. } = &mut script.case.expectations[0].must else { panic!() };
    after.anchor = Anchor::BreakerOpen(0);
    assert!(script.timeline().is_err(), "the case has no breaker");
    let tried = Anchor::BreakerOpenAt { breaker: 0, at_us: 0 };
    assert!(serde_json::to_string(&tried).is_err());
    let Must::Recovers { after, .. } = &mut script.case.expectations[0].must else { panic!() };
    after.anchor = tried;
    assert!(script.timeline().is_err());
}
