//! One run of a tool, whole: its processor time, its figures, the most memory it had.
//!
//! Not here: which runs are held against each other (`main`).

use super::Fallible;
use rustix::thread::{Timespec, nanosleep};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A server on loopback, ended with this process.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// One that answers like this: see `server`.
    pub(crate) fn start(manner: &[&str]) -> Fallible<Server> {
        let words: Vec<&str> = ["serve"].into_iter().chain(manner.iter().copied()).collect();
        let mut child = this(&words)?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let told = child.stdout.take().ok_or("no output of the server")?;
        BufReader::new(told).read_line(&mut line)?;
        Ok(Server { child, addr: line.trim().parse()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to save; one that is gone already is as good.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn this(words: &[&str]) -> Fallible<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words);
    Ok(command)
}

/// What one run came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_s: f64,
    /// p50, p95, p99, ms.
    pub(crate) response: [f64; 3],
    pub(crate) lag_p50_ms: f64,
    pub(crate) lag_p99_ms: f64,
    pub(crate) peak_mib: f64,
}

impl Cost {
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_s * 1e6 / self.requests.max(1.0)
    }

    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.seconds.max(1e-9)
    }
}

struct Spent {
    told: String,
    cpu_s: f64,
    peak_mib: f64,
}

/// Runs a command to its end; gives its output, its processor time and its greatest memory, which
/// is looked at 20 times a second.
fn spend(mut command: Command) -> Fallible<Spent> {
    let before = children_s()?;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0.0_f64;
    while child.try_wait()?.is_none() {
        peak_kib = peak_kib.max(peak(&status));
        _ = nanosleep(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 });
    }
    let mut told = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut told)?;
    }
    Ok(Spent { told, cpu_s: children_s()? - before, peak_mib: peak_kib / 1024.0 })
}

/// The most memory that a process ever had, KiB; 0 of one that is gone.
fn peak(status: &str) -> f64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0.0)
}

/// Processor time of all children that have ended, s. 100 ticks a second on every Linux (USER_HZ).
fn children_s() -> Fallible<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // proc(5): cutime and cstime are fields 16 and 17, counted with pid and comm.
    let ticks = fields.skip(13).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / 100.0)
}

/// `assay load` with these words, its reports and all.
pub(crate) fn assay(addr: SocketAddr, words: &[&str]) -> Fallible<Cost> {
    let folder = tempfile::tempdir()?;
    let figures = folder.path().join("figures.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.arg("load").arg(format!("http://{addr}/")).args(words).arg("-q");
    command.arg("--json").arg(&figures).arg("--out").arg(folder.path().join("out"));
    let Spent { told, cpu_s, peak_mib } = spend(command)?;
    let figures = std::fs::read_to_string(&figures).map_err(|error| format!("{error}: {told}"))?;
    let figures: serde_json::Value = serde_json::from_str(&figures)?;
    let number =
        |pointer: &str| figures.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    if figures.pointer("/errors").and_then(serde_json::Value::as_f64) != Some(0.0) {
        return Err(format!("a run with errors measures nothing: {figures}").into());
    }
    Ok(Cost {
        requests: number("/requests"),
        seconds: number("/requests") / number("/rate").max(1e-9),
        cpu_s,
        response: ["/p50", "/p95", "/p99"].map(number),
        lag_p50_ms: number("/lag/p50"),
        lag_p99_ms: number("/lag/p99"),
        peak_mib,
    })
}

/// wrk with 64 connections.
pub(crate) fn wrk(addr: SocketAddr, seconds: u64) -> Fallible<Cost> {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c64", &format!("-d{seconds}"), &format!("http://{addr}/")]);
    let Spent { told, cpu_s, peak_mib } = spend(command)?;
    let line =
        told.lines().find(|line| line.contains(" requests in ")).ok_or("wrk said nothing")?;
    let mut words = line.split_whitespace();
    let requests: f64 = words.next().unwrap_or("0").parse()?;
    let seconds: f64 = words.nth(2).unwrap_or("0").trim_end_matches(['s', ',']).parse()?;
    Ok(Cost { requests, seconds, cpu_s, peak_mib, ..Cost::default() })
}

/// The smallest client with open arrivals.
pub(crate) fn bare(addr: SocketAddr, rate: u64, seconds: u64) -> Fallible<Cost> {
    let words = [addr.to_string(), rate.to_string(), seconds.to_string()];
    own(&["bare", &words[0], &words[1], &words[2]], seconds)
}

/// The machine's own wake-ups.
pub(crate) fn wake(rate: u64, seconds: u64) -> Fallible<Cost> {
    own(&["wake", &rate.to_string(), &seconds.to_string()], seconds)
}

fn own(words: &[&str], seconds: u64) -> Fallible<Cost> {
    let Spent { told, cpu_s, peak_mib } = spend(this(words)?)?;
    let mut numbers = told.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let mut next = || numbers.next().ok_or_else(|| format!("{} said: {told}", words.join(" ")));
    let (requests, lag_p50_ms, lag_p99_ms) = (next()?, next()?, next()?);
    let seconds = seconds as f64;
    Ok(Cost { requests, seconds, cpu_s, lag_p50_ms, lag_p99_ms, peak_mib, ..Cost::default() })
}
