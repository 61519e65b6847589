//! Golden runs, each rule with the twin that must fail.
//! Not here: laws (`laws`), expectations (`around`).

use crate::case::{Ask, Clock, During};
use crate::event::{
    EndReason, Entry, Event, Health, Histogram, Machine, ServiceEvent, ServiceState,
};
use crate::outcome::Outcome;
use crate::scorecard::Verdict::{Inconclusive, Met, Violated};
use crate::script::{BLOCKED, FAST, FAST_SERVICE, IDLE, LATE, PAY, Script, ZERO, hit, punctual};
use crate::time::{At, Share};
use crate::{Cell, Mark};

mod around;
mod arrivals;
mod beside;
mod breakers;
mod first_byte;
mod fleet_laws;
mod fleets;
mod foreign;
mod generator;
mod laws;
mod logs;
mod metrics;
mod opening;
mod polled;
mod reconciles;
mod relapse;
mod returned;
mod several;
mod slices;
mod stood;
mod terms;
mod throughput;
mod untouched;
mod waiting;

#[test]
fn an_error_rate() {
    let clean = Script::new(30).errors().run(0..30, 0).complete().judge();
    assert_eq!((clean.verdict, clean.sentence.as_str()), (Met, "1 objective held"));
    let score = &clean.objectives[0];
    assert_eq!((score.n, score.k, score.unknown), (3000, 0, 0));
    assert_eq!((score.upper, score.lower), (Some(0.000_998_079_012), Some(0.0)));
    assert_eq!((score.coverage, score.seconds, score.limit), (1.0, 30.0, 0.001));
    assert_eq!(
        (score.during.as_str(), score.asks.as_str()),
        ("steady, after", "error rate < 0.1 %")
    );
    assert_eq!((score.missing.clone(), score.worst.clone()), (None, None));

    let few = Script::new(20).errors().run(0..20, 0).complete().first();
    assert_eq!(few.verdict, Inconclusive);
    assert_eq!(few.missing.as_deref(), Some("needs 995 more clean requests = 10 s at 100/s"));

    let bad = Script::new(100).errors().run(0..31, 1).run(31..100, 0).complete().judge();
    let sentence = "errors 0.31 % (31 of 10000, 95 % sure above 0.224 %), limit 0.1 %";
    assert_eq!((bad.verdict, bad.sentence.as_str()), (Violated, sentence));
    assert_eq!(bad.objectives[0].observed, "0.31 % (31 of 10000)");
    assert_eq!(bad.objectives[0].worst.as_deref(), Some("1 % bad (10 of 1000) from 0 s to 10 s"));

    let none = Script::new(30).errors().complete().judge();
    assert_eq!(none.verdict, Inconclusive);
    assert_eq!(none.objectives[0].reason, "no request was judged");
}

#[test]
fn every_outcome_but_ok_counts() {
    for outcome in Outcome::ALL {
        let script = Script::new(30).errors().run(0..30, 0);
        let cell = script.cell(29, outcome, 20);
        let score = script.add(cell).complete().first();
        let expect = match outcome {
            Outcome::Ok | Outcome::FastFail => Met,
            Outcome::NotSent | Outcome::Cut => Inconclusive,
            _ => Violated,
        };
        assert_eq!(score.verdict, expect, "{outcome:?}: {}", score.reason);
    }
}

#[test]
fn a_latency_counts_failures_and_slow_answers() {
    let run = |slow: u64, failed: u64| {
        let mut script = Script::new(20).fast();
        for second in 0..20 {
            let ok = script.cell(second, Outcome::Ok, 100 - slow - failed);
            let mut late = script.cell(second, Outcome::Ok, slow);
            late.marks.fill(0);
            // A failure that came quickly is still no good answer.
            let mut quick = script.cell(second, Outcome::Http5xx, failed);
            quick.marks[FAST] = failed;
            script = script.add(ok).add(late).add(quick);
        }
        script.complete().first()
    };
    assert_eq!(run(2, 2).verdict, Met);
    assert_eq!(run(4, 2).verdict, Violated, "117 of 2000 is enough");
    assert_eq!(run(2, 3).verdict, Inconclusive);
    assert_eq!(run(2, 2).observed, "96 % ok in less than 500 ms");
}

#[test]
fn percentiles_come_from_histograms_and_must_agree() {
    let run = |fast: u64, total: u64| {
        let mut script = Script::new(20).fast().run(0..20, 0);
        for ok in [true, false] {
            let buckets = if ok {
                vec![(312_000, 312_447, fast), (499_968, 500_223, total - fast)]
            } else {
                Vec::new()
            };
            let (clock, segment) = (Clock::Response, 1);
            let histogram = Histogram { load: 0, request: 0, ok, clock, segment, buckets };
            script.push(At(26_000_000), Event::Histogram(histogram));
        }
        script.complete().judge()
    };
    let card = run(1900, 2000);
    assert_eq!((card.verdict, card.objectives[0].observed.as_str()), (Met, "P95 312 ms"));
    assert_eq!(card.loads[0].times[0].max_us, 500_223);
    for card in [run(1900, 1999), Script::clone(&tampered()).judge()] {
        assert_eq!(card.verdict, Inconclusive);
        assert!(card.findings[0].starts_with("assay disagrees with itself"), "{card:?}");
    }
}

/// 2000 fast requests by the counter, 100 of them surely slow by the histogram.
fn tampered() -> Script {
    let mut script = Script::new(20).fast().run(0..20, 0);
    let buckets = vec![(312_000, 312_447, 1900), (500_224, 500_479, 100)];
    let (clock, segment) = (Clock::Response, 1);
    let histogram = Histogram { load: 0, request: 0, ok: true, clock, segment, buckets };
    script.push(At(26_000_000), Event::Histogram(histogram));
    script.complete()
}

#[test]
fn an_error_count_is_exact() {
    let run = |bad: u64, reason| {
        let script = Script::new(30).objective("none", Ask::ErrorCount { at_most: 1 });
        let script = script.run(0..29, 0).run(29..30, bad);
        script.end(reason).first().verdict
    };
    assert_eq!(run(1, EndReason::Complete), Met);
    assert_eq!(run(2, EndReason::Complete), Violated);
    assert_eq!(run(1, EndReason::Guard), Inconclusive);
    assert_eq!(run(2, EndReason::Guard), Violated);
}

#[test]
fn availability_is_a_budget_of_slices() {
    let at_least = Share(990_000_000);
    let ask = Ask::Availability {
        at_least,
        slice_s: 1,
        slice_target: Share(950_000_000),
        slice_least: 5,
    };
    let run = |seconds: i64, bad: &[i64]| {
        let mut script = Script::new(seconds as u64).objective("up", ask.clone());
        for second in 0..seconds {
            let failed = if bad.contains(&second) { 6 } else { 5 };
            script = script.run(second..second + 1, failed);
        }
        script.complete().first()
    };
    assert_eq!(run(100, &[3]).verdict, Met);
    assert_eq!(run(100, &[3, 4]).verdict, Violated);
    assert_eq!(run(100, &[3, 5]).verdict, Inconclusive);
    assert_eq!(run(59, &[]).verdict, Inconclusive);
    let score = run(100, &[3, 4]);
    assert_eq!((score.n, score.k, score.lower), (100, 2, None));
    assert_eq!(score.observed, "98 % of slices good, down for 2 s (at most 2 s at a time)");
    // Seconds in which our own open breaker sent nothing are bad, not idle.
    let mut script = Script::new(100).objective("up", ask.clone()).run(0..98, 0);
    for second in 98..100 {
        let cell = script.cell(second, Outcome::FastFail, 100);
        script = script.add(cell);
    }
    assert_eq!(script.complete().first().verdict, Violated);
}

#[test]
fn each_name_or_all_together() {
    let run = |per_request: bool| {
        let mut script = Script::new(100).errors().run(0..100, 0);
        script.case.objectives[0].per_request = per_request;
        for second in 0..100 {
            let mut cell = script.cell(second, Outcome::Http5xx, u64::from(second < 5));
            cell.request = PAY.request;
            script = script.add(cell);
        }
        script.complete().judge()
    };
    let pooled = run(false);
    let small = "objective `errors (pay)`: this name is only 0.05 % of what is judged together";
    assert!(pooled.findings.iter().any(|text| text == small), "{:?}", pooled.findings);
    assert_eq!(pooled.objectives.len(), 1);
    assert_eq!(pooled.verdict, Inconclusive);
    let each = run(true);
    let ids: Vec<_> = each.objectives.iter().map(|score| score.id.as_str()).collect();
    assert_eq!(ids, ["errors (list)", "errors (pay)"]);
    assert_eq!(each.objectives.iter().map(|s| s.verdict).collect::<Vec<_>>(), [Met, Violated]);
    assert_eq!(each.verdict, Violated);
}

#[test]
fn advisory_objectives_do_not_decide() {
    let mut script = Script::new(30).errors().fast().run(0..30, 1).complete();
    assert_eq!(script.judge().verdict, Violated);
    script.case.objectives[0].advisory = true;
    assert_eq!(script.judge().verdict, Met);
    script.case.objectives[1].advisory = true;
    let card = script.judge();
    assert_eq!((card.verdict, card.sentence.as_str()), (Inconclusive, "nothing was asked"));
}

#[test]
fn a_late_generator_is_our_fault() {
    // All answers slow on the response clock, because they were sent late; quick by themselves.
    let run = |late: u64, service_slow: u64| {
        let mut script = Script::new(30).fast();
        for second in 0..30 {
            let mut cell = script.cell(second, Outcome::Ok, 100);
            cell.marks[FAST] = 80;
            cell.marks[FAST_SERVICE] = 100 - service_slow;
            cell.marks[LATE] = late;
            script = script.add(cell);
        }
        script.complete().judge()
    };
    assert_eq!(run(1, 0).verdict, Violated, "1 % late is allowed");
    let card = run(2, 0);
    assert_eq!((card.verdict, card.health.well), (Inconclusive, false));
    assert!(card.objectives[0].reason.starts_with("the generator was late: 2 %"), "{card:?}");
    assert_eq!(run(2, 20).verdict, Violated, "the service clock alone says so");
    // A clean run is not met either.
    let mut script = Script::new(30).errors();
    for second in 0..30 {
        let mut cell = script.cell(second, Outcome::Ok, 100);
        cell.marks[BLOCKED] = 2;
        script = script.add(cell);
    }
    assert_eq!(script.complete().judge().verdict, Inconclusive);
}

#[test]
fn a_short_generator_is_our_fault() {
    let each = |journeys: bool, planned: u64, reason: EndReason, due: u64| {
        let mut script = Script::new(40).errors().run(0..40, 0);
        script.case.loads[0].planned = planned;
        script.case.loads[0].journeys = journeys;
        let health = Health { due, ..punctual(4_000) };
        script.push(At(46_000_000), Event::Health(health));
        script.end(reason).first()
    };
    let run = |planned, reason, due| each(false, planned, reason, due);
    assert_eq!(run(4000, EndReason::Complete, 4000).verdict, Met);
    // Of journeys only the run knows how many requests were due; at least all arrivals were.
    assert_eq!(each(true, 1000, EndReason::Complete, 4000).verdict, Met);
    assert_eq!(each(true, 1000, EndReason::Complete, 4100).verdict, Inconclusive);
    assert_eq!(each(true, 4100, EndReason::Complete, 4000).verdict, Inconclusive);
    let short = run(4100, EndReason::Complete, 4000);
    assert_eq!(short.verdict, Inconclusive);
    assert!(short.reason.starts_with("the generator was short"), "{}", short.reason);
    // One without a record is unknown: 1 of 4001 may be bad.
    assert_eq!(run(4001, EndReason::Complete, 4000).verdict, Inconclusive);
    // A run that was stopped is measured by what was due until then.
    assert_eq!(run(9000, EndReason::Guard, 4000).verdict, Met);
    assert_eq!(run(9000, EndReason::Guard, 4100).verdict, Inconclusive);
}

#[test]
fn a_journal_that_was_cut_is_never_met() {
    let good = Script::new(40).errors().run(0..40, 0);
    assert_eq!(good.clone().complete().judge().verdict, Met);
    let card = good.judge();
    assert_eq!(card.verdict, Inconclusive);
    assert!(card.sentence.contains("the journal ends before the run did"), "{}", card.sentence);
    assert_eq!(Script::new(40).errors().run(0..40, 1).judge().verdict, Violated);
    let stopped = good.end(EndReason::Guard).judge();
    assert_eq!(stopped.verdict, Met);
    assert!(stopped.sentence.contains("a guard stopped the run"), "{}", stopped.sentence);
}

#[test]
fn an_outage_reddens_neither_steady_nor_hides_slow_requests() {
    let run = |outcome, older| {
        let script = Script::new(60).errors().fault(20_000..25_000, hit(500));
        let script = script.run(0..20, 0).run(20..25, 100).run(25..60, 0);
        script.straddling(19, outcome, 30, older).complete().first()
    };
    let score = run(Outcome::ProtocolError, 1);
    assert_eq!((score.verdict, score.moved_to_fault, score.n), (Met, 30, 4500));
    // More than 1 s old when the fault came: slow by itself.
    let score = run(Outcome::ProtocolError, 2);
    assert_eq!((score.verdict, score.moved_to_fault), (Violated, 0));
    let mut all = Script::new(60).errors().fault(20_000..25_000, hit(500));
    all.case.objectives[0].during = vec![During::Named(0)];
    let score = all.run(20..25, 100).straddling(19, Outcome::Ok, 30, 1).complete().first();
    assert_eq!((score.n, score.k, score.moved_to_fault), (530, 500, 30));
    // An age that was not recorded may be more than the limit: it stays where it was due.
    let mut vague = Script::new(60).errors().fault(20_000..25_000, hit(500)).run(0..60, 0);
    vague.case.ages_us = vec![500_000];
    let vague = vague.straddling(19, Outcome::ProtocolError, 30, 1).complete().first();
    assert_eq!((vague.verdict, vague.moved_to_fault), (Violated, 0));
    // What was due in the warm-up is never judged.
    let mut script = Script::new(60).errors().fault(20_000..25_000, hit(500)).run(0..60, 0);
    let warm = Cell { segment: 0, ..script.cell(-1, Outcome::Http5xx, 100) };
    script = script.add(warm);
    assert_eq!(script.complete().first().k, 0);
}

#[test]
fn findings_tell_what_nobody_asked() {
    let mut script = Script::new(100).errors();
    for second in 0..100 {
        let bad = if second == 0 { 4 } else { 0 };
        let mut cell = script.cell(second, Outcome::ProtocolError, bad);
        cell.marks[IDLE] = bad;
        let ok = script.cell(second, Outcome::Ok, 100 - bad);
        script = script.add(cell).add(ok);
    }
    script.push(At(9_000_000), Event::Finding { text: "something".into() });
    let card = script.complete().judge();
    assert_eq!((card.verdict, card.loads[0].idle_resets), (Inconclusive, 4));
    let told = |what: &str| card.findings.iter().any(|text| text.contains(what));
    assert!(told("something") && told("4 resets"), "{:?}", card.findings);
    // Source: Korn-Graubard by SciPy's beta.ppf.
    assert_eq!(card.objectives[0].upper, Some(0.00189662449));
}

#[test]
fn the_order_of_lines_does_not_matter_to_cells() {
    let script = Script::new(60).errors().fault(20_000..25_000, hit(500)).run(0..60, 0);
    let (mut cells, rest): (Vec<Entry>, Vec<Entry>) =
        script.entries.iter().cloned().partition(|e| matches!(e.event, Event::Cells(_)));
    cells.reverse();
    let mut turned = script.clone();
    turned.entries = [cells, rest].concat();
    assert_eq!(script.complete().judge(), turned.complete().judge());
    assert!(ZERO.0 > 0 && Mark::Refused != Mark::Blocked);
}

#[test]
fn what_was_taken_from_the_machine_is_told_and_decides_nothing() {
    let script = || Script::new(30).errors().run(0..30, 0);
    let plain = script().complete().judge();
    assert_eq!(plain.health.machine, None);
    let mut script = script();
    let busy = |own_milli, descriptors| Machine {
        cores: 2,
        own_milli,
        all_milli: 1_999,
        descriptors,
        descriptors_allowed: 1_024,
        sockets: 17,
        ports: 28_232,
    };
    script.push(At(ZERO.0 + 30_100_000), Event::Machine(busy(1_234, 40)));
    script.push(At(ZERO.0 + 30_200_000), Event::Machine(busy(800, 1_000)));
    let told = script.complete().judge();
    assert_eq!((told.verdict, told.health.well), (plain.verdict, plain.health.well));
    assert_eq!(told.health.machine, Some(busy(1_234, 1_000)));
    let most = "; at most 1.23 of 2 cores in use by this program, 1.99 by all; 1000 of 1024 \
                descriptors; 17 TCP sockets on the machine, for 28232 ports";
    assert_eq!(told.health.sentence, plain.health.sentence + most);
}
