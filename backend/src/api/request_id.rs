//! Request ids: the client's when it is sane, else our own.
//!
//! Invariant: what is echoed is at most 128 of `A-Z a-z 0-9 . _ -`, so a header cannot forge a
//! log line or another header.
//! Not here: `traceparent` (see `telemetry::traces`).

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;
use chrono::Utc;

/// The longest id, and the longest other token of a header that the log repeats.
const LONGEST: usize = 128;

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

/// A header's value if it is a sane token.
pub(super) fn token<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
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
