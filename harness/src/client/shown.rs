//! One exchange as people read it: what was sent, and what came back.
//!
//! Invariant: what a [`Veil`] hides is in none of these texts: known secrets in every way in which
//! they are written, and the values of headers that carry credentials, wherever else they stand.
//! Invariant: a text is not much longer than the bodies it was asked for.
//! Not here: the line that repeats it (`curl`), which exchanges are shown (`load`), where (`cli`,
//! `record`).

mod curl;

pub use curl::{Reached, curl};

use super::attempt::{Exchange, Limits};
use super::partial::Partial;
use super::payload::Payload;
use crate::plan::template::{encoded, in_path};
use crate::plan::text::in_json;
use crate::spec::{MASK, is_secret_header, mask};
use assay_slo::Outcome;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{COOKIE, HeaderValue};
use hyper::{HeaderMap, Request, StatusCode};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The most bytes of a body that are shown.
pub const MOST_SHOWN: usize = 64 * 1024;

/// Shorter parts of a credential are not hidden elsewhere: they would hide half of the text.
pub const LEAST_HIDDEN: usize = 6;

/// The shortest beginning of a secret that is hidden where a text is cut.
const LEAST_CUT: usize = 3;

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Payload,
    /// Cookies that were sent after it, to where it was redirected.
    pub later: Vec<String>,
}

impl Asked {
    /// What is about to be sent; of its body at most [`MOST_SHOWN`] bytes are kept.
    #[must_use]
    pub fn of(message: &Request<Full<Bytes>>) -> Asked {
        let mut body = Payload::default();
        let mut rest = pin!(message.body().clone());
        let mut context = Context::from_waker(Waker::noop());
        // All of it is there.
        while let Poll::Ready(Some(Ok(frame))) = rest.as_mut().poll_frame(&mut context) {
            if let Some(data) = frame.data_ref() {
                body.take(data, MOST_SHOWN);
            }
        }
        let target = message.uri().path_and_query();
        Asked {
            method: message.method().to_string(),
            target: target.map_or_else(|| message.uri().to_string(), ToString::to_string),
            headers: pairs(message.headers()),
            body,
            later: Vec::new(),
        }
    }

    /// The same with the cookies that a jar added when it was sent.
    #[must_use]
    pub fn with_cookies(mut self, exchange: &Exchange) -> Asked {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let Some((own, later)) = exchange.cookies.split_first() else { return self };
        if let Some(own) = own {
            self.headers.retain(|(name, _)| name != COOKIE.as_str());
            self.headers.push((COOKIE.to_string(), text(own)));
        }
        self.later = later.iter().flatten().map(text).collect();
        self
    }
}

/// An answer, or what came of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its status; 0 of what is no answer of HTTP: then all that came is its body.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Payload,
}

impl Heard {
    /// The answer of an exchange, or what came of one that was not whole; none without. Of its body
    /// at most [`MOST_SHOWN`] bytes are kept.
    #[must_use]
    pub fn of(exchange: &Exchange) -> Option<Heard> {
        let Some(headers) = &exchange.headers else {
            return exchange.partial.as_deref().and_then(Heard::part);
        };
        let headers = pairs(headers);
        let kept = exchange.body.kept.iter().take(MOST_SHOWN).copied().collect();
        let body = Payload { kept, length: exchange.body.length };
        Some(Heard { status: exchange.status, headers, body })
    }

    fn part(partial: &Partial) -> Option<Heard> {
        let came = &partial.came;
        match &partial.head {
            Some((status, headers)) => {
                Some(Heard { status: *status, headers: pairs(headers), body: came.clone() })
            }
            None if came.length == 0 => None,
            None => Some(Heard::raw(came)),
        }
    }

    /// From the bytes of HTTP/1.1, as far as they are that.
    fn raw(came: &Payload) -> Heard {
        let end = came.kept.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, rest) = match end {
            Some(end) => came.kept.split_at(end + 4),
            None => (came.kept.as_slice(), &[][..]),
        };
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let first = lines.next().filter(|first| first.starts_with("HTTP/1."));
        let status = first.and_then(|first| first.split(' ').nth(1)?.parse().ok());
        let Some(status) = status.filter(|status| *status > 0) else {
            return Heard { status: 0, headers: Vec::new(), body: came.clone() };
        };
        let pair = |line: &str| match line.split_once(':') {
            Some((name, value)) => (name.to_owned(), value.trim().to_owned()),
            None => (line.to_owned(), String::new()),
        };
        let before = came.kept.len() - rest.len();
        let body = Payload { kept: rest.to_vec(), length: came.length - before as u64 };
        Heard { status, headers: lines.map(pair).collect(), body }
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

/// Why there is no answer, or none that will do; none if it was ok.
#[must_use]
pub fn why(exchange: &Exchange, limits: &Limits) -> Option<String> {
    let to = limits.addr;
    let said = match exchange.outcome {
        Outcome::Ok => return None,
        Outcome::Timeout => {
            let within = crate::plan::words::time(limits.timeout_us);
            match exchange.partial.as_deref().map_or(0, |partial| partial.came.length) {
                0 => format!("no whole answer within {within}"),
                bytes => format!("no whole answer within {within}: {bytes} bytes of it came"),
            }
        }
        Outcome::ConnectError if exchange.refused => format!("{to} refused the connection"),
        Outcome::ConnectError => format!("no connection to {to}"),
        Outcome::ProtocolError if exchange.idle_reset => {
            "the kept connection was ended before any byte of an answer".to_owned()
        }
        Outcome::ProtocolError => match &exchange.partial {
            Some(partial) => partial.why(),
            None => "the connection ended before any byte of an answer".to_owned(),
        },
        Outcome::NotSent => "it was not sent".to_owned(),
        Outcome::CheckFailed if exchange.finding.is_some() => "a check failed".to_owned(),
        _ => format!("status {} is not as it should be", exchange.status),
    };
    Some(match &exchange.finding {
        Some(finding) => format!("{said}: {finding}"),
        None => said,
    })
}

/// What must not be seen in texts of one exchange.
#[derive(Debug, Clone)]
pub struct Veil(Vec<String>);

impl Veil {
    /// Hides these, and the credentials that the exchange itself carries.
    #[must_use]
    pub fn new(secrets: &[String], asked: &Asked, heard: Option<&Heard>) -> Veil {
        let ways =
            |secret: &String| [secret.clone(), in_json(secret), encoded(secret), in_path(secret)];
        let mut hidden: Vec<String> = secrets.iter().flat_map(ways).collect();
        let answered = heard.into_iter().flat_map(|heard| &heard.headers);
        let own = asked.headers.iter().chain(answered).map(|(name, value)| (name.as_str(), value));
        for (name, value) in own.chain(asked.later.iter().map(|value| (COOKIE.as_str(), value))) {
            if is_secret_header(name) {
                let long = credentials(name, value).filter(|part| part.len() >= LEAST_HIDDEN);
                hidden.extend(long.map(str::to_owned));
            }
        }
        hidden.retain(|secret| !secret.is_empty());
        hidden.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        hidden.dedup();
        Veil(hidden)
    }

    /// A text without its secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        mask(text, &self.0)
    }

    /// The same of a text that was cut, maybe within a secret.
    fn cut(&self, text: &str) -> String {
        let text = self.text(text);
        let ends = |secret: &String| {
            let ends = secret.char_indices().map(|(at, _)| at).filter(|at| *at >= LEAST_CUT);
            ends.rev().find(|at| secret.get(..*at).is_some_and(|part| text.ends_with(part)))
        };
        let longest = self.0.iter().filter_map(ends).max().unwrap_or(0);
        let rest = text.get(..text.len() - longest).unwrap_or_default();
        if longest > 0 { format!("{rest}{MASK}") } else { text }
    }

    fn header(&self, name: &str, value: &str) -> String {
        if is_secret_header(name) { MASK.to_owned() } else { self.text(value) }
    }
}

/// The value of a header that carries credentials, and its parts: what follows `Bearer`, the
/// values of cookies.
fn credentials<'v>(name: &str, value: &'v str) -> impl Iterator<Item = &'v str> {
    let after_scheme = value.split_once(' ').map(|(_, rest)| rest);
    // In `Set-Cookie` attributes follow, which are dates, paths and words.
    let most = if name.eq_ignore_ascii_case("set-cookie") { 1 } else { usize::MAX };
    let pairs = value.split(';').take(most).filter_map(|pair| pair.split_once('='));
    std::iter::once(value).chain(after_scheme).chain(pairs.map(|(_, cookie)| cookie.trim()))
}

/// The request as curl shows it, of its body at most so many bytes.
#[must_use]
pub fn request(asked: &Asked, version: &str, veil: &Veil, most: usize) -> String {
    let line = veil.text(&format!("{} {}", asked.method, asked.target));
    message('>', &format!("{line} {version}"), &asked.headers, &asked.body, veil, most)
}

/// The answer as curl shows it, of its body at most so many bytes.
#[must_use]
pub fn answer(heard: &Heard, veil: &Veil, most: usize) -> String {
    if heard.status == 0 {
        return garbage(&heard.body, veil, most);
    }
    message('<', &status(heard.status), &heard.headers, &heard.body, veil, most)
}

/// `404 Not Found`.
#[must_use]
pub fn status(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

fn message(
    mark: char,
    first: &str,
    headers: &[(String, String)],
    body: &Payload,
    veil: &Veil,
    most: usize,
) -> String {
    let mut text = format!("{mark} {first}\n");
    for (name, value) in headers {
        text.push_str(&format!("{mark} {name}: {}\n", visible(&veil.header(name, value))));
    }
    if body.length > 0 {
        text.push_str(&format!("{mark}\n"));
        for line in shown(body, veil, most).lines() {
            text.push_str(&format!("{mark} {line}\n"));
        }
    }
    text
}

/// What is no HTTP, its bytes readable, line by line.
fn garbage(came: &Payload, veil: &Veil, most: usize) -> String {
    let mut text = String::new();
    for chunk in came.kept.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    let text = veil.cut(&text);
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        let (name, value) = line.split_once(':').unwrap_or_default();
        let line = if is_secret_header(name) {
            format!("{name}:{}", veil.header(name, value))
        } else {
            line.to_owned()
        };
        lines.push_str("< ");
        for c in line.chars() {
            match c.is_control() {
                true => lines.extend(c.escape_default()),
                false => lines.push(c),
            }
        }
        lines.push('\n');
        if lines.len() > most {
            break;
        }
    }
    let end = (0..=most.min(lines.len())).rev().find(|at| lines.is_char_boundary(*at));
    let shown = lines.get(..end.unwrap_or(0)).unwrap_or_default();
    let kept = came.kept.len();
    let note = match came.length {
        length if shown.len() < lines.len() || (kept as u64) < length => {
            format!("\n< [cut: {length} bytes came, {kept} of them were kept]\n")
        }
        _ => String::new(),
    };
    format!("{shown}{note}")
}

/// A body, cut where it is longer, with a word on that.
fn shown(body: &Payload, veil: &Veil, most: usize) -> String {
    if body.kept.is_empty() {
        return format!("[{} bytes that were not kept]", body.length);
    }
    let Some(text) = text_of(body) else {
        return format!("[{} bytes that are no text]", body.length);
    };
    let kept_all = body.kept.len() as u64 == body.length;
    let masked = if kept_all { veil.text(text) } else { veil.cut(text) };
    let end = (0..=most.min(masked.len())).rev().find(|at| masked.is_char_boundary(*at));
    let start = masked.get(..end.unwrap_or(0)).unwrap_or_default();
    let cut = !kept_all || start.len() < masked.len();
    // A terminal is not to be steered by what a service says.
    let mut text: String = start.chars().map(seen).collect();
    if cut {
        text.push_str(&format!("\n[cut: the first {} of {} bytes]", start.len(), body.length));
    }
    text
}

/// A body as text, if it is one; where it was cut, without the character that was cut.
fn text_of(body: &Payload) -> Option<&str> {
    let bytes = body.kept.as_slice();
    let is_cut = (bytes.len() as u64) < body.length;
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

fn seen(c: char) -> char {
    if c.is_control() && !matches!(c, '\n' | '\t' | '\r') { '\u{fffd}' } else { c }
}

fn visible(text: &str) -> String {
    text.chars().map(seen).collect()
}

#[cfg(test)]
mod tests;
