//! The breaker's state machine: `step(now, event)`, without a clock, a lock or a task.
//!
//! ```text
//!             as many failures in a row as the settings say
//!    ┌────────┐ ─────────────────────────────────────────────▶ ┌──────┐
//!    │ closed │                                                │ open │──┐ asked before recovery
//!    └────────┘                                                └──────┘◀─┘ is over: rejected
//!     ▲  │   ▲                                                   ▲  │
//!     │  └───┘ success: back to none in a row                    │  │ first asked after recovery
//!     │        failure: one more in a row                        │  ▼ (nothing moves by itself)
//!     │ as many successes as there are trials               ┌───────────┐
//!     └──────────────────────────────────────────────────── │ half-open │──┐ all trials are out:
//!                 a trial fails, or outlives its lease: open └───────────┘◀─┘ rejected
//! ```
//!
//! Every change of state starts a new generation. A permit belongs to the generation that it was
//! admitted in; the result of an older one is counted and moves nothing. A neutral result, or a
//! permit dropped, only gives a trial's place back.
//!
//! Invariant: while half-open, trials out plus trials succeeded are never more than `trials`.
//! Invariant: while open, nothing is admitted before opening + recovery.
//! Invariant: only the successes of the current half-open generation close it.
//! Invariant: one step changes the state at most once.
//! Invariant: time does not run backwards; an instant before the latest one seen counts as that.
//! Not here: the clock, the lock and the listeners (see `shell`).

use std::time::Duration;

use super::settings::{BreakerMutant, BreakerSettings};
use super::state::{At, Cause, Returned, State};
use super::statistics::Statistics;

/// The right to one call, and the duty to return it once.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Clone))]
pub struct Ticket {
    generation: u64,
    serial: u64,
    trial: bool,
}

impl Ticket {
    /// The generation that it was admitted in; each change of state starts a new one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it is a half-open breaker's trial.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        self.trial
    }
}

/// What happens to a breaker.
#[derive(Debug)]
pub enum Event {
    /// Somebody asks to make a call.
    Acquire,
    /// A call has ended.
    Return(Ticket, Returned),
}

/// What the breaker answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Make the call.
    Admitted(Ticket),
    /// Do not. Until then nothing that the breaker knows of changes: while open, the end of the
    /// recovery; while half-open, the end of the oldest trial's lease (its result may come first).
    Rejected {
        /// From now.
        retry_after: Duration,
    },
    /// A result of the current generation.
    Counted,
    /// A result of an older generation: it moved nothing.
    Stale,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// The instant of the step that made it.
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

/// The answer to an event, and the change of state that it made.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The answer.
    pub answer: Answer,
    /// The change, if there was one.
    pub change: Option<Change>,
}

/// A breaker without a clock.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Core {
    settings: BreakerSettings,
    phase: Phase,
    generation: u64,
    /// In a row.
    failures: u32,
    in_flight: u64,
    latest: At,
    serial: u64,
    statistics: Statistics,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum Phase {
    Closed,
    Open {
        since: At,
    },
    HalfOpen {
        succeeded: u32,
        /// The trials that are out, oldest first.
        out: Vec<Trial>,
    },
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Trial {
    serial: u64,
    since: At,
}

impl Phase {
    fn state(&self) -> State {
        match self {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

impl Core {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Core {
        Core {
            settings,
            phase: Phase::Closed,
            generation: 0,
            failures: 0,
            in_flight: 0,
            latest: At(0),
            serial: 0,
            statistics: Statistics::default(),
        }
    }

    /// The state after the last step. It does not move by itself: an open breaker shows open
    /// until it is asked after its recovery.
    #[must_use]
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// The current generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The counts so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// What it was told.
    #[must_use]
    pub fn settings(&self) -> &BreakerSettings {
        &self.settings
    }

    /// Whether this event's step depends on the instant. A closed breaker's does for a failure
    /// only, so a clock need not be read for the rest; any instant will do, such as `At(0)`.
    #[must_use]
    pub fn asks_the_time(&self, event: &Event) -> bool {
        let failure = matches!(event, Event::Return(_, Returned::Failure));
        self.state() != State::Closed || failure
    }

    /// Takes one event in.
    pub fn step(&mut self, now: At, event: Event) -> Step {
        self.latest = self.latest.max(now);
        let now = self.latest;
        // After this the breaker is open, and in that very instant nothing else can move it: an
        // acquire comes before the recovery is over, and every result is stale.
        let expired = self.expire(now);
        let (answer, change) = match event {
            Event::Acquire => self.acquire(now),
            Event::Return(ticket, returned) => self.settle(now, &ticket, returned),
        };
        Step { answer, change: expired.or(change) }
    }

    fn expire(&mut self, now: At) -> Option<Change> {
        let Phase::HalfOpen { out, .. } = &self.phase else { return None };
        let oldest = out.first()?;
        if oldest.since.until(now) < self.settings.lease() {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        Some(self.enter(now, Phase::Open { since: now }, Cause::LeaseExpired))
    }

    fn acquire(&mut self, now: At) -> (Answer, Option<Change>) {
        // Ages are compared, not instants: a sum could stop at the end of time.
        let (left, change) = match &self.phase {
            Phase::Closed => (None, None),
            Phase::Open { since } => {
                let left = self.settings.recovery().saturating_sub(since.until(now));
                if left > Duration::ZERO {
                    (Some(left), None)
                } else {
                    let half_open = Phase::HalfOpen { succeeded: 0, out: Vec::new() };
                    (None, Some(self.enter(now, half_open, Cause::RecoveryOver)))
                }
            }
            Phase::HalfOpen { succeeded, out } => {
                let taken = u64::from(*succeeded) + out.len() as u64;
                let full = taken >= u64::from(self.settings.trials());
                let lease =
                    |oldest: &Trial| self.settings.lease().saturating_sub(oldest.since.until(now));
                (if full { out.first().map(lease) } else { None }, None)
            }
        };
        if let Some(retry_after) = left {
            self.statistics.rejections += 1;
            return (Answer::Rejected { retry_after }, change);
        }
        (Answer::Admitted(self.admit(now)), change)
    }

    fn admit(&mut self, now: At) -> Ticket {
        let serial = self.serial;
        self.serial += 1;
        self.in_flight += 1;
        self.statistics.admitted += 1;
        let trial = if let Phase::HalfOpen { out, .. } = &mut self.phase {
            out.push(Trial { serial, since: now });
            true
        } else {
            false
        };
        Ticket { generation: self.generation, serial, trial }
    }

    fn settle(&mut self, now: At, ticket: &Ticket, returned: Returned) -> (Answer, Option<Change>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match returned {
            Returned::Success => self.statistics.successes += 1,
            Returned::Failure => self.statistics.failures += 1,
            Returned::Neutral => self.statistics.neutral += 1,
        }
        if ticket.generation != self.generation {
            self.statistics.stale += 1;
            return (Answer::Stale, self.mutant_takes_stale(now, returned));
        }
        let change = match &mut self.phase {
            Phase::Closed => self.settle_closed(now, returned),
            Phase::HalfOpen { succeeded, out } => {
                out.retain(|trial| trial.serial != ticket.serial);
                if returned == Returned::Success {
                    *succeeded += 1;
                }
                let all = *succeeded >= self.settings.trials();
                self.settle_trial(now, returned, all)
            }
            // No ticket has an open generation: nothing was admitted in it.
            Phase::Open { .. } => None,
        };
        (Answer::Counted, change)
    }

    fn settle_closed(&mut self, now: At, returned: Returned) -> Option<Change> {
        match returned {
            Returned::Success => self.failures = 0,
            Returned::Failure => self.failures = self.failures.saturating_add(1),
            Returned::Neutral => {}
        }
        let opens = returned == Returned::Failure
            && self.failures >= self.settings.failures()
            && self.settings.mutant() != Some(BreakerMutant::NeverOpens);
        opens.then(|| self.enter(now, Phase::Open { since: now }, Cause::Failures))
    }

    fn settle_trial(&mut self, now: At, returned: Returned, all: bool) -> Option<Change> {
        match returned {
            Returned::Success if all => {
                self.failures = 0;
                Some(self.enter(now, Phase::Closed, Cause::TrialsSucceeded))
            }
            Returned::Failure => {
                self.failures = self.failures.saturating_add(1);
                Some(self.enter(now, Phase::Open { since: now }, Cause::TrialFailed))
            }
            Returned::Success | Returned::Neutral => None,
        }
    }

    fn mutant_takes_stale(&mut self, now: At, returned: Returned) -> Option<Change> {
        let closes = self.settings.mutant() == Some(BreakerMutant::StaleSuccessCloses)
            && self.state() == State::HalfOpen
            && returned == Returned::Success;
        closes.then(|| {
            self.failures = 0;
            self.enter(now, Phase::Closed, Cause::TrialsSucceeded)
        })
    }

    fn enter(&mut self, at: At, phase: Phase, cause: Cause) -> Change {
        let (from, to) = (self.phase.state(), phase.state());
        self.phase = phase;
        self.generation += 1;
        self.statistics.count(from, to);
        Change {
            from,
            to,
            at,
            cause,
            failures: self.failures,
            in_flight: self.in_flight,
            generation: self.generation,
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;
