//! What an objective asks.
//!
//! Invariant: limits are integers; what is counted for them is a mark of the case.
//! Not here: which requests it covers and when (`Objective`).

use super::Clock;
use crate::time::Share;
use serde::{Deserialize, Serialize};

/// What an objective asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// At least `percentile` of the requests were ok in less than `below_us`.
    Latency {
        /// 95 % is 950 000 000.
        percentile: Share,
        /// The limit.
        below_us: u64,
        /// Between which instants.
        clock: Clock,
        /// The [`Mark::Below`](super::Mark::Below) of this limit on this clock.
        mark: usize,
        /// The same limit on the service clock, for the case that the generator was ill.
        service_mark: usize,
    },
    /// A share of less than `below` was not ok.
    ErrorRate {
        /// The limit.
        below: Share,
    },
    /// At most so many were not ok: exact, no interval.
    ErrorCount {
        /// The limit.
        at_most: u64,
    },
    /// At least this share of the valid seconds was good.
    Availability {
        /// The limit.
        at_least: Share,
        /// Length of a slice in whole seconds.
        slice_s: u64,
        /// A slice is good with at least this share ok.
        slice_target: Share,
        /// A slice is valid with at least so many requests due.
        slice_least: u64,
    },
    /// At least so much of what was offered was answered ok: exact, no interval.
    Throughput {
        /// The limit.
        at_least: Pace,
    },
    /// A percentile of the times is at most so much above the baseline's.
    LatencyChange {
        /// 95 % is 950 000 000.
        percentile: Share,
        /// The margin, a share of what it was.
        at_most: Share,
        /// Between which instants.
        clock: Clock,
    },
    /// The share of requests that are not ok is at most so much above the baseline's.
    ErrorRateChange {
        /// The margin, in points: a share of all requests.
        at_most: Share,
    },
}

/// How much must get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// A share of the requests that were due.
    Share(Share),
    /// So many in the seconds in which the loads were sending, in thousandths of a request a minute.
    Rate(u64),
}
