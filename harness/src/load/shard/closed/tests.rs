//! Closed lanes against servers on real sockets.

use crate::load::tests::{OK, count, drive, health, lane, listener, read_request, serve};
use crate::load::{Lane, Pace, start};
use crate::record::Batch;
use assay_slo::Outcome;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt;

/// So many connections until 400 ms after time 0.
fn closed(addr: SocketAddr, connections: usize) -> Lane {
    let pace = Pace::Closed { ends_us: 400_000, most: u64::MAX };
    Lane { pace, ..lane(addr, 1, 1, connections, 20_000_000) }
}

async fn run(lane: Lane, threads: usize) -> Vec<Batch> {
    let (drive, mut batches) = drive(threads);
    let mut engine = start(vec![lane], &drive).unwrap();
    drop(drive);
    engine.finished().await.unwrap();
    let mut all = Vec::new();
    while let Some(batch) = batches.recv().await {
        all.push(batch);
    }
    all
}

#[tokio::test]
async fn the_servers_count_is_ours_and_no_connection_has_two_under_way() {
    let (listener, addr) = listener().await;
    let (served, opened) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counters = (Arc::clone(&served), Arc::clone(&opened));
    serve(listener, move |mut stream| {
        let (served, opened) = counters.clone();
        async move {
            opened.fetch_add(1, Ordering::Relaxed);
            while read_request(&mut stream).await.is_some() {
                served.fetch_add(1, Ordering::Relaxed);
                let _ = stream.write_all(OK).await;
            }
        }
    });
    // More than one thread's worth of connections.
    let batches = run(closed(addr, 130), 2).await;
    let (warmup, ok) = count(&batches, |cell| cell.outcome == Outcome::Ok);
    assert_eq!((warmup, ok), count(&batches, |_| true));
    assert_eq!((warmup, ok), (0, served.load(Ordering::Relaxed)));
    assert_eq!(opened.load(Ordering::Relaxed), 130);
    // Each connection at least once, requests in their cycle: two of three are `a`.
    let (_, b) = count(&batches, |cell| cell.request == 1);
    assert!(ok >= 130 && b.abs_diff(ok / 3) <= 2, "{ok} {b}");
    let (due, begun, done, blocked) = health(&batches);
    assert_eq!((due, begun, done, blocked), (ok, ok, ok, 0));
}

#[tokio::test]
async fn a_target_that_is_gone_is_no_busy_loop() {
    let (listener, addr) = listener().await;
    drop(listener);
    let batches = run(closed(addr, 4), 1).await;
    let (_, refused) = count(&batches, |cell| cell.outcome == Outcome::ConnectError);
    assert_eq!((0, refused), count(&batches, |_| true));
    assert!((4..=4 * 9).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_cut_on_demand() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move { while read_request(&mut stream).await.is_some() {} });
    let (drive, mut batches) = drive(1);
    let mut engine = start(vec![closed(addr, 3)], &drive).unwrap();
    drop(drive);
    // All three have begun once the second in which they did was handed over.
    let first = batches.recv().await.unwrap();
    engine.cut();
    engine.finished().await.unwrap();
    let mut all = vec![first];
    while let Some(batch) = batches.recv().await {
        all.push(batch);
    }
    assert_eq!(count(&all, |cell| cell.outcome == Outcome::Cut), (0, 3));
}
