//! What `assay plan` prints: all that a run would do, and what it could prove. Sends nothing.
//!
//! Not here: aligning (`table`), checking (`compile`).

use super::compile::{is_loopback, named};
use super::demand::{Demand, Pool, by_name, demands};
use super::table::{Align, columns, wrap};
use super::words::{count, rate, several, time};
use super::{
    Affects, Arrivals, Delay, Fault, FaultKind, Load, OutageMode, Plan, Process, Ready, Service,
    ServiceKind, Target, Upstream, phases,
};
use assay_slo::case::{Ask, Case, Clock, During, Expectation, Must, Objective, Of};
use std::ops::Range;

/// Characters of a name that are shown.
const LONGEST_NAME: usize = 50;

/// The plan in words and numbers, secrets masked, lines of at most 100 columns where names allow.
#[must_use]
pub fn describe(plan: &Plan) -> String {
    let mut text = format!("{}  ({}, seed {})\n", plan.name, plan.file, plan.seed);
    if let Some(hypothesis) = &plan.hypothesis {
        text.push_str(&wrap("", hypothesis, 0));
    }
    section(&mut text, "services", columns(&services(plan), &[]));
    section(&mut text, "links", columns(&links(plan), &[]));
    section(&mut text, "load may go to", wrap("  ", &consent(plan), 2));
    let aligns = [Align::Right, Align::Right];
    section(
        &mut text,
        "timetable (time 0 is the end of the warm-up)",
        columns(&timetable(plan), &aligns),
    );
    section(&mut text, "requests", columns(&requests(plan), &[Align::Left, Align::Right]));
    section(&mut text, "phases", columns(&stretches(plan), &[]));
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Right];
    section(&mut text, "objectives", columns(&objectives(plan), &aligns));
    section(&mut text, "expectations", columns(&expectations(plan), &[]));
    let warnings = plan.warnings.iter().map(|warning| wrap("  - ", warning, 4)).collect();
    section(&mut text, "warnings", warnings);
    // Longest first, so none leaves a part of another.
    plan.secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"))
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
            ServiceKind::Url { host, port, prefix } => {
                format!("runs already at http://{}:{port}{prefix}", bracketed(host))
            }
            ServiceKind::Process(process) => started(process),
        };
        vec![service.name.clone(), what]
    };
    plan.services.iter().map(row).collect()
}

fn started(process: &Process) -> String {
    let command: Vec<&str> = process.command.iter().map(|word| word.0.as_str()).collect();
    let ready = match &process.ready {
        Ready::Http(path) => format!("GET {path} answers 2xx"),
        Ready::Port(Some(port)) => format!("port {port} accepts"),
        Ready::Port(None) => "its port accepts".to_owned(),
        Ready::Log(line) => format!("it says {line:?}"),
    };
    let within = time(process.ready_within_us);
    format!("started: {}; ready when {ready}, within {within}", command.join(" "))
}

fn links(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.links.iter().map(|link| {
        let to = match &link.to {
            Upstream::Service(name) => name.clone(),
            Upstream::Address { host, port } => format!("{}:{port}", bracketed(host)),
        };
        let listen = match link.listen {
            Some(address) => format!("listens on {address}"),
            None => "listens on 127.0.0.1 and a free port of 20000-29999".to_owned(),
        };
        vec![link.name.clone(), format!("leads to {to}, {listen}")]
    });
    rows.collect()
}

/// The hosts that services and links name.
fn consent(plan: &Plan) -> String {
    let urls = plan.services.iter().filter_map(|service| match &service.kind {
        ServiceKind::Url { host, .. } => Some(host),
        ServiceKind::Process(_) => None,
    });
    let addresses = plan.links.iter().filter_map(|link| match &link.to {
        Upstream::Address { host, .. } => Some(host),
        Upstream::Service(_) => None,
    });
    let mut beyond: Vec<&str> =
        urls.chain(addresses).map(String::as_str).filter(|host| !is_loopback(host)).collect();
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
        let sent: u64 = plan.loads.iter().map(|load| load.arrivals.warmup_count(warmup_us)).sum();
        let what = format!("warm-up: {}, not judged", several(sent, "request", "requests"));
        rows.push(row(format!("-{}", time(warmup_us)), 0, what));
    }
    let mut later: Vec<(u64, Vec<String>)> = Vec::new();
    for load in &plan.loads {
        let arrivals = &load.arrivals;
        let what = format!(
            "load {}: {}, {}, to {}",
            load.name,
            shape(arrivals),
            several(arrivals.count(), "request", "requests"),
            match &load.to {
                Target::Service(name) => name.clone(),
                Target::Link(name) => format!("link {name}"),
            }
        );
        later.push((arrivals.starts_us, row(time(arrivals.starts_us), arrivals.ends_us(), what)));
    }
    for fault in &plan.faults {
        let ends = fault.starts_us.saturating_add(fault.lasts_us);
        let what = format!("fault {}: {}", fault.name, broken(fault));
        later.push((fault.starts_us, row(time(fault.starts_us), ends, what)));
        let what = format!("recovery of {}", fault.name);
        later.push((ends, row(time(ends), ends.saturating_add(fault.recovery_us), what)));
    }
    later.sort_by_key(|(from, _)| *from);
    rows.extend(later.into_iter().map(|(_, row)| row));
    let guard = format!("the run is stopped if it takes more than {}", time(plan.max_duration_us));
    rows.push(vec![String::new(), String::new(), guard]);
    rows
}

/// `400/s`, `10/s, to 300/s in 60 s, to 0/s in 10 s`.
fn shape(arrivals: &Arrivals) -> String {
    let start = rate(arrivals.start_rate_mhz);
    match arrivals.stretches.as_slice() {
        [only] if only.end_rate_mhz == arrivals.start_rate_mhz => start,
        stretches => {
            let parts = stretches.iter().map(|stretch| {
                format!(", to {} in {}", rate(stretch.end_rate_mhz), time(stretch.lasts_us))
            });
            format!("{start}{}", parts.collect::<String>())
        }
    }
}

fn broken(fault: &Fault) -> String {
    let what = match &fault.kind {
        FaultKind::Latency(Delay::Fixed { us }) => format!("{} later", time(*us)),
        FaultKind::Latency(Delay::Uniform { min_us, max_us }) => {
            format!("{} to {} later", time(*min_us), time(*max_us))
        }
        FaultKind::Latency(Delay::Normal { mean_us, sd_us }) => {
            format!("{} later, give or take {}", time(*mean_us), time(*sd_us))
        }
        FaultKind::Error { status, .. } => format!("answered {status}"),
        FaultKind::Outage(OutageMode::Refuse) => "connections refused".to_owned(),
        FaultKind::Outage(OutageMode::BlackHole) => "accepted, never answered".to_owned(),
        FaultKind::Outage(OutageMode::Reset) => "connections reset".to_owned(),
    };
    let which = match fault.affects {
        Affects::All => "all".to_owned(),
        Affects::Share(share) => format!("{share} at random"),
        Affects::Quota(share) => format!("{share} exactly"),
    };
    let mut matching = Vec::new();
    if !fault.matches.methods.is_empty() {
        matching.push(fault.matches.methods.join(" or "));
    }
    matching.extend(fault.matches.path.clone());
    matching.extend(fault.matches.headers.iter().map(|(name, _)| format!("with {name}")));
    let matching = match matching.as_slice() {
        [] => "requests".to_owned(),
        parts => parts.join(" "),
    };
    format!("{which} {matching} through {}: {what}", fault.link)
}

/// Each load's requests and how many of them are planned.
fn requests(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.loads.iter().enumerate().flat_map(|(index, load)| {
        load.requests.iter().enumerate().map(move |(at, request)| {
            let pool = Pool::new(&plan.loads, &[Of { load: index, request: at }]);
            let due = pool.due_in(&(0..plan.ends_us));
            let line = format!("{} {}", request.method, request.path.0);
            let line =
                if line == request.name { String::new() } else { format!("({})", short(&line)) };
            let timeout = format!("timeout {}", time(request.timeout_us));
            let what = format!("{} {line} {timeout}", short(&request.name));
            vec![load_name(load, at), count(due), what]
        })
    });
    rows.collect()
}

/// A load's name in the first row of its requests.
fn load_name(load: &Load, row: usize) -> String {
    if row == 0 { load.name.clone() } else { String::new() }
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

fn objectives(plan: &Plan) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for objective in &plan.case.objectives {
        let (of, during) = (&objective.of, &objective.during);
        for demand in demands(objective, of, during, &plan.loads, &plan.case) {
            rows.push(demand_row(objective, &demand, &plan.case));
        }
    }
    if !rows.is_empty() {
        let heads = ["", "expected", "needed", "may fail", ""];
        rows.insert(0, heads.map(str::to_owned).to_vec());
    }
    rows
}

fn demand_row(objective: &Objective, demand: &Demand, case: &Case) -> Vec<String> {
    let number = |of: Option<u64>| of.map_or("-".to_owned(), count);
    let of = demand.name.as_deref().map_or_else(|| covered(&objective.of, case), short);
    let advisory = if objective.advisory { "; advisory" } else { "" };
    vec![
        objective.name.clone(),
        count(demand.expected),
        number(demand.least),
        number(demand.passes.filter(|_| demand.is_possible())),
        format!("{} of {of} during {}{advisory}", limit(objective), named(&objective.during, case)),
    ]
}

/// The names in `of`; whole loads by their own.
fn covered(of: &[Of], case: &Case) -> String {
    let whole = |index: usize, load: &assay_slo::case::Load| {
        (0..load.requests.len()).all(|request| of.contains(&Of { load: index, request }))
    };
    let loads: Vec<(usize, &str)> = case
        .loads
        .iter()
        .enumerate()
        .filter(|(index, load)| whole(*index, load))
        .map(|(index, load)| (index, load.name.as_str()))
        .collect();
    if loads.len() == case.loads.len() {
        return "all".to_owned();
    }
    let rest: Vec<Of> =
        of.iter().copied().filter(|of| loads.iter().all(|(index, _)| *index != of.load)).collect();
    let requests = by_name(&rest, case).into_iter().map(|(name, _)| short(name));
    let loads = loads.into_iter().map(|(_, name)| short(name));
    loads.chain(requests).collect::<Vec<_>>().join(", ")
}

/// A name on one line; the end of a long one is left out.
fn short(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

fn limit(objective: &Objective) -> String {
    match &objective.ask {
        Ask::Latency { percentile, below_us, clock, .. } => {
            let rank = percentile.to_string();
            let clock = if *clock == Clock::Service { " service time" } else { "" };
            format!("P{}{clock} < {}", rank.trim_end_matches('%'), time(*below_us))
        }
        Ask::ErrorRate { below } => format!("errors < {below}"),
        Ask::ErrorCount { at_most } => format!("at most {}", several(*at_most, "error", "errors")),
        Ask::Availability { at_least, slice_s, .. } => {
            format!("at least {at_least} of slices of {slice_s} s good,")
        }
    }
}

fn expectations(plan: &Plan) -> Vec<Vec<String>> {
    let row = |expectation: &Expectation| {
        let objective = |index: &usize| {
            plan.case.objectives.get(*index).map_or("", |objective| objective.name.as_str())
        };
        let what = match &expectation.must {
            Must::Recovers { within_us, hold_us, .. } => {
                format!("within {}, and stays so for {}", time(*within_us), time(*hold_us))
            }
            Must::Unaffected { keeps, .. } => {
                format!("keeps {}", keeps.iter().map(objective).collect::<Vec<_>>().join(", "))
            }
            Must::Answers { mark, .. } => {
                plan.case.marks.get(*mark).map_or_else(String::new, answer)
            }
        };
        vec![expectation.name.clone(), what]
    };
    let mut rows: Vec<Vec<String>> = plan.case.expectations.iter().map(row).collect();
    if let Some(gate) = &plan.case.steady_state {
        let required = gate.require.iter().filter_map(|index| plan.case.objectives.get(*index));
        let names: Vec<&str> = required.map(|objective| objective.name.as_str()).collect();
        let probes = plan.probes.iter().map(|probe| probe.name.as_str());
        let all: Vec<&str> = names.into_iter().chain(probes).collect();
        let what = format!(
            "before the first fault, and {} after the last: {}",
            time(gate.after_us),
            if all.is_empty() { "99% of the last 5 s ok".to_owned() } else { all.join(", ") }
        );
        rows.push(vec!["steady-state".to_owned(), what]);
    }
    rows
}

/// `only 200, 402 or 503, within 50 ms, refusals with retry-after`.
fn answer(mark: &assay_slo::Mark) -> String {
    let assay_slo::Mark::Answered { only, within_us, header, .. } = mark else {
        return String::new();
    };
    let statuses = only.iter().map(|(low, high)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    });
    let mut text = format!("only {}", statuses.collect::<Vec<_>>().join(", "));
    if let Some(within_us) = within_us {
        text.push_str(&format!(", within {}", time(*within_us)));
    }
    if let Some(header) = header {
        text.push_str(&format!(", refusals with {header}"));
    }
    text
}

/// A host as a URL writes it.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
