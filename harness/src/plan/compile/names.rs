//! Names: which must differ, and what `of` and `during` mean.
//!
//! Loads and requests share one set, faults and phases another; services and links a third,
//! because `to` may mean either.
//! Not here: the names in moments (`timetable`).

use super::notes::{Notes, instead, list};
use super::parts;
use crate::spec::Trail;
use crate::spec::scalar::{Name, Words};
use crate::spec::types::Scenario;
use assay_slo::case::{During, Of};

/// Stands for all loads.
const ALL: &str = "all";
/// What phases are called.
const PHASES: [&str; 5] = [ALL, "steady", "fault", "recovery", "after"];

/// Checks that names which share a set differ.
pub(super) fn check(scenario: &Scenario, notes: &mut Notes<'_>) {
    for name in scenario.links.keys().filter(|name| scenario.services.contains_key(*name)) {
        notes.entry(
            &Trail::root().key("links").key(name.as_str()),
            format!("`{name}` is a service too, and `to: {name}` could mean both"),
            "give the link another name",
        );
    }
    for name in scenario.faults.keys().filter(|name| PHASES.contains(&name.as_str())) {
        notes.entry(
            &Trail::root().key("faults").key(name.as_str()),
            format!("`{name}` is the name of a phase"),
            "give the fault another name",
        );
    }
    for (name, load) in parts::loads(scenario) {
        if name == ALL {
            let message = "`all` stands for all loads".to_owned();
            notes.entry(
                &Trail::root().key("load").key(name),
                message,
                "give the load another name",
            );
        }
        check_requests(name, &load, scenario, notes);
    }
}

fn check_requests(
    load: &str,
    parts: &parts::LoadParts<'_>,
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) {
    for (at, request) in parts.requests.iter().enumerate() {
        let name = parts::request_name(request);
        let earlier = parts.requests.iter().take(at).any(|r| parts::request_name(r) == name);
        let message = if name == ALL {
            "`all` stands for all loads".to_owned()
        } else if scenario.load.contains_key(name.as_str()) {
            format!("`{name}` is the name of a load too, and `of: [{name}]` could mean both")
        } else if earlier {
            format!("two requests of `{load}` are called `{name}`")
        } else {
            continue;
        };
        let (_, method, call) = parts::call(request);
        let entry = parts.trail.key("requests").index(at).key(method);
        let trail = if call.name.is_some() { entry.key("name") } else { entry };
        notes.value(&trail, message, "give the request a name of its own, with `name:`");
    }
}

/// The requests that `of` means, in the order of the scenario; those of all loads without it.
pub(super) fn of(
    names: Option<&[Name]>,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<Of> {
    let loads: Vec<(&str, Vec<String>)> = parts::loads(scenario)
        .map(|(name, load)| (name, load.requests.iter().map(parts::request_name).collect()))
        .collect();
    let whole = [Name(ALL.to_owned())];
    let wanted = names.unwrap_or(&whole);
    let mut known: Vec<&str> = vec![];
    for (load, requests) in &loads {
        known.push(load);
        known.extend(requests.iter().map(String::as_str));
    }
    for (at, name) in wanted.iter().enumerate() {
        if name.as_str() != ALL && !known.contains(&name.as_str()) {
            let message = format!("unknown load or request `{name}`");
            let help = instead(name.as_str(), "loads and requests", &known);
            notes.value(&trail.index(at), message, help);
        }
    }
    let named = |name: &str| wanted.iter().any(|wanted| wanted.as_str() == name);
    let mut covered = Vec::new();
    for (load, (load_name, requests)) in loads.iter().enumerate() {
        for (request, request_name) in requests.iter().enumerate() {
            if named(ALL) || named(load_name) || named(request_name) {
                covered.push(Of { load, request });
            }
        }
    }
    covered
}

/// The phases that `during` means; `default` without it.
pub(super) fn during(
    words: Option<&[Words]>,
    default: &[During],
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<During> {
    let Some(words) = words else { return default.to_vec() };
    let mut phases = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match phase(word.as_str(), scenario) {
            Ok(phase) if phases.contains(&phase) => {}
            Ok(phase) => phases.push(phase),
            Err((message, help)) => notes.value(&trail.index(at), message, help),
        }
    }
    phases
}

fn phase(word: &str, scenario: &Scenario) -> Result<During, (String, String)> {
    let fault = |name: &str| scenario.faults.get_index_of(name);
    match word {
        ALL => return Ok(During::All),
        "steady" => return Ok(During::Steady),
        "fault" => return Ok(During::Fault),
        "recovery" => return Ok(During::Recovery),
        "after" => return Ok(During::After),
        "warmup" => {
            let help = format!("the phases are {}", list(PHASES));
            return Err(("the warm-up is never judged".to_owned(), help));
        }
        _ => {}
    }
    if let Some(index) = fault(word) {
        return Ok(During::Named(index));
    }
    let (name, rest) = word.split_once('.').unwrap_or((word, ""));
    match (fault(name), rest) {
        (Some(index), "recovery") => Ok(During::RecoveryOf(index)),
        (_, "open" | "closed") => Err((
            format!("`{word}` is not supported yet: phases of breakers"),
            "name phases or faults, such as [steady, after]".to_owned(),
        )),
        (Some(_), _) => {
            Err((format!("unknown phase `{word}`"), format!("write {name}, or {name}.recovery")))
        }
        (None, _) => {
            let faults = scenario.faults.keys().map(|name| name.as_str());
            let known: Vec<&str> = PHASES.into_iter().chain(faults).collect();
            Err((
                format!("unknown phase or fault `{word}`"),
                instead(name, "phases and faults", &known),
            ))
        }
    }
}
