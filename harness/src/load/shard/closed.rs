//! Closed pace: each connection sends its next request as soon as the answer to the last is there.
//!
//! Invariant: a request is due when it begins: what a stalled server keeps from being sent is not
//! seen, so only the service clock says anything.
//! Invariant: a target that cannot be reached is tried 20 times a second by each connection, not
//! as fast as the machine can.
//! Not here: open arrivals, which are what gates should judge.

use super::super::Pace;
use super::super::arrivals::Arrival;
use super::{Come, Shard, Watch};
use crate::load::used_up::Ended;
use crate::spec::types::WhenExhausted;
use assay_slo::Outcome;
use std::rc::Rc;

/// How long a connection rests that could not be had, µs.
const REST_US: i64 = 50_000;

impl Shard {
    /// Starts a task for each connection of each closed lane.
    pub(super) fn take_seats(self: &Rc<Self>) {
        for (post, planned) in self.posts.iter().enumerate() {
            let Pace::Closed { ends_us, most } = planned.lane.pace else { continue };
            for _ in 0..planned.connections {
                self.seats.set(self.seats.get() + 1);
                tokio::task::spawn_local(Rc::clone(self).keep_sending(post, ends_us, most));
            }
        }
    }

    async fn keep_sending(self: Rc<Self>, post: usize, ends_us: i64, most: u64) {
        let _watch = Watch(&self);
        let _seat = Seat(&self);
        let clock = self.drive.clock;
        let (from, to) = (self.drive.zero, self.drive.zero.plus(ends_us));
        clock.sleep_until(from).await;
        let mut line = None;
        while !self.ended.get() && clock.now() < to {
            let k = self.next_k(post);
            if k >= most {
                self.tell_used_up(post, k, (ends_us, most));
                break;
            }
            let arrival = Arrival { k, warmup: false, due: clock.now() };
            let Some(job) = self.enter(Come { post, arrival, trip: None }) else { break };
            let (exchange, back) = self.exchange(&job, line).await;
            let reached = !matches!(exchange.outcome, Outcome::ConnectError | Outcome::NotSent);
            self.land(job.id, exchange);
            line = back;
            if !reached {
                clock.sleep_until(clock.now().plus(REST_US)).await;
            }
        }
    }

    /// The first request without a row ends its load, which nobody else would tell of. Only one of
    /// the threads comes to it.
    fn tell_used_up(&self, post: usize, k: u64, (ends_us, most): (i64, u64)) {
        let lane = &self.posts[post].lane;
        let ending = [WhenExhausted::Stop, WhenExhausted::Fail].map(|end| lane.turns.last(end));
        let Some((_, rows)) = ending.into_iter().flatten().min_by_key(|(last, _)| *last) else {
            return;
        };
        if k == most {
            let at_us = self.drive.clock.now().since(self.drive.zero).unsigned_abs();
            let whole_us = ends_us.unsigned_abs();
            let ended = Ended { load: &lane.name, at_us, whole_us, rows: &rows.name };
            self.recorder.borrow_mut().finding(ended.words(most, None, ("request", "requests")));
        }
    }

    /// The next k of a post: threads share a lane's k without a word between them.
    fn next_k(&self, post: usize) -> u64 {
        let (sent, planned) = (&self.sent[post], &self.posts[post]);
        let n = sent.replace(sent.get() + 1);
        planned.shard + n * planned.shards
    }
}

/// Tells the thread when a connection sends no more.
struct Seat<'a>(&'a Shard);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.seats.set(self.0.seats.get() - 1);
        self.0.landed.notify_one();
    }
}

#[cfg(test)]
mod tests;
