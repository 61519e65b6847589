//! Who waits for a connection of a thread, and goes on when there is one.
//!
//! How many requests an HTTP/2 connection carries at once its peer says when it is open, and may say
//! anew: what is more waits here, not inside the connection, so that it counts as a wait.
//!
//! Invariant: who has waited as long as its whole timeout is not sent.
//! Not here: the rules of a pool (`pool`).

use super::{Job, Shard};
use crate::client::{Connection, Exchange};
use crate::load::Kind;
use crate::load::pool::all_in_use;
use assay_slo::At;
use std::rc::Rc;

impl Shard {
    /// Who goes next on this post, waited too long left out.
    pub(super) fn next(
        &self,
        post: usize,
        line: Option<Connection>,
    ) -> Option<(Job, Option<Connection>)> {
        self.fit(post);
        let mut line = line;
        loop {
            let (job, kept) = self.pools[post].borrow_mut().release(line)?;
            if self.goes(&job) {
                return Some((job, kept));
            }
            line = kept;
        }
    }

    /// Lets those of the queue go for whom there is room since their peer allows more.
    pub(super) fn admit(self: &Rc<Self>, post: usize) {
        if !self.pools[post].borrow().waits() || !self.fit(post) {
            return;
        }
        loop {
            let Some(mut job) = self.pools[post].borrow_mut().admit() else { return };
            let mut line = None;
            while !self.goes(&job) {
                match self.pools[post].borrow_mut().release(line) {
                    Some(next) => (job, line) = next,
                    None => return,
                }
            }
            tokio::task::spawn_local(Rc::clone(self).work(job, line));
        }
    }

    /// Makes the pool as large as the peers of shared connections allow; whether there are any.
    pub(super) fn fit(&self, post: usize) -> bool {
        let Some(kind) = self.posts[post].kinds.first() else { return false };
        let Some(trunk) = &kind.limits.trunk else { return false };
        let places = trunk.places(&kind.limits, self.drive.clock.now());
        self.pools[post].borrow_mut().allow(places);
        true
    }

    /// Notes how long a job had to wait; false of one that waited too long and is recorded so.
    fn goes(&self, job: &Job) -> bool {
        let now = self.drive.clock.now();
        if self.waited_too_long(job, now) {
            self.land(job.id, Exchange::not_sent(now));
            return false;
        }
        if let Some(flight) = self.flights.borrow_mut().get_mut(job.id) {
            flight.blocked_us = job.waited_us(now);
        }
        true
    }

    fn waited_too_long(&self, job: &Job, now: At) -> bool {
        let timeout_us = self.posts[job.post].kinds[job.request].limits.timeout_us;
        job.waited_us(now).is_some_and(|waited| waited >= timeout_us)
    }

    /// Records those who have waited for a connection as long as their whole timeout.
    pub(super) fn give_up(self: &Rc<Self>) {
        let now = self.drive.clock.now();
        for (post, pool) in self.pools.iter().enumerate() {
            let gone = pool.borrow_mut().give_up(|job| self.waited_too_long(job, now));
            for job in gone {
                if let Some(flight) = self.flights.borrow_mut().get_mut(job.id) {
                    flight.blocked_us = job.waited_us(now);
                }
                self.land(job.id, Exchange::not_sent(now));
            }
            self.admit(post);
        }
    }

    /// Tells that requests wait.
    pub(super) fn tell_waiting(&self, post: usize) {
        let lane = &self.posts[post].lane;
        let trunk = |kind: &Kind| kind.limits.trunk.is_some();
        let shared = self.posts[post].kinds.first().is_some_and(trunk);
        let told = all_in_use(&lane.name, lane.client.connections, shared);
        self.recorder.borrow_mut().finding(told);
    }
}
