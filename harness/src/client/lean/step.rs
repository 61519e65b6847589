//! One turn of an attempt: what is left of the request is written, what has come is read.
//!
//! Invariant: nothing blocks, and one turn reads only so much.
//! Not here: when it has its turn (`load`), what its end comes to (`mod`).

use super::answer::{Malformed, Progress};
use super::{Scratch, Wire};
use crate::client::connection::Answer;
use crate::client::kept::Keep;
use crate::client::partial::Broke;
use crate::client::socket::{State, state};
use std::io::{self, ErrorKind, Read, Write};
use tokio::time::Instant;

/// So often is read in one call. A peer that never pauses would else be read for as long as it likes,
/// while others wait whose answers are here and whose requests are due.
const MOST_READS: usize = 4;

/// How one exchange ended, if it did.
pub(super) enum Step {
    Pending,
    Whole(Answer),
    /// Nothing was written.
    Unsent,
    Midway(Broke),
}

impl Wire {
    /// Writes what is left of the request, reads what has come.
    pub(super) fn step(&mut self, scratch: &mut Scratch, keep: &Keep) -> Step {
        // Of a kept connection that was seen to before.
        if !self.kept && self.written == 0 && state(&self.stream) == State::Talking {
            self.talked = true;
            return Step::Midway(Broke::Unasked);
        }
        if self.write().is_err() {
            if self.written == 0 {
                return Step::Unsent;
            }
            self.unwritable = true;
        }
        self.has_more = false;
        for _ in 0..MOST_READS {
            let n = match self.stream.read(&mut scratch.0) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.unwritable => {
                    return Step::Pending;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(_) => return Step::Midway(Broke::Ended),
            };
            let now = Instant::now();
            let progress = match n {
                0 => self.reader.closed(),
                _ => {
                    self.heard = self.heard.or(Some(now));
                    let interims = self.reader.interims();
                    let fed = self.reader.feed(scratch.0.get(..n).unwrap_or_default(), keep);
                    // What came before belonged to an interim answer.
                    self.first = self.first.filter(|_| self.reader.interims() == interims);
                    if self.reader.has_begun() {
                        self.first = self.first.or(Some(now));
                    }
                    fed
                }
            };
            match progress {
                Ok(Progress::More) if n == 0 => return Step::Midway(Broke::Ended),
                Ok(Progress::More) => {}
                Ok(Progress::Whole { keeps }) => {
                    // Who answers without reading all has no use for the rest.
                    self.rests = keeps && self.written == self.request.len();
                    // It could carry another request, had nothing come after this answer.
                    self.talked |= n > 0 && self.reader.keeps && !keeps;
                    let first = self.first.unwrap_or(now);
                    return Step::Whole(self.reader.answer(first, now));
                }
                Err(Malformed(broke)) => return Step::Midway(broke),
            }
        }
        self.has_more = true;
        Step::Pending
    }

    pub(super) fn write(&mut self) -> io::Result<()> {
        while !self.unwritable
            && let Some(rest) = self.request.get(self.written..).filter(|rest| !rest.is_empty())
        {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
