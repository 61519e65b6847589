//! Golden runs with logs: so many lines when they are due, and breakers by their log.
//! Not here: how lines are read (harness `service`).

use super::*;
use crate::case::{Anchor, BreakerMust, Evidence, Moment, Must};
use crate::script::fleet;
use crate::script::log::asks;

/// A fault from 20 s to 30 s.
fn faulty(must: Must) -> Script {
    let script = Script::new(60).log("breaker open").expect(must).fault(20_000..30_000, hit(500));
    script.run(0..20, 0).run(20..30, 100).run(30..60, 0)
}

fn score(script: Script) -> (crate::Verdict, String, Option<String>) {
    let score = script.complete().expectation();
    (score.verdict, score.reason, score.missing)
}

const GONE: During = During::Named(0);

#[test]
fn lines_are_counted_when_they_are_asked_for() {
    let least = || faulty(asks(Some(1), None, GONE));
    let (verdict, reason, _) = score(least().line(0, 20_100, 20_100).logs_read(61, 9));
    assert_eq!(verdict, Met);
    assert_eq!(reason, "1 line (at least 1 asked), the first at 20.1 s: breaker open");
    // None, or none then.
    let none = score(least().logs_read(61, 9));
    assert_eq!((none.0, none.1.as_str()), (Violated, "0 lines (at least 1 asked)"));
    assert_eq!(score(least().line(0, 31_000, 31_000).logs_read(61, 9)).0, Violated);
    assert_eq!(score(least().line(0, -1_000, -1_000).logs_read(61, 9)).0, Violated);
    let most = || faulty(asks(None, Some(1), GONE));
    assert_eq!(score(most().logs_read(61, 9)).0, Met);
    assert_eq!(score(most().line(0, 21_000, 21_000).logs_read(61, 9)).0, Met);
    assert_eq!(score(most().lines(0, 21_000, 21_005, (2, 0)).logs_read(61, 9)).0, Violated);
    assert_eq!(score(most().lines(0, 41_000, 41_005, (2, 0)).logs_read(61, 9)).0, Met);
    // All of a run begins with its services; its steady state does not.
    let none = |during| faulty(asks(None, Some(0), during)).line(0, -4_000, -4_000);
    assert_eq!(score(none(During::All).logs_read(61, 9)).0, Violated);
    assert_eq!(score(none(During::Steady).logs_read(61, 9)).0, Met);
    let exactly = faulty(asks(Some(2), Some(2), During::All)).lines(0, 1_000, 1_001, (2, 0));
    let exactly = exactly.logs_read(61, 9).complete().expectation();
    assert_eq!(exactly.verdict, Met);
    assert_eq!(exactly.asks, "exactly 2 lines of `api` with `breaker open` during all (±2 ms)");
}

#[test]
fn lines_at_an_edge_decide_nothing() {
    let least = || faulty(asks(Some(1), None, GONE));
    // Written before the fault, read in it; and read within the tolerance of its start.
    for (written, read) in [(19_000, 20_500), (20_001, 20_001)] {
        let (verdict, reason, missing) = score(least().line(0, written, read).logs_read(61, 9));
        assert_eq!(verdict, Inconclusive);
        assert!(reason.ends_with(": at the edge of what is judged"), "{reason}");
        assert!(missing.unwrap().contains("unbuffered"));
    }
    let most = || faulty(asks(None, Some(0), During::After));
    assert_eq!(score(most().line(0, 39_000, 40_500).logs_read(61, 9)).0, Inconclusive);
    assert_eq!(score(most().line(0, 40_100, 40_500).logs_read(61, 9)).0, Violated);
    // Of a line that was too long nobody knows whether it fits.
    let (verdict, reason, _) = score(most().lines(0, 45_000, 45_000, (0, 1)).logs_read(61, 9));
    assert_eq!(verdict, Inconclusive);
    assert!(reason.ends_with("1 line too long to be read whole"), "{reason}");
    assert_eq!(score(least().lines(0, 21_000, 21_000, (0, 1)).logs_read(61, 9)).0, Inconclusive);
    // What a service writes at its own end is none of the run's.
    assert_eq!(score(most().line(0, 60_600, 60_600).logs_read(60, 9)).0, Met);
}

#[test]
fn what_was_not_read_is_not_absent() {
    for must in [asks(None, Some(0), GONE), asks(Some(1), None, GONE)] {
        let (verdict, reason, _) = score(faulty(must.clone()));
        assert_eq!(verdict, Inconclusive);
        assert!(reason.ends_with("the output of `api` was not read to its end"), "{reason}");
        let (verdict, reason, missing) = score(faulty(must.clone()).logs_read(61, 0));
        assert_eq!(verdict, Inconclusive);
        assert!(reason.contains("`api` wrote no line at all: its log may go elsewhere"));
        assert!(missing.unwrap().contains("standard output"));
        // A run that was stopped, or whose journal was cut.
        let stopped = faulty(must.clone()).logs_read(61, 9).end(EndReason::Guard).expectation();
        assert_ne!(stopped.verdict, Met);
        assert_ne!(faulty(must).logs_read(61, 9).expectation().verdict, Met);
    }
    // What is there is there.
    let most = faulty(asks(None, Some(0), GONE)).line(0, 21_000, 21_000);
    assert_eq!(most.expectation().verdict, Violated);
    // A fault that did nothing has no time in which a line could be asked for.
    let mut idle = Script::new(60).log("x").expect(asks(None, Some(0), GONE));
    idle = idle.fault(20_000..30_000, hit(0)).run(0..60, 0).logs_read(61, 9);
    assert_eq!(idle.complete().expectation().verdict, Inconclusive);
}

/// A breaker by its log, with lines that it opened (ms) and that it closed; all of it was read.
fn breaker(must: BreakerMust, recovery_s: Option<u64>, opened: &[i64], closed: &[i64]) -> Script {
    let mut script = Script::new(60).log("breaker open").log("breaker closed");
    script = script.guarded(recovery_s, vec![Evidence::Logged { opened: 0, closed: 1 }]);
    let script = script.expect(Must::Breaker(must)).fault(20_000..30_000, hit(500));
    let script = script.run(0..20, 0).run(20..30, 100).run(30..60, 0);
    let script = opened.iter().fold(script, |script, ms| script.line(0, *ms, *ms));
    closed.iter().fold(script, |script, ms| script.line(1, *ms, *ms))
}

fn judged(script: Script) -> (crate::Verdict, String) {
    let score = script.logs_read(61, 9).complete().expectation();
    (score.verdict, score.reason)
}

fn within(anchor: Anchor, seconds: u64) -> Option<(Moment, u64)> {
    Some((Moment { anchor, offset_us: 0 }, seconds * 1_000_000))
}

#[test]
fn a_breaker_does_what_its_log_says() {
    let opens = || BreakerMust { opens: within(Anchor::FaultStart(0), 1), ..fleet::nothing() };
    let (verdict, reason) = judged(breaker(opens(), Some(5), &[20_400], &[31_000]));
    assert_eq!((verdict, reason.as_str()), (Met, "opened after 400 ms (1 s allowed)"));
    assert_eq!(judged(breaker(opens(), None, &[21_400], &[31_000])).0, Violated);
    assert_eq!(judged(breaker(opens(), None, &[], &[])).0, Violated);
    let closes = || BreakerMust { closes: within(Anchor::FaultEnd(0), 5), ..fleet::nothing() };
    // A trial failed at 25.4 s.
    let twice = [20_400, 25_400];
    assert_eq!(judged(breaker(closes(), Some(5), &twice, &[31_000])).0, Met);
    assert_eq!(judged(breaker(closes(), Some(5), &twice, &[36_000])).0, Violated);
    assert_eq!(judged(breaker(closes(), Some(5), &twice, &[])).0, Violated);
    let never = || BreakerMust { never_opens: true, ..fleet::nothing() };
    assert_eq!(judged(breaker(never(), None, &[], &[])).0, Met);
    assert_eq!(judged(breaker(never(), None, &[40_000], &[])).0, Violated);
    let reopens = || BreakerMust { reopens_after_close: Some(0), ..fleet::nothing() };
    assert_eq!(judged(breaker(reopens(), None, &[20_400], &[31_000])).0, Met);
    assert_eq!(judged(breaker(reopens(), None, &[20_400, 40_000], &[31_000, 50_000])).0, Violated);
    let trials = BreakerMust { trials: Some(1), ..fleet::nothing() };
    assert_eq!(judged(breaker(trials, Some(5), &[20_400], &[31_000])).0, Inconclusive);
    let card = breaker(opens(), Some(5), &twice, &[31_000]).logs_read(61, 9).complete().judge();
    assert_eq!(card.breakers[0].evidence, "told by its log");
    assert_eq!(card.breakers[0].episodes.len(), 2);
}

#[test]
fn a_log_that_cannot_be_believed_tells_nothing_of_a_breaker() {
    let never = || BreakerMust { never_opens: true, ..fleet::nothing() };
    let unread = breaker(never(), None, &[], &[]).complete().expectation();
    assert_eq!(
        (unread.verdict, unread.reason.contains("not read to its end")),
        (Inconclusive, true)
    );
    let empty = breaker(never(), None, &[], &[]).logs_read(61, 0).complete().expectation();
    assert_eq!((empty.verdict, empty.reason.contains("no line at all")), (Inconclusive, true));
    let long = breaker(never(), None, &[], &[]).lines(0, 25_000, 25_000, (0, 1));
    assert_eq!(judged(long).0, Inconclusive);
    // Started again while it was open: nobody says what became of that.
    let closes = BreakerMust { closes: within(Anchor::FaultEnd(0), 5), ..fleet::nothing() };
    let mut again = breaker(closes, Some(5), &[20_400], &[31_000]);
    let started = ServiceEvent {
        name: "api".to_owned(),
        state: ServiceState::Started,
        detail: String::new(),
    };
    again.push(ZERO.plus(25_000_000), Event::Service(started));
    let (verdict, reason) = judged(again);
    assert_eq!(verdict, Inconclusive);
    assert!(reason.contains("`api` was started at 25 s, while its breaker was open"), "{reason}");
}

/// Output that is buffered comes at once: which of its lines was before which, nobody knows.
#[test]
fn lines_that_were_read_together_are_in_no_order() {
    let ask = [
        BreakerMust { reopens_after_close: Some(0), ..fleet::nothing() },
        BreakerMust { closes: within(Anchor::FaultEnd(0), 20), ..fleet::nothing() },
    ];
    // By log, written and read (ms), how many.
    let run = |must: &BreakerMust, lines: &[(usize, i64, i64, u64)]| {
        let script = breaker(must.clone(), Some(5), &[], &[]);
        let script = lines
            .iter()
            .fold(script, |script, (log, from, to, n)| script.lines(*log, *from, *to, (*n, 0)));
        judged(script)
    };
    let flapping = [(0, 19_000, 40_000, 1), (1, 19_000, 40_000, 1)];
    for must in &ask {
        for lines in [
            flapping.repeat(2),
            vec![(0, 40_000, 40_000, 2), (1, 40_000, 40_000, 2)],
            vec![(0, 20_400, 20_410, 1), (1, 31_000, 31_005, 2), (0, 31_002, 31_009, 1)],
            vec![(0, 20_400, 20_410, 1), (1, 25_000, 31_000, 1), (0, 26_000, 30_000, 1)],
        ] {
            let (verdict, reason) = run(must, &lines);
            assert_eq!(verdict, Inconclusive, "{lines:?}");
            assert!(reason.contains("were read together at "), "{reason}");
        }
    }
    // Their own times tell, and so do those that were read one after the other.
    let stamped = [(0, 20_400), (1, 31_000), (0, 35_000), (1, 38_000)];
    let late = stamped.map(|(log, from)| (log, from, 40_000, 1));
    assert_eq!(run(&ask[0], &late).0, Violated);
    assert_eq!(run(&ask[0], &late[..2]).0, Met);
    assert_eq!(run(&ask[0], &[(0, 20_400, 20_900, 2), (1, 31_000, 31_000, 2)]).0, Met);
}

#[test]
fn objectives_may_ask_for_the_time_in_which_a_log_says_that_it_is_open() {
    let mut script = breaker(
        BreakerMust { never_opens: true, ..fleet::nothing() },
        Some(5),
        &[20_400],
        &[31_000],
    );
    script.case.expectations.clear();
    script = script.errors();
    script.case.objectives[0].during = vec![During::Open(0)];
    // From 20.4 s until a trial may come 5 s later: 21 to 24 are whole seconds.
    assert_eq!(script.logs_read(61, 9).complete().first().seconds, 4.0);
}
