//! What faults do to answers and bodies: what a client sees, whom they spare, how they end.

use super::peers::*;
use crate::client::{Limits, Ways, attempt_on_hyper};
use crate::clock::Clock;
use crate::link::{Action, Ending, Fate, LinkEvent, Tail};
use assay_slo::Outcome;
use assay_slo::event::Effect;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MS: Duration = Duration::from_millis(1);

fn effect(matched: u64, injected: u64) -> Effect {
    Effect { matched, injected, ours: 0 }
}

fn cut(bytes: u64) -> Fate {
    Fate::tail(Tail::Cut(Reverse(bytes)))
}

fn garbage() -> Fate {
    Fate::tail(Tail::Garbage(Bytes::from_static(b"\xffno answer\r\n\r\n")))
}

/// How an attempt of our own client ends.
async fn outcome(api: &Api, path: &str, timeout_us: u64) -> Outcome {
    let limits = Limits {
        addr: api.addr,
        connect_timeout_us: 20_000_000,
        timeout_us,
        check_status: Vec::new(),
        keep: crate::client::Keep::default(),
        tls: None,
        trunk: None,
        ways: Ways::default(),
    };
    let request = Request::get(path).header("host", "x").body(Full::default()).unwrap();
    let (exchange, _) =
        within(attempt_on_hyper(&Clock::start(), &limits, None, request, |_| ())).await;
    exchange.outcome
}

/// Everything until the connection ends in peace.
async fn rest(stream: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    within(stream.read_to_end(&mut all)).await.unwrap();
    all
}

#[tokio::test]
async fn each_has_its_class_spares_the_others_and_ends_at_once() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    let whole = get(&mut api.raw().await, "/bad").await.unwrap();
    let long = 20_000_000;
    for (fault, fate, timeout_us, seen) in [
        (0, Fate::end(Ending::Reset), long, Outcome::ProtocolError),
        (1, cut(5), long, Outcome::ProtocolError),
        (2, garbage(), long, Outcome::ProtocolError),
        (3, Fate::tail(Tail::Stall), 80_000, Outcome::Timeout),
        (4, Fate::pace(1), 80_000, Outcome::Timeout),
        (5, Fate::pace(1000), long, Outcome::Ok),
        (6, Fate::late(MS * 30), long, Outcome::Ok),
    ] {
        api.inject(fault, says_of("/bad", fate.clone())).await;
        let mut kept = api.raw().await;
        assert_eq!(get(&mut kept, "/good").await.unwrap(), whole, "{fate:?}");
        assert_eq!(outcome(&api, "/bad", timeout_us).await, seen, "{fate:?}");
        assert_eq!(get(&mut kept, "/good").await.unwrap(), whole, "{fate:?}");
        let cleared = api.links.clear(fault, 0).await.unwrap();
        assert_eq!(cleared.effect, effect(1, 1), "{fate:?}");
        assert_eq!(get(&mut kept, "/bad").await.unwrap(), whole, "{fate:?}");
    }
    assert!(api.links.verify_clean().await.is_empty());
}

#[tokio::test]
async fn an_answer_is_cut_after_exactly_so_many_bytes_and_a_short_one_is_not() {
    let api = Api::to(Backend::start().await.addr).await;
    let whole = get(&mut api.raw().await, "/").await.unwrap();
    let body = "hello 127.0.0.1".len();
    for (fault, bytes) in [0, 1, body - 1].into_iter().enumerate() {
        api.inject(fault, says(cut(bytes as u64))).await;
        let mut client = api.raw().await;
        send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let all = rest(&mut client).await;
        let lost = body - bytes;
        assert_eq!(String::from_utf8(all).unwrap(), whole[..whole.len() - lost]);
        assert_eq!(api.links.clear(fault, 0).await.unwrap().effect, effect(1, 1));
    }
    for (fault, bytes) in [(7, body), (8, 10_000)] {
        api.inject(fault, says(cut(bytes as u64))).await;
        let mut client = api.raw().await;
        assert_eq!(get(&mut client, "/").await.unwrap(), whole);
        assert_eq!(get(&mut client, "/").await.unwrap(), whole);
        assert_eq!(api.links.clear(fault, 0).await.unwrap().effect, effect(2, 0));
    }
}

/// Where nothing but the connection's end says that an answer is over, a cut must not look like it.
#[tokio::test]
async fn an_answer_that_only_its_connection_ends_is_cut_by_a_reset() {
    let old = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").await.unwrap();
    })
    .await;
    let chunked = scripted(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream.write_all(b"5\r\nhello\r\n0\r\n\r\n").await.unwrap();
    })
    .await;
    let api = Api::to(old).await;
    api.inject(0, says(cut(3))).await;
    for (far, version) in [(old, "1.1"), (old, "1.0"), (chunked, "1.0")] {
        api.links.set_upstream("api", far).unwrap();
        let mut client = api.raw().await;
        send(&mut client, &format!("GET / HTTP/{version}\r\nhost: x\r\n\r\n")).await;
        let mut all = Vec::new();
        let end = within(client.read_to_end(&mut all)).await.unwrap_err();
        assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset, "{version}");
        assert!(all.ends_with(b"\r\n\r\nhel"), "{version}: {all:?}");
    }
    // In chunks, and with a length, it can be told.
    api.links.set_upstream("api", chunked).unwrap();
    let mut client = api.raw().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(rest(&mut client).await.ends_with(b"3\r\nhel\r\n"));
}

#[tokio::test]
async fn garbage_is_all_that_comes_and_the_service_has_answered() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    api.inject(0, says(garbage())).await;
    let mut client = api.raw().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(rest(&mut client).await, b"\xffno answer\r\n\r\n");
    let counts = api.links.counts("api").unwrap();
    assert_eq!((backend.seen(), counts.answered), (1, 1));
}

#[tokio::test]
async fn a_stalled_answer_was_asked_for_and_comes_whole_when_the_stall_ends() {
    let upstream = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await.unwrap();
        read_head(&mut stream).await.unwrap_err();
    })
    .await;
    let backend = Backend::start().await;
    let mut api = Api::to(upstream).await;
    // One has half of its answer when the stall comes, another asks while it is on.
    let mut halfway = api.raw().await;
    send(&mut halfway, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    read_head(&mut halfway).await.unwrap();
    within(halfway.read_exact(&mut [0; 4])).await.unwrap();
    api.inject(0, says(Fate::tail(Tail::Stall))).await;
    api.links.set_upstream("api", backend.addr).unwrap();
    let mut asking = api.raw().await;
    send(&mut asking, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(async {
        while api.links.counts("api").unwrap().answered < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let told = within(api.events.recv()).await.unwrap();
    assert!(matches!(told, LinkEvent::FirstAffected { fault: 0, .. }), "{told:?}");
    assert_eq!(backend.seen(), 1);
    let nothing = tokio::time::timeout(MS * 50, asking.read_u8()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let cleared = api.links.clear(0, 0).await.unwrap();
    assert!(read_answer(&mut asking).await.unwrap().ends_with("hello 127.0.0.1"));
    assert_eq!(cleared.effect, effect(2, 2));
}

#[tokio::test]
async fn a_slow_body_loses_no_byte_when_it_may_go_fast_again() {
    let api = Api::to(Backend::start().await.addr).await;
    api.inject(0, says(Fate::pace(1 << 20))).await;
    api.inject(1, says(Fate::pace(100))).await;
    let echo = tokio::spawn(echo_large(api.addr, 300_000));
    api.has_seen(1).await;
    // At 100 bytes a second it would take an hour; at a mebibyte 300 ms each way.
    api.links.clear(1, 0).await.unwrap();
    let clock = Clock::start();
    within(echo).await.unwrap();
    assert!(clock.now().0 >= 250_000, "{:?}", clock.now());
    assert_eq!(api.links.clear(0, 0).await.unwrap().effect.injected, 1);
}

#[tokio::test]
async fn a_slow_close_withholds_the_end_alone() {
    let api = Api::to(Backend::start().await.addr).await;
    api.inject(0, says(Fate::tail(Tail::Linger))).await;
    let mut kept = api.raw().await;
    get(&mut kept, "/").await.unwrap();
    get(&mut kept, "/").await.unwrap();
    let mut closing = api.raw().await;
    let answer = get(&mut closing, "/close").await.unwrap();
    assert!(answer.ends_with("hello 127.0.0.1"));
    let nothing = tokio::time::timeout(MS * 50, closing.read_u8()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let cleared = api.links.clear(0, 0).await.unwrap();
    assert_eq!(cleared.effect, effect(3, 1));
    assert_eq!(rest(&mut closing).await, b"");
    get(&mut kept, "/").await.unwrap();
}

#[tokio::test]
async fn of_faults_that_overlap_delays_add_up_and_the_worst_end_comes_first() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    let whole = get(&mut api.raw().await, "/").await.unwrap();
    api.inject(0, says(Fate::delay(MS * 30))).await;
    api.inject(1, says(Fate::late(MS * 20))).await;
    api.inject(2, says(Fate::late(MS * 10))).await;
    let mut client = api.raw().await;
    let clock = Clock::start();
    assert_eq!(get(&mut client, "/").await.unwrap(), whole);
    assert!(clock.now().0 >= 60_000, "{:?}", clock.now());
    // A stall wins over a cut and over garbage, a reset over the stall.
    api.inject(3, says(cut(5))).await;
    api.inject(4, says(garbage())).await;
    api.inject(5, says(Fate::tail(Tail::Stall))).await;
    let mut stalled = api.raw().await;
    send(&mut stalled, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let nothing = tokio::time::timeout(MS * 100, stalled.read_u8()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    api.inject(6, says(Fate::end(Ending::Reset))).await;
    is_reset(&mut stalled).await;
    api.links.clear(6, 0).await.unwrap();
    // What is left when the stall goes is garbage, and without it the cut.
    let mut stalled = api.raw().await;
    send(&mut stalled, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let nothing = tokio::time::timeout(MS * 100, stalled.read_u8()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    api.links.clear(4, 0).await.unwrap();
    api.links.clear(5, 0).await.unwrap();
    assert!(rest(&mut stalled).await.ends_with(b"\r\n\r\nhello"));
    let counted = |effect: Effect| (effect.matched, effect.injected);
    let mut last = Vec::new();
    for fault in [0, 1, 2, 3] {
        last.push(counted(api.links.clear(fault, 0).await.unwrap().effect));
    }
    assert_eq!(last, [(3, 3), (3, 2), (3, 2), (2, 1)]);
}

#[tokio::test]
async fn no_byte_is_lost_while_stalls_and_paces_come_and_go() {
    let api = Api::to(Backend::start().await.addr).await;
    let enough = Arc::new(AtomicBool::new(false));
    let echoes = tokio::spawn({
        let (addr, enough) = (api.addr, Arc::clone(&enough));
        async move {
            while !enough.load(Ordering::Relaxed) {
                echo_large(addr, 3 * 1024 * 1024).await;
            }
        }
    });
    let fates: [fn() -> Fate; 4] = [
        || Fate::tail(Tail::Stall),
        || Fate::pace(1 << 20),
        || Fate::late(MS * 3),
        || Fate::tail(Tail::Linger),
    ];
    for _ in 0..20 {
        for (fault, fate) in fates.iter().enumerate() {
            let action: Action = says(fate());
            api.inject(fault, action).await;
            tokio::time::sleep(MS).await;
            api.links.clear(fault, 0).await.unwrap();
        }
    }
    enough.store(true, Ordering::Relaxed);
    echoes.await.unwrap();
}
