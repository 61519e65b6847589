//! Words for what a link that reads HTTP/1.1 could not read.
//!
//! Invariant: says what came, so that whoever wrote the client knows it again.
//! Not here: how often (`counts`), what to write instead (`run`).

use hyper::{Method, Uri};
use std::error::Error;
use std::io;

/// Headers that a head may have, either way.
pub(crate) const MOST_HEADERS: usize = 500;
/// Bytes of a request that are kept to be shown.
pub(crate) const KEPT: usize = 1024;
/// Bytes of what is no HTTP that are shown.
const SHOWN: usize = 24;
/// Bytes of a target that are shown.
const SHOWN_OF_TARGET: usize = 80;

/// What a client sent that hyper could not read, because it was too long or for another reason.
pub(crate) fn request(heard: &[u8], too_long: bool) -> String {
    if too_long { too_large("a request") } else { what(heard) }
}

/// What the far end answered to a request that hyper could not read; likewise.
pub(crate) fn answer(method: &Method, path: &str, error: &hyper::Error) -> Option<String> {
    let to = format!("its far end's answer to {method} {}", target(path));
    error.is_parse().then(|| match error.is_parse_too_large() {
        true => too_large(&to),
        false => format!("{to}, which is no HTTP/1.1 ({error})"),
    })
}

/// Of an answer's body, what hyper could not read; none: the connection ended.
pub(crate) fn body(error: &hyper::Error) -> Option<String> {
    let cause = cause(error)?;
    let is_unread =
        matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
    is_unread.then(|| format!("the body of an answer, whose chunks it does not take ({cause})"))
}

/// What the system, or who reads chunks, said of a connection that broke.
pub(crate) fn cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

/// Whether a peer that speaks TLS closed its connection without saying so (`close_notify`), as if somebody had
/// cut it.
pub(crate) fn is_unsaid(error: &hyper::Error) -> bool {
    cause(error).is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

fn too_large(what: &str) -> String {
    format!("{what}, whose head has more than {MOST_HEADERS} headers or is too long")
}

fn what(heard: &[u8]) -> String {
    if heard.starts_with(b"PRI * HTTP/2.0") {
        return "HTTP/2, which it does not read (as gRPC, and clients with prior knowledge)".into();
    }
    if heard.starts_with(&[0x16, 3]) {
        return "TLS, which it does not read".into();
    }
    let line = heard.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_http = words.next().is_some_and(|version| version.starts_with(b"HTTP/1."));
    if is_http && is_folded(heard) {
        let (method, target) = (shown(method, SHOWN), shown(target, SHOWN_OF_TARGET));
        return format!(
            "{method} {target}, with a header over several lines, which HTTP/1.1 forbids"
        );
    }
    match odd(target).filter(|_| is_http) {
        Some(byte) => format!(
            "{} {}, a target with a byte that it does not take, {}",
            shown(method, SHOWN),
            shown(target, SHOWN_OF_TARGET),
            shown(&[byte], 1)
        ),
        None => format!("{}, which is no HTTP/1.1 that it reads", shown(heard, SHOWN)),
    }
}

/// Whether a line of a head goes on in the next, which then begins with a blank.
fn is_folded(heard: &[u8]) -> bool {
    let end = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(heard.len());
    let head = heard.get(..end).unwrap_or_default();
    head.windows(2).any(|two| matches!(two, [b'\n', b' ' | b'\t']))
}

/// The first byte of a target that no target may have.
fn odd(target: &[u8]) -> Option<u8> {
    let query = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let is_odd = |(at, byte): &(usize, &u8)| {
        let alone: &[u8] = if *at > query { &[b'/', b'?', **byte] } else { &[b'/', **byte] };
        !matches!(byte, 0x21..=0x7e) && !byte.is_ascii_graphic() && **byte < 0x80
            || Uri::try_from(alone).is_err()
    };
    target.iter().enumerate().find(is_odd).map(|(_, byte)| *byte)
}

/// A target as it is shown.
pub(crate) fn target(target: &str) -> String {
    shown(target.as_bytes(), SHOWN_OF_TARGET)
}

fn shown(bytes: &[u8], most: usize) -> String {
    let rest = if bytes.len() > most { "…" } else { "" };
    format!("`{}{rest}`", bytes.get(..most).unwrap_or(bytes).escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_named() {
        assert!(what(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").starts_with("HTTP/2,"));
        assert!(what(b"\x16\x03\x01\x02\x00").starts_with("TLS,"));
        let odd = what(b"GET /a<b?c HTTP/1.1\r\nhost: x\r\n");
        assert_eq!(odd, "`GET` `/a<b?c`, a target with a byte that it does not take, `<`");
        assert!(what(b"GET /\x7f HTTP/1.1\r\n").ends_with("take, `\\x7f`"));
        let folded = what(b"GET /a HTTP/1.1\r\nx: a\r\n b\r\n\r\n");
        assert_eq!(folded, "`GET` `/a`, with a header over several lines, which HTTP/1.1 forbids");
        // What follows a head is no part of it.
        assert!(
            what(b"GET /a HTTP/1.1\r\nx: a\r\n\r\na\r\n b").contains("no HTTP/1.1 that it reads")
        );
        assert_eq!(what(b"PING\r\n"), "`PING\\r\\n`, which is no HTTP/1.1 that it reads");
        assert!(what(&[0; 99]).contains("\\x00…`"));
    }
}
