//! What must hold around faults: recovery, breakers, ledgers, links.
//!
//! Not here: objectives, and what the moments and indices point to (`case`).

use super::{During, LogMust, MetricMust, Moment, Of, Place, ReconcilesMust, SettlesMust};
use crate::time::Share;
use serde::{Deserialize, Serialize};

/// Something that must hold around faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Unique within the case, without measured values: `recovers errors after down.end`.
    pub name: String,
    /// Where it was written.
    pub place: Place,
    /// What must hold.
    pub must: Must,
}

/// What an expectation asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Must {
    /// The objective's limit holds again from at most `within_us` after `after`, for `hold_us`.
    Recovers {
        /// Index into [`crate::Case::objectives`].
        objective: usize,
        /// From when.
        after: Moment,
        /// Deadline.
        within_us: u64,
        /// How long it must stay so.
        hold_us: u64,
    },
    /// These objectives hold for these requests in these stretches.
    Unaffected {
        /// Which requests.
        of: Vec<Of>,
        /// When.
        during: Vec<During>,
        /// Indices into [`crate::Case::objectives`].
        keeps: Vec<usize>,
    },
    /// Every request in these stretches satisfies the mark ([`crate::Mark::Answered`]).
    Answers {
        /// Which requests.
        of: Vec<Of>,
        /// When.
        during: Vec<During>,
        /// The mark, on the response clock.
        mark: usize,
        /// The same on the service clock, for the case that the generator was ill.
        service_mark: usize,
        /// The [`crate::Mark::LateBy`] that tells an ill generator.
        late_mark: usize,
    },
    /// A breaker did what it is for.
    Breaker(BreakerMust),
    /// Nothing was lost.
    Ledger {
        /// Index into [`crate::Case::fleets`].
        fleet: usize,
        /// Generated and not read back.
        lost: Option<Bound>,
        /// Stored more than once.
        duplicated: Option<Bound>,
        /// Read back and never generated.
        unexpected: Option<Bound>,
        /// Keys that decrease in the order of the store.
        out_of_order: Option<Bound>,
        /// Greatest age of a sample when our gateway saw it acknowledged, µs.
        age_us: Option<u64>,
    },
    /// Samples waiting in our gateways.
    Backlog {
        /// Index into [`crate::Case::fleets`].
        fleet: usize,
        /// At most so many at any time.
        peak: Option<u64>,
        /// Back at its level before the fault: from when, and within how long, µs.
        drained: Option<(Moment, u64)>,
    },
    /// Ok answers a second come back to their level before the fault.
    Goodput {
        /// Which requests.
        of: Vec<Of>,
        /// Share of the level before.
        at_least: Share,
        /// From when.
        after: Moment,
        /// Deadline, µs.
        within_us: u64,
    },
    /// Calls through a link for each request, over the same ratio in steady.
    Amplification {
        /// The link.
        link: String,
        /// The requests that cause the calls.
        per: Vec<Of>,
        /// At most this factor, in thousandths.
        at_most_milli: u64,
        /// When.
        during: Vec<During>,
        /// Length of a window in whole seconds; none: the whole stretch.
        window_s: Option<u64>,
    },
    /// Arrivals at a link after a fault, over their level before it.
    Herd {
        /// The link.
        link: String,
        /// At most this factor in any second, in thousandths.
        peak_milli: u64,
        /// From when.
        after: Moment,
        /// How long, µs.
        within_us: u64,
    },
    /// So many lines are in a service's output.
    Log(LogMust),
    /// A metric keeps its limits.
    Metric(MetricMust),
    /// A metric rises by as many as answers were ok.
    Reconciles(ReconcilesMust),
    /// A metric comes down and stays down.
    Settles(SettlesMust),
    /// A service is ready again.
    Ready {
        /// The service.
        service: String,
        /// From when.
        after: Moment,
        /// Deadline, µs.
        within_us: u64,
    },
}

impl Must {
    /// The moments that it counts from.
    pub(crate) fn moments_mut(&mut self) -> Vec<&mut Moment> {
        match self {
            Must::Recovers { after, .. }
            | Must::Goodput { after, .. }
            | Must::Herd { after, .. }
            | Must::Ready { after, .. } => vec![after],
            Must::Settles(must) => vec![&mut must.after],
            Must::Backlog { drained, .. } => drained.iter_mut().map(|(after, _)| after).collect(),
            Must::Reconciles(must) => must.by.iter_mut().map(|(after, _)| after).collect(),
            Must::Breaker(must) => {
                let both = [&mut must.opens, &mut must.closes];
                both.into_iter().flatten().map(|(after, _)| after).collect()
            }
            Must::Log(_)
            | Must::Unaffected { .. }
            | Must::Answers { .. }
            | Must::Ledger { .. }
            | Must::Amplification { .. }
            | Must::Metric(_) => Vec::new(),
        }
    }
}

/// A bound on a count: so many, or a share of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At most so many.
    Count(u64),
    /// At most this share.
    Share(Share),
}

/// What a breaker must do; what is none is not asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerMust {
    /// Index into [`crate::Case::breakers`].
    pub breaker: usize,
    /// Opens: from when, within how long, µs.
    pub opens: Option<(Moment, u64)>,
    /// Opens after exactly so many consecutive failures, and what was then under way.
    pub opens_after_failures: Option<u64>,
    /// Closes by a successful trial: from when, within how long, µs.
    pub closes: Option<(Moment, u64)>,
    /// At most so many trials in one half-open episode.
    pub trials: Option<u64>,
    /// At most so many calls while open.
    pub calls_while_open: Option<u64>,
    /// At least this share of what was offered while open was rejected at once.
    pub fast_fail_share: Option<Share>,
    /// This percentile of the rejections took less than so long, µs.
    pub fast_fail_latency: Option<(Share, u64)>,
    /// At most so many openings after it closed.
    pub reopens_after_close: Option<u64>,
    /// It never opens.
    pub never_opens: bool,
}
