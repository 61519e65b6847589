//! Names: which must differ, and what `of` and `during` mean.
//!
//! Loads, requests and fleets share one set, faults, breakers and phases another; services and
//! links a third, because `to` may mean either.
//! Not here: the names in moments (`timetable`).

use super::notes::{Notes, list};
use super::parts::{self, LoadParts};
use crate::spec::Trail;
use crate::spec::scalar::{Name, Words};
use crate::spec::types::{Fleet, Objective, Scenario};
use assay_slo::case::{self, During, LoadKind, Of};

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
    for name in scenario.breakers.keys() {
        let message = if PHASES.contains(&name.as_str()) {
            format!("`{name}` is the name of a phase")
        } else if scenario.faults.contains_key(name) {
            format!("`{name}` is a fault too, and `during: [{name}]` could mean both")
        } else {
            continue;
        };
        let trail = Trail::root().key("breakers").key(name.as_str());
        notes.entry(&trail, message, "give the breaker another name");
    }
    let loads = parts::loads(scenario);
    for (name, load) in &loads {
        if *name == ALL {
            let trail = Trail::root().key("load").key(name);
            let message = "`all` stands for all loads".to_owned();
            notes.entry(&trail, message, "give the load another name");
        }
        check_requests(name, load, scenario, notes);
    }
    for (name, fleet) in &scenario.fleets {
        check_fleet(name, fleet, &loads, scenario, notes);
    }
}

fn check_requests(load: &str, parts: &LoadParts<'_>, scenario: &Scenario, notes: &mut Notes<'_>) {
    for (at, sent) in parts.sent.iter().enumerate() {
        let name = sent.name();
        let earlier = parts.sent.iter().take(at).any(|earlier| earlier.name() == name);
        let message = if name == ALL {
            "`all` stands for all loads".to_owned()
        } else if scenario.load.contains_key(name.as_str()) {
            format!("`{name}` is the name of a load too, and `of: [{name}]` could mean both")
        } else if earlier {
            format!("two requests of `{load}` are called `{name}`")
        } else {
            continue;
        };
        let entry = &sent.trail;
        let trail = if sent.call.name.is_some() { entry.key("name") } else { entry.clone() };
        notes.value(&trail, message, "give the request a name of its own, with `name:`");
    }
}

/// A fleet's name, and what its requests are called.
fn check_fleet(
    name: &Name,
    fleet: &Fleet,
    loads: &[(&str, LoadParts<'_>)],
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) {
    let trail = parts::fleet_trail(name.as_str());
    let taken = |own: &String| {
        let request =
            |(_, load): &(&str, LoadParts<'_>)| load.sent.iter().any(|sent| sent.name() == *own);
        scenario.load.contains_key(own.as_str()) || loads.iter().any(request)
    };
    let message = if name.as_str() == ALL {
        "`all` stands for all loads".to_owned()
    } else if let Some(own) =
        parts::fleet_requests(name.as_str(), fleet).iter().find(|own| taken(own))
    {
        format!("`{own}` is a load or request too, and `of: [{own}]` could mean both")
    } else {
        return;
    };
    notes.entry(&trail, message, "give the fleet another name");
}

/// The requests that `of` means, in the order of `loads`; those of all loads without it, which are
/// never a fleet's.
pub(super) fn of(
    names: Option<&[Name]>,
    loads: &[case::Load],
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<Of> {
    let whole = [Name(ALL.to_owned())];
    let wanted = names.unwrap_or(&whole);
    let mut known: Vec<&str> = vec![];
    for load in loads {
        known.push(&load.name);
        let requests = load.requests.iter().map(|request| request.name.as_str());
        known.extend(requests.filter(|name| *name != load.name));
    }
    for (at, name) in wanted.iter().enumerate() {
        if name.as_str() != ALL && !known.contains(&name.as_str()) {
            if notes.left_out().had_request(name.as_str()) {
                continue;
            }
            let message = format!("unknown load or request `{name}`");
            let among = (&["load", "fleets"][..], "loads, requests and fleets");
            notes.unknown(&trail.index(at), name.as_str(), message, among, &known);
        }
    }
    let named = |name: &str| wanted.iter().any(|wanted| wanted.as_str() == name);
    let mut covered = Vec::new();
    for (at, load) in loads.iter().enumerate() {
        let is_fleet = load.kind == LoadKind::Fleet;
        for (request, of) in load.requests.iter().enumerate() {
            if (named(ALL) && !is_fleet) || named(&load.name) || named(&of.name) {
                covered.push(Of { load: at, request });
            }
        }
    }
    covered
}

/// The index of an objective in [`assay_slo::Case::objectives`], which has no capacities.
pub(super) fn objective(
    name: &Name,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let is_capacity = |one: &Objective| matches!(one, Objective::Capacity(_));
    if scenario.objectives.get(name).is_some_and(is_capacity) {
        let message = format!("`{name}` is a capacity, which only the whole load can show");
        notes.value(trail, message, "name an objective on latency or errors");
        return None;
    }
    let others = || scenario.objectives.iter().filter(|(_, one)| !is_capacity(one));
    let index = others().position(|(known, _)| known == name);
    if index.is_none() {
        let known: Vec<&str> = others().map(|(name, _)| name.as_str()).collect();
        let message = format!("unknown objective `{name}`");
        let among = (&["objectives"][..], "objectives");
        notes.unknown(trail, name.as_str(), message, among, &known);
    }
    index
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
            Err(Some((message, help))) => notes.unknown_word(&trail.index(at), message, help),
            Err(None) => unknown_phase(word.as_str(), scenario, &trail.index(at), notes),
        }
    }
    phases
}

/// What a word means, or why not; the error is none where nothing has its name.
fn phase(word: &str, scenario: &Scenario) -> Result<During, Option<(String, String)>> {
    let fault = |name: &str| scenario.faults.get_index_of(name);
    match word {
        ALL => return Ok(During::All),
        "steady" => return Ok(During::Steady),
        "fault" => return Ok(During::Fault),
        "recovery" => return Ok(During::Recovery),
        "after" => return Ok(During::After),
        "warmup" => {
            let help = format!("the phases are {}", list(PHASES));
            return Err(Some(("the warm-up is never judged".to_owned(), help)));
        }
        _ => {}
    }
    if let Some(index) = fault(word) {
        return Ok(During::Named(index));
    }
    let (name, rest) = word.split_once('.').unwrap_or((word, ""));
    let breaker = scenario.breakers.get_index_of(name);
    match (fault(name), breaker, rest) {
        (Some(index), _, "recovery") => Ok(During::RecoveryOf(index)),
        (None, Some(index), "open") => Ok(During::Open(index)),
        (None, Some(_), "closed") => Err(Some((
            format!("`{word}` is not supported yet"),
            format!("write {name}.open, or phases such as [steady, after]"),
        ))),
        (None, Some(_), _) => {
            Err(Some((format!("unknown phase `{word}`"), format!("write {name}.open"))))
        }
        (Some(_), _, "open") => Err(Some((
            format!("`{name}` is a fault, and only breakers are open"),
            format!("write {name}, {name}.recovery, or a breaker's name and `.open`"),
        ))),
        (Some(_), _, _) => Err(Some((
            format!("unknown phase `{word}`"),
            format!("write {name}, or {name}.recovery"),
        ))),
        (None, None, _) => Err(None),
    }
}

fn unknown_phase(word: &str, scenario: &Scenario, trail: &Trail, notes: &mut Notes<'_>) {
    let (name, _) = word.split_once('.').unwrap_or((word, ""));
    let faults = scenario.faults.keys().map(|name| name.as_str());
    let breakers = scenario.breakers.keys().map(|name| name.as_str());
    let known: Vec<&str> = PHASES.into_iter().chain(faults).chain(breakers).collect();
    let message = format!("unknown phase or fault `{word}`");
    let among = (&["faults", "breakers"][..], "phases, faults and breakers");
    notes.unknown(trail, name, message, among, &known);
}
