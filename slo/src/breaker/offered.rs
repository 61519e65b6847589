//! How many calls a link should have seen by what was offered, if nothing held them back.
//!
//! The ratio of arrivals to due requests before the first fault, times what was due. Of several loads
//! nobody knows which makes the calls: where their shares change, so does what is to be expected, between
//! a least and a most.
//!
//! Invariant: what was offered is counted in whole due seconds and spread evenly inside them.
//! Not here: what follows from calls that did not come (`inferred`).

use super::{Calls, Spell};
use crate::case::{Case, During};
use crate::event::Attempt;
use crate::phase::{Phases, whole_seconds};
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet};

/// Nobody makes more calls of one request than this.
const MOST_CALLS: f64 = 10.0;

/// What was offered, and what arrives of it when all is well.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offered {
    zero: At,
    /// Arrivals in each due second, at least and at most.
    due: BTreeMap<i64, (f64, f64)>,
    /// Arrivals a second before the first fault.
    pub(super) rate: f64,
}

/// One load, as it was before the first fault and later.
struct Source {
    due: BTreeMap<i64, u64>,
    /// Requests a second before the first fault.
    before: f64,
}

impl Source {
    /// How much more it offered around a second than before the first fault. Of several loads nobody
    /// knows which calls what, so chance in a single second must not look like a change of them.
    fn change(&self, second: i64, alone: bool) -> f64 {
        let due = |second: i64| self.due.get(&second).copied();
        let Some(own) = due(second) else { return 0.0 };
        let around = if alone { 0 } else { 2 };
        let near: Vec<u64> = (second - around..=second + around).filter_map(due).collect();
        let mean = near.iter().sum::<u64>() as f64 / near.len().max(1) as f64;
        // One that has ended makes no more.
        (if alone { own as f64 } else { mean }) / self.before
    }
}

impl Offered {
    /// None without arrivals before the first fault.
    pub(super) fn new(
        case: &Case,
        timeline: &Timeline,
        phases: &Phases,
        arrivals: &[Attempt],
    ) -> Option<Offered> {
        let mut loads: BTreeMap<usize, BTreeMap<i64, u64>> = BTreeMap::new();
        for of in timeline.kinds().filter(|of| of.load < case.loads.len()) {
            for (key, counts) in timeline.cells(of).filter(|(key, _)| key.segment > 0) {
                let sum = loads.entry(of.load).or_default().entry(key.second).or_default();
                *sum = sum.saturating_add(counts.n);
            }
        }
        let zero = phases.zero;
        let spans = timeline.faults.values().flat_map(|line| &line.spans);
        let applied = spans.map(|span| span.applied.since(zero)).min().unwrap_or(i64::MAX);
        let keys = || loads.values().flat_map(BTreeMap::keys).copied();
        let first = keys().min().unwrap_or(0).saturating_mul(SECOND_US as i64);
        let last = keys().max().map_or(0, |last| last.saturating_add(1));
        let last = last.saturating_mul(SECOND_US as i64);
        let (mut came, mut seconds) = (0u64, 0i64);
        let mut asked: BTreeMap<usize, u64> = BTreeMap::new();
        for (from, to) in phases.stretches(&[During::Steady]) {
            let whole = whole_seconds((from.max(first), to.min(applied).min(last)));
            if whole.is_empty() {
                continue;
            }
            seconds += whole.end - whole.start;
            let inside = |attempt: &&Attempt| whole.contains(&attempt.begun.second(zero));
            came += arrivals.iter().filter(inside).count() as u64;
            for (load, due) in &loads {
                *asked.entry(*load).or_default() +=
                    due.range(whole.clone()).map(|(_, n)| n).sum::<u64>();
            }
        }
        let rate = came as f64 / seconds as f64;
        let sources = loads.into_iter().filter_map(|(load, due)| {
            let before = *asked.get(&load)? as f64 / seconds as f64;
            (before > 0.0).then_some(Source { due, before })
        });
        let sources: Vec<Source> = sources.collect();
        let all: BTreeSet<i64> = sources.iter().flat_map(|one| one.due.keys().copied()).collect();
        let due = all.into_iter().map(|second| (second, bounds(&sources, second, rate)));
        (came > 0 && !sources.is_empty()).then(|| Offered { zero, due: due.collect(), rate })
    }

    /// Arrivals to be expected between two instants, at least: silence is sure only by these.
    pub(super) fn expected(&self, from: At, to: At) -> f64 {
        self.sum(from, to, |(least, _)| least)
    }

    /// At most: whatever load makes the calls.
    pub(super) fn at_most(&self, from: At, to: At) -> f64 {
        self.sum(from, to, |(_, most)| most)
    }

    fn sum(&self, from: At, to: At, of: impl Fn((f64, f64)) -> f64) -> f64 {
        let (from, to) = (from.since(self.zero), to.since(self.zero));
        if to <= from {
            return 0.0;
        }
        let second = SECOND_US as i64;
        let whole = from.div_euclid(second)..=(to - 1).div_euclid(second);
        let due = self.due.range(whole).map(|(number, bounds)| {
            let start = number.saturating_mul(second);
            let part = to.min(start.saturating_add(second)) - from.max(start);
            of(*bounds) * part as f64 / SECOND_US as f64
        });
        due.sum()
    }
}

/// Arrivals in a second, if these loads make so many in all before the first fault, and nobody knows
/// how many are whose: by those that fell most, and by those that rose most.
fn bounds(sources: &[Source], second: i64, rate: f64) -> (f64, f64) {
    let alone = sources.len() == 1;
    let mut changes: Vec<(f64, f64)> =
        sources.iter().map(|one| (one.change(second, alone), one.before)).collect();
    changes.sort_by(|one, other| one.0.total_cmp(&other.0));
    // More than all of them may make is made all the same.
    let can: f64 = changes.iter().map(|(_, before)| before * MOST_CALLS).sum();
    let scale = (rate / can).max(1.0);
    let filled = |changes: &mut dyn Iterator<Item = &(f64, f64)>| {
        let (mut left, mut sum) = (rate, 0.0);
        for (change, before) in changes {
            let part = left.min(before * MOST_CALLS * scale);
            sum += part * change;
            left -= part;
        }
        sum
    };
    (filled(&mut changes.iter()), filled(&mut changes.iter().rev()))
}

/// Whether more calls failed one after another than were offered meanwhile.
pub(super) fn retried(spells: &[Spell], calls: &Calls, offered: &Offered) -> bool {
    spells.iter().filter(|spell| spell.from_closed).any(|spell| {
        let run = calls.run_before(spell.opened);
        let begun = || run.iter().map(|attempt| attempt.begun);
        let (Some(first), Some(last)) = (begun().min(), begun().max()) else { return false };
        // The first and the last, and chance of random arrivals.
        let expected = offered.at_most(first, last) + 1.0;
        run.len() as f64 > expected + 3.0 * libm::sqrt(expected)
    })
}
