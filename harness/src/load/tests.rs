//! The engine against scripted servers on real sockets: counts are exact, waits are told apart.

mod broken;
mod journeys;
mod large;
mod own;
mod replayed;
mod shared;
mod unasked;

use super::*;
use crate::plan::{Body, Client, Request, Text};
use assay_slo::case::Clock as Between;
use assay_slo::{Cell, Outcome};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A lane of `count` arrivals, `every_us` apart from time 0, after ten of warm-up.
pub(super) fn lane(
    addr: SocketAddr,
    count: u64,
    every_us: i64,
    connections: usize,
    timeout_us: u64,
) -> Lane {
    let request = |name: &str| Request {
        name: name.to_owned(),
        method: "GET".to_owned(),
        path: Text(format!("/{name}")),
        headers: Vec::new(),
        body: Body::Empty,
        check_status: Vec::new(),
        timeout_us,
        dynamic: None,
    };
    let due = move |count: u64, first_us: i64| -> Due {
        Box::new(move |shard, shards| {
            let of_shard = (shard..count).step_by(shards as usize);
            Box::new(of_shard.map(move |k| first_us + k as i64 * every_us))
        })
    };
    Lane {
        index: 0,
        name: "web".to_owned(),
        addr,
        authority: addr.to_string(),
        ends: None,
        client: Client {
            connections,
            timeout_us,
            connect_timeout_us: timeout_us,
            headers: Vec::new(),
            transport: plan::Transport::default(),
        },
        requests: vec![request("a"), request("b")],
        cycle: vec![0, 0, 1],
        pace: Pace::Open { warmup: due(10, -10 * every_us), due: due(count, 0) },
        until: Until::default(),
        seed: 7,
        turns: Turns::default(),
        journey: None,
    }
}

fn marks() -> Vec<Mark> {
    vec![
        Mark::LateBy { us: 500_000 },
        Mark::Blocked,
        Mark::Refused,
        Mark::IdleReset,
        Mark::Below { clock: Between::Response, us: 30_000_000 },
    ]
}

struct Run {
    engine: Engine,
    batches: mpsc::UnboundedReceiver<Batch>,
}

/// A run whose time 0 is near.
pub(super) fn drive(threads: usize) -> (Drive, mpsc::UnboundedReceiver<Batch>) {
    let clock = Clock::start();
    let zero = At(clock.now().0 + 150_000);
    let edges = Edges::new(clock, Vec::new());
    edges.zero(zero);
    let (sink, batches) = mpsc::unbounded_channel();
    let drive = Drive {
        clock,
        zero,
        edges: Arc::new(edges),
        marks: Arc::new(marks()),
        run_id: "run".to_owned(),
        threads,
        secrets: Arc::default(),
        sink,
        tracing: None,
    };
    (drive, batches)
}

fn begin(lane: Lane, threads: usize) -> Run {
    let (drive, batches) = drive(threads);
    Run { engine: start(vec![lane], &drive).unwrap(), batches }
}

impl Run {
    async fn finish(mut self) -> Vec<Batch> {
        self.engine.finished().await.unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = self.batches.recv().await {
            batches.push(batch);
        }
        batches
    }
}

/// Requests of these cells, by whether they belong to the warm-up.
pub(super) fn count(batches: &[Batch], wanted: impl Fn(&Cell) -> bool) -> (u64, u64) {
    let cells = batches.iter().flat_map(|batch| &batch.cells).filter(|cell| wanted(cell));
    cells.fold((0, 0), |(warmup, run), cell| match cell.segment {
        0 => (warmup + cell.n, run),
        _ => (warmup, run + cell.n),
    })
}

pub(super) fn marked(batches: &[Batch], mark: usize) -> u64 {
    batches.iter().flat_map(|batch| &batch.cells).map(|cell| cell.marks[mark]).sum()
}

pub(super) fn health(batches: &[Batch]) -> (u64, u64, u64, u64) {
    let lines = batches.iter().flat_map(|batch| &batch.health);
    lines.fold((0, 0, 0, 0), |sum, line| {
        (sum.0 + line.due, sum.1 + line.begun, sum.2 + line.done, sum.3 + line.blocked)
    })
}

pub(super) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Reads a request; none at the end of the connection.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.ok()?);
    }
    Some(())
}

/// Serves connections with this script until the test ends.
pub(super) fn serve<F>(listener: TcpListener, script: impl Fn(TcpStream) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(stream));
        }
    });
}

#[tokio::test]
async fn the_servers_count_is_ours() {
    let (listener, addr) = listener().await;
    let served = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&served);
    serve(listener, move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            while read_request(&mut stream).await.is_some() {
                counter.fetch_add(1, Ordering::Relaxed);
                let _ = stream.write_all(OK).await;
            }
        }
    });
    // Three threads' worth of connections on two threads.
    let batches = begin(lane(addr, 900, 1_000, 192, 20_000_000), 2).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, 900));
    assert_eq!(count(&batches, |_| true), (10, 900));
    assert_eq!(count(&batches, |cell| cell.request == 1), (3, 300));
    assert_eq!(served.load(Ordering::Relaxed), 910);
    let (due, begun, done, _) = health(&batches);
    assert_eq!((due, begun, done), (900, 900, 900));
    assert_eq!(marked(&batches, 4), 910);
    assert!(batches.len() < 20, "{}", batches.len());
}

#[tokio::test]
async fn refused_connections_are_all_counted() {
    let (listener, addr) = listener().await;
    drop(listener);
    let batches = begin(lane(addr, 50, 1_000, 64, 20_000_000), 1).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::ConnectError), (10, 50));
    assert_eq!(marked(&batches, 2), 60);
}

#[tokio::test]
async fn a_server_that_closes_idle_connections_costs_nothing() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move {
        // Keep-alive is promised, then the connection is closed between requests.
        if read_request(&mut stream).await.is_some() {
            let _ = stream.write_all(OK).await;
        }
    });
    let batches = begin(lane(addr, 40, 20_000, 64, 20_000_000), 1).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, 40));
    assert_eq!(marked(&batches, 3), 0);
}

#[tokio::test]
async fn a_small_pool_blocks_and_that_is_no_lag() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = stream.write_all(OK).await;
        }
    });
    // Two connections serve 100/s; 1000/s are due: the last waits for about a second.
    let batches = begin(lane(addr, 100, 1_000, 2, 20_000_000), 2).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, 100));
    let (_, _, _, blocked) = health(&batches);
    assert!((90..=100).contains(&blocked), "{blocked}");
    assert!(marked(&batches, 1) >= blocked);
    assert_eq!(marked(&batches, 0), 0, "the wait for a connection was taken for lag");
    let findings: Vec<_> = batches.iter().flat_map(|batch| &batch.findings).collect();
    assert_eq!(findings.len(), 1);
    assert!(findings[0].contains("all of its 2 connections"), "{}", findings[0]);
}

#[tokio::test]
async fn silence_ends_in_timeouts_and_the_queue_gives_up() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move { while stream.read_u8().await.is_ok() {} });
    let batches = begin(lane(addr, 40, 5_000, 2, 60_000), 1).finish().await;
    assert_eq!(count(&batches, |_| true), (10, 40));
    let (warm, timeouts) = count(&batches, |cell| cell.outcome == Outcome::Timeout);
    let (warm_not, not_sent) = count(&batches, |cell| cell.outcome == Outcome::NotSent);
    assert_eq!((warm + warm_not, timeouts + not_sent), (10, 40));
    assert!(timeouts > 0 && not_sent > 0, "{timeouts} {not_sent}");
    let (due, begun, done, _) = health(&batches);
    assert_eq!((due, begun, done), (40, timeouts, 40));
}

#[tokio::test]
async fn stopping_ends_arrivals_and_waits_for_answers() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _ = stream.write_all(OK).await;
        }
    });
    let mut run = begin(lane(addr, 1_000_000, 1_000, 4096, 20_000_000), 1);
    let first = run.batches.recv().await.unwrap();
    run.engine.stop_arrivals();
    let mut batches = run.finish().await;
    batches.push(first);
    let (_, all) = count(&batches, |_| true);
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, all));
    let (due, begun, done, _) = health(&batches);
    assert_eq!((due, begun, done), (all, all, all));
    assert!(all < 100_000, "{all}");
}

#[tokio::test]
async fn a_cut_records_what_is_under_way_or_waits() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move { while stream.read_u8().await.is_ok() {} });
    let run = begin(lane(addr, 1_000, 1_000, 2, 20_000_000), 1);
    tokio::time::sleep(Duration::from_millis(400)).await;
    run.engine.cut();
    run.engine.stop_arrivals();
    let batches = run.finish().await;
    let (warm, cut) = count(&batches, |cell| cell.outcome == Outcome::Cut);
    assert_eq!(count(&batches, |_| true), (warm, cut));
    assert!(warm == 10 && (100..1_000).contains(&cut), "{warm} {cut}");
    // None had reached the limit.
    assert_eq!(marked(&batches, 4), warm + cut);
    let timed = batches.iter().flat_map(|batch| &batch.intervals).count();
    assert_eq!(timed, 0);
}

#[test]
fn a_cycle_that_names_no_request_is_refused() {
    let addr = SocketAddr::from(([127, 0, 0, 1], 9));
    let clock = Clock::start();
    let (sink, _batches) = mpsc::unbounded_channel();
    let drive = Drive {
        clock,
        zero: At(0),
        edges: Arc::new(Edges::new(clock, Vec::new())),
        marks: Arc::default(),
        run_id: String::new(),
        threads: 1,
        secrets: Arc::default(),
        sink,
        tracing: None,
    };
    for cycle in [vec![], vec![0, 2]] {
        let lane = Lane { cycle, ..lane(addr, 1, 1, 1, 1) };
        assert!(matches!(start(vec![lane], &drive), Err(StartError::Cycle(_))));
    }
}
