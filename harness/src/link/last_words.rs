//! A far end that no longer listens is still heard out: it may have answered before it closed.
//!
//! A server that refuses an upload answers and closes, and what is still written to it fails. hyper gives
//! a connection up whose writing failed, with the answer unread in the socket.
//!
//! Invariant: once writing has failed, what is written counts as written and is thrown away, so that
//! reading goes on to the end that the peer gave it.
//! Not here: what the end means to the client (`relay`, `body`).

use super::conn::Stream;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream to a far end.
pub(crate) struct HeardOut {
    stream: Box<dyn Stream>,
    /// Writing has failed.
    deaf: bool,
}

impl HeardOut {
    /// This one.
    pub(crate) fn new(stream: Box<dyn Stream>) -> HeardOut {
        HeardOut { stream, deaf: false }
    }

    /// The stream itself.
    pub(crate) fn into_inner(self) -> Box<dyn Stream> {
        self.stream
    }

    fn written(&mut self, written: io::Result<usize>, all: usize) -> io::Result<usize> {
        self.deaf |= written.is_err();
        if self.deaf { Ok(all) } else { written }
    }
}

impl AsyncRead for HeardOut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for HeardOut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(self.written(written, bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = pieces.iter().map(|piece| piece.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(all));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces));
        Poll::Ready(self.written(written, all))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.deaf {
            self.deaf = ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_err();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
