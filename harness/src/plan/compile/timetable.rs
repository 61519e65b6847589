//! Moments: when loads and faults start, and what a moment counts from.
//!
//! Invariant: a moment of a load or fault is resolved before the run, from planned starts and
//! lengths; a moment of an expectation keeps its anchor, because edges decide it. Only a load's
//! `until` may count from an end that nobody knows before: it is planned at its latest.
//! Not here: phases (`phases`), whose moment a name means (`moments`).

use super::moments::{self, Base, base};
use super::notes::Notes;
use super::parts;
use crate::plan::Until;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Edge, Moment, Name};
use crate::spec::types::Scenario;

/// Something with a start and an end.
struct Entry<'s> {
    name: &'s str,
    at: Option<&'s Moment>,
    /// When it ends, where that is written instead of its length.
    until: Option<&'s Moment>,
    /// Of a fault that ends itself the most; beside `until` the least.
    lasts_us: u64,
    ends_itself: bool,
    /// To its settings.
    trail: Trail,
}

/// Planned starts, µs after time 0.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    /// In the order of [`assay_slo::Case::loads`]: fleets come last.
    pub(super) loads: Vec<u64>,
    /// How long they last, µs; those whose end a fault decides at the longest.
    pub(super) lasts: Vec<u64>,
    /// In the order of the scenario.
    pub(super) faults: Vec<u64>,
    /// Loads whose end a fault decides that ends itself.
    pub(super) untils: Vec<Until>,
    /// Whether all were resolved; if not, what follows from starts is not worth telling.
    pub(super) complete: bool,
}

/// How far an instant has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
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
        until: load.until,
        lasts_us: load.lasts_us,
        ends_itself: false,
        trail: load.trail.clone(),
    });
    let fleets = scenario.fleets.iter().map(|(name, fleet)| Entry {
        name: name.as_str(),
        at: None,
        until: None,
        lasts_us: parts::fleet_lasts_us(fleet),
        ends_itself: false,
        trail: parts::fleet_trail(name.as_str()),
    });
    let faults = parts::faults(scenario).map(|(name, fault)| Entry {
        name,
        at: Some(fault.at),
        until: None,
        lasts_us: fault.whole_us(),
        ends_itself: fault.ends_itself,
        trail: fault.trail,
    });
    let entries: Vec<Entry<'_>> = loads.chain(fleets).chain(faults).collect();
    let mut search = Search {
        scenario,
        found: vec![[Found::Unknown; 2]; entries.len()],
        entries: &entries,
        notes,
    };
    for at in 0..entries.len() {
        search.find((at, Edge::Start), &mut Vec::new());
        search.find((at, Edge::End), &mut Vec::new());
    }
    let found = search.found;
    let us = |found: &Found| match found {
        Found::At(us) => u64::try_from(*us).unwrap_or(0),
        Found::Unknown | Found::Sought | Found::Refused => 0,
    };
    let left_out = notes.left_out();
    let complete = found.iter().flatten().all(|found| matches!(found, Found::At(_)))
        && !left_out.touches("load")
        && !left_out.touches("fleets");
    let (loads, faults) = found.split_at(sources(scenario).min(found.len()));
    Timetable {
        loads: loads.iter().map(|[start, _]| us(start)).collect(),
        lasts: loads.iter().map(|[start, end]| us(end).saturating_sub(us(start))).collect(),
        faults: faults.iter().map(|[start, _]| us(start)).collect(),
        untils: untils(scenario, &entries),
        complete,
    }
}

/// The loads whose end a fault decides that ends itself.
fn untils(scenario: &Scenario, entries: &[Entry<'_>]) -> Vec<Until> {
    let until = |(load, entry): (usize, &Entry<'_>)| {
        let moment = entry.until?;
        let (name, Edge::End) = moment.base.as_ref()? else { return None };
        let fault = scenario.faults.get_index_of(name)?;
        let ends_itself = entries.get(sources(scenario) + fault)?.ends_itself;
        let after_us = u64::try_from(moment.offset_us).unwrap_or(0);
        ends_itself.then_some(Until { load, fault, after_us })
    };
    entries.iter().enumerate().filter_map(until).collect()
}

/// The search for all starts and ends, µs after time 0.
struct Search<'a, 's, 'n> {
    scenario: &'s Scenario,
    entries: &'a [Entry<'s>],
    found: Vec<[Found; 2]>,
    notes: &'a mut Notes<'n>,
}

/// The start or the end of an entry.
type Node = (usize, Edge);

impl Search<'_, '_, '_> {
    fn slot(&mut self, (at, edge): Node) -> Option<&mut Found> {
        let [start, end] = self.found.get_mut(at)?;
        match edge {
            Edge::Start => Some(start),
            Edge::End => Some(end),
            Edge::Open => None,
        }
    }

    /// An instant; none if it has a problem. `path` is what asked for it.
    fn find(&mut self, node: Node, path: &mut Vec<Node>) -> Option<i128> {
        let entries = self.entries;
        let entry = entries.get(node.0)?;
        match *self.slot(node)? {
            Found::At(us) => return Some(us),
            Found::Refused => return None,
            Found::Sought => {
                let first = path.iter().position(|before| *before == node).unwrap_or(0);
                let asking = path.iter().skip(first).filter_map(|(at, _)| entries.get(*at));
                let mut names: Vec<&str> = asking.map(|entry| entry.name).collect();
                // Its start and its end are one name.
                names.dedup();
                if names.last() != Some(&entry.name) || names.len() == 1 {
                    names.push(entry.name);
                }
                let message = format!("these wait for each other: {}", names.join(" → "));
                let trail = entry.trail.key(written(node.1, entry));
                self.notes.value(&trail, message, "give one of them a time, such as 30s");
                return None;
            }
            Found::Unknown => {}
        }
        *self.slot(node)? = Found::Sought;
        path.push(node);
        let us = self.instant(node, path);
        path.pop();
        *self.slot(node)? = us.map_or(Found::Refused, Found::At);
        us
    }

    fn instant(&mut self, node: Node, path: &mut Vec<Node>) -> Option<i128> {
        let entry = self.entries.get(node.0)?;
        let trail = entry.trail.key(written(node.1, entry));
        match (node.1, entry.at, entry.until) {
            (Edge::Start, None, _) => Some(0),
            (Edge::Start, Some(at), _) => {
                let start = self.moment(at, Edge::Start, &trail, path)?;
                if start < 0 {
                    let before = Duration { us: u64::try_from(-start).unwrap_or(u64::MAX) };
                    let message = format!("`{}` would start {before} before time 0", entry.name);
                    let help = "time 0 is the end of the warm-up: start later";
                    self.notes.value(&trail, message, help);
                    return None;
                }
                Some(start)
            }
            (Edge::End, _, None) => {
                let start = self.find((node.0, Edge::Start), path)?;
                Some(start + i128::from(entry.lasts_us))
            }
            (Edge::End, _, Some(until)) => {
                let end = self.moment(until, Edge::End, &trail, path)?;
                let start = self.find((node.0, Edge::Start), path)?;
                if end <= start {
                    let message = format!("`{}` would end before it starts", entry.name);
                    self.notes.value(&trail, message, "write a later moment, or `duration:`");
                    return None;
                }
                if end < start + i128::from(entry.lasts_us) {
                    let lasts = Duration { us: entry.lasts_us };
                    let after = Duration { us: u64::try_from(end - start).unwrap_or(0) };
                    let message = format!(
                        "`{}` takes {lasts} to its last rate, but would end after {after}",
                        entry.name
                    );
                    let help = "write a later moment, shorter stages or fewer steps";
                    self.notes.value(&trail, message, help);
                    return None;
                }
                Some(end)
            }
            (Edge::Open, ..) => None,
        }
    }

    /// A moment that is written as a start or as an end.
    fn moment(
        &mut self,
        moment: &Moment,
        as_edge: Edge,
        trail: &Trail,
        path: &mut Vec<Node>,
    ) -> Option<i128> {
        let from = match base(moment, self.scenario, trail, self.notes)? {
            None => 0,
            Some((base, edge)) => {
                let index = match base {
                    Base::Load(load) => load,
                    Base::Fault(fault) => sources(self.scenario) + fault,
                    Base::Breaker(_) => {
                        moments::not_before_the_run(
                            moment,
                            as_edge,
                            self.scenario,
                            trail,
                            self.notes,
                        );
                        return None;
                    }
                };
                if edge == Edge::End && self.is_open(index, 0) {
                    self.check_open(index, moment, as_edge, trail)?;
                }
                self.find((index, edge), path)?
            }
        };
        Some(from + i128::from(moment.offset_us))
    }

    /// Whether nobody knows before when an entry ends.
    fn is_open(&self, index: usize, depth: usize) -> bool {
        let Some(entry) = self.entries.get(index) else { return false };
        let behind = |moment: &Moment| {
            let (name, edge) = moment.base.as_ref()?;
            let load = source(name, self.scenario);
            let fault = self.scenario.faults.get_index_of(name);
            let fault = fault.map(|fault| sources(self.scenario) + fault);
            (*edge == Edge::End).then_some(load.or(fault)?)
        };
        entry.ends_itself
            || depth < self.entries.len()
                && entry.until.and_then(behind).is_some_and(|next| self.is_open(next, depth + 1))
    }

    /// Only the end of a load may wait for an end that nobody knows, and only of a fault.
    fn check_open(
        &mut self,
        index: usize,
        moment: &Moment,
        as_edge: Edge,
        trail: &Trail,
    ) -> Option<()> {
        let entry = self.entries.get(index)?;
        let (message, help) = if as_edge == Edge::Start || !entry.ends_itself {
            (
                format!("when `{}` ends, nobody knows before", entry.name),
                format!("write a time, or count from `{}.start`", entry.name),
            )
        } else if moment.offset_us < 0 {
            let message = format!("when `{}` ends, nobody knows earlier", entry.name);
            (message, format!("write `{}.end`, or a time after it", entry.name))
        } else {
            return Some(());
        };
        self.notes.value(trail, message, help);
        None
    }
}

/// The key that says when an entry starts or ends.
fn written(edge: Edge, entry: &Entry<'_>) -> &'static str {
    if edge == Edge::End && entry.until.is_some() { "until" } else { "at" }
}

/// Loads and fleets: the length of [`assay_slo::Case::loads`].
pub(super) fn sources(scenario: &Scenario) -> usize {
    scenario.load.len() + scenario.fleets.len()
}

/// The index into [`assay_slo::Case::loads`] of a load or fleet.
pub(super) fn source(name: &Name, scenario: &Scenario) -> Option<usize> {
    let load = parts::loads(scenario).iter().position(|(load, _)| *load == name.as_str());
    let fleet = scenario.fleets.get_index_of(name);
    load.or_else(|| fleet.map(|fleet| scenario.load.len() + fleet))
}
