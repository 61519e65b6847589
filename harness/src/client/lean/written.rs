//! A request as it stands in memory: rendered once, only its id is put in.
//!
//! Invariant: the same lines as hyper writes of the same request.
//! Not here: what may be a request (`render`).

use crate::client::render::{REQUEST_ID, Rendered};
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HeaderMap};
use std::io::Write;

/// A request without its id.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// To the id.
    before: Box<[u8]>,
    /// From behind the id.
    after: Box<[u8]>,
    is_head: bool,
    wants_headers: bool,
}

/// A request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) is_head: bool,
    pub(super) wants_headers: bool,
}

/// Room for `w`, a number, and `-1`.
const ID: usize = 24;

impl Written {
    /// Of these parts; `wants_headers`: somebody looks at the answer's.
    pub(crate) fn new(rendered: &Rendered, wants_headers: bool) -> Written {
        let (method, uri, headers, body) = rendered.parts();
        let mut before = format!("{method} {uri} HTTP/1.1\r\n").into_bytes();
        fields(&mut before, headers);
        if !body.is_empty() {
            before.extend_from_slice(format!("{CONTENT_LENGTH}: {}\r\n", body.len()).as_bytes());
        }
        before.extend_from_slice(format!("{REQUEST_ID}: {}", rendered.id_prefix()).as_bytes());
        let mut after = b"-1\r\n\r\n".to_vec();
        after.extend_from_slice(body);
        Written {
            before: before.into_boxed_slice(),
            after: after.into_boxed_slice(),
            is_head: *method == Method::HEAD,
            wants_headers,
        }
    }

    /// The k-th request; ids of the warm-up's own count are written `w<k>`.
    pub(crate) fn message(&self, k: u64, warmup: bool) -> Message {
        let mut bytes = Vec::with_capacity(self.before.len() + ID + self.after.len());
        bytes.extend_from_slice(&self.before);
        if warmup {
            bytes.push(b'w');
        }
        // Writing to memory does not fail.
        _ = write!(bytes, "{k}");
        bytes.extend_from_slice(&self.after);
        Message { bytes, is_head: self.is_head, wants_headers: self.wants_headers }
    }
}

fn fields(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::attempt::Transport;
    use crate::client::connection::dial;
    use crate::client::{Connection, Lean};
    use crate::plan::{Body, Client, Request, Text};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// What a peer reads of one request.
    async fn seen<T: Transport>(request: T::Request) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let mut end = 0;
            while !bytes[..end].ends_with(b"the body") && !bytes[..end].ends_with(b"\r\n\r\n") {
                end += stream.read(&mut bytes[end..]).await.unwrap();
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            bytes.truncate(end);
            bytes
        };
        let stream = dial(None, listener.local_addr().unwrap()).await.unwrap();
        let mut ours = T::over(stream, None, assay_slo::At(0)).await.unwrap();
        let keep = crate::client::Keep::default();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        let (bytes, answer) = tokio::join!(peer, ours.send(request, &keep, deadline));
        assert_eq!(answer.unwrap().ok().unwrap().status, 200);
        bytes
    }

    #[tokio::test]
    async fn the_same_bytes_as_hyper_writes() {
        let text = |text: &str| Text(text.to_owned());
        let headers = vec![("X-Kind".to_owned(), text("a b")), ("accept".to_owned(), text("*/*"))];
        let transport = crate::plan::Transport::default();
        let client =
            Client { connections: 1, timeout_us: 1, connect_timeout_us: 1, headers, transport };
        for (method, body) in [
            ("GET", Body::Empty),
            ("POST", Body::Empty),
            ("POST", Body::Text(text("the body"))),
            ("DELETE", Body::File(b"the body".to_vec())),
        ] {
            let kind = Request {
                name: String::new(),
                method: method.to_owned(),
                path: text("/v1/x?a=b"),
                headers: vec![("content-type".to_owned(), text("x/y"))],
                body,
                check_status: vec![],
                timeout_us: 1,
                dynamic: None,
            };
            let rendered = Rendered::new("run", "web", "h:1", &client, &kind).unwrap();
            let lean = seen::<Lean>(Written::new(&rendered, false).message(123, true)).await;
            let hyper = seen::<Connection>(rendered.request(123, true)).await;
            let lines = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
                lines[1..].sort();
                lines
            };
            // hyper puts content-length last, and the order of different fields means nothing.
            assert_eq!(lines(&lean), lines(&hyper), "{method}");
        }
    }
}
