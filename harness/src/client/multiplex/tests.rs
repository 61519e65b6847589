//! HTTP/2 against scripted peers on real sockets: what shares a connection, and how each way to
//! end is counted.

use super::*;
use crate::client::attempt_on_hyper;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use hyper::header::HOST;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

const LONG_US: u64 = 20_000_000;

/// What a peer does with the n-th request, from 1, of all its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Answer,
    /// Answers when it is let.
    Wait,
    Reset(Reason),
    /// Ends the connection, with or without a word.
    GoAway,
    Hang,
    /// Says how it begins, and resets it.
    CutShort(Reason),
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    arrived: AtomicUsize,
    cancelled: AtomicUsize,
}

struct Peer {
    addr: SocketAddr,
    seen: Arc<Seen>,
    let_go: watch::Sender<bool>,
}

impl Peer {
    async fn start(streams: u32, does: impl Fn(usize) -> Does + Send + Copy + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (seen, (let_go, go)) = (Arc::<Seen>::default(), watch::channel(false));
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                told.connections.fetch_add(1, Ordering::Relaxed);
                let (seen, go) = (Arc::clone(&told), go.clone());
                tokio::spawn(async move {
                    let mut builder = h2::server::Builder::new();
                    builder.max_concurrent_streams(streams);
                    let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        let n = seen.arrived.fetch_add(1, Ordering::Relaxed) + 1;
                        assert_eq!(request.uri().to_string(), format!("http://shop.test/{n}"));
                        assert!(!request.headers().contains_key(HOST));
                        if does(n) == Does::GoAway {
                            connection.abrupt_shutdown(Reason::NO_ERROR);
                            continue;
                        }
                        let (seen, go) = (Arc::clone(&seen), go.clone());
                        tokio::spawn(answer(does(n), request, respond, seen, go));
                    }
                });
            }
        });
        Peer { addr, seen, let_go }
    }

    fn counts(&self) -> (usize, usize) {
        let count = |one: &AtomicUsize| one.load(Ordering::Relaxed);
        (count(&self.seen.connections), count(&self.seen.arrived))
    }

    async fn arrived(&self, n: usize) {
        until(|| self.seen.arrived.load(Ordering::Relaxed) >= n).await;
    }
}

async fn until(holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 20 s");
}

async fn answer(
    does: Does,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    seen: Arc<Seen>,
    mut go: watch::Receiver<bool>,
) {
    match does {
        Does::Reset(reason) => return respond.send_reset(reason),
        Does::Hang => {
            let mut body = request.into_body();
            if body.data().await.is_none_or(|data| data.is_err()) {
                std::future::poll_fn(|context| respond.poll_reset(context)).await.unwrap();
                seen.cancelled.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        Does::Wait => drop(go.wait_for(|go| *go).await),
        Does::Answer | Does::GoAway | Does::CutShort(_) => {}
    }
    let head = hyper::Response::builder().status(200).body(()).unwrap();
    let mut body = respond.send_response(head, false).unwrap();
    if let Does::CutShort(reason) = does {
        body.send_data(Bytes::from_static(b"o"), false).unwrap();
        return body.send_reset(reason);
    }
    body.send_data(Bytes::from_static(b"ok"), true).unwrap();
}

fn limits(addr: SocketAddr, trunk: Trunk) -> Arc<Limits> {
    Arc::new(Limits {
        addr,
        connect_timeout_us: LONG_US,
        timeout_us: LONG_US,
        check_status: Vec::new(),
        keep: crate::client::Keep::default(),
        tls: None,
        trunk: Some(Arc::new(trunk)),
        ways: crate::client::Ways::default(),
    })
}

/// The attempt to send the n-th request: how it ended, and how often it began.
async fn send(limits: &Limits, n: usize) -> (Exchange, usize) {
    let request = Request::get(format!("/{n}")).header(HOST, "shop.test");
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let mut began = 0;
    let clock = Clock::start();
    let (exchange, kept) = attempt_on_hyper(&clock, limits, None, request, |_| began += 1).await;
    assert!(kept.is_none());
    (exchange, began)
}

async fn sent(limits: &Limits, n: usize) -> Outcome {
    send(limits, n).await.0.outcome
}

/// Sends so many at once, one after another; gives how each ended.
async fn at_once(limits: &Arc<Limits>, peer: &Peer, from: usize, to: usize) -> Vec<Outcome> {
    let mut all = JoinSet::new();
    for n in from..=to {
        let limits = Arc::clone(limits);
        all.spawn(async move { sent(&limits, n).await });
        // Each is to arrive before the next, so that its number is its path.
        peer.arrived(n).await;
    }
    peer.let_go.send_replace(true);
    all.join_all().await
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let peer = Peer::start(100, |_| Does::Wait).await;
    let limits = limits(peer.addr, Trunk::new(4, 100));
    assert_eq!(at_once(&limits, &peer, 1, 30).await, [Outcome::Ok; 30]);
    assert_eq!(peer.counts(), (1, 30));
}

#[tokio::test]
async fn connections_grow_when_the_peer_allows_no_more_streams() {
    let peer = Peer::start(3, |n| if n == 1 { Does::Answer } else { Does::Wait }).await;
    let limits = limits(peer.addr, Trunk::new(10, 100));
    // What it allows is known from the first answer on.
    assert_eq!(sent(&limits, 1).await, Outcome::Ok);
    assert_eq!(at_once(&limits, &peer, 2, 4).await, [Outcome::Ok; 3]);
    assert_eq!(peer.counts(), (1, 4));
    peer.let_go.send_replace(false);
    assert_eq!(at_once(&limits, &peer, 5, 8).await, [Outcome::Ok; 4]);
    assert_eq!(peer.counts(), (2, 8));
}

#[tokio::test]
async fn one_stream_each_where_nothing_may_be_shared() {
    let peer = Peer::start(100, |_| Does::Wait).await;
    let limits = limits(peer.addr, Trunk::new(5, 1));
    assert_eq!(at_once(&limits, &peer, 1, 5).await, [Outcome::Ok; 5]);
    assert_eq!(peer.counts(), (5, 5));
    assert_eq!(sent(&limits, 6).await, Outcome::Ok);
    assert_eq!(peer.counts(), (5, 6));
}

#[tokio::test]
async fn a_stream_that_is_reset_is_one_failed_attempt_and_the_connection_goes_on() {
    let peer = Peer::start(100, |n| match n {
        2 => Does::Reset(Reason::INTERNAL_ERROR),
        3 => Does::Reset(Reason::REFUSED_STREAM),
        4 => Does::CutShort(Reason::INTERNAL_ERROR),
        _ => Does::Answer,
    })
    .await;
    let limits = limits(peer.addr, Trunk::new(1, 100));
    for (n, outcome, idle_reset) in [
        (1, Outcome::Ok, false),
        (2, Outcome::ProtocolError, false),
        // A server that sheds load has not ended an idle connection, and is not asked once more.
        (3, Outcome::ProtocolError, false),
        (4, Outcome::ProtocolError, false),
        (5, Outcome::Ok, false),
    ] {
        let (exchange, began) = send(&limits, n).await;
        assert_eq!((exchange.outcome, exchange.idle_reset, began), (outcome, idle_reset, 1), "{n}");
        assert!(exchange.finding.is_none(), "{exchange:?}");
        let why = exchange.partial.map(|partial| partial.why()).unwrap_or_default();
        let was_reset = why.starts_with("the stream was reset before the answer");
        assert_eq!(was_reset, [2, 3, 4].contains(&n), "{n}: {why}");
    }
    assert_eq!(peer.counts(), (1, 5));
}

#[tokio::test]
async fn only_an_answer_that_ends_is_whole() {
    let peer = Peer::start(100, |n| match n {
        1 => Does::CutShort(Reason::NO_ERROR),
        _ => Does::Answer,
    })
    .await;
    let limits = limits(peer.addr, Trunk::new(1, 100));
    for (n, outcome) in [(1, Outcome::ProtocolError), (2, Outcome::Ok)] {
        assert_eq!(sent(&limits, n).await, outcome, "{n}");
    }
    assert_eq!(peer.counts(), (1, 2));
}

#[tokio::test]
async fn who_is_told_to_go_away_comes_back_on_another_connection() {
    let peer = Peer::start(100, |n| if n == 2 { Does::GoAway } else { Does::Answer }).await;
    let limits = limits(peer.addr, Trunk::new(1, 100));
    assert_eq!(sent(&limits, 1).await, Outcome::Ok);
    // It was written: nothing sends it again.
    let (exchange, began) = send(&limits, 2).await;
    assert_eq!((exchange.outcome, exchange.idle_reset, began), (Outcome::ProtocolError, true, 1));
    for n in 3..6 {
        assert_eq!(sent(&limits, n).await, Outcome::Ok);
    }
    assert_eq!(peer.counts(), (2, 5));
}

#[tokio::test]
async fn a_request_that_times_out_is_cancelled_and_its_connection_left() {
    let peer = Peer::start(100, |n| if n == 2 { Does::Hang } else { Does::Answer }).await;
    let limits = limits(peer.addr, Trunk::new(1, 100));
    assert_eq!(sent(&limits, 1).await, Outcome::Ok);
    let hasty = Limits { timeout_us: 50_000, ..Limits::clone(&limits) };
    assert_eq!(sent(&hasty, 2).await, Outcome::Timeout);
    assert_eq!(sent(&limits, 3).await, Outcome::Ok);
    assert_eq!(peer.counts(), (2, 3));
    until(|| peer.seen.cancelled.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn every_refused_request_is_an_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let limits = limits(addr, Trunk::new(1, 100));
    let all: JoinSet<_> = (0..5)
        .map(|n| {
            let limits = Arc::clone(&limits);
            async move { send(&limits, n).await }
        })
        .collect();
    for (exchange, began) in all.join_all().await {
        assert_eq!((exchange.outcome, exchange.refused, began), (Outcome::ConnectError, true, 1));
    }
}

#[tokio::test]
async fn whoever_speaks_no_http2_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let (exchange, began) = send(&limits(addr, Trunk::new(1, 100)), 1).await;
    assert_eq!((exchange.outcome, began), (Outcome::ProtocolError, 1));
    assert!(exchange.finding.unwrap().contains("check that it speaks HTTP/2"));
}

#[tokio::test]
async fn who_resets_the_first_stream_speaks_http2() {
    for does in [Does::Reset(Reason::INTERNAL_ERROR), Does::Reset(Reason::REFUSED_STREAM)] {
        let peer = Peer::start(100, move |_| does).await;
        let (exchange, _) = send(&limits(peer.addr, Trunk::new(1, 100)), 1).await;
        assert_eq!((exchange.outcome, exchange.finding), (Outcome::ProtocolError, None));
    }
}
