//! A lean HTTP/1.1 connection for measured load: the request is one piece of memory, the answer
//! is parsed where it was read and thrown away.
//!
//! Invariant: the same rules as `connection`, which TLS and all else go through: nothing is sent
//! twice, a kept connection found closed before anything was written gives the request back, and
//! what is left over after an answer makes the connection unusable.
//! Invariant: no buffer of its own while nothing is under way, so idle connections cost little.
//! Not here: the grammar of answers (`answer`), what a request looks like (`written`), classes
//! and timeouts (`attempt`).

mod alarm;
mod answer;
mod chunked;
mod written;

use super::attempt::Transport;
use super::connection::{Answer, Broken};
use super::kept::Keep;
use super::socket::{State, state};
use super::tls::Tls;
use alarm::Alarm;
use answer::{Progress, Reader};
use assay_slo::At;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};
pub(crate) use written::{Message, Written};

/// Bytes of one read. One buffer for all connections of a thread.
const READ: usize = 64 * 1024;

/// A connection that is used again within so long is not looked at before: that costs as much as
/// a tenth of a request, and hardly ever would the kernel know more than the last read did.
const FRESH: Duration = Duration::from_micros(100);

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Lean {
    stream: TcpStream,
    opened: At,
    /// Nothing is under way, nothing is left over, and the peer keeps it open.
    rests: bool,
    /// When the last whole answer was there.
    answered: Option<Instant>,
    alarm: Alarm,
}

impl Transport for Lean {
    type Request = Message;

    async fn over(stream: TcpStream, _tls: Option<&Tls>, opened: At) -> io::Result<Lean> {
        // `load` gives it nothing that goes over TLS.
        Ok(Lean { stream, opened, rests: true, answered: None, alarm: Alarm::default() })
    }

    fn opened(&self) -> At {
        self.opened
    }

    fn is_kept(&self) -> bool {
        self.answered.is_some()
    }

    fn is_usable(&mut self) -> bool {
        let fresh = self.answered.is_some_and(|at| at.elapsed() < FRESH);
        self.rests && (fresh || state(&self.stream) == State::Quiet)
    }

    async fn send(
        &mut self,
        message: Message,
        // Answers that are looked into go over hyper's connections: only failures are kept.
        keep: &Keep,
        deadline: Instant,
    ) -> Option<Result<Answer, Broken<Message>>> {
        // Until the whole answer is there; a dropped future leaves it so.
        self.rests = false;
        let mut turn = Turn {
            stream: &mut self.stream,
            written: 0,
            unwritable: false,
            heard: None,
            reader: Reader::new(message.is_head, message.wants_headers, keep),
        };
        let alarm = &mut self.alarm;
        let ended = poll_fn(|context| match turn.poll(context, &message.bytes) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending => alarm.poll(context, deadline).map(|()| None),
        })
        .await?;
        Some(match ended {
            End::Whole { keeps, answer } => {
                self.rests = keeps;
                self.answered = Some(answer.last);
                Ok(answer)
            }
            End::Unsent => Err(Broken::Unsent(Box::new(message))),
            End::Midway { answered, closed } => Err(Broken::Midway { answered, closed }),
        })
    }

    async fn settles(&mut self) -> bool {
        self.rests
    }
}

/// How one exchange ended.
enum End {
    Whole { keeps: bool, answer: Answer },
    Unsent,
    Midway { answered: bool, closed: bool },
}

/// One exchange under way.
struct Turn<'a> {
    stream: &'a mut TcpStream,
    written: usize,
    /// Writing failed; what the peer said before it closed may still be read.
    unwritable: bool,
    /// When the first byte came back.
    heard: Option<Instant>,
    reader: Reader<'a>,
}

impl Turn<'_> {
    fn poll(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<End> {
        if self.write(context, bytes).is_err() {
            if self.written == 0 {
                return Poll::Ready(End::Unsent);
            }
            self.unwritable = true;
        }
        let whole = bytes.len() == self.written;
        BUFFER.with_borrow_mut(|buffer| self.read(context, buffer, whole))
    }

    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        while !self.unwritable
            && let Some(rest) = bytes.get(self.written..).filter(|rest| !rest.is_empty())
        {
            match Pin::new(&mut *self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => self.written += n,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Reads until the answer is whole; `sent`: the request has been written to its end.
    fn read(&mut self, context: &mut Context<'_>, buffer: &mut [u8], sent: bool) -> Poll<End> {
        loop {
            let mut space = ReadBuf::new(buffer);
            let closed = match Pin::new(&mut *self.stream).poll_read(context, &mut space) {
                Poll::Pending if self.unwritable => true,
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(self.midway(true)),
                Poll::Ready(Ok(())) => space.filled().is_empty(),
            };
            let now = Instant::now();
            let first = self.heard.unwrap_or(now);
            if !closed {
                self.heard = Some(first);
            }
            let progress = match closed {
                true => self.reader.closed(),
                false => self.reader.feed(space.filled()),
            };
            match progress {
                Ok(Progress::More) if closed => return Poll::Ready(self.midway(true)),
                Ok(Progress::More) => {}
                Ok(Progress::Whole { keeps }) => {
                    let answer = self.reader.answer(first, now);
                    // Who answers without reading all has no use for the rest.
                    return Poll::Ready(End::Whole { keeps: keeps && sent, answer });
                }
                Err(_) => return Poll::Ready(self.midway(false)),
            }
        }
    }

    fn midway(&self, closed: bool) -> End {
        End::Midway { answered: self.heard.is_some(), closed }
    }
}
