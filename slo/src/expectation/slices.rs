//! A run as whole seconds of the due grid, and the search for a stretch of good ones.
//!
//! Invariant: each second is judged twice: what is unknown, not yet over, or had no request, as good and as
//! bad. A second in which all wait for what then fails is bad.
//! Not here: what follows for an expectation (`recovers`).

use crate::objective::{Excused, breaks, reaches};
use crate::tally::Tally;
use crate::time::Share;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The confidence with which a single second is called bad.
const SURE: Share = Share(950_000_000);

/// When a limit is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// A bad share surely above this, where bad ones come in bursts of so many.
    Share { limit: Share, confidence: Share, bursts: u64 },
    /// More bad ones than this.
    Count { at_most: u64 },
    /// A good share below this.
    Good { target: Share },
}

impl Limit {
    /// Whether a second with k bad of n exceeds it.
    fn exceeded(self, k: u64, n: u64) -> bool {
        match self {
            _ if n == 0 => false,
            Limit::Share { limit, bursts, .. } => breaks((k, n), limit, SURE, bursts),
            _ => self.exceeded_pooled(k, n),
        }
    }

    /// Whether so many requests would exceed it if all were bad: fewer are no evidence that it is kept.
    fn could_show(self, n: u64) -> bool {
        !matches!(self, Limit::Share { .. }) || self.exceeded_pooled(n, n)
    }

    /// Whether seconds together do.
    fn exceeded_pooled(self, k: u64, n: u64) -> bool {
        match self {
            Limit::Share { limit, confidence, bursts } => breaks((k, n), limit, confidence, bursts),
            Limit::Count { at_most } => k > at_most,
            Limit::Good { target } => !reaches(n - k, n, target),
        }
    }
}

/// Consecutive seconds from `first`; those from `over` on are not over, or beyond the load.
#[derive(Debug, Clone)]
pub(super) struct Slices<'a> {
    pub(super) by_second: &'a BTreeMap<i64, Tally>,
    pub(super) limit: Limit,
    pub(super) first: i64,
    pub(super) over: i64,
    /// Seconds in which nothing was due because all waited for what then failed.
    pub(super) waited: &'a BTreeSet<i64>,
    /// Requests without a record, that may belong to any second.
    pub(super) lost: u64,
    /// What the objective leaves out: where that is too many, the rest is no evidence of a recovery.
    pub(super) excused: &'a Excused,
}

/// How to take what is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Good,
    Bad,
}

impl Slices<'_> {
    /// The first second of at least `first` and at most `latest` from which `hold` seconds are
    /// all good and, pooled, do not exceed the limit.
    pub(super) fn recovered(&self, hold: i64, latest: i64, unknown: Unknown) -> Option<i64> {
        let (mut start, mut end) = (self.first, self.first);
        let mut pool = Tally::default();
        while start <= latest {
            // What lies beyond the data is good or bad as a whole.
            while end < start.saturating_add(hold) && end < self.over {
                if !self.good(end, unknown) {
                    break;
                }
                pool.add(self.at(end));
                end += 1;
            }
            let held = end >= start.saturating_add(hold);
            let open = end >= self.over && unknown == Unknown::Good;
            if held || open {
                let tells = unknown == Unknown::Good || self.limit.could_show(pool.due());
                let hides = || self.hides(start..end, pool, unknown);
                if tells && !self.pool_exceeds(pool, unknown) && !hides() {
                    return Some(start);
                }
            } else if end >= self.over {
                return None;
            } else {
                // No stretch that holds this bad second will do.
                (start, end, pool) = (end + 1, end + 1, Tally::default());
                continue;
            }
            if start >= end {
                return None;
            }
            let left = self.at(start);
            pool.n -= left.n;
            pool.k -= left.k;
            pool.unknown -= left.unknown;
            start += 1;
        }
        None
    }

    /// The counts of one second.
    pub(super) fn at(&self, second: i64) -> Tally {
        self.by_second.get(&second).copied().unwrap_or_default()
    }

    fn good(&self, second: i64, unknown: Unknown) -> bool {
        let Tally { n, k, unknown: u } = self.at(second);
        if n + u == 0 && self.waited.contains(&second) {
            return false;
        }
        match unknown {
            Unknown::Bad => n > 0 && !self.limit.exceeded(k + u, n + u),
            Unknown::Good => {
                let u = u.saturating_add(self.lost);
                // In a second without a request anything may have been true.
                !self.limit.exceeded(k, n.saturating_add(u))
            }
        }
    }

    /// Whether so many are left out that nobody knows whether these seconds are good.
    fn hides(&self, seconds: Range<i64>, pool: Tally, unknown: Unknown) -> bool {
        unknown == Unknown::Bad && self.excused.too_many(seconds, pool.due()).is_some()
    }

    fn pool_exceeds(&self, pool: Tally, unknown: Unknown) -> bool {
        let Tally { n, k, unknown: u } = pool;
        match unknown {
            Unknown::Bad => self.limit.exceeded_pooled(k + u, n + u),
            Unknown::Good => {
                let all = n.saturating_add(u).saturating_add(self.lost);
                all > 0 && self.limit.exceeded_pooled(k, all)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second in which all wait, if nothing is due in it.
    const WAITED: i64 = 4;

    /// 100 requests a second, with so many bad ones each; -1: none were due.
    fn seconds(bad: &[i64]) -> BTreeMap<i64, Tally> {
        let due = (0..).zip(bad).filter(|(_, k)| **k >= 0);
        due.map(|(s, k)| (s, Tally { n: 100, k: *k as u64, unknown: 0 })).collect()
    }

    fn found(bad: &[i64], hold: i64, unknown: Unknown) -> Option<i64> {
        let by_second = seconds(bad);
        let limit = Limit::Share { limit: Share(10_000_000), confidence: SURE, bursts: 1 };
        let over = bad.len() as i64;
        let waited = BTreeSet::from([WAITED]);
        let excused = &Excused::default();
        let (by_second, waited) = (&by_second, &waited);
        let slices = Slices { by_second, limit, first: 0, over, waited, lost: 0, excused };
        slices.recovered(hold, 100, unknown)
    }

    #[test]
    fn the_first_stretch_that_holds() {
        for unknown in [Unknown::Good, Unknown::Bad] {
            assert_eq!(found(&[50, 50, 0, 0, 0], 3, unknown), Some(2));
            assert_eq!(found(&[50, 0, 0, 50, 0, 0, 0], 3, unknown), Some(4));
        }
        // A second without a request is no evidence either way, but where all wait.
        assert_eq!(found(&[50, -1, 0, 0, 0], 3, Unknown::Bad), Some(2));
        assert_eq!(found(&[50, -1, 0, 0, 0], 3, Unknown::Good), Some(1));
        assert_eq!(found(&[50, 50, 50, 50, -1, 0, 0, 0], 3, Unknown::Good), Some(5));
        // Bad to the end of the data: what comes later may be good, and is not seen.
        assert_eq!(found(&[50, 50, 50, 50], 1, Unknown::Bad), None);
        assert_eq!(found(&[50, 50, 50, 50], 1, Unknown::Good), Some(4));
        // A stretch that the data do not reach to the end of.
        assert_eq!(found(&[50, 0, 0], 3, Unknown::Good), Some(1));
        assert_eq!(found(&[50, 0, 0], 3, Unknown::Bad), None);
    }

    #[test]
    fn pooled_it_must_hold_too() {
        // 3 of 100 do not prove more than 1 % (P(X >= 3) = 7.9 %), 6 of 200 do (1.6 %).
        assert_eq!(found(&[3; 10], 1, Unknown::Bad), Some(0));
        assert_eq!(found(&[3; 10], 2, Unknown::Bad), None);
        // Of 1000, 15 are not too many, 16 are: five of the ten seconds may have 3.
        let mut bad = vec![3; 10];
        bad.extend([0; 20]);
        assert_eq!(found(&bad, 10, Unknown::Bad), Some(5));
    }
}
