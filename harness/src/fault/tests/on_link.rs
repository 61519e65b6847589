//! A planned share on a real link: exactly the hashed victims, whatever the interleaving.

use super::{busy, fault, half, ours, rules};
use crate::clock::Clock;
use crate::link::{LinkError, Links};
use crate::plan::Match;
use crate::record::Edges;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const REQUESTS: u64 = 2000;
const CLIENTS: u64 = 8;
const SEED: u64 = 20_240_611;

/// Answers every request with 200 and nothing.
async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let stream = BufReader::new(listener.accept().await.unwrap().0);
            tokio::spawn(answer_all(stream));
        }
    });
    addr
}

async fn answer_all(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line == "\r\n" {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
        line.clear();
    }
    Ok(())
}

async fn bind(links: &Links) -> SocketAddr {
    loop {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        match links.bind("api", free).await {
            Ok(addr) => return addr,
            Err(LinkError::PortTaken { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends every request whose number leaves this rest, and says which of them got 503.
async fn client(addr: SocketAddr, run: &str, rest: u64) -> Vec<u64> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut victims = Vec::new();
    for k in (rest..REQUESTS).step_by(CLIENTS as usize) {
        let id = format!("{run}-api-{k}-0");
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-request-id: {id}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        match &answer[..13] {
            b"HTTP/1.1 503 " => victims.push(k),
            b"HTTP/1.1 200 " => {}
            other => panic!("{other:?}"),
        }
    }
    victims
}

#[tokio::test]
async fn a_share_takes_exactly_the_hashed_victims_in_every_run() {
    let planned = fault(busy(), half(), Match::default());
    let rules = rules(&planned, SEED);
    let is_victim = |k: &u64| rules.decide(&ours("any", *k), 0, super::ZERO).fate.is_some();
    let expected: BTreeSet<u64> = (0..REQUESTS).filter(is_victim).collect();
    let upstream = backend().await;
    for run in ["run-1", "run-2"] {
        let clock = Clock::start();
        let edges = Arc::new(Edges::new(clock, vec![]));
        let (links, _events) = Links::start(clock, edges, run).unwrap();
        let addr = bind(&links).await;
        links.set_upstream("api", upstream).unwrap();
        links.inject(0, "api", super::action(&planned, SEED).unwrap()).await.unwrap();
        let mut clients = tokio::task::JoinSet::new();
        for rest in 0..CLIENTS {
            clients.spawn(client(addr, run, rest));
        }
        let victims: BTreeSet<u64> = clients.join_all().await.into_iter().flatten().collect();
        assert_eq!(victims, expected);
        let cleared = links.clear(0, 0).await.unwrap();
        let hit = expected.len() as u64;
        assert_eq!((cleared.effect.matched, cleared.effect.injected), (REQUESTS, hit));
        assert_eq!((cleared.effect.ours, cleared.by_ordinal), (hit, 0));
        let counts = links.counts("api").unwrap();
        assert_eq!((counts.requests, counts.forwarded), (REQUESTS, REQUESTS - hit));
        links.stop().await;
    }
}
