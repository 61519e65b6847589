//! Who waits for an answer begins nothing else: of loads whose requests are due when they begin, an outage
//! that holds requests leaves whole slices in which nothing is due.
//!
//! Counts are handed over every second, so the end of a request is known to lie in the second before
//! they were.
//!
//! Invariant: a slice is waited through only by requests that surely were under way in all of it, and only
//! where none that was answered well may have been under way in it.
//! Not here: what a slice came to (`availability`).

use crate::case::LoadKind;
use crate::evidence::Evidence;
use crate::outcome::Outcome;
use crate::tally::{self, Tally};
use crate::time::SECOND_US;
use crate::timeline::{Counts, Key};
use crate::window::Place;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

const SECOND: i64 = SECOND_US as i64;
/// So late a hand-over may be that was due at the end of a second, µs.
const LATE: i64 = 250_000;

/// Requests that began in a second, and when all of them had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    second: i64,
    /// µs after time 0.
    known: i64,
    tally: Tally,
}

/// Who waited through a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Waiting {
    pub(super) failing: u64,
    pub(super) unknown: u64,
    /// Were perhaps under way in a part of it.
    pub(super) answered: u64,
}

impl Wait {
    /// Of one cell; none where requests are due whether or not others wait.
    pub(super) fn of(
        evidence: &Evidence<'_>,
        place: Place,
        (key, counts): (&Key, &Counts),
        tally: Tally,
    ) -> Option<Wait> {
        let load = evidence.case.loads.get(place.of.load)?;
        let attempted = !matches!(key.outcome, Outcome::FastFail | Outcome::NotSent);
        (load.kind != LoadKind::Open && attempted).then(|| Wait {
            second: key.second,
            known: counts.known_by.since(evidence.phases.zero),
            tally,
        })
    }

    /// The same in a run whose seconds are put `later`.
    pub(super) fn moved(self, later: i64) -> Wait {
        let us = later.saturating_mul(SECOND);
        Wait {
            second: self.second.saturating_add(later),
            known: self.known.saturating_add(us),
            ..self
        }
    }
}

/// The seconds of these stretches in which nothing was due because all waited for what then failed.
pub(crate) fn seconds(waits: &[Wait], stretches: &[(i64, i64)]) -> BTreeSet<i64> {
    let waited = by_slice(waits, 1).into_iter();
    let waited = waited.filter(|(_, who)| who.failing > 0 && who.unknown + who.answered == 0);
    waited
        .flat_map(|(seconds, _)| tally::slices_of(stretches, 1, &seconds).collect::<Vec<_>>())
        .collect()
}

/// Ranges of slices of so many seconds, each with who waited through every one of them, in order.
pub(super) fn by_slice(waits: &[Wait], length: i64) -> Vec<(Range<i64>, Waiting)> {
    let mut changes: BTreeMap<i64, [i64; 3]> = BTreeMap::new();
    let mut add = |slices: Range<i64>, who: usize, n: u64| {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        if n == 0 || slices.is_empty() {
            return;
        }
        for (at, by) in [(slices.start, n), (slices.end, -n)] {
            if let Some(sum) = changes.entry(at).or_default().get_mut(who) {
                *sum = sum.saturating_add(by);
            }
        }
    };
    let slice_us = length.saturating_mul(SECOND);
    let up = |n: i64, by: i64| n.div_euclid(by).saturating_add(i64::from(n.rem_euclid(by) > 0));
    for Wait { second, known, tally } in waits {
        // It began in its second, at the latest at its end, and ended in the last before it was known.
        let ended = known.saturating_sub(SECOND).div_euclid(slice_us);
        let through = up(second.saturating_add(1), length)..ended;
        add(through.clone(), 0, tally.k);
        add(through, 1, tally.unknown);
        let touched =
            second.div_euclid(length).saturating_add(1)..up(known.saturating_sub(LATE), slice_us);
        add(touched, 2, tally.n - tally.k);
    }
    let mut now = [0i64; 3];
    let mut ranges = Vec::new();
    let mut all = changes.iter().peekable();
    while let Some((from, change)) = all.next() {
        for (sum, by) in now.iter_mut().zip(change) {
            *sum = sum.saturating_add(*by);
        }
        let [failing, unknown, answered] = now.map(|n| n.max(0).unsigned_abs());
        if let Some((to, _)) = all.peek().filter(|_| failing + unknown > 0) {
            ranges.push((*from..**to, Waiting { failing, unknown, answered }));
        }
    }
    ranges
}
