//! Connections of a lean thread: what is sent on each, what becomes of it.
//!
//! Invariant: a request that ends at once makes room like any other, without recursion, however
//! many wait.
//! Not here: when something is due (`mod`), one attempt (`client::lean`).

use super::poll::News;
use super::{Arrival, Job, Loop, NEVER, Post};
use crate::client::converse::rest_of;
use crate::client::lean::{self, Task, Wire};
use crate::client::{Exchange, Limits};
use crate::clock::Clock;
use crate::load::Pace;
use crate::load::kept::{self, Which};
use crate::record::{Finished, Recorder};
use assay_slo::{At, Outcome};
use slab::Slab;
use std::io;

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    wire: Wire,
    post: usize,
    /// It is among those that have more to read.
    has_more: bool,
    /// What is under way on it; none if it is idle.
    pub(super) flight: Option<Flight>,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) job: Job,
    /// When it began, the last time.
    pub(super) begun: Option<At>,
    /// It was sent once more after an idle reset, and began first then; by these limits.
    again: Option<(At, Box<Limits>)>,
}

impl Loop {
    /// Sends what is ready, and what is ready when that has ended.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        while let Some((job, line)) = self.ready.pop_front() {
            self.send(Flight { job, begun: None, again: None }, line)?;
        }
        Ok(())
    }

    /// Begins an attempt.
    fn send(&mut self, mut flight: Flight, line: Option<usize>) -> io::Result<()> {
        let job = flight.job;
        let post = &self.posts[job.post];
        let task = task(&self.drive.clock, post, &job, &flight.again);
        let (load, recorder, begun) = (post.lane.index, &mut self.recorder, &mut flight.begun);
        let mut began = |at| began(load, &job, recorder, begun, at);
        let reused = line.and_then(|id| {
            let line = self.lines.get_mut(id)?;
            lean::reuse(&task, &mut line.wire, self.poll.looked, &mut began).then_some(id)
        });
        let id = match reused {
            Some(id) => id,
            None => {
                // One that cannot be used is replaced; its place in the pool stays taken.
                if let Some(id) = line {
                    close(&mut self.lines, &self.posts, id);
                }
                match lean::open(&task, &mut began) {
                    Ok(wire) => {
                        let post = job.post;
                        self.lines.insert(Line { wire, post, has_more: false, flight: None })
                    }
                    Err(exchange) => {
                        self.land(flight, *exchange, None);
                        return Ok(());
                    }
                }
            }
        };
        if let Some(line) = self.lines.get_mut(id) {
            line.flight = Some(flight);
            if line.wire.is_new() {
                self.poll.watch(&line.wire, id)?;
            }
            self.deadline = self.deadline.min(line.wire.deadline());
        }
        Ok(())
    }

    /// There are news of a connection.
    pub(super) fn hear(&mut self, news: News) -> io::Result<()> {
        let News { id, hung } = news;
        let Some(line) = self.lines.get_mut(id) else { return Ok(()) };
        if line.has_more {
            // It has its turn.
            line.wire.hangs(hung);
            return Ok(());
        }
        let Some(flight) = &mut line.flight else {
            // Idle: closed, or talking unasked.
            if !line.wire.is_usable() {
                line.wire.retire();
                let post = line.post;
                if self.pools[post].forget(&id) {
                    self.close(id);
                }
            }
            return Ok(());
        };
        let job = flight.job;
        let post = &self.posts[job.post];
        let task = task(&self.drive.clock, post, &job, &flight.again);
        let (load, recorder, begun) = (post.lane.index, &mut self.recorder, &mut flight.begun);
        let mut began = |at| began(load, &job, recorder, begun, at);
        match lean::go_on(&task, &mut line.wire, hung, &mut self.scratch, &mut began) {
            Some(exchange) => {
                let Some(flight) = line.flight.take() else { return Ok(()) };
                self.ended(flight, exchange, id)
            }
            None => {
                if line.wire.is_new() {
                    self.poll.watch(&line.wire, id)?;
                    self.deadline = self.deadline.min(line.wire.deadline());
                }
                if line.wire.has_more() {
                    line.has_more = true;
                    self.more.push_back(id);
                }
                Ok(())
            }
        }
    }

    /// Goes on with the next of those that have more to read.
    pub(super) fn read_on(&mut self) -> io::Result<()> {
        let Some(id) = self.more.pop_front() else { return Ok(()) };
        if let Some(line) = self.lines.get_mut(id) {
            line.has_more = false;
        }
        self.hear(News { id, hung: false })
    }

    /// An attempt has ended on this connection: it may be made once more.
    fn ended(&mut self, flight: Flight, exchange: Exchange, id: usize) -> io::Result<()> {
        let rests = self.lines.get(id).is_some_and(|line| line.wire.rests());
        let line = if rests { Some(id) } else { None };
        if !rests {
            self.close(id);
        }
        let kind = &self.posts[flight.job.post].kinds[flight.job.request];
        let now = self.drive.clock.now();
        if flight.again.is_none()
            && kind.manners.sends_again(&exchange, kind.rendered.method())
            && let Some(first) = exchange.begun
            && let Some(rest) = rest_of(&kind.limits, first, now)
        {
            return self.send(Flight { again: Some((first, Box::new(rest))), ..flight }, None);
        }
        self.land(flight, exchange, line);
        Ok(())
    }

    /// Gives up a connection, and counts it.
    pub(super) fn close(&mut self, id: usize) -> Option<Line> {
        close(&mut self.lines, &self.posts, id)
    }

    /// Gives up connections that nobody uses any more, once they have had the time to talk unasked.
    pub(super) fn close_idle(&mut self, ids: impl IntoIterator<Item = usize>) {
        for id in ids {
            if let Some(line) = self.lines.get_mut(id) {
                line.wire.is_usable();
            }
            self.close(id);
        }
    }

    /// Gives up what has taken too long, and finds out when that is next.
    pub(super) fn expire(&mut self, now: At) {
        for (_, line) in &mut self.lines {
            if line.wire.deadline() <= now
                && let Some(Flight { begun: Some(begun), .. }) = line.flight
            {
                line.wire.put_off(self.poll.away.between(begun, now));
            }
        }
        let is_late = |line: &Line| line.flight.is_some() && line.wire.deadline() <= now;
        let late: Vec<usize> =
            self.lines.iter().filter(|(_, line)| is_late(line)).map(|(id, _)| id).collect();
        for id in late {
            let Some(mut line) = self.close(id) else { continue };
            let Some(flight) = line.flight.take() else { continue };
            if line.has_more {
                self.more.retain(|more| *more != id);
            }
            let post = &self.posts[flight.job.post];
            let limits = &post.kinds[flight.job.request].limits;
            let limits = flight.again.as_ref().map_or(limits, |(_, limits)| limits);
            let exchange = lean::give_up(&self.drive.clock, limits, &mut line.wire);
            // Closed before the next may be opened in its place.
            drop(line);
            self.land(flight, exchange, None);
        }
        let left = self.lines.iter().filter(|(_, line)| line.flight.is_some());
        self.deadline = left.map(|(_, line)| line.wire.deadline()).min().unwrap_or(NEVER);
    }

    /// Records those who have waited for a connection as long as their whole timeout.
    pub(super) fn give_up(&mut self, now: At) {
        let mut pools = std::mem::take(&mut self.pools);
        for pool in &mut pools {
            for mut job in pool.give_up(|job| self.waited_too_long(job, now)) {
                job.blocked_us = job.waited_us(now);
                self.record(&job, Exchange::not_sent(now), 0);
            }
        }
        self.pools = pools;
    }

    /// Records how a request ended, and lets the next go in its place.
    fn land(&mut self, flight: Flight, exchange: Exchange, line: Option<usize>) {
        let mut exchange = exchange;
        if let Some((first, _)) = flight.again {
            exchange.idle_reset = true;
            exchange.begun = exchange.begun.and(Some(first));
        }
        let job = flight.job;
        let away = |begun| self.poll.away.between(begun, exchange.done);
        let away_us = exchange.begun.map_or(0, away);
        exchange.excuse(self.posts[job.post].kinds[job.request].limits.timeout_us, away_us);
        self.keep(&job, &mut exchange);
        let (done, outcome) = (exchange.done, exchange.outcome);
        self.record(&job, exchange, away_us);
        if let Pace::Closed { .. } = self.posts[job.post].lane.pace {
            let reached = !matches!(outcome, Outcome::ConnectError | Outcome::NotSent);
            self.seat_free(job.post, line, reached.then_some(done));
            return;
        }
        let mut line = line;
        while let Some((mut next, kept)) = self.pools[job.post].release(line) {
            let now = self.drive.clock.now();
            next.blocked_us = next.waited_us(now);
            if !self.waited_too_long(&next, now) {
                self.ready.push_back((next, kept));
                break;
            }
            self.record(&next, Exchange::not_sent(now), 0);
            line = kept;
        }
    }

    fn record(&mut self, job: &Job, exchange: Exchange, away_us: u64) {
        self.under_way -= 1;
        let lane = &self.posts[job.post].lane;
        self.recorder.finished(&Finished {
            load: lane.index,
            request: job.request,
            due: job.arrival.due,
            begun: exchange.begun,
            first_byte: exchange.first_byte,
            done: exchange.done,
            blocked_us: job.blocked_us,
            away_us,
            outcome: exchange.outcome,
            status: exchange.status,
            headers: exchange.headers.as_ref(),
            idle_reset: exchange.idle_reset,
            refused: exchange.refused,
        });
        if let Some(text) = exchange.finding {
            self.recorder.finding(format!("load {}: {text}", lane.name));
        }
    }

    /// Keeps a failed exchange, if it is one of the first.
    fn keep(&mut self, job: &Job, exchange: &mut Exchange) {
        // The warm-up is not judged, and would take the places.
        if exchange.outcome == Outcome::Ok || job.arrival.warmup {
            return;
        }
        let post = &self.posts[job.post];
        let kind = &post.kinds[job.request];
        let (load, request, zero) = (post.lane.index, job.request, self.drive.zero);
        let which = Which { load, request, due: job.arrival.due, zero };
        let sent = || kind.rendered.request(job.arrival.k, job.arrival.warmup);
        if let Some(failure) = kept::failure(kind, which, exchange, &self.drive.secrets, sent) {
            self.recorder.keep(failure);
        }
    }
}

fn close(lines: &mut Slab<Line>, posts: &[Post], id: usize) -> Option<Line> {
    let line = lines.try_remove(id)?;
    let unasked = &posts[line.post].kinds.first()?.limits.ways.unasked;
    if line.wire.is_open() {
        unasked.open();
    }
    if line.wire.has_talked() {
        unasked.talk();
    }
    Some(line)
}

/// What an attempt is made of; by the limits of `again` where it is made once more.
fn task<'a>(
    clock: &'a Clock,
    post: &'a Post,
    job: &Job,
    again: &'a Option<(At, Box<Limits>)>,
) -> Task<'a> {
    let limits = again.as_ref().map_or(&post.kinds[job.request].limits, |(_, limits)| limits);
    let Arrival { k, warmup, .. } = job.arrival;
    Task { clock, limits, written: &post.written[job.request], k, warmup }
}

/// An attempt began: a kept connection that was replaced begins twice, and the health book counts
/// requests.
fn began(load: usize, job: &Job, recorder: &mut Recorder, begun: &mut Option<At>, at: At) {
    if begun.replace(at).is_none() {
        let waited = job.blocked_us.unwrap_or(0);
        let lag = at.0.saturating_sub(job.arrival.due.0).saturating_sub(waited);
        recorder.begun(load, job.arrival.due, lag, job.blocked_us.is_some());
    }
}
