//! How many calls a link should have seen by what was offered, if nothing held them back.
//!
//! The ratio of arrivals to due requests before the first fault, times what was due.
//!
//! Invariant: what was offered is counted in whole due seconds and spread evenly inside them.
//! Not here: what follows from calls that did not come (`inferred`).

use super::{Calls, Spell};
use crate::case::{Case, During};
use crate::event::Attempt;
use crate::phase::{Phases, whole_seconds};
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use std::collections::BTreeMap;

/// What was offered, and what arrives of it when all is well.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offered {
    zero: At,
    due: BTreeMap<i64, u64>,
    /// Arrivals for each request due.
    ratio: f64,
    /// Arrivals a second before the first fault.
    pub(super) rate: f64,
}

impl Offered {
    /// None without arrivals before the first fault.
    pub(super) fn new(
        case: &Case,
        timeline: &Timeline,
        phases: &Phases,
        arrivals: &[Attempt],
    ) -> Option<Offered> {
        let mut due: BTreeMap<i64, u64> = BTreeMap::new();
        for of in timeline.kinds().filter(|of| of.load < case.loads.len()) {
            for (key, counts) in timeline.cells(of).filter(|(key, _)| key.segment > 0) {
                let sum = due.entry(key.second).or_default();
                *sum = sum.saturating_add(counts.n);
            }
        }
        let zero = phases.zero;
        let spans = timeline.faults.values().flat_map(|line| &line.spans);
        let applied = spans.map(|span| span.applied.since(zero)).min().unwrap_or(i64::MAX);
        let first = due.keys().next().copied().unwrap_or(0).saturating_mul(SECOND_US as i64);
        let last = due.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let last = last.saturating_mul(SECOND_US as i64);
        let (mut came, mut asked, mut seconds) = (0u64, 0u64, 0i64);
        for (from, to) in phases.stretches(&[During::Steady]) {
            let whole = whole_seconds((from.max(first), to.min(applied).min(last)));
            if whole.is_empty() {
                continue;
            }
            seconds += whole.end - whole.start;
            let inside = |attempt: &&Attempt| whole.contains(&attempt.begun.second(zero));
            came += arrivals.iter().filter(inside).count() as u64;
            asked += due.range(whole.clone()).map(|(_, n)| n).sum::<u64>();
        }
        (came > 0 && asked > 0 && seconds > 0).then(|| Offered {
            zero,
            due,
            ratio: came as f64 / asked as f64,
            rate: came as f64 / seconds as f64,
        })
    }

    /// Arrivals to be expected between two instants.
    pub(super) fn expected(&self, from: At, to: At) -> f64 {
        let (from, to) = (from.since(self.zero), to.since(self.zero));
        if to <= from {
            return 0.0;
        }
        let second = SECOND_US as i64;
        let whole = from.div_euclid(second)..=(to - 1).div_euclid(second);
        let due = self.due.range(whole).map(|(number, n)| {
            let start = number.saturating_mul(second);
            let part = to.min(start.saturating_add(second)) - from.max(start);
            *n as f64 * part as f64 / SECOND_US as f64
        });
        due.sum::<f64>() * self.ratio
    }
}

/// Whether more calls failed one after another than were offered meanwhile.
pub(super) fn retried(spells: &[Spell], calls: &Calls, offered: &Offered) -> bool {
    spells.iter().filter(|spell| spell.from_closed).any(|spell| {
        let run = calls.run_before(spell.opened);
        let begun = || run.iter().map(|attempt| attempt.begun);
        let (Some(first), Some(last)) = (begun().min(), begun().max()) else { return false };
        // The first and the last, and chance of random arrivals.
        let expected = offered.expected(first, last) + 1.0;
        run.len() as f64 > expected + 3.0 * libm::sqrt(expected)
    })
}
