//! The far end of a link that stands in for a dependency: an HTTP/1.1 server that answers as told.
//!
//! Its link leads to it as to any service, so faults act on a stub as on the real thing.
//!
//! Invariant: a request is read to its end before it is answered.
//! Not here: what is answered (module `fault`), faults (`proxy`).

use super::{Answer, answer_each};
use crate::clock::wake_after;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::Instant;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// What is answered, and when.
#[derive(Debug, Clone)]
pub struct Said {
    /// This,
    pub answer: Arc<Answer>,
    /// so long after the request was read.
    pub after: Duration,
}

/// Knows what is answered to a request.
pub trait Answers: Send + Sync {
    /// To this method and path.
    fn answer(&self, method: &str, path: &str) -> Said;
}

/// Serves at this address until the process ends, on a thread of its own: it must not wait for
/// those whom it stands against.
///
/// # Errors
/// The address cannot be had, or there is no thread.
pub async fn start(at: SocketAddr, answers: Arc<dyn Answers>) -> io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)?
    };
    let bound = listener.local_addr()?;
    std::thread::Builder::new().name("stub".to_owned()).spawn(move || {
        let said = move |request| answer(request, Arc::clone(&answers));
        runtime.block_on(answer_each(listener, said));
    })?;
    Ok(bound)
}

async fn answer(
    request: Request<Incoming>,
    answers: Arc<dyn Answers>,
) -> Result<hyper::Response<http_body_util::Full<bytes::Bytes>>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let came = Instant::now();
    let said = answers.answer(head.method.as_str(), head.uri.path());
    if !said.after.is_zero() {
        match wake_after(came, said.after) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
    let fallback = || {
        let mut response = hyper::Response::default();
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        response
    };
    Ok(said.answer.response().unwrap_or_else(|_| fallback()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::listener::tests::free_port;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    struct Echo;

    impl Answers for Echo {
        fn answer(&self, method: &str, path: &str) -> Said {
            let text = format!("{method} {path}");
            let answer = Arc::new(Answer::new(200, Vec::new(), &text).unwrap());
            Said { answer, after: Duration::from_millis(20) }
        }
    }

    #[tokio::test]
    async fn it_answers_what_it_is_told_one_after_another() {
        let (addr, keeper) = free_port();
        start(addr, Arc::new(Echo)).await.unwrap();
        drop(keeper);
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let begun = tokio::time::Instant::now();
        for (ask, said) in [
            ("POST /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "POST /a"),
            ("GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /c"),
        ] {
            stream.write_all(ask.as_bytes()).await.unwrap();
            let mut heard = String::new();
            while !heard.ends_with(said) {
                let mut piece = [0; 256];
                let n = stream.read(&mut piece).await.unwrap();
                assert!(n > 0, "{heard}");
                heard.push_str(std::str::from_utf8(&piece[..n]).unwrap());
            }
            assert!(heard.starts_with("HTTP/1.1 200 OK"), "{heard}");
        }
        assert!(begun.elapsed() >= Duration::from_millis(38));
    }
}
