//! What happened, folded from the stream of entries: one pass, in the order of the file.
//!
//! Invariant: a foreign or edited journal is refused in a sentence or judged; it never panics,
//! overflows, or makes the judge run for ever.
//! Invariant: cells are added up by all that they are told apart by, so splitting and reordering
//! them changes nothing.
//! Not here: what a segment is called (`phase`), anything that decides.

use crate::boundary::Boundaries;
use crate::case::{Case, Clock, Of};
use crate::event::{
    Cell, Edge, EdgeKind, Effect, End, Entry, Event, Gate, GateTime, Histogram, Machine,
    ServiceEvent, ServiceState, Straddle, Unasked, Unmade,
};
use crate::outcome::Outcome;
use crate::scorecard::FaultEdges;
use crate::time::{At, SECOND_US};
use std::collections::{BTreeMap, BTreeSet};

mod ends;
mod lag;
mod later;
mod logs;
mod malformed;
mod samples;
mod sightings;
pub(crate) use lag::{BegunLate, HealthSum};
pub(crate) use logs::Logs;
pub use malformed::Malformed;
pub(crate) use samples::Samples;
pub(crate) use sightings::Sightings;

/// The latest instant that is believed: 115 days. It bounds every loop over seconds.
const LATEST: At = At(10_000_000_000_000);
/// More requests than any run sends. It keeps sums from overflowing.
pub(crate) const MOST: u64 = 1_000_000_000_000;

/// Everything a verdict is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    checked: bool,
    requests: u64,
    pub(crate) zero: Option<At>,
    pub(crate) boundaries: Boundaries,
    pub(crate) faults: BTreeMap<usize, FaultLine>,
    cells: BTreeMap<Of, BTreeMap<Key, Counts>>,
    pub(crate) health: BTreeMap<usize, HealthSum>,
    pub(crate) machine: Option<Machine>,
    /// Requests due by the 99th percentile of the lag in their second, µs.
    lags: BTreeMap<u64, u64>,
    pub(crate) before: Option<Gate>,
    pub(crate) after: Option<Gate>,
    pub(crate) died: Vec<ServiceEvent>,
    pub(crate) findings: Vec<String>,
    /// Marks that were not counted by second: what their requests' seconds came to nobody knows.
    pub(crate) by_segment: BTreeSet<usize>,
    pub(crate) histograms: BTreeMap<HistogramKey, BTreeMap<(u64, u64), u64>>,
    /// How late requests began, µs.
    pub(crate) begun_late: BegunLate,
    pub(crate) sightings: Sightings,
    pub(crate) samples: Samples,
    pub(crate) logs: Logs,
    /// Loads that were stopped, and when first.
    pub(crate) stopped: BTreeMap<usize, (At, String)>,
    /// Loads whose users did not make all their journeys.
    pub(crate) unmade: BTreeMap<usize, Unmade>,
    /// Loads to which a peer said what nobody had asked for.
    pub(crate) unasked: BTreeMap<usize, Unasked>,
    pub(crate) guard: Option<String>,
    pub(crate) end: Option<End>,
    last: At,
}

/// What happened to one fault.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FaultLine {
    pub(crate) edges: FaultEdges,
    /// Each time it was on.
    pub(crate) spans: Vec<Span>,
    /// What its link counted, added up; none until it was cleared.
    pub(crate) effect: Option<Effect>,
}

/// One time that a fault was on, and what its link counted in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) applied: At,
    pub(crate) cleared: Option<At>,
    pub(crate) effect: Option<Effect>,
}

/// What cells of one request kind are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) segment: usize,
    pub(crate) second: i64,
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) straddle: Option<Straddle>,
}

/// How many, and how many of them satisfied each mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) n: u64,
    /// All of them had ended by then.
    pub(crate) known_by: At,
    marks: Vec<u64>,
}

impl Counts {
    /// How many satisfied a mark.
    pub(crate) fn mark(&self, index: usize) -> u64 {
        self.marks.get(index).copied().unwrap_or(0)
    }

    /// How many did not.
    pub(crate) fn unmarked(&self, index: usize) -> u64 {
        self.n.saturating_sub(self.mark(index))
    }
}

/// What histograms are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HistogramKey {
    pub(crate) of: Of,
    pub(crate) clock: Clock,
    pub(crate) segment: usize,
    pub(crate) ok: bool,
}

impl Timeline {
    /// Folds a whole journal.
    ///
    /// # Errors
    /// [`Malformed`] at the first entry that no run could have written.
    pub fn from_entries<'a>(
        entries: impl IntoIterator<Item = &'a Entry>,
        case: &Case,
    ) -> Result<Timeline, Malformed> {
        let mut timeline = Timeline::default();
        for entry in entries {
            timeline.add(entry, case)?;
        }
        Ok(timeline)
    }

    /// How the run ended; none if its journal was cut before it said so.
    #[must_use]
    pub fn last_line(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Folds the next entry. After an error the timeline is of no use.
    ///
    /// # Errors
    /// [`Malformed`] if no run of this case could have written it.
    pub fn add(&mut self, entry: &Entry, case: &Case) -> Result<(), Malformed> {
        if !self.checked {
            malformed::check_case(case)?;
            self.checked = true;
        }
        if self.end.is_some() {
            return Err(Malformed::new("there are entries after the end of the run"));
        }
        self.last = self.last.max(believable(entry.at)?);
        match &entry.event {
            Event::Service(event) => match event.state {
                ServiceState::Died => self.died.push(event.clone()),
                ServiceState::Started => self.samples.start(&event.name, entry.at),
                ServiceState::Ready => self.samples.ready(&event.name, entry.at),
                ServiceState::Stopped => {}
            },
            Event::Zero { zero } => self.fix_zero(believable(*zero)?)?,
            Event::Gate(gate) => self.add_gate(gate),
            Event::Edge(edge) => self.add_edge(edge, case)?,
            Event::Cells(cells) => {
                cells.iter().try_for_each(|cell| self.add_cell(entry.at, cell, case))?
            }
            Event::Health(health) => self.add_health(entry.at, health, case)?,
            Event::Machine(machine) => self.machine.get_or_insert_default().keep_most(machine),
            Event::Probe { .. } => {}
            Event::Sample(sample) => self.samples.add(sample, case)?,
            Event::Missed(missed) => self.samples.miss(missed, case)?,
            Event::ReadUntil { at } => self.samples.until = Some(believable(*at)?),
            Event::Looks(looks) => self.samples.look(looks)?,
            Event::Lines(lines) => self.logs.add(lines, case)?,
            Event::LogRead(read) => self.logs.whole(read, case)?,
            Event::Breaker(_)
            | Event::Attempts(_)
            | Event::Arrivals { .. }
            | Event::Bypassed { .. }
            | Event::NotBack(_)
            | Event::Backlog(_)
            | Event::Ledger(_) => self.sightings.add(entry.at, &entry.event, case)?,
            Event::Histogram(histogram) => self.add_histogram(histogram, case)?,
            Event::Lag(lag) => self.add_late(lag, case)?,
            Event::Stopped { load, at, text } => self.stop(*load, *at, text, case)?,
            Event::Unmade(unmade) => self.fall_short(unmade, case)?,
            Event::Unasked(unasked) => self.hear_unasked(unasked, case)?,
            Event::Finding { text } => self.findings.push(text.clone()),
            Event::Guard { guard, text } => self.guard = Some(format!("{guard}: {text}")),
            Event::End(end) => {
                self.check_segments()?;
                self.end = Some(end.clone());
            }
        }
        Ok(())
    }

    /// The last instant that is known of.
    pub(crate) fn ended(&self) -> At {
        self.last
    }

    /// All cells of one kind, the warm-up's too; of a cut journal those whose segment is known.
    pub(crate) fn cells(&self, of: Of) -> impl Iterator<Item = (&Key, &Counts)> {
        // With the end, all have been checked.
        let checked = self.end.is_some();
        self.cells.get(&of).into_iter().flatten().filter(move |(key, _)| checked || self.fits(key))
    }

    /// All request kinds with cells.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Of> {
        self.cells.keys().copied()
    }

    /// Whether the second of a cell has a part in its segment.
    fn fits(&self, key: &Key) -> bool {
        let (Some(zero), true) = (self.zero, key.segment < self.boundaries.segments()) else {
            return key.segment == 0 && self.zero.is_none();
        };
        let second_us = SECOND_US as i64;
        let from = i128::from(zero.0) + i128::from(key.second) * i128::from(second_us);
        let start = self.boundaries.start(key.segment).map_or(i128::MIN, |at| i128::from(at.0));
        let next = self.boundaries.start(key.segment + 1).map_or(i128::MAX, |at| i128::from(at.0));
        start < from + i128::from(second_us) && from < next
    }

    fn check_segments(&self) -> Result<(), Malformed> {
        match self.cells.values().flatten().find(|(key, _)| !self.fits(key)) {
            None => Ok(()),
            Some((key, _)) => Err(Malformed::new(format!(
                "requests due in second {} are said to lie in segment {}, but by the edges of the \
                 faults they do not",
                key.second, key.segment
            ))),
        }
    }

    fn fix_zero(&mut self, zero: At) -> Result<(), Malformed> {
        if self.zero.is_some() {
            return Err(Malformed::new("time 0 is fixed twice"));
        }
        self.zero = Some(zero);
        self.boundaries.add(zero);
        Ok(())
    }

    fn add_gate(&mut self, gate: &Gate) {
        let known = match gate.when {
            GateTime::Before => &mut self.before,
            GateTime::After => &mut self.after,
        };
        match known {
            None => *known = Some(gate.clone()),
            // Of several generators' gates all must be open.
            Some(known) => {
                known.open &= gate.open;
                known.reasons.extend(gate.reasons.iter().cloned());
            }
        }
    }

    fn add_edge(&mut self, edge: &Edge, case: &Case) -> Result<(), Malformed> {
        let Some(fault) = case.faults.get(edge.fault) else {
            return Err(Malformed::new(format!("an edge is of fault {}, unknown", edge.fault)));
        };
        let at = believable(edge.at)?;
        let wrong = |what: &str| Malformed::new(format!("fault `{}` {what}", fault.name));
        let line = self.faults.entry(edge.fault).or_default();
        match edge.edge {
            EdgeKind::Asked => {
                line.edges.asked.get_or_insert(at);
            }
            EdgeKind::Applied => {
                if self.zero.is_none_or(|zero| at < zero) {
                    return Err(wrong("was applied before time 0"));
                }
                match line.spans.last().map(|span| span.cleared) {
                    Some(None) => return Err(wrong("was applied while it was on")),
                    Some(Some(cleared)) if at < cleared => {
                        return Err(wrong("was applied before it had been cleared"));
                    }
                    _ => {}
                }
                line.spans.push(Span { applied: at, cleared: None, effect: None });
                line.edges.applied.get_or_insert(at);
                self.boundaries.add(at);
            }
            EdgeKind::FirstAffected => {
                line.edges.first_affected.get_or_insert(at);
            }
            EdgeKind::Cleared => {
                match line.spans.last_mut() {
                    Some(span) if span.cleared.is_none() && span.applied <= at => {
                        (span.cleared, span.effect) = (Some(at), edge.effect);
                    }
                    _ => return Err(wrong("was cleared without having been applied")),
                }
                line.edges.cleared = Some(at);
                if let Some(effect) = edge.effect {
                    let sum = line.effect.get_or_insert_default();
                    sum.matched = sum.matched.saturating_add(effect.matched).min(MOST);
                    sum.injected = sum.injected.saturating_add(effect.injected).min(MOST);
                    sum.ours = sum.ours.saturating_add(effect.ours).min(MOST);
                }
                self.boundaries.add(at);
                self.boundaries.add(At(at.0.saturating_add(fault.recovery_us)));
            }
            EdgeKind::FirstUnaffected => {
                line.edges.first_unaffected.get_or_insert(at);
            }
        }
        Ok(())
    }

    fn add_cell(&mut self, at: At, cell: &Cell, case: &Case) -> Result<(), Malformed> {
        let of = Of { load: cell.load, request: cell.request };
        malformed::check_of(case, of)?;
        if cell.marks.len() != case.marks.len() {
            return Err(Malformed::new(format!(
                "a cell counts {} predicates where the case has {}",
                cell.marks.len(),
                case.marks.len()
            )));
        }
        if cell.marks.iter().any(|mark| *mark > cell.n) {
            return Err(Malformed::new(
                "a cell counts more that satisfy a predicate than requests",
            ));
        }
        if let Some(straddle) = cell.straddle
            && (straddle.fault >= case.faults.len() || straddle.older_than > case.ages_us.len())
        {
            return Err(Malformed::new("a cell names a fault or an age that the case has not"));
        }
        self.count_requests(cell.n)?;
        let key = Key {
            segment: cell.segment,
            second: cell.second,
            outcome: cell.outcome,
            status: cell.status,
            straddle: cell.straddle,
        };
        let counts = self.cells.entry(of).or_default().entry(key).or_insert_with(|| Counts {
            n: 0,
            known_by: at,
            marks: vec![0; cell.marks.len()],
        });
        counts.n += cell.n;
        counts.known_by = counts.known_by.max(at);
        for (sum, mark) in counts.marks.iter_mut().zip(&cell.marks) {
            *sum += mark;
        }
        Ok(())
    }

    fn add_histogram(&mut self, histogram: &Histogram, case: &Case) -> Result<(), Malformed> {
        let of = Of { load: histogram.load, request: histogram.request };
        malformed::check_of(case, of)?;
        let key = HistogramKey {
            of,
            clock: histogram.clock,
            segment: histogram.segment,
            ok: histogram.ok,
        };
        let buckets = self.histograms.entry(key).or_default();
        for (low, high, n) in &histogram.buckets {
            if low > high {
                return Err(Malformed::new("a histogram has a bucket that ends before it begins"));
            }
            let count = buckets.entry((*low, *high)).or_default();
            *count = count.saturating_add(*n);
        }
        if buckets.values().fold(0u64, |sum, n| sum.saturating_add(*n)) > MOST {
            return Err(Malformed::new("a histogram counts more requests than any run sends"));
        }
        Ok(())
    }
}

fn believable(at: At) -> Result<At, Malformed> {
    if at > LATEST {
        return Err(Malformed::new("an instant lies more than 115 days after the run's epoch"));
    }
    Ok(at)
}
