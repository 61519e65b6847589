//! A byte stream to a party of a link: a client, or the far end.
//!
//! Not here: what is done with it (`conn`, `stream`).

use std::future::Future;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A byte stream to a party.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Makes closing it a reset: what is unsent is thrown away, the peer sees RST.
    fn reset_on_close(&self);
    /// Whether the peer has closed, even if bytes of it are still unread.
    fn peer_closed(&self) -> bool;
    /// Waits for the peer's end with nothing of it unread; true: a reset.
    fn poll_end(&self, _: &mut Context<'_>) -> Poll<bool> {
        Poll::Pending
    }
}

impl Stream for TcpStream {
    fn reset_on_close(&self) {
        // It fails only for a socket that is closed already.
        let _closed = self.set_zero_linger();
    }

    fn peer_closed(&self) -> bool {
        let mut ready = std::pin::pin!(self.ready(Interest::READABLE));
        match ready.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    fn poll_end(&self, cx: &mut Context<'_>) -> Poll<bool> {
        match ready!(self.poll_peek(cx, &mut ReadBuf::new(&mut [0]))) {
            Ok(0) => Poll::Ready(false),
            Ok(_) => Poll::Pending,
            Err(_) => Poll::Ready(true),
        }
    }
}

#[cfg(test)]
impl Stream for tokio::io::DuplexStream {
    fn reset_on_close(&self) {}
    fn peer_closed(&self) -> bool {
        false
    }
}
