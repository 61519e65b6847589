//! Golden runs whose counts are held against those of the other side.
//! Not here: how a metric is read (harness `probe`).

use super::*;
use crate::case::{Anchor, Moment, Must, ReconcilesMust, Unit};
use crate::script::LIST;

/// A minute of 100 requests a second; what it says of metric 0 at its end, or by some moment.
fn asks(at_most: u64, by: Option<(Anchor, u64)>) -> Script {
    let by = by.map(|(anchor, s)| (Moment { anchor, offset_us: 0 }, s * 1_000_000));
    let must = ReconcilesMust { of: vec![LIST, PAY], metric: 0, at_most, by };
    Script::new(60).metric(Unit::Plain).expect(Must::Reconciles(must))
}

fn judged(script: Script) -> (crate::Verdict, String, Option<String>) {
    let score = script.read_until(70).complete().expectation();
    (score.verdict, score.reason, score.missing)
}

/// As many as there were requests by then, read at 250 ms of each second.
fn counts(second: i64) -> f64 {
    (100 * second.clamp(0, 60)) as f64
}

#[test]
fn answers_that_were_ok_are_what_they_counted() {
    let run = |differ| asks(differ, None).run(0..60, 0);
    let (verdict, reason, _) = judged(run(0).count(-3..65, counts));
    assert_eq!(verdict, Met);
    assert_eq!(reason, "6000 ok answers, `memory` rose by 6000 by 64.3 s (0 may differ)");
    // A number that is no counter, and was not 0 before.
    assert_eq!(judged(run(0).read(-3..65, |s| 5.0 + counts(s))).0, Met);
    for wrong in [-1.0, 1.0] {
        let (verdict, ..) =
            judged(run(0).count(-3..65, |s| counts(s) + if s > 9 { wrong } else { 0.0 }));
        assert_eq!(verdict, Violated);
        let (verdict, ..) =
            judged(run(1).count(-3..65, |s| counts(s) + if s > 9 { wrong } else { 0.0 }));
        assert_eq!(verdict, Met);
    }
    // Nothing was ok, and nothing was counted: nothing was shown.
    assert_eq!(judged(asks(0, None).run(0..60, 100).count(-3..65, |_| 7.0)).0, Inconclusive);
    // A cut journal.
    assert_eq!(run(0).count(-3..65, counts).expectation().verdict, Inconclusive);
}

#[test]
fn requests_under_way_at_a_read_decide_nothing() {
    let by = |script: Script| judged(script.run(0..60, 0).count(-3..65, counts));
    let (verdict, reason, missing) = by(asks(0, Some((Anchor::Zero, 30))));
    assert_eq!(verdict, Inconclusive);
    assert!(reason.ends_with("200 requests may have been under way"), "{reason}");
    assert_eq!(
        missing.as_deref(),
        Some("a moment when nothing is sent, such as `after: LOAD.end`")
    );
    assert_eq!(by(asks(300, Some((Anchor::Zero, 30)))).0, Met);
    assert_eq!(by(asks(0, Some((Anchor::LoadEnd(0), 4)))).0, Met);
    // Theirs are counted later, but in time; or too late.
    let late = |s: i64| counts(if s >= 63 { s } else { s.min(50) });
    let run = |s| asks(0, Some((Anchor::LoadEnd(0), s))).run(0..60, 0).count(-3..65, late);
    assert_eq!(judged(run(4)).0, Met);
    assert_eq!(judged(run(2)).0, Violated);
    // Without a read before the first request nobody knows where theirs began.
    assert_eq!(judged(asks(0, None).run(0..60, 0).count(2..65, counts)).0, Inconclusive);
}

#[test]
fn a_count_that_began_anew_has_lost_something() {
    let anew = |s: i64| if s > 30 { counts(s) - 3_000.0 } else { counts(s) };
    let (verdict, reason, missing) = judged(asks(0, None).run(0..60, 0).count(-3..65, anew));
    assert_eq!(verdict, Inconclusive);
    assert!(reason.contains("rose by at least 6000"), "{reason}");
    assert!(missing.unwrap().contains("rows of its store"));
    // Too many are too many all the same.
    let many = |s: i64| if s == 31 { 0.0 } else { counts(s) };
    assert_eq!(judged(asks(0, None).run(0..60, 0).count(-3..65, many)).0, Violated);
    // It may have counted up again before anybody looked.
    let mut again = asks(0, None).run(0..60, 0).count(-3..65, counts);
    let started = ServiceEvent {
        name: "api".to_owned(),
        state: ServiceState::Started,
        detail: String::new(),
    };
    again.push(ZERO.plus(25_000_000), Event::Service(started));
    assert_eq!(judged(again).0, Inconclusive);
}

#[test]
fn a_replica_that_began_anew_is_no_contradiction() {
    // One of two lost 900 while the other went on: their sum never fell.
    let lost = |s: i64| counts(s) - if s >= 30 { 900.0 } else { 0.0 };
    let run = || asks(0, None).run(0..60, 0).count(-3..30, counts);
    assert_eq!(judged(run().count(30..65, lost)).0, Violated);
    let (verdict, reason, _) = judged(run().anew(30, lost(30), 70.0).count(31..65, lost));
    assert_eq!(verdict, Inconclusive);
    assert!(reason.contains("it began anew"), "{reason}");
}

#[test]
fn a_count_that_sees_nothing_is_found() {
    let run = || asks(0, None).run(0..60, 0);
    let card = run().count(-3..65, |_| 7.0).read_until(70).complete().judge();
    assert_eq!(card.verdict, Violated);
    let reason = "6000 ok answers, `memory` counted nothing by 64.3 s (0 may differ)";
    assert_eq!(card.expectations[0].reason, reason);
    let finding = "`memory` (rss of api) did not rise while clients had 6000 ok answers, so whoever \
                   watches it in production is blind";
    assert!(card.findings.iter().any(|one| one == finding), "{:?}", card.findings);
    // A series that never was there.
    let card = run().absent(-3..65).read_until(70).complete().judge();
    assert_eq!(card.verdict, Violated);
    assert!(card.findings.iter().any(|one| one.contains("its name is wrong")));
    // One that is born with the first request.
    let born = run().absent(-3..1).count(1..65, counts).read_until(70).complete().judge();
    assert_eq!((born.verdict, born.findings), (Met, vec![]));
    // A page that was not there says nothing.
    let unread = (-3..65).fold(run(), |script, second| script.missed(second, "refused"));
    assert_eq!(judged(unread).0, Inconclusive);
}

/// A Prometheus server knows what it had scraped: at the end of a run that is less than was answered, and with a
/// deadline it is as much.
#[test]
fn what_prometheus_has_not_scraped_yet_is_no_contradiction() {
    let scraped = |by| {
        let mut script = asks(0, by).run(0..60, 0);
        script.case.metrics[0].scraped = true;
        script
    };
    let late = |s: i64| counts(s - 15);
    let (verdict, reason, missing) = judged(scraped(None).read(-3..65, late));
    assert_eq!(verdict, Inconclusive, "{reason}");
    assert!(reason.ends_with("Prometheus may not have scraped the rest yet"), "{reason}");
    assert!(missing.unwrap().contains("scrape interval"));
    assert_eq!(judged(scraped(None).read(-3..65, counts)).0, Met);
    let by = |within| scraped(Some((Anchor::LoadEnd(0), within)));
    assert_eq!(judged(by(30).read(-3..80, late)).0, Met);
    assert_eq!(judged(by(10).read(-3..80, late)).0, Violated);
    // Too many may be from before its first read; of what it did not have then it may have missed the beginning.
    let more = |s: i64| counts(s) + if s > 9 { 1.0 } else { 0.0 };
    let (verdict, reason, _) = judged(scraped(None).read(-3..65, more));
    assert_eq!(verdict, Inconclusive);
    assert!(reason.ends_with("what came before the load after its first read"), "{reason}");
    assert_eq!(judged(scraped(None).absent(-3..2).read(2..65, counts)).0, Met);
    let old = |s: i64| 10_000.0 + counts(s);
    assert_eq!(judged(scraped(None).absent(-3..2).read(2..65, old)).0, Inconclusive);
    assert_eq!(judged(by(30).absent(-3..2).read(2..80, |s| counts(s) - 10.0)).0, Violated);
    assert_eq!(judged(by(30).absent(-3..80)).0, Violated);
    // Where it stood before, nobody knows.
    assert_eq!(judged(by(30).read(2..80, counts)).0, Inconclusive);
}

#[test]
fn what_ended_otherwise_may_have_been_counted() {
    let script = asks(0, None).run(0..30, 0).run(30..60, 10).count(-3..65, counts);
    let (verdict, reason, _) = judged(script);
    assert_eq!(verdict, Violated);
    assert!(reason.ends_with("of 300 requests that ended otherwise it may have counted some"));
}

#[test]
fn a_run_waits_until_counts_agree() {
    let by = |within| asks(0, Some((Anchor::LoadEnd(0), within))).run(0..60, 0);
    let awaited = |script: Script| {
        let until = crate::awaited(&script.case, &script.timeline().unwrap());
        until.map(|at| at.since(ZERO) / 1_000_000)
    };
    assert_eq!(awaited(by(30).count(-3..62, |_| 0.0)), Some(90));
    assert_eq!(awaited(by(30).count(-3..62, counts)), None);
    assert_eq!(awaited(asks(0, None).run(0..60, 0)), None);
}
