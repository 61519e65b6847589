//! What the load engine costs, as ratios from one run: against wrk in a closed loop, against the
//! smallest client there can be (`bare`) with open arrivals, and its lag against the machine's own
//! wake-ups. Whole processes are measured, reports and all, in turns, medians of five.
//!
//! Run with `cargo bench --workspace --bench engine`; without wrk its rows are left out.
//!
//! Not here: whether what it measures is true (the tests of `load`).

#![expect(clippy::print_stdout, reason = "a bench talks to its user")]

mod bare;
mod server;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// How often each is run.
const ROUNDS: usize = 5;
/// Seconds of a run of the closed loop, and of open arrivals.
const CLOSED_S: u64 = 4;
const OPEN_S: u64 = 10;

fn main() -> Fallible<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("serve") => server::serve(),
        Some("bare") => bare::run(words.get(1..).unwrap_or_default()),
        _ => bench(),
    }
}

/// A server on loopback, ended with this process.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start() -> Fallible<Server> {
        let mut child = this(&["serve"])?.stdout(Stdio::piped()).spawn()?;
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
struct Cost {
    requests: f64,
    seconds: f64,
    cpu_s: f64,
    lag_p50_ms: f64,
    lag_p99_ms: f64,
}

impl Cost {
    fn cpu_us(&self) -> f64 {
        self.cpu_s * 1e6 / self.requests.max(1.0)
    }

    fn rate(&self) -> f64 {
        self.requests / self.seconds.max(1e-9)
    }
}

/// Runs a command to its end; gives its output and its processor time.
fn spend(mut command: Command) -> Fallible<(String, f64)> {
    let before = children_s()?;
    let output = command.stderr(Stdio::null()).output()?;
    let cpu_s = children_s()? - before;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), cpu_s))
}

/// Processor time of all children that have ended, s. 100 ticks a second on every Linux (USER_HZ).
fn children_s() -> Fallible<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // proc(5): cutime and cstime are fields 16 and 17, counted with pid and comm.
    let ticks = fields.skip(13).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / 100.0)
}

fn assay(addr: SocketAddr, words: &[&str]) -> Fallible<Cost> {
    let folder = tempfile::tempdir()?;
    let figures = folder.path().join("figures.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.arg("load").arg(format!("http://{addr}/")).args(words).arg("-q");
    command.arg("--json").arg(&figures).arg("--out").arg(folder.path().join("out"));
    let (told, cpu_s) = spend(command)?;
    let figures = std::fs::read_to_string(&figures).map_err(|error| format!("{error}: {told}"))?;
    let figures: serde_json::Value = serde_json::from_str(&figures)?;
    let number = |pointer: &str| figures.pointer(pointer).and_then(serde_json::Value::as_f64);
    let (requests, rate) = (number("/requests").unwrap_or(0.0), number("/rate").unwrap_or(1.0));
    if number("/errors") != Some(0.0) {
        return Err(format!("a run with errors measures nothing: {figures}").into());
    }
    Ok(Cost {
        requests,
        seconds: requests / rate,
        cpu_s,
        lag_p50_ms: number("/lag/p50").unwrap_or(0.0),
        lag_p99_ms: number("/lag/p99").unwrap_or(0.0),
    })
}

fn wrk(addr: SocketAddr) -> Fallible<Cost> {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c64", &format!("-d{CLOSED_S}"), &format!("http://{addr}/")]);
    let (told, cpu_s) = spend(command)?;
    let line =
        told.lines().find(|line| line.contains(" requests in ")).ok_or("wrk said nothing")?;
    let mut words = line.split_whitespace();
    let requests: f64 = words.next().unwrap_or("0").parse()?;
    let seconds: f64 = words.nth(2).unwrap_or("0").trim_end_matches(['s', ',']).parse()?;
    Ok(Cost { requests, seconds, cpu_s, ..Cost::default() })
}

fn bare(addr: SocketAddr, rate: u64, seconds: u64) -> Fallible<Cost> {
    let addr = addr.to_string();
    let (rate, seconds) = (rate.to_string(), seconds.to_string());
    let (told, cpu_s) = spend(this(&["bare", &addr, &rate, &seconds])?)?;
    let mut numbers = told.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let mut next = || numbers.next().ok_or_else(|| format!("the bare client said: {told}"));
    let (requests, lag_p50_ms, lag_p99_ms) = (next()?, next()?, next()?);
    Ok(Cost { requests, seconds: seconds.parse()?, cpu_s, lag_p50_ms, lag_p99_ms })
}

fn bench() -> Fallible<()> {
    let server = Server::start()?;
    let addr = server.addr;
    println!("cores {}, load average {}", cores(), load_average()?);
    let has_wrk = Command::new("wrk").arg("-v").output().is_ok();
    if has_wrk {
        let closed = format!("{CLOSED_S}s");
        let words = ["--closed", "--connections", "64", "--for", &closed];
        let (theirs, ours) = in_turns(|| wrk(addr), || assay(addr, &words))?;
        println!("closed loop, 64 connections, {CLOSED_S} s:");
        say("requests/s", "wrk", &theirs, &ours, Cost::rate);
        say("cpu us/request", "wrk", &theirs, &ours, Cost::cpu_us);
    } else {
        println!("wrk is not installed: no closed loop");
    }
    for rate in [2_000, 10_000] {
        let (every, time) = (format!("{rate}/s"), format!("{OPEN_S}s"));
        let words = ["--rate", &every, "--for", &time];
        let (theirs, ours) = in_turns(|| bare(addr, rate, OPEN_S), || assay(addr, &words))?;
        println!("open arrivals, {rate}/s, {OPEN_S} s:");
        say("cpu us/request", "bare", &theirs, &ours, Cost::cpu_us);
        say("lag p50 ms", "bare", &theirs, &ours, |cost| cost.lag_p50_ms);
        say("lag p99 ms", "bare", &theirs, &ours, |cost| cost.lag_p99_ms);
    }
    let once = assay(addr, &["--rate", "10/s", "--for", "1s"])?;
    println!("start, reports and end of one run: {:.0} ms of cpu", once.cpu_s * 1e3);
    println!("load average {}", load_average()?);
    Ok(())
}

/// Both alternate, so that a busy machine is busy for both.
fn in_turns(
    mut theirs: impl FnMut() -> Fallible<Cost>,
    mut ours: impl FnMut() -> Fallible<Cost>,
) -> Fallible<(Vec<Cost>, Vec<Cost>)> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        left.push(theirs()?);
        right.push(ours()?);
    }
    Ok((left, right))
}

fn say(what: &str, name: &str, theirs: &[Cost], ours: &[Cost], figure: impl Fn(&Cost) -> f64) {
    let (theirs, ours) = (median(theirs, &figure), median(ours, &figure));
    println!("  {what:16} {name} {theirs:.3}, assay {ours:.3}, ratio {:.2}", ours / theirs);
}

fn median(costs: &[Cost], figure: &impl Fn(&Cost) -> f64) -> f64 {
    let mut all: Vec<f64> = costs.iter().map(figure).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn load_average() -> Fallible<String> {
    let all = std::fs::read_to_string("/proc/loadavg")?;
    Ok(all.split_whitespace().take(1).collect())
}
