//! What the page draws over time, folded from the journal.
//!
//! Invariant: entries may come in any order; cells add up, so parts of a run can be folded one
//! after another.
//! Not here: reading files (`collect`, `times`), judgement (crate slo).

use super::times::Times;
use crate::record::journal::Environment;
use assay_slo::event::{Backlog, BreakerEvent, Edge, GateTime, Health, Ledger, ServiceState};
use assay_slo::{At, Case, Entry, Event, Outcome};
use std::collections::BTreeMap;

/// Counts by outcome, in the order of [`Outcome::ALL`].
pub(super) type Outcomes = [u64; Outcome::ALL.len()];

/// Everything the page draws over time.
#[derive(Debug, Clone, Default)]
pub struct Series {
    pub(super) case: Option<Case>,
    pub(super) environment: Option<Environment>,
    pub(super) zero: Option<At>,
    /// By load and second due, from time 0.
    pub(super) outcomes: BTreeMap<(usize, i64), Outcomes>,
    pub(super) health: Vec<(At, Health)>,
    /// By metric, in the order of the file.
    pub(super) samples: BTreeMap<usize, Vec<(At, f64)>>,
    pub(super) backlog: Vec<Backlog>,
    pub(super) breakers: Vec<BreakerEvent>,
    pub(super) edges: Vec<Edge>,
    pub(super) marks: Vec<Mark>,
    pub(super) ledgers: Vec<Ledger>,
    pub(super) times: Times,
    /// Whether the journal has its last line.
    pub(super) ended: bool,
    /// Failed exchanges that were kept, by the names of their files.
    pub(super) failures: Vec<Kept>,
}

/// A failed exchange that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// Its file in `failures/`.
    pub(super) name: String,
    /// Its text, or the beginning of it.
    pub(super) text: String,
    /// There is more of it.
    pub(super) cut: bool,
}

/// Something that happened at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: At,
    /// Whether it was as it should be.
    pub(super) good: bool,
    /// In a few words.
    pub(super) short: String,
    /// The whole of it.
    pub(super) text: String,
}

impl Series {
    /// Adds one entry of the journal.
    pub fn add(&mut self, entry: &Entry, case: &Case) {
        if self.case.is_none() {
            self.case = Some(case.clone());
        }
        match &entry.event {
            Event::Zero { zero } => self.zero = Some(*zero),
            Event::Cells(cells) => {
                for cell in cells {
                    self.add_cell(cell);
                }
            }
            Event::Health(health) => self.health.push((entry.at, health.clone())),
            Event::Backlog(backlog) => self.backlog.push(*backlog),
            Event::Breaker(change) => self.breakers.push(change.clone()),
            Event::Edge(edge) => self.edges.push(edge.clone()),
            Event::Gate(gate) => {
                let when = match gate.when {
                    GateTime::Before => "before the first fault",
                    GateTime::After => "after the last undo",
                };
                let text = if gate.open {
                    format!("steady-state gate {when}: all steady")
                } else {
                    format!("steady-state gate {when}: {}", gate.reasons.join("; "))
                };
                self.mark(entry.at, gate.open, "gate".to_owned(), text);
            }
            Event::Service(change) if change.state == ServiceState::Died => {
                let text = format!("service {} died: {}", change.name, change.detail);
                self.mark(entry.at, false, format!("{} died", change.name), text);
            }
            Event::NotBack(missed) => {
                let name = case.faults.get(missed.fault).map_or("?", |fault| fault.link.as_str());
                let text = format!("service {name} is not back: {}", missed.detail);
                self.mark(entry.at, false, format!("{name} not back"), text);
            }
            Event::Stopped { load, at, text } => {
                let name = case.loads.get(*load).map_or("?", |load| load.name.as_str());
                let text = format!("load {name} was stopped: {text}");
                self.mark(*at, false, format!("{name} stopped"), text);
            }
            Event::Guard { guard, text } => {
                self.mark(entry.at, false, guard.clone(), text.clone());
            }
            Event::Ledger(ledger) => self.ledgers.push(ledger.clone()),
            Event::Sample(sample) => {
                let line = self.samples.entry(sample.metric).or_default();
                line.push((sample.answered, sample.value.get()));
            }
            Event::End(_) => self.ended = true,
            Event::Service(_)
            | Event::Attempts(_)
            | Event::Arrivals { .. }
            | Event::Bypassed { .. }
            | Event::Probe { .. }
            // The table has their number.
            | Event::Missed(_)
            | Event::ReadUntil { .. }
            | Event::Looks(_)
            | Event::Lines(_)
            | Event::LogRead(_)
            | Event::Histogram(_)
            | Event::Lag(_)
            // The health's sentence has the most of it.
            | Event::Machine(_)
            // The judge finds it.
            | Event::Unmade(_)
            | Event::Unasked(_)
            | Event::Finding { .. } => {}
        }
    }

    /// Says what the journal's first line tells beside the case.
    pub fn describe(&mut self, case: &Case, environment: Environment) {
        self.case = Some(case.clone());
        self.environment = Some(environment);
    }

    fn add_cell(&mut self, cell: &assay_slo::Cell) {
        // The warm-up is neither judged nor drawn.
        if cell.segment == 0 || cell.second < 0 {
            return;
        }
        let outcomes = self.outcomes.entry((cell.load, cell.second)).or_default();
        let place = Outcome::ALL.iter().position(|outcome| *outcome == cell.outcome);
        if let Some(count) = place.and_then(|place| outcomes.get_mut(place)) {
            *count = count.saturating_add(cell.n);
        }
    }

    fn mark(&mut self, at: At, good: bool, short: String, text: String) {
        self.marks.push(Mark { at, good, short, text });
    }
}
