//! A peer that never pauses is read piece by piece.

use super::{LONG_US, limits, read_request, request};
use crate::client::Written;
use crate::client::lean::{Scratch, Task, go_on, open};
use crate::clock::Clock;
use assay_slo::Outcome;
use std::io::Write;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn one_call_reads_only_so_much() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = limits(listener.local_addr().unwrap(), 10 * LONG_US);
    let (clock, request) = (Clock::start(), request("GET"));
    let (written, mut scratch) = (Written::new(&request, true), Scratch::default());
    let task = Task { clock: &clock, limits: &limits, written: &written, k: 0, warmup: false };
    let mut wire = open(&task, &mut |_| {}).unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    assert!(go_on(&task, &mut wire, false, &mut scratch, &mut |_| {}).is_none());
    read_request(&mut peer).await;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
    peer.write_all(head.as_bytes()).await.unwrap();
    let mut peer = peer.into_std().unwrap();
    let block = vec![b'x'; 1 << 20];
    let mut more = 0;
    for _ in 0..100 {
        // As much as the kernel holds.
        while peer.write(&block).is_ok() {}
        assert!(go_on(&task, &mut wire, false, &mut scratch, &mut |_| {}).is_none());
        more += usize::from(wire.has_more());
    }
    assert!(more > 10, "{more}");
    // Whoever comes back reads to the end.
    drop(peer);
    let ended = loop {
        match go_on(&task, &mut wire, false, &mut scratch, &mut |_| {}) {
            Some(exchange) => break exchange,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(ended.outcome, Outcome::ProtocolError);
}
