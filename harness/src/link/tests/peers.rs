//! The parties of a link under test: a backend, raw clients, faults that always say the same.

use crate::clock::Clock;
use crate::link::listener::tests::free_port;
use crate::link::{
    Action, DrawnBy, Ending, Fate, Fault, LinkEvent, Links, Reach, Ruling, Seen, Tail,
};
use crate::record::Edges;
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;

/// Longer than anything here takes on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// A backend that answers what it is sent.
pub(super) struct Backend {
    pub(super) addr: SocketAddr,
    seen: Arc<AtomicU64>,
}

impl Backend {
    /// Echoes bodies; `GET` of anything says from where it was asked; `/close` closes.
    pub(super) async fn start() -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let counted = seen.clone();
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                let counted = counted.clone();
                let answer = move |request: Request<Incoming>| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    async move { Ok::<_, hyper::Error>(echo(request, peer)) }
                };
                let service = hyper::service::service_fn(answer);
                let server = hyper::server::conn::http1::Builder::new()
                    .preserve_header_case(true)
                    .auto_date_header(false)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(server);
            }
        });
        Backend { addr, seen }
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

fn echo(request: Request<Incoming>, peer: SocketAddr) -> Response<Either<Incoming, Full<Bytes>>> {
    let closes = request.uri().path() == "/close";
    let mut response = if request.method() == "POST" {
        Response::new(Either::Left(request.into_body()))
    } else {
        Response::new(Either::Right(Full::from(format!("hello {}", peer.ip()))))
    };
    if closes {
        response.headers_mut().insert("connection", "close".parse().unwrap());
    }
    response
}

/// A backend that reads one request head on each connection, then does as it is told.
pub(super) async fn scripted<F>(script: fn(TcpStream) -> F) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                read_head(&mut stream).await.unwrap();
                script(stream).await;
            });
        }
    });
    addr
}

/// A link named `api` to this address.
pub(super) struct Api {
    pub(super) links: Links,
    pub(super) events: UnboundedReceiver<LinkEvent>,
    pub(super) addr: SocketAddr,
}

impl Api {
    pub(super) async fn to(upstream: SocketAddr) -> Api {
        let clock = Clock::start();
        let edges = Arc::new(Edges::new(clock, vec![]));
        let (links, events) = Links::start(clock, edges, "r").unwrap();
        let (addr, _keeper) = free_port();
        assert_eq!(links.bind("api", addr).await.unwrap(), addr);
        links.set_upstream("api", upstream).unwrap();
        Api { links, events, addr }
    }

    pub(super) async fn inject(&self, fault: usize, action: Action) -> assay_slo::At {
        self.links.inject(fault, "api", action).await.unwrap().at
    }

    pub(super) async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    pub(super) async fn raw_from(&self, ip: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        socket.connect(self.addr).await.unwrap()
    }

    /// Waits until the link has seen so many requests.
    pub(super) async fn has_seen(&self, requests: u64) {
        within(async {
            while self.links.counts("api").unwrap().requests < requests {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// A fault that says the same of every request whose path starts so.
pub(super) struct Says {
    pub(super) fate: Fate,
    pub(super) prefix: &'static str,
}

impl Fault for Says {
    fn matches(&self, seen: &Seen) -> bool {
        seen.path().starts_with(self.prefix)
    }

    fn decide(&self, _: &Seen, _: u64, _: Duration) -> Ruling {
        Ruling { fate: Some(self.fate.clone()), drawn_by: DrawnBy::Nothing }
    }

    fn reach(&self) -> Reach {
        match (&self.fate.ending, self.prefix) {
            (Ending::Stall, "/") => Reach::Connections,
            (Ending::Stall | Ending::Reset, _) => Reach::UnderWay,
            _ if self.fate.back.tail == Tail::Stall => Reach::UnderWay,
            _ => Reach::Arriving,
        }
    }
}

pub(super) fn says(fate: Fate) -> Action {
    says_of("/", fate)
}

pub(super) fn says_of(prefix: &'static str, fate: Fate) -> Action {
    Action::Requests(Arc::new(Says { fate, prefix }))
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it takes too long")
}

pub(super) async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

pub(super) async fn get(stream: &mut TcpStream, path: &str) -> io::Result<String> {
    send(stream, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    read_answer(stream).await
}

/// Up to and with the empty line.
pub(super) async fn read_head<S: tokio::io::AsyncRead + Unpin>(
    stream: &mut S,
) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// A head, and as many bytes as it says.
pub(super) async fn read_answer<S: tokio::io::AsyncRead + Unpin>(
    stream: &mut S,
) -> io::Result<String> {
    let head = read_head(stream).await?;
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    within(stream.read_exact(&mut body)).await?;
    Ok(head + &String::from_utf8(body).unwrap())
}

/// Nothing but a reset comes.
pub(super) async fn is_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = within(stream.read_to_end(&mut rest)).await;
    let kind = ended.as_ref().map_err(io::Error::kind);
    assert_eq!(kind, Err(io::ErrorKind::ConnectionReset), "after {rest:?}");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

/// Sends a body of this many bytes to be echoed, and checks every byte.
pub(super) async fn echo_large(addr: SocketAddr, bytes: usize) {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, driver) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    let sent: Vec<u8> = (0..bytes).map(|at| (at / 7 + at / 1000) as u8).collect();
    let request = Request::post("/echo").header("host", "x");
    let request = request.body(Full::new(Bytes::from(sent.clone()))).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    let echoed = within(response.into_body().collect()).await.unwrap().to_bytes();
    assert!(echoed == sent, "{} of {} bytes came back, or others", echoed.len(), bytes);
}
