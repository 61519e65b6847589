//! How the generator did, summed up by load, and its lag over the whole run.
//!
//! Invariant: sums only; but for `due_by`, nothing depends on the order of lines.
//! Not here: what makes a generator ill (`health`).

use super::{MOST, Malformed, Timeline, believable, malformed};
use crate::case::{Case, LoadKind, Of};
use crate::event::{Health, Lag};
use crate::outcome::Outcome;
use crate::time::At;
use crate::times::Times;
use std::collections::{BTreeMap, BTreeSet};

/// How the generator did with one load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HealthSum {
    pub(crate) due: u64,
    /// How many were due by the instant of each hand-over.
    pub(crate) due_by: Vec<(At, u64)>,
    pub(crate) begun: u64,
    pub(crate) blocked: u64,
    pub(crate) worst_p50_us: u64,
    pub(crate) worst_p99_us: u64,
    pub(crate) max_us: u64,
    /// When its threads stood still, in any order.
    pub(crate) stood: Vec<(At, At)>,
}

/// How late requests began.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct BegunLate {
    /// By load, over the whole run, µs.
    pub(crate) by_load: BTreeMap<usize, Times>,
    /// Lags that were not counted for each request, by their mark, µs.
    pub(super) uncounted: BTreeMap<usize, u64>,
}

impl Timeline {
    /// How many requests of these loads may have begun later than a mark's lag, where that was not
    /// counted; none where it was. What is in no histogram may have, too.
    pub(crate) fn late_at_most(
        &self,
        case: &Case,
        mark: usize,
        loads: &BTreeSet<usize>,
    ) -> Option<u64> {
        let us = *self.begun_late.uncounted.get(&mark)?;
        let begun = |load: usize| -> u64 {
            let kinds = self.kinds().filter(|of| of.load == load);
            let cells = kinds.flat_map(|of| self.cells(of)).filter(|(key, _)| {
                key.segment > 0 && !matches!(key.outcome, Outcome::NotSent | Outcome::FastFail)
            });
            cells.map(|(_, counts)| counts.n).sum()
        };
        let late = |load: &usize| {
            let known = self.begun_late.by_load.get(load).map_or((0, 0), |times| times.above(us));
            begun(*load).saturating_sub(known.0).saturating_add(known.1)
        };
        // Who is due when he begins cannot be late.
        let open =
            |load: &&usize| case.loads.get(**load).is_some_and(|load| load.kind == LoadKind::Open);
        Some(loads.iter().filter(open).map(late).fold(0, u64::saturating_add))
    }

    pub(super) fn add_health(
        &mut self,
        at: At,
        health: &Health,
        case: &Case,
    ) -> Result<(), Malformed> {
        if health.load >= case.loads.len() {
            return Err(Malformed::new(format!("health is of load {}, unknown", health.load)));
        }
        let sum = self.health.entry(health.load).or_default();
        for (from, to) in &health.stood {
            if believable(*to)? < *from {
                return Err(Malformed::new("a generator stood still until before it did"));
            }
            sum.stood.push((*from, *to));
        }
        sum.due = sum.due.saturating_add(health.due);
        sum.due_by.push((at, sum.due));
        sum.begun = sum.begun.saturating_add(health.begun);
        sum.blocked = sum.blocked.saturating_add(health.blocked);
        if sum.due > MOST || sum.begun > MOST || sum.blocked > MOST {
            return Err(Malformed::new("the health counts more requests than any run sends"));
        }
        let lags = self.lags.entry(health.lag_p99_us).or_default();
        *lags = lags.saturating_add(health.due);
        sum.worst_p50_us = sum.worst_p50_us.max(health.lag_p50_us);
        sum.worst_p99_us = sum.worst_p99_us.max(health.lag_p99_us);
        sum.max_us = sum.max_us.max(health.lag_max_us);
        Ok(())
    }

    pub(super) fn add_late(&mut self, lag: &Lag, case: &Case) -> Result<(), Malformed> {
        malformed::check_of(case, Of { load: lag.load, request: 0 })?;
        let late = self.begun_late.by_load.entry(lag.load).or_default();
        lag.buckets.iter().for_each(|(_, high, n)| late.add(*high, *n));
        Ok(())
    }

    /// The lag that one request in a thousand exceeded, about: seconds with a greater 99th
    /// percentile hold less than a tenth of all requests. µs.
    pub(crate) fn lag(&self) -> u64 {
        let all = self.lags.values().fold(0u64, |sum, n| sum.saturating_add(*n));
        let mut above = 0u64;
        let found = self.lags.iter().rev().find(|(_, due)| {
            above = above.saturating_add(**due);
            u128::from(above) * 10 > u128::from(all)
        });
        found.map_or(0, |(lag, _)| *lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn one_bad_second_in_ten_is_no_lag() {
        let case = Script::new(10).case;
        let lag = |seconds: &[(u64, u64)]| {
            let mut timeline = Timeline::default();
            for (due, lag_p99_us) in seconds {
                let (load, begun, done, blocked, in_flight) = (0, *due, *due, 0, 0);
                let (due, lag_p50_us, lag_max_us) = (*due, 0, *lag_p99_us);
                let lag_p99_us = *lag_p99_us;
                let health = Health {
                    load,
                    due,
                    begun,
                    done,
                    blocked,
                    lag_p50_us,
                    lag_p99_us,
                    lag_max_us,
                    in_flight,
                    stood: Vec::new(),
                };
                timeline.add_health(At(0), &health, &case).unwrap();
            }
            timeline.lag()
        };
        assert_eq!(lag(&[]), 0);
        assert_eq!(lag(&[(900, 200), (100, 90_000)]), 200);
        assert_eq!(lag(&[(900, 200), (101, 90_000)]), 90_000);
        // The warm-up counts for nothing.
        assert_eq!(lag(&[(900, 200), (0, 90_000)]), 200);
    }
}
