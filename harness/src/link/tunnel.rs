//! What follows when a request and its answer agree on another protocol (WebSocket, `CONNECT`): bytes,
//! both ways, until both sides have ended.
//!
//! Invariant: the exchange that began it stays open until the tunnel ends, so a fault that stalls or
//! resets that one stalls or resets the tunnel.
//! Not here: who may begin one (`relay`), protocols from the first byte on (`stream`).

use super::conn::{Conn, Stream, Wire};
use bytes::{Buf, Bytes};
use hyper::{Method, StatusCode};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

/// One side: its stream, and what was already read of it.
pub(crate) struct Side<S> {
    /// Its bytes.
    pub(crate) stream: S,
    /// These come first.
    pub(crate) ahead: Bytes,
}

/// Whether an answer with this status to a request with this method begins one.
pub(crate) fn begins(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || *method == Method::CONNECT && status.is_success()
}

/// Passes bytes on until both sides have ended. False if that was not in peace.
pub(crate) async fn run(conn: &Rc<Conn>, near: Side<Wire>, far: Side<Box<dyn Stream>>) -> bool {
    let mut near = Held { side: near, conn: Rc::clone(conn) };
    let mut far = Held { side: far, conn: Rc::clone(conn) };
    let mut copied = pin!(copy_bidirectional(&mut near, &mut far));
    poll_fn(|cx| {
        conn.watch(cx);
        if conn.is_closed() {
            return Poll::Ready(false);
        }
        copied.as_mut().poll(cx).map(|ended| ended.is_ok())
    })
    .await
}

/// A side that is written to only while nothing is held back.
struct Held<S> {
    side: Side<S>,
    conn: Rc<Conn>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ahead = &mut self.side.ahead;
        if ahead.is_empty() {
            return Pin::new(&mut self.side.stream).poll_read(cx, buf);
        }
        let some = ahead.len().min(buf.remaining());
        buf.put_slice(ahead.get(..some).unwrap_or_default());
        ahead.advance(some);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.conn.is_held() {
            // Woken by `Conn::hold`.
            return Poll::Pending;
        }
        Pin::new(&mut self.side.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.side.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.conn.is_held() {
            return Poll::Pending;
        }
        Pin::new(&mut self.side.stream).poll_shutdown(cx)
    }
}
