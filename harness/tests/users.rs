//! goose inside a whole process: Ctrl-C stays ours, and nothing is printed. Each test has a part
//! that runs in a child, because signals and output belong to a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use assay::clock::Clock;
use assay::load::users::{Aimed, keep_interrupt, start};
use assay::load::{Drive, StartError};
use assay::plan::users::{Crowd, Does, Step, Users};
use assay::plan::{Body, Client, Request, Target, Text};
use assay::record::{Batch, Edges};
use assay_slo::At;
use rustix::process::{Signal, getpid, kill_process};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

const CHILD: &str = "ASSAY_TEST_USERS_CHILD";

/// Runs a test of this file in a process of its own; gives what it wrote beside the test
/// harness's own lines.
fn in_a_child(test: &str) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--color=never"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    assert!(stdout.contains("1 passed"), "{stdout}");
    let own = [String::new(), "running 1 test".to_owned(), format!("test {test} ... ok")];
    let foreign = |line: &&str| {
        !own.iter().any(|own| own == line) && !line.starts_with("test result: ok. 1 passed")
    };
    let foreign: Vec<&str> = stdout.lines().chain(stderr.lines()).filter(foreign).collect();
    foreign.join("\n")
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// A drive whose time 0 is near, and where its counts go.
fn drive() -> (Drive, mpsc::UnboundedReceiver<Batch>) {
    let clock = Clock::start();
    let zero = At(clock.now().0 + 100_000);
    let edges = Edges::new(clock, Vec::new());
    edges.zero(zero);
    let (sink, batches) = mpsc::unbounded_channel();
    let (edges, marks) = (Arc::new(edges), Arc::default());
    let (run_id, secrets) = ("run".to_owned(), Arc::default());
    (Drive { clock, zero, edges, marks, run_id, threads: 1, secrets, sink, tracing: None }, batches)
}

/// Five users for a minute.
fn users(addr: SocketAddr) -> Aimed {
    let request = Request {
        name: "a".to_owned(),
        method: "GET".to_owned(),
        path: Text("/".to_owned()),
        headers: Vec::new(),
        body: Body::Empty,
        check_status: Vec::new(),
        timeout_us: 10_000_000,
        dynamic: None,
    };
    let client = Client {
        connections: 1,
        timeout_us: 10_000_000,
        connect_timeout_us: 10_000_000,
        headers: Vec::new(),
        transport: assay::plan::Transport::default(),
    };
    let users = Users {
        load: 0,
        name: "crowd".to_owned(),
        to: Target::Service("app".to_owned()),
        crowd: Crowd::Constant { vus: 5, lasts_us: 60_000_000, ramp_up_us: 0 },
        pace_us: 0,
        client,
        requests: vec![request],
        captures: 0,
        does: Does::Journey(vec![Step::Send(0), Step::Pause { min_us: 5_000, max_us: 15_000 }]),
    };
    Aimed { users, addr, authority: addr.to_string(), ends: None }
}

/// A server that answers everything; tells how many requests it has read, and notes their ids.
async fn server() -> (SocketAddr, watch::Receiver<u64>, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (count, served) = watch::channel(0);
    let (note, ids) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let count = Arc::new(count);
        while let Ok((mut stream, _)) = listener.accept().await {
            let (count, note) = (Arc::clone(&count), note.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    seen.push(byte);
                    if seen.ends_with(b"\r\n\r\n") {
                        let text = String::from_utf8_lossy(&seen).into_owned();
                        let id = text.lines().find_map(|line| line.strip_prefix("x-request-id: "));
                        let _ = note.send(id.unwrap_or_default().to_owned());
                        seen.clear();
                        count.send_modify(|count| *count += 1);
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        let _ = stream.write_all(answer).await;
                    }
                }
            });
        }
    });
    (addr, served, ids)
}

/// Waits for so many more requests; fails after half a minute.
async fn more(served: &mut watch::Receiver<u64>, requests: u64) {
    let goal = *served.borrow() + requests;
    let seen = served.wait_for(|count| *count >= goal);
    tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap().unwrap();
}

#[test]
fn ctrl_c_stays_ours_and_goose_says_nothing() {
    if !is_child() {
        let foreign = in_a_child("ctrl_c_stays_ours_and_goose_says_nothing");
        assert_eq!(foreign, "");
        return;
    }
    keep_interrupt().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).unwrap();
        let (addr, mut served, mut ids) = server().await;
        let (drive, mut batches) = drive();
        let mut crowds = start(vec![users(addr)], &drive, 7).unwrap();
        more(&mut served, 20).await;
        // A second one would end the process if it were goose's.
        for _ in 0..2 {
            kill_process(getpid(), Signal::INT).unwrap();
            let heard = tokio::time::timeout(Duration::from_secs(10), interrupt.recv()).await;
            assert_eq!(heard.unwrap(), Some(()));
            more(&mut served, 20).await;
        }
        let asked = drive.clock.now();
        crowds.cut();
        crowds.finished().await.unwrap();
        let took_us = drive.clock.now().0 - asked.0;
        assert!(took_us < 1_500_000, "{took_us}");
        let mut recorded = 0;
        while let Ok(batch) = batches.try_recv() {
            recorded += batch.cells.iter().map(|cell| cell.n).sum::<u64>();
        }
        // What was cut may not have arrived.
        let arrived = *served.borrow();
        assert!((arrived..=arrived + 5).contains(&recorded), "{arrived} {recorded}");
        let mut seen = std::collections::BTreeSet::new();
        while let Ok(id) = ids.try_recv() {
            let (user, request) = id.strip_prefix("run-crowd-u").unwrap().split_once('.').unwrap();
            assert!(user.parse::<u64>().unwrap() < 5 && request.ends_with("-1"), "{id}");
            assert!(seen.insert(id.clone()), "{id} twice");
        }
        assert!(seen.contains("run-crowd-u0.0-1") && seen.contains("run-crowd-u4.1-1"));
    });
}

#[test]
fn users_do_not_start_where_ctrl_c_would_be_lost() {
    if !is_child() {
        let foreign = in_a_child("users_do_not_start_where_ctrl_c_would_be_lost");
        assert_eq!(foreign, "");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (drive, _batches) = drive();
        let aimed = users(([127, 0, 0, 1], 9).into());
        let refused = |aimed: &Aimed| start(vec![aimed.clone()], &drive, 7).err();
        assert!(matches!(refused(&aimed), Some(StartError::Interrupt)));
        let mut interrupt = signal(SignalKind::interrupt()).unwrap();
        keep_interrupt().unwrap_err();
        keep_interrupt().unwrap_err();
        assert!(matches!(refused(&aimed), Some(StartError::Interrupt)));
        kill_process(getpid(), Signal::INT).unwrap();
        let heard = tokio::time::timeout(Duration::from_secs(10), interrupt.recv()).await;
        assert_eq!(heard.unwrap(), Some(()));
    });
}
