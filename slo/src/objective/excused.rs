//! What an objective's terms leave out (`not-errors`), and when so many are left out that the rest says nothing.
//!
//! Invariant: a service that refuses most is not green on the rest, over the whole or for a while.
//! Not here: which outcomes are left out (`case::Terms`).

use crate::health::Doubt;
use crate::interval;
use crate::tally::Tally;
use crate::time::Share;
use std::collections::BTreeMap;
use std::ops::Range;

/// So many may be.
const MOST: Share = Share(10_000_000);
/// The confidence with which a few seconds are called above it.
const SURE: Share = Share(950_000_000);

/// Requests that are left out, by second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Excused(BTreeMap<i64, u64>);

impl Excused {
    pub(super) fn add(&mut self, second: i64, n: u64) {
        let sum = self.0.entry(second).or_default();
        *sum = sum.saturating_add(n);
    }

    /// Adds those of another run, whose seconds are put `later`.
    pub(super) fn extend(&mut self, other: &Excused, later: i64) {
        let moved = other.0.iter().map(|(second, n)| (second.saturating_add(later), *n));
        self.0.extend(moved);
    }

    fn sum(&self) -> u64 {
        self.0.values().copied().fold(0, u64::saturating_add)
    }

    /// `; 12 excused (http_429)`.
    pub(super) fn words(&self, names: &str) -> String {
        match self.sum() {
            0 => String::new(),
            n => format!("; {n} excused ({names})"),
        }
    }

    /// Whether they are more than may be of all, where these are the rest.
    pub(super) fn doubt(&self, rest: Tally, names: &str) -> Option<Doubt> {
        let sum = self.sum();
        let all = u128::from(sum) + u128::from(rest.due());
        let many = u128::from(sum) * u128::from(Share::ONE.0) > all * u128::from(MOST.0);
        many.then(|| Doubt {
            reason: format!("{sum} of {all} requests are excused ({names}), and 1 % may be"),
            missing: WITHOUT.to_owned(),
        })
    }

    /// How many of these seconds are, if they are surely more than may be, where so many are the rest. A few
    /// seconds have few requests: one excused of twenty says nothing of them.
    pub(crate) fn too_many(&self, seconds: Range<i64>, rest: u64) -> Option<u64> {
        if seconds.is_empty() {
            return None;
        }
        let sum = self.0.range(seconds).map(|(_, n)| *n).fold(0, u64::saturating_add);
        (sum > 0 && interval::is_violated(sum, sum.saturating_add(rest), MOST, SURE)).then_some(sum)
    }
}

/// What would decide where too many are excused.
pub(crate) const WITHOUT: &str =
    "a run in which fewer end like that, or an objective that counts them";
