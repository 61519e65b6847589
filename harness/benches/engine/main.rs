//! What the load engine costs and how true it is, as ratios from one run: against wrk in a closed
//! loop, against the smallest client there can be (`bare`) with open arrivals, against the
//! machine's own wake-ups, and against servers whose truth is known; and what a link costs beside
//! haproxy. Whole processes are measured, reports and all, in turns, medians of five (of a ratio, of those of
//! the rounds); the machine's load stands beside each row.
//!
//! Run with `cargo bench --workspace --bench engine`: 13 minutes. One part can be chosen (closed,
//! open, stall, delay, flight, growth, links, faults): `cargo bench --workspace --bench engine --
//! links`. Without wrk or haproxy their rows are skipped.
//!
//! Not here: which answers mean what (the tests of `client` and `load`).

#![expect(clippy::print_stdout, reason = "a bench talks to its user")]

mod bare;
mod links;
mod runs;
mod server;
mod wake;

use runs::{Cost, Server, assay};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::error::Error;
use std::process::Command;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// How often each is run.
const ROUNDS: usize = 5;
/// Seconds of a run of the closed loop, of the wake-ups.
const CLOSED_S: u64 = 4;
const WAKE_S: u64 = 3;
/// Rates of open arrivals, and seconds of a run.
const OPEN: [(u64, u64); 2] = [(2_000, 10), (10_000, 6)];
/// Seconds of a run against a server that stalls.
const STALL_S: u64 = 10;
/// Seconds of the short and of the long run whose memory is compared.
const GROWTH_S: [u64; 2] = [6, 60];

fn main() -> Fallible<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rest = words.get(1..).unwrap_or_default();
    match words.first().map(String::as_str) {
        Some("serve") => server::serve(rest),
        Some("bare") => bare::run(rest),
        Some("wake") => wake::run(rest),
        Some("link") => links::link(rest),
        // cargo adds `--bench`.
        _ => bench(words.iter().find(|word| !word.starts_with('-'))),
    }
}

/// A part of the table, by a word of its own.
type Part = (&'static str, fn() -> Fallible<()>);

fn bench(only: Option<&String>) -> Fallible<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })?;
    let parts: [Part; 8] = [
        ("closed", closed),
        ("open", open),
        ("stall", stalls),
        ("delay", delay),
        ("flight", in_flight),
        ("growth", growth),
        ("links", links::cost),
        ("faults", links::faults),
    ];
    println!("cores {}, load average {}", cores(), load_average()?);
    println!(
        "{:46} {:>10} {:>10} {:>7}  {:10} {:>5}",
        "", "other", "assay", "ratio", "must be", "load"
    );
    for (name, part) in parts.iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
        if let Err(error) = part() {
            println!("FAILED: {name}: {error}");
        }
    }
    Ok(())
}

/// As fast as answers come.
fn closed() -> Fallible<()> {
    if Command::new("wrk").arg("-v").output().is_err() {
        println!("SKIPPED: closed loop against wrk: wrk is not installed");
        return Ok(());
    }
    let server = Server::start(&[])?;
    let lasts = format!("{CLOSED_S}s");
    let words = ["--closed", "--connections", "64", "--for", &lasts];
    let [theirs, ours] =
        in_turns([&|| runs::wrk(server.addr, CLOSED_S), &|| assay(server.addr, &words)])?;
    ratio("closed, 64 connections: requests/s, wrk", &theirs, &ours, Cost::rate, "≥ 1.05")?;
    ratio("closed, 64 connections: cpu µs/request, wrk", &theirs, &ours, Cost::cpu_us, "≤ 1.00")
}

/// By a rate.
fn open() -> Fallible<()> {
    let server = Server::start(&[])?;
    for (rate, seconds) in OPEN {
        let (every, lasts) = (format!("{rate}/s"), format!("{seconds}s"));
        let words = ["--rate", &every, "--for", &lasts];
        let [theirs, wakes, ours] = in_turns([
            &|| runs::bare(server.addr, rate, seconds),
            &|| runs::wake(rate, WAKE_S),
            &|| assay(server.addr, &words),
        ])?;
        let title = |what: &str| format!("open, {rate}/s: {what}");
        let (cpu, p50, p99) = (Cost::cpu_us, |c: &Cost| c.lag_p50_ms, |c: &Cost| c.lag_p99_ms);
        ratio(&title("cpu µs/request, bare client"), &theirs, &ours, cpu, "≤ 1.15")?;
        ratio(&title("lag p50 ms, bare client"), &theirs, &ours, p50, "")?;
        ratio(&title("lag p50 ms, timer wake-up"), &wakes, &ours, p50, "≤ 1.50")?;
        ratio(&title("lag p99 ms, bare client"), &theirs, &ours, p99, "")?;
        ratio(&title("lag p99 ms, timer wake-up"), &wakes, &ours, p99, "≤ 10.00")?;
    }
    let once = [assay(server.addr, &["--rate", "10/s", "--for", "1s"])?];
    row("one run's start, reports and end: cpu ms", None, once[0].cpu_s * 1e3, "")
}

/// Servers that stand still for a part of each period.
fn stalls() -> Fallible<()> {
    for (rate, lasts_ms, every_ms) in [(500, 2_000, 10_000), (2_000, 500, 2_500)] {
        let runs = (0..ROUNDS).map(|_| {
            // The period begins with the first request.
            let server = Server::start(&[&lasts_ms.to_string(), &every_ms.to_string()])?;
            assay(server.addr, &["--rate", &format!("{rate}/s"), "--for", &format!("{STALL_S}s")])
        });
        let runs = runs.collect::<Fallible<Vec<Cost>>>()?;
        let truth = truth(rate, lasts_ms, every_ms);
        for (place, q) in ["p50", "p95", "p99"].into_iter().enumerate() {
            let title = format!("stall {lasts_ms} ms in {every_ms} at {rate}/s: {q} ms, truth");
            let bound = (truth[place] * 0.03).max(0.3);
            let ours = median(&runs, |cost| cost.response[place]);
            row(&title, Some(truth[place]), ours, &format!("± {bound:.1}"))?;
        }
    }
    Ok(())
}

/// p50, p95, p99 in ms of what arrives evenly at a server that answers at once but at the end of
/// each period.
fn truth(rate: u64, lasts_ms: u64, every_ms: u64) -> [f64; 3] {
    let took = (0..rate * STALL_S).map(|k| {
        let into_ms = (k as f64 * 1e3 / rate as f64) % every_ms as f64;
        if into_ms < (every_ms - lasts_ms) as f64 { 0.0 } else { every_ms as f64 - into_ms }
    });
    let mut took: Vec<f64> = took.collect();
    took.sort_by(f64::total_cmp);
    let nearest = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
    [50, 95, 99].map(nearest)
}

/// A server that takes 50 ms for each.
fn delay() -> Fallible<()> {
    let server = Server::start(&["50"])?;
    let runs = (0..ROUNDS).map(|_| assay(server.addr, &["--rate", "2000/s", "--for", "3s"]));
    let runs = runs.collect::<Fallible<Vec<Cost>>>()?;
    let title = "50 ms server at 2000/s: p50 ms, truth";
    row(title, Some(50.0), median(&runs, |cost| cost.response[0]), "± 1.0")
}

/// 10 000 requests at once.
fn in_flight() -> Fallible<()> {
    let server = Server::start(&["1000"])?;
    let words = ["--rate", "10000/s", "--for", "4s", "--connections", "12000"];
    let run = assay(server.addr, &words)?;
    row("10 000 in flight: peak MiB", None, run.peak_mib, "≤ 120")
}

/// Memory of few and of many requests.
fn growth() -> Fallible<()> {
    let server = Server::start(&[])?;
    let runs = GROWTH_S.map(|lasts| {
        let lasts = format!("{lasts}s");
        assay(server.addr, &["--closed", "--connections", "64", "--for", &lasts])
    });
    let [few, many] = runs;
    let (few, many) = (few?, many?);
    let title =
        format!("{:.1} M requests, beside {:.1} M: peak MiB", millions(&many), millions(&few));
    row(&title, Some(few.peak_mib), many.peak_mib, "no growth")
}

fn millions(cost: &Cost) -> f64 {
    cost.requests / 1e6
}

/// All take turns, so that a busy machine is busy for each.
fn in_turns<const N: usize>(runs: [&dyn Fn() -> Fallible<Cost>; N]) -> Fallible<[Vec<Cost>; N]> {
    let mut all = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (run, costs) in runs.iter().zip(&mut all) {
            costs.push(run()?);
        }
    }
    Ok(all)
}

/// Medians of both, and of the rounds' ratios: a machine that is slower for a while slows both of a
/// round, and medians of different rounds would be compared with each other.
fn ratio(
    title: &str,
    theirs: &[Cost],
    ours: &[Cost],
    figure: impl Fn(&Cost) -> f64,
    must: &str,
) -> Fallible<()> {
    let both = theirs.iter().zip(ours).map(|(theirs, ours)| (figure(theirs), figure(ours)));
    let ratios = both.filter(|(theirs, _)| *theirs > 0.0).map(|(theirs, ours)| ours / theirs);
    let (theirs, mine) = (median(theirs, &figure), median(ours, &figure));
    line(title, Some(theirs), mine, middle(ratios.collect()), must)
}

fn row(title: &str, other: Option<f64>, ours: f64, must: &str) -> Fallible<()> {
    let ratio = other.filter(|other| *other > 0.0).map(|other| ours / other);
    line(title, other, ours, ratio, must)
}

fn line(
    title: &str,
    other: Option<f64>,
    ours: f64,
    ratio: Option<f64>,
    must: &str,
) -> Fallible<()> {
    let number = |it: Option<f64>, digits: usize| {
        it.map_or_else(|| "-".to_owned(), |it| format!("{it:.digits$}"))
    };
    println!(
        "{title:46} {:>10} {:>10} {:>7}  {must:10} {:>5}",
        number(other, 3),
        number(Some(ours), 3),
        number(ratio, 2),
        load_average()?
    );
    Ok(())
}

fn median(costs: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    middle(costs.iter().map(figure).collect()).unwrap_or(0.0)
}

fn middle(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn load_average() -> Fallible<String> {
    let all = std::fs::read_to_string("/proc/loadavg")?;
    Ok(all.split_whitespace().take(1).collect())
}
