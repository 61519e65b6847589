//! The bodies that a link passes on: requests upwards, answers downwards, streamed.
//!
//! Invariant: every byte read from a client is either passed on or the request is given up; what
//! was read ahead while it waited is passed on first.
//! Not here: connections (`conn`), whether a request is passed on (`passage`).

use super::conn::Conn;
use super::proxy::Proxy;
use bytes::{Buf, Bytes};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;

/// How much of a request is read ahead while it waits: enough for whole small requests, so that
/// a client that gives up is noticed.
const AHEAD_BYTES: usize = 64 * 1024;

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
    ahead: VecDeque<Frame<Bytes>>,
    ahead_bytes: usize,
    rest: Incoming,
    ended: bool,
    consent: Option<Pin<Box<dyn Future<Output = Consent>>>>,
}

impl RequestBody {
    /// This body; with `consent` it is not touched before that is given.
    pub(crate) fn new(
        rest: Incoming,
        consent: Option<&Arc<watch::Sender<Consent>>>,
    ) -> RequestBody {
        let ended = rest.is_end_stream();
        let consent = consent.map(|consent| -> Pin<Box<dyn Future<Output = Consent>>> {
            Box::pin(awaited(consent.subscribe()))
        });
        RequestBody { ahead: VecDeque::new(), ahead_bytes: 0, rest, ended, consent }
    }

    /// Whether more can be read ahead now.
    pub(crate) fn wants_ahead(&self) -> bool {
        self.is_unread() && self.ahead_bytes < AHEAD_BYTES
    }

    /// Whether there is more that a client sends unasked.
    pub(crate) fn is_unread(&self) -> bool {
        !self.ended && self.consent.is_none()
    }

    /// Reads one frame ahead; may be dropped without loss.
    pub(crate) async fn read_ahead(&mut self) -> Result<(), hyper::Error> {
        let frame = poll_fn(|cx| Pin::new(&mut self.rest).poll_frame(cx)).await;
        match frame.transpose()? {
            Some(frame) => {
                self.ahead_bytes += frame.data_ref().map_or(0, Bytes::remaining);
                self.ahead.push_back(frame);
            }
            None => self.ended = true,
        }
        Ok(())
    }

    /// Reads one frame and throws away what has been read, for a request that is answered here.
    pub(crate) async fn skip(&mut self) -> Result<(), hyper::Error> {
        self.read_ahead().await?;
        self.ahead.clear();
        self.ahead_bytes = 0;
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
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(consent) = &mut self.consent {
            if ready!(consent.as_mut().poll(cx)) != Consent::Given {
                let error = io::Error::other("the upstream answered without the body");
                return Poll::Ready(Some(Err(error.into())));
            }
            self.consent = None;
        }
        if let Some(frame) = self.ahead.pop_front() {
            self.ahead_bytes -= frame.data_ref().map_or(0, Bytes::remaining);
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.rest).poll_frame(cx));
        self.ended |= frame.is_none();
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && (self.ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead_bytes as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

/// An answer's body on its way to the client; its end is the request's end.
pub(crate) struct AnswerBody {
    source: Source,
    proxy: Rc<Proxy>,
    conn: Rc<Conn>,
}

/// Where an answer's body comes from.
pub(crate) enum Source {
    /// From the upstream.
    Upstream(Incoming),
    /// From a fault.
    Fault(Full<Bytes>),
}

impl AnswerBody {
    /// The body of the answer to this connection's open request.
    pub(crate) fn new(source: Source, proxy: Rc<Proxy>, conn: Rc<Conn>) -> AnswerBody {
        AnswerBody { source, proxy, conn }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.proxy.finish(&self.conn);
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
            return Poll::Pending;
        }
        match &mut self.source {
            Source::Upstream(body) => Pin::new(body).poll_frame(cx),
            Source::Fault(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Upstream(body) => body.is_end_stream(),
            Source::Fault(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Upstream(body) => body.size_hint(),
            Source::Fault(body) => body.size_hint(),
        }
    }
}
