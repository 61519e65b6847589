//! Captures a service's output: into its log file, for readiness, and as last words.
//!
//! Invariant: the pipe is always read, whatever becomes of the file: no service ever waits for
//! its log. What is not written is counted and said, in the file and to the caller.
//! Invariant: secrets reach neither the file nor a message.
//! Not here: what the lines mean (evidence is read by others).

use super::tap::{Arrival, Tap};
use assay_slo::At;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Longer lines are cut, in bytes.
const LINE_CAP: usize = 64 * 1024;
/// A log file stops growing here, in bytes.
const FILE_CAP: u64 = 64 * 1024 * 1024;
/// Lines kept for messages.
const LAST: usize = 10;
/// A line in a message is cut here, in characters.
const SHOWN: usize = 400;

/// What became of a service's output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines seen.
    pub lines: u64,
    /// Lines among them that are not in the file.
    pub dropped: u64,
    /// Why not, if there are such.
    pub why: Option<String>,
}

impl Written {
    /// Both together, for a service that was started again.
    #[must_use]
    pub(super) fn and(self, other: Written) -> Written {
        Written {
            lines: self.lines + other.lines,
            dropped: self.dropped + other.dropped,
            why: self.why.or(other.why),
        }
    }
}

/// A running capture, as seen by its reader.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    seen: Arc<Mutex<Seen>>,
    progress: watch::Receiver<Progress>,
    /// The pipe itself, to be asked whether anybody can still write to it.
    pipe: Arc<PipeReader>,
}

/// How far a capture is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The text waited for has been seen.
    pub(super) found: bool,
    /// Nobody has the other end of the pipe any more.
    pub(super) ended: bool,
}

#[derive(Debug, Default)]
struct Seen {
    written: Written,
    last: VecDeque<String>,
}

/// What a capture does with the lines.
#[derive(Debug)]
pub(super) struct Rules {
    /// The text to wait for, if any.
    pub(super) find: Option<String>,
    /// Texts that must not be written.
    pub(super) secrets: Vec<String>,
    /// Our own line before the service's; it is none of those seen.
    pub(super) opening: Option<String>,
    /// Who else looks at them.
    pub(super) tap: Option<Tap>,
}

impl Capture {
    /// Starts a thread that reads until nobody holds the returned end of the pipe. A file that
    /// cannot be opened does not forbid the start; [`Written`] says so.
    ///
    /// # Errors
    /// When there is no pipe or thread to be had.
    pub(super) fn start(path: &Path, rules: Rules) -> io::Result<(Capture, PipeWriter)> {
        Capture::start_with(path, rules, FILE_CAP)
    }

    fn start_with(path: &Path, rules: Rules, cap: u64) -> io::Result<(Capture, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        // Room for the moments in which the disk is slow; without it the default has to do.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1024 * 1024);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (progress, watching) = watch::channel(Progress::default());
        let log = Log::open(path, cap);
        let pipe = Arc::new(reader.try_clone()?);
        let work = Work { rules, seen: Arc::clone(&seen), progress, log, is_found: false };
        std::thread::Builder::new().name("service log".into()).spawn(move || work.run(reader))?;
        Ok((Capture { seen, progress: watching, pipe }, writer))
    }

    /// Whether a process can still write: whoever was started with this log, or got it since.
    pub(super) fn is_held(&self) -> bool {
        let mut asked = [PollFd::new(&*self.pipe, PollFlags::empty())];
        let answered = poll(&mut asked, Some(&Timespec::default())).is_ok();
        !(answered && asked.iter().all(|fd| fd.revents().contains(PollFlags::HUP)))
    }

    /// The pipe's inode.
    pub(super) fn pipe(&self) -> Option<u64> {
        rustix::fs::fstat(&*self.pipe).ok().map(|stat| stat.st_ino)
    }

    /// Waits until the progress is as wanted.
    pub(super) async fn reached(&mut self, wanted: impl FnMut(&Progress) -> bool) {
        // Its thread only ends after it said `ended`, so an error means the same.
        let _ = self.progress.wait_for(wanted).await;
    }

    /// The text waited for has been seen.
    pub(super) fn has_found(&self) -> bool {
        self.progress.borrow().found
    }

    /// The last lines, oldest first, at most 10.
    pub(super) fn last(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).last.iter().cloned().collect()
    }

    /// What became of the output so far.
    pub(super) fn written(&self) -> Written {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).written.clone()
    }
}

struct Work {
    rules: Rules,
    seen: Arc<Mutex<Seen>>,
    progress: watch::Sender<Progress>,
    log: Log,
    is_found: bool,
}

impl Work {
    fn run(mut self, mut reader: PipeReader) {
        let mut chunk = vec![0; 64 * 1024];
        let mut line = Line::default();
        let now = |work: &Work| work.rules.tap.as_ref().map_or(At::default(), Tap::now);
        let mut arrival = Arrival { started: now(&self), from: now(&self), to: now(&self) };
        if let Some(opening) = self.rules.opening.take() {
            // Where there is no room for it there is none for lines either, and they say so.
            let _no_room = self.log.push(format!("[assay: {opening}]").as_bytes(), "");
            self.hand_over();
        }
        loop {
            let waits = self.rules.tap.is_some() && waits(&reader);
            let read = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.rules.tap.iter().for_each(Tap::broke);
                    break;
                }
            };
            let to = now(&self);
            let from = if waits { arrival.to } else { to };
            arrival = Arrival { from, to, ..arrival };
            for piece in chunk.get(..read).unwrap_or_default().split_inclusive(|b| *b == b'\n') {
                match piece.strip_suffix(b"\n") {
                    Some(end) => {
                        line.push(end, from);
                        self.take(&mut line, arrival);
                    }
                    None => line.push(piece, from),
                }
            }
            // A prompt has no end of line.
            self.look_for(&line.bytes);
            self.hand_over();
        }
        if !line.bytes.is_empty() {
            self.take(&mut line, arrival);
        }
        self.hand_over();
        self.log.close(&self.seen);
        self.progress.send_modify(|progress| progress.ended = true);
    }

    fn look_for(&mut self, line: &[u8]) {
        let Some(wanted) = &self.rules.find else { return };
        if String::from_utf8_lossy(line).contains(wanted.as_str()) {
            self.rules.find = None;
            self.is_found = true;
        }
    }

    /// Writes what waits, and only then says what was seen: who reads the file next finds it.
    fn hand_over(&mut self) {
        self.log.flush(&self.seen);
        if self.is_found {
            self.is_found = false;
            self.progress.send_modify(|progress| progress.found = true);
        }
    }

    fn take(&mut self, line: &mut Line, arrival: Arrival) {
        self.look_for(&line.bytes);
        let mut text = String::from_utf8_lossy(&line.bytes);
        let secret = |text: &str, secret: &String| !secret.is_empty() && text.contains(secret);
        let mut masked = None;
        for hidden in &self.rules.secrets {
            if secret(&text, hidden) {
                text = text.replace(hidden.as_str(), "***").into();
                masked = Some(());
            }
        }
        if let Some(tap) = &self.rules.tap {
            let from = line.begun.map_or(arrival.from, |begun| begun.min(arrival.from));
            tap.line(&text, line.cut > 0, Arrival { from, ..arrival });
        }
        // Only a masked line is written as text: others keep bytes that are no UTF-8.
        let bytes = if masked.is_some() { text.as_bytes() } else { &line.bytes };
        let cut = match line.cut {
            0 => String::new(),
            cut => format!(" [{cut} bytes cut]"),
        };
        let is_kept = self.log.push(bytes, &cut);
        let shown = text.trim_end_matches('\r').chars().take(SHOWN).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.written.lines += 1;
        seen.written.dropped += u64::from(!is_kept);
        if seen.last.len() == LAST {
            seen.last.pop_front();
        }
        seen.last.push_back(shown);
        drop(seen);
        *line = Line::default();
    }
}

/// Whether something can be read at once.
fn waits(reader: &PipeReader) -> bool {
    let mut asked = [PollFd::new(reader, PollFlags::IN)];
    poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// A line being read.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    cut: usize,
    /// When its first piece may have been written.
    begun: Option<At>,
}

impl Line {
    fn push(&mut self, piece: &[u8], from: At) {
        self.begun.get_or_insert(from);
        let room = LINE_CAP.saturating_sub(self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(piece.get(..room).unwrap_or_default());
        self.cut += piece.len() - room;
    }
}

/// The file, with what waits to be written to it.
struct Log {
    file: Option<File>,
    waiting: Vec<u8>,
    waiting_lines: u64,
    room: u64,
    failure: Option<String>,
}

impl Log {
    fn open(path: &Path, cap: u64) -> Log {
        let opened = OpenOptions::new().append(true).create(true).open(path);
        let (file, failure) = match opened {
            Ok(file) => (Some(file), None),
            Err(why) => (None, Some(format!("{}: {why}", path.display()))),
        };
        let length = file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
        let room = cap.saturating_sub(length);
        Log { file, waiting: Vec::new(), waiting_lines: 0, room, failure }
    }

    /// False if the line is dropped.
    fn push(&mut self, line: &[u8], cut: &str) -> bool {
        let length = u64::try_from(line.len() + cut.len() + 1).unwrap_or(u64::MAX);
        if self.file.is_none() || self.failure.is_some() || length > self.room {
            self.failure.get_or_insert_with(|| "the log reached its greatest size".to_owned());
            return false;
        }
        self.room -= length;
        self.waiting.extend_from_slice(line);
        self.waiting.extend_from_slice(cut.as_bytes());
        self.waiting.push(b'\n');
        self.waiting_lines += 1;
        true
    }

    fn flush(&mut self, seen: &Mutex<Seen>) {
        if let (Some(file), false) = (&mut self.file, self.waiting.is_empty())
            && let Err(why) = file.write_all(&self.waiting)
        {
            // A full disk stays full for the moment: what follows is counted, not tried.
            self.failure = Some(format!("the log could not be written: {why}"));
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.written.dropped += self.waiting_lines;
        }
        self.waiting.clear();
        self.waiting_lines = 0;
        if self.failure.is_some() {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.written.dropped > 0 {
                seen.written.why.clone_from(&self.failure);
            }
        }
    }

    fn close(&mut self, seen: &Mutex<Seen>) {
        self.flush(seen);
        let written = seen.lock().unwrap_or_else(PoisonError::into_inner).written.clone();
        if let (Some(file), Some(why)) = (&mut self.file, &written.why) {
            // The same disk may refuse this too; the caller has the count.
            let _ = writeln!(file, "[assay: {} lines missing here: {why}]", written.dropped);
        }
    }
}

#[cfg(test)]
mod tests;
