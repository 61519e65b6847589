//! Faults in words: what each does, to which requests.
//!
//! Not here: when faults are on (`describe` itself).

use crate::plan::words::time;
use crate::plan::{
    Affects, Delay, Fault, FaultKind, Latency, OutageMode, PRESSED_LATE_US, Pressure, Ramp,
    RestartedBy, Side, Text,
};
use crate::spec::scalar::Size;

/// `50% at random POST through front: answered 503`.
pub(super) fn broken(fault: &Fault, tcp: bool) -> String {
    let what = match &fault.kind {
        FaultKind::Kill { .. }
        | FaultKind::Pause
        | FaultKind::Stop
        | FaultKind::Restart
        | FaultKind::Disconnect { .. }
        | FaultKind::Pressure(_)
        | FaultKind::Manual { .. }
        | FaultKind::Command(_) => return act(fault),
        FaultKind::Latency(latency) => later(latency),
        FaultKind::Error { status, .. } => format!("answered {status}"),
        FaultKind::Abort => "connection reset".to_owned(),
        FaultKind::Truncate { after } => {
            format!("answer broken off after {}", Size(*after))
        }
        FaultKind::Stall if tcp => "bytes passed on, none brought back".to_owned(),
        FaultKind::Stall => "passed on, answer kept back".to_owned(),
        FaultKind::Garbage => "answered with garbage".to_owned(),
        FaultKind::HalfOpen => "upstream reset, the client kept in the dark".to_owned(),
        FaultKind::LimitBytes { after } => format!("connection reset after {}", Size(*after)),
        FaultKind::SlowClose => "connection not closed after the answer".to_owned(),
        FaultKind::Bandwidth { per_s } => {
            format!("{} at {}/s", if tcp { "bytes" } else { "bodies" }, Size(*per_s))
        }
        FaultKind::Outage(OutageMode::Refuse) => "connections refused".to_owned(),
        FaultKind::Outage(OutageMode::BlackHole) => "accepted, never answered".to_owned(),
        FaultKind::Outage(OutageMode::Reset) => "connections reset".to_owned(),
    };
    let which = match fault.affects {
        Affects::All => "all".to_owned(),
        Affects::Share(share) => format!("{share} at random"),
        Affects::Quota(share) => format!("{share} exactly"),
        Affects::EveryNth(n) => format!("1 of each {n}"),
        Affects::Next(n) => format!("the first {n}"),
    };
    let mut matching = Vec::new();
    if !fault.matches.methods.is_empty() {
        matching.push(fault.matches.methods.join(" or "));
    }
    matching.extend(fault.matches.path.clone());
    matching.extend(fault.matches.headers.iter().map(|(name, _)| format!("with {name}")));
    let matching = match matching.as_slice() {
        [] if tcp => "connections".to_owned(),
        [] => "requests".to_owned(),
        parts => parts.join(" "),
    };
    format!("{which} {matching} through {}: {what}", fault.link)
}

/// What is done elsewhere than at a link.
fn act(fault: &Fault) -> String {
    let length = time(fault.lasts_us);
    let name = &match fault.count {
        Some(count) => format!("{} ({count} of its containers)", fault.link),
        None => fault.link.clone(),
    };
    let words =
        |words: &[Text]| words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>().join(" ");
    match &fault.kind {
        FaultKind::Kill { signal, by: RestartedBy::Assay } => {
            format!("{name} killed by signal {signal}, started again after {length}")
        }
        FaultKind::Kill { signal, by: RestartedBy::Supervisor } => format!(
            "{name} killed by signal {signal} but for its first process, which starts it again \
             within {length}"
        ),
        FaultKind::Kill { signal, by: RestartedBy::Others } => format!(
            "{name} killed by signal {signal} with all who descend from it; whoever started it starts it \
             again within {length}"
        ),
        FaultKind::Pause => format!("{name} stands still, goes on after {length}"),
        FaultKind::Disconnect { network } => {
            let network = network.as_deref().unwrap_or("its network");
            format!("{name} leaves {network}, joins it again after {length}")
        }
        FaultKind::Pressure(pressure) => pressed(name, pressure, fault.lasts_us),
        FaultKind::Stop => format!("{name} ended in good order, started again after {length}"),
        FaultKind::Restart => {
            format!("{name} ended in good order within {length}, started again at once")
        }
        FaultKind::Command(errand) => {
            let undo = match errand.undo.as_slice() {
                [] => String::new(),
                undo => format!("; undone by {}", words(undo)),
            };
            format!("{}, until it ends, at most {length}{undo}", words(&errand.command))
        }
        FaultKind::Manual { prompt } => {
            let mark = format!("`assay mark RUN {} start|end`", fault.name);
            format!("by hand: {prompt} ({mark}, at most {length})")
        }
        _ => String::new(),
    }
}

/// `api loses 80% of its processor time, for 20 s`, or a busy neighbour takes what it can get of that.
fn pressed(name: &str, pressure: &Pressure, lasts_us: u64) -> String {
    let length = time(lasts_us);
    let lost = lost(pressure);
    let loses =
        if lost.is_empty() { String::new() } else { format!(" loses {lost}, for {length}") };
    if !pressure.by_burners {
        return format!("{name}{loses}");
    }
    let and = if loses.is_empty() { " has" } else { ", and has" };
    let most = time(lasts_us.saturating_add(PRESSED_LATE_US));
    format!(
        "{name}{loses}{and} a busy neighbour of {} on each core where it may run and Assay may not, for \
         {length}, at most {most}",
        pressure.cpu
    )
}

/// `80% of its processor time, 512MiB of memory`.
fn lost(pressure: &Pressure) -> String {
    let mut parts = Vec::new();
    if pressure.cpu.0 > 0 && !pressure.by_burners {
        parts.push(format!("{} of its processor time", pressure.cpu));
    }
    if pressure.memory > 0 {
        parts.push(format!("{} of memory", Size(pressure.memory)));
    }
    if pressure.disk > 0 {
        parts.push(format!("{} of disk", Size(pressure.disk)));
    }
    parts.join(", ")
}

/// `answers 200ms later, growing for 5s`.
fn later(latency: &Latency) -> String {
    let by = match &latency.delay {
        Delay::Fixed { us } => format!("{} later", time(*us)),
        Delay::Uniform { min_us, max_us } => {
            format!("{} to {} later", time(*min_us), time(*max_us))
        }
        Delay::Normal { mean_us, sd_us } => {
            format!("{} later, give or take {}", time(*mean_us), time(*sd_us))
        }
        Delay::Lognormal { p50_us: usual, p99_us } | Delay::Pareto { min_us: usual, p99_us } => {
            format!("{} later, rarely more than {}", time(*usual), time(*p99_us))
        }
        Delay::Recorded(recorded) => format!("later as recorded in {}", recorded.file),
    };
    let what = if latency.side == Side::Response { "answers " } else { "" };
    let Ramp { up_us, down_us } = latency.ramp;
    let ramp = |us: u64, word: &str| match us {
        0 => String::new(),
        us => format!(", {word} for {}", time(us)),
    };
    format!("{what}{by}{}{}", ramp(up_us, "growing"), ramp(down_us, "shrinking"))
}
