//! Faults come and go on a link with traffic.

use super::peers::*;
use crate::link::{Action, Answer, Ending, Fate, LinkError, LinkEvent};
use assay_slo::At;
use assay_slo::event::Effect;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn effect(matched: u64, injected: u64) -> Effect {
    Effect { matched, injected, ours: 0 }
}

#[tokio::test]
async fn refusing_resets_what_is_open_and_accepts_again_afterwards() {
    let backend = Backend::start().await;
    let mut api = Api::to(backend.addr).await;
    let mut idle = api.raw().await;
    get(&mut idle, "/").await.unwrap();
    let before = api.links.counts("api").unwrap();
    for round in 0..3 {
        let applied = api.inject(round, Action::Refuse).await;
        is_reset(&mut idle).await;
        let refused = TcpStream::connect(api.addr).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        assert_eq!(api.links.verify_clean().await.len(), 2);
        let cleared = api.links.clear(round, 7).await.unwrap();
        assert!(applied <= cleared.at);
        assert_eq!(cleared.effect, effect(1, 1));
        assert_eq!(cleared.first_affected, Some(applied));
        assert_eq!(api.links.verify_clean().await, Vec::<String>::new());
        idle = api.raw().await;
        get(&mut idle, "/").await.unwrap();
        let told = (api.events.recv().await.unwrap(), api.events.recv().await.unwrap());
        assert_eq!(told.0, LinkEvent::FirstAffected { fault: round, at: applied });
        let LinkEvent::FirstUnaffected { fault, at } = told.1 else { panic!("{told:?}") };
        assert!(fault == round && at >= cleared.at);
    }
    // Our own connects are no traffic.
    let after = api.links.counts("api").unwrap();
    assert_eq!((before.accepted, after.accepted, after.open), (1, 4, 1));
    api.links.stop().await;
    is_reset(&mut idle).await;
}

#[tokio::test]
async fn refusing_an_unused_link_affects_nobody() {
    let api = Api::to(Backend::start().await.addr).await;
    api.inject(0, Action::Refuse).await;
    let cleared = api.links.clear(0, 0).await.unwrap();
    assert_eq!((cleared.effect, cleared.first_affected), (effect(0, 0), None));
}

#[tokio::test]
async fn two_refusals_overlap_and_the_last_one_ends_it() {
    let api = Api::to(Backend::start().await.addr).await;
    api.inject(0, Action::Refuse).await;
    api.inject(1, Action::Refuse).await;
    api.links.clear(0, 0).await.unwrap();
    assert!(TcpStream::connect(api.addr).await.is_err());
    api.links.clear(1, 0).await.unwrap();
    get(&mut api.raw().await, "/").await.unwrap();
}

#[tokio::test]
async fn a_black_hole_keeps_requests_and_passes_them_on_when_it_ends() {
    let backend = Backend::start().await;
    let mut api = Api::to(backend.addr).await;
    let mut kept = api.raw().await;
    get(&mut kept, "/").await.unwrap();
    let applied = api.inject(0, says(Fate::end(Ending::Stall))).await;
    send(&mut kept, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nkept").await;
    let mut fresh = api.raw().await;
    send(&mut fresh, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nfresh").await;
    api.has_seen(3).await;
    assert_eq!(backend.seen(), 1);
    let cleared = api.links.clear(0, 0).await.unwrap();
    assert!(read_answer(&mut kept).await.unwrap().ends_with("kept"));
    assert!(read_answer(&mut fresh).await.unwrap().ends_with("fresh"));
    assert_eq!(backend.seen(), 3);
    assert_eq!(cleared.effect, effect(2, 2));
    let counts = api.links.counts("api").unwrap();
    assert_eq!((counts.requests, counts.forwarded), (3, 3));
    let first = api.events.recv().await.unwrap();
    let LinkEvent::FirstAffected { fault: 0, at } = first else { panic!("{first:?}") };
    assert!(applied <= at && cleared.first_affected == Some(at));
    // What was kept came before the end: it is no proof of it. The next one is.
    get(&mut kept, "/").await.unwrap();
    let next = api.events.recv().await.unwrap();
    assert!(matches!(next, LinkEvent::FirstUnaffected { fault: 0, at } if at >= cleared.at));
}

#[tokio::test]
async fn a_request_whose_client_gave_up_is_not_passed_on() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    api.inject(0, says(Fate::end(Ending::Stall))).await;
    let mut clients = Vec::new();
    for body in [0, 5, 40_000] {
        let mut client = api.raw().await;
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {body}\r\n\r\n");
        send(&mut client, &(head + &"x".repeat(body))).await;
        clients.push(client);
    }
    api.has_seen(3).await;
    // One that closes at once would still wait for its answer.
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(clients);
    assert_eq!(api.links.verify_clean().await.len(), 1);
    assert_eq!(api.links.clear(0, 0).await.unwrap().effect, effect(3, 3));
    get(&mut api.raw().await, "/").await.unwrap();
    let counts = api.links.counts("api").unwrap();
    assert_eq!((counts.requests, counts.forwarded, backend.seen()), (4, 1, 1));
}

#[tokio::test]
async fn a_reset_takes_open_connections_and_every_new_request() {
    let upstream = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    })
    .await;
    let mut api = Api::to(upstream).await;
    let mut idle = api.raw().await;
    get(&mut idle, "/").await.unwrap();
    let mut waiting = api.raw().await;
    get(&mut waiting, "/").await.unwrap();
    send(&mut waiting, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    api.has_seen(3).await;
    let applied = api.inject(0, says(Fate::end(Ending::Reset))).await;
    is_reset(&mut waiting).await;
    send(&mut idle, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    is_reset(&mut idle).await;
    let mut fresh = api.raw().await;
    send(&mut fresh, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    is_reset(&mut fresh).await;
    let cleared = api.links.clear(0, 0).await.unwrap();
    assert_eq!(cleared.effect, effect(3, 3));
    let first = api.events.recv().await.unwrap();
    assert!(matches!(first, LinkEvent::FirstAffected { fault: 0, at } if at >= applied));
}

#[tokio::test]
async fn a_reset_of_some_requests_spares_the_others() {
    let api = Api::to(Backend::start().await.addr).await;
    let mut idle = api.raw().await;
    get(&mut idle, "/bad").await.unwrap();
    api.inject(0, says_of("/bad", Fate::end(Ending::Reset))).await;
    get(&mut idle, "/good").await.unwrap();
    send(&mut idle, "GET /bad HTTP/1.1\r\nhost: x\r\n\r\n").await;
    is_reset(&mut idle).await;
    assert_eq!(api.links.clear(0, 0).await.unwrap().effect, effect(1, 1));
}

#[tokio::test]
async fn latency_waits_at_least_so_long_and_its_end_hands_on_at_once() {
    let api = Api::to(Backend::start().await.addr).await;
    let mut client = api.raw().await;
    api.inject(0, says(Fate::delay(Duration::from_millis(30)))).await;
    let clock = crate::clock::Clock::start();
    let mut last = At(0);
    for _ in 0..5 {
        get(&mut client, "/").await.unwrap();
        let now = clock.now();
        assert!(now.since(last) >= 30_000, "{last:?} {now:?}");
        last = now;
    }
    api.inject(1, says(Fate::delay(LONG * 100))).await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    api.has_seen(6).await;
    api.links.clear(1, 0).await.unwrap();
    read_answer(&mut client).await.unwrap();
    assert_eq!(api.links.clear(0, 0).await.unwrap().effect, effect(6, 6));
}

#[tokio::test]
async fn errors_are_answered_in_the_services_place_and_counted() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    let headers = vec![("Retry-After".to_owned(), "1".to_owned())];
    let busy = Answer::new(503, headers, "busy").unwrap();
    api.inject(0, says_of("/bad", Fate::end(Ending::Answer(Arc::new(busy))))).await;
    let mut client = api.raw().await;
    for _ in 0..3 {
        assert!(get(&mut client, "/good").await.unwrap().contains("200 OK"));
        let answer = get(&mut client, "/bad").await.unwrap();
        assert!(answer.contains("retry-after: 1\r\n") && answer.ends_with("\r\n\r\nbusy"));
        send(&mut client, "HEAD /bad HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(read_head(&mut client).await.unwrap().contains("content-length: 4"));
    }
    // A large body is read before it is answered, so the connection lives on.
    let large = format!(
        "POST /bad HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n{}",
        "x".repeat(3_000_000)
    );
    send(&mut client, &large).await;
    assert!(read_answer(&mut client).await.unwrap().contains(" 503 "));
    assert!(get(&mut client, "/good").await.unwrap().contains("200 OK"));
    let cleared = api.links.clear(0, 0).await.unwrap();
    assert_eq!(cleared.effect, effect(7, 7));
    let counts = api.links.counts("api").unwrap();
    assert_eq!((counts.requests, counts.forwarded, backend.seen()), (11, 4, 4));
}

#[tokio::test]
async fn no_byte_is_lost_while_faults_come_and_go() {
    let api = Api::to(Backend::start().await.addr).await;
    let size = 10 * 1024 * 1024;
    let echoes = tokio::spawn({
        let addr = api.addr;
        async move {
            for _ in 0..3 {
                echo_large(addr, size).await;
            }
        }
    });
    let mut edges = 0;
    while !echoes.is_finished() {
        for (fault, fate) in
            [(0, Fate::end(Ending::Stall)), (1, Fate::delay(Duration::from_millis(3)))]
        {
            api.inject(fault, says(fate)).await;
            api.links.clear(fault, 0).await.unwrap();
            edges += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    echoes.await.unwrap();
    assert!(edges > 4, "{edges}");
}

#[tokio::test]
async fn wrong_orders_are_refused_by_name() {
    let api = Api::to(Backend::start().await.addr).await;
    let bind = |name, addr| api.links.bind(name, addr);
    let taken = bind("other", api.addr).await.unwrap_err();
    assert!(matches!(taken, LinkError::PortTaken { .. }));
    assert!(taken.to_string().contains("`links.other.listen`"), "{taken}");
    let twice = bind("api", api.addr).await;
    assert!(matches!(twice, Err(LinkError::AlreadyBound { .. })));
    let foreign = bind("far", "192.0.2.1:20001".parse().unwrap()).await;
    assert!(matches!(foreign, Err(LinkError::Bind { .. })));
    let nowhere = api.links.inject(0, "nowhere", Action::Refuse).await;
    assert!(matches!(nowhere, Err(LinkError::NoSuchLink { .. })));
    assert!(matches!(api.links.clear(0, 0).await, Err(LinkError::NotOn { fault: 0 })));
    api.inject(0, Action::Refuse).await;
    let again = api.links.inject(0, "api", Action::Refuse).await;
    assert!(matches!(again, Err(LinkError::AlreadyOn { fault: 0 })));
    assert!(api.links.counts("nowhere").is_err());
}
