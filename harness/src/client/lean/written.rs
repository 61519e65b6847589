//! A request as it stands in memory: rendered once, only its id is put in.
//!
//! Invariant: the same lines as hyper writes of the same request.
//! Not here: what may be a request (`render`).

use crate::client::render::{REQUEST_ID, Rendered};
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HeaderMap};

/// A request without its id.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// To the id.
    before: Box<[u8]>,
    /// From behind the id.
    after: Box<[u8]>,
    pub(super) is_head: bool,
    pub(super) wants_headers: bool,
}

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

    /// Puts the k-th request in the place of what was there; ids of the warm-up's own count are
    /// written `w<k>`.
    pub(super) fn write(&self, k: u64, warmup: bool, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.before);
        if warmup {
            out.push(b'w');
        }
        digits(k, out);
        out.extend_from_slice(&self.after);
    }
}

/// A number in decimal: formatting costs as much as all else that is written here.
fn digits(number: u64, out: &mut Vec<u8>) {
    let (mut left, mut all, mut from) = (number, [0_u8; 20], 20);
    loop {
        from -= 1;
        all[from] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&all[from..]);
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
    use crate::client::Connection;
    use crate::client::connection::dial;
    use crate::plan::{Body, Client, Request, Text};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// What a peer reads of one request.
    async fn seen(request: hyper::Request<http_body_util::Full<bytes::Bytes>>) -> Vec<u8> {
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
        let mut ours = Connection::over(stream, None, assay_slo::At(0)).await.unwrap();
        let keep = crate::client::Keep::default();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        let (bytes, answer) = tokio::join!(peer, ours.send(request, &keep, deadline));
        assert_eq!(answer.unwrap().status, 200);
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
            ("DELETE", Body::File { path: String::new(), bytes: b"the body".to_vec() }),
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
            let mut lean = b"what was there before".to_vec();
            Written::new(&rendered, false).write(123, true, &mut lean);
            let hyper = seen(rendered.request(123, true)).await;
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

    #[test]
    fn numbers_are_written_as_others_write_them() {
        for number in [0, 7, 10, 99, 100, 1_234_567_890, u64::MAX] {
            let mut out = Vec::new();
            digits(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
