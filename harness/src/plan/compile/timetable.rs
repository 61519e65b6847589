//! Moments: when loads and faults start, and what a moment counts from.
//!
//! Invariant: a moment of a load or fault is resolved before the run, from planned starts and
//! lengths; a moment of an expectation keeps its anchor, because edges decide it.
//! Not here: phases (`phases`).

use super::notes::Notes;
use super::parts;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Edge, Moment, Name};
use crate::spec::types::Scenario;
use assay_slo::case::{Anchor, Moment as Anchored};

/// Something with a start and an end.
struct Entry<'s> {
    name: &'s str,
    at: Option<&'s Moment>,
    lasts_us: u64,
    trail: Trail,
}

/// Planned starts, µs after time 0.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    /// In the order of [`assay_slo::Case::loads`]: fleets come last.
    pub(super) loads: Vec<u64>,
    /// In the order of the scenario.
    pub(super) faults: Vec<u64>,
    /// Whether all were resolved; if not, what follows from starts is not worth telling.
    pub(super) complete: bool,
}

/// Which entry a moment counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Index into [`assay_slo::Case::loads`].
    Load(usize),
    Fault(usize),
}

/// How far a start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Unknown,
    /// Being looked for; to meet it again is a cycle.
    Sought,
    At(i128),
    /// It has a problem, already told.
    Refused,
}

/// Resolves all starts; those that have none are 0.
pub(super) fn resolve(scenario: &Scenario, notes: &mut Notes<'_>) -> Timetable {
    let parts = parts::loads(scenario);
    let loads = parts.iter().map(|(name, load)| Entry {
        name,
        at: load.at,
        lasts_us: load.lasts_us,
        trail: load.trail.key("at"),
    });
    let fleets = scenario.fleets.iter().map(|(name, fleet)| Entry {
        name: name.as_str(),
        at: None,
        lasts_us: parts::fleet_lasts_us(fleet),
        trail: parts::fleet_trail(name.as_str()),
    });
    let faults = parts::faults(scenario).map(|(name, fault)| Entry {
        name,
        at: Some(fault.at),
        lasts_us: fault.whole_us(),
        trail: fault.trail.key("at"),
    });
    let entries: Vec<Entry<'_>> = loads.chain(fleets).chain(faults).collect();
    let mut starts = vec![Start::Unknown; entries.len()];
    for at in 0..entries.len() {
        find(at, &entries, scenario, &mut starts, &mut Vec::new(), notes);
    }
    let us = |start: &Start| match start {
        Start::At(us) => u64::try_from(*us).unwrap_or(0),
        Start::Unknown | Start::Sought | Start::Refused => 0,
    };
    let left_out = notes.left_out();
    let complete = starts.iter().all(|start| matches!(start, Start::At(_)))
        && !left_out.touches("load")
        && !left_out.touches("fleets");
    let (loads, faults) = starts.split_at(sources(scenario).min(starts.len()));
    let us = |starts: &[Start]| starts.iter().map(us).collect();
    Timetable { loads: us(loads), faults: us(faults), complete }
}

/// The start of an entry, µs after time 0; none if it has a problem. `path` is what asked for it.
fn find(
    at: usize,
    entries: &[Entry<'_>],
    scenario: &Scenario,
    starts: &mut [Start],
    path: &mut Vec<usize>,
    notes: &mut Notes<'_>,
) -> Option<i128> {
    let (entry, state) = (entries.get(at)?, starts.get(at).copied()?);
    match state {
        Start::At(us) => return Some(us),
        Start::Refused => return None,
        Start::Sought => {
            let first = path.iter().position(|before| *before == at).unwrap_or(0);
            let names = path.iter().skip(first).chain([&at]).filter_map(|at| entries.get(*at));
            let names: Vec<&str> = names.map(|entry| entry.name).collect();
            let message = format!("these wait for each other: {}", names.join(" → "));
            notes.value(&entry.trail, message, "give one of them a time, such as 30s");
            return None;
        }
        Start::Unknown => {}
    }
    set(starts, at, Start::Sought);
    path.push(at);
    let start = begin(entry, entries, scenario, starts, path, notes);
    path.pop();
    set(starts, at, start.map_or(Start::Refused, Start::At));
    start
}

fn set(starts: &mut [Start], at: usize, start: Start) {
    if let Some(slot) = starts.get_mut(at) {
        *slot = start;
    }
}

fn begin(
    entry: &Entry<'_>,
    entries: &[Entry<'_>],
    scenario: &Scenario,
    starts: &mut [Start],
    path: &mut Vec<usize>,
    notes: &mut Notes<'_>,
) -> Option<i128> {
    let Some(moment) = entry.at else { return Some(0) };
    let from = match base(moment, scenario, &entry.trail, notes)? {
        None => 0,
        Some((base, edge)) => {
            let index = match base {
                Base::Load(load) => load,
                Base::Fault(fault) => sources(scenario) + fault,
            };
            let start = find(index, entries, scenario, starts, path, notes)?;
            let lasts_us = entries.get(index).map_or(0, |entry| entry.lasts_us);
            match edge {
                Edge::Start => start,
                Edge::End => start + i128::from(lasts_us),
            }
        }
    };
    let start = from + i128::from(moment.offset_us);
    if start < 0 {
        let before = Duration { us: u64::try_from(-start).unwrap_or(u64::MAX) };
        let message = format!("`{}` would start {before} before time 0", entry.name);
        notes.value(&entry.trail, message, "time 0 is the end of the warm-up: start later");
        return None;
    }
    Some(start)
}

/// Loads and fleets: the length of [`assay_slo::Case::loads`].
fn sources(scenario: &Scenario) -> usize {
    scenario.load.len() + scenario.fleets.len()
}

/// The index into [`assay_slo::Case::loads`] of a load or fleet.
fn source(name: &Name, scenario: &Scenario) -> Option<usize> {
    let load = parts::loads(scenario).iter().position(|(load, _)| *load == name.as_str());
    let fleet = scenario.fleets.get_index_of(name);
    load.or_else(|| fleet.map(|fleet| scenario.load.len() + fleet))
}

/// What a moment counts from: `Some(None)` is time 0; none if there is a problem, now told.
fn base(
    moment: &Moment,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Option<(Base, Edge)>> {
    let Some((name, edge)) = &moment.base else { return Some(None) };
    let load = source(name, scenario).map(Base::Load);
    let fault = scenario.faults.get_index_of(name).map(Base::Fault);
    let (message, help) = match (load, fault) {
        (Some(base), None) | (None, Some(base)) => {
            let sections: &[&str] = if load.is_some() { &["load", "fleets"] } else { &["faults"] };
            let left_out = notes.left_out();
            let is_doubtful = |section: &&str| left_out.touches_entry(section, name.as_str());
            return (!sections.iter().any(is_doubtful)).then_some(Some((base, *edge)));
        }
        (Some(_), Some(_)) => (
            format!("`{name}` is a load and a fault, and this moment could mean both"),
            "give one of them another name".to_owned(),
        ),
        (None, None) => {
            let loads = scenario.load.keys().chain(scenario.fleets.keys());
            let names = loads.chain(scenario.faults.keys());
            let known: Vec<&str> = names.map(|name| name.as_str()).collect();
            let message = format!("unknown load or fault `{name}`");
            let among = (&["load", "fleets", "faults"][..], "loads, fleets and faults");
            notes.unknown(trail, name.as_str(), message, among, &known);
            return None;
        }
    };
    notes.value(trail, message, help);
    None
}

/// How long a load or fleet lasts, by its index into [`assay_slo::Case::loads`], µs.
fn source_lasts_us(index: usize, scenario: &Scenario) -> u64 {
    let loads = parts::loads(scenario);
    let load = loads.get(index).map(|(_, load)| load.lasts_us);
    let fleet = index.checked_sub(loads.len()).and_then(|at| scenario.fleets.get_index(at));
    load.or(fleet.map(|(_, fleet)| parts::fleet_lasts_us(fleet))).unwrap_or(0)
}

/// A moment that the run decides, and where it is planned, µs after time 0.
pub(super) fn anchored(
    moment: &Moment,
    scenario: &Scenario,
    timetable: &Timetable,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<(Anchored, u64)> {
    let start = |starts: &[u64], index: usize| starts.get(index).copied().unwrap_or(0);
    let offset_us = moment.offset_us;
    let (anchored, from) = match base(moment, scenario, trail, notes)? {
        None => (Anchored { anchor: Anchor::Zero, offset_us }, 0),
        Some((Base::Load(load), Edge::Start)) => {
            let from = start(&timetable.loads, load);
            let offset_us = offset_us.saturating_add_unsigned(from);
            (Anchored { anchor: Anchor::Zero, offset_us }, from)
        }
        Some((Base::Load(load), Edge::End)) => {
            let end = start(&timetable.loads, load).saturating_add(source_lasts_us(load, scenario));
            (Anchored { anchor: Anchor::LoadEnd(load), offset_us }, end)
        }
        Some((Base::Fault(fault), edge)) => {
            let lasts_us = parts::faults(scenario).nth(fault).map_or(0, |(_, f)| f.whole_us());
            let from = start(&timetable.faults, fault);
            match edge {
                Edge::Start => (Anchored { anchor: Anchor::FaultStart(fault), offset_us }, from),
                Edge::End => {
                    let anchor = Anchor::FaultEnd(fault);
                    (Anchored { anchor, offset_us }, from.saturating_add(lasts_us))
                }
            }
        }
    };
    let Some(planned) = from.checked_add_signed(offset_us) else {
        let message = "this moment lies before time 0".to_owned();
        notes.value(trail, message, "time 0 is the end of the warm-up: name a later one");
        return None;
    };
    Some((anchored, planned))
}
