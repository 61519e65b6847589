//! A pipe: a client's connection and the upstream's, and what the faults that are on do to it.
//!
//! Invariant: a fault that takes it is counted once, when it first does something.
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
            pieces: Cell::new(0),
            severed: Cell::new(false),
            reset: Cell::new(false),
            ended: Cell::new(0),
        }
    }

    /// This fault takes it. True if that does something at once.
    pub(crate) fn take(&self, fault: usize, flow: Flow, rules: Arc<dyn Flows>, nth: u64) -> bool {
        let at_once = match flow {
            Flow::Reset => {
                self.cut();
                true
            }
            Flow::HalfOpen => {
                self.severed.set(true);
                self.upstream.cut();
                true
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
        if taken.is_some_and(|taken| taken.flow == Flow::HalfOpen) {
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
        let mut taken = self.taken.borrow_mut();
        let new = |(fault, taken): (&usize, &mut Taken)| {
            (does(taken.flow) && !std::mem::replace(&mut taken.told, true)).then_some(*fault)
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
