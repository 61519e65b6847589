//! Bytes of a pipe on their way: read, kept until they are due, passed on.
//!
//! Invariant: at most [`MOST`] bytes wait in a lane, then nothing more is read: whoever writes feels
//! it as it would feel a slow peer.
//! Invariant: an end of file or a reset passes after all bytes before it. A peer that no longer reads
//! ends its own lane only: what came from it before still passes the other way.
//! Not here: what faults ask for (`pipe`).

use super::ends::End;
use super::pipe::Pipe;
use super::{Flow, Way};
use crate::link::pace::Pacer;
use crate::link::proxy::Proxy;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use tokio::time::Instant;

/// Bytes that may wait.
const MOST: usize = 256 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// What waits in a lane.
#[derive(Default)]
struct Waiting {
    pieces: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// Nothing more comes.
    ended: bool,
    /// Nothing more comes, because the peer has reset it.
    reset: bool,
}

/// What happens next.
enum Next {
    /// The faults are other ones now, or the first piece is due.
    Look,
    Read(io::Result<usize>),
    /// The pace allows this.
    Piece(Bytes),
    /// So many bytes were passed on.
    Passed(io::Result<usize>),
    /// The end was passed on.
    Finished,
}

/// Moves bytes one way until there can be no more, or the pipe is cut.
pub(crate) async fn run(proxy: &Proxy, pipe: &Pipe, way: Way) {
    let (from, to) = match way {
        Way::Up => (&pipe.client, &pipe.upstream),
        Way::Down => (&pipe.upstream, &pipe.client),
    };
    let mut waiting = Waiting::default();
    let mut pacer = Pacer::default();
    // What the pace has let go, on its way out.
    let mut out = Bytes::new();
    let mut room = BytesMut::zeroed(PIECE);
    loop {
        let severed = pipe.is_severed();
        if pipe.client.is_gone() || (!severed && pipe.upstream.is_gone()) {
            return;
        }
        // Of a pipe whose client is kept in the dark nothing passes, and what it says is lost.
        if severed {
            match way {
                Way::Down => pipe.changed.notified().await,
                Way::Up => swallow(proxy, pipe, &mut room).await,
            }
            continue;
        }
        let rules = pipe.rules(way);
        if rules.left == Some(0) {
            proxy.affects(&pipe.spent());
            return pipe.cut();
        }
        if out.is_empty()
            && pacer.left() == 0
            && waiting.pieces.front().is_some_and(|(due, _)| *due <= Instant::now())
            && let Some((_, bytes)) = waiting.pieces.pop_front()
        {
            pacer.put(bytes);
        }
        let ready = pacer.left() > 0 || !out.is_empty();
        let all_passed = !ready && waiting.pieces.is_empty();
        if rules.held {
            // Time that passes now is not made up for.
            pacer.pause();
            if !all_passed || waiting.ended {
                let holds =
                    |flow| matches!(flow, Flow::Hold(held) if held.is_none_or(|h| h == way));
                proxy.affects(&pipe.newly(holds));
            }
        }
        let due = waiting.pieces.front().map(|(due, _)| *due).filter(|_| !ready && !rules.held);
        let reads = !waiting.ended && waiting.bytes < MOST;
        let writes = !out.is_empty() && !rules.held;
        let paces = out.is_empty() && pacer.left() > 0 && !rules.held;
        let ends = waiting.ended && all_passed && !rules.held;
        let most = rules.left.map_or(PIECE, |left| usize::try_from(left).unwrap_or(PIECE));
        // The slowest of several is the one that holds.
        let holds = |flow| matches!(flow, Flow::Pace(pace) if rules.pace == Some(pace));
        let waits = || proxy.affects(&pipe.newly(holds));
        let mut piece = poll_fn(|cx| pacer.poll_piece(cx, rules.pace, most, waits));
        // Whatever is not chosen has done nothing: no byte is lost.
        let next = tokio::select! {
            biased;
            () = pipe.changed.notified() => Next::Look,
            written = to.write(&out), if writes => Next::Passed(written),
            piece = &mut piece, if paces => Next::Piece(piece),
            read = from.read(&mut room), if reads => Next::Read(read),
            () = wait(due), if due.is_some() => Next::Look,
            _ = to.finish(), if ends && !waiting.reset => Next::Finished,
            () = std::future::ready(()), if ends && waiting.reset => Next::Finished,
        };
        match next {
            Next::Look => {}
            Next::Read(Ok(0)) => waiting.ended = true,
            Next::Read(Ok(read)) => {
                proxy.counters().came();
                let (due, newly) = pipe.due(way);
                proxy.affects(&newly);
                // A delay may shrink, but nothing overtakes.
                let last = waiting.pieces.back().map_or(due, |(last, _)| *last);
                let piece = Bytes::copy_from_slice(room.get(..read).unwrap_or_default());
                waiting.bytes += piece.len();
                waiting.pieces.push_back((due.max(last), piece));
            }
            Next::Piece(piece) => out = piece,
            Next::Passed(Ok(passed @ 1..)) => {
                let _ = out.split_to(passed);
                waiting.bytes = waiting.bytes.saturating_sub(passed);
                if way == Way::Down {
                    pipe.came_down(passed as u64);
                    proxy.flowed();
                }
            }
            // Severed just now: the next round sees it.
            Next::Read(Err(_)) | Next::Passed(_) if pipe.is_severed() => {}
            Next::Read(Err(_)) => (waiting.ended, waiting.reset) = (true, true),
            Next::Passed(lost) => {
                // A peer that had closed before gives a broken pipe: its other lane ends in peace.
                if lost.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
                    pipe.is_reset();
                }
                pipe.lane_ends();
                return unheard(pipe, from, &mut room).await;
            }
            Next::Finished if waiting.reset || pipe.was_reset() => return pipe.cut(),
            Next::Finished => return pipe.lane_ends(),
        }
    }
}

/// Takes what a peer says that nobody hears any more, until the other lane has passed on what waits.
async fn unheard(pipe: &Pipe, from: &End, room: &mut [u8]) {
    let mut says = true;
    while !pipe.client.is_gone() {
        let ended = pipe.has_ended();
        tokio::select! {
            biased;
            () = pipe.changed.notified(), if !ended => {}
            read = from.read(room), if says => match read {
                Ok(1..) => {}
                Ok(0) if !pipe.is_severed() => says = false,
                _ => return pipe.cut(),
            },
            // Closed with nothing unread: what the other lane has passed on is still sent.
            () = std::future::ready(()), if ended => return,
        }
    }
}

/// Takes what a client says that is kept in the dark, until it leaves or learns of it.
async fn swallow(proxy: &Proxy, pipe: &Pipe, room: &mut [u8]) {
    tokio::select! {
        () = pipe.changed.notified() => {}
        read = pipe.client.read(room) => {
            match read {
                Ok(1..) => {
                    proxy.counters().came();
                    // One that was idle when it was severed learns of it now.
                    proxy.affects(&pipe.newly(|flow| flow == Flow::HalfOpen));
                }
                _ => pipe.cut(),
            }
        }
    }
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
