//! Kills: which process, by which signal.
//!
//! Invariant: only what we started ourselves is killed.
//! Not here: doing it (`service`), other faults (`faults`).

use super::notes::{Notes, instead, list};
use crate::plan::{Fault, FaultKind};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Name, Words};
use crate::spec::types::{Scenario, Service};

/// Signals that end a process which does not catch them, and their numbers (Linux, signal(7)).
const SIGNALS: [(&str, i32); 7] =
    [("KILL", 9), ("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3), ("ABRT", 6), ("SEGV", 11)];

/// The number of a signal by its name, with or without `SIG`.
pub(super) fn signal(name: Option<&Words>, trail: &Trail, notes: &mut Notes<'_>) -> i32 {
    let Some(name) = name else { return 9 };
    let upper = name.as_str().to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = SIGNALS.iter().find(|(known, _)| *known == short) {
        return *number;
    }
    let message = format!("`{}` is no signal that ends a process", upper.escape_debug());
    notes.value(trail, message, instead(short, "signals", &SIGNALS.map(|(known, _)| known)));
    9
}

/// The service is a process of ours.
pub(super) fn check_service(
    name: &Name,
    trail: &Trail,
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) {
    match scenario.services.get(name) {
        Some(Service::Process(_)) => {}
        Some(Service::Container(_)) => {
            let message = format!("`{name}` is a container: `kill` of one is not supported yet");
            notes.value(trail, message, "name a service with `process:`, or put a link before it");
        }
        Some(Service::Url(_) | Service::RunningProcess(_)) => {
            let message = format!("`{name}` was not started by us, so it is not ours to kill");
            notes.value(trail, message, "name a service with `process:`");
        }
        None => {
            let known: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
            let message = format!("unknown service `{name}`");
            let among = (&["services"][..], "services");
            notes.unknown(trail, name.as_str(), message, among, &known);
        }
    }
}

/// What is gone cannot be killed again.
pub(super) fn check_overlap(faults: &[Fault], notes: &mut Notes<'_>) {
    let is_kill = |fault: &&Fault| matches!(fault.kind, FaultKind::Kill { .. });
    for (at, fault) in faults.iter().enumerate().filter(|(_, fault)| is_kill(fault)) {
        let ends = |fault: &Fault| fault.starts_us.saturating_add(fault.lasts_us);
        let meets = |other: &&Fault| {
            other.link == fault.link
                && other.starts_us <= ends(fault)
                && fault.starts_us <= ends(other)
        };
        let Some(other) = faults.iter().take(at).filter(is_kill).find(meets) else { continue };
        let trail = Trail::root().key("faults").key(&fault.name).key("kill").key("at");
        let message = format!("`{}` is down then, by {}", fault.link, list([other.name.as_str()]));
        let end = Duration { us: ends(other) };
        notes.value(&trail, message, format!("kill it later than {end}, when it is back"));
    }
}
