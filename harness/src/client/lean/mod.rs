//! A lean HTTP/1.1 attempt for measured load: the request is one piece of memory, the answer is
//! parsed where it was read and thrown away, and nobody is awaited: whoever waits for many
//! connections at once asks each to go on when the kernel has news of it.
//!
//! Invariant: the same rules as `attempt`, which TLS and all else go through: nothing is sent
//! twice, a kept connection found closed before anything was written is replaced, and what is left
//! over after an answer makes the connection unusable.
//! Invariant: nothing blocks, and a call goes as far as the kernel lets it, so edges are enough; but of an
//! answer that comes faster than it is read only so much is read at once: see [`Wire::has_more`].
//! Not here: the grammar of answers (`answer`), what a request looks like (`written`), waiting for
//! the kernel, when to send (`load`).

mod answer;
mod chunked;
mod dial;
mod step;
mod written;

use super::attempt::{Ended, Exchange, Limits, ended, spoke_other};
use super::classify::{self, NoConnection};
use super::connection::Broken;
use super::partial::{Broke, Partial};
use super::socket::{State, state};
use crate::clock::Clock;
use answer::Reader;
use assay_slo::{At, Outcome};
use dial::{dial, unopened};
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use step::Step;
use tokio::time::Instant;
pub(crate) use written::Written;

/// Bytes of one read.
const READ: usize = 64 * 1024;

/// A connection that was known to be silent so long ago is not looked at before it is used: that
/// costs as much as a tenth of a request, and hardly ever would the kernel know more.
const FRESH_US: u64 = 100;

/// What is read into: one for all connections of a thread.
#[derive(Debug)]
pub(crate) struct Scratch(Box<[u8]>);

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch(vec![0; READ].into_boxed_slice())
    }
}

/// What is to be done, and by which rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) limits: &'a Limits,
    pub(crate) written: &'a Written,
    /// Which request it is, for its id.
    pub(crate) k: u64,
    pub(crate) warmup: bool,
}

/// A connection, open or being opened, and what is under way on it.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    opened: At,
    /// It is not there yet, and must be then.
    opens_by: Option<At>,
    /// The kernel has been asked for its news.
    watched: bool,
    /// There may be more to read than was read, of which the kernel gives no news.
    has_more: bool,
    /// The peer has ended its side.
    hung: bool,
    /// It has carried a whole answer before.
    kept: bool,
    /// Nothing is under way, nothing is left over, and the peer keeps it open.
    rests: bool,
    /// The peer said what nobody had asked for.
    talked: bool,
    /// When it was last known to be silent.
    silent: At,
    /// The request, and how much of it is written.
    request: Vec<u8>,
    written: usize,
    /// Writing failed; what the peer said before it closed may still be read.
    unwritable: bool,
    begun: At,
    deadline: At,
    /// So much later, because we were away while it was under way, µs.
    put_off_us: u64,
    /// When the answer's first byte came; none also after an interim answer alone.
    first: Option<Instant>,
    /// When anything came back first.
    heard: Option<Instant>,
    reader: Reader,
}

/// Begins an attempt on an idle connection, unless that is too old, closed or talking: see
/// [`super::attempt`]. `looked` is when the kernel was last asked for news of all connections.
/// Gives whether it has begun; if not, another connection is needed.
pub(crate) fn reuse(
    task: &Task<'_>,
    wire: &mut Wire,
    looked: At,
    began: &mut impl FnMut(At),
) -> bool {
    let begun = task.clock.now();
    let since = begun.0.saturating_sub(looked.max(wire.silent).0);
    if !wire.rests || !task.limits.ways.is_young(wire.opened, || begun) {
        return false;
    }
    if since >= FRESH_US && !wire.is_usable() {
        return false;
    }
    let begun = if since < FRESH_US { begun } else { task.clock.now() };
    began(begun);
    wire.begin(task, begun);
    // Nothing of it was written: it may go elsewhere.
    wire.write().is_ok() || wire.written > 0
}

/// Begins an attempt on a new connection.
///
/// # Errors
/// How it ended at once.
pub(crate) fn open(task: &Task<'_>, began: &mut impl FnMut(At)) -> Result<Wire, Box<Exchange>> {
    let Task { clock, limits, .. } = *task;
    let begun = clock.now();
    let (from, to) = limits.ways.next(limits.addr).map_err(|why| {
        Box::new(Exchange { finding: Some(why), ..Exchange::not_sent(clock.now()) })
    })?;
    match dial(from, to) {
        Ok(stream) => {
            began(begun);
            let limit_us = limits.connect_timeout_us.min(limits.timeout_us);
            let mut wire = Wire {
                stream,
                opened: begun,
                opens_by: Some(At(begun.0.saturating_add(limit_us))),
                watched: false,
                has_more: false,
                hung: false,
                kept: false,
                rests: true,
                talked: false,
                silent: begun,
                request: Vec::new(),
                written: 0,
                unwritable: false,
                begun,
                deadline: begun,
                put_off_us: 0,
                heard: None,
                first: None,
                reader: Reader::new(false, false),
            };
            wire.begin(task, begun);
            Ok(wire)
        }
        Err(error) => Err(Box::new(match classify::connect(&error) {
            // What this machine cannot begin, its kernel says at once.
            NoConnection::OurLimit(text) => {
                Exchange { finding: Some(text), ..Exchange::not_sent(clock.now()) }
            }
            _ => {
                began(begun);
                unopened(begun, clock.now(), &error)
            }
        })),
    }
}

/// Goes on with an attempt as far as it can and may; gives its end. `hung` says that the peer has ended
/// its side. A kept connection that turns out closed before anything was written is replaced, see
/// [`Wire::is_new`].
pub(crate) fn go_on(
    task: &Task<'_>,
    wire: &mut Wire,
    hung: bool,
    scratch: &mut Scratch,
    began: &mut impl FnMut(At),
) -> Option<Exchange> {
    let Task { clock, limits, .. } = *task;
    wire.hangs(hung);
    if wire.opens_by.is_some() {
        match wire.is_there() {
            Ok(false) => return None,
            Ok(true) => wire.opens_by = None,
            Err(error) => return Some(unopened(wire.begun, clock.now(), &error)),
        }
    }
    let end = match wire.step(scratch, &limits.keep) {
        Step::Pending => return None,
        Step::Whole(answer) => {
            wire.silent = clock.stamp(answer.last);
            wire.rests &= !wire.hung;
            Ok(answer)
        }
        Step::Unsent if wire.kept => {
            return match open(task, began) {
                Ok(new) => {
                    *wire = new;
                    None
                }
                Err(exchange) => Some(*exchange),
            };
        }
        // A new connection that ended at once was an attempt: the peer accepted it.
        Step::Unsent => Err(Broken::Midway { answered: false, broke: Broke::Ended, partial: None }),
        Step::Midway(broke) => {
            let partial = Some(Partial::raw(broke, wire.reader.came()));
            Err(Broken::Midway { answered: wire.heard.is_some(), broke, partial })
        }
    };
    let known = Ended { clock, limits, begun: wire.begun, kept: wire.kept, turned_away: None };
    // Only what is `Unsent` gives a request back.
    let mut exchange = ended::<()>(known, end).ok()?;
    // What was read last lies there still, though nobody keeps it.
    if wire.heard.is_some() && exchange.outcome == Outcome::ProtocolError {
        exchange.finding = spoke_other(limits, &scratch.0);
    }
    wire.kept = true;
    wire.rests &= exchange.headers.is_some();
    Some(exchange)
}

/// Ends an attempt whose deadline has come.
pub(crate) fn give_up(clock: &Clock, limits: &Limits, wire: &mut Wire) -> Exchange {
    let now = clock.now();
    match wire.opens_by {
        Some(_) => limits.too_slow(wire.begun, now),
        None => {
            let partial = Some(Partial::raw(Broke::TooLate, wire.reader.came()));
            Exchange { partial, ..Exchange::unanswered(wire.begun, now, Outcome::Timeout) }
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Wire {
    /// When the attempt is given up.
    pub(crate) fn deadline(&self) -> At {
        let deadline = self.opens_by.map_or(self.deadline, |by| by.min(self.deadline));
        At(deadline.0.saturating_add(self.put_off_us))
    }

    /// Gives the attempt the time that we were away meanwhile.
    pub(crate) fn put_off(&mut self, away_us: u64) {
        self.put_off_us = away_us;
    }

    /// Whether nobody has asked yet: then the kernel must be told that its news are wanted.
    pub(crate) fn is_new(&mut self) -> bool {
        !std::mem::replace(&mut self.watched, true)
    }

    /// Whether an attempt that is under way must be gone on with although the kernel has no news of it:
    /// there was more to read than one call reads.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Whether the peer is known to have ended its side, once it is.
    pub(crate) fn hangs(&mut self, hung: bool) {
        self.hung |= hung;
    }

    /// Whether it can carry another request, as far as is known.
    pub(crate) fn rests(&self) -> bool {
        self.rests
    }

    /// It carries no other request: the peer was heard to close it, or to talk unasked.
    pub(crate) fn retire(&mut self) {
        self.rests = false;
    }

    /// Whether it is open and the peer has said nothing unasked.
    pub(crate) fn is_usable(&mut self) -> bool {
        self.rests && {
            let state = state(&self.stream);
            self.talked |= state == State::Talking;
            state == State::Quiet
        }
    }

    /// Whether it is no longer being opened.
    pub(crate) fn is_open(&self) -> bool {
        self.opens_by.is_none()
    }

    /// Whether its peer said what nobody had asked for.
    pub(crate) fn has_talked(&self) -> bool {
        self.talked
    }

    /// Puts the request in its place.
    fn begin(&mut self, task: &Task<'_>, begun: At) {
        let Task { limits, written, k, warmup, .. } = *task;
        written.write(k, warmup, &mut self.request);
        self.written = 0;
        self.unwritable = false;
        // Until the whole answer is there.
        self.rests = false;
        self.begun = begun;
        self.deadline = At(begun.0.saturating_add(limits.timeout_us));
        self.put_off_us = 0;
        self.heard = None;
        self.first = None;
        self.reader = Reader::new(written.is_head, written.wants_headers);
    }

    /// Whether a connection that was being opened is open now.
    fn is_there(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            // Where nobody listens on a port of the ephemeral range, the kernel may pick that very
            // port for us, and we would talk to ourselves.
            Ok(peer) if self.stream.local_addr()? == peer => Err(Errno::CONNREFUSED.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }
}
