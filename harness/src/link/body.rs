//! The bodies that a link passes on: requests upwards, answers downwards, streamed.
//!
//! Invariant: every byte read from a client is passed on, or its request is given up.
//! Not here: connections (`conn`), whether a request is passed on (`passage`).

use super::conn::Conn;
use super::proxy::Proxy;
use super::watch::Delivery;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::future::Future;
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
}

impl RequestBody {
    /// This body; with `consent` it is not touched before that is given.
    pub(crate) fn new(
        source: Incoming,
        consent: Option<&Arc<watch::Sender<Consent>>>,
    ) -> RequestBody {
        let consent = consent.map(|consent| -> Pin<Box<dyn Future<Output = Consent>>> {
            Box::pin(awaited(consent.subscribe()))
        });
        RequestBody { source, consent }
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
        Pin::new(&mut self.source).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

/// An answer's body on its way to the client; its end is the request's end.
pub(crate) struct AnswerBody {
    source: Source,
    delivery: Delivery,
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
        AnswerBody { source, delivery: Delivery::Abandoned, proxy, conn }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let delivery = match self.delivery {
            // A body whose end is known from its length is dropped without a last look.
            Delivery::Abandoned if self.is_end_stream() => Delivery::Whole,
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
            return Poll::Pending;
        }
        let frame = match &mut self.source {
            Source::Upstream(body) => ready!(Pin::new(body).poll_frame(cx)),
            Source::Fault(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                frame.map(|frame| frame.map_err(|never| match never {}))
            }
        };
        match &frame {
            Some(Ok(frame)) if frame.is_data() => {}
            Some(Ok(_)) | None => self.delivery = Delivery::Whole,
            Some(Err(_)) => self.delivery = Delivery::Broken,
        }
        Poll::Ready(frame)
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
