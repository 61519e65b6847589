//! Closed loops: each connection sends again as soon as the answer to the last is there.
//!
//! Invariant: a request is due when it begins: what a stalled server keeps from being sent is not
//! seen, so only the service clock says anything.
//! Invariant: a target that cannot be reached is tried 20 times a second by each connection, not
//! as fast as the machine can.
//! Not here: open arrivals, which are what gates should judge.

use super::{Loop, Pace, Post};
use crate::load::arrivals::Arrival;
use assay_slo::At;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How long a connection rests that could not be had, µs.
const REST_US: i64 = 50_000;

/// Connections that are to send again and again, and those that rest.
#[derive(Debug)]
pub(super) struct Seats {
    /// When a connection of a post begins, at time 0 or after its rest.
    resting: BinaryHeap<Reverse<(At, usize)>>,
    /// How many may still send.
    open: usize,
    /// Requests sent, by post.
    sent: Vec<u64>,
}

impl Seats {
    /// All begin at time 0.
    pub(super) fn new(posts: &[Post], zero: At) -> Seats {
        let closed = |post: &&Post| matches!(post.lane.pace, Pace::Closed { .. });
        let posts_of = posts.iter().enumerate().filter(|(_, post)| closed(post));
        let resting: BinaryHeap<_> = posts_of
            .flat_map(|(at, post)| (0..post.connections).map(move |_| Reverse((zero, at))))
            .collect();
        Seats { open: resting.len(), resting, sent: vec![0; posts.len()] }
    }

    /// When the next begins that rests.
    pub(super) fn next(&self) -> Option<At> {
        self.resting.peek().map(|Reverse((at, _))| *at)
    }

    /// None sends again.
    pub(super) fn end(&mut self) {
        self.open -= self.resting.len();
        self.resting.clear();
    }

    /// Whether none will send again.
    pub(super) fn is_over(&self) -> bool {
        self.open == 0
    }
}

impl Loop {
    /// Lets those begin whose rest is over.
    pub(super) fn take_seats(&mut self, now: At) {
        while self.seats.next().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, post))) = self.seats.resting.pop() {
                self.sit(post, None, now);
            }
        }
    }

    /// A connection may send again: at once where its target was reached, with an answer that
    /// ended then.
    pub(super) fn seat_free(&mut self, post: usize, line: Option<usize>, reached: Option<At>) {
        match reached {
            Some(done) => self.sit(post, line, done),
            None if self.ended => self.seats.open -= 1,
            None => {
                let rested = self.drive.clock.now().plus(REST_US);
                self.seats.resting.push(Reverse((rested, post)));
            }
        }
    }

    fn sit(&mut self, post: usize, line: Option<usize>, now: At) {
        let planned = &self.posts[post];
        let Pace::Closed { ends_us, most } = planned.lane.pace else { return };
        // Threads share a lane's k without a word between them.
        let k = planned.shard + self.seats.sent[post] * planned.shards;
        if self.ended || now >= self.drive.zero.plus(ends_us) || k >= most {
            self.seats.open -= 1;
            self.parting.extend(line);
            return;
        }
        self.seats.sent[post] += 1;
        let due = self.drive.clock.now();
        let job = self.enter(post, Arrival { k, warmup: false, due });
        self.ready.push_back((job, line));
    }
}
