//! One generator thread: waits for due instants, sends, records, hands over once a second.
//!
//! Invariant: an arrival never waits for another's answer; it waits for a connection only when
//! the limit is reached, and that wait is counted apart from lag.
//! Invariant: what was due is recorded exactly once: answered, failed, timed out, given up in
//! the queue, or cut.
//! Not here: the pool's rules (`pool`), one attempt (`client`).

mod closed;
mod job;
mod journeys;
mod line;
mod queue;

use super::arrivals::{Arrival, Arrivals};
use super::away::Pulse;
use super::pool::{Pool, Turn};
use super::timer::Timer;
use super::{Drive, Kind, Lane, Order};
use crate::client::{Connection, Exchange, Jar};
use crate::clock::Clock;
use crate::record::{Finished, Recorder};
use assay_slo::time::SECOND_US;
use assay_slo::{At, Outcome};
use job::{Come, Flight, Job};
use journeys::Journeys;
pub(super) use journeys::Script;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// What is due within so long goes out together, when the last of it is due: each wake-up costs
/// more than a request.
pub(super) const TOGETHER_US: u64 = 50;

/// A lane's part on one thread.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) lane: Arc<Lane>,
    pub(super) kinds: Vec<Kind>,
    /// What each arrival goes through; none where it is one request.
    pub(super) script: Option<Script>,
    /// The cookies of the load; a journey has its own.
    pub(super) jar: Arc<Jar>,
    /// It sends k ≡ `shard` (mod `shards`).
    pub(super) shard: u64,
    pub(super) shards: u64,
    pub(super) connections: usize,
}

/// The thread's state. All borrows end before anything is awaited.
#[derive(Debug)]
pub(super) struct Shard {
    drive: Drive,
    posts: Vec<Post>,
    pools: Vec<RefCell<Pool<Connection, Job>>>,
    flights: RefCell<Slab<Flight>>,
    recorder: RefCell<Recorder>,
    journeys: RefCell<Journeys>,
    /// Requests that closed lanes have sent, by post.
    sent: Vec<Cell<u64>>,
    /// Connections of closed lanes that may still send.
    seats: Cell<usize>,
    /// Nothing new begins.
    ended: Cell<bool>,
    pulse: Pulse,
    landed: Notify,
    died: Cell<bool>,
}

impl Shard {
    /// Runs to the end of the arrivals and of what is under way, or to the order to cut.
    pub(super) async fn run(
        posts: Vec<Post>,
        drive: Drive,
        recorder: Recorder,
        mut orders: watch::Receiver<Order>,
    ) -> io::Result<()> {
        let timer = Timer::new()?;
        let (clock, zero) = (drive.clock, drive.zero);
        let mut arrivals: Vec<Arrivals> = posts
            .iter()
            .map(|post| Arrivals::new(&post.lane, zero, post.shard, post.shards))
            .collect();
        let pools = posts.iter().map(|post| RefCell::new(Pool::new(post.connections))).collect();
        let sent = posts.iter().map(|_| Cell::new(0)).collect();
        let shard = Rc::new(Shard {
            drive,
            posts,
            pools,
            flights: RefCell::default(),
            recorder: RefCell::new(recorder),
            journeys: RefCell::default(),
            sent,
            seats: Cell::new(0),
            ended: Cell::new(false),
            pulse: Pulse::new(clock),
            landed: Notify::new(),
            died: Cell::new(false),
        });
        let watched = Rc::clone(&shard);
        tokio::task::spawn_local(async move { watched.pulse.beat().await });
        shard.take_seats();
        let travels = shard.posts.iter().any(|post| post.script.is_some());
        let mut sleep = std::pin::pin!(clock.sleep_until(next_tick(clock.now(), zero)));
        // Taken from the arrivals, not all of it due yet.
        let mut batch = Vec::new();
        loop {
            let order = *orders.borrow_and_update();
            if order != Order::Go && !shard.ended.replace(true) {
                take_due(&mut arrivals, clock.now(), &mut batch);
                batch.retain(|come: &Come| come.arrival.due <= clock.now());
                shard.journeys.borrow_mut().end();
                match order {
                    Order::Cut => shard.enter_all(&mut batch),
                    _ => shard.send_all(&mut batch),
                }
            }
            if order == Order::Cut || shard.died.get() {
                break;
            }
            if !shard.ended.get()
                && batch.is_empty()
                && let Some(next) = arrivals.iter().filter_map(Arrivals::next_due).min()
            {
                take_due(&mut arrivals, At(next.0.saturating_add(TOGETHER_US)), &mut batch);
            }
            let wake = batch.iter().map(|come| come.arrival.due).max();
            let next = shard.journeys.borrow().next_due();
            let wake = wake.into_iter().chain(next).min();
            let idle = shard.flights.borrow().is_empty() && shard.seats.get() == 0;
            if wake.is_none() && idle {
                break;
            }
            tokio::select! {
                biased;
                // A dropped engine has lost interest: as if it had ordered to cut.
                changed = orders.changed() => if changed.is_err() { break },
                () = &mut sleep => {
                    shard.give_up();
                    shard.hand_over()?;
                    sleep.set(clock.sleep_until(next_tick(clock.now(), zero)));
                }
                woken = wait(&timer, &clock, wake) => {
                    woken?;
                    // Whatever came due meanwhile goes too; it keeps its due instant.
                    take_due(&mut arrivals, clock.now(), &mut batch);
                    shard.take_later(&mut batch);
                    shard.send_all(&mut batch);
                }
                () = shard.landed.notified(), if wake.is_none() || travels => {}
            }
        }
        shard.cut_all();
        shard.pools.iter().for_each(|pool| pool.borrow_mut().clear());
        shard.tell_broken_off();
        shard.hand_over()?;
        if shard.died.get() { Err(io::Error::other("a request's task died")) } else { Ok(()) }
    }

    /// Sends what is due of the batch, earliest first.
    fn send_all(self: &Rc<Self>, batch: &mut Vec<Come>) {
        batch.sort_by_key(|come| come.arrival.due);
        let now = self.drive.clock.now();
        let due = batch.partition_point(|come| come.arrival.due <= now);
        for come in batch.drain(..due) {
            let Some(job) = self.enter(come) else { continue };
            self.fit(come.post);
            let asked = self.pools[come.post].borrow_mut().ask(Job { queued: Some(now), ..job });
            match asked {
                Turn::Go(line) => {
                    tokio::task::spawn_local(Rc::clone(self).work(job, line));
                }
                Turn::Wait => {
                    self.tell_waiting(come.post);
                    self.admit(come.post);
                }
            }
        }
    }

    /// Counts what is in the batch as due, without sending it.
    fn enter_all(&self, batch: &mut Vec<Come>) {
        for come in batch.drain(..) {
            self.enter(come);
        }
    }

    /// Moves what is due of journeys under way into the batch.
    fn take_later(&self, batch: &mut Vec<Come>) {
        let mut journeys = self.journeys.borrow_mut();
        while let Some(due) = journeys.take_due(self.drive.clock.now()) {
            let journeys::Due { trip, post, arrival } = due;
            batch.push(Come { post, arrival, trip: Some(trip) });
        }
    }

    /// Counts a request as due; none of a journey that begins with a pause.
    fn enter(&self, come: Come) -> Option<Job> {
        let Come { post, arrival, trip } = come;
        let planned = &self.posts[post];
        let lane = &planned.lane;
        let (request, trip) = match (&planned.script, trip) {
            (None, _) => {
                let place = (arrival.k % lane.cycle.len() as u64) as usize;
                (usize::from(lane.cycle[place]), None)
            }
            (Some(_), Some(trip)) => (self.journeys.borrow().request(trip), Some(trip)),
            (Some(script), None) => {
                let number = lane.turns.number(arrival.k, arrival.warmup);
                let set_out = self.journeys.borrow_mut().set_out(script, post, arrival, number);
                let (request, trip) = set_out?;
                (request, Some(trip))
            }
        };
        let mut flights = self.flights.borrow_mut();
        let place = flights.vacant_entry();
        let job = Job { id: place.key(), post, request, arrival, trip, queued: None };
        place.insert(Flight { job, begun: None, blocked_us: None, traced: None });
        self.recorder.borrow_mut().due(lane.index, self.told_due(arrival));
        Some(job)
    }

    /// Makes an attempt, then those of the queue one after another in its place.
    async fn work(self: Rc<Self>, mut job: Job, mut line: Option<Connection>) {
        let _watch = Watch(&self);
        loop {
            let (exchange, back) = self.exchange(&job, line).await;
            self.land(job.id, exchange);
            let next = self.next(job.post, back);
            self.admit(job.post);
            match next {
                Some(next) => (job, line) = next,
                None => break,
            }
        }
    }

    fn began(&self, id: usize, at: At) {
        let mut flights = self.flights.borrow_mut();
        let Some(flight) = flights.get_mut(id) else { return };
        // A kept connection that was replaced begins twice; the health book counts requests.
        if flight.begun.replace(at).is_none() {
            let due = flight.job.arrival.due;
            let told = self.told_due(flight.job.arrival);
            let waited = flight.blocked_us.unwrap_or(0);
            let lag = at.0.saturating_sub(due.0).saturating_sub(waited);
            let load = self.posts[flight.job.post].lane.index;
            self.recorder.borrow_mut().begun(load, told, lag, flight.blocked_us.is_some());
        }
    }

    fn land(&self, id: usize, exchange: Exchange) {
        let Some(flight) = self.flights.borrow_mut().try_remove(id) else { return };
        let lane = &self.posts[flight.job.post].lane;
        let mut recorder = self.recorder.borrow_mut();
        let finished = Finished {
            load: lane.index,
            request: flight.job.request,
            due: flight.job.arrival.due,
            begun: exchange.begun,
            first_byte: exchange.first_byte,
            done: exchange.done,
            blocked_us: flight.blocked_us,
            away_us: self.pulse.between(exchange.begun, exchange.done),
            outcome: exchange.outcome,
            status: exchange.status,
            headers: exchange.headers.as_ref(),
            idle_reset: exchange.idle_reset,
            refused: exchange.refused,
        };
        let earlier_us = finished.due.0 - self.told_due(flight.job.arrival).0;
        recorder.finished(&finished.earlier(earlier_us));
        recorder.traced(flight.traced, &finished);
        if let Some(text) = exchange.finding {
            recorder.finding(format!("load {}: {text}", lane.name));
        }
        let script = self.posts[flight.job.post].script.as_ref();
        if let (Some(script), Some(trip)) = (script, flight.job.trip) {
            let (done, ended) = (exchange.done, self.ended.get());
            if self.journeys.borrow_mut().go_on(script, trip, done, ended) {
                self.landed.notify_one();
            }
        }
        if self.flights.borrow().is_empty() {
            self.landed.notify_one();
        }
    }

    /// Records what is still under way as cut off now.
    fn cut_all(&self) {
        let now = self.drive.clock.now();
        let flights = std::mem::take(&mut *self.flights.borrow_mut());
        let mut recorder = self.recorder.borrow_mut();
        for (_, flight) in flights {
            let finished = Finished {
                load: self.posts[flight.job.post].lane.index,
                request: flight.job.request,
                due: flight.job.arrival.due,
                begun: flight.begun,
                first_byte: None,
                done: now,
                blocked_us: flight.blocked_us,
                away_us: self.pulse.between(flight.begun, now),
                outcome: Outcome::Cut,
                status: 0,
                headers: None,
                idle_reset: false,
                refused: false,
            };
            let earlier_us = finished.due.0 - self.told_due(flight.job.arrival).0;
            recorder.finished(&finished.earlier(earlier_us));
        }
    }

    /// When a request was due as it is recorded. A journey of the warm-up is warm-up to its end, and
    /// not judged: what is due of it later is recorded as if it had been due at the end of the warm-up.
    fn told_due(&self, arrival: Arrival) -> At {
        match arrival.warmup {
            true => arrival.due.min(At(self.drive.zero.0.saturating_sub(1))),
            false => arrival.due,
        }
    }

    /// Tells of journeys that did not come to their last request.
    fn tell_broken_off(&self) {
        for post in &self.posts {
            let told = post.script.iter().flat_map(|script| script.told(&post.lane));
            told.for_each(|text| self.recorder.borrow_mut().finding(text));
        }
    }

    fn hand_over(&self) -> io::Result<()> {
        for post in &self.posts {
            let kind = post.kinds.first();
            let unasked = kind.and_then(|kind| kind.limits.ways.unasked.take());
            self.recorder.borrow_mut().unasked(post.lane.index, unasked);
        }
        let (loads, stood) = (self.posts.iter().map(|post| post.lane.index), self.pulse.take());
        self.recorder.borrow_mut().stood(loads, &stood);
        let batch = self.recorder.borrow_mut().take(self.drive.clock.now());
        if batch.is_empty() {
            return Ok(());
        }
        let gone = |_| io::Error::other("nobody takes what the load records");
        self.drive.sink.send(batch).map_err(gone)
    }
}

/// Tells the thread when a request's task dies instead of ending.
struct Watch<'a>(&'a Shard);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.died.set(true);
            self.0.landed.notify_one();
        }
    }
}

/// Moves what is due at or before `until` into the batch.
fn take_due(arrivals: &mut [Arrivals], until: At, batch: &mut Vec<Come>) {
    for (post, arrivals) in arrivals.iter_mut().enumerate() {
        while let Some(arrival) = arrivals.take_due(until) {
            batch.push(Come { post, arrival, trip: None });
        }
    }
}

async fn wait(timer: &Timer, clock: &Clock, wake: Option<At>) -> io::Result<()> {
    match wake {
        // Late: what was sent before must still be written, and answers read, first.
        Some(at) if at <= clock.now() => tokio::task::yield_now().await,
        Some(at) => timer.wait_until(clock, at).await?,
        None => pending().await,
    }
    Ok(())
}

/// The next whole second from time 0, so that a second is handed over just after its end.
pub(super) fn next_tick(now: At, zero: At) -> At {
    let second = SECOND_US as i64;
    zero.plus((now.second(zero) + 1).saturating_mul(second))
}
