//! What the bundled platform carries on this machine: samples a second with a durable acknowledgement on
//! SQLite, one POST each and in batches, P99 at half of that, what telemetry costs, and how fast an edge
//! drains after an outage. All are processes of this program, loaded by `assay load` and `assay devices`.
//!
//! Run with `cargo bench --workspace --bench platform` (2 minutes); the goals are beside the figures, and the
//! machine's load beside both: the clients run on the same cores.
//!
//! Not here: the load engine's own limits (`engine`).

#![expect(clippy::print_stdout, reason = "a bench talks to its user")]

use serde_json::Value;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long each load lasts.
const LASTS: &str = "8s";
const ONE: &str = r#"{"machine_id":"TRUCK-21","timestamp":"2026-01-01T00:00:00Z","metrics":{"rpm":1500,"temperature":91.5,"vibration":3.25,"fuel_rate_lh":12.5,"pressure":99}}"#;
/// Samples of one batch.
const BATCH: usize = 100;
/// The edge's offered rate: so many devices, each so often.
const DEVICES: (u64, &str, f64) = (400, "200ms", 2_000.0);
const OUTAGE: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    println!("load of the machine before: {}", std::fs::read_to_string("/proc/loadavg")?.trim());

    let backend = backend(folder, "singles", &[])?;
    let singles = load(&backend, "/ingest/raw", ONE, &["--closed", "--connections", "256"])?;
    let rate = number(&singles, "rate");
    row("samples/s, one POST each", rate, "at least 4000", rate >= 4_000.0);
    let half = format!("{}/s", (rate / 2.0).floor());
    let calm = load(&backend, "/ingest/raw", ONE, &["--rate", &half])?;
    let p99 = number(&calm, "p99");
    row(&format!("P99 at {half}, ms"), p99, "at most 25", p99 <= 25.0);
    drop(backend);

    let backend = self::backend(folder, "batches", &[])?;
    let batch = format!("[{}]", vec![ONE; BATCH].join(","));
    let batches = load(&backend, "/ingest/batch", &batch, &["--closed", "--connections", "16"])?;
    let rate = number(&batches, "rate") * BATCH as f64;
    row(&format!("samples/s in batches of {BATCH}"), rate, "at least 20000", rate >= 20_000.0);
    drop(backend);

    telemetry(folder)?;
    drain(folder).await?;
    println!("load of the machine after: {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    Ok(())
}

/// CPU of the backend for one ingest at a fixed rate, with and without metrics and traces, in turns;
/// medians of three.
fn telemetry(folder: &Path) -> Result<()> {
    let nobody = "http://127.0.0.1:9";
    let with =
        [("TRACING_ENABLED", "true"), ("TRACING_SAMPLE", "10%"), ("TRACING_OTLP_ENDPOINT", nobody)];
    let without = [("METRICS_ENABLED", "false")];
    let (mut told, mut silent) = (Vec::new(), Vec::new());
    for turn in 0..3 {
        for (env, costs) in [(&with[..], &mut told), (&without[..], &mut silent)] {
            let name = format!("telemetry-{turn}-{}", env.len());
            let backend = backend(folder, &name, env)?;
            let before = backend.cpu_us()?;
            let figures = load(&backend, "/ingest/raw", ONE, &["--rate", "1000/s"])?;
            costs.push((backend.cpu_us()? - before) / number(&figures, "requests"));
        }
    }
    let median = |costs: &mut Vec<f64>| {
        costs.sort_by(f64::total_cmp);
        costs[costs.len() / 2]
    };
    let (told, silent) = (median(&mut told), median(&mut silent));
    println!("  CPU of one ingest: {told:.0} µs with metrics and traces, {silent:.0} µs without");
    let more = (told / silent - 1.0) * 100.0;
    row("telemetry's share on top, %", more, "at most 30", more <= 30.0);
    Ok(())
}

/// Devices send to the edge all the time; the backend comes after 20 s.
async fn drain(folder: &Path) -> Result<()> {
    let addr = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let outbox = format!("sqlite://{}/edge.db", folder.display());
    let env = [
        ("EDGE_OUTBOX", outbox.as_str()),
        ("EDGE_IN_FLIGHT", "256"),
        ("RETRY_MAX_ATTEMPTS", "1"),
        ("CIRCUIT_BREAKER_RESET_TIMEOUT", "1s"),
    ];
    let edge = Process::start(&["edge", "--to", &format!("http://{addr}")], "127.0.0.1:0", &env)?;
    let (devices, every, offered) = DEVICES;
    let words = ["devices", "--devices", &devices.to_string(), "--every", every, "--gateway"];
    let mut devices = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(words)
        .args(["--samples", "100000", "--to", &edge.url()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    sleep(OUTAGE).await;
    let url = format!("sqlite://{}/drained.db", folder.display());
    let _backend = Process::start(&["backend"], &addr.to_string(), &[("DATABASE_URL", &url)])?;
    let mut first = None;
    let give_up = Instant::now() + Duration::from_secs(60);
    let last = loop {
        let page = edge.get("/metrics")?;
        let (held, sent) =
            (metric(&page, "edge_outbox_items"), metric(&page, "edge_delivered_total"));
        let now = (held, sent, Instant::now());
        // From the first delivery on: before it the breaker waits for its trial.
        if sent > 0.0 && first.is_none() {
            first = Some(now);
        }
        if (first.is_some() && held < offered / 10.0) || Instant::now() > give_up {
            break now;
        }
        sleep(Duration::from_millis(100)).await;
    };
    devices.kill()?;
    devices.wait()?;
    let Some((backlog, before, since)) = first else {
        println!("  the edge delivered nothing within a minute: no rate");
        return Ok(());
    };
    let seconds = last.2.duration_since(since).as_secs_f64().max(0.001);
    let rate = (last.1 - before) / seconds;
    println!(
        "  backlog {backlog:.0} items after {} s at {offered}/s, left {:.0}",
        OUTAGE.as_secs(),
        last.0
    );
    row(
        "items/s while the edge drains",
        rate,
        "at least 2 x offered = 4000",
        rate >= 2.0 * offered,
    );
    Ok(())
}

fn row(what: &str, figure: f64, goal: &str, kept: bool) {
    let word = if kept { "kept" } else { "NOT KEPT" };
    println!("{what:34} {figure:>10.1}   goal: {goal}: {word}");
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or(f64::NAN)
}

/// The sum of a family's values on a page.
fn metric(page: &str, name: &str) -> f64 {
    let lines = page.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn backend(folder: &Path, name: &str, env: &[(&str, &str)]) -> Result<Process> {
    let url = format!("sqlite://{}/{name}.db", folder.display());
    Process::start(&["backend"], "127.0.0.1:0", &[env, &[("DATABASE_URL", &url)]].concat())
}

/// What `assay load` says of this load.
fn load(to: &Process, path: &str, body: &str, words: &[&str]) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let (file, json) = (folder.path().join("body.json"), folder.path().join("figures.json"));
    std::fs::write(&file, body)?;
    let done = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["load", &format!("{}{path}", to.url()), "--for", LASTS, "--quiet"])
        .args(["-H", "Content-Type: application/json", "--body", &format!("@{}", file.display())])
        .args(words)
        .arg("--json")
        .arg(&json)
        .arg("--out")
        .arg(folder.path().join("run"))
        .output()?;
    if !json.exists() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&std::fs::read(&json)?)?)
}

/// A process of the platform, ended when dropped.
struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    fn start(words: &[&str], listen: &str, env: &[(&str, &str)]) -> Result<Process> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(words)
            .args(["--listen", listen])
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(child.stdout.take().ok_or("no log")?);
        let mut addr = listen.parse::<SocketAddr>()?;
        if addr.port() == 0 {
            let mut first = String::new();
            log.read_line(&mut first)?;
            let line: Value = serde_json::from_str(&first)?;
            addr = line["address"].as_str().ok_or("no address")?.parse()?;
        }
        // Read on, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Process { child, addr })
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.addr)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Processor time so far, µs, user's and system's: /proc counts in hundredths of a second.
    fn cpu_us(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after = text.rsplit(')').next().ok_or("no stat")?;
        let ticks: Vec<f64> =
            after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse().ok()).collect();
        Ok(ticks.iter().sum::<f64>() * 10_000.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
