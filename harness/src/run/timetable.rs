//! What a run does of itself, and when: the steps of the plan in order of time.
//!
//! Invariant: pure arithmetic over the plan; what an edge decides (the end of a fault, the second
//! look) is added when the edge is known, so that a fault lasts as long as planned.
//! Not here: doing it (`conduct`).

use crate::plan::Plan;
use std::collections::BTreeSet;

/// Probes are started so long before the gate looks: as long as one may take.
pub(super) const PROBES_US: u64 = 2_000_000;

/// One step. Ordered as steps of one instant are taken: ends before starts, so that a fault that
/// begins where another ends finds a clean link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Ends a fault (index into [`Plan::faults`]).
    Clear(usize),
    /// Starts the probes, so that they have answered when the gate looks.
    Probe,
    /// Looks whether all is steady, before the first fault.
    GateBefore,
    /// Injects a fault.
    Inject(usize),
    /// Looks again, after the last.
    GateAfter,
}

/// Steps that are still to be taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Timetable {
    steps: BTreeSet<(u64, Step)>,
}

impl Timetable {
    /// The steps of a plan, µs after time 0.
    pub(super) fn of(plan: &Plan) -> Timetable {
        let mut steps = BTreeSet::new();
        for (index, fault) in plan.faults.iter().enumerate() {
            steps.extend(fault.spans().map(|on| (on.start, Step::Inject(index))));
        }
        let first = plan.faults.iter().map(|fault| fault.starts_us).min();
        if let (Some(first), Some(_)) = (first, &plan.case.steady_state) {
            steps.insert((first.saturating_sub(PROBES_US), Step::Probe));
            steps.insert((first, Step::GateBefore));
        }
        Timetable { steps }
    }

    /// When the next step is due, µs after time 0.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.steps.first().map(|(due, _)| *due)
    }

    /// Takes the next step if it is due by `now_us`.
    pub(super) fn take(&mut self, now_us: u64) -> Option<Step> {
        let (due, step) = *self.steps.first()?;
        if due > now_us {
            return None;
        }
        self.steps.pop_first();
        Some(step)
    }

    /// Adds a step.
    pub(super) fn add(&mut self, due_us: u64, step: Step) {
        self.steps.insert((due_us, step));
    }

    /// The end of a fault has come otherwise.
    pub(super) fn drop_clear(&mut self, fault: usize) {
        self.steps.retain(|(_, step)| *step != Step::Clear(fault));
    }

    /// Whether a look after the last undo is still to come, and nothing else.
    pub(super) fn has_look(&self) -> bool {
        let looks = |(_, step): &(u64, Step)| matches!(step, Step::Probe | Step::GateAfter);
        !self.steps.is_empty() && self.steps.iter().all(looks)
    }

    /// Drops everything that injects, clears or looks.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
    }

    /// Adds a look after the last undo, its probes before it.
    pub(super) fn add_look(&mut self, due_us: u64) {
        self.steps.insert((due_us.saturating_sub(PROBES_US), Step::Probe));
        self.steps.insert((due_us, Step::GateAfter));
    }

    /// Whether a fault is still to come or to be ended.
    pub(super) fn has_faults(&self) -> bool {
        self.steps.iter().any(|(_, step)| matches!(step, Step::Inject(_) | Step::Clear(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_before_another_begins_and_the_gate_looks_before_the_first() {
        let mut timetable = Timetable::default();
        timetable.add(5, Step::Inject(1));
        timetable.add(5, Step::GateBefore);
        timetable.add(5, Step::Clear(0));
        let order: Vec<_> = std::iter::from_fn(|| timetable.take(5)).collect();
        assert_eq!(order, [Step::Clear(0), Step::GateBefore, Step::Inject(1)]);
    }

    #[test]
    fn nothing_is_taken_before_it_is_due() {
        let mut timetable = Timetable::default();
        timetable.add(5, Step::Inject(0));
        assert_eq!(timetable.take(4), None);
        assert_eq!(timetable.next_due(), Some(5));
    }
}
