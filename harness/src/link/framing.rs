//! What hyper's encoders leave out of a message: what can be had of them all the same, and what is told.
//!
//! They write a trailer only if the head's `Trailer` names it, and to a client only if that said
//! `TE: trailers`; and no length of an answer that is known to have no body.
//!
//! Invariant: what is called lost here is not written, and nothing else is called so.
//! Not here: passing bodies on (`body`), what is told of it (`run`).

use super::Links;
use super::seen::Seen;
use super::unread::target;
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode, Version};

/// Whose trailers they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'h> {
    /// The request's.
    Request,
    /// Those of its answer, and what its `Trailer` named.
    Answer(&'h [HeaderValue]),
}

/// The first of these trailers that is not written, with whose it is; `seen` is the request.
pub(super) fn lost(trailers: &HeaderMap, of: Of<'_>, seen: &Seen) -> Option<String> {
    let asked: Vec<HeaderValue>;
    let (named, is_taken, whose) = match of {
        Of::Request => {
            asked = all(&seen.headers, header::TRAILER);
            (asked.as_slice(), true, "")
        }
        Of::Answer(named) => {
            let taken = all(&seen.headers, header::TE);
            (named, holds(&taken, "trailers"), "the answer to ")
        }
    };
    let passes = |name: &HeaderName| is_taken && holds(named, name.as_str()) && may_be_one(name);
    let name = trailers.keys().find(|name| !passes(name))?;
    Some(format!("`{name}` of {whose}{} {}", seen.method, target(seen.path())))
}

/// Whether it may be a trailer at all.
fn may_be_one(name: &HeaderName) -> bool {
    !matches!(
        *name,
        header::AUTHORIZATION
            | header::CACHE_CONTROL
            | header::CONTENT_ENCODING
            | header::CONTENT_LENGTH
            | header::CONTENT_RANGE
            | header::CONTENT_TYPE
            | header::HOST
            | header::MAX_FORWARDS
            | header::SET_COOKIE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::TE
    )
}

/// All values of a header.
pub(super) fn all(headers: &HeaderMap, name: HeaderName) -> Vec<HeaderValue> {
    headers.get_all(name).iter().cloned().collect()
}

fn holds(values: &[HeaderValue], word: &str) -> bool {
    let mut words =
        values.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    words.any(|one| one.trim().eq_ignore_ascii_case(word))
}

/// Whether an answer without a body says how long that would be. hyper writes it only if it
/// thinks that there is one; that of a `HEAD` it writes anyway.
pub(super) fn says_length<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::NOT_MODIFIED && {
        let lengths = all(response.headers(), header::CONTENT_LENGTH);
        let is_one =
            |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u64>().is_ok();
        matches!(lengths.as_slice(), [length] if length.to_str().is_ok_and(is_one))
    }
}

/// Whether an answer to a client of this version has no end but the connection's: no chunks, no length.
pub(super) fn ends_by_close<B: Body>(response: &Response<B>, client: Version) -> bool {
    let old = response.version() == Version::HTTP_10 || client == Version::HTTP_10;
    old && response.body().size_hint().exact().is_none()
}

impl Links {
    /// The first trailer that a link could not pass on, and whose it was.
    #[must_use]
    pub fn lost_trailer(&self, name: &str) -> Option<String> {
        self.of(name).ok()?.lost().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{Method, Uri};

    fn seen(headers: &[(&str, &str)]) -> Seen {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        Seen::new(Method::POST, Uri::from_static("/a?b"), map, "r-")
    }

    #[test]
    fn a_trailer_passes_if_it_was_named_and_is_wanted() {
        let mut trailers = HeaderMap::new();
        trailers.append("x-sum", HeaderValue::from_static("9"));
        let named = ["a,  X-Sum".parse().unwrap()];
        let wants = seen(&[("te", "gzip"), ("te", "deflate, Trailers")]);
        assert_eq!(lost(&trailers, Of::Answer(&named), &wants), None);
        let told = "`x-sum` of the answer to POST `/a`";
        assert_eq!(lost(&trailers, Of::Answer(&[]), &wants).as_deref(), Some(told));
        assert_eq!(lost(&trailers, Of::Answer(&named), &seen(&[])).as_deref(), Some(told));
        assert_eq!(lost(&trailers, Of::Request, &seen(&[("trailer", "X-Sum")])), None);
        let told = "`x-sum` of POST `/a`";
        assert_eq!(lost(&trailers, Of::Request, &wants).as_deref(), Some(told));
        trailers.append("host", HeaderValue::from_static("x"));
        let both = seen(&[("trailer", "x-sum"), ("trailer", "host")]);
        assert_eq!(lost(&trailers, Of::Request, &both).as_deref(), Some("`host` of POST `/a`"));
    }

    #[test]
    fn only_a_plain_length_is_said() {
        let says = |status: u16, lengths: &[&str]| {
            let mut response = Response::builder().status(status);
            for length in lengths {
                response = response.header("content-length", *length);
            }
            says_length(&response.body(()).unwrap())
        };
        assert!(says(304, &["77"]));
        for (status, lengths) in
            [(200, &["77"][..]), (304, &[]), (304, &["+7"]), (304, &["7", "7"]), (304, &["x"])]
        {
            assert!(!says(status, lengths), "{status} {lengths:?}");
        }
    }
}
