//! A TCP stream that can be looked at while hyper owns it.
//!
//! Invariant: [`Socket::state`] asks the kernel, not the runtime, so a connection that was
//! closed a moment ago is not taken for open.
//! Invariant: that a peer reads no more keeps nobody from reading what it had said; but an answer that ends with
//! its connection did not end by a reset.
//! Not here: HTTP.

use super::payload::Payload;
use rustix::net::RecvFlags;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What an idle connection looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Open, nothing to read.
    Quiet,
    /// Closed or broken by the peer, or about to be.
    Closed,
    /// The peer sent something that nobody asked for.
    Talking,
}

/// A stream shared between hyper's side and ours. The lock is never contended: both sides
/// belong to one task.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Mutex<TcpStream>,
    received: AtomicU64,
    /// What has come of the answer under way, of which so much is kept.
    heard: Mutex<(Payload, usize)>,
    ended: OnceLock<rustls::Error>,
    /// A write learned that the peer had reset it, so that no read will.
    reset: AtomicBool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Arc<Socket> {
        Arc::new(Socket {
            stream: Mutex::new(stream),
            received: AtomicU64::new(0),
            heard: Mutex::default(),
            ended: OnceLock::new(),
            reset: AtomicBool::new(false),
        })
    }

    /// Bytes read so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// These more were read.
    pub(super) fn receive(&self, bytes: &[u8]) {
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let (heard, most) = &mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.take(bytes, *most);
    }

    /// An answer comes: so much of it is kept.
    pub(super) fn listen(&self, most: usize) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = (Payload::default(), most);
    }

    /// What has come of it.
    pub(super) fn heard(&self) -> Payload {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard).0
    }

    /// TLS over it ended with this.
    pub(super) fn end(&self, error: rustls::Error) {
        // The first says why, others follow from it.
        let _ = self.ended.set(error);
    }

    /// How TLS over it ended, if with an error.
    pub(super) fn ended(&self) -> Option<&rustls::Error> {
        self.ended.get()
    }

    /// Asks the kernel what has happened, without taking anything out.
    pub(super) fn state(&self) -> State {
        state(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, TcpStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes by which a farewell is known.
pub(super) const FAREWELL: usize = 12;

/// Whether a peer says that it has waited long enough for a request, and closes (RFC 9110 15.5.9): no answer
/// to anything.
pub(super) fn is_farewell(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.") && bytes.get(8..FAREWELL) == Some(b" 408")
}

/// Asks the kernel what has happened on a stream, without taking anything out.
pub(super) fn state(stream: impl AsFd) -> State {
    let mut bytes = [0_u8; FAREWELL];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::net::recv(stream, &mut bytes[..], flags) {
        Ok((_, 0)) => State::Closed,
        Ok(_) if is_farewell(&bytes) => State::Closed,
        Ok(_) => State::Talking,
        Err(rustix::io::Errno::AGAIN) => State::Quiet,
        Err(_) => State::Closed,
    }
}

/// The reading and writing side of a [`Socket`].
#[derive(Debug)]
pub(super) struct Wire(pub(super) Arc<Socket>);

impl Wire {
    /// What is said of a write. A peer that closes without having read all may have answered all the same:
    /// hyper would look no further than at the write that failed, so it learns of the end where the answer is,
    /// by reading.
    fn left_unread(&self, written: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        let Poll::Ready(Err(error)) = &written else { return written };
        match error.kind() {
            // The system tells it once, and an end to whoever reads after that.
            ErrorKind::ConnectionReset => self.0.reset.store(true, Ordering::Relaxed),
            ErrorKind::BrokenPipe => {}
            _ => return written,
        }
        Poll::Ready(Ok(all))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *self.0.lock()).poll_read(context, buffer);
        let is_end = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        if is_end && self.0.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.0.lock()).poll_write(context, bytes);
        self.left_unread(written, bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        let written = Pin::new(&mut *self.0.lock()).poll_write_vectored(context, slices);
        self.left_unread(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_answer_can_be_read_from_a_peer_that_reads_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut wire = Wire(Socket::new(ours));
        let (mut peer, _) = listener.accept().await.unwrap();
        wire.write_all(b"the beginning of much").await.unwrap();
        peer.readable().await.unwrap();
        peer.write_all(b"too much").await.unwrap();
        // Bytes that nobody has read: the kernel resets the connection.
        drop(peer);
        for _ in 0..3 {
            wire.write_all(b"more").await.unwrap();
            let slices = [IoSlice::new(b"and "), IoSlice::new(b"more")];
            assert_eq!(wire.write_vectored(&slices).await.unwrap(), 8);
        }
        let mut said = [0; 8];
        wire.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"too much");
        // No whole answer ends so.
        assert!(wire.read(&mut said).await.is_err());
        assert_eq!(wire.0.state(), State::Closed);
    }
}
