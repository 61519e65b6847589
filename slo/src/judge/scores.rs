//! What a run was made of: its phases and its loads, counted.
//!
//! Invariant: every request whose end is known is in exactly one phase, that of its due instant.
//! Not here: verdicts.

use crate::case::{Mark, Of};
use crate::evidence::Evidence;
use crate::health;
use crate::outcome::Outcome;
use crate::scorecard::{LoadScore, Phase};
use crate::times;
use std::collections::BTreeMap;

/// Stretches in order; adjoining ones with the same name and faults are one.
pub(super) fn phases(evidence: &Evidence<'_>) -> Vec<Phase> {
    let mut by_segment: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for of in evidence.timeline.kinds() {
        for (key, counts) in evidence.timeline.cells(of) {
            if key.outcome.is_known_attempt() {
                let (requests, bad) = by_segment.entry(key.segment).or_default();
                *requests += counts.n;
                *bad += if key.outcome == Outcome::Ok { 0 } else { counts.n };
            }
        }
    }
    let ms = |at: crate::At| at.since(evidence.phases.zero).div_euclid(1000);
    let mut phases: Vec<Phase> = Vec::new();
    for (number, segment) in evidence.phases.segments.iter().enumerate() {
        let (requests, bad) = by_segment.get(&number).copied().unwrap_or_default();
        if segment.from >= segment.to && requests == 0 {
            continue;
        }
        let faults = segment.faults.iter().filter_map(|index| evidence.case.faults.get(*index));
        let phase = Phase {
            name: segment.kind.name().to_owned(),
            faults: faults.map(|fault| fault.name.clone()).collect(),
            from_ms: ms(segment.from),
            to_ms: ms(segment.to),
            requests,
            bad,
        };
        match phases.last_mut() {
            Some(last) if last.name == phase.name && last.faults == phase.faults => {
                last.to_ms = phase.to_ms;
                last.requests += requests;
                last.bad += bad;
            }
            _ => phases.push(phase),
        }
    }
    phases
}

/// Every load, from time 0 on.
pub(super) fn loads(evidence: &Evidence<'_>) -> Vec<LoadScore> {
    let case = evidence.case;
    let idle = case.marks.iter().position(|mark| *mark == Mark::IdleReset);
    let loads = case.loads.iter().enumerate().map(|(index, load)| {
        let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
        let (mut idle_resets, mut idle_resent) = (0, 0);
        for request in 0..load.requests.len() {
            let cells = evidence.timeline.cells(Of { load: index, request });
            for (key, counts) in cells.filter(|(key, _)| key.segment > 0) {
                *outcomes.entry(key.outcome).or_default() += counts.n;
                let resets = idle.map_or(0, |mark| counts.mark(mark));
                match key.outcome {
                    Outcome::ProtocolError => idle_resets += resets,
                    // It did not end with the reset: it was sent again.
                    _ => idle_resent += resets,
                }
            }
        }
        let count = |outcome: &Outcome| outcomes.get(outcome).copied().filter(|n| *n > 0);
        let named = Outcome::ALL.iter().filter_map(|o| Some((o.name().to_owned(), count(o)?)));
        LoadScore {
            name: load.name.clone(),
            planned: health::planned(case, evidence.timeline, index),
            begun: evidence.loads.get(index).map_or(0, |health| health.begun),
            outcomes: named.collect(),
            idle_resets,
            idle_resent,
            times: times::of_load(case, evidence.timeline, index),
            lag: times::lag_of_load(evidence.timeline, index),
        }
    });
    loads.collect()
}
