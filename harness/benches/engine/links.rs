//! What a link costs beside haproxy, and how exact its faults are.
//!
//! haproxy and the link stand before the same server; what passes each is measured in turns, as
//! whole processes. The faults are those of a scenario, through `assay run`; what they came to is
//! read in the run's journal.
//!
//! Not here: which bytes pass a link (the tests of `link`).

use super::runs::{Cost, Server, wrk};
use super::{Fallible, assay, in_turns, median, ratio, row};
use assay::clock::Clock;
use assay::link::Links;
use assay::record::Edges;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Seconds of a run at full speed, and of one at a rate.
const FAST_S: u64 = 4;
const SLOW_S: &str = "4s";

/// What stands between, ready for use.
struct Between {
    child: Child,
    addr: SocketAddr,
    /// haproxy's configuration.
    _folder: tempfile::TempDir,
}

impl Drop for Between {
    fn drop(&mut self) {
        // It has nothing to save; one that is gone already is as good.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// `MODE LISTEN UPSTREAM`: one link, until the process is killed.
pub(crate) fn link(words: &[String]) -> Fallible<()> {
    let [mode, listen, upstream] = words else { return Err("MODE LISTEN UPSTREAM".into()) };
    let (listen, upstream): (SocketAddr, SocketAddr) = (listen.parse()?, upstream.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock = Clock::start();
        let edges = Arc::new(Edges::new(clock, Vec::new()));
        let (links, _told) = Links::start(clock, edges, "bench")?;
        match mode.as_str() {
            "http" => links.bind("door", listen).await?,
            _ => links.bind_tcp("door", listen).await?,
        };
        links.set_upstream("door", upstream)?;
        std::future::pending().await
    })
}

/// A port of loopback that nobody has.
fn free() -> Fallible<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Until somebody listens.
fn started(mut command: Command, addr: SocketAddr, folder: tempfile::TempDir) -> Fallible<Between> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let between = Between { child, addr, _folder: folder };
    for _ in 0..500 {
        if TcpStream::connect(addr).is_ok() {
            return Ok(between);
        }
        _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 0, tv_nsec: 10_000_000 });
    }
    Err(format!("{command:?} does not listen on {addr}").into())
}

fn own(mode: &str, upstream: SocketAddr) -> Fallible<Between> {
    let addr = free()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["link", mode, &addr.to_string(), &upstream.to_string()]);
    started(command, addr, tempfile::tempdir()?)
}

/// One thread, as the links have; all else as haproxy has it by itself.
fn haproxy(mode: &str, upstream: SocketAddr) -> Fallible<Between> {
    let (addr, folder) = (free()?, tempfile::tempdir()?);
    let file = folder.path().join("haproxy.cfg");
    std::fs::write(
        &file,
        format!(
            "global\n  nbthread 1\ndefaults\n  mode {mode}\n  timeout connect 5s\n  \
             timeout client 30s\n  timeout server 30s\nlisten door\n  bind {addr}\n  \
             server one {upstream}\n"
        ),
    )?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&file);
    started(command, addr, folder)
}

/// Beside haproxy and beside nothing between.
pub(crate) fn cost() -> Fallible<()> {
    if Command::new("haproxy").arg("-v").output().is_err() {
        println!("SKIPPED: links beside haproxy: haproxy is not installed");
        return Ok(());
    }
    let server = Server::start(&[])?;
    for (mode, name, least) in [("http", "HTTP link", "≥ 0.40"), ("tcp", "TCP link", "≥ 0.60")]
    {
        let (theirs, ours) = (haproxy(mode, server.addr)?, own(mode, server.addr)?);
        let [direct, through, linked] =
            in_turns([&|| wrk(server.addr, FAST_S), &|| wrk(theirs.addr, FAST_S), &|| {
                wrk(ours.addr, FAST_S)
            }])?;
        let title = |what: &str| format!("{name}, 64 connections: requests/s, {what}");
        ratio(&title("haproxy"), &through, &linked, Cost::rate, least)?;
        let of_direct = if mode == "http" { "≥ 0.18" } else { "" };
        ratio(&title("direct"), &direct, &linked, Cost::rate, of_direct)?;
        let words = ["--rate", "2000/s", "--for", SLOW_S];
        let [direct, through, linked] =
            in_turns([&|| assay(server.addr, &words), &|| assay(theirs.addr, &words), &|| {
                assay(ours.addr, &words)
            }])?;
        let p50 = |costs: &[Cost]| median(costs, |cost| cost.response[0]);
        let added = |costs: &[Cost]| p50(costs) - p50(&direct);
        let title = format!("{name}, 2000/s: added p50 ms, haproxy");
        let most = if mode == "http" { "≤ 1.50" } else { "" };
        row(&title, Some(added(&through)), added(&linked), most)?;
    }
    Ok(())
}

/// 2000 requests a second, by a latency, a share, a quota and thirty short faults.
const SCENARIO: &str = "\
schema: 1
name: exact
seed: 7
services: {api: {url: \"http://ADDR\"}}
links: {door: {to: api}}
load:
  a: {constant-arrival-rate: {rate: 2000/s, duration: 39s, to: door, requests: [{get: {path: /}}]}}
faults:
  slow:  {latency: {link: door, add: {fixed: 100ms}, at: 5s, duration: 5s, recovery: 1s}}
  share: {error: {link: door, status: 503, affects: {share: 50%}, at: 12s, duration: 5s, recovery: 1s}}
  quota: {error: {link: door, status: 503, affects: {quota: 50%}, at: 19s, duration: 5s, recovery: 1s}}
  short: {error: {link: door, status: 503, at: 26s, duration: 100ms, recovery: 100ms, again: {times: 30, every: 300ms}}}
objectives: {errors: {error-rate: {below: 1%}}}
";

/// What faults come to: of a journal's lines.
pub(crate) fn faults() -> Fallible<()> {
    let server = Server::start(&[])?;
    let folder = tempfile::tempdir()?;
    let (file, out) = (folder.path().join("exact.yaml"), folder.path().join("out"));
    std::fs::write(&file, SCENARIO.replace("ADDR", &server.addr.to_string()))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.arg("run").arg(&file).arg("-q").arg("--out").arg(&out);
    let ended = command.output()?;
    let journal = std::fs::read_to_string(out.join("journal.jsonl"))
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&ended.stderr)))?;
    let lines: Vec<Value> = journal.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let entries: Vec<&Value> = lines.iter().filter(|line| line.get("event").is_some()).collect();

    let slow = p50(&entries, 2).ok_or("no histogram of the latency")?;
    let before = p50(&entries, 1).ok_or("no histogram before it")?;
    row("100 ms injected: added p50 ms, truth", Some(100.0), slow - before, "± 1.0")?;

    let edges = |fault: usize, kind: &str| -> Vec<&Value> {
        let is = |line: &&&Value| {
            let edge = &line["event"]["edge"];
            edge["fault"] == fault && edge["edge"] == kind
        };
        entries.iter().filter(is).copied().collect()
    };
    for (fault, title, must) in
        [(1, "share of 50 %", "± 1.29 % of 10 000 (99 %)"), (2, "quota of 50 %", "exact")]
    {
        let cleared = *edges(fault, "cleared").first().ok_or("the fault was not cleared")?;
        let effect = &cleared["event"]["edge"]["effect"];
        let number = |key: &str| effect[key].as_f64().unwrap_or(f64::NAN);
        row(
            &format!("{title}: victims, half of all"),
            Some(number("matched") / 2.0),
            number("injected"),
            must,
        )?;
    }
    let ms = |value: &Value| value.as_f64().unwrap_or(f64::NAN) / 1e3;
    // What comes again has edges again.
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for fault in 0..40 {
        let (asked, applied) = (edges(fault, "asked"), edges(fault, "applied"));
        for (asked, applied) in asked.iter().zip(&applied) {
            on.push(ms(&applied["at"]) - ms(&asked["event"]["edge"]["at"]));
        }
        for cleared in edges(fault, "cleared") {
            off.push(ms(&cleared["at"]) - ms(&cleared["event"]["edge"]["at"]));
        }
    }
    for (title, all) in [("inject", &mut on), ("undo", &mut off)] {
        all.sort_by(f64::total_cmp);
        let most = all.last().copied().ok_or("no edge")?;
        row(&format!("{title} acknowledged, greatest of {}: ms", all.len()), None, most, "≤ 5.0")?;
    }
    Ok(())
}

/// The median response time of what was due in this segment, ms: the middle of its bucket.
fn p50(entries: &[&Value], segment: u64) -> Option<f64> {
    let of = |line: &&&Value| {
        let it = &line["event"]["histogram"];
        it["segment"] == segment && it["ok"] == true && it["clock"] == "response"
    };
    let line = entries.iter().find(of)?;
    let buckets: Vec<(u64, u64, u64)> =
        serde_json::from_value(line["event"]["histogram"]["buckets"].clone()).ok()?;
    let all: u64 = buckets.iter().map(|(_, _, n)| n).sum();
    let mut before = 0;
    buckets.iter().find_map(|(from, to, n)| {
        before += n;
        (before * 2 >= all).then_some((from + to) as f64 / 2e3)
    })
}
