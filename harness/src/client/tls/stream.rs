//! The stream that hyper reads and writes: a socket, or TLS over it.
//!
//! Invariant: what is counted as received is what the peer said, not what TLS adds: an answer of
//! no byte is one of no byte.
//! Invariant: the alert that ends a TLS stream is kept: hyper only passes on that it ended. (A peer that does
//! not let us in has said why before it closed; that writing fails then is not told, so it is read.)
//! Not here: agreeing on keys (`tls`).

use super::super::socket::{Socket, Wire};
use super::reason::inner;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// A socket, or TLS over it.
#[derive(Debug)]
pub(in crate::client) struct Io {
    stream: Stream,
    socket: Arc<Socket>,
}

#[derive(Debug)]
enum Stream {
    Plain(Wire),
    Sealed(Box<TlsStream<Wire>>),
}

impl Io {
    pub(in crate::client) fn plain(socket: &Arc<Socket>) -> Io {
        Io { stream: Stream::Plain(Wire(Arc::clone(socket))), socket: Arc::clone(socket) }
    }

    pub(super) fn sealed(stream: TlsStream<Wire>, socket: &Arc<Socket>) -> Io {
        Io { stream: Stream::Sealed(Box::new(stream)), socket: Arc::clone(socket) }
    }

    fn note(&self, error: &io::Error) {
        if let Some(error) = inner(error) {
            self.socket.end(error.clone());
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(wire) => Pin::new(wire).poll_read(context, buffer),
            Stream::Sealed(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let read = ready!(read);
        self.socket.receive(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(read.inspect_err(|error| self.note(error)))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(wire) => Pin::new(wire).poll_write(context, bytes),
            Stream::Sealed(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(wire) => Pin::new(wire).poll_write_vectored(context, slices),
            Stream::Sealed(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(wire) => wire.is_write_vectored(),
            Stream::Sealed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(wire) => Pin::new(wire).poll_flush(context),
            Stream::Sealed(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(wire) => Pin::new(wire).poll_shutdown(context),
            Stream::Sealed(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
