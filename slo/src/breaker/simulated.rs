//! Inference against the truth of simulated lives: right within two arrivals, or "cannot tell".
//! Not here: the simulation (`script::gateway`).

use super::*;
use crate::case::{Policy, Shows};
use crate::event::{AttemptsOf, BreakerState};
use crate::script::gateway::{Flaw, Life, Rule, Setting, World, live};
use crate::script::{Script, hit};

/// What arrivals show of a life, of a breaker that is said to be set so.
fn inferred_by(world: &World, life: &Life, policy: Policy) -> Line {
    let mut script = Script::new(world.seconds as u64)
        .declare(Shows::Broken)
        .on(0, world.fault_ms.0 as u64..world.fault_ms.1 as u64, hit(1))
        .breaker(vec![Evidence::Arrivals("api".to_owned())])
        .offered(&life.due)
        .attempts(AttemptsOf::Link("api".to_owned()), life.arrivals.clone())
        .complete();
    script.case.breakers[0].policy = policy;
    let timeline = script.timeline().unwrap();
    let phases = Phases::new(&script.case, &timeline);
    all(&script.case, &timeline, &phases).lines.remove(0).remove(0)
}

fn inferred(world: &World, life: &Life) -> Line {
    let policy = Policy { failures: Some(5), recovery_us: Some(5_000_000), trials: Some(1) };
    inferred_by(world, life, policy)
}

/// Whether at most two calls were due between a true instant and what was inferred of it.
fn near(life: &Life, truth: At, seen: Between) -> bool {
    let place = |at: At| life.due.partition_point(|due| *due <= at);
    let (low, high) = (place(seen.earliest), place(seen.latest));
    let truth = place(truth);
    truth + 2 >= low && truth <= high + 2
}

/// Whether every state was found where it was.
fn right(life: &Life, line: &Line) -> bool {
    let mut seen = Vec::new();
    for spell in &line.spells {
        seen.push((BreakerState::Open, spell.opened));
        seen.extend(spell.half_open.map(|at| (BreakerState::HalfOpen, at)));
        let closed = spell.ended.filter(|(_, how)| *how == Ending::Closed);
        seen.extend(closed.map(|(at, _)| (BreakerState::Closed, at)));
    }
    seen.len() == life.transitions.len()
        && life
            .transitions
            .iter()
            .zip(&seen)
            .all(|(truth, (state, between))| truth.to == *state && near(life, truth.at, *between))
}

/// How many of these worlds were right, could not be told, and were wrong.
fn rate(worlds: impl Iterator<Item = World>) -> (u64, u64, u64) {
    rate_by(worlds, inferred)
}

fn rate_by(
    worlds: impl Iterator<Item = World>,
    infer: impl Fn(&World, &Life) -> Line,
) -> (u64, u64, u64) {
    let (mut right_ones, mut cannot, mut wrong) = (0, 0, 0);
    for world in worlds {
        let life = live(&world);
        let line = infer(&world, &life);
        if line.doubt.is_some() {
            cannot += 1;
        } else if right(&life, &line) {
            right_ones += 1;
        } else {
            wrong += 1;
        }
    }
    (right_ones, cannot, wrong)
}

#[expect(clippy::print_stdout, clippy::disallowed_macros, reason = "the rate is for people")]
fn say(what: &str, right: u64, cannot: u64, wrong: u64) {
    println!("{what}: {right} inferred right, {cannot} cannot tell, {wrong} wrong");
}

fn world(seed: u64, per_second: u64, random: bool) -> World {
    // The outage ends away from the trials at about 10.0 s + 5 s k.
    let ends = 19_000 + (seed % 7) as i64 * 300;
    World {
        seed,
        per_second,
        random,
        seconds: 40,
        fault_ms: (10_000, ends),
        wait_us: 0,
        set: Setting::USUAL,
        flaw: Flaw::None,
    }
}

/// Two hundred lives of a breaker that is set so, whose policy says all of it, or nothing. At least so many
/// must be right; of the others nothing may be told.
fn kind(name: &str, set: Setting, (all, nothing): (u64, u64)) {
    let rates = [10, 20, 40, 100, 200];
    let policy = Policy {
        failures: (set.rule == Rule::Consecutive).then_some(5),
        recovery_us: Some(5_000_000),
        trials: Some(set.trials),
    };
    for (said, policy, least) in [("all", policy, all), ("nothing", Policy::default(), nothing)] {
        let worlds = (0..200).map(|seed| World {
            set,
            seconds: 50,
            ..world(seed, rates[seed as usize % 5], seed % 2 == 0)
        });
        let (right, cannot, wrong) =
            rate_by(worlds, |world, life| inferred_by(world, life, policy));
        let what = format!("{name}, {said} said");
        say(&what, right, cannot, wrong);
        assert!(
            right >= least && wrong == 0,
            "{what}: {right} right, {cannot} cannot, {wrong} wrong"
        );
    }
}

const RESILIENCE4J: Setting = Setting { rule: Rule::Rate(100), trials: 10, ..Setting::USUAL };

#[test]
fn right_within_two_arrivals_or_cannot_tell() {
    kind("consecutive", Setting::USUAL, (190, 190));
    kind("backoff", Setting { backoff: true, ..Setting::USUAL }, (190, 190));
    kind("three trials", Setting { trials: 3, ..Setting::USUAL }, (190, 190));
}

#[test]
fn right_within_two_arrivals_or_cannot_tell_by_rate() {
    kind("rate", Setting { rule: Rule::Rate(20), ..Setting::USUAL }, (190, 190));
    kind("resilience4j", RESILIENCE4J, (190, 180));
    kind("resilience4j, backoff", Setting { trials: 3, backoff: true, ..RESILIENCE4J }, (190, 180));
}

/// Where only seven of ten calls fail a trial may succeed, and close it for a moment.
#[test]
fn right_within_two_arrivals_or_cannot_tell_by_partial_failures() {
    let some = |set: Setting| Setting { fail: 700, ..set };
    let three = Setting { rule: Rule::Rate(20), trials: 3, ..Setting::USUAL };
    kind("partial, consecutive", some(Setting::USUAL), (190, 120));
    kind("partial, resilience4j", some(RESILIENCE4J), (190, 30));
    kind("partial, rate", some(three), (160, 40));
}

#[test]
fn with_few_arrivals_it_cannot_tell() {
    let worlds = (0..100).map(|seed| world(seed, 1 + seed % 2, seed % 2 == 0));
    let (right, cannot, wrong) = rate(worlds);
    say("slow lives", right, cannot, wrong);
    assert!(wrong == 0 && cannot >= 40, "{right} right, {cannot} cannot tell, {wrong} wrong");
}

#[test]
fn one_that_never_opens_is_seen_never_to_open() {
    let worlds = (0..100).map(|seed| World {
        flaw: Flaw::NeverOpens,
        ..world(seed, [10, 40, 100][seed as usize % 3], seed % 2 == 0)
    });
    let (right, cannot, wrong) = rate(worlds);
    say("without breaker", right, cannot, wrong);
    assert!(wrong == 0 && right >= 95, "{right} right, {cannot} cannot tell, {wrong} wrong");
}

/// One caller waits 1 s for each call that hangs: arrivals stop then, and nothing has opened.
fn waiting(seed: u64, flaw: Flaw) -> World {
    World { wait_us: 1_000_000, flaw, ..world(seed, [20, 40, 100][seed as usize % 3], false) }
}

#[test]
fn waiting_for_a_timeout_is_no_opening() {
    let (right, cannot, wrong) = rate((0..100).map(|seed| waiting(seed, Flaw::None)));
    say("callers that wait", right, cannot, wrong);
    assert!(wrong == 0 && right >= 95, "{right} right, {cannot} cannot tell, {wrong} wrong");
}

#[test]
fn one_that_leaks_without_pause_is_named() {
    let world = World { flaw: Flaw::Leaks(10), ..world(3, 100, false) };
    let doubt = inferred(&world, &live(&world)).doubt.unwrap();
    assert!(doubt.reason.contains("arrivals fell to 1"), "{doubt:?}");
    assert!(doubt.reason.contains("lets calls through while it is open"), "{doubt:?}");
}

#[test]
fn one_that_lets_calls_through_is_not_said_to_open_late() {
    let (mut told, mut wrong) = (0, 0);
    for seed in 0..100 {
        let world = World { flaw: Flaw::Leaks(15 + seed % 10), ..world(seed, 50, true) };
        let life = live(&world);
        let line = inferred(&world, &life);
        let Some(first) = line.spells.first() else { continue };
        told += 1;
        wrong += u64::from(!near(&life, life.transitions[0].at, first.opened));
    }
    say("leaky", told - wrong, 100 - told, wrong);
    assert!(wrong <= 5, "{wrong} of {told}");
}
