//! Stairs of 100/s to 400/s, 5 s each, the first second of each not judged: which step is the
//! capacity, and what leaves it open. Each rule with the twin that must fail.

use super::*;
use crate::case::{Ask, Place};
use crate::event::{EndReason, Event, Histogram};
use crate::scorecard::Verdict::{Inconclusive, Met, Violated};
use crate::script::{FAST, FAST_SERVICE, LATE, Script, ZERO, punctual};
use crate::time::{At, Share};

const PER_S: u64 = 60_000;

/// Less than 1 % errors up to at least this rate, if one is asked.
fn stairs(at_least: Option<u64>) -> Script {
    let mut script =
        Script::new(20).objective("errors", Ask::ErrorRate { below: Share(10_000_000) });
    let step = |number: u64| Step {
        milli_per_min: number * 100 * PER_S,
        ends_us: number * 5_000_000,
        from_s: number * 5 - 4,
        to_s: number * 5,
        planned: number * 400,
    };
    script.case.loads[0].steps = (1..=4).map(step).collect();
    script.case.objectives[0].criterion = true;
    script.case.capacities = vec![Capacity {
        name: "room".to_owned(),
        place: Place::default(),
        load: 0,
        at_least_milli_per_min: at_least.map(|rate| rate * PER_S),
        criteria: vec![0],
        advisory: false,
    }];
    script
}

impl Script {
    /// All of a step's seconds, with so many bad ones in each that is judged and all bad while it
    /// settles.
    fn step(mut self, number: i64, bad: u64) -> Script {
        let rate = number.unsigned_abs() * 100;
        for second in number * 5 - 5..number * 5 {
            let bad = if second == number * 5 - 5 { rate } else { bad };
            for (outcome, n) in [(Outcome::Ok, rate - bad), (Outcome::Timeout, bad)] {
                let cell = self.cell(second, outcome, n);
                self = self.add(cell);
            }
        }
        self
    }

    /// Four steps.
    fn steps(self, bad: [u64; 4]) -> Script {
        (1..).zip(bad).fold(self, |script, (number, bad)| script.step(number, bad))
    }
}

fn verdicts(score: &ObjectiveScore) -> Vec<Verdict> {
    score.steps.iter().map(|step| step.verdict).collect()
}

#[test]
fn it_is_the_last_step_below_the_first_that_broke() {
    let run = |at_least| stairs(at_least).steps([0, 0, 30, 0]).complete().judge();
    let card = run(None);
    let score = &card.objectives[0];
    assert_eq!((card.objectives.len(), card.verdict), (1, Met), "{}", card.sentence);
    assert_eq!(verdicts(score), [Met, Met, Violated, Met]);
    assert_eq!(score.observed, "at least 200/s, less than 300/s");
    assert_eq!((score.n, score.k, score.unknown), (4, 1, 0));
    assert_eq!((score.lower, score.upper), (Some(200.0), Some(300.0)));
    assert_eq!((score.asks.as_str(), score.limit), ("capacity with errors", 100.0));
    let broke = "step 300/s broke `errors`: 95 % sure that more than 1 % were not ok";
    let reason = format!("every step up to 200/s held; {broke}");
    assert!(score.reason.starts_with(&reason), "{}", score.reason);
    assert_eq!((score.steps[2].n, score.steps[2].bad, score.steps[2].rate), (1200, 120, 300.0));
    assert_eq!((score.seconds, score.coverage), (16.0, 0.8));

    assert_eq!(run(Some(200)).objectives[0].verdict, Met);
    let too_much = run(Some(300));
    assert_eq!(
        (too_much.verdict, &*too_much.objectives[0].asks),
        (Violated, "capacity at least 300/s with errors")
    );
    assert!(too_much.sentence.starts_with(&format!("room: {broke}")), "{}", too_much.sentence);
}

#[test]
fn what_happens_while_a_step_settles_is_not_judged() {
    let none = stairs(None).steps([0; 4]).complete().first();
    assert_eq!((none.verdict, none.observed.as_str()), (Met, "at least 400/s"));
    assert_eq!(none.reason, "every step up to 400/s held; no step broke it");
    let first = stairs(None).steps([30, 0, 0, 0]).complete().first();
    assert_eq!((first.verdict, first.observed.as_str()), (Violated, "less than 100/s"));
}

#[test]
fn an_undecided_step_leaves_it_open_and_says_what_would_decide_it() {
    // 8 of 800 is neither surely less nor surely more than 1 %.
    let run = |at_least| stairs(at_least).steps([0, 2, 0, 40]).complete().judge();
    let card = run(None);
    let score = &card.objectives[0];
    assert_eq!(verdicts(score), [Met, Inconclusive, Met, Violated]);
    assert_eq!(
        (score.verdict, &*score.observed),
        (Inconclusive, "at least 100/s, less than 400/s")
    );
    assert_eq!(
        score.missing.as_deref(),
        Some("step 200/s, `errors`: needs 641 more clean requests = 4 s at 200/s")
    );
    assert!(score.reason.starts_with("step 200/s is undecided by `errors`: "), "{}", score.reason);
    // What is asked may be decided all the same.
    assert_eq!(run(Some(100)).verdict, Met);
    assert_eq!(run(Some(300)).verdict, Inconclusive);
    assert_eq!(run(Some(400)).verdict, Violated);
}

#[test]
fn a_step_without_all_of_its_requests_is_not_met() {
    let reached = |n: u64| {
        let mut script = stairs(Some(200)).step(1, 0).step(2, 0);
        script.case.loads[0].steps[1].planned += n;
        script.end(EndReason::Interrupted).first()
    };
    assert_eq!((reached(0).verdict, reached(0).unknown), (Met, 2));
    assert_eq!(reached(8).verdict, Inconclusive);
    let never = stairs(Some(300)).step(1, 0).step(2, 0).end(EndReason::Interrupted).first();
    assert_eq!((never.verdict, &*never.reason), (Inconclusive, "step 300/s was not reached"));
    assert_eq!(never.missing.as_deref(), Some("a run that reaches step 300/s"));
}

#[test]
fn a_late_generator_has_no_capacity_to_tell() {
    let run = |late: u64| {
        let script = stairs(None).steps([0, 0, 0, 0]);
        let mut cell = script.cell(18, Outcome::Ok, 0);
        cell.marks[LATE] = late;
        cell.n = late;
        let mut script = script.add(cell);
        script.case.loads[0].steps[3].planned += late;
        script.complete().judge()
    };
    assert_eq!((run(0).verdict, run(0).health.well), (Met, true));
    let late = run(40);
    assert_eq!((late.verdict, late.health.well), (Inconclusive, false), "{}", late.sentence);
    assert_eq!(late.objectives[0].observed, "at least 300/s");
    assert!(late.sentence.contains("the generator was late"), "{}", late.sentence);
}

fn stopped(at: At) -> Event {
    Event::Stopped { load: 0, at, text: "step 200/s broke `errors`".to_owned() }
}

fn due(script: &mut Script, due: u64) {
    script.push(ZERO, Event::Health(punctual(due)));
}

#[test]
fn of_a_stopped_load_only_what_was_due_until_then_is_expected() {
    let run = |is_stopped: bool| {
        let mut script = stairs(Some(200)).step(1, 0).step(2, 20);
        let cell = script.cell(10, Outcome::Ok, 120);
        script = script.add(cell);
        due(&mut script, 500 + 1000 + 120);
        script.case.loads[0].planned = 5_000;
        if is_stopped {
            script.push(ZERO, stopped(At(ZERO.0 + 10_400_000)));
        }
        script.complete().judge()
    };
    let card = run(true);
    let score = &card.objectives[0];
    assert_eq!((card.verdict, score.steps.len()), (Violated, 2), "{}", card.sentence);
    assert_eq!((card.loads[0].planned, card.health.planned, card.health.begun), (1620, 1620, 1620));
    let stopped = "load `visitors` was stopped 10.4 s after time 0: step 200/s broke `errors`";
    assert_eq!(card.findings, [stopped]);
    // The twin: a generator that just ended is short.
    let short = run(false);
    assert_eq!((short.loads[0].planned, short.objectives[0].steps.len()), (5000, 4));
    assert!(short.findings[0].contains("left no record"), "{:?}", short.findings);
}

/// What a stop says that was decided by something else than the capacity's criteria.
#[test]
fn steps_that_were_left_out_are_no_capacity() {
    let mut script = stairs(Some(300)).step(1, 0).step(2, 0);
    due(&mut script, 1500);
    script.case.loads[0].planned = 5_000;
    script.push(ZERO, stopped(At(ZERO.0 + 10_000_000)));
    let score = script.complete().first();
    assert_eq!((score.verdict, &*score.reason), (Inconclusive, "step 300/s was not reached"));
}

#[test]
fn a_load_is_stopped_by_a_step_that_is_over_and_broken() {
    let stop = |bad: [u64; 4], now: i64| {
        let mut script = stairs(None).steps(bad);
        script.case.loads[0].stop_after = vec![0];
        broken(&script.case, &script.timeline().unwrap(), 0, now)
    };
    let told = stop([0, 20, 30, 0], 20).unwrap();
    assert!(told.starts_with("step 200/s broke `errors`: 95 % sure"), "{told}");
    assert_eq!(stop([0, 20, 30, 0], 9), None, "it is not over");
    assert!(stop([0, 20, 30, 0], 10).is_some());
    assert_eq!(stop([0, 2, 2, 2], 20), None, "undecided is not broken");
    let mut script = stairs(None).steps([0, 20, 30, 0]);
    script.case.loads[0].stop_after = vec![0];
    script.push(ZERO, stopped(At(ZERO.0 + 11_000_000)));
    let again = broken(&script.case, &script.timeline().unwrap(), 0, 20);
    assert_eq!(again, None, "it is stopped once");
    // One that waits for its own end is stopped before it.
    let mut script = stairs(None).steps([0, 20, 30, 0]);
    script.case.loads[0].stop_after = vec![0];
    script.push(ZERO, stopped(At(ZERO.0 + 17_000_000)));
    assert!(broken(&script.case, &script.timeline().unwrap(), 0, 11).is_some());
    script.push(ZERO, stopped(At(ZERO.0 + 11_000_000)));
    assert_eq!(broken(&script.case, &script.timeline().unwrap(), 0, 11), None);
    assert_eq!(script.timeline().unwrap().stopped[&0].0, At(ZERO.0 + 11_000_000));
    // What has not ended yet may end well.
    let few = |n: u64| {
        let mut script = stairs(None);
        let cell = script.cell(1, Outcome::Timeout, n);
        script = script.add(cell);
        script.case.loads[0].stop_after = vec![0];
        broken(&script.case, &script.timeline().unwrap(), 0, 5).is_some()
    };
    assert_eq!((few(4), few(12)), (false, true));
}

#[test]
fn the_worst_criterion_decides_a_step() {
    let (percentile, clock) = (Share(950_000_000), crate::case::Clock::Response);
    let (mark, service_mark, below_us) = (FAST, FAST_SERVICE, 500_000);
    let latency = Ask::Latency { percentile, below_us, clock, mark, service_mark };
    let mut script = stairs(None).objective("fast", latency);
    script.case.objectives[1].criterion = true;
    script.case.capacities[0].criteria.push(1);
    for number in 1..=4 {
        script = script.step(number, 0);
    }
    let mut slow = script.cell(13, Outcome::Ok, 300);
    slow.marks.fill(0);
    let mut script = script.add(slow);
    let score = script.clone().complete().first();
    assert_eq!(score.observed, "at least 200/s, less than 300/s");
    assert!(score.reason.contains("step 300/s broke `fast`"), "{}", score.reason);
    let ids: Vec<_> = score.steps[2].criteria.iter().map(|one| (&*one.id, one.verdict)).collect();
    assert_eq!(ids, [("errors", Met), ("fast", Violated)]);
    // A histogram knows nothing of steps, so it must not speak of one.
    let buckets = vec![(1_000, 1_000, 4_300)];
    let (load, request, ok, segment) = (0, 0, true, 1);
    let histogram = Histogram { load, request, ok, clock, segment, buckets };
    script.push(ZERO, Event::Histogram(histogram));
    let observed = &script.complete().first().steps[0].criteria[1].observed;
    assert_eq!(observed, "100 % ok in less than 500 ms");
}

#[test]
fn a_capacity_without_steps_is_no_journal_of_ours() {
    let mut script = stairs(None);
    script.case.loads[0].steps.clear();
    assert!(script.timeline().unwrap_err().to_string().contains("without steps"));
    let mut script = stairs(None);
    script.case.loads[0].steps.reverse();
    assert!(script.timeline().unwrap_err().to_string().contains("do not go up"));
}
