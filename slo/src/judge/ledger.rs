//! What became of every fleet's samples, as numbers.
//!
//! Invariant: what was not read back, or not told, is none, never 0.
//! Not here: bounds on them (`expectation`).

use crate::case::Case;
use crate::scorecard::LedgerScore;
use crate::timeline::Timeline;

/// One for each fleet, in the order of the case.
pub(super) fn scores(case: &Case, timeline: &Timeline) -> Vec<LedgerScore> {
    let fleets = case.fleets.iter().enumerate().map(|(index, fleet)| {
        let told = timeline.sightings.ledgers.get(&index);
        let backlog = timeline.sightings.backlogs.get(&index);
        let ledger = told.cloned().unwrap_or_default();
        let store = ledger.store;
        LedgerScore {
            fleet: fleet.name.clone(),
            generated: told.map(|ledger| ledger.generated),
            acknowledged: ledger.acknowledged,
            discarded: ledger.discarded,
            in_outbox: ledger.in_outbox,
            found: store.map(|store| store.found),
            lost: store.map(|store| store.lost),
            lost_acknowledged: store.map(|store| store.lost_acknowledged),
            duplicated: store.and_then(|store| store.duplicated),
            unexpected: store.map(|store| store.unexpected),
            out_of_order: store.and_then(|store| store.out_of_order),
            age_p95_us: ledger.age_p95_us,
            age_max_us: ledger.age_max_us,
            backlog_peak: backlog.and_then(|line| line.iter().map(|one| one.peak).max()),
            problem: ledger.problem,
            first_lost: ledger.first_lost,
        }
    });
    fleets.collect()
}
