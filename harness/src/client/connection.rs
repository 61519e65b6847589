//! One HTTP/1.1 connection that we own, on hyper: connect, send a request, read its whole answer.
//!
//! Invariant: the connection is driven by whoever awaits `Connection::send`, by nobody else:
//! no task of its own, nothing sent or re-sent while nobody looks.
//! Invariant: one whose peer said what nobody had asked for is counted when it is given up.
//! Not here: timeouts of requests, classes of outcomes (`attempt`, `classify`), the lean path.

use super::kept::{Claim, Keep};
use super::partial::{Broke, MOST_HEAD, Partial, is_long};
use super::patience::until;
use super::payload::Payload;
use super::shown::MOST_SHOWN;
use super::socket::{FAREWELL, Socket, State, is_farewell};
use super::tls::{Io, Tls};
use super::unasked::Unasked;
use assay_slo::At;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::ext::on_informational;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    socket: Arc<Socket>,
    /// There is TLS, which says things of its own.
    sealed: bool,
    opened: At,
    answers: u64,
    /// A request is under way, or ended badly.
    busy: bool,
    /// The peer said what nobody had asked for.
    talked: bool,
    /// Where that is counted.
    counted: Option<Arc<Unasked>>,
}

/// A whole answer, its body read to the end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Payload,
    /// A place among the failures that are kept, held for it.
    pub claim: Option<Claim>,
    /// When its first byte came.
    pub first: Instant,
    /// When its last byte had been read.
    pub last: Instant,
}

/// Why there is no whole answer to a request `R`.
#[derive(Debug)]
pub enum Broken<R> {
    /// The connection was found closed before anything was written.
    Unsent(Box<R>),
    /// The request cannot be written at all.
    Unsendable(hyper::Error),
    /// The connection or the time ended, or what came was not HTTP, after bytes may have been written.
    Midway {
        /// Whether any byte had come back.
        answered: bool,
        /// Why there is no more.
        broke: Broke,
        /// What had come, where that is known.
        partial: Option<Box<Partial>>,
    },
}

/// Opens a stream, from this address of ours if one is given, without delay of small writes.
///
/// # Errors
/// What the kernel said. There is no timeout but the kernel's.
pub(super) async fn dial(from: Option<IpAddr>, addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(addr).await?;
    // Where nobody listens on a port of the ephemeral range, the kernel may pick that very
    // port for us, and we would talk to ourselves.
    if stream.local_addr()? == addr {
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(stream)
}

impl Connection {
    /// Makes a connection of a stream that was opened then, over TLS where there is to be.
    ///
    /// # Errors
    /// Why it cannot carry requests: no TLS could be agreed on. There is no timeout.
    pub(super) async fn over(
        stream: TcpStream,
        tls: Option<&Tls>,
        opened: At,
    ) -> io::Result<Connection> {
        let socket = Socket::new(stream);
        let io = match tls {
            Some(tls) => tls.greet(&socket).await?,
            None => Io::plain(&socket),
        };
        // Who reads answers takes a field that is folded over several lines for one (RFC 9112, 5.2).
        let greeted = http1::Builder::new()
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(io))
            .await;
        let (sender, driver) = greeted.map_err(io::Error::other)?;
        let sealed = tls.is_some();
        let driver = Driver { connection: Some(driver), talked: false };
        let (answers, busy, talked, counted) = (0, false, false, None);
        Ok(Connection { sender, driver, socket, sealed, opened, answers, busy, talked, counted })
    }

    /// The same connection, counted among these.
    pub(super) fn counted(mut self, among: &Arc<Unasked>) -> Connection {
        among.open();
        self.counted = Some(Arc::clone(among));
        self
    }

    /// When it was opened.
    pub(super) fn opened(&self) -> At {
        self.opened
    }

    /// Whether it has carried a whole answer before.
    pub(super) fn is_kept(&self) -> bool {
        self.answers > 0
    }

    /// Whether a request may be written now: open, and the peer has said nothing unasked.
    pub(super) fn is_usable(&mut self) -> bool {
        if self.sealed && self.socket.state() == State::Talking {
            // A ticket for a later session is for TLS, a farewell is for us: hyper tells them apart.
            drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        }
        let state = self.socket.state();
        self.talked |= !self.sealed && state == State::Talking;
        self.driver.is_some() && !self.sender.is_closed() && state == State::Quiet
    }

    /// How TLS ended, if with an error.
    pub(super) fn tls_error(&self) -> Option<&rustls::Error> {
        self.socket.ended()
    }

    /// Writes the request and reads the whole answer by the deadline; of its body at most `keep`
    /// bytes are kept.
    ///
    /// # Errors
    /// See [`Broken`]; the connection must then be dropped, as it must without an answer. Dropping
    /// the future half-way leaves the connection unusable as well.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: &Keep,
        deadline: Instant,
    ) -> Result<Answer, Broken<Request<Full<Bytes>>>> {
        // Under TLS the peer may talk: tickets for later sessions come unasked.
        if self.answers == 0 && !self.sealed && self.socket.state() == State::Talking {
            self.talked = true;
            return Err(Broken::Midway { answered: true, broke: Broke::Unasked, partial: None });
        }
        self.busy = true;
        let ear = keep.hear();
        self.socket.listen(if ear.is_some() { MOST_SHOWN } else { 0 });
        let before = self.socket.received();
        let mut end = until(deadline, self.exchange(request, keep)).await.unwrap_or_else(|| {
            let answered = self.socket.received() > before;
            Err(Broken::Midway { answered, broke: Broke::TooLate, partial: None })
        });
        let came = self.socket.heard();
        if let Err(Broken::Midway { broke, partial, .. }) = &mut end {
            *partial = Some(Partial::raw(*broke, came));
        } else if end.is_ok() {
            self.busy = false;
            self.socket.listen(FAREWELL);
        }
        end
    }

    /// After an answer: whether the connection can carry another request.
    pub(super) async fn settles(&mut self) -> bool {
        // Two looks: the first lets the driver notice the end of the answer and ask for more.
        poll_fn(|context| {
            for _ in 0..2 {
                drive(&mut self.driver, context);
                match self.sender.poll_ready(context) {
                    Poll::Ready(ready) => return Poll::Ready(ready.is_ok()),
                    Poll::Pending => {}
                }
            }
            Poll::Ready(false)
        })
        .await
            && self.driver.is_some()
    }
}

impl Connection {
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: &Keep,
    ) -> Result<Answer, Broken<Request<Full<Bytes>>>> {
        let before = self.socket.received();
        let (response, first) = self.head(request, before).await?;
        let (parts, body) = response.into_parts();
        // hyper reads on beyond its limit as far as one read goes.
        if is_long(parts.status, &parts.headers) {
            let (answered, broke, partial) = (true, Broke::LongHead(MOST_HEAD), None);
            return Err(Broken::Midway { answered, broke, partial });
        }
        let status = parts.status.as_u16();
        let (most, claim) = keep.at_head(status);
        let body = self.read_out(body, most).await?;
        self.answers += 1;
        let last = Instant::now();
        Ok(Answer { status, headers: parts.headers, body, claim, first, last })
    }

    async fn head(
        &mut self,
        mut request: Request<Full<Bytes>>,
        before: u64,
    ) -> Result<(Response<Incoming>, Instant), Broken<Request<Full<Bytes>>>> {
        let interim = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&interim);
        on_informational(&mut request, move |_| heard.store(true, Ordering::Relaxed));
        let mut answer = pin!(self.sender.try_send_request(request));
        let (mut first, mut came) = (None, before);
        let answer = poll_fn(|context| {
            drive(&mut self.driver, context);
            // What came so far was an interim answer; the final one begins later.
            if interim.swap(false, Ordering::Relaxed) {
                (first, came) = (None, self.socket.received());
            }
            if first.is_none() && self.socket.received() > came {
                first = Some(Instant::now());
            }
            match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                // A driver that has ended has left its answer before, or never will.
                Poll::Pending if self.driver.is_none() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        let came = self.socket.received().saturating_sub(before);
        let answered = came > 0;
        match answer {
            Some(Ok(response)) => Ok((response, first.unwrap_or_else(Instant::now))),
            Some(Err(mut failed)) => match failed.take_message() {
                Some(request) => Err(Broken::Unsent(Box::new(request))),
                None => Err(broken(failed.into_error(), came)),
            },
            None => Err(Broken::Midway { answered, broke: Broke::Ended, partial: None }),
        }
    }

    async fn read_out(
        &mut self,
        mut body: Incoming,
        keep: usize,
    ) -> Result<Payload, Broken<Request<Full<Bytes>>>> {
        let mut payload = Payload::default();
        poll_fn(|context| {
            loop {
                if body.is_end_stream() {
                    return Poll::Ready(Ok(()));
                }
                drive(&mut self.driver, context);
                match Pin::new(&mut body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Some(data) = frame.data_ref() {
                            payload.take(data, keep);
                        }
                    }
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Err(broken(error, 1)));
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending if self.driver.is_none() => {
                        let (answered, broke) = (true, Broke::Ended);
                        let partial = None;
                        return Poll::Ready(Err(Broken::Midway { answered, broke, partial }));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await?;
        Ok(payload)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(counted) = self.counted.take() else { return };
        // While an answer is awaited, nothing that comes is unasked.
        if !self.busy && !self.talked {
            self.is_usable();
        }
        let by_driver = self.driver.talked && !is_farewell(&self.socket.heard().kept);
        if self.talked || by_driver {
            counted.talk();
        }
    }
}

/// hyper's connection, until it has ended.
#[derive(Debug)]
struct Driver {
    connection: Option<http1::Connection<TokioIo<Io>, Full<Bytes>>>,
    /// It has ended because something came that nobody had asked for.
    talked: bool,
}

impl Driver {
    fn is_some(&self) -> bool {
        self.connection.is_some()
    }

    fn is_none(&self) -> bool {
        self.connection.is_none()
    }
}

/// What hyper says of bytes between an answer and the next request; no method of its error tells.
const UNASKED: &str = "received unexpected message from connection";

/// Lets hyper read and write; an ended connection is dropped, which answers what it still owes.
fn drive(driver: &mut Driver, context: &mut Context<'_>) {
    if let Some(connection) = &mut driver.connection
        && let Poll::Ready(end) = Pin::new(connection).poll(context)
    {
        // Any other error reaches us through the answer.
        driver.talked = end.is_err_and(|error| error.to_string() == UNASKED);
        driver.connection = None;
    }
}

/// Why it broke after so many bytes of an answer.
fn broken<R>(error: hyper::Error, came: u64) -> Broken<R> {
    if error.is_user() {
        Broken::Unsendable(error)
    } else {
        let broke = match &error {
            error if error.is_parse_too_large() => Broke::too_large(came),
            error if error.is_parse() => Broke::NoHttp,
            _ => Broke::Ended,
        };
        Broken::Midway { answered: came > 0, broke, partial: None }
    }
}
