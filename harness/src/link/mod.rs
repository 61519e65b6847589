//! Links: named proxies between two parties, on which network faults act; of HTTP/1.1 they read the
//! requests, of any other protocol nothing (`stream`).
//!
//! Invariant: a fault decides, the link obeys: a [`Fault`] rules on a request's head, rulings
//! combine to one [`Fate`], and the relay carries it out. Removing a fault loses no byte that
//! was already read.
//! Invariant: a link without faults changes nothing but the time of arrival, and never answers
//! in the service's place.
//! Not here: what the faults of a scenario are (`fault`), when they come and go (`run`).
//!
//! ```text
//! control -> proxy -> relay -> body
//!              |        |
//!            board -> passage -> seen -> fate        listener, conn, party, counts, pace: leaves
//!            watch ----^                           stream: for all that is no HTTP; seal: TLS upstream
//!                                                  tunnel: after a switch of protocols; unread: words
//!                                                  last_words: a far end that no longer listens;
//!                                                  framing: what hyper does not write
//! ```

mod answering;
mod board;
mod body;
mod conn;
mod control;
mod counts;
mod early;
mod fate;
mod framing;
mod glob;
mod last_words;
mod listener;
mod pace;
mod party;
mod passage;
mod proxy;
mod relay;
mod seal;
mod seen;
mod spares;
mod stream;
pub mod stub;
#[cfg(test)]
mod tests;
mod tunnel;
mod unread;
mod watch;

pub use answering::answer_each;
pub use board::Action;
pub use control::{Applied, Cleared, Links};
pub use counts::Counts;
pub use fate::{Answer, Back, Ending, Fate, Tail};
pub use glob::Glob;
pub use seen::{DrawnBy, Fault, REQUEST_ID, Reach, Ruling, Seen};
pub use stream::{Flow, Flows, Way};

use assay_slo::At;
use assay_slo::event::Attempt;
use std::net::SocketAddr;

/// What a link tells unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// A fault affected its first request; for refusing, its first connection.
    FirstAffected {
        /// Its index.
        fault: usize,
        /// When.
        at: At,
    },
    /// The upstream's answer to the first request began that came after a fault's end and that
    /// the fault would have been about.
    FirstUnaffected {
        /// Its index.
        fault: usize,
        /// When.
        at: At,
    },
    /// How many request heads arrived at a watched link in one second. Each second of the watch
    /// is told once, soon after its end, also with none.
    Arrivals {
        /// The link.
        link: String,
        /// The second, from time 0.
        second: i64,
        /// How many.
        n: u64,
    },
    /// Single requests that arrived at a watched link, about once a second. `begun` is when the
    /// head had come; `done` when the answer was passed on (of a good one its head, by which some
    /// callers already know that it is good), the connection was reset, or the client had gone. The outcome goes by what the client was given: a reset is
    /// [`assay_slo::Outcome::ProtocolError`], a client that left before the end of its answer is
    /// [`assay_slo::Outcome::Timeout`], a request still open when the watch ended is
    /// [`assay_slo::Outcome::Cut`].
    Attempts {
        /// The link.
        link: String,
        /// In the order of their ends.
        list: Vec<Attempt>,
        /// How many more ended, beyond what a run tells: 1 000 000 of all its links.
        left_out: u64,
    },
}

/// Why an order to a link failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Somebody else has the port.
    #[error(
        "link `{name}` cannot listen on {addr}: the port is taken; end who has it, or name \
         another address in `links.{name}.listen`"
    )]
    PortTaken {
        /// The link.
        name: String,
        /// What it was to listen on.
        addr: SocketAddr,
    },
    /// It cannot listen for another reason.
    #[error("link `{name}` cannot listen on {addr}: {source}; see `links.{name}.listen`")]
    Bind {
        /// The link.
        name: String,
        /// What it was to listen on.
        addr: SocketAddr,
        /// The reason.
        source: std::io::Error,
    },
    /// The name was used already.
    #[error("link `{name}` is bound already")]
    AlreadyBound {
        /// The link.
        name: String,
    },
    /// There is no such link.
    #[error("there is no link `{name}`")]
    NoSuchLink {
        /// The name.
        name: String,
    },
    /// The fault is on already.
    #[error("fault number {fault} is on already")]
    AlreadyOn {
        /// Its index.
        fault: usize,
    },
    /// The link is watched already.
    #[error("link `{name}` is watched already")]
    AlreadyWatched {
        /// The name.
        name: String,
    },
    /// The fault is not on.
    #[error("fault number {fault} is not on")]
    NotOn {
        /// Its index.
        fault: usize,
    },
    /// It was to refuse connects.
    #[error("link `{name}` does not refuse connections: {why}")]
    StillAccepts {
        /// The link.
        name: String,
        /// What was seen.
        why: String,
    },
    /// It was to accept again.
    #[error("link `{name}` does not accept connections again: {why}")]
    StillRefuses {
        /// The link.
        name: String,
        /// What was seen.
        why: String,
    },
    /// It was to speak TLS.
    #[error("link `{name}` cannot speak TLS to its far end: {source}")]
    NoSeal {
        /// The link.
        name: String,
        /// What was seen.
        source: crate::client::TlsError,
    },
    /// The links' thread has ended.
    #[error("the links have stopped")]
    Gone,
}
