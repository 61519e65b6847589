//! One answer of HTTP/1.1 from the bytes that come, its body thrown away unless its failure is kept.
//!
//! Invariant: pure; bytes may come in any pieces, and what is kept of them does not grow with the
//! body.
//! Not here: reading (`mod`), what an answer means (`classify`).

use super::chunked::Chunked;
use crate::client::connection::Answer;
use crate::client::kept::{Claim, Ear, Keep};
use crate::client::partial::Broke;
use crate::client::payload::Payload;
use crate::client::shown::MOST_SHOWN;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// A head may be so long.
const MOST_HEAD: usize = 256 * 1024;
/// And have so many fields, as many as hyper allows.
const MOST_FIELDS: usize = 100;

/// What came is no HTTP/1.1, or none that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) Broke);

impl Malformed {
    pub(super) const NO_HTTP: Malformed = Malformed(Broke::NoHttp);
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not whole yet.
    More,
    /// It is whole; `keeps`: the connection can carry another request.
    Whole { keeps: bool },
}

#[derive(Debug)]
enum Body {
    /// The head is not whole yet.
    Awaited,
    Left(u64),
    Chunked(Chunked),
    /// Everything to the end of the connection.
    ToTheEnd,
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Reader {
    is_head: bool,
    wants_headers: bool,
    /// How much of the body is kept; nothing of most.
    most: usize,
    kept: Payload,
    claim: Option<Claim>,
    /// What came of an answer that is not whole yet: nothing of most, which come in one piece.
    came: Payload,
    ear: Option<Ear>,
    /// The beginning of a head that is not whole yet.
    partial: Vec<u8>,
    status: u16,
    headers: HeaderMap,
    pub(super) keeps: bool,
    body: Body,
}

impl Reader {
    /// The answer to a request; `is_head`: to HEAD, which has no body whatever it says.
    pub(super) fn new(is_head: bool, wants_headers: bool) -> Reader {
        Reader {
            is_head,
            wants_headers,
            most: 0,
            kept: Payload::default(),
            claim: None,
            came: Payload::default(),
            ear: None,
            partial: Vec::new(),
            status: 0,
            headers: HeaderMap::new(),
            keeps: false,
            body: Body::Awaited,
        }
    }

    /// What was kept of a whole answer, whose first and last bytes came then: the status always,
    /// headers if they were wanted, and of a failure that is kept all.
    pub(super) fn answer(&mut self, first: Instant, last: Instant) -> Answer {
        Answer {
            status: self.status,
            headers: std::mem::take(&mut self.headers),
            body: std::mem::take(&mut self.kept),
            claim: self.claim.take(),
            first,
            last,
        }
    }

    /// What has come of an answer that is not whole.
    pub(super) fn came(&mut self) -> Payload {
        self.ear = None;
        std::mem::take(&mut self.came)
    }

    /// Takes what has come; `keep` must always be the same.
    pub(super) fn feed(&mut self, bytes: &[u8], keep: &Keep) -> Result<Progress, Malformed> {
        let progress = self.take(bytes, keep);
        match progress {
            Ok(Progress::Whole { .. }) => _ = self.came(),
            Ok(Progress::More) | Err(_) => {
                if self.came.length == 0 {
                    self.ear = keep.hear();
                }
                self.came.take(bytes, if self.ear.is_some() { MOST_SHOWN } else { 0 });
            }
        }
        progress
    }

    fn take(&mut self, bytes: &[u8], keep: &Keep) -> Result<Progress, Malformed> {
        let mut rest = bytes;
        while matches!(self.body, Body::Awaited) {
            let Some(head) = self.head(rest, keep)? else { return Ok(Progress::More) };
            rest = rest.get(head..).unwrap_or_default();
        }
        let (most, kept) = (self.most, &mut self.kept);
        let mut take = |data: &[u8]| {
            if most > 0 {
                kept.take(data, most);
            }
        };
        let left = match &mut self.body {
            Body::Awaited => return Ok(Progress::More),
            Body::ToTheEnd => {
                take(rest);
                return Ok(Progress::More);
            }
            Body::Left(left) => {
                let taken = (rest.len() as u64).min(*left);
                *left -= taken;
                take(rest.get(..taken as usize).unwrap_or_default());
                (*left == 0).then(|| rest.len() - taken as usize)
            }
            Body::Chunked(chunked) => chunked.feed(rest, take)?.map(|end| rest.len() - end),
        };
        Ok(match left {
            None => Progress::More,
            // What nobody asked for belongs to no answer of ours.
            Some(left) => Progress::Whole { keeps: self.keeps && left == 0 },
        })
    }

    /// The connection has ended.
    pub(super) fn closed(&self) -> Result<Progress, Malformed> {
        Ok(match self.body {
            Body::ToTheEnd => Progress::Whole { keeps: false },
            _ => Progress::More,
        })
    }

    /// Takes a head if it is whole now; gives how many of these bytes belong to it.
    fn head(&mut self, bytes: &[u8], keep: &Keep) -> Result<Option<usize>, Malformed> {
        if self.partial.is_empty() {
            let head = self.parse(bytes, keep)?;
            if head.is_none() {
                self.partial.extend_from_slice(bytes);
            }
            return Ok(head);
        }
        let before = self.partial.len();
        let mut partial = std::mem::take(&mut self.partial);
        partial.extend_from_slice(bytes);
        if partial.len() > MOST_HEAD {
            return Err(Malformed(Broke::LongHead(MOST_HEAD)));
        }
        let head = self.parse(&partial, keep)?;
        if head.is_none() {
            self.partial = partial;
        }
        // It ends in what came now: before, it was not whole.
        Ok(head.map(|end| end.saturating_sub(before)))
    }

    fn parse(&mut self, bytes: &[u8], keep: &Keep) -> Result<Option<usize>, Malformed> {
        let mut fields = [const { std::mem::MaybeUninit::uninit() }; MOST_FIELDS];
        let mut answer = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut answer, bytes, &mut fields)
            .map_err(|error| match error {
                httparse::Error::TooManyHeaders => Malformed(Broke::ManyHeaders(MOST_FIELDS)),
                _ => Malformed::NO_HTTP,
            })?;
        let httparse::Status::Complete(end) = parsed else { return Ok(None) };
        let status = answer.code.filter(|code| *code >= 100).ok_or(Malformed::NO_HTTP)?;
        // An interim answer; the final one follows. 101 has nothing after it that is HTTP.
        if (100..200).contains(&status) && status != 101 {
            return Ok(Some(end));
        }
        self.status = status;
        (self.most, self.claim) = keep.at_head(status);
        let wants_headers = self.wants_headers || self.claim.is_some();
        let mut framing = Framing { keeps: answer.version == Some(1), ..Framing::default() };
        for field in &*answer.headers {
            framing.see(field)?;
            if wants_headers {
                let name = HeaderName::from_bytes(field.name.as_bytes())
                    .map_err(|_| Malformed::NO_HTTP)?;
                let value = HeaderValue::from_bytes(field.value).map_err(|_| Malformed::NO_HTTP)?;
                self.headers.append(name, value);
            }
        }
        self.keeps = framing.keeps && status != 101;
        self.body = match framing {
            _ if self.is_head || matches!(status, 101 | 204 | 304) => Body::Left(0),
            Framing { chunked: Some(true), .. } => Body::Chunked(Chunked::new()),
            Framing { chunked: Some(false), .. } => Body::ToTheEnd,
            Framing { length: Some(length), .. } => Body::Left(length),
            _ => Body::ToTheEnd,
        };
        Ok(Some(end))
    }
}

/// What the fields of a head say of its body and its connection.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    /// There is a transfer coding, and whether chunked is the last.
    chunked: Option<bool>,
    keeps: bool,
}

impl Framing {
    fn see(&mut self, field: &httparse::Header<'_>) -> Result<(), Malformed> {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.len() {
            14 if is("content-length") => {
                for word in words(field.value) {
                    let length = decimal(word).ok_or(Malformed::NO_HTTP)?;
                    if self.length.replace(length).is_some_and(|before| before != length) {
                        return Err(Malformed::NO_HTTP);
                    }
                }
            }
            17 if is("transfer-encoding") => {
                let last = words(field.value).last();
                self.chunked = Some(last.is_some_and(|w| w.eq_ignore_ascii_case(b"chunked")));
            }
            10 if is("connection") => {
                for word in words(field.value) {
                    if word.eq_ignore_ascii_case(b"close") {
                        self.keeps = false;
                    } else if word.eq_ignore_ascii_case(b"keep-alive") {
                        self.keeps = true;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits only: a sign is none.
fn decimal(word: &[u8]) -> Option<u64> {
    let digits = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(word).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::kept::{Keeper, Slots};

    /// What it comes to, fed in pieces of this size, and then the end of the connection.
    fn read(answer: &[u8], piece: usize) -> Result<(Progress, u16), Malformed> {
        let keep = Keep::default();
        let mut reader = Reader::new(false, false);
        let mut pieces = answer.chunks(piece);
        while let Some(part) = pieces.next() {
            if let Progress::Whole { keeps } = reader.feed(part, &keep)? {
                let keeps = keeps && pieces.next().is_none();
                return Ok((Progress::Whole { keeps }, reader.status));
            }
        }
        Ok((reader.closed()?, reader.status))
    }

    #[test]
    fn every_framing_in_any_pieces() {
        let kept = |answer: &[u8]| (answer.to_vec(), true);
        let last = |answer: &[u8]| (answer.to_vec(), false);
        for (answer, keeps) in [
            kept(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"),
            kept(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\ncontent-length: 3\r\n\r\nabc"),
            kept(b"HTTP/1.1 200\r\ntransfer-encoding: gzip, Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            kept(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            kept(b"HTTP/1.1 204 No\r\ncontent-length: 7\r\n\r\n"),
            kept(b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx"),
            last(b"HTTP/1.1 200 OK\r\nconnection: x, close\r\ncontent-length: 1\r\n\r\nx"),
            last(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 unasked"),
            last(b"HTTP/1.1 200 OK\r\n\r\nto the end"),
            last(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nto the end"),
            last(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx"),
            last(b"HTTP/1.1 101 Switching\r\n\r\n"),
        ] {
            let shown = String::from_utf8_lossy(&answer);
            for piece in 1..=answer.len() {
                let (progress, status) = read(&answer, piece).unwrap();
                assert_eq!(progress, Progress::Whole { keeps }, "{shown} by {piece}");
                assert!([101, 200, 204].contains(&status));
            }
        }
    }

    #[test]
    fn what_is_cut_is_not_whole() {
        for answer in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\ncontent-le",
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            for piece in [1, 1000] {
                assert_eq!(read(answer, piece).unwrap().0, Progress::More);
            }
        }
    }

    #[test]
    fn garbage_is_refused() {
        let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
        many.extend(b"a: b\r\n".repeat(101));
        many.extend(b"\r\n");
        let mut long = b"HTTP/1.1 200 OK\r\na: ".to_vec();
        long.resize(300_000, b'x');
        for answer in [
            &b"SSH-2.0-OpenSSH\r\n"[..],
            b"HTTP/1.1 2x0 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            &many,
            &long,
        ] {
            for piece in [7, 4096] {
                assert!(read(answer, piece).is_err(), "{:?}", String::from_utf8_lossy(answer));
            }
        }
    }

    #[test]
    fn headers_are_kept_where_they_are_wanted() {
        let answer =
            b"HTTP/1.1 503 No\r\nRetry-After: 3\r\nx: 1\r\nX: 2\r\ncontent-length: 0\r\n\r\n";
        let keep = Keep::default();
        let mut reader = Reader::new(false, true);
        assert_eq!(reader.feed(answer, &keep).unwrap(), Progress::Whole { keeps: true });
        let now = Instant::now();
        let Answer { status, headers, .. } = reader.answer(now, now);
        assert_eq!((status, headers["retry-after"].as_bytes()), (503, &b"3"[..]));
        assert_eq!(headers.get_all("x").iter().count(), 2);
        let mut reader = Reader::new(true, false);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
        assert_eq!(reader.feed(head, &keep).unwrap(), Progress::Whole { keeps: true });
        assert!(reader.answer(now, now).headers.is_empty());
    }

    #[test]
    fn of_a_failure_that_is_kept_there_is_all() {
        let slots = std::sync::Arc::new(Slots::new(1));
        let keep = Keep { always: 0, failed: Some(Keeper::new(&slots, 0, &[], false)) };
        let chunked = b"HTTP/1.1 503 No\r\nx: 1\r\ntransfer-encoding: chunked\r\n\r\n\
                        3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        let whole = b"HTTP/1.1 500 No\r\nx: 1\r\ncontent-length: 5\r\n\r\nabcde";
        let to_the_end = b"HTTP/1.1 400 No\r\nx: 1\r\n\r\nabcde";
        let ok = b"HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 5\r\n\r\nabcde";
        for (bytes, kept) in [(&chunked[..], true), (whole, true), (to_the_end, true), (ok, false)]
        {
            for piece in [1, 4, 1000] {
                let mut reader = Reader::new(false, false);
                for part in bytes.chunks(piece) {
                    reader.feed(part, &keep).unwrap();
                }
                let answer = reader.answer(Instant::now(), Instant::now());
                assert_eq!(answer.claim.is_some(), kept);
                assert_eq!(answer.headers.contains_key("x"), kept);
                let body = if kept { (b"abcde".to_vec(), 5) } else { (vec![], 0) };
                assert_eq!((answer.body.kept, answer.body.length), body);
            }
        }
    }
}
