//! What requests and ends look like in HTTP/2.
//!
//! Not here: connections and their streams (`multiplex`).

use super::super::connection::Broken;
use super::super::partial::{Broke, Partial};
use super::super::payload::Payload;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HOST;
use hyper::{Request, Uri};
use std::error::Error;

/// HTTP/2 has the host where the path is (RFC 9113 8.3.1).
pub(super) fn address(request: &mut Request<Full<Bytes>>, scheme: &'static str) {
    let Some(host) = request.headers_mut().remove(HOST) else { return };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let whole = Uri::builder().scheme(scheme).authority(host.as_bytes()).path_and_query(path);
    // A host that is no authority stays a header, as in HTTP/1.
    match whole.build() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => {
            request.headers_mut().insert(HOST, host);
        }
    }
}

/// Whether the peer said in HTTP/2 that it ends a stream or the connection.
pub(super) fn is_frame(error: &hyper::Error) -> bool {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(ended) = inner.downcast_ref::<h2::Error>() {
            return ended.is_remote() && (ended.is_reset() || ended.is_go_away());
        }
        cause = inner.source();
    }
    false
}

pub(super) fn late<R>(answered: bool) -> Broken<R> {
    Broken::Midway { answered, broke: Broke::TooLate, partial: None }
}

pub(super) fn broken<R>(error: hyper::Error, answered: bool) -> Broken<R> {
    if error.is_user() {
        return Broken::Unsendable(error);
    }
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(inner) = cause {
        if let Some(ended) = inner.downcast_ref::<h2::Error>() {
            // A stream that is refused is an answer of one who is there and busy, not a connection's end.
            let closed = ended.is_io() || ended.is_remote() && ended.is_go_away();
            let broke = match ended.is_remote() {
                _ if closed => Broke::Ended,
                true => Broke::Reset,
                // Ours, because what came breaks a rule: a body shorter than its head says.
                false => Broke::NoHttp,
            };
            let partial = Some(Partial::raw(broke, Payload::default()));
            return Broken::Midway { answered, broke, partial };
        }
        cause = inner.source();
    }
    Broken::Midway { answered, broke: Broke::Ended, partial: None }
}
