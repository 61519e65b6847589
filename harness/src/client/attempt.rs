//! One attempt from its beginning to its class: on a kept connection or a new one, in time or not.
//!
//! Invariant: `begun` is just before the first byte is written on a kept connection, or before
//! connecting; the timeout counts from there to the end of the whole answer, exactly in µs, even
//! where the runtime's timer wakes up to a millisecond later.
//! Not here: when it was due and what it waited for (`load`).

use super::classify::{self, NoConnection};
use super::connection::{Answer, Broken, Connection, dial};
use super::kept::{Claim, Keep};
use super::multiplex::Trunk;
use super::partial::{Broke, Partial};
use super::patience::until;
use super::payload::Payload;
use super::tls::Tls;
use super::ways::Ways;
use crate::clock::Clock;
use assay_slo::{At, Outcome};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Request};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::net::TcpStream;

/// Where attempts go, and how long they may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The peer.
    pub addr: SocketAddr,
    /// To connect, µs.
    pub connect_timeout_us: u64,
    /// From begun to the whole answer, µs.
    pub timeout_us: u64,
    /// Accepted statuses, inclusive ranges; empty: 2xx and 3xx.
    pub check_status: Vec<(u16, u16)>,
    /// How much of an answer's body is kept.
    pub keep: Keep,
    /// How TLS is spoken there; none: it is not.
    pub tls: Option<Tls>,
    /// HTTP/2: the connections that requests share. None: HTTP/1.1, each on its own.
    pub trunk: Option<Arc<Trunk>>,
    /// Between which addresses, and for how long.
    pub ways: Ways,
}

impl Limits {
    /// An attempt that got no connection in time.
    pub(super) fn too_slow(&self, begun: At, done: At) -> Exchange {
        let ours = self.connect_timeout_us < self.timeout_us;
        let outcome = if ours { Outcome::ConnectError } else { Outcome::Timeout };
        Exchange::unanswered(begun, done, outcome)
    }

    /// Why the peer did not let us in, if TLS said so after its handshake.
    pub(super) fn turned_away(&self, ended: Option<&rustls::Error>) -> Option<String> {
        self.tls.as_ref()?.turned_away(ended?)
    }
}

/// How one attempt went.
#[derive(Debug)]
pub struct Exchange {
    /// When it began; none if this machine could not begin it.
    pub begun: Option<At>,
    /// When the first byte of its answer came (with HTTP/2, its head); none without a whole answer
    /// in time.
    pub first_byte: Option<At>,
    /// When its end was known; for an answer, when its body had been read.
    pub done: At,
    /// Its class.
    pub outcome: Outcome,
    /// The status; 0 without a whole answer in time.
    pub status: u16,
    /// The headers; none without a whole answer in time.
    pub headers: Option<HeaderMap>,
    /// The `Set-Cookie` of the answers before it in a chain of redirects, in their order.
    pub set_before: Vec<HeaderValue>,
    /// The `Cookie` of each request that was sent for it, in their order, where a jar wrote them.
    pub cookies: Vec<Option<HeaderValue>>,
    /// The body; empty without a whole answer in time.
    pub body: Payload,
    /// What came of an answer that is not whole, where that is known.
    pub partial: Option<Box<Partial>>,
    /// A whole answer came, after its timeout.
    pub answered_late: bool,
    /// A kept connection ended after writing, before any byte of an answer.
    pub idle_reset: bool,
    /// The connection was refused.
    pub refused: bool,
    /// What the report must tell: a limit of this machine, a request that cannot be written.
    pub finding: Option<String>,
    /// A place among the failures that are kept, held for it from its answer's head on.
    pub claim: Option<Claim>,
}

impl Exchange {
    /// One that ended without an answer.
    #[must_use]
    pub fn unanswered(begun: At, done: At, outcome: Outcome) -> Exchange {
        Exchange {
            begun: Some(begun),
            first_byte: None,
            done,
            outcome,
            status: 0,
            headers: None,
            set_before: Vec::new(),
            cookies: Vec::new(),
            body: Payload::default(),
            partial: None,
            answered_late: false,
            idle_reset: false,
            refused: false,
            finding: None,
            claim: None,
        }
    }

    /// One that this machine never began.
    #[must_use]
    pub fn not_sent(done: At) -> Exchange {
        Exchange { begun: None, ..Exchange::unanswered(done, done, Outcome::NotSent) }
    }

    /// It was under way while we were away for so long, µs: an answer that was late only by that may
    /// have waited for us. Whether it came in time is unknown.
    pub(crate) fn excuse(&mut self, timeout_us: u64, away_us: u64) {
        let took = self.begun.map_or(0, |begun| took(begun, self.done));
        if self.answered_late && took.saturating_sub(away_us) <= timeout_us {
            self.outcome = Outcome::Cut;
        }
    }
}

/// Makes one attempt. `kept` is an idle connection to the same peer; found closed, or talking
/// unasked, or too old, before anything was written, it is replaced. `began` is told each beginning, the last
/// of which counts; never of what this machine could not begin. The connection comes back if it
/// can carry another request.
pub async fn attempt(
    clock: &Clock,
    limits: &Limits,
    kept: Option<Connection>,
    request: Request<Full<Bytes>>,
    mut began: impl FnMut(At),
) -> (Exchange, Option<Connection>) {
    let mut request = request;
    if let Some(mut connection) = kept
        && limits.ways.is_young(connection.opened(), || clock.now())
        && connection.is_usable()
    {
        let begun = clock.now();
        began(begun);
        match send(clock, limits, begun, connection, request).await {
            Ok(ended) => return ended,
            Err(back) => request = *back,
        }
    }
    let begun = clock.now();
    let over = |stream| Connection::over(stream, limits.tls.as_ref(), begun);
    let connection = match connect(clock, limits, begun, || began(begun), over).await {
        Ok(connection) => connection.counted(&limits.ways.unasked),
        Err(exchange) => return (exchange, None),
    };
    match send(clock, limits, begun, connection, request).await {
        Ok(ended) => ended,
        // A new connection that ended at once was an attempt: the peer accepted it.
        Err(_) => (Exchange::unanswered(begun, clock.now(), Outcome::ProtocolError), None),
    }
}

async fn send(
    clock: &Clock,
    limits: &Limits,
    begun: At,
    mut connection: Connection,
    request: Request<Full<Bytes>>,
) -> Result<(Exchange, Option<Connection>), Box<Request<Full<Bytes>>>> {
    let kept = connection.is_kept();
    let deadline = clock.instant(At(begun.0.saturating_add(limits.timeout_us)));
    let end = connection.send(request, &limits.keep, deadline).await;
    let in_vain = || limits.tls.as_ref()?.in_vain();
    let turned_away = match &end {
        Ok(_) => None,
        Err(_) => limits.turned_away(connection.tls_error()).or_else(in_vain),
    };
    if let (Ok(_), Some(tls)) = (&end, &limits.tls) {
        tls.let_in();
    }
    let exchange = ended(Ended { clock, limits, begun, kept, turned_away }, end)?;
    let is_whole = exchange.headers.is_some();
    let back = if is_whole && connection.settles().await { Some(connection) } else { None };
    Ok((exchange, back))
}

/// One attempt on hyper: HTTP/2 where the limits want it, which keeps its connections itself, else
/// HTTP/1.1.
pub async fn attempt_on_hyper(
    clock: &Clock,
    limits: &Limits,
    kept: Option<Connection>,
    request: Request<Full<Bytes>>,
    mut began: impl FnMut(At),
) -> (Exchange, Option<Connection>) {
    match &limits.trunk {
        Some(trunk) => (trunk.attempt(clock, limits, request, &mut began).await, None),
        None => attempt(clock, limits, kept, request, began).await,
    }
}

/// What is known of an attempt besides its end.
pub(super) struct Ended<'a> {
    pub(super) clock: &'a Clock,
    pub(super) limits: &'a Limits,
    pub(super) begun: At,
    /// The connection had carried a whole answer before.
    pub(super) kept: bool,
    /// What TLS said, if that means that the peer did not let us in.
    pub(super) turned_away: Option<String>,
}

/// The class of an end. The request comes back if nothing of it was written.
pub(super) fn ended<R>(
    known: Ended<'_>,
    end: Result<Answer, Broken<R>>,
) -> Result<Exchange, Box<R>> {
    let Ended { clock, limits, begun, kept, turned_away } = known;
    let done = match &end {
        Ok(answer) => clock.stamp(answer.last),
        Err(_) => clock.now(),
    };
    Ok(match end {
        Ok(answer) if took(begun, done) <= limits.timeout_us => {
            let first_byte = Some(clock.stamp(answer.first));
            Exchange { first_byte, ..answered(begun, done, answer, limits) }
        }
        Ok(_) => {
            Exchange { answered_late: true, ..Exchange::unanswered(begun, done, Outcome::Timeout) }
        }
        Err(Broken::Midway { broke: Broke::TooLate, partial, .. }) => {
            Exchange { partial, ..Exchange::unanswered(begun, done, Outcome::Timeout) }
        }
        // Nothing of the request was read: the peer did not let us in.
        Err(Broken::Unsent(_) | Broken::Midway { answered: false, .. })
            if !kept && turned_away.is_some() =>
        {
            let exchange = Exchange::unanswered(begun, done, Outcome::ConnectError);
            Exchange { finding: turned_away, ..exchange }
        }
        Err(Broken::Unsent(request)) => return Err(request),
        Err(Broken::Unsendable(error)) => {
            let finding = Some(format!("a request could not be written: {error}"));
            Exchange { finding, ..Exchange::not_sent(done) }
        }
        Err(Broken::Midway { answered, broke, partial }) => {
            let exchange = Exchange::unanswered(begun, done, Outcome::ProtocolError);
            let closed = broke == Broke::Ended;
            let came = partial.as_ref().map(|partial| partial.came.kept.as_slice());
            let finding = came.and_then(|came| spoke_other(limits, came));
            Exchange { idle_reset: kept && closed && !answered, partial, finding, ..exchange }
        }
    })
}

/// What is to be said if HTTP/1.1 was answered with a TLS alert (RFC 8446 5.1, B.1), or with the
/// settings that HTTP/2 begins with (RFC 9113 3.4).
pub(super) fn spoke_other(limits: &Limits, came: &[u8]) -> Option<String> {
    let addr = limits.addr;
    match came {
        _ if limits.trunk.is_some() => None,
        [0x15, 0x03, ..] if limits.tls.is_none() => {
            Some(format!("{addr} speaks TLS on this port: write https:// for it"))
        }
        [0, _, _, 4, 0, 0, 0, 0, 0, ..] => Some(format!(
            "{addr} speaks HTTP/2 on this port: write `client: {{protocol: http2}}` for its load \
             (`--http2` of `assay load`)"
        )),
        _ => None,
    }
}

/// Reaches the peer, and makes a connection of it.
pub(super) async fn connect<C, F: Future<Output = io::Result<C>>>(
    clock: &Clock,
    limits: &Limits,
    begun: At,
    began: impl FnOnce(),
    over: impl FnOnce(TcpStream) -> F,
) -> Result<C, Exchange> {
    let (from, to) = limits
        .ways
        .next(limits.addr)
        .map_err(|why| Exchange { finding: Some(why), ..Exchange::not_sent(clock.now()) })?;
    let mut dial = pin!(dial(from, to));
    // What this machine cannot begin, its kernel says at once.
    let first = poll_fn(|context| Poll::Ready(dial.as_mut().poll(context))).await;
    if let Poll::Ready(Err(error)) = &first
        && let NoConnection::OurLimit(text) = classify::connect(error)
    {
        return Err(Exchange { finding: Some(text), ..Exchange::not_sent(clock.now()) });
    }
    began();
    let limit_us = limits.connect_timeout_us.min(limits.timeout_us);
    let dialled = match first {
        Poll::Ready(dialled) => Some(dialled),
        Poll::Pending => within(clock, begun, limit_us, dial).await,
    };
    let (opened, greeting) = match dialled {
        Some(Ok(stream)) => {
            (within(clock, begun, limit_us, over(stream)).await, limits.tls.as_ref())
        }
        Some(Err(error)) => (Some(Err(error)), None),
        None => (None, None),
    };
    match opened {
        Some(Ok(connection)) => Ok(connection),
        Some(Err(error)) => {
            let why = classify::connect(&error);
            let refused = why == NoConnection::Refused;
            let finding = if let NoConnection::NoTls(text) = why { Some(text) } else { None };
            let exchange = Exchange::unanswered(begun, clock.now(), Outcome::ConnectError);
            Err(Exchange { refused, finding, ..exchange })
        }
        None => {
            let finding = greeting.map(Tls::slow);
            Err(Exchange { finding, ..limits.too_slow(begun, clock.now()) })
        }
    }
}

/// The future's output, or none when so long has passed since `begun`.
pub(super) async fn within<T>(
    clock: &Clock,
    begun: At,
    limit_us: u64,
    future: impl Future<Output = T>,
) -> Option<T> {
    let deadline = At(begun.0.saturating_add(limit_us));
    until(clock.instant(deadline), future).await
}

fn took(begun: At, done: At) -> u64 {
    done.0.saturating_sub(begun.0)
}

fn answered(begun: At, done: At, answer: Answer, limits: &Limits) -> Exchange {
    let outcome = classify::answer(answer.status, &limits.check_status);
    let exchange = Exchange::unanswered(begun, done, outcome);
    let Answer { status, headers, body, claim, .. } = answer;
    Exchange { status, headers: Some(headers), body, claim, ..exchange }
}

#[cfg(test)]
mod tests;
