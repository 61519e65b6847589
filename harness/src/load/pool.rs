//! A lane's connections on one thread: idle ones, how many are open, and who waits for one.
//!
//! Invariant: never more open than the limit, unless that was lowered: then no more until enough
//! have ended. Nobody waits while a connection is idle or may be opened; who waits is served in the
//! order of arrival.
//! Not here: opening and using connections (`client`).

use std::collections::VecDeque;

/// Connections `C` and waiting jobs `J`.
#[derive(Debug)]
pub(super) struct Pool<C, J> {
    idle: Vec<C>,
    open: usize,
    limit: usize,
    waiting: VecDeque<J>,
}

/// What a job may do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<C> {
    /// Use this idle connection, or open a new one.
    Go(Option<C>),
    /// It waits: the limit is reached.
    Wait,
}

impl<C, J> Pool<C, J> {
    pub(super) fn new(limit: usize) -> Pool<C, J> {
        Pool { idle: Vec::new(), open: 0, limit, waiting: VecDeque::new() }
    }

    /// Lets a job go, with the connection used last, or puts it in the queue.
    pub(super) fn ask(&mut self, job: J) -> Turn<C> {
        if let Some(connection) = self.idle.pop() {
            return Turn::Go(Some(connection));
        }
        if self.open < self.limit && self.waiting.is_empty() {
            self.open += 1;
            return Turn::Go(None);
        }
        self.waiting.push_back(job);
        Turn::Wait
    }

    /// So many may be open from now on, at least one: who waits is let in by [`Pool::admit`].
    pub(super) fn allow(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    /// Whether anybody waits.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The first of the queue, if another connection may be opened for it.
    pub(super) fn admit(&mut self) -> Option<J> {
        if self.open >= self.limit {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.open += 1;
        Some(job)
    }

    /// A job is over: the next in the queue takes its place, with its connection if it is still
    /// good. Without a queue the connection becomes idle.
    pub(super) fn release(&mut self, connection: Option<C>) -> Option<(J, Option<C>)> {
        if self.open > self.limit {
            self.open -= 1;
            return None;
        }
        if let Some(job) = self.waiting.pop_front() {
            return Some((job, connection));
        }
        match connection {
            Some(connection) => self.idle.push(connection),
            None => self.open = self.open.saturating_sub(1),
        }
        None
    }

    /// An idle connection has ended; whether it was idle.
    pub(super) fn forget(&mut self, connection: &C) -> bool
    where
        C: PartialEq,
    {
        let Some(at) = self.idle.iter().position(|idle| idle == connection) else { return false };
        self.idle.remove(at);
        self.open = self.open.saturating_sub(1);
        true
    }

    /// Gives up all that are idle.
    pub(super) fn clear(&mut self) {
        self.open = self.open.saturating_sub(self.idle.len());
        self.idle.clear();
    }

    /// Takes out who has waited too long.
    pub(super) fn give_up(&mut self, mut too_long: impl FnMut(&J) -> bool) -> Vec<J> {
        if !self.waiting.iter().any(&mut too_long) {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (gone, left): (Vec<J>, VecDeque<J>) =
            waiting.into_iter().fold((Vec::new(), VecDeque::new()), |(mut gone, mut left), job| {
                if too_long(&job) {
                    gone.push(job)
                } else {
                    left.push_back(job)
                }
                (gone, left)
            });
        self.waiting = left;
        gone
    }
}

/// What is told of a load in which requests wait; `shared`: several use a connection at once.
pub(super) fn all_in_use(load: &str, connections: usize, shared: bool) -> String {
    let by = if shared { " by as many requests as may share one" } else { "" };
    match connections {
        1 => format!("load {load}: its one connection was in use{by}, requests waited for it"),
        n => format!(
            "load {load}: all of its {n} connections were in use{by}, requests waited for one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_limit_then_queues_in_order() {
        let mut pool = Pool::new(2);
        assert_eq!(pool.ask(1), Turn::Go(None));
        assert_eq!(pool.ask(2), Turn::Go(None));
        assert_eq!(pool.ask(3), Turn::Wait);
        assert_eq!(pool.ask(4), Turn::Wait);
        assert_eq!(pool.release(Some('a')), Some((3, Some('a'))));
        // A broken connection is replaced by whom it passes to.
        assert_eq!(pool.release(None), Some((4, None)));
        assert_eq!(pool.release(Some('a')), None);
        assert_eq!(pool.release(Some('b')), None);
        // Last in, first out; no third is opened while two are there.
        assert_eq!(pool.ask(5), Turn::Go(Some('b')));
        assert_eq!(pool.ask(6), Turn::Go(Some('a')));
        assert_eq!(pool.ask(7), Turn::Wait);
    }

    #[test]
    fn a_lowered_limit_is_kept_as_soon_as_enough_have_ended_and_a_raised_one_at_once() {
        let mut pool: Pool<char, u8> = Pool::new(4);
        (1..=4).for_each(|job| assert_eq!(pool.ask(job), Turn::Go(None)));
        pool.allow(2);
        assert_eq!(pool.ask(5), Turn::Wait);
        assert_eq!((pool.release(None), pool.release(None)), (None, None));
        assert_eq!((pool.admit(), pool.release(None)), (None, Some((5, None))));
        assert_eq!((pool.ask(6), pool.ask(7), pool.ask(8)), (Turn::Wait, Turn::Wait, Turn::Wait));
        pool.allow(4);
        assert_eq!(pool.ask(9), Turn::Wait, "nobody overtakes the queue");
        assert_eq!((pool.admit(), pool.admit(), pool.admit()), (Some(6), Some(7), None));
        // One is always allowed.
        pool.allow(0);
        assert_eq!((0..3).map(|_| pool.release(None)).collect::<Vec<_>>(), [None; 3]);
        assert_eq!(pool.release(None), Some((8, None)));
    }

    #[test]
    fn a_closed_connection_makes_room() {
        let mut pool: Pool<char, u8> = Pool::new(1);
        assert_eq!(pool.ask(1), Turn::Go(None));
        assert_eq!(pool.release(None), None);
        assert_eq!(pool.ask(2), Turn::Go(None));
    }

    #[test]
    fn an_idle_connection_that_has_ended_makes_room() {
        let mut pool: Pool<char, u8> = Pool::new(2);
        assert_eq!((pool.ask(1), pool.ask(2)), (Turn::Go(None), Turn::Go(None)));
        pool.release(Some('a'));
        pool.release(Some('b'));
        assert!(pool.forget(&'a') && !pool.forget(&'a'));
        assert_eq!(pool.ask(3), Turn::Go(Some('b')));
        assert_eq!((pool.ask(4), pool.ask(5)), (Turn::Go(None), Turn::Wait));
    }

    #[test]
    fn who_waited_too_long_leaves_the_others_in_order() {
        let mut pool: Pool<char, u8> = Pool::new(1);
        for job in 0..6 {
            pool.ask(job);
        }
        assert_eq!(pool.give_up(|job| job % 2 == 0), [2, 4]);
        assert_eq!(pool.release(None), Some((1, None)));
        assert_eq!(pool.release(None), Some((3, None)));
        assert!(pool.give_up(|_| false).is_empty());
    }
}
