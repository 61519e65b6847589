//! What came of an answer that is not whole: enough of it to see why.
//!
//! Invariant: what is kept of it is no longer than what is shown of a whole one.
//! Not here: reading (`connection`, `lean`), how it is shown (`shown`), whether it may be kept
//! (`kept`).

use super::payload::Payload;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};

/// Why it is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broke {
    /// The connection ended.
    Ended,
    /// Its time was up.
    TooLate,
    /// The peer talked before it was asked.
    Unasked,
    /// The stream of HTTP/2 was reset.
    Reset,
    /// What came breaks the rules of HTTP.
    NoHttp,
    /// It has more headers than are read.
    ManyHeaders(usize),
    /// Its head is longer than is read, in bytes.
    LongHead(usize),
}

/// An answer may have so many headers, of HTTP/1.1: as many as hyper reads without asking for memory.
pub const MOST_FIELDS: usize = 100;
/// And its head be so long, in bytes.
pub const MOST_HEAD: usize = 256 * 1024;

impl Broke {
    /// How a head is too large that was given up after so many bytes.
    #[must_use]
    pub fn too_large(came: u64) -> Broke {
        if came > MOST_HEAD as u64 {
            Broke::LongHead(MOST_HEAD)
        } else {
            Broke::ManyHeaders(MOST_FIELDS)
        }
    }
}

/// Whether a head is longer than is read, by its status line and fields as they are sent.
#[must_use]
pub fn is_long(status: StatusCode, headers: &HeaderMap) -> bool {
    let reason = status.canonical_reason().unwrap_or_default();
    let line = "HTTP/1.1 200 \r\n\r\n".len() + reason.len();
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    headers.iter().map(field).sum::<usize>() + line > MOST_HEAD
}

/// As much as came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Why there is no more.
    pub broke: Broke,
    /// Its status and headers, where they are known; then `came` is what came of its body.
    pub head: Option<(u16, HeaderMap)>,
    /// The bytes that came, as they came.
    pub came: Payload,
}

impl Partial {
    /// Bytes that came.
    #[must_use]
    pub fn raw(broke: Broke, came: Payload) -> Box<Partial> {
        Box::new(Partial { broke, head: None, came })
    }

    /// Why it is no answer, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let bytes = match self.came.length {
            1 => "1 byte".to_owned(),
            more => format!("{more} bytes"),
        };
        let of = if self.head.is_some() { " of its body" } else { "" };
        match self.broke {
            Broke::Ended if self.came.length == 0 && self.head.is_none() => {
                "the connection ended before any byte of an answer".to_owned()
            }
            Broke::Ended => {
                format!("the connection ended before the answer was whole, after {bytes}{of}")
            }
            Broke::Reset if self.head.is_none() => {
                "the stream was reset before the answer began".to_owned()
            }
            Broke::Reset => {
                format!("the stream was reset before the answer was whole, after {bytes}{of}")
            }
            Broke::TooLate => format!("the time was up after {bytes}{of}"),
            Broke::Unasked => {
                "the peer answered on a new connection before anything was asked".to_owned()
            }
            Broke::NoHttp => format!("what came is no HTTP, or breaks its rules ({bytes} came)"),
            Broke::ManyHeaders(most) => {
                format!("the answer has more than {most} headers, the most that are read")
            }
            Broke::LongHead(most) => {
                format!(
                    "the head of the answer is longer than {most} bytes, the most that are read"
                )
            }
        }
    }
}
