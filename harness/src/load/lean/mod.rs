//! One generator thread of loads with fixed requests over HTTP/1.1: one loop over what the kernel
//! has to tell, no task and no allocation for each request.
//!
//! Invariant: the same as of `shard`: an arrival never waits for another's answer, only for a
//! connection when the limit is reached, counted apart from lag; what was due is recorded exactly once:
//! answered, failed, timed out, given up in the queue, or cut.
//! Invariant: nor for one that comes without a pause: of that only so much is read before the others have
//! their turn.
//! Not here: one attempt (`client::lean`), connections and their requests (`lines`), closed loops
//! (`seats`), all other loads (`shard`).

mod lines;
mod poll;
mod seats;

use super::arrivals::{Arrival, Arrivals};
use super::pool::{Pool, Turn, all_in_use};
use super::{Drive, Kind, Lane, Order, Pace};
use crate::client::Written;
use crate::client::lean::Scratch;
use crate::load::shard::{TOGETHER_US, next_tick};
use crate::record::{Finished, Recorder};
use assay_slo::{At, Outcome};
use lines::{Flight, Line};
use poll::Poll;
use seats::Seats;
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::watch;

/// A lane's part on one thread.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) lane: Arc<Lane>,
    pub(super) kinds: Vec<Kind>,
    /// The same as they stand in memory.
    pub(super) written: Arc<[Written]>,
    /// It sends k ≡ `shard` (mod `shards`).
    pub(super) shard: u64,
    pub(super) shards: u64,
    pub(super) connections: usize,
}

/// One due request.
#[derive(Debug, Clone, Copy)]
struct Job {
    post: usize,
    request: usize,
    arrival: Arrival,
    /// Since when it waits for a connection.
    queued: Option<At>,
    /// How long it did, µs.
    blocked_us: Option<u64>,
}

impl Job {
    /// How long it has waited for a connection, µs; none if it did not have to.
    fn waited_us(&self, now: At) -> Option<u64> {
        self.queued.map(|since| now.0.saturating_sub(since.0))
    }
}

/// The thread's state.
pub(super) struct Loop {
    drive: Drive,
    posts: Vec<Post>,
    pools: Vec<Pool<usize, Job>>,
    lines: Slab<Line>,
    recorder: Recorder,
    scratch: Scratch,
    poll: Poll,
    /// To be sent now, on this idle connection or on a new one.
    ready: VecDeque<(Job, Option<usize>)>,
    /// Connections that have more to read than they were let read, each once.
    more: VecDeque<usize>,
    seats: Seats,
    /// Connections of closed loops that are over.
    parting: Vec<usize>,
    /// Due and not ended.
    under_way: usize,
    /// No request is to be given up before.
    deadline: At,
    /// Nothing new begins.
    ended: bool,
}

const NEVER: At = At(u64::MAX);

/// How long idle connections are listened to at the end, µs.
const LINGER_US: i64 = 10_000;

impl Loop {
    /// Runs to the end of the arrivals and of what is under way, or to the order to cut. `news` is
    /// readable when there is an order.
    ///
    /// # Errors
    /// What the kernel refused that no request is to blame for; nobody takes what is recorded.
    pub(super) fn run(
        posts: Vec<Post>,
        drive: Drive,
        recorder: Recorder,
        mut orders: watch::Receiver<Order>,
        news: OwnedFd,
    ) -> io::Result<()> {
        let (clock, zero) = (drive.clock, drive.zero);
        let mut arrivals: Vec<Arrivals> = posts
            .iter()
            .map(|post| Arrivals::new(&post.lane, zero, post.shard, post.shards))
            .collect();
        let pools = posts.iter().map(|post| Pool::new(post.connections)).collect();
        let mut this = Loop {
            pools,
            lines: Slab::new(),
            recorder,
            scratch: Scratch::default(),
            poll: Poll::new(news)?,
            ready: VecDeque::new(),
            more: VecDeque::new(),
            seats: Seats::new(&posts, zero),
            parting: Vec::new(),
            under_way: 0,
            deadline: NEVER,
            ended: false,
            drive,
            posts,
        };
        let mut tick = next_tick(clock.now(), zero);
        // Taken from the arrivals, not all of it due yet.
        let mut batch: Vec<(usize, Arrival)> = Vec::new();
        let mut told = Vec::new();
        loop {
            let now = clock.now();
            // A dropped engine has lost interest: as if it had ordered to cut.
            let order = match orders.has_changed() {
                Ok(_) => *orders.borrow_and_update(),
                Err(_) => Order::Cut,
            };
            if order != Order::Go && !this.ended {
                this.ended = true;
                take_due(&mut arrivals, now, &mut batch);
                batch.retain(|(_, arrival)| arrival.due <= now);
                this.seats.end();
            }
            if order == Order::Cut {
                for (post, arrival) in batch.drain(..) {
                    let job = this.enter(post, arrival);
                    this.ready.push_back((job, None));
                }
                break;
            }
            if now >= tick {
                this.give_up(now);
                this.part();
                this.hand_over()?;
                tick = next_tick(now, zero);
            }
            // Nobody before it was looked for an answer that is there already.
            let heard = this.poll.heard_by();
            if heard >= this.deadline {
                this.expire(heard);
            }
            if !this.ended {
                // Whatever came due meanwhile goes too; it keeps its due instant.
                take_due(&mut arrivals, now, &mut batch);
                this.take_seats(now);
            }
            this.send_due(&mut batch, now);
            this.drain()?;
            if !this.ended
                && batch.is_empty()
                && let Some(next) = arrivals.iter().filter_map(Arrivals::next_due).min()
            {
                take_due(&mut arrivals, At(next.0.saturating_add(TOGETHER_US)), &mut batch);
            }
            let wake = batch.iter().map(|(_, arrival)| arrival.due).max();
            if wake.is_none() && this.under_way == 0 && this.seats.is_over() {
                this.linger()?;
                break;
            }
            let wake = [wake, this.seats.next()].into_iter().flatten().min().unwrap_or(NEVER);
            let wake = if this.more.is_empty() { wake.min(tick).min(this.deadline) } else { now };
            this.poll.wait(&clock, wake)?;
            this.poll.take_news(&mut told);
            for news in told.drain(..) {
                this.hear(news)?;
                this.drain()?;
            }
            // One of them, after all that is new.
            this.read_on()?;
            this.drain()?;
        }
        this.cut_all();
        this.hand_over()
    }

    /// Lets those talk who do so unasked: whoever answers before being asked says one thing more.
    fn linger(&mut self) -> io::Result<()> {
        let clock = self.drive.clock;
        let until = clock.now().plus(LINGER_US);
        while !self.lines.is_empty() && clock.now() < until {
            self.poll.wait(&clock, until)?;
            self.poll.take_news(&mut Vec::new());
        }
        Ok(())
    }

    /// Gives up the connections of closed loops that are over.
    fn part(&mut self) {
        let parting = std::mem::take(&mut self.parting);
        self.close_idle(parting);
    }

    /// Sends what is due of the batch, earliest first.
    fn send_due(&mut self, batch: &mut Vec<(usize, Arrival)>, now: At) {
        if batch.len() > 1 {
            batch.sort_by_key(|(_, arrival)| arrival.due);
        }
        let due = batch.partition_point(|(_, arrival)| arrival.due <= now);
        for (post, arrival) in batch.drain(..due) {
            let job = Job { queued: Some(now), ..self.enter(post, arrival) };
            match self.pools[post].ask(job) {
                Turn::Go(line) => self.ready.push_back((Job { queued: None, ..job }, line)),
                Turn::Wait => {
                    let lane = &self.posts[post].lane;
                    let told = all_in_use(&lane.name, lane.client.connections, false);
                    self.recorder.finding(told);
                }
            }
        }
    }

    /// Counts a request as due.
    fn enter(&mut self, post: usize, arrival: Arrival) -> Job {
        let lane = &self.posts[post].lane;
        let place = (arrival.k % lane.cycle.len() as u64) as usize;
        let request = usize::from(lane.cycle[place]);
        self.under_way += 1;
        self.recorder.due(lane.index, arrival.due);
        Job { post, request, arrival, queued: None, blocked_us: None }
    }

    fn waited_too_long(&self, job: &Job, now: At) -> bool {
        let timeout_us = self.posts[job.post].kinds[job.request].limits.timeout_us;
        job.waited_us(now).is_some_and(|waited| waited >= timeout_us)
    }

    /// Records what is still under way as cut off now.
    fn cut_all(&mut self) {
        let now = self.drive.clock.now();
        let idle = self.lines.iter().filter(|(_, line)| line.flight.is_none());
        let idle: Vec<usize> = idle.map(|(id, _)| id).collect();
        self.close_idle(idle);
        let lines = std::mem::take(&mut self.lines);
        let flying = lines.into_iter().filter_map(|(_, line)| line.flight);
        let away = |begun: Option<At>| begun.map_or(0, |at| self.poll.away.between(at, now));
        let flying: Vec<(Job, Option<At>, u64)> =
            flying.map(|Flight { job, begun, .. }| (job, begun, away(begun))).collect();
        let waiting = self.pools.iter_mut().flat_map(|pool| pool.give_up(|_| true));
        let waiting: Vec<Job> = waiting.chain(self.ready.drain(..).map(|(job, _)| job)).collect();
        let waiting = waiting.into_iter().map(|job| (job, None, 0));
        for (job, begun, away_us) in flying.into_iter().chain(waiting) {
            self.recorder.finished(&Finished {
                load: self.posts[job.post].lane.index,
                request: job.request,
                due: job.arrival.due,
                begun,
                first_byte: None,
                done: now,
                blocked_us: job.blocked_us,
                away_us,
                outcome: Outcome::Cut,
                status: 0,
                headers: None,
                idle_reset: false,
                refused: false,
            });
        }
    }

    fn hand_over(&mut self) -> io::Result<()> {
        for post in &self.posts {
            let kind = post.kinds.first();
            let unasked = kind.and_then(|kind| kind.limits.ways.unasked.take());
            self.recorder.unasked(post.lane.index, unasked);
        }
        let stood = self.poll.away.take();
        self.recorder.stood(self.posts.iter().map(|post| post.lane.index), &stood);
        let batch = self.recorder.take(self.drive.clock.now());
        if batch.is_empty() {
            return Ok(());
        }
        let gone = |_| io::Error::other("nobody takes what the load records");
        self.drive.sink.send(batch).map_err(gone)
    }
}

/// Moves what is due at or before `until` into the batch.
fn take_due(arrivals: &mut [Arrivals], until: At, batch: &mut Vec<(usize, Arrival)>) {
    for (post, arrivals) in arrivals.iter_mut().enumerate() {
        while let Some(arrival) = arrivals.take_due(until) {
            batch.push((post, arrival));
        }
    }
}
