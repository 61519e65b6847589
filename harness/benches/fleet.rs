//! What ten thousand devices cost: 2000 samples a second for 10 s through ten gateways to a sink
//! on another thread of this process. Prints the fleet's own processor time and memory, and what
//! the ledger of ten million samples weighs.
//!
//! Run with `cargo bench --workspace --bench fleet`.
//!
//! Not here: what the far end does with samples.

#![expect(clippy::print_stdout, reason = "a bench talks to its user")]

use assay::clock::Clock;
use assay::fleet::{Aimed, Drive, remembering, start};
use assay::plan::fleet::{Delivery, Gateway, Profile, WhenFull};
use assay::plan::{Client, Fleet, Target};
use assay::record::Edges;
use assay_slo::{At, Event};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

const DEVICES: u64 = 10_000;
const EVERY_US: u64 = 5_000_000;
const SAMPLES: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let empty = memory_kib()?;
    let full = remembering(DEVICES as usize, 1_000, memory_kib)??;
    println!("ledger of {} samples: {} KiB", DEVICES * 1_000, full.saturating_sub(empty));
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("sink".to_owned()).spawn(move || sink(tell))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let addr = told.await?;
        let before = memory_kib()?;
        let clock = Clock::start();
        let zero = At(clock.now().0 + 500_000);
        let edges = Edges::new(clock, Vec::new());
        edges.zero(zero);
        let (sink, mut batches) = mpsc::unbounded_channel();
        let drive = Drive {
            clock,
            zero,
            edges: Arc::new(edges),
            marks: Arc::default(),
            run_id: "bench".to_owned(),
            seed: 1,
            threads: 1,
            sink,
            told: None,
            tracing: None,
        };
        let mut fleets = start(vec![aimed(addr)], &drive)?;
        fleets.generated_and_drained().await?;
        let took_us = clock.now().since(zero);
        let cpu = cpu_ticks("fleet")?;
        let memory = memory_kib()?;
        let (mut acknowledged, mut peak) = (0, 0);
        while let Ok(batch) = batches.try_recv() {
            for event in batch.events {
                if let Event::Backlog(backlog) = event {
                    acknowledged = backlog.acknowledged;
                    peak = peak.max(backlog.peak);
                }
            }
        }
        println!(
            "{acknowledged} of {} samples acknowledged in {:.1} s, greatest backlog {peak}",
            DEVICES * SAMPLES,
            took_us as f64 / 1e6
        );
        // 100 ticks a second on every Linux (USER_HZ).
        println!(
            "fleet: {:.2} s of processor time, {:.1} us a sample; {} KiB resident before, {} after",
            cpu as f64 / 100.0,
            cpu as f64 * 10_000.0 / acknowledged.max(1) as f64,
            before,
            memory
        );
        Ok(())
    })
}

fn aimed(addr: SocketAddr) -> Aimed {
    let gateway = Gateway {
        count: 10,
        in_flight: 16,
        timeout_us: 10_000_000,
        buffer_max: 20_000,
        when_full: WhenFull::DropOldest,
        delivery: Delivery::StoreAndForward,
        breaker: Some(assay_slo::case::Policy::default()),
        retry: None,
        mutant: None,
    };
    let client = Client {
        connections: 16,
        timeout_us: 10_000_000,
        connect_timeout_us: 5_000_000,
        headers: Vec::new(),
        transport: assay::plan::Transport::default(),
    };
    let fleet = Fleet {
        load: 0,
        name: "trucks".to_owned(),
        to: Target::Service("sink".to_owned()),
        devices: DEVICES,
        every_us: EVERY_US,
        jitter_us: 0,
        samples: SAMPLES,
        profile: Profile::Truck,
        send: None,
        key: Vec::new(),
        client,
        gateway: Some(gateway),
        drain_us: 30_000_000,
        read_back: None,
    };
    Aimed {
        fleet,
        index: 0,
        addr,
        authority: addr.to_string(),
        tls: None,
        prefix: String::new(),
        known: Arc::new(|_: &str| None),
        attempts: false,
    }
}

/// Answers everything with 200, until the process ends.
fn sink(tell: oneshot::Sender<SocketAddr>) -> Result<(), std::io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let _ = tell.send(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            let answer = service_fn(|request: Request<Incoming>| async {
                request.into_body().collect().await?;
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"{}"))))
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(serving);
        }
    })
}

/// Processor time of the threads of this name, in ticks.
fn cpu_ticks(name: &str) -> Result<u64, Box<dyn Error>> {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == name {
            let stat = std::fs::read_to_string(task.join("stat"))?;
            let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            // proc(5): utime and stime are fields 14 and 15, counted with pid and comm.
            ticks += fields.skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum::<u64>();
        }
    }
    Ok(ticks)
}

fn memory_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    Ok(kib.parse()?)
}
