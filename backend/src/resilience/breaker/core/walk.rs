//! An exhaustive walk: every interleaving of events of a small breaker, against its laws.
//!
//! The walk goes breadth first from a new breaker through all events (a tick of time, an acquire
//! while few enough permits are out, each result of each permit) until no new situation comes up.
//! Situations are compared by ages and by current or stale instead of instants and numbers, so
//! there are finitely many, and the walk covers traces of any length.
//!
//! The laws are stated on what can be seen from outside; they do not read the core. For each of
//! them there is a twin that breaks it, and the walk must find that.

use std::collections::{BTreeSet, VecDeque};

use super::*;

/// Permits out at once, at most.
const PERMITS: usize = 4;
/// Ages from here on make no difference.
const OLD: u64 = 5;

/// What the laws are about, in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Said {
    failures: u32,
    recovery: u64,
    trials: u32,
    lease: u64,
}

/// How a twin differs from an honest breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Twin {
    Honest,
    Mutant(BreakerMutant),
    /// Follows other settings than it says.
    Follows(Said),
    /// Admits a tick before the recovery is over.
    Early,
    /// Rejects in the very instant in which the recovery is over.
    Late,
    /// Takes a result of an older generation as one of the current.
    TakesStale,
    /// Takes a permit dropped for a failure.
    DropFails,
    /// Does not start counting again after a success.
    NoReset,
    /// Lets one more through instead of the first rejection of a half-open episode.
    OneMore,
    /// Closes at a trial's first success, however many trials were said.
    FirstSuccess,
    /// Forgives a trial's failure.
    Forgives,
}

#[derive(Clone)]
struct World {
    core: Core,
    twin: Twin,
    now: u64,
    held: Vec<Held>,
    seen: Seen,
}

#[derive(Clone)]
struct Held {
    ticket: Ticket,
    episode: u64,
    since: u64,
}

/// What an observer knows.
#[derive(Clone)]
struct Seen {
    state: State,
    since: u64,
    episode: u64,
    in_a_row: u32,
    succeeded: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Move {
    Tick,
    Acquire,
    Return(usize, Returned),
}

/// A law that was broken, after these moves.
#[derive(Debug)]
struct Broken {
    law: &'static str,
    path: Vec<Move>,
}

/// Steps that the walk took, and different situations that it saw.
#[derive(Debug)]
struct Covered {
    situations: usize,
    steps: usize,
}

fn settings(said: Said) -> BreakerSettings {
    let ticks = Duration::from_micros;
    BreakerSettings::new(said.failures, ticks(said.recovery), said.trials, ticks(said.lease))
        .unwrap()
}

fn world(said: Said, twin: Twin) -> World {
    let core = Core::new(match twin {
        Twin::Mutant(mutant) => settings(said).with_mutant(mutant),
        Twin::Follows(other) => settings(other),
        _ => settings(said),
    });
    let seen = Seen { state: State::Closed, since: 0, episode: 0, in_a_row: 0, succeeded: 0 };
    World { core, twin, now: 1, held: Vec::new(), seen }
}

fn walk(said: Said, twin: Twin) -> Result<Covered, Broken> {
    let first = world(said, twin);
    let mut known = BTreeSet::from([shape(&first)]);
    let mut queue = VecDeque::from([(first, Vec::new())]);
    let mut steps = 0;
    while let Some((here, path)) = queue.pop_front() {
        for next in moves(&here) {
            steps += 1;
            let mut there = here.clone();
            let mut path = path.clone();
            path.push(next);
            if let Err(law) = take(said, &mut there, next) {
                return Err(Broken { law, path });
            }
            if known.insert(shape(&there)) {
                queue.push_back((there, path));
            }
        }
    }
    Ok(Covered { situations: known.len(), steps })
}

fn moves(world: &World) -> Vec<Move> {
    let mut moves = vec![Move::Tick];
    if world.held.len() < PERMITS {
        moves.push(Move::Acquire);
    }
    for which in 0..world.held.len() {
        for returned in [Returned::Success, Returned::Failure, Returned::Neutral] {
            moves.push(Move::Return(which, returned));
        }
    }
    moves
}

/// A twin's step.
fn step(world: &mut World, event: Event) -> Step {
    let half_open = world.core.state() == State::HalfOpen;
    let event = match (world.twin, event) {
        (Twin::TakesStale, Event::Return(mut ticket, returned)) => {
            ticket.generation = world.core.generation;
            Event::Return(ticket, returned)
        }
        (Twin::Early | Twin::Late, Event::Acquire) => {
            if let Phase::Open { since } = &mut world.core.phase {
                let over = since.plus(world.core.settings.recovery()).0;
                since.0 -= u64::from(world.twin == Twin::Early && over == world.now + 1);
                since.0 += u64::from(world.twin == Twin::Late && over == world.now);
            }
            Event::Acquire
        }
        (Twin::DropFails, Event::Return(ticket, Returned::Neutral)) => {
            Event::Return(ticket, Returned::Failure)
        }
        (Twin::NoReset, Event::Return(ticket, Returned::Success)) if !half_open => {
            Event::Return(ticket, Returned::Neutral)
        }
        (Twin::Forgives, Event::Return(ticket, Returned::Failure)) if half_open => {
            Event::Return(ticket, Returned::Neutral)
        }
        (Twin::FirstSuccess, event @ Event::Return(_, Returned::Success)) => {
            if let Phase::HalfOpen { succeeded, .. } = &mut world.core.phase {
                *succeeded = world.core.settings.trials() - 1;
            }
            event
        }
        (_, event) => event,
    };
    let mut step = world.core.step(At(world.now), event);
    let rejected = matches!(step.answer, Answer::Rejected { .. });
    if world.twin == Twin::OneMore && half_open && rejected && step.change.is_none() {
        step.answer = Answer::Admitted(world.core.admit(At(world.now)));
    }
    step
}

/// Makes a move and holds it against the laws.
fn take(said: Said, world: &mut World, next: Move) -> Result<(), &'static str> {
    let before = world.seen.clone();
    let counts = world.core.statistics();
    let hung = before.state == State::HalfOpen
        && world
            .held
            .iter()
            .any(|h| h.episode == before.episode && world.now - h.since >= said.lease);
    let out = trials_out(world);
    let (event, returns) = match next {
        Move::Tick => {
            world.now += 1;
            return Ok(());
        }
        Move::Acquire => (Event::Acquire, None),
        Move::Return(which, returned) => {
            let held = world.held.remove(which);
            let fresh = held.episode == before.episode && !hung;
            (Event::Return(held.ticket, returned), Some((fresh, returned)))
        }
    };
    let Step { answer, change } = step(world, event);
    observe(said, &mut world.seen, world.now, returns, change)?;
    let moved = change.map(|c| (c.from, c.to, c.cause));
    law(
        "a hung trial reopens, and only that is called so",
        hung == (moved == Some((State::HalfOpen, State::Open, Cause::LeaseExpired))),
    )?;
    let state_at_answer = if hung { State::Open } else { before.state };
    match (answer, state_at_answer) {
        (Answer::Admitted(ticket), state) => {
            let over = state == State::Open && !hung && world.now >= before.since + said.recovery;
            law("open admits nothing before the recovery is over", state != State::Open || over)?;
            law("a trial is one exactly when half-open", ticket.trial == (state != State::Closed))?;
            let Seen { episode, .. } = world.seen;
            world.held.push(Held { ticket, episode, since: world.now });
        }
        (Answer::Rejected { retry_after }, State::Open) => {
            let since = if hung { world.now } else { before.since };
            let left = (since + said.recovery).saturating_sub(world.now);
            law("open rejects only before the recovery is over", left > 0)?;
            law("retry-after is what is left", retry_after == Duration::from_micros(left))?;
        }
        (Answer::Rejected { retry_after }, State::HalfOpen) => {
            law("half-open rejects only when full", out + before.succeeded >= said.trials)?;
            law("retry-after is not zero", retry_after > Duration::ZERO)?;
        }
        (Answer::Rejected { .. }, State::Closed) => return Err("closed admits"),
        (Answer::Counted | Answer::Stale, _) => {}
    }
    if world.seen.state == State::HalfOpen {
        let taken = trials_out(world) + world.seen.succeeded;
        law("no more trials than said", taken <= said.trials)?;
    }
    world.held.sort_by_key(|h| h.since);
    law("the state shown is the one told", world.core.state() == world.seen.state)?;
    let now = world.core.statistics();
    let sum = |s: Statistics| s.admitted + s.rejections + s.successes + s.failures + s.neutral;
    law("each event is counted once", sum(now) == sum(counts) + 1)
}

/// What may move the state, and what must.
fn observe(
    said: Said,
    seen: &mut Seen,
    now: u64,
    returns: Option<(bool, Returned)>,
    change: Option<Change>,
) -> Result<(), &'static str> {
    let lease = change.is_some_and(|c| c.cause == Cause::LeaseExpired);
    let state = seen.state;
    match returns {
        Some((false, _)) => law("stale moves nothing", change.is_none() || lease)?,
        Some((true, Returned::Neutral)) => law("neutral moves nothing", change.is_none())?,
        Some((true, Returned::Success)) => {
            seen.in_a_row = 0;
            seen.succeeded += u32::from(state == State::HalfOpen);
            let all = state == State::HalfOpen && seen.succeeded == said.trials;
            let closed = change.is_some_and(|c| c.to == State::Closed);
            law("all trials' successes close it, and nothing less", all == closed)?;
        }
        Some((true, Returned::Failure)) => {
            seen.in_a_row += u32::from(state == State::Closed);
            let opened = change.is_some_and(|c| c.to == State::Open);
            match state {
                State::Closed => {
                    let enough = seen.in_a_row == said.failures;
                    law("opens at that many failures in a row", enough == opened)?;
                }
                State::HalfOpen => law("a failed trial reopens", opened)?,
                State::Open => return Err("open has no calls of its own"),
            }
        }
        None => {}
    }
    let Some(change) = change else { return Ok(()) };
    let fresh_success = matches!(returns, Some((true, Returned::Success)));
    law("only a fresh success closes", change.to != State::Closed || fresh_success)?;
    law("each change continues the last", change.from == state && change.at == At(now))?;
    let episode = seen.episode + 1;
    *seen = Seen { state: change.to, since: now, episode, in_a_row: 0, succeeded: 0 };
    Ok(())
}

fn trials_out(world: &World) -> u32 {
    let Seen { state, episode, .. } = world.seen;
    let fresh = world.held.iter().filter(|h| state == State::HalfOpen && h.episode == episode);
    fresh.count() as u32
}

fn law(name: &'static str, holds: bool) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(name) }
}

/// All that the future depends on, without instants and numbers that only grow.
type Shape = (State, u64, u32, Vec<u64>, u32, (State, u64, u32, u32), Vec<(bool, bool, u64)>);

fn shape(world: &World) -> Shape {
    let age = |since: u64| (world.now - since).min(OLD);
    let (since, succeeded, ages) = match &world.core.phase {
        Phase::Closed => (0, 0, Vec::new()),
        Phase::Open { since } => (age(since.0), 0, Vec::new()),
        Phase::HalfOpen { succeeded, out } => {
            (0, *succeeded, out.iter().map(|trial| age(trial.since.0)).collect())
        }
    };
    let in_a_row = world.core.failures.min(OLD as u32);
    let seen = &world.seen;
    let open_for = if seen.state == State::Open { age(seen.since) } else { 0 };
    let held = world.held.iter().map(|h| {
        let fresh = (h.episode == seen.episode, h.ticket.generation == world.core.generation);
        (fresh.0, fresh.1, if h.ticket.trial { age(h.since) } else { 0 })
    });
    let mut held: Vec<_> = held.collect();
    held.sort_unstable();
    let observer = (seen.state, open_for, seen.in_a_row, seen.succeeded);
    (world.core.state(), since, in_a_row, ages, succeeded, observer, held)
}

#[cfg(test)]
mod runs;
