//! Requests as they are written: all parts built once at the start, only the id changes.
//!
//! Invariant: what cannot be a request is refused here, before anything is sent.
//! Not here: filling placeholders (`run`), which request comes when (`load`).

use crate::plan::traced::{Traced, Tracing};
use crate::plan::{Body, Client};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Uri};
use std::fmt::Display;

/// The header that carries the request's key.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that carries its trace on.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request without its id.
#[derive(Debug, Clone)]
pub struct Rendered {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    id_prefix: String,
    tracing: Option<Tracing>,
}

/// Why something cannot be a request.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The method is no token.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// The path is no path and query.
    #[error("`{0}` is not a request path: it must start with `/` and hold no spaces")]
    Path(String),
    /// A header's name is no token.
    #[error("`{0}` is not a header name")]
    HeaderName(String),
    /// A header's value holds what a header cannot.
    #[error("the value of header `{0}` holds characters that a header cannot carry")]
    HeaderValue(String),
    /// The length of the body is not the user's to give.
    #[error("header `{0}` is written by Assay itself: leave it out")]
    Framing(String),
}

impl Rendered {
    /// Builds all parts. `authority` is the peer as `host:port`; placeholders are already filled.
    /// Ids are `<run>-<load>-<k>-1`.
    ///
    /// # Errors
    /// A part that HTTP/1.1 cannot carry.
    pub fn new(
        run: &str,
        load: &str,
        authority: &str,
        client: &Client,
        request: &crate::plan::Request,
    ) -> Result<Rendered, RenderError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| RenderError::Method(request.method.clone()))?;
        let path = &request.path.0;
        let uri =
            path.parse::<Uri>().ok().filter(|uri| uri.host().is_none() && path.starts_with('/'));
        let uri = uri.ok_or_else(|| RenderError::Path(path.clone()))?;
        let (body, content_type) = match &request.body {
            Body::Empty => (Bytes::new(), None),
            Body::Json(text) => (Bytes::from(text.0.clone()), Some("application/json")),
            Body::Text(text) => (Bytes::from(text.0.clone()), Some("text/plain; charset=utf-8")),
            Body::File { bytes, .. } => (Bytes::from(bytes.clone()), None),
        };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, value("host", authority)?);
        let agent = concat!("assay/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, text) in client.headers.iter().chain(&request.headers) {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| RenderError::HeaderName(name.clone()))?;
            if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
                return Err(RenderError::Framing(name.to_string()));
            }
            let value = value(name.as_str(), &text.0)?;
            headers.insert(name, value);
        }
        // RFC 9110 8.6: a method that gives content a meaning says that there is none.
        if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let id_prefix = format!("{run}-{load}-");
        value(REQUEST_ID.as_str(), &id_prefix)?;
        Ok(Rendered { method, uri, headers, body, id_prefix, tracing: None })
    }

    /// The same, carrying its trace on.
    #[must_use]
    pub fn traced_by(self, tracing: Option<Tracing>) -> Rendered {
        Rendered { tracing, ..self }
    }

    /// The trace of the request with this key; none where none is carried on.
    #[must_use]
    pub fn traced(&self, key: impl Display) -> Option<Traced> {
        let tracing = self.tracing?;
        Some(tracing.of(&format!("{}{key}-1", self.id_prefix)))
    }

    /// Method, path, headers but the id, body.
    pub(super) fn parts(&self) -> (&Method, &Uri, &HeaderMap, &Bytes) {
        (&self.method, &self.uri, &self.headers, &self.body)
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// What ids begin with.
    pub(super) fn id_prefix(&self) -> &str {
        &self.id_prefix
    }

    /// The k-th request; ids of the warm-up's own count are written `w<k>`.
    #[must_use]
    pub fn request(&self, k: u64, warmup: bool) -> Request<Full<Bytes>> {
        let warmup = if warmup { "w" } else { "" };
        self.keyed(format_args!("{warmup}{k}"))
    }

    /// The request with the id `<run>-<load>-<key>-1`. `key` must hold only what a header can
    /// carry, else there is no id.
    #[must_use]
    pub fn keyed(&self, key: impl Display) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let id = format!("{}{key}-1", self.id_prefix);
        let traced = self.tracing.map(|tracing| tracing.of(&id).to_string());
        if let Some(value) = traced.and_then(|text| HeaderValue::try_from(text).ok()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        // The prefix was tried at the start.
        if let Ok(id) = HeaderValue::try_from(id) {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        request
    }
}

fn value(name: &str, text: &str) -> Result<HeaderValue, RenderError> {
    HeaderValue::from_str(text).map_err(|_| RenderError::HeaderValue(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Text;

    fn text(text: &str) -> Text {
        Text(text.to_owned())
    }

    fn client(headers: &[(&str, &str)]) -> Client {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
        Client {
            connections: 1,
            timeout_us: 1,
            connect_timeout_us: 1,
            headers: headers.collect(),
            transport: crate::plan::Transport::default(),
        }
    }

    fn request(method: &str, path: &str, body: Body) -> crate::plan::Request {
        crate::plan::Request {
            name: String::new(),
            method: method.to_owned(),
            path: text(path),
            headers: vec![],
            body,
            check_status: vec![],
            timeout_us: 1,
            dynamic: None,
        }
    }

    #[test]
    fn only_the_id_changes() {
        let kind = request("POST", "/v1/x?a=b", Body::Json(text("{}")));
        let rendered = Rendered::new("r", "web", "h:1", &client(&[]), &kind).unwrap();
        let (first, warm) = (rendered.request(7, false), rendered.request(7, true));
        assert_eq!(first.headers()[REQUEST_ID], "r-web-7-1");
        assert_eq!(warm.headers()[REQUEST_ID], "r-web-w7-1");
        assert_eq!(first.uri(), "/v1/x?a=b");
        assert_eq!(first.headers()[HOST], "h:1");
        assert_eq!(first.headers()[CONTENT_TYPE], "application/json");
        assert!(first.headers()[USER_AGENT].as_bytes().starts_with(b"assay/"));
    }

    #[test]
    fn a_request_header_wins_over_the_clients_and_ours() {
        let mut kind = request("PUT", "/", Body::Text(text("a")));
        kind.headers = vec![("content-type".to_owned(), text("text/csv"))];
        let client = client(&[("Content-Type", "text/html"), ("User-Agent", "me")]);
        let rendered = Rendered::new("r", "l", "h:1", &client, &kind).unwrap();
        let sent = rendered.request(0, false);
        assert_eq!(sent.headers()[CONTENT_TYPE], "text/csv");
        assert_eq!(sent.headers().get_all(CONTENT_TYPE).iter().count(), 1);
        assert_eq!(sent.headers()[USER_AGENT], "me");
    }

    #[test]
    fn an_empty_post_says_so() {
        let length = |method| {
            let kind = request(method, "/", Body::Empty);
            let rendered = Rendered::new("r", "l", "h:1", &client(&[]), &kind).unwrap();
            rendered.request(0, false).headers().get(CONTENT_LENGTH).cloned()
        };
        assert_eq!(length("POST").unwrap(), "0");
        assert_eq!(length("GET"), None);
    }

    #[test]
    fn what_cannot_be_a_request_is_refused() {
        let new = |client: &Client, method: &str, path: &str| {
            Rendered::new("r", "l", "h:1", client, &request(method, path, Body::Empty)).err()
        };
        let none = client(&[]);
        assert!(matches!(new(&none, "G T", "/"), Some(RenderError::Method(_))));
        for path in ["", "x", "/a b", "http://other/", "//\u{e9} "] {
            assert!(matches!(new(&none, "GET", path), Some(RenderError::Path(_))), "{path}");
        }
        for (name, value) in [("a b", "x"), ("a", "x\r\ny: z"), ("Content-Length", "3")] {
            assert!(new(&client(&[(name, value)]), "GET", "/").is_some(), "{name}");
        }
        assert!(
            Rendered::new("r", "l\n", "h:1", &none, &request("GET", "/", Body::Empty)).is_err()
        );
    }
}
