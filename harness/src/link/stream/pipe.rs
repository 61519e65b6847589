//! A pipe: a client's connection and the upstream's, and what the faults that are on do to it.
//!
//! Invariant: a fault that takes it is counted once, when it first does something to somebody: to cut a
//! connection that nobody uses shows nobody anything.
//! Not here: moving bytes (`lane`), faults that come and go (`proxy`).

use super::ends::End;
use super::{Flow, Flows, Way};
use crate::clock::wake_after;
use crate::link::conn::Stream;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A connection is in use for so long after bytes came last, or after it was opened.
const IN_USE: Duration = Duration::from_secs(2);

/// A fault that takes it.
#[derive(Clone)]
struct Taken {
    flow: Flow,
    rules: Arc<dyn Flows>,
    /// Its number among those that the fault was asked about.
    nth: u64,
    since: Instant,
    /// Whether it has done something.
    told: bool,
    /// Bytes that have come down since.
    down: u64,
}

/// A pipe.
pub(crate) struct Pipe {
    /// Its number on this link.
    pub(crate) id: u64,
    pub(crate) client: End,
    pub(crate) upstream: End,
    /// Told when the faults on it changed, or an end was cut.
    pub(crate) changed: Notify,
    taken: RefCell<BTreeMap<usize, Taken>>,
    /// When bytes came last.
    spoke: Cell<Instant>,
    /// Whether they came from the client, which waits for an answer.
    asks: Cell<bool>,
    /// Pieces that came so far, each way.
    pieces: Cell<u64>,
    /// The client does not know that the upstream is gone.
    severed: Cell<bool>,
    /// A peer has reset it, which one lane has met and the other is to pass on.
    reset: Cell<bool>,
    /// Lanes that pass nothing more on.
    ended: Cell<u8>,
}

/// What a lane may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    /// Nothing passes.
    pub(crate) held: bool,
    /// Bytes a second.
    pub(crate) pace: Option<u64>,
    /// So many bytes more, then it is cut.
    pub(crate) left: Option<u64>,
}

impl Pipe {
    /// Of a client's connection; its upstream is not there yet.
    pub(crate) fn new(id: u64, client: Box<dyn Stream>) -> Pipe {
        Pipe {
            id,
            client: End::new(client),
            upstream: End::default(),
            changed: Notify::new(),
            taken: RefCell::default(),
            spoke: Cell::new(Instant::now()),
            asks: Cell::new(false),
            pieces: Cell::new(0),
            severed: Cell::new(false),
            reset: Cell::new(false),
            ended: Cell::new(0),
        }
    }

    /// Whether somebody uses it: asks, or has just spoken or come. One that was opened and left, as by a
    /// client that went elsewhere, is nobody's.
    pub(crate) fn in_use(&self) -> bool {
        self.asks.get() || self.spoke.get().elapsed() < IN_USE
    }

    /// This fault takes it. True if that does something to somebody at once.
    pub(crate) fn take(&self, fault: usize, flow: Flow, rules: Arc<dyn Flows>, nth: u64) -> bool {
        let at_once = match flow {
            Flow::Reset => {
                self.cut();
                self.in_use()
            }
            Flow::HalfOpen => {
                self.severed.set(true);
                self.upstream.cut();
                self.in_use()
            }
            _ => false,
        };
        let since = Instant::now();
        let taken = Taken { flow, rules, nth, since, told: at_once, down: 0 };
        self.taken.borrow_mut().insert(fault, taken);
        self.changed.notify_waiters();
        at_once
    }

    /// This fault is over.
    pub(crate) fn free(&self, fault: usize) {
        let taken = self.taken.borrow_mut().remove(&fault);
        let severs = |taken: &Taken| taken.flow == Flow::HalfOpen;
        // Another one may keep its client in the dark a while longer.
        let is_last = !self.taken.borrow().values().any(severs);
        if taken.as_ref().is_some_and(severs) && is_last {
            self.cut();
        }
        self.changed.notify_waiters();
    }

    /// Resets both ends, at once.
    pub(crate) fn cut(&self) {
        self.client.cut();
        self.upstream.cut();
        self.changed.notify_waiters();
    }

    /// Whether its client is kept in the dark.
    pub(crate) fn is_severed(&self) -> bool {
        self.severed.get()
    }

    /// A peer has reset it: who met that tells the other lane, which may only see an end.
    pub(crate) fn is_reset(&self) {
        self.reset.set(true);
    }

    /// Whether a peer has reset it.
    pub(crate) fn was_reset(&self) -> bool {
        self.reset.get()
    }

    /// A lane passes nothing more on.
    pub(crate) fn lane_ends(&self) {
        self.ended.set(self.ended.get() + 1);
        self.changed.notify_waiters();
    }

    /// Whether no lane does.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get() > 1
    }

    /// What holds for a lane now.
    pub(crate) fn rules(&self, way: Way) -> Rules {
        let mut rules = Rules::default();
        for taken in self.taken.borrow().values() {
            match taken.flow {
                Flow::Hold(held) => rules.held |= held.is_none_or(|held| held == way),
                Flow::Pace(pace) => {
                    rules.pace = Some(rules.pace.map_or(pace, |known| known.min(pace)));
                }
                Flow::Limit(limit) if way == Way::Down => {
                    let left = limit.saturating_sub(taken.down);
                    rules.left = Some(rules.left.map_or(left, |known| known.min(left)));
                }
                Flow::Later(_) | Flow::Reset | Flow::HalfOpen | Flow::Limit(_) => {}
            }
        }
        rules
    }

    /// When a piece that has just come may pass this way, and the faults that now first delay one.
    pub(crate) fn due(&self, way: Way) -> (Instant, Vec<usize>) {
        let now = Instant::now();
        self.spoke.set(now);
        self.asks.set(way == Way::Up);
        let piece = self.pieces.get();
        self.pieces.set(piece.wrapping_add(1));
        let mut later = Duration::ZERO;
        let mut newly = Vec::new();
        for (fault, taken) in self.taken.borrow_mut().iter_mut() {
            if taken.flow != Flow::Later(way) {
                continue;
            }
            let on = now.saturating_duration_since(taken.since);
            let by = taken.rules.later(taken.nth, piece, on);
            later = later.saturating_add(by);
            if !by.is_zero() && !std::mem::replace(&mut taken.told, true) {
                newly.push(*fault);
            }
        }
        (wake_after(now, later).unwrap_or(now), newly)
    }

    /// The faults that now first do something, of those that do this to a lane.
    pub(crate) fn newly(&self, does: impl Fn(Flow) -> bool) -> Vec<usize> {
        self.new_of(|taken| does(taken.flow))
    }

    /// The same of those that have let as much come down as they let.
    pub(crate) fn spent(&self) -> Vec<usize> {
        self.new_of(|taken| matches!(taken.flow, Flow::Limit(limit) if taken.down >= limit))
    }

    fn new_of(&self, does: impl Fn(&Taken) -> bool) -> Vec<usize> {
        let mut taken = self.taken.borrow_mut();
        let new = |(fault, taken): (&usize, &mut Taken)| {
            (does(taken) && !std::mem::replace(&mut taken.told, true)).then_some(*fault)
        };
        taken.iter_mut().filter_map(new).collect()
    }

    /// So many bytes have come down.
    pub(crate) fn came_down(&self, bytes: u64) {
        for taken in self.taken.borrow_mut().values_mut() {
            taken.down = taken.down.saturating_add(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    struct Nobody;

    impl Flows for Nobody {
        fn decide(&self, _: u64) -> Option<Flow> {
            None
        }

        fn later(&self, _: u64, _: u64, _: Duration) -> Duration {
            Duration::ZERO
        }
    }

    fn pipe() -> (Pipe, DuplexStream) {
        let (client, ours) = duplex(64);
        (Pipe::new(0, Box::new(ours)), client)
    }

    fn hits(pipe: &Pipe, fault: usize, flow: Flow) -> bool {
        pipe.take(fault, flow, Arc::new(Nobody), 0)
    }

    #[tokio::test(start_paused = true)]
    async fn to_cut_what_nobody_uses_is_no_effect() {
        for flow in [Flow::Reset, Flow::HalfOpen] {
            assert!(hits(&pipe().0, 0, flow), "it has just come");
            let (idle, _client) = pipe();
            idle.due(Way::Up);
            idle.due(Way::Down);
            tokio::time::advance(IN_USE).await;
            assert!(!idle.in_use() && !hits(&idle, 0, flow));
            let (asking, _client) = pipe();
            asking.due(Way::Up);
            tokio::time::advance(IN_USE).await;
            assert!(hits(&asking, 0, flow), "its answer is still to come");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_that_keep_a_client_in_the_dark_the_last_lets_it_know() {
        let (pipe, mut client) = pipe();
        assert!(hits(&pipe, 0, Flow::HalfOpen) && hits(&pipe, 1, Flow::HalfOpen));
        pipe.free(0);
        client.write_all(b"still there").await.unwrap();
        pipe.free(1);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn only_the_limit_that_was_reached_has_cut() {
        let (pipe, _client) = pipe();
        assert!(!hits(&pipe, 0, Flow::Limit(3000)) && !hits(&pipe, 1, Flow::Limit(1000)));
        pipe.came_down(1000);
        assert_eq!(pipe.spent(), [1]);
        assert_eq!(pipe.spent(), [0; 0], "it is told once");
    }
}
