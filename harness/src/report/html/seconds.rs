//! The series by whole seconds, for several loads together.
//!
//! Invariant: every second of the run has a row, so that silence is drawn as silence.
//! Not here: which loads belong together (`lanes`).

use super::series::{Outcomes, Series};
use assay_slo::case::LoadKind;
use assay_slo::event::EdgeKind;
use assay_slo::{At, Outcome, Scorecard};

/// A stretch of seconds longer than this is not drawn second by second: no run of ours is.
const MOST_SECONDS: i64 = 14 * 86_400;

/// How the generator did in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pace {
    pub(super) due: u64,
    pub(super) begun: u64,
    pub(super) blocked: u64,
    pub(super) lag_p50_us: u64,
    pub(super) lag_p99_us: u64,
    /// Whether anything was told.
    pub(super) told: bool,
}

/// A fault that was on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) link: String,
    /// Seconds after time 0.
    pub(super) from: f64,
    /// Where it was cleared; the end of the run if that was never seen.
    pub(super) to: f64,
    pub(super) cleared: bool,
}

impl Series {
    /// Seconds after time 0.
    pub(super) fn seconds(&self, at: At) -> f64 {
        at.since(self.zero.unwrap_or_default()) as f64 / 1e6
    }

    /// How many whole seconds the drawing covers, from time 0.
    pub(super) fn length(&self, scorecard: &Scorecard) -> usize {
        let due = self.outcomes.keys().map(|(_, second)| second + 1).max();
        let phase = scorecard.phases.iter().map(|phase| phase.to_ms.div_euclid(1000)).max();
        let edges = self.edges.iter().map(|edge| edge.at);
        let backlog = self.backlog.iter().map(|backlog| backlog.at);
        let changes = self.breakers.iter().map(|change| change.at);
        let last = edges.chain(backlog).chain(changes).max();
        // What is told of a second comes a little after its end.
        let last = last.map(|at| (self.seconds(at) - 0.5).ceil() as i64);
        let greatest = [due, phase, last].into_iter().flatten().max().unwrap_or(0);
        usize::try_from(greatest.clamp(1, MOST_SECONDS)).unwrap_or(1)
    }

    /// Loads whose kind satisfies this, as indices.
    pub(super) fn loads(&self, wanted: impl Fn(LoadKind) -> bool) -> Vec<usize> {
        let loads = self.case.iter().flat_map(|case| &case.loads).enumerate();
        loads.filter(|(_, load)| wanted(load.kind)).map(|(index, _)| index).collect()
    }

    /// Outcomes of these loads for each second.
    pub(super) fn outcomes_of(&self, loads: &[usize], length: usize) -> Vec<Outcomes> {
        let mut rows = vec![Outcomes::default(); length];
        for load in loads {
            for ((_, second), outcomes) in self.outcomes.range((*load, 0)..=(*load, i64::MAX)) {
                let row = usize::try_from(*second).ok().and_then(|second| rows.get_mut(second));
                if let Some(row) = row {
                    row.iter_mut().zip(outcomes).for_each(|(sum, count)| *sum += count);
                }
            }
        }
        rows
    }

    /// How the generator did with these loads in each second. A line tells of the second before
    /// it, so it belongs where the middle of that lies.
    pub(super) fn pace_of(&self, loads: &[usize], length: usize) -> Vec<Pace> {
        let mut rows = vec![Pace::default(); length];
        for (at, health) in self.health.iter().filter(|(_, health)| loads.contains(&health.load)) {
            let second = at.plus(-500_000).second(self.zero.unwrap_or_default());
            let row = usize::try_from(second).ok().and_then(|second| rows.get_mut(second));
            if let Some(row) = row {
                row.due += health.due;
                row.begun += health.begun;
                row.blocked += health.blocked;
                row.lag_p50_us = row.lag_p50_us.max(health.lag_p50_us);
                row.lag_p99_us = row.lag_p99_us.max(health.lag_p99_us);
                row.told = true;
            }
        }
        rows
    }

    /// The stretches in which faults were on, by their acknowledged edges.
    pub(super) fn bands(&self, length: usize) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        let Some(case) = &self.case else { return bands };
        for (index, fault) in case.faults.iter().enumerate() {
            let mut edges: Vec<_> = self.edges.iter().filter(|edge| edge.fault == index).collect();
            edges.sort_by_key(|edge| edge.at);
            let mut applied = None;
            let mut band = |from: f64, to: f64, cleared| {
                let (name, kind, link) =
                    (fault.name.clone(), fault.kind.clone(), fault.link.clone());
                bands.push(Band { name, kind, link, from, to, cleared });
            };
            for edge in edges {
                match (edge.edge, applied) {
                    (EdgeKind::Applied, None) => applied = Some(edge.at),
                    (EdgeKind::Cleared, Some(from)) => {
                        band(self.seconds(from), self.seconds(edge.at), true);
                        applied = None;
                    }
                    _ => {}
                }
            }
            if let Some(from) = applied {
                band(self.seconds(from), length as f64, false);
            }
        }
        bands
    }
}

/// How many of these are of one outcome.
pub(super) fn count(outcomes: &Outcomes, outcome: Outcome) -> u64 {
    Outcome::ALL.iter().zip(outcomes).find(|(one, _)| **one == outcome).map_or(0, |(_, n)| *n)
}

/// How many are not ok.
pub(super) fn not_ok(outcomes: &Outcomes) -> u64 {
    outcomes.iter().sum::<u64>() - count(outcomes, Outcome::Ok)
}
