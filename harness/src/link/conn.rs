//! One client's connection as the link holds it: bytes that can be held back, and a way to
//! reset it from outside, at once.
//!
//! Invariant: [`Conn::cut`] resets before it returns; nothing is written afterwards.
//! Invariant: nothing is written but answers to a request that was passed on or decided, so that
//! hyper's own answer to a malformed request is a reset instead.
//! Not here: what is relayed over it (`relay`), who holds or cuts it (`proxy`).

use super::passage::{Passage, Toll};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A byte stream to a party.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Makes closing it a reset: what is unsent is thrown away, the peer sees RST.
    fn reset_on_close(&self);
    /// Whether the peer has closed, even if bytes of it are still unread.
    fn peer_closed(&self) -> bool;
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
}

#[cfg(test)]
impl Stream for tokio::io::DuplexStream {
    fn reset_on_close(&self) {}
    fn peer_closed(&self) -> bool {
        false
    }
}

/// Whether an answer is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    /// No request is open: nothing may be written.
    Silent,
    /// A request is open.
    Answering,
    /// The answer is complete, but perhaps not written yet.
    Ending,
}

/// A client's connection.
pub(crate) struct Conn {
    /// Its number on this link.
    pub(crate) id: u64,
    /// Its open request; HTTP/1.1 has one at a time.
    pub(crate) passage: RefCell<Option<Passage>>,
    /// Told when the faults on its request changed, or it is no longer held.
    pub(crate) changed: Notify,
    stream: RefCell<Option<Box<dyn Stream>>>,
    held: Cell<bool>,
    speech: Cell<Speech>,
    reset_at: Cell<Option<Instant>>,
    /// It is to be closed when all that was written is sent.
    last: Cell<bool>,
    /// Faults that withhold its end, and whether they have done so.
    lingers: RefCell<BTreeMap<usize, bool>>,
    /// Whether the request that they are about was ours.
    lingers_ours: Cell<bool>,
    /// Its end is due, but withheld.
    withheld: Cell<bool>,
    task: RefCell<Option<Waker>>,
}

impl Conn {
    /// A new one, nothing said yet.
    pub(crate) fn new(id: u64, stream: Box<dyn Stream>) -> Conn {
        Conn {
            id,
            passage: RefCell::default(),
            changed: Notify::new(),
            stream: RefCell::new(Some(stream)),
            held: Cell::new(false),
            speech: Cell::new(Speech::Silent),
            reset_at: Cell::new(None),
            last: Cell::new(false),
            lingers: RefCell::default(),
            lingers_ours: Cell::new(false),
            withheld: Cell::new(false),
            task: RefCell::default(),
        }
    }

    /// Resets it. At once; a second time is nothing.
    pub(crate) fn cut(&self) {
        if let Some(stream) = self.stream.borrow_mut().take() {
            stream.reset_on_close();
            self.reset_at.set(Some(Instant::now()));
        }
        self.wake();
    }

    /// When it was cut; none if it was not.
    pub(crate) fn reset_at(&self) -> Option<Instant> {
        self.reset_at.get()
    }

    /// Closes it in peace.
    pub(crate) fn close(&self) {
        self.stream.borrow_mut().take();
    }

    /// Closes it in peace as soon as all that hyper has for it is sent.
    pub(crate) fn close_when_sent(&self) {
        self.last.set(true);
    }

    /// Sends this past hyper. It is short: the client's window takes it, or nobody reads.
    pub(crate) async fn say(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = poll_fn(|cx| self.with(|stream| stream.poll_write(cx, bytes))).await?;
            bytes = bytes.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// From here on these faults withhold its end, because of a request that was `ours` or not.
    pub(crate) fn linger(&self, faults: Vec<usize>, ours: bool) {
        self.lingers_ours.set(ours);
        *self.lingers.borrow_mut() = faults.into_iter().map(|fault| (fault, false)).collect();
    }

    /// That fault no longer does.
    pub(crate) fn unlinger(&self, fault: usize) {
        self.lingers.borrow_mut().remove(&fault);
    }

    /// Its end is due: whether it must wait.
    pub(crate) fn waits_to_end(&self) -> bool {
        let waits = !self.lingers.borrow().is_empty();
        self.withheld.set(waits);
        waits
    }

    /// The faults that now withhold its end, each told once.
    pub(crate) fn newly_withheld(&self) -> Vec<(usize, bool)> {
        if !self.withheld.get() {
            return Vec::new();
        }
        let mut lingers = self.lingers.borrow_mut();
        let ours = self.lingers_ours.get();
        let new = |(fault, told): (&usize, &mut bool)| {
            (!std::mem::replace(told, true)).then_some((*fault, ours))
        };
        lingers.iter_mut().filter_map(new).collect()
    }

    /// What holds for the rest of its open request's bodies.
    pub(crate) fn toll(&self) -> Toll {
        self.passage.borrow().as_ref().map_or(Toll::NONE, Passage::toll)
    }

    /// Whether it is cut or closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.stream.borrow().is_none()
    }

    /// Whether its client has closed it.
    pub(crate) fn peer_closed(&self) -> bool {
        self.stream.borrow().as_ref().is_none_or(|stream| stream.peer_closed())
    }

    /// Holds back everything that would be written, or lets go of it.
    pub(crate) fn hold(&self, held: bool) {
        if self.held.replace(held) != held {
            self.nudge();
        }
    }

    /// The faults on its request have changed.
    pub(crate) fn nudge(&self) {
        self.changed.notify_one();
        self.wake();
    }

    /// Whether what would be written is held back.
    pub(crate) fn is_held(&self) -> bool {
        self.held.get()
    }

    /// A request is open from here on.
    pub(crate) fn start_answer(&self) {
        self.speech.set(Speech::Answering);
    }

    /// Its answer is complete.
    pub(crate) fn end_answer(&self) {
        self.speech.set(Speech::Ending);
    }

    /// Whether it is between requests, all answers written.
    pub(crate) fn is_idle(&self) -> bool {
        self.speech.get() == Speech::Silent && self.passage.borrow().is_none()
    }

    /// Remembers the task to wake when it is cut, held or let go.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    fn may_write(&self) -> Poll<io::Result<()>> {
        if self.held.get() {
            // Woken by `hold`: the task was remembered by `watch`.
            return Poll::Pending;
        }
        match self.speech.get() {
            Speech::Silent => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Speech::Answering | Speech::Ending => Poll::Ready(Ok(())),
        }
    }

    fn with<R>(
        &self,
        poll: impl FnOnce(Pin<&mut dyn Stream>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match self.stream.borrow_mut().as_deref_mut() {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

/// A connection's bytes, for hyper. Only the task given to [`Conn::watch`] may poll it.
pub(crate) struct Wire(Rc<Conn>);

impl Wire {
    /// The bytes of this connection.
    pub(crate) fn new(conn: Rc<Conn>) -> TokioIo<Wire> {
        TokioIo::new(Wire(conn))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.with(|stream| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.0.may_write())?;
        self.0.with(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.0.may_write())?;
        self.0.with(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().as_ref().is_some_and(|stream| stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.0.with(|stream| stream.poll_flush(cx)));
        // hyper flushes when it has written all that it holds.
        if self.0.speech.get() == Speech::Ending {
            self.0.speech.set(Speech::Silent);
        }
        if self.0.last.get() && flushed.is_ok() {
            self.0.close();
            self.0.wake();
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.held.get() || self.0.waits_to_end() {
            return Poll::Pending;
        }
        self.0.with(|stream| stream.poll_shutdown(cx))
    }
}
