//! What one user does: waits until it is wanted, makes one journey after another, paces them.
//!
//! Invariant: no request begins while the user is not wanted, or after the order to stop; a pause
//! and a pace end at once then. A journey broken off by that is not taken up again.
//! Not here: how a request is sent and recorded (`wire`), who calls for the next turn (`attack`).

use super::crowd::{Journeys, Shift};
use crate::clock::Clock;
use crate::load::Order;
use crate::load::talk::Onward;
use crate::load::tally::{Tally, sends};
use crate::plan::users::Step;
use assay_slo::At;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::watch;

/// Sends the requests of a journey.
pub(super) trait Errands {
    /// Begins the load's journey of this number, from 0.
    fn begin(&mut self, journey: u64);

    /// Sends this one, returns when its end is known.
    fn send(&mut self, request: usize) -> impl Future<Output = Onward> + Send;

    /// No journey is left, for want of rows: so many were made, of so many if that was said.
    fn used_up(&mut self, made: u64, of: Option<u64>, rows: &str);
}

/// After what could not be sent.
const REST_US: u64 = 1_000_000;

/// What is the same for all users of a load.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) clock: Clock,
    pub(super) zero: At,
    pub(super) journey: Vec<Step>,
    /// A journey takes at least this long, µs.
    pub(super) pace_us: u64,
    pub(super) journeys: Journeys,
    pub(super) tally: Tally,
}

/// What comes after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Another one.
    Again,
    /// Nothing any more.
    Over,
}

/// One user's state between turns.
#[derive(Debug)]
pub(super) struct Life {
    script: Arc<Script>,
    shifts: Vec<Shift>,
    random: ChaCha8Rng,
    orders: watch::Receiver<Order>,
}

impl Life {
    pub(super) fn new(
        script: Arc<Script>,
        shifts: Vec<Shift>,
        random: ChaCha8Rng,
        orders: watch::Receiver<Order>,
    ) -> Life {
        Life { script, shifts, random, orders }
    }

    /// Waits for its time, then makes one journey.
    pub(super) async fn turn(&mut self, errands: &mut impl Errands) -> Turn {
        // A journey may never have to wait: the others must have their turn all the same.
        tokio::task::yield_now().await;
        let (clock, zero) = (self.script.clock, self.script.zero);
        let after = |us: u64| At(zero.0.saturating_add(us));
        let now = clock.now();
        let current = self.shifts.iter().find(|shift| now < after(shift.until_us));
        let Some(shift) = current.copied() else { return Turn::Over };
        let (from, until) = (after(shift.from_us), after(shift.until_us));
        if !self.rest(from).await {
            return Turn::Over;
        }
        let Some(journey) = self.script.journeys.take() else {
            if let Some((made, of, rows)) = self.script.journeys.used_up() {
                errands.used_up(made, of, rows);
            }
            return Turn::Over;
        };
        errands.begin(journey);
        self.script.tally.begin();
        let began = clock.now();
        let mut broken_off = false;
        for place in 0..self.script.journey.len() {
            match self.script.journey[place] {
                Step::Send(_) if broken_off => {}
                Step::Send(request) => match errands.send(request).await {
                    Onward::Next => {}
                    Onward::BreakOff => broken_off = self.break_off(place, request),
                    Onward::Unsent => {
                        broken_off = self.break_off(place, request);
                        let end = At(clock.now().0.saturating_add(REST_US));
                        self.rest(end.min(until)).await;
                    }
                    Onward::Over => return Turn::Over,
                },
                Step::Pause { min_us, max_us } => {
                    let pause_us = between(&mut self.random, min_us, max_us);
                    let end = At(clock.now().0.saturating_add(pause_us));
                    self.rest(end.min(until)).await;
                }
            }
            let order = *self.orders.borrow();
            let last = |place| !sends(&self.script.journey, place);
            if last(place + 1) && !last(place) && order != Order::Cut {
                self.script.tally.make();
            }
            if order != Order::Go {
                return Turn::Over;
            }
            if clock.now() >= until {
                return Turn::Again;
            }
        }
        let paced = At(began.0.saturating_add(self.script.pace_us));
        self.rest(paced.min(until)).await;
        Turn::Again
    }

    /// Later steps are left out from here on, which is counted where there are any and nobody has
    /// ordered it.
    fn break_off(&self, place: usize, request: usize) -> bool {
        if *self.orders.borrow() == Order::Go && sends(&self.script.journey, place + 1) {
            self.script.tally.break_off(request);
        }
        true
    }

    /// Its user has gone; whether it was the last of its load.
    pub(super) fn leave(&self) -> bool {
        self.script.tally.leave()
    }

    /// What is the same for all users of its load.
    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// Waits until this instant; false if it was ordered to stop, then or before.
    async fn rest(&mut self, at: At) -> bool {
        let clock = self.script.clock;
        tokio::select! {
            biased;
            () = ordered(&mut self.orders, Order::Stop) => false,
            () = clock.sleep_until(at) => true,
        }
    }
}

/// Waits until at least this was ordered, or nobody can order any more.
pub(super) async fn ordered(orders: &mut watch::Receiver<Order>, least: Order) {
    // Orders only ever get stricter.
    let _ = orders.wait_for(|order| *order >= least).await;
}

/// A user's own stream: ChaCha8 seeded by SHA-256 of the seed, its load's name and its number.
pub(super) fn stream(seed: u64, load: &str, user: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"assay user 1");
    hash.update(seed.to_le_bytes());
    hash.update((load.len() as u64).to_le_bytes());
    hash.update(load.as_bytes());
    hash.update(user.to_le_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// Any whole number from `min` to `max`, both included: multiply and shift, off by less than
/// their distance in 2^64.
fn between(random: &mut ChaCha8Rng, min: u64, max: u64) -> u64 {
    let span = u128::from(max.saturating_sub(min)) + 1;
    let drawn = (u128::from(random.next_u64()) * span) >> 64;
    min.saturating_add(u64::try_from(drawn).unwrap_or(0))
}

#[cfg(test)]
mod tests;
