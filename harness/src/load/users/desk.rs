//! Where all users of a run write down what they sent.
//!
//! Invariant: a request that began is recorded exactly once, however its user ends: whoever drops
//! it unfinished cuts it.
//! Invariant: users wait for answers, so a request is due when it begins: it has no lag.
//! Not here: what is counted (`record`).

use crate::client::{Exchange, Unasked};
use crate::clock::Clock;
use crate::load::away::Pulse;
use crate::load::kept::{self, Which};
use crate::load::{Drive, Kind};
use crate::plan::traced::Traced;
use crate::record::{Finished, Recorder};
use assay_slo::event::Unmade;
use assay_slo::{At, Outcome};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The run's recorder for users.
#[derive(Debug)]
pub(super) struct Desk {
    drive: Drive,
    recorder: Mutex<Recorder>,
    /// Of the runtime that drives all users.
    pub(super) pulse: Pulse,
    /// The connections of each load.
    connections: Mutex<Vec<(usize, Arc<Unasked>)>>,
}

impl Desk {
    pub(super) fn new(drive: &Drive) -> io::Result<Desk> {
        let (edges, marks) = (Arc::clone(&drive.edges), Arc::clone(&drive.marks));
        let recorder = Recorder::new(drive.zero, edges, marks, drive.clock.now());
        let recorder = Mutex::new(recorder.map_err(io::Error::other)?);
        let pulse = Pulse::new(drive.clock);
        Ok(Desk { drive: drive.clone(), recorder, pulse, connections: Mutex::default() })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.drive.clock
    }

    pub(super) fn zero(&self) -> At {
        self.drive.zero
    }

    /// A user is about to send this request.
    pub(super) fn take_off(
        &self,
        load: usize,
        request: usize,
        traced: Option<Traced>,
    ) -> Flight<'_> {
        let since = self.drive.clock.now();
        self.recorder().due(load, since);
        Flight { desk: self, load, request, traced, since, begun: None, landed: false }
    }

    /// The connections of a load are counted here.
    pub(super) fn watch(&self, load: usize, kinds: &[Kind]) {
        let known = kinds.first().map(|kind| (load, Arc::clone(&kind.limits.ways.unasked)));
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
    }

    pub(super) fn finding(&self, text: String) {
        self.recorder().finding(text);
    }

    /// A load was over before all its journeys were made.
    pub(super) fn unmade(&self, unmade: Unmade) {
        self.recorder().unmade(unmade);
    }

    /// Keeps a failed exchange, if it is one of the first.
    pub(super) fn keep(
        &self,
        load: usize,
        (request, kind): (usize, &Kind),
        exchange: &mut Exchange,
        sent: impl FnOnce() -> Request<Full<Bytes>>,
    ) {
        if exchange.outcome == Outcome::Ok {
            return;
        }
        let due = exchange.begun.unwrap_or(exchange.done);
        let which = Which { load, request, due, zero: self.drive.zero };
        if let Some(failure) = kept::failure(kind, which, exchange, &self.drive.secrets, sent) {
            self.recorder().keep(failure);
        }
    }

    /// Hands over what happened until now.
    ///
    /// # Errors
    /// Nobody takes it: the run has ended.
    pub(super) fn hand_over(&self) -> io::Result<()> {
        for (load, unasked) in &*self.connections.lock().unwrap_or_else(PoisonError::into_inner) {
            self.recorder().unasked(*load, unasked.take());
        }
        let stood = self.pulse.take();
        let loads = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        self.recorder().stood(loads.iter().map(|(load, _)| *load), &stood);
        drop(loads);
        let batch = self.recorder().take(self.drive.clock.now());
        if batch.is_empty() {
            return Ok(());
        }
        let gone = |_| io::Error::other("nobody takes what the users record");
        self.drive.sink.send(batch).map_err(gone)
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Flight<'a> {
    desk: &'a Desk,
    load: usize,
    request: usize,
    traced: Option<Traced>,
    since: At,
    begun: Option<At>,
    landed: bool,
}

impl Flight<'_> {
    /// It began, or began anew on another connection.
    pub(super) fn began(&mut self, at: At) {
        if self.begun.replace(at).is_none() {
            self.desk.recorder().begun(self.load, self.since, 0, false);
        }
    }

    /// How long the runtime was away while it was under way.
    pub(super) fn away_us(&self, begun: Option<At>, done: At) -> u64 {
        self.desk.pulse.between(begun, done)
    }

    /// Its end is known.
    pub(super) fn land(mut self, exchange: &Exchange) {
        self.landed = true;
        let mut recorder = self.desk.recorder();
        let finished = Finished {
            begun: exchange.begun,
            first_byte: exchange.first_byte,
            due: exchange.begun.unwrap_or(self.since),
            done: exchange.done,
            outcome: exchange.outcome,
            status: exchange.status,
            headers: exchange.headers.as_ref(),
            idle_reset: exchange.idle_reset,
            refused: exchange.refused,
            away_us: self.away_us(exchange.begun, exchange.done),
            ..self.cut(exchange.done)
        };
        recorder.finished(&finished);
        recorder.traced(self.traced.take(), &finished);
    }

    fn cut(&self, now: At) -> Finished<'static> {
        Finished {
            load: self.load,
            request: self.request,
            due: self.begun.unwrap_or(self.since),
            begun: self.begun,
            first_byte: None,
            done: now,
            blocked_us: None,
            away_us: self.away_us(self.begun, now),
            outcome: Outcome::Cut,
            status: 0,
            headers: None,
            idle_reset: false,
            refused: false,
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed {
            let cut = self.cut(self.desk.drive.clock.now());
            self.desk.recorder().finished(&cut);
        }
    }
}
