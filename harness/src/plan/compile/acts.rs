//! Faults of services and of commands: what is done, to which service.
//!
//! Invariant: what we cannot start again is only ended where somebody else does.
//! Not here: doing it (`service`, `run`), faults on links (`faults`).

use super::command;
use super::notes::{Notes, instead};
use super::parts::{FaultParts, On};
use crate::plan::{Errand, Fault, FaultKind, Place, RestartedBy};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Name, Words};
use crate::spec::types::{self, CommandFault, KillFault, Scenario, Service};

/// All signals that end a process which does not catch them, and their numbers (Linux, signal(7)).
const SIGNALS: [(&str, i32); 22] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// What a `kill` does.
pub(super) fn kill(
    fault: &KillFault,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> FaultKind {
    let name = &fault.service;
    let is_theirs = matches!(scenario.services.get(name), Some(Service::RunningProcess(_)));
    let by = match fault.restarted_by {
        Some(types::RestartedBy::Assay) if is_theirs => {
            let message = format!("`{name}` was not started by us, so we cannot start it again");
            let help = "write `restarted-by: supervisor`, or leave it out: whoever started it must";
            notes.value(&trail.key("restarted-by"), message, help);
            RestartedBy::Others
        }
        _ if is_theirs => RestartedBy::Others,
        None | Some(types::RestartedBy::Assay) => RestartedBy::Assay,
        Some(types::RestartedBy::Supervisor) => RestartedBy::Supervisor,
    };
    FaultKind::Kill { signal: signal(fault.signal.as_ref(), &trail.key("signal"), notes), by }
}

/// The number of a signal by its name, with or without `SIG`.
fn signal(name: Option<&Words>, trail: &Trail, notes: &mut Notes<'_>) -> i32 {
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

/// The service is one to which this can be done.
pub(super) fn check_service(
    name: &Name,
    kind: &FaultKind,
    trail: &Trail,
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) {
    let word = word(kind);
    match scenario.services.get(name) {
        Some(Service::Process(_) | Service::RunningProcess(_))
            if matches!(kind, FaultKind::Disconnect { .. }) =>
        {
            let message = format!("`{name}` is a process, which is in no network of its own");
            let help = "put a link before it and write an `outage`, or name a container";
            notes.value(trail, message, help);
        }
        Some(Service::Container(_))
            if matches!(kind, FaultKind::Kill { by: RestartedBy::Supervisor, .. }) =>
        {
            let message = format!("nobody supervises the container of `{name}`, which is ours");
            notes.value(trail, message, "write `restarted-by: assay`");
        }
        Some(Service::RunningProcess(_))
            if matches!(kind, FaultKind::Stop | FaultKind::Restart) =>
        {
            let message = format!(
                "`{name}` was not started by us, so nobody here could start it again after a `{word}`"
            );
            let help = "write a `kill` with `signal: TERM` if somebody supervises it; else a `command` fault \
                        that says its own undo, as `systemctl stop` and `start`";
            notes.value(trail, message, help);
        }
        Some(
            Service::Process(_)
            | Service::Container(_)
            | Service::RunningProcess(_)
            | Service::RunningContainer(_),
        ) => {}
        Some(Service::Url(_)) => {
            let message = format!("`{name}` was not started by us, so `{word}` cannot reach it");
            let help = "name a service with `process:`, `container:`, `running-process:` or \
                        `running-container:`; or break it by a `command` fault that says its own undo, as \
                        `systemctl stop` and `start`";
            notes.value(trail, message, help);
        }
        None => {
            let known: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
            let message = format!("unknown service `{name}`");
            let among = (&["services"][..], "services");
            notes.unknown(trail, name.as_str(), message, among, &known);
        }
    }
}

/// How many of its containers a fault takes.
pub(super) fn count(
    parts: &FaultParts<'_>,
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let (count, trail) = (parts.count?, parts.trail.key("count"));
    let On::Service(name) = parts.on else { return None };
    if count.0 == 0 {
        let message = "a fault of no container has no effect".to_owned();
        notes.value(&trail, message, "write a number from 1, or leave it out for all");
    }
    if !matches!(scenario.services.get(name), Some(Service::RunningContainer(_)) | None) {
        let message = format!("there is one of `{name}`, not several to count");
        notes.value(&trail, message, "leave it out; it is for `running-container:`");
    }
    usize::try_from(count.0).ok()
}

/// What a command fault runs, and what undoes it.
pub(super) fn errand(
    fault: &CommandFault,
    secrets: &[String],
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Errand {
    let command = command::words(&fault.run, fault.shell.as_ref(), trail, notes);
    let undo = command::program(&fault.undo, &trail.key("undo"), notes);
    // It is written down before it is done, for whoever must undo it after we died.
    let told = |secret: &&String| undo.iter().any(|word| word.0.contains(secret.as_str()));
    if secrets.iter().filter(|secret| !secret.is_empty()).any(|secret| told(&secret)) {
        let message = "its undo holds a secret, and is written to the run directory".to_owned();
        let help =
            "let a script read it from its environment, which is ours: ${env.*} is not needed";
        notes.value(&trail.key("undo"), message, help);
    }
    Errand { command, undo, timeout_us: fault.timeout.us.max(1) }
}

/// What is ended or stands still cannot be meant by another fault at the same time.
pub(super) fn check_overlap(faults: &[Fault], notes: &mut Notes<'_>) {
    let acts = faults.iter().filter(|fault| fault.kind.place() == Place::Service);
    let mut on: Vec<(&str, u64, u64, &Fault)> = acts
        .flat_map(|f| f.spans().map(move |span| (f.link.as_str(), span.start, span.end, f)))
        .collect();
    on.sort_by_key(|(service, starts, ends, _)| (*service, *starts, *ends));
    let mut told: Vec<&str> = Vec::new();
    for (before, after) in on.iter().zip(on.iter().skip(1)) {
        let ((service, _, ends, first), (other, starts, _, second)) = (before, after);
        let meets = service == other && starts <= ends && first.name != second.name;
        if !meets || told.contains(&second.name.as_str()) {
            continue;
        }
        told.push(&second.name);
        let trail = Trail::root().key("faults").key(&second.name);
        let trail = trail.key(word(&second.kind)).key("at");
        let message = match first.kind {
            FaultKind::Pressure(_) => {
                format!("`{service}` is under pressure then, by `{}`", first.name)
            }
            _ => format!("`{service}` is not up then, by `{}`", first.name),
        };
        let end = Duration { us: *ends };
        notes.value(&trail, message, format!("start it later than {end}, when it is back"));
    }
}

/// The word of a fault beside links.
pub(super) fn word(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Kill { .. } => "kill",
        FaultKind::Pause => "pause",
        FaultKind::Stop => "stop",
        FaultKind::Restart => "restart",
        FaultKind::Disconnect { .. } => "disconnect",
        FaultKind::Pressure(_) => "pressure",
        FaultKind::Manual { .. } => "manual",
        _ => "command",
    }
}
