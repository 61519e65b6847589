//! A listener whose HTTP/1.1 connections are answered by one function.
//!
//! Invariant: no connection waits for another, and none that fails ends the others.
//! Not here: what is answered (`stub`, `assay record`); links themselves, which may refuse, stall or cut
//! (`proxy`).

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long accepting pauses after it failed, as it does without free descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Answers until it is dropped; connections go on after that. An error of `answer` closes its
/// connection.
pub async fn answer_each<A, F, E>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Full<Bytes>>, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Small answers would wait for acknowledgements; nothing is lost if it fails.
        let _slower = stream.set_nodelay(true);
        let served = hyper::server::conn::http1::Builder::new()
            .auto_date_header(false)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service_fn(answer.clone()));
        tokio::spawn(async move {
            // A client that leaves, or an answer that does not come, is told by the connection.
            let _left = served.await;
        });
    }
}
