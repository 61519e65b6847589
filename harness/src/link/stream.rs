//! What faults do to connections of a protocol that nobody looks into: TCP links.
//!
//! A connection of a client and the one to the upstream that belongs to it are a pipe, with a lane of
//! bytes each way. A fault decides once for each pipe, when it comes or when the fault does.
//!
//! Invariant: bytes leave a lane in the order in which they came, each once, whatever faults come
//! and go; only a pipe that is cut loses any.
//! Invariant: nothing is ever said to a client that its upstream did not say.
//! Not here: lanes (`lane`), accepting and dialling (`serve`), who a fault takes (module `fault`).

mod ends;
mod lane;
mod pipe;
mod serve;

pub(crate) use pipe::Pipe;
pub(crate) use serve::serve;

use std::time::Duration;

/// What a fault does to a pipe that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Bytes of one way come later, by what [`Flows::later`] says of each piece.
    Later(Way),
    /// So many bytes a second, each way.
    Pace(u64),
    /// Nothing passes this way; none: neither way.
    Hold(Option<Way>),
    /// Both connections are reset.
    Reset,
    /// The upstream's connection is reset, and the client does not learn of it before the fault is
    /// over: then its own is reset.
    HalfOpen,
    /// Both are reset once so many bytes have come down since the fault began.
    Limit(u64),
}

/// The way of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From the client to the upstream.
    Up,
    /// Back.
    Down,
}

/// A fault of pipes.
pub trait Flows: Send + Sync {
    /// What it does to the pipe that is the `nth` since it began; none: nothing.
    fn decide(&self, nth: u64) -> Option<Flow>;

    /// By how much a piece of a pipe that it takes is later: the `piece`th, that came so long after
    /// the fault began.
    fn later(&self, nth: u64, piece: u64, on: Duration) -> Duration;
}
