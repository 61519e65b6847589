//! The bodies that a link passes on: requests upwards, answers downwards, streamed.
//!
//! Invariant: every byte read from a client is passed on, or its request is given up; every byte
//! read from an upstream likewise, or its answer is cut, which ends the connection.
//! Not here: connections (`conn`), whether a request is passed on (`passage`), pace (`pace`).

use super::conn::{Conn, Last};
use super::framing::{self, Of};
use super::pace::Pacer;
use super::proxy::Proxy;
use super::unread;
use super::watch::Delivery;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{HeaderValue, TRAILER};
use hyper::{HeaderMap, Response, Version};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;

/// How long the body of a request that expects `100 Continue` waits for the upstream's word, as
/// clients themselves do.
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// Whether the body of a request that expects `100 Continue` may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Not yet.
    Awaited,
    /// The upstream wants it.
    Given,
    /// The upstream answered without it.
    Withheld,
}

/// A request's body on its way to the upstream.
pub(crate) struct RequestBody {
    source: Incoming,
    consent: Option<Pin<Box<dyn Future<Output = Consent>>>>,
    pacer: Pacer,
    proxy: Rc<Proxy>,
    conn: Rc<Conn>,
}

impl RequestBody {
    /// This body; with `consent` it is not touched before that is given.
    pub(crate) fn new(
        source: Incoming,
        consent: Option<&Arc<watch::Sender<Consent>>>,
        proxy: Rc<Proxy>,
        conn: Rc<Conn>,
    ) -> RequestBody {
        let consent = consent.map(|consent| -> Pin<Box<dyn Future<Output = Consent>>> {
            Box::pin(awaited(consent.subscribe()))
        });
        RequestBody { source, consent, pacer: Pacer::default(), proxy, conn }
    }

    /// Reads and throws away what the client sends unasked, for a request that is answered here:
    /// closing on unread bytes would reset the connection and lose the answer.
    pub(crate) async fn skip(mut self) -> Result<(), hyper::Error> {
        while self.consent.is_none()
            && let Some(frame) = self.source.frame().await
        {
            frame?;
        }
        Ok(())
    }
}

async fn awaited(mut consent: watch::Receiver<Consent>) -> Consent {
    let word = consent.wait_for(|word| *word != Consent::Awaited);
    match tokio::time::timeout(CONTINUE_WITHIN, word).await {
        Ok(Ok(word)) => *word,
        Ok(Err(_)) => Consent::Withheld,
        Err(_) => Consent::Given,
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(consent) = &mut self.consent {
            if ready!(consent.as_mut().poll(cx)) != Consent::Given {
                // Never sent: the connection ends with the answer.
                self.consent = Some(Box::pin(std::future::pending()));
                return Poll::Pending;
            }
            self.consent = None;
        }
        let RequestBody { source, pacer, proxy, conn, .. } = &mut *self;
        if pacer.left() == 0
            && let Data::Other(frame) = ready!(fill(Pin::new(source).poll_frame(cx), pacer))
        {
            if let Some(Ok(frame)) = &frame {
                look_at(frame, Of::Request, proxy, conn);
            }
            return Poll::Ready(frame);
        }
        let pace = conn.toll().pace;
        let piece = pacer.poll_piece(cx, pace, usize::MAX, || proxy.paced(conn));
        piece.map(|piece| Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pacer.left() == 0 && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        with_left(&self.source.size_hint(), &self.pacer)
    }
}

/// What came of a look for more bytes.
enum Data {
    /// They are with the pacer.
    More,
    /// There are none: trailers, an error, the end.
    Other(Option<Result<Frame<Bytes>, hyper::Error>>),
}

/// Gives the pacer what a source gave.
fn fill(frame: Poll<Option<Result<Frame<Bytes>, hyper::Error>>>, pacer: &mut Pacer) -> Poll<Data> {
    let Poll::Ready(frame) = frame else {
        pacer.pause();
        return Poll::Pending;
    };
    Poll::Ready(match frame.map(|frame| frame.map(Frame::into_data)) {
        Some(Ok(Ok(bytes))) => {
            pacer.put(bytes);
            Data::More
        }
        Some(Ok(Err(other))) => Data::Other(Some(Ok(other))),
        Some(Err(error)) => Data::Other(Some(Err(error))),
        None => Data::Other(None),
    })
}

/// Keeps what hyper will not write of trailers, to be told.
fn look_at(frame: &Frame<Bytes>, of: Of<'_>, proxy: &Proxy, conn: &Conn) {
    let lost = |trailers: &HeaderMap| {
        let passage = conn.passage.borrow();
        framing::lost(trailers, of, &passage.as_ref()?.seen)
    };
    if let Some(what) = frame.trailers_ref().and_then(lost) {
        proxy.counters().has_lost(what);
    }
}

/// How much there is with what the pacer has.
fn with_left(hint: &SizeHint, pacer: &Pacer) -> SizeHint {
    let left = pacer.left() as u64;
    let mut more = SizeHint::new();
    if let Some(upper) = hint.upper() {
        more.set_upper(upper.saturating_add(left));
    }
    more.set_lower(hint.lower().saturating_add(left));
    more
}

/// An answer's body on its way to the client; its end is the request's end.
pub(crate) struct AnswerBody {
    source: Source,
    pacer: Pacer,
    /// How many bytes of it were passed on.
    passed: u64,
    delivery: Delivery,
    proxy: Rc<Proxy>,
    conn: Rc<Conn>,
}

/// Where an answer's body comes from.
pub(crate) enum Source {
    /// From the upstream.
    Upstream(Incoming, Promised),
    /// From a fault.
    Fault(Full<Bytes>),
}

/// What the head of an upstream's answer says of what is to come.
pub(crate) struct Promised {
    /// Its headers `Trailer`.
    trailers: Vec<HeaderValue>,
    /// A length, though there is no body.
    length: bool,
    /// Only the connection's end will tell the client that it is over.
    open: bool,
}

impl Promised {
    /// Of the answer to a client that speaks this version.
    pub(crate) fn of<B: Body>(response: &Response<B>, client: Version) -> Promised {
        let trailers = framing::all(response.headers(), TRAILER);
        let open = framing::ends_by_close(response, client);
        Promised { trailers, length: framing::says_length(response), open }
    }
}

impl AnswerBody {
    /// The body of the answer to this connection's open request.
    pub(crate) fn new(source: Source, proxy: Rc<Proxy>, conn: Rc<Conn>) -> AnswerBody {
        let (pacer, delivery) = (Pacer::default(), Delivery::Abandoned);
        AnswerBody { source, pacer, passed: 0, delivery, proxy, conn }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Data> {
        let frame = match &mut self.source {
            Source::Upstream(body, _) => Pin::new(body).poll_frame(cx),
            Source::Fault(body) => {
                let never = |frame: Result<_, std::convert::Infallible>| {
                    frame.map_err(|never| match never {})
                };
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(never))
            }
        };
        fill(frame, &mut self.pacer)
    }

    fn is_over(&self) -> bool {
        self.pacer.left() == 0
            && match &self.source {
                Source::Upstream(body, _) => body.is_end_stream(),
                Source::Fault(body) => body.is_end_stream(),
            }
    }

    /// How it ends within its body: so that the client can tell.
    fn cut(&self) -> Last {
        match &self.source {
            Source::Upstream(_, promised) if promised.open => Last::Reset,
            _ => Last::Close,
        }
    }

    /// Whether it must look like a body, so that its length is written.
    fn feigns(&self) -> bool {
        matches!(&self.source, Source::Upstream(_, promised) if promised.length)
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if self.conn.tunnels() {
            return;
        }
        let delivery = match self.delivery {
            // A body whose end is known from its length is dropped without a last look.
            Delivery::Abandoned if self.is_over() => Delivery::Whole,
            delivery => delivery,
        };
        self.proxy.finish(&self.conn, delivery);
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.conn.is_held() {
            // Neither bytes nor a broken upstream may show now. Woken by `Conn::hold`.
            self.pacer.pause();
            return Poll::Pending;
        }
        if self.pacer.left() == 0
            && let Data::Other(frame) = ready!(self.poll_source(cx))
        {
            if let Some(Err(error)) = &frame {
                // hyper would throw away what it has not sent yet. The client gets what came, and then
                // the end that the upstream gave it.
                self.delivery = Delivery::Broken;
                if unread::is_unsaid(error) {
                    self.proxy.breaks_off(&self.conn);
                }
                self.proxy.finish(&self.conn, Delivery::Broken);
                if let Some(what) = unread::body(error) {
                    self.proxy.counters().not_read(what);
                }
                let was_reset = unread::cause(error)
                    .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
                let last = if was_reset { Last::Reset } else { self.cut() };
                self.conn.close_when_sent(last);
                return Poll::Pending;
            }
            if let (Some(Ok(frame)), Source::Upstream(_, promised)) = (&frame, &self.source) {
                look_at(frame, Of::Answer(&promised.trailers), &self.proxy, &self.conn);
            }
            self.delivery = Delivery::Whole;
            return Poll::Ready(frame);
        }
        let toll = self.conn.toll();
        let most = toll.most.map_or(u64::MAX, |most| most.saturating_sub(self.passed));
        if most == 0 && self.pacer.left() > 0 {
            // There is more of it than may be: what was passed on is sent, and that is all.
            self.delivery = Delivery::Broken;
            self.proxy.cuts(&self.conn);
            self.conn.close_when_sent(self.cut());
            return Poll::Pending;
        }
        let AnswerBody { pacer, proxy, conn, passed, .. } = &mut *self;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let piece = ready!(pacer.poll_piece(cx, toll.pace, most, || proxy.paced(conn)));
        *passed += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        !self.feigns() && self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        if self.feigns() {
            return SizeHint::new();
        }
        let hint = match &self.source {
            Source::Upstream(body, _) => body.size_hint(),
            Source::Fault(body) => body.size_hint(),
        };
        with_left(&hint, &self.pacer)
    }
}
