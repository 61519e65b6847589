//! When a thread of the generator stood still: a debugger, SIGSTOP, a machine that was paused or had no
//! core to spare. Answers that came meanwhile waited for us.
//!
//! Invariant: what we were away is never a service's: it counts neither for the service clock nor for
//! timeouts. The response clock has all of it.
//! Not here: lag, which every open arrival has of its own (`record::health`); what follows for a verdict
//! (crate slo).

use crate::client::AWAY_US;
use crate::clock::Clock;
use assay_slo::At;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A thread looks at least so often, so that its being away is seen, and since when.
pub(super) const BEAT_US: u64 = 20_000;

/// What is known of a thread's absence.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// All of it.
    total_us: u64,
    /// The last: from when, to when.
    from: At,
    to: At,
    /// Those not yet handed over.
    told: Vec<(At, At)>,
}

impl Away {
    /// It was away, and is back. The same absence may be told again when it has become longer.
    pub(super) fn note(&mut self, from: At, to: At) {
        let known = if from == self.from { self.to } else { from };
        self.total_us = self.total_us.saturating_add(to.0.saturating_sub(known.0));
        if let Some(last) = self.told.last_mut().filter(|last| last.0 == from) {
            last.1 = to;
        } else {
            self.told.push((from, to));
        }
        (self.from, self.to) = (from, to);
    }

    /// To be remembered with a request that begins.
    pub(super) fn mark(&self) -> u64 {
        self.total_us
    }

    /// How long it was away while a request was under way that began then, with this mark, µs.
    pub(super) fn since(&self, begun: At, mark: u64) -> u64 {
        match begun >= self.from {
            true => self.to.0.saturating_sub(begun.0),
            false => self.total_us.saturating_sub(mark),
        }
    }

    /// Hands over what was not told yet.
    pub(super) fn take(&mut self) -> Vec<(At, At)> {
        std::mem::take(&mut self.told)
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

    /// See [`Away::mark`].
    pub(super) fn mark(&self) -> u64 {
        self.state().away.mark()
    }

    /// See [`Away::since`]; what is still going on included.
    pub(super) fn since(&self, begun: Option<At>, mark: u64) -> u64 {
        let mut state = self.state();
        state.look(self.clock.now());
        begun.map_or(0, |begun| state.away.since(begun, mark))
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
        let before = away.mark();
        assert_eq!(away.since(At(50), before), 0);
        away.note(At(1_000), At(5_000));
        // Begun before it, in it, after it.
        assert_eq!(away.since(At(900), before), 4_000);
        assert_eq!(away.since(At(4_000), before), 1_000);
        assert_eq!(away.since(At(6_000), away.mark()), 0);
        let between = away.mark();
        away.note(At(8_000), At(9_000));
        away.note(At(8_000), At(9_500));
        assert_eq!(away.since(At(900), before), 5_500);
        assert_eq!(away.since(At(6_000), between), 1_500);
        assert_eq!(away.take(), [(At(1_000), At(5_000)), (At(8_000), At(9_500))]);
        assert_eq!(away.take(), []);
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
        let (begun, mark) = (clock.now(), pulse.mark());
        advance(Duration::from_secs(4)).await;
        let was = pulse.since(Some(begun), mark);
        assert!((4_000_000..=4_020_000).contains(&was), "{was}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let told = pulse.take();
        let [(from, to)] = told.as_slice() else { panic!("{told:?}") };
        assert!((4_000_000..4_050_000).contains(&(to.0 - from.0)), "{told:?}");
        assert_eq!(pulse.since(Some(clock.now()), pulse.mark()), 0);
        assert_eq!(pulse.since(None, 0), 0);
    }
}
