//! Faults: what each does, to which requests, and when.
//!
//! Invariant: a fault that could not take effect, or whose effect could not be told from none, is
//! refused.
//! Not here: when faults start (`timetable`), doing it (`fault`, `link`).

mod unreached;

use super::loads::Given;
use super::notes::{Notes, instead};
use super::parts::{self, FaultParts, On};
use super::{MOST_RUN_US, acts, delays, headers, links, positive, pressure, protocols, stubs};
use crate::plan::marks::Marks;
use crate::plan::text::literal;
use crate::plan::traffic::Traffic;
use crate::plan::{Affects, Fault, FaultKind, Latency, Link, Match, OutageMode, Ramp, Side};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Ratio};
use crate::spec::types::{self, Scenario};
use assay_slo::Share;
use assay_slo::case::{self, Again, Asked, Shows};
use std::path::Path;

/// Length of a recovery unless the scenario says.
const RECOVERY_US: u64 = 10_000_000;
/// The most times that a fault comes again.
const MOST_AGAIN: u64 = 1000;
/// One percent.
const PERCENT: u64 = Share::ONE.0 / 100;
/// Methods that a request can have.
const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

/// The faults, in the order of the scenario.
pub(super) fn compile(given: Given<'_>, traffic: Traffic<'_>, notes: &mut Notes<'_>) -> Vec<Fault> {
    let Given { scenario, timetable, folder, secrets, .. } = given;
    let starts = timetable.faults.iter().copied().chain(std::iter::repeat(0));
    let entries = scenario.faults.iter().zip(starts).map(|((name, entry), starts_us)| {
        let parts = parts::fault(name, entry, scenario);
        let is_timed = matches!(entry, types::Fault::Command(_) | types::Fault::Manual(_));
        let key = if is_timed { "timeout" } else { "duration" };
        let kind = kind(entry, &parts.trail, (folder, secrets), scenario, notes);
        let recovery_us = parts.recovery.map_or(RECOVERY_US, |recovery| {
            positive(recovery, MOST_RUN_US, &parts.trail.key("recovery"), notes)
        });
        let fault = Fault {
            name: name.to_string(),
            link: acts_on(&parts, &kind, scenario, notes),
            kind,
            affects: affects(&parts, notes),
            matches: matches(&parts, notes),
            starts_us,
            lasts_us: positive(parts.duration, MOST_RUN_US, &parts.trail.key(key), notes),
            recovery_us,
            again: again(&parts, notes),
            count: acts::count(&parts, scenario, notes),
        };
        check_refusal(&fault, &parts.trail, notes);
        protocols::check(&fault, given.links, &parts.trail, notes);
        if timetable.complete {
            check_end(&fault, &parts.trail, traffic, notes);
        }
        fault
    });
    let faults: Vec<Fault> = entries.collect();
    if timetable.complete {
        acts::check_overlap(&faults, notes);
    }
    unreached::warn_of(&faults, scenario, notes);
    faults
}

/// What the judge knows of a fault.
pub(super) fn judged(fault: &Fault, links: &[Link], marks: &mut Marks) -> case::Fault {
    let tcp = links.iter().any(|link| link.name == fault.link && link.tcp);
    let (kind, shows) = match &fault.kind {
        FaultKind::Latency(latency) => ("latency", Shows::Slow { mark: marks.slow(latency) }),
        FaultKind::Error { status, .. } => ("error", Shows::Status(*status)),
        FaultKind::Outage(OutageMode::Refuse) => ("outage", Shows::Refused),
        FaultKind::Outage(OutageMode::BlackHole | OutageMode::Reset) => ("outage", Shows::Broken),
        FaultKind::Abort => ("abort", Shows::Broken),
        FaultKind::Truncate { .. } => ("truncate", Shows::Broken),
        FaultKind::Stall => ("stall", Shows::Broken),
        FaultKind::Garbage => ("garbage", Shows::Broken),
        FaultKind::HalfOpen => ("half-open", Shows::Connections),
        FaultKind::LimitBytes { .. } => ("limit-bytes", Shows::Connections),
        FaultKind::SlowClose => ("slow-close", Shows::Unseen),
        FaultKind::Bandwidth { .. } => ("bandwidth", Shows::Unseen),
        FaultKind::Kill { .. } | FaultKind::Stop | FaultKind::Restart => {
            (acts::word(&fault.kind), Shows::Gone)
        }
        FaultKind::Pause
        | FaultKind::Disconnect { .. }
        | FaultKind::Pressure(_)
        | FaultKind::Manual { .. }
        | FaultKind::Command(_) => (acts::word(&fault.kind), Shows::Done),
    };
    let shows = match shows {
        Shows::Refused | Shows::Gone | Shows::Done => shows,
        // Callers that wait are seen, whatever the link can read; those that get less are not.
        Shows::Slow { .. } | Shows::Unseen => shows,
        _ if tcp => Shows::Connections,
        _ => shows,
    };
    case::Fault {
        name: fault.name.clone(),
        kind: kind.to_owned(),
        link: fault.link.clone(),
        shows,
        connections: tcp,
        spares_some: fault.matches != Match::default(),
        asked: match fault.affects {
            Affects::All => Asked::Share(Share::ONE),
            Affects::Share(share) | Affects::Quota(share) => Asked::Share(share),
            Affects::EveryNth(n) => Asked::EveryNth(n),
            Affects::Next(n) => Asked::Next(n),
        },
        starts_us: fault.starts_us,
        lasts_us: fault.lasts_us,
        recovery_us: fault.recovery_us,
        again: fault.again,
    }
}

/// How often it comes again; each time it must have ended before.
fn again(parts: &FaultParts<'_>, notes: &mut Notes<'_>) -> Option<Again> {
    let (again, trail) = (parts.again?, parts.trail.key("again"));
    let times = again.times.0;
    if !(1..=MOST_AGAIN).contains(&times) {
        let message = format!("`times: {times}` is not from 1 to {MOST_AGAIN}");
        let help = "write how often it comes besides the first time, or leave `again` out";
        notes.value(&trail.key("times"), message, help);
    }
    if again.every <= parts.duration {
        let message = format!(
            "each time lasts {}, so none can start {} after the one before",
            parts.duration, again.every
        );
        notes.value(&trail.key("every"), message, format!("write more than {}", parts.duration));
    }
    Some(Again { times: times.clamp(1, MOST_AGAIN), every_us: again.every.us })
}

/// How a delay grows and shrinks, within its fault's length.
fn ramp(fault: &types::LatencyFault, trail: &Trail, notes: &mut Notes<'_>) -> Ramp {
    let Some(ramp) = &fault.ramp else { return Ramp::default() };
    let us = |part: Option<Duration>| part.map_or(0, |part| part.us);
    let (up_us, down_us) = (us(ramp.up), us(ramp.down));
    let trail = trail.key("ramp");
    if up_us == 0 && down_us == 0 {
        let message = "neither `up` nor `down` lasts any time".to_owned();
        notes.value(&trail, message, "write {up: 5s}, {down: 5s} or both, or leave it out");
    } else if up_us.saturating_add(down_us) > fault.duration.us {
        let shown = |us: u64| Duration { us };
        let message = format!(
            "{} up and {} down do not fit in {}",
            shown(up_us),
            shown(down_us),
            fault.duration
        );
        notes.value(&trail, message, "write shorter ones, or a longer `duration`");
    }
    Ramp { up_us, down_us }
}

fn acts_on(
    parts: &FaultParts<'_>,
    kind: &FaultKind,
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> String {
    match parts.on {
        On::Link(link) => {
            links::check(link, scenario, &parts.trail.key("link"), notes);
            link.to_string()
        }
        On::Service(service) => {
            let trail = parts.trail.key("service");
            acts::check_service(service, kind, &trail, scenario, notes);
            service.to_string()
        }
        On::Outside => match kind {
            FaultKind::Command(errand) => {
                errand.command.first().map_or_else(String::new, |word| word.0.clone())
            }
            _ => String::new(),
        },
    }
}

fn kind(
    fault: &types::Fault,
    trail: &Trail,
    (folder, secrets): (&Path, &[String]),
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> FaultKind {
    match fault {
        types::Fault::Latency(fault) => FaultKind::Latency(Latency {
            delay: delays::compile(&fault.add, &trail.key("add"), folder, notes),
            side: match fault.side {
                types::Side::Request => Side::Request,
                types::Side::Response => Side::Response,
            },
            ramp: ramp(fault, trail, notes),
        }),
        types::Fault::Error(fault) => {
            let status = fault.status.0;
            if !(400..600).contains(&status) {
                let message = format!("{status} is no error that callers could tell");
                notes.value(&trail.key("status"), message, "write a status from 400 to 599");
            }
            let text = fault.text.as_ref();
            FaultKind::Error {
                status,
                headers: headers::literals(&fault.headers, &trail.key("headers"), notes),
                text: text.map_or_else(String::new, literal),
            }
        }
        types::Fault::Outage(fault) => FaultKind::Outage(match fault.mode {
            types::OutageMode::Refuse => OutageMode::Refuse,
            types::OutageMode::BlackHole => OutageMode::BlackHole,
            types::OutageMode::Reset => OutageMode::Reset,
        }),
        types::Fault::Abort(_) => FaultKind::Abort,
        types::Fault::Truncate(fault) => FaultKind::Truncate { after: fault.after.0 },
        types::Fault::Stall(_) => FaultKind::Stall,
        types::Fault::Garbage(_) => FaultKind::Garbage,
        types::Fault::HalfOpen(_) => FaultKind::HalfOpen,
        types::Fault::LimitBytes(fault) => FaultKind::LimitBytes { after: fault.after.0 },
        types::Fault::SlowClose(_) => FaultKind::SlowClose,
        types::Fault::Bandwidth(fault) => {
            let per_s = fault.rate.bytes_per_s;
            if per_s == 0 {
                let message = "at 0B/s nothing gets through at all".to_owned();
                let help = "write a rate above, such as 64KiB/s, or a `stall`";
                notes.value(&trail.key("rate"), message, help);
            }
            FaultKind::Bandwidth { per_s: per_s.max(1) }
        }
        types::Fault::Kill(fault) => acts::kill(fault, scenario, trail, notes),
        types::Fault::Pause(_) => FaultKind::Pause,
        types::Fault::Stop(_) => FaultKind::Stop,
        types::Fault::Restart(_) => FaultKind::Restart,
        types::Fault::Disconnect(fault) => {
            FaultKind::Disconnect { network: fault.network.as_ref().map(literal) }
        }
        types::Fault::Pressure(fault) => {
            FaultKind::Pressure(pressure::compile(fault, scenario, trail, notes))
        }
        types::Fault::Manual(fault) => FaultKind::Manual { prompt: literal(&fault.prompt) },
        types::Fault::Command(fault) => {
            FaultKind::Command(acts::errand(fault, secrets, trail, notes))
        }
    }
}

fn affects(parts: &FaultParts<'_>, notes: &mut Notes<'_>) -> Affects {
    let trail = parts.trail.key("affects");
    let positive_share = |ratio: &Ratio, key: &str, notes: &mut Notes<'_>| {
        if ratio.0.0 == 0 {
            let message = "a fault of 0% of all has no effect".to_owned();
            notes.value(&trail.key(key), message, "write a share such as 50%");
        }
        ratio.0
    };
    let at_least_one = |n: u64, key: &str, notes: &mut Notes<'_>| {
        if n == 0 {
            let message = format!("`{key}: 0` takes none");
            notes.value(&trail.key(key), message, "write a number from 1");
        }
        n.max(1)
    };
    match parts.affects.unwrap_or(&types::Affects::All) {
        types::Affects::All => Affects::All,
        types::Affects::Share(ratio) => Affects::Share(positive_share(ratio, "share", notes)),
        types::Affects::Quota(ratio) => {
            let share = positive_share(ratio, "quota", notes);
            if share.0 % PERCENT != 0 {
                let message = format!("{share} is no whole number of each hundred");
                let help = "write whole percent, or `share:` for a probability";
                notes.value(&parts.trail.key("affects").key("quota"), message, help);
            }
            Affects::Quota(share)
        }
        types::Affects::EveryNth(n) => Affects::EveryNth(at_least_one(n.0, "every-nth", notes)),
        types::Affects::Next(n) => Affects::Next(at_least_one(n.0, "next", notes)),
    }
}

fn matches(parts: &FaultParts<'_>, notes: &mut Notes<'_>) -> Match {
    let trail = parts.trail.key("match");
    let Some(matches) = parts.matches else { return Match::default() };
    let mut methods = Vec::new();
    for (at, method) in matches.method.iter().enumerate() {
        let upper = method.as_str().to_ascii_uppercase();
        if !METHODS.contains(&upper.as_str()) {
            let help = instead(&upper, "methods", &METHODS);
            let message = format!("unknown method `{}`", method.as_str().escape_debug());
            notes.value(&trail.key("method").index(at), message, help);
        }
        methods.push(upper);
    }
    let path = matches.path.as_ref().map(|path| {
        let glob = literal(path);
        if !glob.starts_with(['/', '*']) {
            let message =
                format!("`{}` matches no path: it does not start with `/`", glob.escape_debug());
            notes.value(&trail.key("path"), message, "write one such as /products/**");
        }
        stubs::no_query(&glob, &trail.key("path"), notes);
        glob
    });
    let headers = headers::literals(&matches.headers, &trail.key("headers"), notes);
    let lower = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    Match { methods, path, headers: lower.collect() }
}

/// A closed listener sees no requests, so it cannot choose among them.
fn check_refusal(fault: &Fault, trail: &Trail, notes: &mut Notes<'_>) {
    let chooses = fault.affects != Affects::All || fault.matches != Match::default();
    if chooses && fault.kind == FaultKind::Outage(OutageMode::Refuse) {
        let message =
            "`refuse` closes the door before any request is seen, so it takes all".to_owned();
        let help = "leave `affects` and `match` out, or write `mode: black-hole` or `mode: reset`";
        notes.value(&trail.key("mode"), message, help);
    }
}

/// The recovery must end while the load that could show it still runs.
fn check_end(fault: &Fault, trail: &Trail, traffic: Traffic<'_>, notes: &mut Notes<'_>) {
    let Some(last) = traffic.ends_through(&fault.link).or(traffic.ends()) else { return };
    let ended = fault.ends_us();
    let recovered = ended.saturating_add(fault.recovery_us);
    if recovered > last {
        let shown = |us: u64| Duration { us };
        let message = format!(
            "`{}` ends at {} and its recovery at {}, but the load ends at {}",
            fault.name,
            shown(ended),
            shown(recovered),
            shown(last)
        );
        let help = format!(
            "let the load run {} longer, or the fault start earlier or be shorter",
            shown(recovered - last)
        );
        notes.value(&trail.key("at"), message, help);
    }
}
