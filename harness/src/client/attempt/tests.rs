//! One attempt against scripted peers on real sockets: each way to end has its class.

mod tried;

use super::*;
use crate::client::lean::Wire;
use crate::client::{Connection, Rendered};
use crate::plan::{Body, Client, Request as Kind, Text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tried::{Tried, attempt};

/// Generous where the peer answers, short where it never does.
const SHORT_US: u64 = 80_000;
const LONG_US: u64 = 20_000_000;

/// Each test, on each transport.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_hyper {
            use super::*;
            $(#[tokio::test] async fn $name() { super::$name::<Connection>().await; })*
        }
        mod on_lean {
            use super::*;
            $(#[tokio::test] async fn $name() { super::$name::<Wire>().await; })*
        }
    };
}

mod bounds;
mod heads;
mod times;
mod unasked;
mod ways;

on_both! {
    answers_of_every_framing_are_read_whole
    cut_bodies_and_garbage_are_protocol_errors
    errors_of_the_service_keep_their_status_and_headers
    a_refused_connection_is_a_connect_error
    a_reset_of_a_new_connection_is_no_idle_reset
    silence_and_a_drip_end_at_the_timeout
    a_kept_connection_carries_the_next_request
    closed_reset_or_talking_while_idle_is_replaced_and_no_attempt
    ended_after_writing_on_a_kept_connection_is_an_idle_reset_and_not_retried
    garbage_on_a_kept_connection_is_no_idle_reset
    connections_that_say_close_or_send_too_much_are_not_kept
    a_large_body_is_read_through
}

fn request(method: &str) -> Rendered {
    let client = Client {
        connections: 1,
        timeout_us: 1,
        connect_timeout_us: 1,
        headers: Vec::new(),
        transport: crate::plan::Transport::default(),
    };
    let kind = Kind {
        name: String::new(),
        method: method.to_owned(),
        path: Text("/".to_owned()),
        headers: Vec::new(),
        body: Body::Empty,
        check_status: Vec::new(),
        timeout_us: 1,
        dynamic: None,
    };
    Rendered::new("run", "load", "host:1", &client, &kind).unwrap()
}

fn limits(addr: SocketAddr, timeout_us: u64) -> Limits {
    Limits {
        addr,
        connect_timeout_us: LONG_US,
        timeout_us,
        check_status: Vec::new(),
        keep: crate::client::Keep::default(),
        tls: None,
        trunk: None,
        ways: crate::client::Ways::default(),
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Reads one request without body to its end.
async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
}

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

/// One attempt against a peer that reads the request, writes these bytes and closes.
async fn against<T: Tried>(method: &str, answer: &'static [u8]) -> (Exchange, bool) {
    let (listener, addr) = listener().await;
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(answer).await.unwrap();
        stream
    };
    let clock = Clock::start();
    let limits = limits(addr, LONG_US);
    let ours = async {
        let (exchange, kept) = attempt::<T>(&clock, &limits, None, request(method), |_| {}).await;
        (exchange, kept.is_some())
    };
    // The peer's end of the stream is closed as soon as it has answered.
    let (_, ours) = tokio::join!(async { drop(peer.await) }, ours);
    ours
}

async fn answers_of_every_framing_are_read_whole<T: Tried>() {
    let cases: [(&str, &'static [u8], u16); 8] = [
        ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", 200),
        ("GET", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200),
        ("GET", b"HTTP/1.0 200 OK\r\n\r\nold", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304),
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", 200),
        (
            "GET",
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
            201,
        ),
    ];
    for (method, answer, status) in cases {
        let (exchange, _) = against::<T>(method, answer).await;
        let text = String::from_utf8_lossy(answer);
        assert_eq!((exchange.outcome, exchange.status), (Outcome::Ok, status), "{text}");
        assert!(exchange.begun.unwrap() <= exchange.done);
        assert!(exchange.headers.is_some());
    }
}

async fn cut_bodies_and_garbage_are_protocol_errors<T: Tried>() {
    let cases: [&'static [u8]; 8] = [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 99999 what\r\n\r\n",
    ];
    for answer in cases {
        let (exchange, kept) = against::<T>("GET", answer).await;
        let text = String::from_utf8_lossy(answer);
        assert_eq!((exchange.outcome, exchange.status), (Outcome::ProtocolError, 0), "{text}");
        assert!(exchange.headers.is_none() && !exchange.idle_reset && !kept, "{text}");
    }
}

async fn errors_of_the_service_keep_their_status_and_headers<T: Tried>() {
    let answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\ncontent-length: 0\r\n\r\n";
    let (exchange, _) = against::<T>("GET", answer).await;
    assert_eq!((exchange.outcome, exchange.status), (Outcome::Http5xx, 503));
    assert!(exchange.headers.unwrap().contains_key("retry-after"));
    let (exchange, kept) = against::<T>("GET", b"HTTP/1.1 101 Up\r\nupgrade: x\r\n\r\n").await;
    assert_eq!((exchange.outcome, kept), (Outcome::CheckFailed, false));
}

async fn a_refused_connection_is_a_connect_error<T: Tried>() {
    let (listener, addr) = listener().await;
    drop(listener);
    let clock = Clock::start();
    let mut began = 0;
    let limits = limits(addr, LONG_US);
    let (exchange, kept) =
        attempt::<T>(&clock, &limits, None, request("GET"), |_| began += 1).await;
    assert_eq!((exchange.outcome, exchange.refused), (Outcome::ConnectError, true));
    assert_eq!((began, kept.is_none()), (1, true));
}

async fn a_reset_of_a_new_connection_is_no_idle_reset<T: Tried>() {
    let (listener, addr) = listener().await;
    let clock = Clock::start();
    let limits = limits(addr, LONG_US);
    let peer = async { reset(listener.accept().await.unwrap().0) };
    let ours = attempt::<T>(&clock, &limits, None, request("GET"), |_| {});
    let ((), (exchange, _)) = tokio::join!(peer, ours);
    assert_eq!((exchange.outcome, exchange.idle_reset), (Outcome::ProtocolError, false));
}

async fn silence_and_a_drip_end_at_the_timeout<T: Tried>() {
    for answer in [&b""[..], &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst"[..]] {
        let (listener, addr) = listener().await;
        let (clock, limits) = (Clock::start(), limits(addr, SHORT_US));
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(answer).await.unwrap();
            // Open until we close it.
            let _ = stream.read_u8().await;
        };
        let ours = async {
            let (exchange, kept) =
                attempt::<T>(&clock, &limits, None, request("GET"), |_| {}).await;
            assert!(kept.is_none());
            exchange
        };
        let ((), exchange) = tokio::join!(peer, ours);
        assert_eq!((exchange.outcome, exchange.status), (Outcome::Timeout, 0));
        let took = exchange.done.0 - exchange.begun.unwrap().0;
        assert!(took >= SHORT_US, "{took}");
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A kept connection after one good answer, and the peer's end of it.
async fn kept<T: Tried>(clock: &Clock, limits: &Limits, listener: &TcpListener) -> (T, TcpStream) {
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        stream
    };
    let ours = attempt::<T>(clock, limits, None, request("GET"), |_| {});
    let (stream, (exchange, connection)) = tokio::join!(peer, ours);
    assert_eq!(exchange.outcome, Outcome::Ok);
    (connection.unwrap(), stream)
}

async fn a_kept_connection_carries_the_next_request<T: Tried>() {
    let (listener, addr) = listener().await;
    let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
    let (connection, mut stream) = kept::<T>(&clock, &limits, &listener).await;
    let peer = async {
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
    };
    let ours = attempt::<T>(&clock, &limits, Some(connection), request("GET"), |_| {});
    let ((), (exchange, connection)) = tokio::join!(peer, ours);
    assert_eq!(exchange.outcome, Outcome::Ok);
    assert!(connection.is_some());
}

async fn closed_reset_or_talking_while_idle_is_replaced_and_no_attempt<T: Tried>() {
    for way in 0..3 {
        let (listener, addr) = listener().await;
        let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
        let (mut connection, mut stream) = kept::<T>(&clock, &limits, &listener).await;
        let mut left = None;
        match way {
            0 => drop(stream),
            1 => reset(stream),
            _ => {
                stream.write_all(b"HTTP/1.1 408 Bye\r\n\r\n").await.unwrap();
                left = Some(stream);
            }
        }
        // The kernel has heard of it.
        while connection.is_usable() {
            tokio::task::yield_now().await;
        }
        // Who has used it a moment ago takes it for open, without another look.
        let heard = clock.now();
        while clock.now().0 < heard.0 + 1_000 {
            tokio::task::yield_now().await;
        }
        let mut began = 0;
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            stream
        };
        let ours = attempt::<T>(&clock, &limits, Some(connection), request("GET"), |_| began += 1);
        let (_stream, (exchange, _)) = tokio::join!(peer, ours);
        assert_eq!((exchange.outcome, began), (Outcome::Ok, 1), "way {way}");
        drop(left);
    }
}

async fn ended_after_writing_on_a_kept_connection_is_an_idle_reset_and_not_retried<T: Tried>() {
    for with_reset in [false, true] {
        let (listener, addr) = listener().await;
        let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
        let (connection, mut stream) = kept::<T>(&clock, &limits, &listener).await;
        let peer = async {
            read_request(&mut stream).await;
            if with_reset { reset(stream) } else { drop(stream) }
        };
        let ours = attempt::<T>(&clock, &limits, Some(connection), request("GET"), |_| {});
        let ((), (exchange, connection)) = tokio::join!(peer, ours);
        assert_eq!((exchange.outcome, exchange.idle_reset), (Outcome::ProtocolError, true));
        assert!(connection.is_none());
        let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept());
        assert!(nobody.await.is_err(), "it was sent again");
    }
}

async fn garbage_on_a_kept_connection_is_no_idle_reset<T: Tried>() {
    let (listener, addr) = listener().await;
    let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
    let (connection, mut stream) = kept::<T>(&clock, &limits, &listener).await;
    let peer = async {
        read_request(&mut stream).await;
        stream.write_all(b"garbage\r\n\r\n").await.unwrap();
    };
    let ours = attempt::<T>(&clock, &limits, Some(connection), request("GET"), |_| {});
    let ((), (exchange, _)) = tokio::join!(peer, ours);
    assert_eq!((exchange.outcome, exchange.idle_reset), (Outcome::ProtocolError, false));
}

async fn connections_that_say_close_or_send_too_much_are_not_kept<T: Tried>() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"[..],
        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more"[..],
    ] {
        let (exchange, kept) = against::<T>("GET", answer).await;
        assert_eq!((exchange.outcome, kept), (Outcome::Ok, false));
    }
}

async fn a_large_body_is_read_through<T: Tried>() {
    const MEBIBYTES: usize = 120;
    let (listener, addr) = listener().await;
    let (clock, limits) = (Clock::start(), limits(addr, 10 * LONG_US));
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MEBIBYTES << 20);
        stream.write_all(head.as_bytes()).await.unwrap();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..MEBIBYTES {
            stream.write_all(&block).await.unwrap();
        }
        stream
    };
    let ours = attempt::<T>(&clock, &limits, None, request("GET"), |_| {});
    let (_stream, (exchange, connection)) = tokio::join!(peer, ours);
    assert_eq!(exchange.outcome, Outcome::Ok);
    assert!(connection.is_some());
}

/// Whoever talks first on a new connection answers nothing.
#[tokio::test]
async fn an_answer_before_the_request_is_none() {
    use crate::client::Written;
    use crate::client::lean::{Scratch, Task, go_on, open};
    let (listener, addr) = listener().await;
    let (clock, limits, request) = (Clock::start(), limits(addr, LONG_US), request("GET"));
    let (written, mut scratch) = (Written::new(&request, true), Scratch::default());
    let task = Task { clock: &clock, limits: &limits, written: &written, k: 0, warmup: false };
    let mut wire = open(&task, &mut |_| {}).unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    peer.write_all(OK).await.unwrap();
    let exchange = go_on(&task, &mut wire, false, &mut scratch, &mut |_| {}).unwrap();
    assert_eq!(exchange.outcome, Outcome::ProtocolError);
    assert!(exchange.partial.unwrap().why().contains("before anything was asked"));

    let stream = dial(None, addr).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    peer.write_all(OK).await.unwrap();
    let connection = Connection::over(stream, None, At(0)).await.unwrap();
    let begun = clock.now();
    let sent = send(&clock, &limits, begun, connection, request.request(0, false)).await;
    let (exchange, kept) = sent.unwrap();
    assert_eq!((exchange.outcome, kept.is_some()), (Outcome::ProtocolError, false));
}
