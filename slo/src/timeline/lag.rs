//! How the generator did, summed up by load, and its lag over the whole run.
//!
//! Invariant: sums only; but for `due_by`, nothing depends on the order of lines.
//! Not here: what makes a generator ill (`health`).

use super::{MOST, Malformed, Timeline, malformed};
use crate::case::{Case, Of};
use crate::event::{Health, Lag};
use crate::time::At;

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
}

impl Timeline {
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
        let late = self.begun_late.entry(lag.load).or_default();
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
