//! Golden runs with metrics: limits, growth, increase, settling, readiness; and what was not read.
//! Not here: the slope's statistics (`expectation::slope`).

use super::*;
use crate::case::{Anchor, Growth, Limits, Moment, Must, SettlesMust, Shows, Unit};
use crate::event::{Event, Looks, ServiceEvent, ServiceState};
use crate::script::ZERO;
use crate::script::metric::{at_most, nothing, number};

const MIB: f64 = 1_048_576.0;

/// A minute in which memory is asked something.
fn minute(must: crate::case::MetricMust) -> Script {
    Script::new(60).metric(Unit::Bytes).keeps(must).run(0..60, 0)
}

fn score(script: Script) -> (crate::Verdict, String, Option<String>) {
    let score = script.read_until(61).complete().expectation();
    (score.verdict, score.reason, score.missing)
}

fn growth(mib_per_minute: f64) -> crate::case::MetricMust {
    let at_most = number(mib_per_minute * MIB);
    crate::case::MetricMust { growth: Some(Growth { at_most, per_us: 60_000_000 }), ..nothing() }
}

fn increase(most: f64) -> crate::case::MetricMust {
    crate::case::MetricMust { increase: Some(number(most)), ..nothing() }
}

#[test]
fn every_sample_keeps_its_limits() {
    let must = || crate::case::MetricMust { value: at_most(100.0 * MIB), ..nothing() };
    let (verdict, reason, _) = score(minute(must()).read(-5..61, |s| s as f64 * MIB));
    assert_eq!((verdict, reason.as_str()), (Met, "at most 60 MiB (at most 100 MiB asked)"));
    let (verdict, reason, _) = score(minute(must()).read(-5..61, |s| 2.0 * s as f64 * MIB));
    assert_eq!(verdict, Violated);
    assert_eq!(reason, "102 MiB at 51.3 s (at most 100 MiB asked), 10 of 61 samples outside");
    // What was before time 0 is not judged; nor what is skipped, or in another phase.
    let high = |until: i64| move |s: i64| if s < until { 200.0 * MIB } else { MIB };
    assert_eq!(score(minute(must()).read(-5..61, high(0))).0, Met);
    let skip = || crate::case::MetricMust { skip_us: 3_000_000, ..must() };
    assert_eq!(score(minute(skip()).read(-5..61, high(3))).0, Met);
    assert_eq!(score(minute(skip()).read(-5..61, high(4))).0, Violated);
    let limits = Limits { at_least: Some(number(2.0)), below: Some(number(5.0)), ..at_most(9.0) };
    assert!(limits.hold(number(2.0)) && !limits.hold(number(5.0)) && !limits.hold(number(1.9)));
    assert_eq!(limits.words(Unit::Plain), "at least 2 and below 5 and at most 9");
}

#[test]
fn what_was_not_read_cannot_be_met() {
    let must = || crate::case::MetricMust { value: at_most(100.0), ..nothing() };
    let (verdict, reason, missing) = score(minute(must()).missed(5, "connection refused"));
    assert_eq!(verdict, Inconclusive);
    assert_eq!(reason, "`memory` was never read then: connection refused");
    assert_eq!(missing.as_deref(), Some("reads that succeed while it is judged"));
    let holed =
        || minute(must()).read(0..20, |_| 1.0).missed(21, "no answer").read(30..61, |_| 1.0);
    let (verdict, reason, _) = score(holed());
    assert_eq!(verdict, Inconclusive);
    assert_eq!(reason, "`memory` was not read from 19.3 s to 30.3 s (no answer)");
    // A breach beside the hole is one.
    assert_eq!(score(holed().read(60..61, |_| 101.0)).0, Violated);
    // Two missed reads in a row are no hole, and are told.
    let two = minute(must()).read(0..20, |_| 1.0).missed(20, "no answer").read(22..61, |_| 1.0);
    let card = two.read_until(61).complete().judge();
    assert_eq!(card.verdict, Met);
    assert_eq!(card.findings, ["metric `memory`: 1 of 60 reads failed, the last: no answer"]);
    assert_eq!((card.metrics[0].samples, card.metrics[0].missed), (59, 1));
    assert_eq!(card.metrics[0].greatest, Some(1.0));
    // A run that was stopped, or cut, is not whole.
    let whole = || minute(must()).read(0..61, |_| 1.0).read_until(61);
    assert_eq!(whole().end(crate::event::EndReason::Guard).expectation().verdict, Inconclusive);
    assert_eq!(whole().expectation().verdict, Inconclusive);
    // After the last read services are ended: that is no hole.
    assert_eq!(whole().complete().expectation().verdict, Met);
}

#[test]
fn a_service_that_a_fault_ended_has_nothing_to_read() {
    let run = |kind: &str, shows: Shows, ready: Option<i64>, again: i64| {
        let must = crate::case::MetricMust { value: at_most(100.0), ..nothing() };
        let script = Script::new(60).metric(Unit::Bytes).keeps(must).declare(shows);
        let mut script = script.on(0, 20_000..28_000, hit(1)).run(0..60, 0);
        (script.case.faults[0].link, script.case.faults[0].kind) = ("api".into(), kind.into());
        if let Some(second) = ready {
            let (name, state) = ("api".to_owned(), ServiceState::Ready);
            let event = ServiceEvent { name, state, detail: String::new() };
            script.push(ZERO.plus(second * 1_000_000), Event::Service(event));
        }
        let read = script.read(0..20, |_| 1.0).read(again..61, |_| 1.0);
        read.read_until(61).complete().expectation().verdict
    };
    assert_eq!(run("kill", Shows::Gone, None, 30), Met);
    assert_eq!(run("error", Shows::Status(503), None, 30), Inconclusive);
    // Until it is ready, and not longer.
    assert_eq!(run("kill", Shows::Gone, Some(38), 40), Met);
    assert_eq!(run("kill", Shows::Gone, Some(38), 42), Inconclusive);
    assert_eq!(run("kill", Shows::Gone, None, 32), Inconclusive);
    assert_eq!(run("pause", Shows::Done, None, 30), Met);
    assert_eq!(run("pause", Shows::Done, None, 32), Inconclusive);
    // These leave it running.
    for kind in ["pressure", "disconnect", "command", "manual"] {
        assert_eq!(run(kind, Shows::Done, None, 30), Inconclusive, "{kind}");
    }
}

#[test]
fn growth_needs_certainty_on_either_side() {
    let leak = |mib_per_s: f64| {
        move |s: i64| MIB * (50.0 + mib_per_s * s as f64 + (s * 7 % 5) as f64 / 5.0)
    };
    let (verdict, reason, _) = score(minute(growth(10.0)).read(0..61, leak(1.0)));
    assert_eq!(verdict, Violated, "{reason}");
    assert!(reason.starts_with("grew by 60 MiB/m (95 % sure "), "{reason}");
    assert_eq!(score(minute(growth(10.0)).read(0..61, leak(0.0))).0, Met);
    // Too few samples for any growth, and how long would do.
    let short = Script::new(6).metric(Unit::Bytes).keeps(growth(1.0)).run(0..6, 0);
    let short = short.read(0..6, |_| MIB).read_until(6).complete().expectation();
    assert_eq!(short.verdict, Inconclusive);
    assert_eq!(short.reason, "6 samples are too few for a growth");
    assert_eq!(short.missing.as_deref(), Some("needs 8 samples: 2 s more to judge"));
}

#[test]
fn a_wide_interval_says_how_long_would_decide() {
    // A slow leak under a saw that is much greater.
    let noisy = |s: i64| MIB * (50.0 + 0.02 * s as f64 + f64::from((s * 37 % 11) as i32));
    let (verdict, reason, missing) = score(minute(growth(2.0)).read(0..61, noisy));
    assert_eq!(verdict, Inconclusive, "{reason}");
    let missing = missing.unwrap();
    assert!(missing.starts_with("about ") && missing.contains("60 s do not"), "{missing}");
}

#[test]
fn a_restart_neither_hides_a_leak_nor_decreases_a_counter() {
    let started = |script: Script| {
        let mut script = script;
        let name = "api".to_owned();
        let event = ServiceEvent { name, state: ServiceState::Started, detail: String::new() };
        script.push(ZERO.plus(30_000_000), Event::Service(event));
        script
    };
    let saw = |s: i64| MIB * (s % 30) as f64;
    assert_eq!(score(started(minute(growth(10.0)).read(0..61, saw))).0, Violated);
    let flat = |s: i64| MIB * if s < 30 { 50.0 } else { 90.0 };
    assert_eq!(score(started(minute(growth(10.0)).read(0..61, flat))).0, Met);
    // 7 before it began anew, 7 after.
    let counted = |s: i64| (s % 30 / 4) as f64;
    let (verdict, reason, _) = score(minute(increase(13.0)).count(0..61, counted));
    assert_eq!((verdict, reason.as_str()), (Violated, "increased by 14 B (13 B allowed)"));
    assert_eq!(score(minute(increase(14.0)).count(0..61, counted)).0, Met);
    // Of a value that is no counter, the last less the first.
    assert_eq!(score(minute(increase(0.0)).read(0..61, counted)).0, Met);
}

#[test]
fn one_series_that_begins_anew_does_not_hide_what_another_added() {
    let run = |most: f64| {
        let script = minute(increase(most)).count(-3..20, |_| 10.0);
        score(script.anew(20, 10.0, 10.0).count(21..61, |_| 10.0))
    };
    let (verdict, reason, _) = run(9.0);
    assert_eq!((verdict, reason.as_str()), (Violated, "increased by 10 B (9 B allowed)"));
    assert_eq!(run(10.0).0, Met);
}

#[test]
fn a_counter_that_is_born_rises_from_nothing() {
    let born = |most: f64| minute(increase(most)).absent(0..1).count(1..61, |_| 40.0);
    let (verdict, reason, _) = score(born(0.0));
    assert_eq!((verdict, reason.as_str()), (Violated, "increased by 40 B (0 B allowed)"));
    let card = born(40.0).read_until(61).complete().judge();
    assert_eq!((card.verdict, card.findings), (Met, vec![]));
    // A page that loses it for a while has not counted it twice.
    let holed = minute(increase(0.0)).count(-3..20, |_| 40.0).absent(20..21);
    assert_eq!(score(holed.count(21..61, |_| 40.0)).0, Met);
    // A value that is no counter was whatever it was.
    assert_eq!(score(minute(increase(0.0)).absent(0..1).read(1..61, |_| 40.0)).0, Met);
    // Nobody knows of one that never was born.
    assert_eq!(score(minute(increase(0.0)).absent(0..61)).0, Inconclusive);
}

#[test]
fn what_was_added_at_the_edge_is_open() {
    // One more between the last sample before time 0 and the first after it.
    let run =
        |most: f64| score(minute(increase(most)).count(-3..61, |s| f64::from(u8::from(s >= 0))));
    let (verdict, reason, missing) = run(0.0);
    assert_eq!(
        (verdict, reason.as_str()),
        (Inconclusive, "increased by 0 B to 1 B (0 B allowed): at the edge of what is judged")
    );
    assert!(missing.unwrap().contains("read it more often"));
    assert_eq!(run(1.0).0, Met);
    let inside = minute(increase(0.0)).count(-3..61, |s| f64::from(u8::from(s >= 7)));
    assert_eq!(score(inside).0, Violated);
}

/// A fault from 20 s to 30 s, then at most 50 within 10 s for 5 s.
fn settling(value: impl Fn(i64) -> f64, reads: std::ops::Range<i64>) -> Script {
    let after = Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 };
    let (within_us, hold_us) = (10_000_000, 5_000_000);
    let must = SettlesMust { metric: 0, at_most: number(50.0), after, within_us, hold_us };
    let script = Script::new(60).metric(Unit::Plain).expect(Must::Settles(must));
    let script = script.fault(20_000..30_000, hit(500)).run(0..20, 0).run(20..30, 100);
    script.run(30..60, 0).read(reads, value)
}

#[test]
fn settles() {
    let high_until = |until: i64| move |s: i64| if (20..until).contains(&s) { 90.0 } else { 10.0 };
    let (verdict, reason, _) = score(settling(high_until(35), 0..61));
    assert_eq!(
        (verdict, reason.as_str()),
        (Met, "settled after 4.25 s to 5.26 s (10 s allowed), to at most 50")
    );
    assert_eq!(score(settling(high_until(20), 0..61)).0, Met);
    let (verdict, reason, _) = score(settling(high_until(45), 0..61));
    assert_eq!(
        (verdict, reason.as_str()),
        (Violated, "settled after 14.3 s to 15.3 s (10 s allowed), to at most 50")
    );
    // The last high sample is in time, the first low one is not.
    let (verdict, _, missing) = score(settling(high_until(40), 0..61));
    assert_eq!(
        (verdict, missing.unwrap().as_str()),
        (Inconclusive, "a deadline of at least 10.26 s")
    );
    // Low for 3 s only, again and again.
    let relapses = |s: i64| if s > 30 && s % 4 == 0 { 90.0 } else { 10.0 };
    let (verdict, reason, _) = score(settling(relapses, 0..61));
    assert_eq!(
        (verdict, reason.as_str()),
        (Violated, "not at most 50 for 5 s within 10 s, at least 10")
    );
    assert_eq!(score(settling(|_| 90.0, 0..61)).0, Violated);
    // Nobody looked, or not for long enough.
    assert_eq!(score(settling(high_until(35), 0..31)).0, Inconclusive);
    let (verdict, _, missing) = score(settling(high_until(35), 0..38));
    assert_eq!(verdict, Inconclusive, "{missing:?}");
    let cut = settling(high_until(35), 0..61).expectation();
    assert_eq!(cut.verdict, Inconclusive, "{cut:?}");
}

#[test]
fn ready_in_time() {
    let run = |not_ready_ms: Option<i64>, ready_ms: Option<i64>| {
        let after = Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 };
        let must = Must::Ready { service: "api".to_owned(), after, within_us: 2_000_000 };
        let mut script = Script::new(60).expect(must).fault(20_000..30_000, hit(500));
        script = script.run(0..20, 0).run(20..30, 100).run(30..60, 0);
        let at = |ms: i64| ZERO.plus((30_000 + ms) * 1000);
        let (from, detail) = (at(1), "connection refused".to_owned());
        let (not_ready, ready) = (not_ready_ms.map(at), ready_ms.map(at));
        let service = "api".to_owned();
        let looks = Looks { service, from, not_ready, ready, detail };
        script.push(at(9_000), Event::Looks(looks));
        let score = script.complete().expectation();
        (score.verdict, score.reason)
    };
    assert_eq!(run(Some(900), Some(1_000)).0, Met);
    assert_eq!(run(None, Some(5)).0, Met);
    assert_eq!(run(Some(1_950), Some(2_050)).0, Inconclusive);
    assert_eq!(run(Some(2_450), Some(2_550)).0, Violated);
    let (verdict, reason) = run(Some(2_450), None);
    assert_eq!((verdict, reason.as_str()), (Violated, "not ready within 2 s: connection refused"));
    assert_eq!(run(Some(1_450), None).0, Inconclusive);
}

#[test]
fn each_end_has_its_own_looks() {
    let must = |fault: usize, within_us: u64| {
        let after = Moment { anchor: Anchor::FaultEnd(fault), offset_us: 0 };
        Must::Ready { service: "api".to_owned(), after, within_us }
    };
    let mut script = Script::new(60);
    for (fault, within_us) in [(0, 2_000_000), (1, 2_000_000), (1, 9_000_000)] {
        script = script.expect(must(fault, within_us));
    }
    script = script.fault(10_000..12_000, hit(20)).fault(30_000..32_000, hit(20)).run(0..60, 0);
    let at = |ms: i64| ZERO.plus(ms * 1000);
    let mut look = |from: i64, not_ready: i64, ready: Option<i64>, known: i64| {
        let (from, not_ready, ready) = (at(from), Some(at(not_ready)), ready.map(at));
        let looks = Looks { service: "api".into(), from, not_ready, ready, detail: "no".into() };
        script.push(at(known), Event::Looks(looks));
    };
    look(12_001, 12_300, Some(12_400), 12_401);
    // Two ask about the second end: one gives up before it is ready.
    look(32_001, 34_400, None, 34_500);
    look(32_001, 37_300, Some(37_400), 37_401);
    let card = script.complete().judge();
    let verdicts: Vec<_> = card.expectations.iter().take(3).map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Met, Violated, Met], "{card:?}");
}

#[test]
fn foreign_samples_are_refused_or_judged() {
    let sample = |text: &str| serde_json::from_str::<crate::Entry>(text);
    let good = r#"{"at":6000000,"event":{"sample":{"metric":0,"asked":5900000,"answered":5950000,"value":"0.5"}}}"#;
    let script = |text: &str| {
        let mut script = minute(nothing());
        script.entries.push(sample(text).unwrap());
        script.timeline().is_ok()
    };
    assert!(script(good));
    assert!(!script(&good.replace("\"metric\":0", "\"metric\":1")));
    assert!(!script(&good.replace("5900000", "5960000")));
    assert!(!script(&good.replace("5950000", "99999999999999999")));
    assert!(sample(&good.replace("\"0.5\"", "\"NaN\"")).is_err());
    assert!(sample(&good.replace("\"0.5\"", "null")).is_err());
}
