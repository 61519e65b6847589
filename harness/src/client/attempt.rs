//! One attempt from its beginning to its class: on a kept connection or a new one, in time or not.
//!
//! Invariant: `begun` is just before the first byte is written on a kept connection, or before
//! connecting; the timeout counts from there to the end of the whole answer, exactly in µs, even
//! where the runtime's timer wakes up to a millisecond later.
//! Not here: when it was due and what it waited for (`load`).

use super::classify::{self, NoConnection};
use super::connection::{Answer, Broken};
use crate::clock::Clock;
use assay_slo::{At, Outcome};
use hyper::HeaderMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use tokio::time::{Instant, timeout_at};

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
}

/// A connection that carries one request after another.
pub trait Transport: Sized {
    /// What it carries.
    type Request;

    /// Opens a connection.
    ///
    /// # Errors
    /// What the kernel said. There is no timeout but the kernel's.
    fn open(addr: SocketAddr) -> impl Future<Output = io::Result<Self>>;

    /// Whether it has carried a whole answer before.
    fn is_kept(&self) -> bool;

    /// Whether a request may be written now: open, and the peer has said nothing unasked.
    fn is_usable(&self) -> bool;

    /// Writes the request and reads the whole answer; none if that took until the deadline.
    ///
    /// # Errors
    /// See [`Broken`]; the connection must then be dropped, as it must without an answer. Dropping
    /// the future half-way leaves the connection unusable as well.
    fn send(
        &mut self,
        request: Self::Request,
        deadline: Instant,
    ) -> impl Future<Output = Option<Result<Answer, Broken<Self::Request>>>>;

    /// After an answer: whether the connection can carry another request.
    fn settles(&mut self) -> impl Future<Output = bool>;
}

/// How one attempt went.
#[derive(Debug)]
pub struct Exchange {
    /// When it began; none if this machine could not begin it.
    pub begun: Option<At>,
    /// When its end was known; for an answer, when its body had been read.
    pub done: At,
    /// Its class.
    pub outcome: Outcome,
    /// The status; 0 without a whole answer in time.
    pub status: u16,
    /// The headers; none without a whole answer in time.
    pub headers: Option<HeaderMap>,
    /// A kept connection ended after writing, before any byte of an answer.
    pub idle_reset: bool,
    /// The connection was refused.
    pub refused: bool,
    /// What the report must tell: a limit of this machine, a request that cannot be written.
    pub finding: Option<String>,
}

impl Exchange {
    /// One that ended without an answer.
    #[must_use]
    pub fn unanswered(begun: At, done: At, outcome: Outcome) -> Exchange {
        Exchange {
            begun: Some(begun),
            done,
            outcome,
            status: 0,
            headers: None,
            idle_reset: false,
            refused: false,
            finding: None,
        }
    }

    /// One that this machine never began.
    #[must_use]
    pub fn not_sent(done: At) -> Exchange {
        Exchange { begun: None, ..Exchange::unanswered(done, done, Outcome::NotSent) }
    }
}

/// Makes one attempt. `kept` is an idle connection to the same peer; found closed, or talking
/// unasked, before anything was written, it is replaced. `began` is told each beginning, the last
/// of which counts; never of what this machine could not begin. The connection comes back if it
/// can carry another request.
pub async fn attempt<T: Transport>(
    clock: &Clock,
    limits: &Limits,
    kept: Option<T>,
    request: T::Request,
    mut began: impl FnMut(At),
) -> (Exchange, Option<T>) {
    let mut request = request;
    if let Some(connection) = kept
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
    let connection: T = match connect(clock, limits, begun, || began(begun)).await {
        Ok(connection) => connection,
        Err(exchange) => return (exchange, None),
    };
    match send(clock, limits, begun, connection, request).await {
        Ok(ended) => ended,
        // A new connection that ended at once was an attempt: the peer accepted it.
        Err(_) => (Exchange::unanswered(begun, clock.now(), Outcome::ProtocolError), None),
    }
}

/// The end of one try on one connection, or the request back if nothing of it was written.
type Sent<T> = Result<(Exchange, Option<T>), Box<<T as Transport>::Request>>;

async fn send<T: Transport>(
    clock: &Clock,
    limits: &Limits,
    begun: At,
    mut connection: T,
    request: T::Request,
) -> Sent<T> {
    let kept = connection.is_kept();
    let deadline = clock.instant(At(begun.0.saturating_add(limits.timeout_us)));
    let end = connection.send(request, deadline).await;
    let done = clock.now();
    let exchange = match end {
        Some(Ok(answer)) if took(begun, done) <= limits.timeout_us => {
            let exchange = answered(begun, done, answer, limits);
            let connection = if connection.settles().await { Some(connection) } else { None };
            return Ok((exchange, connection));
        }
        Some(Ok(_)) | None => Exchange::unanswered(begun, done, Outcome::Timeout),
        Some(Err(Broken::Unsent(request))) => return Err(request),
        Some(Err(Broken::Unsendable(error))) => {
            let finding = Some(format!("a request could not be written: {error}"));
            Exchange { finding, ..Exchange::not_sent(done) }
        }
        Some(Err(Broken::Midway { answered, closed })) => {
            let exchange = Exchange::unanswered(begun, done, Outcome::ProtocolError);
            Exchange { idle_reset: kept && closed && !answered, ..exchange }
        }
    };
    Ok((exchange, None))
}

async fn connect<T: Transport>(
    clock: &Clock,
    limits: &Limits,
    begun: At,
    began: impl FnOnce(),
) -> Result<T, Exchange> {
    let mut open = pin!(T::open(limits.addr));
    // What this machine cannot begin, its kernel says at once.
    let first = poll_fn(|context| Poll::Ready(open.as_mut().poll(context))).await;
    if let Poll::Ready(Err(error)) = &first
        && let NoConnection::OurLimit(text) = classify::connect(error)
    {
        return Err(Exchange { finding: Some(text), ..Exchange::not_sent(clock.now()) });
    }
    began();
    let limit_us = limits.connect_timeout_us.min(limits.timeout_us);
    let opened = match first {
        Poll::Ready(opened) => Some(opened),
        Poll::Pending => within(clock, begun, limit_us, open).await,
    };
    let end = |outcome| Exchange::unanswered(begun, clock.now(), outcome);
    match opened {
        Some(Ok(connection)) => Ok(connection),
        Some(Err(error)) => {
            let refused = classify::connect(&error) == NoConnection::Refused;
            Err(Exchange { refused, ..end(Outcome::ConnectError) })
        }
        None if limits.connect_timeout_us < limits.timeout_us => Err(end(Outcome::ConnectError)),
        None => Err(end(Outcome::Timeout)),
    }
}

/// The future's output, or none when so long has passed since `begun`.
async fn within<T>(
    clock: &Clock,
    begun: At,
    limit_us: u64,
    future: impl Future<Output = T>,
) -> Option<T> {
    let deadline = At(begun.0.saturating_add(limit_us));
    timeout_at(clock.instant(deadline), future).await.ok()
}

fn took(begun: At, done: At) -> u64 {
    done.0.saturating_sub(begun.0)
}

fn answered(begun: At, done: At, answer: Answer, limits: &Limits) -> Exchange {
    let outcome = classify::answer(answer.status, &limits.check_status);
    let exchange = Exchange::unanswered(begun, done, outcome);
    Exchange { status: answer.status, headers: Some(answer.headers), ..exchange }
}

#[cfg(test)]
mod tests;
