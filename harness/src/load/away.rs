//! When a thread of the generator stood still: a debugger, SIGSTOP, a machine that was paused or had no
//! core to spare. Answers that came meanwhile waited for us.
//!
//! Invariant: no service is blamed for what we were away: it counts neither for its own clock nor for
//! timeouts. The response clock has all of it.
//! Invariant: memory grows with standstills, never with requests.
//! Not here: lag, which every open arrival has of its own (`record::health`); what follows for a verdict
//! (crate slo).

use crate::client::AWAY_US;
use crate::clock::Clock;
use assay_slo::At;
use assay_slo::time::STANDSTILL_US;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A thread looks at least so often, so that its being away is seen, and since when.
pub(super) const BEAT_US: u64 = 20_000;

/// What is known of a thread's absence.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// Those in which the machine itself may have paused, and the service with it; in order.
    long: Vec<(At, At)>,
    /// The last, long or not.
    last: (At, At),
    /// Those not yet handed over.
    told: Vec<(At, At)>,
}

impl Away {
    /// It was away, and is back. The same absence may be told again when it has become longer.
    pub(super) fn note(&mut self, from: At, to: At) {
        self.last = (from, to);
        put(&mut self.told, self.last);
        if is_long(self.last) {
            put(&mut self.long, self.last);
        }
    }

    /// How long it was away while a request was under way, µs: what is not its service's time. Of short
    /// absences that is only the one after which the answer was found: before, nothing had come.
    pub(super) fn between(&self, begun: At, done: At) -> u64 {
        let both = |one: &(At, At)| one.1.min(done).0.saturating_sub(one.0.max(begun).0);
        let met = self.long.iter().rev().take_while(|one| one.1 > begun);
        let long: u64 = met.map(both).sum();
        let found = !is_long(self.last) && done.0 <= self.last.1.0 + AWAY_US;
        long + if found { both(&self.last) } else { 0 }
    }

    /// Hands over what was not told yet.
    pub(super) fn take(&mut self) -> Vec<(At, At)> {
        std::mem::take(&mut self.told)
    }
}

fn is_long((from, to): (At, At)) -> bool {
    to.0.saturating_sub(from.0) >= STANDSTILL_US
}

/// Adds an absence to these, or makes the last longer.
fn put(all: &mut Vec<(At, At)>, one: (At, At)) {
    match all.last_mut().filter(|last| last.0 == one.0) {
        Some(last) => *last = one,
        None => all.push(one),
    }
}

/// Watches a runtime that others' tasks share: its own task comes to its turn like any of theirs.
#[derive(Debug)]
pub(super) struct Pulse {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When it had its turn last.
    beat: At,
    away: Away,
}

impl State {
    /// A turn that is overdue shows that the runtime is away, or has just come back.
    fn look(&mut self, now: At) {
        if now.0.saturating_sub(self.beat.0) > BEAT_US + AWAY_US {
            self.away.note(self.beat, now);
        }
    }
}

impl Pulse {
    pub(super) fn new(clock: Clock) -> Pulse {
        let state = State { beat: clock.now(), away: Away::default() };
        Pulse { clock, state: Mutex::new(state) }
    }

    /// Beats until it is dropped.
    pub(super) async fn beat(&self) {
        self.state().beat = self.clock.now();
        loop {
            self.clock.sleep_until(self.clock.now().plus(BEAT_US.cast_signed())).await;
            let now = self.clock.now();
            let mut state = self.state();
            state.look(now);
            state.beat = now;
        }
    }

    /// See [`Away::between`]; what is still going on included.
    pub(super) fn between(&self, begun: Option<At>, done: At) -> u64 {
        let mut state = self.state();
        state.look(self.clock.now());
        begun.map_or(0, |begun| state.away.between(begun, done))
    }

    /// See [`Away::take`].
    pub(super) fn take(&self) -> Vec<(At, At)> {
        let mut state = self.state();
        state.look(self.clock.now());
        state.away.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Duration, advance};

    #[test]
    fn only_what_was_under_way_is_given_the_time() {
        let mut away = Away::default();
        let ms = |ms: u64| At(ms * 1_000);
        let between = |away: &Away, begun, done| away.between(ms(begun), ms(done)) / 1_000;
        assert_eq!(between(&away, 50, 60), 0);
        away.note(ms(1_000), ms(5_000));
        // Begun before it, in it, after it; known to have ended in it.
        assert_eq!(between(&away, 900, 6_000), 4_000);
        assert_eq!(between(&away, 4_000, 6_000), 1_000);
        assert_eq!(between(&away, 6_000, 7_000), 0);
        assert_eq!(between(&away, 900, 2_000), 1_000);
        away.note(ms(8_000), ms(9_000));
        away.note(ms(8_000), ms(9_500));
        assert_eq!(between(&away, 900, 9_600), 5_500);
        assert_eq!(between(&away, 4_500, 9_600), 2_000);
        assert_eq!(between(&away, 6_000, 9_600), 1_500);
        assert_eq!(away.take(), [(ms(1_000), ms(5_000)), (ms(8_000), ms(9_500))]);
        assert_eq!(away.take(), []);
    }

    /// On a busy machine threads wait for their turn again and again: a service that takes as long as it
    /// takes is no faster for that.
    #[test]
    fn of_short_absences_only_the_one_that_hid_the_answer_counts() {
        let mut away = Away::default();
        for from in (0..450_000).step_by(50_000) {
            away.note(At(from), At(from + 30_000));
        }
        // The last was from 400 ms to 430 ms.
        assert_eq!(away.between(At(0), At(430_100)), 30_000);
        assert_eq!(away.between(At(410_000), At(430_100)), 20_000);
        assert_eq!(away.between(At(0), At(450_000)), 0);
        // What grows is long at last.
        away.note(At(400_000), At(460_000));
        assert_eq!(away.between(At(0), At(600_000)), 60_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_overdue_shows_it_before_and_after_it_is_had() {
        let clock = Clock::start();
        let pulse = std::sync::Arc::new(Pulse::new(clock));
        let beats = std::sync::Arc::clone(&pulse);
        tokio::spawn(async move { beats.beat().await });
        // Steps in which it has its turns.
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(pulse.take(), []);
        let begun = clock.now();
        advance(Duration::from_secs(4)).await;
        let was = pulse.between(Some(begun), clock.now());
        assert!((4_000_000..=4_020_000).contains(&was), "{was}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let told = pulse.take();
        let [(from, to)] = told.as_slice() else { panic!("{told:?}") };
        assert!((4_000_000..4_050_000).contains(&(to.0 - from.0)), "{told:?}");
        assert_eq!(pulse.between(Some(clock.now()), clock.now()), 0);
        assert_eq!(pulse.between(None, clock.now()), 0);
    }
}
