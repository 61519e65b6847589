//! The socket of the page: `/metrics`, and nothing else.
//!
//! Invariant: one task a connection, on the run's runtime; the page is made under a short lock.
//! Not here: what is on the page.

use super::board::Board;
use super::page;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Serves the page until the handle is aborted; tells where.
///
/// # Errors
/// When the address cannot be listened on.
pub(in crate::run) async fn serve(
    address: SocketAddr,
    board: Arc<Mutex<Board>>,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let why =
            format!("cannot show metrics at {address}: {error}; choose another --metrics-addr");
        std::io::Error::new(error.kind(), why)
    })?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let board = Arc::clone(&board);
            let answer = service_fn(move |request| {
                let answer = answer(&request, &board);
                async move { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(async move {
                // A scraper that leaves half-way is its own matter.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    Ok((address, serving))
}

fn answer<B>(request: &Request<B>, board: &Mutex<Board>) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        let mut nothing = Response::new(Full::from("metrics are at /metrics\n"));
        *nothing.status_mut() = StatusCode::NOT_FOUND;
        return nothing;
    }
    let text = board.lock().unwrap_or_else(PoisonError::into_inner).page();
    let mut answer = Response::new(Full::from(text));
    let kind = hyper::header::HeaderValue::from_static(page::TYPE);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
