//! What `assay run --dry-run` prints: what would be started, driven and broken, and how that is undone.
//!
//! Not here: the timetable and what could be proved (`describe`), looking for what runs already
//! (`run`).

use super::{columns, fault, section, services, timetable};
use crate::plan::words::quoted;
use crate::plan::{Fault, FaultKind, Place, Plan, RestartedBy, ServiceKind, Text};

/// The run in words, secrets masked; nothing is done.
#[must_use]
pub fn dry_run(plan: &Plan) -> String {
    let mut text = format!("{}: nothing is started, sent or broken\n", plan.name);
    section(&mut text, "services: started, or found", columns(&services(plan), &[]));
    section(&mut text, "links: bound", columns(&super::links(plan), &[]));
    section(&mut text, "load: driven, and faults: injected", columns(&timetable(plan), &[]));
    let faults: Vec<Vec<String>> =
        plan.faults.iter().flat_map(|fault| broken(plan, fault)).collect();
    section(&mut text, "faults: what is broken, and how it is undone", columns(&faults, &[]));
    text.push('\n');
    plan.secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"))
}

fn broken(plan: &Plan, of: &Fault) -> [Vec<String>; 2] {
    let tcp = plan.links.iter().any(|link| link.name == of.link && link.tcp);
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    [row(&of.name, fault::broken(of, tcp)), row("", format!("undone: {}", undone(plan, of)))]
}

/// By whom, and what is left should this program be killed.
fn undone(plan: &Plan, fault: &Fault) -> String {
    let killed =
        "if this program is killed its guardian does it, else its lease keeper, or `assay recover`";
    if fault.kind.place() == Place::Link {
        return "taken off the link, which ends with this program".to_owned();
    }
    let kind = plan.services.iter().find(|service| service.name == fault.link).map(|of| &of.kind);
    let held = matches!(kind, Some(ServiceKind::Process(process)) if process.held.is_some());
    let theirs = matches!(kind, Some(ServiceKind::Containers { .. }));
    let how = match &fault.kind {
        FaultKind::Manual { .. } => return "by whoever did it".to_owned(),
        FaultKind::Command(errand) if errand.undo.is_empty() => {
            return "by nothing: the command has no `undo`".to_owned();
        }
        FaultKind::Command(errand) => {
            let words: Vec<String> = errand.undo.iter().map(|Text(word)| quoted(word)).collect();
            format!("`{}`, once, when the run ends", words.join(" "))
        }
        FaultKind::Pressure(_) if held || theirs => {
            "docker update, with its limits before".to_owned()
        }
        FaultKind::Pressure(pressure) if pressure.by_burners => {
            "the neighbour is ended, memory given back, the file deleted".to_owned()
        }
        FaultKind::Pressure(_) => {
            "SIGCONT to each of its processes, memory given back, the file deleted".to_owned()
        }
        FaultKind::Pause if held || theirs => "docker unpause".to_owned(),
        FaultKind::Pause => "SIGCONT to each of its processes".to_owned(),
        FaultKind::Disconnect { .. } => {
            "docker network connect, with the same names and address".to_owned()
        }
        FaultKind::Kill { by: RestartedBy::Others, .. } => {
            return "by whoever supervises it, or the run is violated".to_owned();
        }
        FaultKind::Kill { by: RestartedBy::Supervisor, .. } => {
            "whoever supervises it starts it again".to_owned()
        }
        _ if held || theirs => "docker start, of the same container".to_owned(),
        _ => return "started again; it ends with the run in any case".to_owned(),
    };
    format!("{how}; {killed}")
}
