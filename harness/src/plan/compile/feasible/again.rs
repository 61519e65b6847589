//! What is asked after an edge of a fault that comes again: its first start and its last end are meant.
//!
//! Not here: when it is on (`timetable`), judging (crate slo).

use crate::plan::compile::notes::Notes;
use assay_slo::case::{Anchor, Case, Moment, Must};

/// Warns of edges that nothing is asked of.
pub(super) fn check(name: &str, must: &Must, case: &Case, notes: &mut Notes<'_>) {
    for moment in moments(must) {
        let (index, edge, others) = match moment.anchor {
            Anchor::FaultStart(index) => (index, "first start", "later"),
            Anchor::FaultEnd(index) => (index, "last end", "earlier"),
            Anchor::Zero
            | Anchor::LoadEnd(_)
            | Anchor::BreakerOpen(_)
            | Anchor::BreakerOpenAt { .. } => continue,
        };
        let Some(fault) = case.faults.get(index) else { continue };
        let Some(again) = fault.again else { continue };
        notes.warn(format!(
            "`{name}` is judged after the {edge} of `{}` only, which is on {} times: what comes after the \
             {others} ones is not; a fault of its own name for each would be",
            fault.name,
            again.times.saturating_add(1)
        ));
    }
}

/// The moments that something counts from.
fn moments(must: &Must) -> Vec<Moment> {
    match must {
        Must::Recovers { after, .. }
        | Must::Goodput { after, .. }
        | Must::Herd { after, .. }
        | Must::Ready { after, .. } => vec![*after],
        Must::Settles(must) => vec![must.after],
        Must::Backlog { drained, .. } => drained.iter().map(|(after, _)| *after).collect(),
        Must::Breaker(must) => {
            [must.opens, must.closes].into_iter().flatten().map(|(after, _)| after).collect()
        }
        // What counts up to a moment sees all that came before it.
        Must::Reconciles(_)
        | Must::Log(_)
        | Must::Unaffected { .. }
        | Must::Answers { .. }
        | Must::Ledger { .. }
        | Must::Amplification { .. }
        | Must::Metric(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::compile::tests::{changed, planned};

    #[test]
    fn earlier_ends_are_not_judged() {
        let warnings = |changes: &[(&str, &str)]| planned(&changed(changes)).unwrap().warnings;
        let again = (
            "at: 20s, duration: 10s, recovery: 10s",
            "at: 20s, duration: 10s, recovery: 5s, again: {times: 1, every: 20s}",
        );
        let told = "`recovers errors after half.end` is judged after the last end of `half` only, which is \
                    on 2 times";
        let is_told = |all: Vec<String>| all.iter().any(|one| one.starts_with(told));
        assert!(!is_told(warnings(&[])));
        assert!(is_told(warnings(&[again])), "{:?}", warnings(&[again]));
    }
}
