//! HTTP/2: connections that carry several requests at once.
//!
//! Invariant: every attempt is one stream, made once and counted once, whatever ends it (GOAWAY,
//! RST_STREAM, the end of the connection). Only a request of which nothing was written, because
//! a kept connection was found closed, is written on another.
//! Invariant: a connection on which a request timed out gets no new ones: it may be dead.
//! Invariant: a connection that is being opened is waited for by all who have a place on it; if it
//! cannot be opened each of them tries by itself.
//! Not here: classes of outcomes (`attempt`, `classify`), TLS (`tls`).

mod frames;

use super::attempt::{Ended, Exchange, Limits, connect, ended, within};
use super::connection::{Answer, Broken};
use super::kept::Keep;
use super::partial::{Broke, MOST_HEAD, Partial};
use super::patience::{extended, until};
use super::payload::Payload;
use super::shown::MOST_SHOWN;
use super::socket::{Socket, State};
use super::tls::{Io, Tls};
use crate::clock::Clock;
use assay_slo::{At, Outcome};
use bytes::Bytes;
use frames::{address, broken, is_frame, late};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Body;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

/// The connections to one peer, as many as are needed.
#[derive(Debug)]
pub struct Trunk {
    lines: Mutex<Vec<Arc<Line>>>,
    most: usize,
    streams: usize,
    /// How many streams peers were last seen to allow: as many are expected of the next connection.
    seen: AtomicUsize,
}

/// One connection, from the moment it is wanted.
#[derive(Debug, Default)]
struct Line {
    channel: OnceCell<Channel>,
    busy: AtomicUsize,
    retired: AtomicBool,
}

/// An open connection, driven by a task of its own: no single request may hold the others up.
#[derive(Debug)]
struct Channel {
    sender: SendRequest<Full<Bytes>>,
    socket: Arc<Socket>,
    opened: At,
    /// How many streams the peer allows.
    allowed: Arc<AtomicUsize>,
    answers: AtomicU64,
    /// Whether the peer was heard to speak HTTP/2 before any answer.
    spoken: AtomicBool,
}

/// A request's place on a connection.
#[derive(Debug)]
struct Seat(Arc<Line>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Trunk {
    /// At most so many connections, each with at most so many requests at once, and not more than
    /// the peer allows.
    #[must_use]
    pub fn new(most: usize, streams: usize) -> Trunk {
        Trunk { lines: Mutex::default(), most, streams, seen: AtomicUsize::new(streams) }
    }

    /// How many requests may be under way at once, as far as the peers have said: more would wait
    /// inside a connection, where nobody sees it. On a connection that has no new ones those that are
    /// left are no others' places.
    #[must_use]
    pub fn places(&self, limits: &Limits, now: At) -> usize {
        let (mut alive, mut places) = (0_usize, 0_usize);
        for line in self.lines().iter() {
            let is_alive = line.is_alive(limits, now);
            alive += usize::from(is_alive);
            places += if is_alive { self.room(line) } else { line.busy() };
        }
        let others = self.most.max(1).saturating_sub(alive);
        places.saturating_add(others.saturating_mul(self.expected()))
    }

    /// How many requests a connection may carry whose peer has not said it yet.
    fn expected(&self) -> usize {
        self.streams.min(self.seen.load(Ordering::Relaxed).max(1))
    }

    /// How many requests a connection may carry.
    fn room(&self, line: &Line) -> usize {
        let Some(channel) = line.channel.get() else { return self.expected() };
        let allowed = channel.allowed.load(Ordering::Relaxed).max(1);
        // Its settings come before its first answer.
        if channel.answers.load(Ordering::Relaxed) > 0 {
            self.seen.store(allowed, Ordering::Relaxed);
            return self.streams.min(allowed);
        }
        self.expected().min(allowed)
    }

    /// Makes one attempt; see [`super::attempt`].
    pub(super) async fn attempt(
        &self,
        clock: &Clock,
        limits: &Limits,
        request: Request<Full<Bytes>>,
        began: &mut impl FnMut(At),
    ) -> Exchange {
        let mut request = request;
        let seat = self.take(limits, clock.now());
        if let Some(channel) = seat.0.channel.get() {
            let begun = clock.now();
            began(begun);
            match seat.0.send(clock, limits, begun, channel, request).await {
                Ok(exchange) => return exchange,
                Err(back) => request = *back,
            }
            seat.0.retired.store(true, Ordering::Relaxed);
        }
        drop(seat);
        let seat = self.take(limits, clock.now());
        let begun = clock.now();
        let channel = match seat.0.open(clock, limits, begun, began).await {
            Ok(channel) => channel,
            Err(exchange) => return exchange,
        };
        match seat.0.send(clock, limits, begun, channel, request).await {
            Ok(exchange) => exchange,
            // A new connection that ended at once was an attempt: the peer accepted it.
            Err(_) => Exchange::unanswered(begun, clock.now(), Outcome::ProtocolError),
        }
    }

    /// A place on the first connection that has room, on a new one where none has.
    fn take(&self, limits: &Limits, now: At) -> Seat {
        let is_alive = |line: &Line| line.is_alive(limits, now);
        let mut lines = self.lines();
        lines.retain(|line| is_alive(line) || line.busy() > 0);
        let alive = || lines.iter().filter(|line| is_alive(line));
        let roomy = alive().find(|line| line.busy() < self.room(line));
        let full = alive().count() >= self.most.max(1);
        let chosen = match roomy {
            None if full => alive().min_by_key(|line| line.busy()),
            roomy => roomy,
        };
        let line = chosen.cloned().unwrap_or_else(|| {
            let line = Arc::new(Line::default());
            lines.push(Arc::clone(&line));
            line
        });
        line.busy.fetch_add(1, Ordering::Relaxed);
        Seat(line)
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether it may get another request. One that nobody opens any more is gone.
    fn is_alive(&self, limits: &Limits, now: At) -> bool {
        let usable = match self.channel.get() {
            Some(channel) => {
                limits.ways.is_young(channel.opened, || now)
                    && !channel.sender.is_closed()
                    && channel.socket.state() != State::Closed
            }
            None => self.busy() > 0,
        };
        usable && !self.retired.load(Ordering::Relaxed)
    }

    /// Opens it, or waits for whoever does.
    async fn open(
        &self,
        clock: &Clock,
        limits: &Limits,
        begun: At,
        began: &mut impl FnMut(At),
    ) -> Result<&Channel, Exchange> {
        let mut told = false;
        let opened = {
            let tell = || {
                told = true;
                began(begun);
            };
            let over = |stream| Channel::over(stream, limits.tls.as_ref(), begun);
            let open = || connect(clock, limits, begun, tell, over);
            let limit_us = limits.connect_timeout_us.min(limits.timeout_us);
            within(clock, begun, limit_us, self.channel.get_or_try_init(open)).await
        };
        let ours = matches!(&opened, Some(Err(exchange)) if exchange.begun.is_none());
        if !told && !ours {
            began(begun);
        }
        match opened {
            Some(opened) => opened,
            None => Err(limits.too_slow(begun, clock.now())),
        }
    }

    /// Sends a request and reads the whole answer; the request comes back if nothing of it was
    /// written.
    async fn send(
        &self,
        clock: &Clock,
        limits: &Limits,
        begun: At,
        channel: &Channel,
        request: Request<Full<Bytes>>,
    ) -> Result<Exchange, Box<Request<Full<Bytes>>>> {
        let kept = channel.answers.load(Ordering::Relaxed) > 0;
        let scheme = if limits.tls.is_some() { "https" } else { "http" };
        let deadline = clock.instant(At(begun.0.saturating_add(limits.timeout_us)));
        let end = channel.send(request, &limits.keep, scheme, deadline).await;
        let turned_away = limits.turned_away(channel.socket.ended());
        let foreign = matches!(&end, Err(Broken::Midway { answered: false, .. }));
        let mut exchange = ended(Ended { clock, limits, begun, kept, turned_away }, end)?;
        match exchange.outcome {
            Outcome::Timeout => self.retired.store(true, Ordering::Relaxed),
            // A frame of it, if only one that resets, shows that it is spoken.
            Outcome::ProtocolError
                if foreign
                    && !kept
                    && limits.tls.is_none()
                    && !channel.spoken.load(Ordering::Relaxed) =>
            {
                exchange.finding = Some(format!(
                    "the first request on an HTTP/2 connection to {} failed: check that it speaks \
                     HTTP/2 there in the clear, from the first byte on",
                    limits.addr
                ));
            }
            _ => {}
        }
        Ok(exchange)
    }
}

impl Channel {
    async fn over(stream: TcpStream, tls: Option<&Tls>, opened: At) -> io::Result<Channel> {
        let socket = Socket::new(stream);
        let io = match tls {
            Some(tls) => tls.greet(&socket).await?,
            None => Io::plain(&socket),
        };
        // As much as of HTTP/1.1; hyper would take 16 KiB.
        let greeted = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(MOST_HEAD as u32)
            .handshake(TokioIo::new(io))
            .await;
        let (sender, connection) = greeted.map_err(|error| {
            let why = tls.zip(socket.ended()).and_then(|(tls, alert)| tls.kept_out(alert));
            why.unwrap_or_else(|| io::Error::other(error))
        })?;
        let allowed = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
        // It ends when the last sender is gone, and with the runtime.
        tokio::spawn(Task { connection, allowed: Arc::clone(&allowed) });
        Ok(Channel {
            sender,
            socket,
            opened,
            allowed,
            answers: AtomicU64::new(0),
            spoken: AtomicBool::new(false),
        })
    }

    async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        keep: &Keep,
        scheme: &'static str,
        deadline: Instant,
    ) -> Result<Answer, Broken<Request<Full<Bytes>>>> {
        address(&mut request, scheme);
        let mut sender = self.sender.clone();
        let sent = until(deadline, sender.try_send_request(request)).await;
        let sent = sent.ok_or_else(|| late(false))?;
        let response = sent.map_err(|mut failed| match failed.take_message() {
            Some(request) => Broken::Unsent(Box::new(request)),
            None => {
                let error = failed.into_error();
                self.spoken.fetch_or(is_frame(&error), Ordering::Relaxed);
                broken(error, false)
            }
        })?;
        let first = Instant::now();
        let (parts, mut body) = response.into_parts();
        let status = parts.status.as_u16();
        let (most, claim) = keep.at_head(status);
        let ear = keep.hear();
        let held = if ear.is_some() { most.max(MOST_SHOWN) } else { most };
        let mut payload = Payload::default();
        let cut = |broken: Broken<_>, came: Payload| match broken {
            Broken::Midway { answered, broke, .. } => {
                let head = Some((status, parts.headers.clone()));
                let partial = Some(Box::new(Partial { broke, head, came }));
                Broken::Midway { answered, broke, partial }
            }
            other => other,
        };
        let (mut deadline, mut put_off) = (deadline, false);
        loop {
            match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    frame.data_ref().into_iter().for_each(|data| payload.take(data, held));
                }
                Ok(Some(Err(error))) => return Err(cut(broken(error, true), payload)),
                Ok(None) => break,
                Err(_) => {
                    match extended(deadline).filter(|_| !std::mem::replace(&mut put_off, true)) {
                        Some(later) => deadline = later,
                        None => return Err(cut(late(true), payload)),
                    }
                }
            }
        }
        // hyper ends a body at RST_STREAM(NO_ERROR) as well: only END_STREAM makes an answer whole
        // (RFC 9113 8.1).
        if !body.is_end_stream() {
            let (answered, broke) = (true, Broke::Reset);
            return Err(cut(Broken::Midway { answered, broke, partial: None }, payload));
        }
        payload.kept.truncate(most);
        self.answers.fetch_add(1, Ordering::Relaxed);
        let last = Instant::now();
        Ok(Answer { status, headers: parts.headers, body: payload, claim, first, last })
    }
}

/// Drives a connection, and looks how many streams the peer allows.
struct Task {
    connection: http2::Connection<TokioIo<Io>, Full<Bytes>, TokioExecutor>,
    allowed: Arc<AtomicUsize>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Its error, if any, reaches us through the answers.
        let ended = Pin::new(&mut self.connection).poll(context).map(|_| ());
        self.allowed.store(self.connection.current_max_send_streams(), Ordering::Relaxed);
        ended
    }
}

#[cfg(test)]
mod tests;
