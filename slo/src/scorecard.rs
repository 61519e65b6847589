//! The judge's answer: one verdict, and every number needed to recompute it.
//!
//! Invariant: floats are rounded to 9 significant digits before: two machines print the same bytes.
//! Not here: how it is printed (harness `report`).

use crate::case::{Clock, Place};
use crate::event::Machine;
use crate::time::At;
use serde::{Deserialize, Serialize};

mod budget;
mod change;
mod ledger;
mod metric;
pub use budget::{AlertScore, BudgetScore, FaultCost};
pub use change::ChangeScore;
pub use ledger::LedgerScore;
pub use metric::MetricScore;

/// What can be said of a run, an objective or an expectation. Ordered from best to worst:
/// a run is as bad as the worst of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds, with the asked confidence.
    Met,
    /// It could not be decided; what would decide it is said beside.
    Inconclusive,
    /// It does not hold, with the asked confidence.
    Violated,
}

impl Verdict {
    /// The word that every report uses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Violated => "violated",
        }
    }
}

/// Everything the judge found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The whole run.
    pub verdict: Verdict,
    /// Why, in one sentence: the worst thing first, with its numbers.
    pub sentence: String,
    /// Stretches of the run, in order.
    pub phases: Vec<Phase>,
    /// One for each objective, and with `per-request` one for each of its requests.
    pub objectives: Vec<ObjectiveScore>,
    /// One for each expectation, `steady-state` after the last undo, and each service that died.
    pub expectations: Vec<ExpectationScore>,
    /// One for each fault.
    pub faults: Vec<FaultScore>,
    /// Counts of every load, warm-up left out.
    pub loads: Vec<LoadScore>,
    /// What each breaker was seen to do: one for each gateway, or link, that it was seen at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakers: Vec<BreakerScore>,
    /// One for each fleet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ledgers: Vec<LedgerScore>,
    /// What each metric came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricScore>,
    /// What the report must tell although nobody asked, each in a sentence.
    pub findings: Vec<String>,
    /// How the generator did.
    pub health: HealthScore,
}

impl Scorecard {
    /// Whether the run only measured: nothing was asked of it, and nothing went wrong unasked.
    #[must_use]
    pub fn asks_nothing(&self) -> bool {
        self.objectives.is_empty() && self.expectations.is_empty()
    }
}

/// A stretch of the run between two boundaries, with what is called by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// `warmup`, `steady`, `fault`, `recovery` or `after`.
    pub name: String,
    /// Names of the faults that are on, or being recovered from.
    pub faults: Vec<String>,
    /// First instant, ms after time 0 (negative in the warm-up).
    pub from_ms: i64,
    /// Last instant, ms after time 0.
    pub to_ms: i64,
    /// Requests due in it whose end is known.
    pub requests: u64,
    /// Of these, not ok.
    pub bad: u64,
}

/// One objective's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveScore {
    /// The objective's name; with `per-request`, `name (request)`.
    pub id: String,
    /// Where it was written.
    pub place: Place,
    /// In words, with its limit: `P95 < 500 ms`.
    pub asks: String,
    /// The stretches it covers: `steady, after`.
    pub during: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Reported only.
    pub advisory: bool,
    /// Requests (or slices, or steps) judged.
    pub n: u64,
    /// Of these, bad.
    pub k: u64,
    /// Requests whose outcome is unknown (not sent, cut off), not in `n`.
    pub unknown: u64,
    /// One-sided lower bound of the bad share; none for what is not judged by an interval.
    pub lower: Option<f64>,
    /// One-sided upper bound of the bad share.
    pub upper: Option<f64>,
    /// The bad share allowed; for counts the count.
    pub limit: f64,
    /// The confidence asked for, as a fraction.
    pub confidence: f64,
    /// Design effect used; 1 where errors are taken as independent.
    pub deff: f64,
    /// What was observed, as people read it: `P95 312 ms`, `0.03 % (3 of 10400)`.
    pub observed: String,
    /// The worst ten seconds, in words; none where there is nothing to say.
    pub worst: Option<String>,
    /// Why this verdict, in one sentence.
    pub reason: String,
    /// What would decide it; set exactly when it is inconclusive.
    pub missing: Option<String>,
    /// Share of all requests of its kind that it judged, as a fraction.
    pub coverage: f64,
    /// Seconds judged.
    pub seconds: f64,
    /// Requests under way at an applied edge and counted to the fault.
    pub moved_to_fault: u64,
    /// Of a capacity: the steps of its load, in order. Its `n`, `k` and `unknown` count steps. Its
    /// `limit`, `lower` (up to which it held) and `upper` (which broke it) are in requests a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepScore>,
    /// Of what is held against a baseline: by how much it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeScore>,
    /// Of a share of the requests: what it would have cost in production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetScore>,
}

/// One step of a load, by the objectives that must hold there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepScore {
    /// In requests a second.
    pub rate: f64,
    /// As people read it: `800/s`.
    pub name: String,
    /// The first judged second, from time 0.
    pub from_s: u64,
    /// The second before which the last judged one lies.
    pub to_s: u64,
    /// The worst of its criteria.
    pub verdict: Verdict,
    /// Requests of the load whose end is known.
    pub n: u64,
    /// Of these, not ok.
    pub bad: u64,
    /// Each objective, as it would be judged on these seconds alone.
    pub criteria: Vec<ObjectiveScore>,
}

/// One expectation's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectationScore {
    /// Its name.
    pub id: String,
    /// Where it was written.
    pub place: Place,
    /// In words, with its bounds.
    pub asks: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// What was observed, as people read it: `recovered 2.1 s to 3.1 s after half.end`.
    pub observed: String,
    /// Why this verdict, in one sentence.
    pub reason: String,
    /// What would decide it; set exactly when it is inconclusive.
    pub missing: Option<String>,
    /// Between which lengths of time after its moment it recovered; only of `recovers`, and none
    /// if that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Recovered>,
}

/// A recovery as well as it is known: within a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Not before so long after the moment, µs.
    pub earliest_us: u64,
    /// Not after so long after the moment, µs.
    pub latest_us: u64,
}

/// What a fault did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultScore {
    /// Its name.
    pub name: String,
    /// What it does: `error`.
    pub kind: String,
    /// The link it acted on.
    pub link: String,
    /// Its instants; none where one was never seen.
    pub edges: FaultEdges,
    /// Requests it should have affected: its share of those that matched.
    pub asked: Option<u64>,
    /// Requests it did affect, at the link; none where it is unknown.
    pub injected: Option<u64>,
    /// Requests whose callers saw it; none where none of the callers are ours.
    pub seen: Option<u64>,
    /// What follows, in words: `took effect`, `without effect`, …
    pub effect: String,
}

/// The acknowledged edges of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultEdges {
    /// The run asked for it.
    pub asked: Option<At>,
    /// It could affect requests from here.
    pub applied: Option<At>,
    /// It did.
    pub first_affected: Option<At>,
    /// It no longer could.
    pub cleared: Option<At>,
    /// The first request went through.
    pub first_unaffected: Option<At>,
}

/// Counts of one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadScore {
    /// Its name.
    pub name: String,
    /// Requests planned after time 0.
    pub planned: u64,
    /// Requests begun.
    pub begun: u64,
    /// Counts by outcome, in the order of [`crate::Outcome::ALL`], zeros left out.
    pub outcomes: Vec<(String, u64)>,
    /// Of the protocol errors, resets of an idle connection.
    pub idle_resets: u64,
    /// Of the others, those that were sent once more after such a reset.
    #[serde(default)]
    pub idle_resent: u64,
    /// Times over the whole run, time 0 on.
    pub times: Vec<TimesScore>,
    /// How late its requests began, time 0 on, waits for a connection left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<LagScore>,
}

/// Percentiles of lag, µs, nearest rank, upper end of their bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LagScore {
    /// Median.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// 99.9th percentile.
    pub p999_us: u64,
    /// Greatest.
    pub max_us: u64,
}

/// Percentiles of what was answered ok, for people; verdicts never use them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimesScore {
    /// Between which instants.
    pub clock: Clock,
    /// How many.
    pub n: u64,
    /// Median, µs, nearest rank, upper end of its bucket.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// 99.9th percentile.
    #[serde(default)]
    pub p999_us: u64,
    /// Greatest.
    pub max_us: u64,
}

/// What a breaker was seen to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerScore {
    /// Its name.
    pub name: String,
    /// Whose states these are: `gateway 1 of fleet `trucks``, `arrivals at link `api``.
    pub of: String,
    /// How they are known: `told by the gateway`, `inferred from arrivals`.
    pub evidence: String,
    /// Why they cannot be told, if they cannot; the episodes are then empty or not all.
    pub problem: Option<String>,
    /// Each time it was open, in order.
    pub episodes: Vec<Episode>,
}

impl BreakerScore {
    /// The evidence of a breaker that only its calls' arrivals show.
    pub const INFERRED: &str = "inferred from arrivals";
}

/// One time that a breaker was open, and the trials that ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Episode {
    /// Went from closed, or after a failed trial from half-open, to open.
    pub opened: Between,
    /// Failures in a row that opened it, where they are known.
    pub failures: Option<u64>,
    /// Admitted its first trial; none if that was not seen.
    pub half_open: Option<Between>,
    /// Closed; none if it opened again, or the run ended before.
    pub closed: Option<Between>,
    /// Trials admitted, where they are known.
    pub trials: Option<u64>,
    /// Calls that went through while it was open, where they are known.
    pub leaked: Option<u64>,
    /// Calls that it rejected while open, where they are known.
    pub rejected: Option<u64>,
}

/// An instant as well as it is known: between these two, which are equal if it is exact.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Between {
    /// Not before this.
    pub earliest: At,
    /// Not after this.
    pub latest: At,
}

/// How the generator did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthScore {
    /// Whether all objectives could be judged on it.
    pub well: bool,
    /// Requests planned after time 0, by open loads.
    pub planned: u64,
    /// Of these, begun.
    pub begun: u64,
    /// Requests that had waited for a connection.
    pub blocked: u64,
    /// Greatest median lag of any second, µs.
    pub worst_lag_p50_us: u64,
    /// Greatest 99th percentile of any second, µs.
    pub worst_lag_p99_us: u64,
    /// Greatest lag, µs.
    pub lag_max_us: u64,
    /// What was taken from the machine: the most of any second; none where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// In one sentence.
    pub sentence: String,
}
