//! What `assay plan` prints: all that a run would do, and what it could prove. Sends nothing.
//!
//! Not here: aligning (`table`), checking (`compile`).

mod dry;
mod expect;
mod fault;
mod fleet;
mod objective;
mod setup;
mod users;

pub use dry::dry_run;

use super::compile::is_loopback;
use super::demand::Pool;
use super::metric::PageOf;
use super::table::{Align, columns, wrap};
use super::template::Template;
use super::words::{count, rate, several, time};
use super::{
    CONTAINER_ANSWERS, Load, Plan, Process, Ready, Request, Service, ServiceKind, Spread, Target,
    Upstream, phases,
};
use crate::spec::scalar::Factor;
use assay_slo::case::{During, Of};
use assay_slo::series::Decide;
use std::ops::Range;
use std::path::Path;

/// Characters of a name that are shown.
const LONGEST_NAME: usize = 50;

/// The plan in words and numbers, secrets masked, lines of at most 100 columns where names allow.
#[must_use]
pub fn describe(plan: &Plan) -> String {
    let mut text = format!("{}  ({}, seed {})\n", plan.name, plan.file, plan.seed);
    if let Some(hypothesis) = &plan.hypothesis {
        text.push_str(&wrap("", hypothesis, 0));
    }
    text.push_str(&runs(plan));
    section(&mut text, "services", columns(&services(plan), &[]));
    section(&mut text, "links", columns(&links(plan), &[]));
    section(&mut text, "setup, before the warm-up", columns(&setup::rows(&plan.setup), &[]));
    section(
        &mut text,
        "teardown, whatever ends the run",
        columns(&setup::rows(&plan.teardown), &[]),
    );
    section(&mut text, "load may go to", wrap("  ", &consent(plan), 2));
    let aligns = [Align::Right, Align::Right];
    section(
        &mut text,
        "timetable (time 0 is the end of the warm-up)",
        columns(&timetable(plan), &aligns),
    );
    section(&mut text, "requests", columns(&requests(plan), &[Align::Left, Align::Right]));
    section(&mut text, "fleets", columns(&fleet::rows(plan), &[]));
    section(&mut text, "breakers", columns(&fleet::breakers(plan), &[]));
    section(&mut text, "metrics", columns(&metrics(plan), &[]));
    section(&mut text, "phases", columns(&stretches(plan), &[]));
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Right];
    section(&mut text, "objectives", columns(&objective::rows(plan), &aligns));
    section(&mut text, "expectations", columns(&expect::rows(plan), &[]));
    let warnings = plan.warnings.iter().map(|warning| wrap("  - ", warning, 4)).collect();
    section(&mut text, "warnings", warnings);
    // Longest first, so none leaves a part of another.
    plan.secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"))
}

/// How often it is run, and what that means together, where it is more than once.
fn runs(plan: &Plan) -> String {
    if !plan.series.is_many() {
        return String::new();
    }
    let together = match plan.series.decide {
        Decide::All => "as bad as the worst",
        Decide::Majority => "what more than half of them say",
        Decide::Pooled => "objectives by the requests of all, the rest as the worst",
    };
    let turns = if plan.series.against.is_some() { ", by turns with the other build" } else { "" };
    format!("{}{turns}; together: {together}\n", several(plan.series.runs, "run", "runs"))
}

/// A heading and what is under it; nothing if that is empty.
fn section(text: &mut String, heading: &str, body: String) {
    if !body.trim().is_empty() {
        text.push_str(&format!("\n{heading}\n{body}"));
    }
}

fn services(plan: &Plan) -> Vec<Vec<String>> {
    let row = |service: &Service| {
        let what = match &service.kind {
            ServiceKind::Url { secure, host, port, prefix } => {
                let scheme = if *secure { "https" } else { "http" };
                format!("runs already at {scheme}://{}:{port}{prefix}", bracketed(host))
            }
            ServiceKind::Process(process) => started(process),
            ServiceKind::Attached { port, pid_file } => attached(*port, pid_file.as_deref()),
            ServiceKind::Containers { which, port } => {
                let port = port.map_or_else(String::new, |port| format!(", port {port}"));
                format!("runs already: {which}{port}")
            }
        };
        vec![service.name.clone(), what]
    };
    plan.services.iter().map(row).collect()
}

fn attached(port: Option<u16>, pid_file: Option<&Path>) -> String {
    let by_port = port.map(|port| format!("listens on port {port}"));
    let by_file = pid_file.map(|file| format!("has its number in {}", file.display()));
    let known: Vec<String> = [by_file, by_port].into_iter().flatten().collect();
    format!("runs already: the process that {}", known.join(" and "))
}

fn started(process: &Process) -> String {
    let command: Vec<&str> = process.command.iter().map(|word| word.0.as_str()).collect();
    let ready = match &process.ready {
        Ready::Http(path) => format!("GET {path} answers 2xx"),
        Ready::Port(Some(port)) => format!("port {port} accepts"),
        Ready::Port(None) => "its port accepts".to_owned(),
        Ready::Log(line) if line == CONTAINER_ANSWERS => "its port answers".to_owned(),
        Ready::Log(line) => format!("it says {line:?}"),
    };
    let within = time(process.ready_within_us);
    let what = match &process.held {
        Some(held) => format!("a container of {}", held.image),
        None => format!("started: {}", command.join(" ")),
    };
    format!("{what}; ready when {ready}, within {within}")
}

fn links(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.links.iter().map(|link| {
        let to = match &link.to {
            Upstream::Service(name) => name.clone(),
            Upstream::Address { host, port } => format!("{}:{port}", bracketed(host)),
            Upstream::Stub(routes) => {
                format!("a stub of {}", several(routes.len() as u64, "route", "routes"))
            }
        };
        let listen = match link.listen {
            Some(address) => format!("listens on {address}"),
            None => "listens on 127.0.0.1 and a free port of 20000-29999".to_owned(),
        };
        let tcp = if link.tcp { ", any protocol over TCP" } else { "" };
        vec![link.name.clone(), format!("leads to {to}, {listen}{tcp}")]
    });
    rows.collect()
}

/// What is read, and how often.
fn metrics(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.case.metrics.iter().map(|metric| {
        vec![metric.name.clone(), format!("{}, every {}", metric.reads, time(metric.every_us))]
    });
    rows.collect()
}

/// The hosts that services and links name, and those that metrics are read from.
fn consent(plan: &Plan) -> String {
    let urls = plan.services.iter().filter_map(|service| match &service.kind {
        ServiceKind::Url { host, .. } => Some(host),
        ServiceKind::Process(_) | ServiceKind::Attached { .. } | ServiceKind::Containers { .. } => {
            None
        }
    });
    let addresses = plan.links.iter().filter_map(|link| match &link.to {
        Upstream::Address { host, .. } => Some(host),
        Upstream::Service(_) | Upstream::Stub(_) => None,
    });
    let pages = plan.metrics.iter().filter_map(|metric| match &metric.page()?.of {
        PageOf::Host { host, .. } => Some(host),
        // Services and links are there already.
        PageOf::Service(_) | PageOf::Placed { .. } => None,
    });
    let mut beyond: Vec<&str> = urls
        .chain(addresses)
        .chain(pages)
        .map(String::as_str)
        .filter(|host| !is_loopback(host))
        .collect();
    beyond.sort_unstable();
    beyond.dedup();
    match beyond.as_slice() {
        [] => "loopback only".to_owned(),
        hosts => format!("loopback, and by `allow` {}", hosts.join(", ")),
    }
}

fn timetable(plan: &Plan) -> Vec<Vec<String>> {
    let row = |from: String, to: u64, what: String| vec![from, time(to), what];
    let mut rows = Vec::new();
    let warmup_us = plan.case.warmup_us;
    if warmup_us > 0 {
        let sent = |load: &Load| load.arrivals.warmup_count(warmup_us).saturating_mul(load.each());
        let sent: u64 = plan.loads.iter().map(sent).sum();
        let what = format!("warm-up: {}, not judged", several(sent, "request", "requests"));
        rows.push(row(format!("-{}", time(warmup_us)), 0, what));
    }
    let mut later: Vec<(u64, Vec<String>)> = Vec::new();
    for load in &plan.loads {
        let arrivals = &load.arrivals;
        let what = format!(
            "load {}: {}, {}, to {}",
            load.name,
            shape(load),
            planned(load),
            target(&load.to)
        );
        later.push((arrivals.starts_us, row(time(arrivals.starts_us), arrivals.ends_us(), what)));
    }
    for users in &plan.users {
        let what =
            format!("users {}: {}, to {}", users.name, users::crowd(users), target(&users.to));
        later.push((0, row(time(0), users.crowd.ends_us(), what)));
    }
    for fleet in &plan.fleets {
        let what =
            format!("fleet {}: {}, to {}", fleet.name, fleet::stream(fleet), target(&fleet.to));
        later.push((0, row(time(0), fleet.ends_us(), what)));
    }
    for fault in &plan.faults {
        for on in fault.spans() {
            let tcp = plan.links.iter().any(|link| link.name == fault.link && link.tcp);
            let what = format!("fault {}: {}", fault.name, fault::broken(fault, tcp));
            later.push((on.start, row(time(on.start), on.end, what)));
            let what = format!("recovery of {}", fault.name);
            later.push((on.end, row(time(on.end), on.end.saturating_add(fault.recovery_us), what)));
        }
    }
    later.sort_by_key(|(from, _)| *from);
    rows.extend(later.into_iter().map(|(_, row)| row));
    let guard = format!("the run is stopped if it takes more than {}", time(plan.max_duration_us));
    rows.push(vec![String::new(), String::new(), guard]);
    rows
}

/// `300 requests`, `about 300 requests, 287 with this seed`, `300 journeys`.
fn planned(load: &Load) -> String {
    let (arrivals, (one, many)) = (&load.arrivals, load.unit());
    let expected = several(arrivals.expected(), one, many);
    match arrivals.is_drawn() {
        false => expected,
        true => format!("about {expected}, {} with this seed", count(arrivals.count())),
    }
}

/// `400/s`, `10/s, to 300/s in 60 s, to 0/s in 10 s`.
fn shape(load: &Load) -> String {
    let arrivals = &load.arrivals;
    if let Spread::Logged(logged) = &arrivals.spread {
        let speed = Factor { milli: logged.speed_milli };
        return format!("the log {} at {speed}", short(&logged.file));
    }
    let start = rate(arrivals.start_milli_per_min);
    let start = if arrivals.is_drawn() { format!("Poisson, {start}") } else { start };
    if let Some(stairs) = load.stairs {
        let top = stairs.rates().last().map_or_else(String::new, rate);
        let (rise, lasts) = (rate(stairs.rise_milli_per_min), time(stairs.lasts_us));
        let settle = match stairs.settle_us {
            0 => String::new(),
            us => format!(", {} of it to settle", time(us)),
        };
        let stairs_end_us = arrivals.starts_us.saturating_add(stairs.all_us());
        let held = match arrivals.ends_us().saturating_sub(stairs_end_us) {
            0 => String::new(),
            us => format!(", the last held for {}", time(us)),
        };
        return format!("{start} to {top} in steps of {rise}, each {lasts}{settle}{held}");
    }
    match arrivals.stretches.as_slice() {
        [only] if only.end_milli_per_min == arrivals.start_milli_per_min => start,
        stretches => {
            let parts = stretches.iter().map(|stretch| {
                format!(", to {} in {}", rate(stretch.end_milli_per_min), time(stretch.lasts_us))
            });
            format!("{start}{}", parts.collect::<String>())
        }
    }
}

fn target(to: &Target) -> String {
    match to {
        Target::Service(name) => name.clone(),
        Target::Link(name) => format!("link {name}"),
    }
}

/// What is sent: of arrivals with how many are planned, of users in the order of their journey.
fn requests(plan: &Plan) -> Vec<Vec<String>> {
    let open = plan.loads.iter().enumerate().flat_map(|(index, load)| {
        let due = |request| {
            let pool = Pool::new(&plan.loads, &[Of { load: index, request }]);
            count(pool.due_in(&(0..plan.ends_us)))
        };
        let journey =
            load.journey.as_ref().map(|journey| users::steps(&journey.steps, &load.requests));
        let rows: Vec<(String, String)> = match journey {
            Some(steps) => steps.into_iter().map(|what| ("-".to_owned(), what)).collect(),
            None => {
                load.requests.iter().enumerate().map(|(at, one)| (due(at), sent(one))).collect()
            }
        };
        let named = move |(at, (due, what))| vec![first(&load.name, at), due, what];
        rows.into_iter().enumerate().map(named)
    });
    let closed = plan.users.iter().flat_map(|users| {
        users::journey(users)
            .into_iter()
            .enumerate()
            .map(|(at, what)| vec![first(&users.name, at), "-".to_owned(), what])
    });
    open.chain(closed).collect()
}

/// A request's name, what is on its first line, and its timeout.
fn sent(request: &Request) -> String {
    // Each line of a log has a path of its own, of which the request has the first.
    let own = request.dynamic.as_ref().filter(|dynamic| !dynamic.sparse);
    let path = own.and_then(|dynamic| dynamic.path.as_ref());
    let path = path.map_or_else(|| request.path.0.clone(), Template::shown);
    let line = format!("{} {path}", request.method);
    let line = if line == request.name { String::new() } else { format!(" ({})", short(&line)) };
    format!("{}{line} timeout {}", short(&request.name), time(request.timeout_us))
}

/// A name in the first of its rows.
fn first(name: &str, row: usize) -> String {
    if row == 0 { name.to_owned() } else { String::new() }
}

fn stretches(plan: &Plan) -> Vec<Vec<String>> {
    let phases = [
        ("steady", During::Steady),
        ("fault", During::Fault),
        ("recovery", During::Recovery),
        ("after", During::After),
    ];
    let rows = phases.into_iter().filter_map(|(name, phase)| {
        let spans = phases::planned(&[phase], &plan.case.faults, plan.ends_us);
        (!spans.is_empty()).then(|| vec![name.to_owned(), shown(&spans)])
    });
    rows.collect()
}

/// `0 s to 20 s, 44 s to 50 s`.
fn shown(spans: &[Range<u64>]) -> String {
    let spans = spans.iter().map(|span| format!("{} to {}", time(span.start), time(span.end)));
    spans.collect::<Vec<_>>().join(", ")
}

/// A name on one line; the end of a long one is left out.
fn short(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// A host as a URL writes it.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
