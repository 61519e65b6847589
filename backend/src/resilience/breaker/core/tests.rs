//! Golden traces of the state machine, and laws that hold on any trace.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const S: u64 = 1_000_000;

fn settings(failures: u32, trials: u32) -> BreakerSettings {
    let minute = Duration::from_secs(60);
    BreakerSettings::new(failures, minute, trials, minute).unwrap()
}

fn admitted(core: &mut Core, at: u64) -> Ticket {
    match core.step(At(at), Event::Acquire).answer {
        Answer::Admitted(ticket) => ticket,
        other => panic!("not admitted at {at}: {other:?}"),
    }
}

fn rejected(core: &mut Core, at: u64) -> Duration {
    match core.step(At(at), Event::Acquire).answer {
        Answer::Rejected { retry_after } => retry_after,
        other => panic!("not rejected at {at}: {other:?}"),
    }
}

fn give(core: &mut Core, at: u64, ticket: Ticket, returned: Returned) -> Option<Change> {
    core.step(At(at), Event::Return(ticket, returned)).change
}

/// Five failures at this instant, in a row.
fn open(core: &mut Core, at: u64) -> Change {
    for _ in 0..4 {
        let ticket = admitted(core, at);
        assert_eq!(give(core, at, ticket, Returned::Failure), None);
    }
    let ticket = admitted(core, at);
    give(core, at, ticket, Returned::Failure).unwrap()
}

#[test]
fn a_life_opens_at_the_fifth_tries_after_a_minute_reopens_and_closes() {
    let mut core = Core::new(BreakerSettings::default());
    assert_eq!(
        open(&mut core, 7 * S),
        Change {
            from: State::Closed,
            to: State::Open,
            at: At(7 * S),
            cause: Cause::Failures,
            failures: 5,
            in_flight: 0,
            generation: 1,
        }
    );
    assert_eq!(rejected(&mut core, 7 * S), Duration::from_secs(60));
    assert_eq!(rejected(&mut core, 67 * S - 1), Duration::from_micros(1));
    assert_eq!(core.state(), State::Open);

    let trial = admitted(&mut core, 67 * S);
    assert!(trial.is_trial());
    assert_eq!((core.state(), trial.generation()), (State::HalfOpen, 2));
    assert_eq!(rejected(&mut core, 70 * S), Duration::from_secs(57), "to the end of the lease");
    let again = give(&mut core, 71 * S, trial, Returned::Failure).unwrap();
    assert_eq!((again.to, again.cause, again.failures), (State::Open, Cause::TrialFailed, 6));
    assert_eq!(rejected(&mut core, 72 * S), Duration::from_secs(59));

    let trial = admitted(&mut core, 131 * S);
    let closed = give(&mut core, 132 * S, trial, Returned::Success).unwrap();
    assert_eq!((closed.to, closed.cause), (State::Closed, Cause::TrialsSucceeded));
    assert_eq!((closed.failures, closed.generation), (0, 5));
    open(&mut core, 133 * S);

    let counts = core.statistics();
    assert_eq!(counts.transitions(State::Closed, State::Open), 2);
    assert_eq!(counts.transitions(State::Open, State::HalfOpen), 2);
    assert_eq!(counts.transitions(State::HalfOpen, State::Open), 1);
    assert_eq!(counts.transitions(State::HalfOpen, State::Closed), 1);
    assert_eq!(counts.transitions(State::Open, State::Closed), 0);
    assert_eq!((counts.successes, counts.failures, counts.rejections), (1, 11, 4));
}

#[test]
fn a_success_starts_the_count_again_and_a_neutral_does_not() {
    let mut core = Core::new(settings(2, 1));
    for (returned, opens) in [
        (Returned::Failure, false),
        (Returned::Success, false),
        (Returned::Failure, false),
        (Returned::Neutral, false),
        (Returned::Failure, true),
    ] {
        let ticket = admitted(&mut core, 0);
        assert_eq!(give(&mut core, 0, ticket, returned).is_some(), opens);
    }
}

#[test]
fn a_call_from_before_the_trip_moves_nothing_while_half_open() {
    for late in [Returned::Success, Returned::Failure, Returned::Neutral] {
        let mut core = Core::new(BreakerSettings::default());
        let old = admitted(&mut core, 0);
        assert_eq!(open(&mut core, S).in_flight, 1);
        let trial = admitted(&mut core, 61 * S);
        let step = core.step(At(62 * S), Event::Return(old, late));
        assert_eq!((step.answer, step.change), (Answer::Stale, None));
        assert_eq!((core.state(), core.statistics().stale), (State::HalfOpen, 1));
        assert_eq!(give(&mut core, 63 * S, trial, Returned::Success).unwrap().to, State::Closed);
    }
}

#[test]
fn a_trial_given_up_makes_room_and_a_hung_one_is_a_failure() {
    let mut core = Core::new(BreakerSettings::default());
    open(&mut core, 0);
    let given_up = admitted(&mut core, 60 * S);
    assert_eq!(give(&mut core, 61 * S, given_up, Returned::Neutral), None);
    let hung = admitted(&mut core, 62 * S);
    assert_eq!(rejected(&mut core, 122 * S - 1), Duration::from_micros(1));

    let step = core.step(At(122 * S), Event::Acquire);
    assert_eq!(step.answer, Answer::Rejected { retry_after: Duration::from_secs(60) });
    let change = step.change.unwrap();
    assert_eq!((change.cause, change.failures, change.in_flight), (Cause::LeaseExpired, 6, 1));

    let late = core.step(At(123 * S), Event::Return(hung, Returned::Success));
    assert_eq!((late.answer, core.state()), (Answer::Stale, State::Open));
}

#[test]
fn a_trials_own_success_after_its_lease_comes_too_late() {
    let mut core = Core::new(BreakerSettings::default());
    open(&mut core, 0);
    let hung = admitted(&mut core, 60 * S);
    let step = core.step(At(120 * S), Event::Return(hung, Returned::Success));
    assert_eq!((step.answer, core.state()), (Answer::Stale, State::Open));
    assert_eq!(step.change.unwrap().cause, Cause::LeaseExpired);
}

#[test]
fn as_many_successes_close_as_there_are_trials_and_no_more_are_admitted() {
    let mut core = Core::new(settings(5, 3));
    open(&mut core, 0);
    let first = admitted(&mut core, 60 * S);
    assert_eq!(give(&mut core, 60 * S, first, Returned::Success), None);
    let (second, third) = (admitted(&mut core, 61 * S), admitted(&mut core, 62 * S));
    assert_eq!(rejected(&mut core, 63 * S), Duration::from_secs(58), "the second's lease");
    assert_eq!(give(&mut core, 64 * S, third, Returned::Success), None);
    assert_eq!(give(&mut core, 64 * S, second, Returned::Success).unwrap().to, State::Closed);
}

#[test]
fn an_instant_of_the_past_counts_as_the_latest() {
    let mut core = Core::new(BreakerSettings::default());
    assert_eq!(open(&mut core, 100 * S).at, At(100 * S));
    assert_eq!(rejected(&mut core, 3 * S), Duration::from_secs(60));
}

#[test]
fn at_the_end_of_time_it_stays_open() {
    let mut core = Core::new(BreakerSettings::default());
    open(&mut core, 0);
    admitted(&mut core, 60 * S);
    let step = core.step(At(u64::MAX), Event::Acquire);
    assert_eq!(step.change.unwrap().cause, Cause::LeaseExpired);
    assert_eq!(rejected(&mut core, u64::MAX), Duration::from_secs(60));
}

/// To a run of 5 from fair coins: (2⁵ − 1) / ½ = 62 throws. An alternating half never gets there.
#[test]
fn random_halves_open_after_62_calls_and_alternating_ones_never() {
    let (lives, mut calls) = (4_000_u32, 0_u32);
    let mut coins = ChaCha8Rng::seed_from_u64(62);
    for _ in 0..lives {
        let mut core = Core::new(BreakerSettings::default());
        while core.state() == State::Closed {
            calls += 1;
            let ticket = admitted(&mut core, 0);
            let heads = coins.next_u32() & 1 == 1;
            give(&mut core, 0, ticket, if heads { Returned::Success } else { Returned::Failure });
        }
    }
    let mean = f64::from(calls) / f64::from(lives);
    assert!((58.0..66.0).contains(&mean), "{mean}: 62 ± four standard errors of 0.9");

    let mut core = Core::new(BreakerSettings::default());
    for call in 0..1_000 {
        let ticket = admitted(&mut core, call);
        let returned = if call % 2 == 0 { Returned::Failure } else { Returned::Success };
        assert_eq!(give(&mut core, call, ticket, returned), None);
    }
}

/// A trace to draw from: what happens (two in five an acquire), after how long, to which permit.
fn trace() -> impl Strategy<Value = Vec<(u8, u64, prop::sample::Index)>> {
    prop::collection::vec((0_u8..5, 0_u64..40 * S, any::<prop::sample::Index>()), 0..200)
}

fn event(what: u8, which: prop::sample::Index, out: &mut Vec<Ticket>) -> Option<Event> {
    let returned = match what {
        0 | 1 => return Some(Event::Acquire),
        2 => Returned::Success,
        3 => Returned::Failure,
        _ => Returned::Neutral,
    };
    (!out.is_empty()).then(|| Event::Return(out.swap_remove(which.index(out.len())), returned))
}

proptest! {
    /// Whatever comes, at whatever instants: nothing panics, everything is accounted for, and
    /// each change continues the last.
    #[test]
    fn any_trace_is_accounted_for(failures in 1_u32..4, trials in 1_u32..4, trace in trace()) {
        let mut core = Core::new(settings(failures, trials));
        let mut out = Vec::new();
        let (mut state, mut changes, mut now) = (State::Closed, 0, 0_u64);
        for (what, after, which) in trace {
            now += after;
            let Some(event) = event(what, which, &mut out) else { continue };
            // Sometimes the past, sometimes the end of time.
            let at = match after % 16 {
                0 => now / 2,
                1 if after % 5 == 0 => u64::MAX,
                _ => now,
            };
            let step = core.step(At(at), event);
            if let Some(change) = step.change {
                prop_assert_eq!(change.from, state);
                state = change.to;
                changes += 1;
                prop_assert_eq!(change.generation, changes);
            }
            if let Answer::Admitted(ticket) = step.answer {
                out.push(ticket);
            }
            prop_assert_eq!(core.state(), state);
            let n = core.statistics();
            prop_assert_eq!(n.admitted, n.successes + n.failures + n.neutral + out.len() as u64);
        }
        prop_assert_eq!(core.generation(), changes);
    }

    /// A clock that is read only when the breaker asks for it changes nothing.
    #[test]
    fn time_matters_only_where_it_is_asked_for(
        failures in 1_u32..4, trials in 1_u32..4, trace in trace(),
    ) {
        let mut core = Core::new(settings(failures, trials));
        let (mut frugal, mut out, mut now) = (core.clone(), Vec::new(), At(0));
        for (what, after, which) in trace {
            now = now.plus(Duration::from_micros(after));
            let Some(event) = event(what, which, &mut out) else { continue };
            let same = match &event {
                Event::Acquire => Event::Acquire,
                Event::Return(ticket, returned) => Event::Return(ticket.clone(), *returned),
            };
            let told = if frugal.asks_the_time(&same) { now } else { At(0) };
            let step = core.step(now, event);
            prop_assert_eq!(&frugal.step(told, same), &step);
            if let Answer::Admitted(ticket) = step.answer {
                out.push(ticket);
            }
        }
        prop_assert_eq!(frugal.statistics(), core.statistics());
    }
}
