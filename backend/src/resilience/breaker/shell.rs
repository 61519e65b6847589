//! The breaker for tokio: the state machine under a lock, on tokio's clock, with listeners.
//!
//! Invariant: the lock is held for one step only: never over a call, a wait or a listener.
//! Invariant: a permit is returned exactly once; one that is dropped is returned as neutral.
//! Invariant: listeners hear every change, in order, one at a time, without a lock being held.
//! Not here: the rules (see `core`), retries (see `retry` and `policy`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::core::{Answer, Change, Core, Event, Ticket};
use super::settings::BreakerSettings;
use super::state::{At, Cause, Returned, State};
use super::statistics::Statistics;

/// A breaker's change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The breaker's name.
    pub name: Arc<str>,
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// When: since the breaker's epoch.
    pub at: At,
    /// Why.
    pub cause: Cause,
    /// Failures in a row at that instant, trials' included, stale ones not.
    pub failures: u32,
    /// Calls under way at that instant: neither the one that caused it nor the one it admits.
    pub in_flight: u64,
    /// The generation that it starts.
    pub generation: u64,
}

/// Hears a breaker's changes of state.
pub trait Listener: Send + Sync {
    /// Called once per change, in their order. It may use the breaker; what that changes is told
    /// after it has returned. It runs on the task of whoever moved the breaker, or of whoever is
    /// telling already, so it must not block.
    fn on_transition(&self, transition: &Transition);
}

impl<F: Fn(&Transition) + Send + Sync> Listener for F {
    fn on_transition(&self, transition: &Transition) {
        self(transition);
    }
}

/// The breaker said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the breaker is open: ask again in {retry_after:?}")]
pub struct Rejected {
    /// From now to the end of the recovery; while half-open, to the end of the oldest trial's
    /// lease.
    pub retry_after: Duration,
}

/// A shared circuit breaker; clones are the same breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    epoch: Instant,
    listener: Option<Arc<dyn Listener>>,
    inner: Mutex<Inner>,
}

struct Inner {
    core: Core,
    /// Changes that no listener has heard yet, oldest first.
    untold: VecDeque<Change>,
    /// Somebody is calling the listener; what comes up meanwhile is theirs to tell.
    telling: bool,
}

impl std::fmt::Debug for Shared {
    /// The name only: the rest changes under a lock, and a listener need not be printable.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.name)
    }
}

impl Breaker {
    /// A closed breaker, whose instants count from `epoch`.
    #[must_use]
    pub fn new(name: &str, settings: BreakerSettings, epoch: Instant) -> Breaker {
        Breaker::build(name, settings, epoch, None)
    }

    /// The same with somebody who hears its changes.
    #[must_use]
    pub fn with_listener(
        name: &str,
        settings: BreakerSettings,
        epoch: Instant,
        listener: Arc<dyn Listener>,
    ) -> Breaker {
        Breaker::build(name, settings, epoch, Some(listener))
    }

    fn build(
        name: &str,
        settings: BreakerSettings,
        epoch: Instant,
        listener: Option<Arc<dyn Listener>>,
    ) -> Breaker {
        let inner = Inner { core: Core::new(settings), untold: VecDeque::new(), telling: false };
        let name = Arc::from(name);
        Breaker { shared: Arc::new(Shared { name, epoch, listener, inner: Mutex::new(inner) }) }
    }

    /// Asks to make one call.
    ///
    /// # Errors
    ///
    /// [`Rejected`] while open, and while half-open with all trials out. Do not retry it.
    pub fn try_acquire(&self) -> Result<Permit, Rejected> {
        match self.shared.step(Event::Acquire) {
            Answer::Admitted(ticket) => {
                Ok(Permit { shared: Arc::clone(&self.shared), ticket: Some(ticket) })
            }
            Answer::Rejected { retry_after } => Err(Rejected { retry_after }),
            // The core answers an acquire with one of the two above; were it not so, nothing
            // was admitted.
            Answer::Counted | Answer::Stale => Err(Rejected { retry_after: Duration::ZERO }),
        }
    }

    /// When whoever was turned away should ask again: while a trial is under way its result is near, and
    /// its lease, which `retry_after` then tells, only the worst case.
    #[must_use]
    pub fn ask_again(&self, retry_after: Duration) -> Duration {
        match self.state() {
            State::HalfOpen => retry_after.min(Duration::from_secs(1)),
            State::Open | State::Closed => retry_after,
        }
    }

    /// The state after the last call or result; it does not move by itself.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.lock().core.state()
    }

    /// The counts so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.lock().core.statistics()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A step does not panic, so a poisoned lock still guards a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, event: Event) -> Answer {
        let mut inner = self.lock();
        // Read under the lock, so that the order of the steps is the order of their instants; and
        // not when it does not matter, as twice reading the clock is most of what a call costs.
        let now = if inner.core.asks_the_time(&event) {
            At(0).plus(Instant::now().saturating_duration_since(self.epoch))
        } else {
            At(0)
        };
        let step = inner.core.step(now, event);
        let Some(change) = step.change else { return step.answer };
        if self.listener.is_some() {
            inner.untold.push_back(change);
        }
        drop(inner);
        self.tell();
        step.answer
    }

    fn tell(&self) {
        let Some(listener) = &self.listener else { return };
        loop {
            let change = {
                let mut inner = self.lock();
                if inner.telling {
                    return;
                }
                let Some(change) = inner.untold.pop_front() else { return };
                inner.telling = true;
                change
            };
            let _told = Told(self);
            listener.on_transition(&self.transition(change));
        }
    }

    fn transition(&self, change: Change) -> Transition {
        Transition {
            name: Arc::clone(&self.name),
            from: change.from,
            to: change.to,
            at: change.at,
            cause: change.cause,
            failures: change.failures,
            in_flight: change.in_flight,
            generation: change.generation,
        }
    }
}

/// Ends a telling even when the listener panics: the next change is told again.
struct Told<'a>(&'a Shared);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.lock().telling = false;
    }
}

/// The right to one call. Say how it ended; dropped without a word it is neutral.
#[derive(Debug)]
#[must_use = "a dropped permit is returned as neutral at once"]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Permit {
    /// The dependency works.
    pub fn success(self) {
        self.end(Returned::Success);
    }

    /// The dependency does not.
    pub fn failure(self) {
        self.end(Returned::Failure);
    }

    /// The call says nothing about the dependency.
    pub fn neutral(self) {
        self.end(Returned::Neutral);
    }

    /// The call ended so.
    pub fn end(mut self, returned: Returned) {
        self.give_back(returned);
    }

    /// Whether this is a half-open breaker's trial.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_trial)
    }

    /// The generation that it was admitted in.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.ticket.as_ref().map_or(0, Ticket::generation)
    }

    fn give_back(&mut self, returned: Returned) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.step(Event::Return(ticket, returned));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(Returned::Neutral);
    }
}

#[cfg(test)]
mod tests;
