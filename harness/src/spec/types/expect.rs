//! What must hold around faults.
//!
//! Not here: what needs two values at once (`plan`).

use super::{
    AtLeastShare, AtMostCount, AtMostFactor, BacklogAsked, LedgerAsked, LogAsked, MetricAsked,
    ReadyAsked, Reconciles, Settles,
};
use crate::spec::scalar::{
    Count, Duration, Factor, Flag, Moment, Name, Percentile, Ratio, Statuses, Words,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What must hold around faults.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// An objective's limit holds again.
    Recovers(Recovers),
    /// Some requests do not notice.
    Unaffected(Unaffected),
    /// Every request is answered as agreed.
    Answers(Answers),
    /// A circuit breaker does what it is for.
    Breaker(BreakerAsked),
    /// No sample is lost.
    Ledger(LedgerAsked),
    /// Few samples wait, and not for long.
    Backlog(BacklogAsked),
    /// As many requests are answered well as before.
    Goodput(Goodput),
    /// A failure does not multiply calls.
    Amplification(Amplification),
    /// A return does not draw a crowd.
    Herd(Herd),
    /// A metric keeps its limits.
    Metric(MetricAsked),
    /// A metric comes down and stays down.
    Settles(Settles),
    /// A service is ready again.
    Ready(ReadyAsked),
    /// A metric rises by as many as answers were ok.
    Reconciles(Reconciles),
    /// So many lines are in a service's output.
    Log(LogAsked),
}

/// An objective's limit holds again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recovers {
    /// Which: latency or error-rate.
    pub objective: Name,
    /// From when.
    pub after: Moment,
    /// Deadline.
    pub within: Duration,
    /// How long it must stay so: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

/// Some requests do not notice.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unaffected {
    /// Loads and requests.
    pub of: Vec<Name>,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// The objectives they keep.
    pub keeps: Vec<Name>,
}

/// Every request is answered as agreed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answers {
    /// Loads and requests.
    pub of: Vec<Name>,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// With one of these statuses.
    pub only: Statuses,
    /// In at most this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// A refusal (neither 2xx nor 3xx) carries this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Words>,
}

/// A circuit breaker does what it is for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakerAsked {
    /// Which, of `breakers`.
    pub name: Name,
    /// It opens in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Within>,
    /// It opens after so many consecutive failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_after_failures: Option<Count>,
    /// It closes in time, by a trial that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Within>,
    /// Trials of one half-open episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<AtMostCount>,
    /// Calls that got through while it was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_while_open: Option<AtMostCount>,
    /// What was offered while it was open was rejected at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast_fail: Option<FastFail>,
    /// Openings after it closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopens_after_close: Option<AtMostCount>,
    /// It never opens: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_opens: Option<Flag>,
}

/// From when, and how soon.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Within {
    /// From when.
    pub after: Moment,
    /// Deadline.
    pub within: Duration,
}

/// What was offered while a breaker was open was rejected at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FastFail {
    /// Of all that was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<AtLeastShare>,
    /// How soon it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<FastFailLatency>,
}

/// How soon something was rejected.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FastFailLatency {
    /// 99: of 100 rejections, at least 99.
    pub percentile: Percentile,
    /// The limit.
    pub below: Duration,
}

/// As many requests are answered well as before.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Goodput {
    /// Loads and requests.
    pub of: Vec<Name>,
    /// Share of the level before the fault.
    pub at_least: Ratio,
    /// From when.
    pub after: Moment,
    /// Deadline.
    pub within: Duration,
}

/// A failure does not multiply calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Amplification {
    /// Calls through this link.
    pub link: Name,
    /// For each of these: loads and requests.
    pub per: Vec<Name>,
    /// At most so many times as many as in the steady phase.
    pub at_most: Factor,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// In each window of so many whole seconds; over the whole stretch unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

/// A return does not draw a crowd.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Herd {
    /// Arrivals at this link.
    pub link: Name,
    /// In any second, over their level before the fault.
    pub peak: AtMostFactor,
    /// From when.
    pub after: Moment,
    /// How long.
    pub within: Duration,
}
