//! Request ids: the client's when it is sane, else our own. And the client's word on who its user is.
//!
//! Invariant: what is echoed is at most 128 of `A-Z a-z 0-9 . _ -`, so a header cannot forge a
//! log line or another header.
//! Invariant: a user's name only goes into the log, as a JSON text: printable ASCII, at most 256.
//! Not here: `traceparent` (see `telemetry::traces`).

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;
use chrono::Utc;

/// The longest id.
const LONGEST: usize = 128;
/// The longest name of a user.
const LONGEST_USER: usize = 256;

/// Makes ids that differ from those of other backends and of other lives of this one.
pub(super) struct RequestIds {
    life: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> RequestIds {
        let born = u64::try_from(Utc::now().timestamp_micros()).unwrap_or_default();
        RequestIds { life: born ^ u64::from(std::process::id()) << 40, next: AtomicU64::new(1) }
    }

    /// The id of a request with these headers.
    pub(super) fn of<'a>(&self, headers: &'a HeaderMap) -> Cow<'a, str> {
        match token(headers, "x-request-id") {
            Some(theirs) => Cow::Borrowed(theirs),
            None => {
                let n = self.next.fetch_add(1, Ordering::Relaxed);
                Cow::Owned(format!("{:x}-{n:x}", self.life))
            }
        }
    }
}

/// Who the client says its user is, as `X-User-ID` has it: a name, an address, a URN.
pub(super) fn user(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("x-user-id")?.to_str().ok()?;
    let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
    let sane = !text.is_empty() && text.len() <= LONGEST_USER && text.bytes().all(printable);
    sane.then_some(text)
}

/// A header's value if it is a sane token.
fn token<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    let sane = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(sane)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn users_are_any_printable_text_of_some_length() {
        for good in ["anna", "o'hara@example.com", "urn:user:7/9 \"x\"", &"x".repeat(256)] {
            assert_eq!(user(&headers("x-user-id", good)), Some(good));
        }
        for bad in ["", "a\tb", &"x".repeat(257)] {
            assert_eq!(user(&headers("x-user-id", bad)), None);
        }
        let mut high = HeaderMap::new();
        high.insert("x-user-id", axum::http::HeaderValue::from_bytes(&[0xe9]).unwrap());
        assert_eq!(user(&high), None);
    }

    #[test]
    fn sane_ids_are_kept_and_others_replaced() {
        let ids = RequestIds::new();
        for good in ["run-1.load_2-77-1", &"x".repeat(128)] {
            assert_eq!(ids.of(&headers("x-request-id", good)), good);
        }
        for bad in ["", "a b", "a\"b", "a/b", &"x".repeat(129)] {
            assert_ne!(ids.of(&headers("x-request-id", bad)), bad);
        }
        let none = HeaderMap::new();
        assert_ne!(ids.of(&none), ids.of(&none));
        assert_ne!(RequestIds::new().life, 0);
    }
}
