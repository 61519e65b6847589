//! Breakers that are polled, and may have closed and opened again between two reads.
//! Not here: what else reads may miss (`polled`).

use super::*;
use crate::case::{Asked, BreakerMust, Evidence, Must, Shown, Shows, Unit};
use crate::event::{Attempt, AttemptsOf};
use crate::script::fleet;
use crate::time::Share;

const CLOSED: f64 = 0.0;
const OPEN: f64 = 1.0;
const HALF: f64 = 2.0;

/// A fault from 20 s to 30 s, a recovery of 5 s, the state at the read of each second, 250 ms after
/// it, and calls that end at these instants, ms, well or not.
fn script(state: impl Fn(i64) -> f64, calls: Option<Vec<(i64, Outcome)>>) -> Script {
    let mut script = Script::new(60).metric(Unit::Plain);
    let arrivals = calls.as_ref().map(|_| Evidence::Arrivals("api".to_owned()));
    script = script.guarded(Some(5), [Evidence::Polled(0)].into_iter().chain(arrivals).collect());
    let must = BreakerMust { reopens_after_close: Some(0), ..fleet::nothing() };
    let script = script.expect(Must::Breaker(must)).fault(20_000..30_000, hit(500));
    let script = match calls {
        None => script,
        Some(calls) => {
            let mut script = script;
            script.case.loads[0].link = None;
            let call = |(ms, outcome)| Attempt {
                begun: fleet::ms(ms - 2),
                done: fleet::ms(ms),
                outcome,
                trial: false,
            };
            let list = calls.into_iter().map(call).collect();
            script.attempts(AttemptsOf::Link("api".to_owned()), list)
        }
    };
    let script = script.run(0..20, 0).run(20..30, 100).run(30..60, 0);
    script.read(-2..61, state).read_until(61).complete()
}

fn judged(script: &Script) -> (crate::Verdict, String) {
    let score = script.expectation();
    (score.verdict, score.reason)
}

/// Open at the reads of 21 s to this.
fn open_until(last: i64) -> impl Fn(i64) -> f64 {
    move |second| if (21..=last).contains(&second) { OPEN } else { CLOSED }
}

#[test]
fn after_a_fault_it_may_have_closed_for_a_moment() {
    // Its trial failed while the fault was on, the next closed it.
    assert_eq!(judged(&script(open_until(32), None)).0, Met);
    // Open 8 s longer than the fault: it closed in between, or a trial failed without cause.
    let (verdict, reason) = judged(&script(open_until(37), None));
    assert_eq!(verdict, Inconclusive);
    assert_eq!(
        reason,
        "it may have closed and opened again between the reads at 29.3 s and 30.3 s, which both \
         found it not closed"
    );
    let tried = |s: i64| if s == 31 { HALF } else { open_until(37)(s) };
    assert_eq!(judged(&script(tried, None)).0, Inconclusive);
}

#[test]
fn while_some_calls_succeed_it_may_have_closed_too() {
    let with = |asked: Share, shown: Shown, last: i64| {
        let mut script = script(open_until(last), None);
        script.case.faults[0].asked = Asked::Share(asked);
        script.case.metrics[0].shown = shown;
        judged(&script).0
    };
    let half = Share(500_000_000);
    assert_eq!(with(Share::ONE, Shown::States, 32), Met);
    assert_eq!(with(half, Shown::States, 32), Inconclusive);
    // What closes by time needs no success, and counts miss nothing.
    assert_eq!(with(Share::ONE, Shown::TimedStates, 32), Inconclusive);
    assert_eq!(with(half, Shown::Changes, 37), Met);
}

#[test]
fn arrivals_beside_it_tell() {
    let calls = |trial: Outcome| {
        let usual = (0..20_400).step_by(25).chain((38_000..60_000).step_by(25)).map(|ms| {
            (ms, if (20_000..30_000).contains(&ms) { Outcome::Http5xx } else { Outcome::Ok })
        });
        let mut all: Vec<_> = usual.chain([(25_400, Outcome::Http5xx), (31_000, trial)]).collect();
        all.sort_unstable();
        Some(all)
    };
    let failed = script(open_until(37), calls(Outcome::Http5xx));
    assert_eq!(judged(&failed).0, Met);
    // Trials that failed between two reads, which say open, contradict nobody.
    let findings = failed.judge().findings;
    assert!(!findings.iter().any(|text| text.contains("disagree")), "{findings:?}");
    assert_eq!(judged(&script(open_until(37), calls(Outcome::Ok))).0, Inconclusive);
}

/// Only a fault that lets nothing through keeps a breaker from closing while it is on.
#[test]
fn of_a_fault_that_some_calls_survive_nothing_follows() {
    for (shows, kind, verdict) in [
        (Shows::Refused, "outage", Met),
        (Shows::Status(503), "error", Met),
        (Shows::Done, "pause", Met),
        (Shows::Slow { mark: 0 }, "latency", Inconclusive),
        (Shows::Status(429), "error", Inconclusive),
        (Shows::Done, "command", Inconclusive),
        (Shows::Done, "manual", Inconclusive),
    ] {
        let mut script = script(open_until(32), None);
        (script.case.faults[0].shows, script.case.faults[0].kind) =
            (shows.clone(), kind.to_owned());
        assert_eq!(judged(&script).0, verdict, "{kind} {shows:?}");
        script.case.faults[0].spares_some = true;
        assert_eq!(judged(&script).0, Inconclusive, "{kind} {shows:?}, some pass");
    }
}

/// Counts that both rose between two reads: the state that came and went is a sample from the read
/// before on.
#[test]
fn what_counts_show_between_two_reads_is_a_reopening() {
    let mut script = script(open_until(37), None);
    script.case.metrics[0].shown = Shown::Changes;
    let with = |state: f64| {
        let mut script = script.clone();
        let is_open = |entry: &crate::event::Entry| match &entry.event {
            Event::Sample(sample) => sample.asked == fleet::ms(35_250),
            _ => false,
        };
        let at = script.entries.iter().position(is_open).unwrap();
        let Event::Sample(mut sample) = script.entries[at].event.clone() else { panic!() };
        sample.asked = fleet::ms(34_250);
        sample.value = crate::script::metric::number(state);
        let entry = crate::event::Entry { at: sample.answered, event: Event::Sample(sample) };
        script.entries.insert(at, entry);
        judged(&script)
    };
    assert_eq!(with(HALF).0, Met);
    assert_eq!(with(CLOSED), (Violated, "opened 1 time after it closed (0 allowed)".to_owned()));
}
