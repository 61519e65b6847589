//! One answer of HTTP/1.1 from the bytes that come, its body thrown away unless its failure is kept.
//!
//! Invariant: pure; bytes may come in any pieces, and what is kept of them does not grow with the
//! body.
//! Not here: reading (`mod`), what an answer means (`classify`).

use super::chunked::Chunked;
use crate::client::connection::Answer;
use crate::client::kept::{Claim, Ear, Keep};
use crate::client::partial::{Broke, MOST_FIELDS, MOST_HEAD};
use crate::client::payload::Payload;
use crate::client::shown::MOST_SHOWN;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use tokio::time::Instant;

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
    /// How many interim answers came before it.
    interims: u64,
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
            interims: 0,
            status: 0,
            headers: HeaderMap::new(),
            keeps: false,
            body: Body::Awaited,
        }
    }

    /// How many interim answers came before it.
    pub(super) fn interims(&self) -> u64 {
        self.interims
    }

    /// Whether something of it has come, as far as that is known: an interim answer is one only when its
    /// head is whole.
    pub(super) fn has_begun(&self) -> bool {
        !self.partial.is_empty() || !matches!(self.body, Body::Awaited)
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
        let head = self.parse(&partial, keep)?;
        // What came of its body with its last bytes is not of it.
        if head.unwrap_or(partial.len()) > MOST_HEAD {
            return Err(Malformed(Broke::LongHead(MOST_HEAD)));
        }
        if head.is_none() {
            self.partial = partial;
        }
        // It ends in what came now: before, it was not whole.
        Ok(head.map(|end| end.saturating_sub(before)))
    }

    fn parse(&mut self, bytes: &[u8], keep: &Keep) -> Result<Option<usize>, Malformed> {
        let mut fields = [const { std::mem::MaybeUninit::uninit() }; MOST_FIELDS];
        let mut answer = httparse::Response::new(&mut []);
        // Who reads answers takes a field that is folded over several lines for one (RFC 9112, 5.2).
        let parsed = httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response_with_uninit_headers(&mut answer, bytes, &mut fields)
            .map_err(|error| match error {
                httparse::Error::TooManyHeaders => Malformed(Broke::ManyHeaders(MOST_FIELDS)),
                _ => Malformed::NO_HTTP,
            })?;
        let httparse::Status::Complete(end) = parsed else { return Ok(None) };
        let status = answer.code.filter(|code| *code >= 100).ok_or(Malformed::NO_HTTP)?;
        // An interim answer; the final one follows. 101 has nothing after it that is HTTP.
        if (100..200).contains(&status) && status != 101 {
            self.interims += 1;
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
                let value = HeaderValue::from_bytes(&unfolded(field.value));
                let value = value.map_err(|_| Malformed::NO_HTTP)?;
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

/// A value that goes on over several lines in one: each break with the space around it is a space.
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\n') {
        return Cow::Borrowed(value);
    }
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Cow::Owned(lines.collect::<Vec<_>>().join(&b' '))
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
mod tests;
