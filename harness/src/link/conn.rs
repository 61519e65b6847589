//! One client's connection as the link holds it: bytes that can be held back, and a way to
//! reset it from outside, at once.
//!
//! Invariant: [`Conn::cut`] resets before it returns; nothing is written afterwards.
//! Invariant: nothing is written but answers to a request that was passed on or decided, so that
//! hyper's own answer to a malformed request is a reset instead.
//! Not here: what is relayed over it (`relay`), who holds or cuts it (`proxy`).

pub(crate) use super::party::Stream;
use super::passage::{Passage, Toll};
use super::unread::KEPT;
use hyper_util::rt::TokioIo;
use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A client that closes its side this soon after its last byte does so with its request.
const WITH_ITS_REQUEST: Duration = Duration::from_millis(5);

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

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// In peace.
    Close,
    /// By a reset.
    Reset,
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
    /// hyper has written and not flushed yet.
    unsent: Cell<bool>,
    reset_at: Cell<Option<Instant>>,
    /// It is to be closed when all that was written is sent, by a reset or in peace.
    last: Cell<Option<Last>>,
    /// What was heard of the next request.
    heard: RefCell<Vec<u8>>,
    heard_at: Cell<Option<Instant>>,
    /// hyper has refused what came; true: as too long.
    refused: Cell<Option<bool>>,
    /// Its client has closed its own side and waits for the answer.
    half_closed: Cell<bool>,
    /// Its open request has become a tunnel.
    tunnels: Cell<bool>,
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
            unsent: Cell::new(false),
            reset_at: Cell::new(None),
            last: Cell::new(None),
            heard: RefCell::default(),
            heard_at: Cell::new(None),
            refused: Cell::new(None),
            half_closed: Cell::new(false),
            tunnels: Cell::new(false),
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

    /// Closes it as soon as all that hyper has for it is sent.
    pub(crate) fn close_when_sent(&self, last: Last) {
        self.last.set(Some(last));
    }

    /// Its client says this.
    fn hears(&self, bytes: &[u8]) {
        self.heard_at.set(Some(Instant::now()));
        if self.passage.borrow().is_none() {
            let mut heard = self.heard.borrow_mut();
            let most = bytes.len().min(KEPT.saturating_sub(heard.len()));
            heard.extend_from_slice(bytes.get(..most).unwrap_or_default());
        }
    }

    /// What was heard of the next request so far, not more than is shown.
    pub(crate) fn heard(&self) -> Ref<'_, Vec<u8>> {
        self.heard.borrow()
    }

    /// Whether the client of an open request has left. One that closes its side with its request still
    /// wants the answer; one that does so later no longer waits.
    pub(crate) fn has_left(&self, cx: &mut Context<'_>) -> bool {
        if self.passage.borrow().is_none() || self.half_closed.get() {
            return false;
        }
        let stream = self.stream.borrow();
        let Some(Poll::Ready(reset)) = stream.as_ref().map(|stream| stream.poll_end(cx)) else {
            return false;
        };
        let at_once = self.heard_at.get().is_none_or(|at| at.elapsed() < WITH_ITS_REQUEST);
        self.half_closed.set(at_once && !reset);
        !self.half_closed.get()
    }

    /// Its open request becomes a tunnel, and is open until that ends.
    pub(crate) fn become_tunnel(&self) {
        self.tunnels.set(true);
    }

    /// Whether it did.
    pub(crate) fn tunnels(&self) -> bool {
        self.tunnels.get()
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

    /// Whether its client has closed it, and does not wait for an answer all the same.
    pub(crate) fn peer_closed(&self) -> bool {
        !self.half_closed.get()
            && self.stream.borrow().as_ref().is_none_or(|stream| stream.peer_closed())
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

    /// Whether all that was written so far is sent.
    pub(crate) fn is_sent(&self) -> bool {
        !self.unsent.get()
    }

    /// A request is open from here on.
    pub(crate) fn start_answer(&self) {
        self.heard.borrow_mut().clear();
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

    /// hyper's answer to what it could not read, which never goes out; true: that was too long.
    pub(crate) fn refused(&self) -> Option<bool> {
        self.refused.get()
    }

    fn may_write(&self, first: &[u8]) -> Poll<io::Result<()>> {
        if self.held.get() {
            // Woken by `hold`: the task was remembered by `watch`.
            return Poll::Pending;
        }
        match self.speech.get() {
            Speech::Silent => {
                let long = ["HTTP/1.1 431", "HTTP/1.1 414"];
                self.refused.set(Some(long.iter().any(|long| first.starts_with(long.as_bytes()))));
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
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
        let before = buf.filled().len();
        let read = self.0.with(|stream| stream.poll_read(cx, buf));
        if let Some(bytes @ [_, ..]) = buf.filled().get(before..) {
            self.0.hears(bytes);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.unsent.set(true);
        ready!(self.0.may_write(bytes))?;
        self.0.with(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.unsent.set(true);
        ready!(self.0.may_write(slices.first().map_or(&[], |slice| slice)))?;
        self.0.with(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().as_ref().is_some_and(|stream| stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.0.with(|stream| stream.poll_flush(cx)));
        self.0.unsent.set(false);
        // hyper flushes when it has written all that it holds.
        if self.0.speech.get() == Speech::Ending {
            self.0.speech.set(Speech::Silent);
        }
        if let Some(last) = self.0.last.get().filter(|_| flushed.is_ok()) {
            match last {
                Last::Close => self.0.close(),
                Last::Reset => self.0.cut(),
            }
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
