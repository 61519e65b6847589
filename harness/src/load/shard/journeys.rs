//! Journeys that arrived: what each has captured, and when its next request is due.
//!
//! Invariant: the first request is due at the arrival, each later one at the end of the step before
//! it, pauses added: not when the thread gets to it. Pauses are drawn from the seed, the number of
//! the journey and the place of the step.
//! Invariant: memory depends on the journeys under way, not on how many there were.
//! Not here: users, who come back (`users`); sending and recording (`shard`).

use super::super::Lane;
use super::super::arrivals::Arrival;
use crate::client::{Exchange, Jar};
use crate::load::fill::Unsent;
use crate::load::talk::{Onward, Talk, onward};
use crate::load::tally::{Tally, sends};
use crate::plan::Dynamic;
use crate::plan::chance;
use crate::plan::users::Step;
use assay_slo::At;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// What a post's journeys have in common.
#[derive(Debug)]
pub(in crate::load) struct Script {
    name: Arc<str>,
    dynamics: Arc<[Option<Arc<Dynamic>>]>,
    steps: Vec<Step>,
    captures: usize,
    seed: u64,
    tally: Arc<Tally>,
}

impl Script {
    /// Of a lane; none where its arrivals are single requests.
    pub(in crate::load) fn of(
        lane: &Lane,
        dynamics: Vec<Option<Arc<Dynamic>>>,
        tally: &Arc<Tally>,
    ) -> Option<Script> {
        let journey = lane.journey.as_ref()?;
        Some(Script {
            name: lane.name.as_str().into(),
            dynamics: dynamics.into(),
            steps: journey.steps.clone(),
            captures: journey.captures,
            seed: lane.seed,
            tally: Arc::clone(tally),
        })
    }

    /// What is to be told of journeys that were broken off, once all threads of the lane are done.
    pub(super) fn told(&self, lane: &Lane) -> Vec<String> {
        let name = |request: usize| lane.requests.get(request).map_or("?", |one| one.name.as_str());
        if self.tally.leave() { self.tally.told(&self.name, name) } else { Vec::new() }
    }

    /// The first request at or after a step, and the pauses before it, µs.
    fn next(&self, number: u64, from: usize) -> Option<(usize, usize, u64)> {
        let mut pause_us: u64 = 0;
        for (at, step) in self.steps.iter().enumerate().skip(from) {
            match *step {
                Step::Send(request) => return Some((at, request, pause_us)),
                Step::Pause { min_us, max_us } => {
                    let what = [&*self.name, "pause"];
                    let mut stream = chance::stream(self.seed, &what, &[number, at as u64]);
                    let width = max_us.saturating_sub(min_us).saturating_add(1);
                    let drawn = min_us.saturating_add(chance::below(&mut stream, width));
                    pause_us = pause_us.saturating_add(drawn);
                }
            }
        }
        None
    }
}

/// A journey under way.
#[derive(Debug)]
struct Trip {
    post: usize,
    k: u64,
    warmup: bool,
    number: u64,
    /// The place of its next, or present, request among the steps, and which it is.
    at: usize,
    request: usize,
    sent: u64,
    talk: Talk,
    /// Its cookies.
    jar: Arc<Jar>,
    /// How it goes on when the present request has ended.
    onward: Onward,
}

/// A request of a journey that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) trip: usize,
    pub(super) post: usize,
    pub(super) arrival: Arrival,
}

/// All journeys of one thread.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    trips: Slab<Trip>,
    /// Requests that are due at an instant, by their trip.
    due: BinaryHeap<Reverse<(At, usize)>>,
}

impl Journeys {
    /// When the next of them is due.
    pub(super) fn next_due(&self) -> Option<At> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next that is due at or before an instant.
    pub(super) fn take_due(&mut self, until: At) -> Option<Due> {
        let Reverse((due, trip)) = *self.due.peek().filter(|Reverse((at, _))| *at <= until)?;
        self.due.pop();
        let Trip { post, k, warmup, .. } = *self.trips.get(trip)?;
        Some(Due { trip, post, arrival: Arrival { k, warmup, due } })
    }

    /// Nothing more is sent: those that wait for their time end here.
    pub(super) fn end(&mut self) {
        for Reverse((_, trip)) in self.due.drain() {
            self.trips.try_remove(trip);
        }
    }

    /// One arrives: its first request and its trip if that is due at once, else it waits.
    pub(super) fn set_out(
        &mut self,
        script: &Script,
        post: usize,
        arrival: Arrival,
        number: u64,
    ) -> Option<(usize, usize)> {
        let (at, request, pause_us) = script.next(number, 0)?;
        let mut talk = Talk::new(
            script.seed,
            Arc::clone(&script.name),
            Arc::clone(&script.dynamics),
            script.captures,
        );
        talk.begin(number);
        if !arrival.warmup {
            script.tally.begin();
        }
        let Arrival { k, warmup, due } = arrival;
        let onward = Onward::Unsent;
        let jar = Arc::default();
        let trip = Trip { post, k, warmup, number, at, request, sent: 0, talk, jar, onward };
        let trip = self.trips.insert(trip);
        if pause_us > 0 {
            self.due.push(Reverse((At(due.0.saturating_add(pause_us)), trip)));
            return None;
        }
        Some((request, trip))
    }

    /// Which request a trip is at.
    pub(super) fn request(&self, trip: usize) -> usize {
        self.trips.get(trip).map_or(0, |trip| trip.request)
    }

    /// The cookies of a trip.
    pub(super) fn jar(&self, trip: usize) -> Option<Arc<Jar>> {
        self.trips.get(trip).map(|trip| Arc::clone(&trip.jar))
    }

    /// How many requests a trip has begun before this one, counted from here on.
    pub(super) fn nth(&mut self, trip: usize) -> u64 {
        let Some(trip) = self.trips.get_mut(trip) else { return 0 };
        trip.sent += 1;
        trip.sent - 1
    }

    /// Fills in what this sending has of its own.
    ///
    /// # Errors
    /// It must not be sent.
    pub(super) fn fill(
        &mut self,
        trip: usize,
        message: &mut Request<Full<Bytes>>,
    ) -> Result<(), Unsent> {
        let Some(trip) = self.trips.get_mut(trip) else { return Ok(()) };
        let filled = trip.talk.fill(trip.request, message);
        if let Err(why) = &filled {
            trip.onward = onward(why);
        }
        filled
    }

    /// Looks at the answer to a trip's present request, whose outcome it may change.
    pub(super) fn hear(&mut self, trip: usize, exchange: &mut Exchange) {
        if let Some(trip) = self.trips.get_mut(trip) {
            trip.onward = trip.talk.hear(trip.request, exchange);
        }
    }

    /// The present request has ended: the next is due, or the journey is over. True if one is due.
    pub(super) fn go_on(&mut self, script: &Script, trip: usize, done: At, ended: bool) -> bool {
        let Some(going) = self.trips.get_mut(trip) else { return false };
        let wanted = going.onward == Onward::Next && !ended;
        // The warm-up is not told of, and who was stopped was not broken off by an answer.
        if !wanted && !ended && !going.warmup && sends(&script.steps, going.at + 1) {
            script.tally.break_off(going.request);
        }
        let next = wanted.then(|| script.next(going.number, going.at + 1)).flatten();
        let Some((at, request, pause_us)) = next else {
            self.trips.try_remove(trip);
            return false;
        };
        // Whoever ends it without an answer breaks it off.
        (going.at, going.request, going.onward) = (at, request, Onward::Unsent);
        self.due.push(Reverse((At(done.0.saturating_add(pause_us)), trip)));
        true
    }
}

#[cfg(test)]
mod tests;
