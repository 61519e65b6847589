//! One end of a pipe: a byte stream that may be reset from outside, at once.
//!
//! Invariant: after [`End::cut`] nothing is read or written any more.
//! Not here: what is read and written (`lane`).

use crate::link::conn::Stream;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end.
#[derive(Default)]
pub(crate) struct End(RefCell<Option<Box<dyn Stream>>>);

impl End {
    /// This stream's.
    pub(crate) fn new(stream: Box<dyn Stream>) -> End {
        End(RefCell::new(Some(stream)))
    }

    /// It is there from now on.
    pub(crate) fn put(&self, stream: Box<dyn Stream>) {
        self.0.replace(Some(stream));
    }

    /// Resets it; a second time is nothing. True if it was there.
    pub(crate) fn cut(&self) -> bool {
        match self.0.take() {
            Some(stream) => {
                stream.reset_on_close();
                true
            }
            None => false,
        }
    }

    /// Closes it in peace.
    pub(crate) fn close(&self) {
        self.0.take();
    }

    /// Whether it was cut or closed, or is not there yet.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Reads what there is; 0 is its end.
    ///
    /// # Errors
    /// As the stream's; `ConnectionReset` once it is cut.
    pub(crate) async fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(into);
        poll_fn(|cx| self.with(|stream| stream.poll_read(cx, &mut buf))).await?;
        Ok(buf.filled().len())
    }

    /// Writes some of it.
    ///
    /// # Errors
    /// As [`End::read`].
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.with(|stream| stream.poll_write(cx, bytes))).await
    }

    /// Says that nothing more is written.
    ///
    /// # Errors
    /// As [`End::read`].
    pub(crate) async fn finish(&self) -> io::Result<()> {
        poll_fn(|cx| self.with(|stream| stream.poll_shutdown(cx))).await
    }

    fn with<R>(
        &self,
        poll: impl FnOnce(Pin<&mut dyn Stream>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match self.0.borrow_mut().as_deref_mut() {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

// The trait objects are pinned above, which needs their types to be known as movable.
const _: fn() = || {
    fn is_stream<T: AsyncRead + AsyncWrite + Unpin + ?Sized>() {}
    is_stream::<dyn Stream>();
};
