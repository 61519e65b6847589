//! Attempts over TLS against servers whose certificates are right, and wrong in every way: each
//! way has its class, and words that say what to do.

mod certificates;
mod server;

use crate::client::attempt_on_hyper as attempt;
use crate::client::{Connection, Exchange, Limits, Rendered, Tls, Trunk};
use crate::clock::Clock;
use crate::plan;
use assay_slo::Outcome;
use bytes::Bytes;
use certificates::{Authority, of_version_1};
use http_body_util::Full;
use hyper::Request;
use rustls::version::{TLS12, TLS13};
use server::{Manner, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Generous where the peer answers, short where it never does.
const LONG_US: u64 = 20_000_000;
const SHORT_US: u64 = 200_000;

fn request() -> Request<Full<Bytes>> {
    let client = plan::Client {
        connections: 1,
        timeout_us: 1,
        connect_timeout_us: 1,
        headers: Vec::new(),
        transport: plan::Transport::default(),
    };
    let kind = plan::Request {
        name: String::new(),
        method: "GET".to_owned(),
        path: plan::Text("/".to_owned()),
        headers: Vec::new(),
        body: plan::Body::Empty,
        check_status: Vec::new(),
        timeout_us: 1,
        dynamic: None,
    };
    Rendered::new("run", "load", "shop.test", &client, &kind).unwrap().request(0, false)
}

fn limits(addr: SocketAddr, settings: &plan::Tls, authority: &str) -> Limits {
    Limits {
        addr,
        connect_timeout_us: LONG_US,
        timeout_us: LONG_US,
        check_status: Vec::new(),
        keep: crate::client::Keep::default(),
        tls: Some(Tls::new(settings, authority, false).unwrap()),
        trunk: None,
        ways: crate::client::Ways::default(),
    }
}

/// One attempt as `shop.test`.
async fn one(addr: SocketAddr, settings: &plan::Tls) -> (Exchange, Option<Connection>) {
    named(addr, settings, "shop.test").await
}

async fn named(
    addr: SocketAddr,
    settings: &plan::Tls,
    authority: &str,
) -> (Exchange, Option<Connection>) {
    let limits = limits(addr, settings, authority);
    attempt(&Clock::start(), &limits, None, request(), |_| {}).await
}

/// The reason of an attempt that got no connection.
fn reason(exchange: &Exchange) -> &str {
    assert_eq!((exchange.outcome, exchange.status), (Outcome::ConnectError, 0), "{exchange:?}");
    assert!(exchange.begun.is_some() && !exchange.refused && !exchange.idle_reset);
    exchange.finding.as_deref().unwrap()
}

#[tokio::test]
async fn a_certificate_of_the_own_authority_is_trusted_and_the_connection_kept() {
    let ca = Authority::new();
    for (version, ask) in [(&TLS13, false), (&TLS12, false), (&TLS13, true), (&TLS12, true)] {
        let clients = ask.then_some(&ca);
        let server = Server::start(ca.server(&["shop.test"]), clients, version).await;
        let mut settings = ca.trusted();
        settings.identity = ask.then(|| ca.client());
        let limits = limits(server.addr, &settings, "shop.test:443");
        let clock = Clock::start();
        let mut kept = None;
        for _ in 0..3 {
            let (exchange, back) = attempt(&clock, &limits, kept, request(), |_| {}).await;
            assert_eq!((exchange.outcome, exchange.status), (Outcome::Ok, 200), "{exchange:?}");
            kept = back;
        }
        assert!(kept.is_some());
        // One connection, asked for by its name.
        assert_eq!(server.greeted(), [Some("shop.test".to_owned())], "{version:?}");
    }
}

#[tokio::test]
async fn an_address_is_asked_for_without_a_name_and_must_stand_in_the_certificate() {
    let ca = Authority::new();
    let server = Server::start(ca.server(&["127.0.0.1"]), None, &TLS13).await;
    let (exchange, _) = named(server.addr, &ca.trusted(), "127.0.0.1:8443").await;
    assert_eq!(exchange.outcome, Outcome::Ok);
    assert_eq!(server.greeted(), [None]);
    let (exchange, _) = named(server.addr, &ca.trusted(), "[::1]:8443").await;
    let said = reason(&exchange);
    assert!(said.starts_with("the certificate of `::1` is for 127.0.0.1, not for `::1`"), "{said}");
}

#[tokio::test]
async fn wrong_certificates_are_connect_errors_that_say_what_to_do() {
    let (ca, other) = (Authority::new(), Authority::new());
    let cases = [
        (ca.expired("shop.test"), "the certificate of `shop.test` expired on 2020-01-02: renew it"),
        (ca.early("shop.test"), "the certificate of `shop.test` is only valid from 2120-01-01"),
        (
            ca.server(&["a.test", "*.b.test", "c.test", "d.test"]),
            "the certificate of `shop.test` is for a.test, *.b.test, c.test and 1 more, not for",
        ),
        (other.server(&["shop.test"]), "is signed by nobody that is trusted here: write its"),
        (other.alone("shop.test"), "is signed by nobody that is trusted here: write its"),
        (other.as_server(), "the certificate of `shop.test` is an authority of its own: write it"),
        (ca.as_server(), "the certificate of `shop.test` is for authority.test, not"),
    ];
    for (identity, words) in cases {
        let server = Server::start(identity, None, &TLS13).await;
        let (exchange, connection) = one(server.addr, &ca.trusted()).await;
        let said = reason(&exchange);
        assert!(said.contains(words) && connection.is_none(), "{said}");
        // Nothing was asked of a stranger.
        assert_eq!(server.asked(), 0);
        // The same every time: a report tells it once.
        let (again, _) = one(server.addr, &ca.trusted()).await;
        assert_eq!(again.finding.as_deref(), Some(said));
        let insecure = plan::Tls { insecure: true, ..plan::Tls::default() };
        assert_eq!(one(server.addr, &insecure).await.0.outcome, Outcome::Ok);
    }
}

/// `insecure` is for those who made a certificate in a hurry.
#[tokio::test]
async fn a_certificate_that_cannot_be_read_here_is_one_of_anyone() {
    for version in [&TLS13, &TLS12] {
        let server = Server::start(of_version_1(), None, version).await;
        let (exchange, _) = one(server.addr, &Authority::new().trusted()).await;
        let said = reason(&exchange);
        assert!(
            said.contains("is of X.509 version 1, which names no host: make it anew"),
            "{said}"
        );
        let insecure = plan::Tls { insecure: true, ..plan::Tls::default() };
        assert_eq!(one(server.addr, &insecure).await.0.outcome, Outcome::Ok);
    }
}

#[tokio::test]
async fn a_certificate_that_signed_itself_can_be_trusted_by_name() {
    let ca = Authority::new();
    // As `openssl req -x509` makes them, the second: it may sign others.
    for (chain, key) in [ca.alone("shop.test"), Authority::called("shop.test").as_server()] {
        let settings = plan::Tls { authorities: chain.clone(), ..plan::Tls::default() };
        let server = Server::start((chain, key), None, &TLS13).await;
        assert_eq!(one(server.addr, &settings).await.0.outcome, Outcome::Ok);
        // It is no other's.
        let (exchange, _) = named(server.addr, &settings, "else.test:443").await;
        assert!(reason(&exchange).contains("is for shop.test, not for `else.test`"));
        // The machine's own authorities have not signed it.
        let (exchange, _) = one(server.addr, &plan::Tls::default()).await;
        assert!(reason(&exchange).contains("tls: {ca: FILE}"));
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_us_says_which_certificate_it_wants() {
    let (ca, other) = (Authority::new(), Authority::new());
    for version in [&TLS13, &TLS12] {
        let server = Server::start(ca.server(&["shop.test"]), Some(&ca), version).await;
        for _ in 0..20 {
            let (exchange, connection) = one(server.addr, &ca.trusted()).await;
            let said = reason(&exchange);
            assert!(said.contains("client certificate") && said.contains("cert: FILE"), "{said}");
            assert!(connection.is_none());
        }
        let mut settings = ca.trusted();
        settings.identity = Some(other.client());
        let (exchange, _) = one(server.addr, &settings).await;
        assert!(reason(&exchange).contains("client certificate"), "{exchange:?}");
        assert_eq!(server.asked(), 0);
    }
}

/// Most servers say nothing when they do not like our certificate.
#[tokio::test]
async fn a_server_that_asks_for_a_certificate_and_closes_is_told_of() {
    let ca = Authority::new();
    let server = Server::deaf(ca.server(&["shop.test"]), &ca).await;
    let mut settings = ca.trusted();
    settings.identity = Some(ca.client());
    let (exchange, _) = one(server.addr, &settings).await;
    let said = reason(&exchange);
    assert!(said.contains("asked for a client certificate") && said.contains("ours"), "{said}");
    // Who was let in before is not kept out for that.
    let good = Server::start(ca.server(&["shop.test"]), Some(&ca), &TLS13).await;
    let mut limits = limits(good.addr, &settings, "shop.test");
    let (exchange, _) = attempt(&Clock::start(), &limits, None, request(), |_| {}).await;
    assert_eq!(exchange.outcome, Outcome::Ok);
    limits.addr = server.addr;
    let (exchange, _) = attempt(&Clock::start(), &limits, None, request(), |_| {}).await;
    assert_eq!((exchange.outcome, exchange.finding), (Outcome::ProtocolError, None));
    // Nor is anybody who was not asked.
    let server = Server::with(Manner::Deaf, ca.server(&["shop.test"])).await;
    let (exchange, _) = one(server.addr, &ca.trusted()).await;
    assert_eq!((exchange.outcome, exchange.finding), (Outcome::ProtocolError, None));
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_told_apart() {
    let ca = Authority::new();
    for (manner, words) in [
        (Manner::PlainHttp, "does not speak TLS: write the port that does, or http://"),
        (Manner::Closes, "ended the connection during the TLS handshake"),
        (Manner::Resets, "ended the connection during the TLS handshake"),
        (Manner::OtherProtocol, "does not speak the version of HTTP that was asked for"),
    ] {
        let server = Server::with(manner, ca.server(&["shop.test"])).await;
        let (exchange, _) = one(server.addr, &ca.trusted()).await;
        assert!(reason(&exchange).contains(words), "{manner:?}: {exchange:?}");
    }
}

#[tokio::test]
async fn http2_is_agreed_on_or_refused() {
    let ca = Authority::new();
    // One says that it speaks something else, one says nothing of it.
    for manner in [Manner::OtherProtocol, Manner::Good] {
        let server = Server::with(manner, ca.server(&["shop.test"])).await;
        let mut limits = limits(server.addr, &ca.trusted(), "shop.test");
        limits.tls = Some(Tls::new(&ca.trusted(), "shop.test", true).unwrap());
        limits.trunk = Some(Arc::new(Trunk::new(1, 100)));
        let (exchange, _) = attempt(&Clock::start(), &limits, None, request(), |_| {}).await;
        assert!(reason(&exchange).contains("http1 or http2"), "{exchange:?}");
        assert_eq!(server.asked(), 0);
    }
    let server = Server::with(Manner::Http2, ca.server(&["shop.test"])).await;
    let mut limits = limits(server.addr, &ca.trusted(), "shop.test");
    limits.tls = Some(Tls::new(&ca.trusted(), "shop.test", true).unwrap());
    limits.trunk = Some(Arc::new(Trunk::new(1, 100)));
    for _ in 0..3 {
        let (exchange, _) = attempt(&Clock::start(), &limits, None, request(), |_| {}).await;
        assert_eq!((exchange.outcome, exchange.status), (Outcome::Ok, 200), "{exchange:?}");
    }
    assert_eq!((server.greeted().len(), server.asked()), (1, 3));
}

/// A TLS 1.3 server says why it does not let us in when we have begun to write: whoever of both is first,
/// its reason is told.
#[tokio::test]
async fn who_is_not_let_in_over_http2_is_told_why_each_time() {
    let ca = Authority::new();
    let server = Server::http2(ca.server(&["shop.test"]), &ca).await;
    for _ in 0..60 {
        let mut limits = limits(server.addr, &ca.trusted(), "shop.test");
        limits.tls = Some(Tls::new(&ca.trusted(), "shop.test", true).unwrap());
        limits.trunk = Some(Arc::new(Trunk::new(1, 100)));
        let (exchange, _) = attempt(&Clock::start(), &limits, None, request(), |_| {}).await;
        assert!(reason(&exchange).contains("wants a client certificate"), "{exchange:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_ends_in_time() {
    let ca = Authority::new();
    let server = Server::with(Manner::Silent, ca.server(&["shop.test"])).await;
    let mut limits = limits(server.addr, &ca.trusted(), "shop.test");
    limits.connect_timeout_us = SHORT_US;
    let ended = async |limits: &Limits| {
        let ours = async { attempt(&Clock::start(), limits, None, request(), |_| {}).await.0 };
        tokio::time::timeout(Duration::from_secs(10), ours).await.unwrap()
    };
    assert!(reason(&ended(&limits).await).contains("handshake did not end in time"));
    // Whatever takes longer than the whole answer may is a timeout, as without TLS.
    (limits.connect_timeout_us, limits.timeout_us) = (LONG_US, SHORT_US);
    let exchange = ended(&limits).await;
    assert_eq!(exchange.outcome, Outcome::Timeout);
    assert!(exchange.finding.unwrap().contains("handshake did not end in time"));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_and_no_attempt() {
    let ca = Authority::new();
    let server = Server::with(Manner::OneEach, ca.server(&["shop.test"])).await;
    let (clock, limits) = (Clock::start(), limits(server.addr, &ca.trusted(), "shop.test"));
    let (first, mut kept) = attempt(&clock, &limits, None, request(), |_| {}).await;
    assert_eq!(first.outcome, Outcome::Ok);
    server.close().await;
    assert!(!kept.as_mut().unwrap().is_usable());
    let mut began = 0;
    let (second, _) = attempt(&clock, &limits, kept, request(), |_| began += 1).await;
    assert_eq!((second.outcome, second.idle_reset, began), (Outcome::Ok, false, 1));
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_ends_before_an_answer_is_an_idle_reset() {
    let ca = Authority::new();
    let server = Server::with(Manner::AnswersOnce, ca.server(&["shop.test"])).await;
    let (clock, limits) = (Clock::start(), limits(server.addr, &ca.trusted(), "shop.test"));
    let (_, kept) = attempt(&clock, &limits, None, request(), |_| {}).await;
    let (exchange, connection) = attempt(&clock, &limits, kept, request(), |_| {}).await;
    // TLS says farewell in bytes of its own: no byte of an answer.
    assert_eq!((exchange.outcome, exchange.idle_reset), (Outcome::ProtocolError, true));
    assert!(connection.is_none() && exchange.finding.is_none());
}
