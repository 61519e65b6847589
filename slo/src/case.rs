//! The question put to the judge: what was planned, and what must hold. Stored in the journal's
//! header, so that a run can be judged again without its scenario.
//!
//! Invariant: names are resolved to indices and moments to anchors before they come here.
//! Not here: YAML (harness `spec`), the timetable and its check for feasibility (`plan`).

use crate::baseline::Baseline;
use crate::time::Share;
use serde::{Deserialize, Serialize};

mod ask;
mod fault;
mod log;
mod metric;
mod must;
mod production;
mod steps;
mod terms;

pub use ask::{Ask, Pace};
pub use fault::{Again, Asked, Fault, Shows};
pub use log::{Log, LogMust};
pub use metric::{Growth, Limits, Metric, MetricMust, ReconcilesMust, SettlesMust, Shown, Unit};
pub use must::{Bound, BreakerMust, Expectation, Must};
pub use production::{BurnAlert, Production};
pub use steps::{Capacity, Step};
pub use terms::Terms;

/// Which instants a latency is taken between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// From the instant the request was due: what an arriving client sees.
    Response,
    /// From the first byte written, or the call to connect, without the time in which the generator stood
    /// still: what a service is blamed by.
    Service,
    /// The same with that time: nothing is met by leaving it out. Only counted.
    ServiceSeen,
    /// From the instant the request was due to the first byte of its answer.
    FirstByte,
    /// From the first byte written to the first byte of the answer. Only counted: it says of an ill
    /// generator what the service alone took.
    ServiceFirstByte,
}

impl Clock {
    /// Those whose times are recorded, each in histograms of its own.
    pub const RECORDED: [Clock; 3] = [Clock::Response, Clock::Service, Clock::FirstByte];

    /// The same with all that whoever asked has waited.
    #[must_use]
    pub fn seen(self) -> Clock {
        match self {
            Clock::Service | Clock::ServiceSeen => Clock::ServiceSeen,
            Clock::Response | Clock::FirstByte | Clock::ServiceFirstByte => self,
        }
    }

    /// The same without what happened before the request was begun.
    #[must_use]
    pub fn begun(self) -> Clock {
        match self {
            Clock::Response | Clock::Service | Clock::ServiceSeen => Clock::Service,
            Clock::FirstByte | Clock::ServiceFirstByte => Clock::ServiceFirstByte,
        }
    }
}

/// Everything the judge must know beforehand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Length of the warm-up before time 0; never judged.
    pub warmup_us: u64,
    /// Where requests come from; [`crate::Cell::load`] is an index into this.
    pub loads: Vec<Load>,
    /// Predicates counted in every cell, in the order of [`crate::Cell::marks`].
    pub marks: Vec<Mark>,
    /// Ages in µs, ascending: how long a request had been under way when a fault was applied is
    /// recorded as the number of these that it exceeded ([`crate::Straddle::older_than`]).
    pub ages_us: Vec<u64>,
    /// The faults, in the order of the scenario.
    pub faults: Vec<Fault>,
    /// The objectives, in the order of the scenario.
    pub objectives: Vec<Objective>,
    /// The expectations, in the order of the scenario.
    pub expectations: Vec<Expectation>,
    /// What must hold before the first fault, and again after the last; none without faults.
    pub steady_state: Option<SteadyState>,
    /// The fleets, in the order of the scenario. Each also has a [`Load`] of kind
    /// [`LoadKind::Fleet`], so that its attempts are counted in cells.
    #[serde(default)]
    pub fleets: Vec<Fleet>,
    /// The breakers, in the order of the scenario.
    #[serde(default)]
    pub breakers: Vec<Breaker>,
    /// The metrics, in the order of the scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Lines to look for in services' output, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<Log>,
    /// The capacities, in the order of the scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacities: Vec<Capacity>,
    /// What the run is held against, if anything asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// One load: a stream of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Its name in the scenario.
    pub name: String,
    /// What decides when its requests are due.
    #[serde(default)]
    pub kind: LoadKind,
    /// The link it goes through, by name, if it goes through one.
    pub link: Option<String>,
    /// The requests it sends; [`crate::Cell::request`] is an index into this.
    pub requests: Vec<Request>,
    /// When its first request is due, µs after time 0.
    pub starts_us: u64,
    /// When its arrivals end, µs after time 0.
    pub ends_us: u64,
    /// How many requests are planned after time 0, or journeys; 0 where nobody can know.
    pub planned: u64,
    /// Whether each of the planned begins a journey: only its first request is due by the
    /// timetable, each later one when the step before it has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub journeys: bool,
    /// Its steps, in order; empty for what does not step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Indices into [`Case::objectives`]: the first step that breaks one of these is the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_after: Vec<usize>,
    /// The rows that end it early, or may; none where they suffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scarce: Option<Scarce>,
    /// What it sends and at which rate, to tell it from another's; none where nobody kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

/// What a load sends, as far as two runs must be alike in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Its rate over time, as it is written.
    pub rate: String,
    /// A hash of its requests as they are written, and of how they are sent.
    pub sends: String,
}

/// Rows that a load may use up before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scarce {
    /// The name of their set.
    pub rows: String,
    /// When the load would end with rows enough, µs after time 0.
    pub ends_us: u64,
}

/// What decides when a load's requests are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadKind {
    /// The timetable: open arrivals.
    #[default]
    Open,
    /// Users who wait for their answers: due when begun, only the service clock exists.
    Users,
    /// The attempts of a fleet's gateways or devices: due when begun, only the service clock.
    Fleet,
}

/// Devices that generate samples, and optionally gateways that store and forward them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// Its name in the scenario.
    pub name: String,
    /// Index into [`Case::loads`] of its attempts.
    pub load: usize,
    /// How many devices.
    pub devices: u64,
    /// Samples planned in all.
    pub planned: u64,
    /// Whether our gateway stands between its devices and the far end.
    pub gateway: bool,
    /// Whether something reads the far end's store back.
    pub read_back: bool,
    /// How long after the last sample the outboxes may drain, µs.
    pub drain_us: u64,
}

/// A circuit breaker whose states are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    /// Its name in the scenario.
    pub name: String,
    /// Where it was written.
    pub place: Place,
    /// What it is said to do.
    pub policy: Policy,
    /// Where its states are seen, best first.
    pub evidence: Vec<Evidence>,
}

/// What a breaker is said to do; what is not said is not assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Consecutive failures that open it.
    pub failures: Option<u64>,
    /// From open to half-open, µs.
    pub recovery_us: Option<u64>,
    /// Trials of one half-open episode.
    pub trials: Option<u64>,
}

/// Where a breaker's states are seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Our own gateways tell (index into [`Case::fleets`]).
    Gateway(usize),
    /// Arrivals at this link.
    Arrivals(String),
    /// This metric reads its state: 0 closed, 1 open, 2 half-open (index into [`Case::metrics`]).
    Polled(usize),
    /// Its service's log tells when it opens and when it closes (indices into [`Case::logs`]).
    Logged {
        /// Lines that say that it opened.
        opened: usize,
        /// Lines that say that it closed.
        closed: usize,
    },
}

/// One kind of request of a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its name, or `METHOD path`.
    pub name: String,
}

/// A predicate over one request, counted where it happens, so that a verdict needs no
/// histogram.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Took less than `us` on `clock`. Of [`crate::Outcome::Cut`]: had not yet reached `us`.
    Below {
        /// Between which instants.
        clock: Clock,
        /// The limit: strictly less.
        us: u64,
    },
    /// Begun more than `us` after it was due, not counting the wait for a connection.
    LateBy {
        /// The limit: strictly more.
        us: u64,
    },
    /// Whole answer with one of these statuses, in at most `within_us` on `clock`, and, when it
    /// is neither 2xx nor 3xx, with this header.
    Answered {
        /// Accepted statuses: inclusive ranges, ascending.
        only: Vec<(u16, u16)>,
        /// At most this long.
        within_us: Option<u64>,
        /// Between which instants.
        clock: Clock,
        /// Lower-case name of a header that every refusal must carry.
        header: Option<String>,
    },
    /// The connection, kept alive from an earlier request, was reset before any byte of an answer.
    IdleReset,
    /// The connection was refused.
    Refused,
    /// Waited for a connection because the limit of connections was reached.
    Blocked,
}

/// Where something was asked for, for messages and annotations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// One request of one load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Of {
    /// Index into [`Case::loads`].
    pub load: usize,
    /// Index into that load's requests.
    pub request: usize,
}

/// A stretch of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum During {
    /// From time 0 to the end.
    All,
    /// Before the last fault's end, outside faults and their recoveries; all, without faults.
    Steady,
    /// While any fault is on.
    Fault,
    /// From a fault's end, as long as it says, unless another fault is on.
    Recovery,
    /// The rest after the last fault's end.
    After,
    /// While this fault is on (index into [`Case::faults`]).
    Named(usize),
    /// This fault's recovery (index into [`Case::faults`]).
    RecoveryOf(usize),
    /// While this breaker is open (index into [`Case::breakers`]).
    Open(usize),
}

/// A service level objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Its name in the scenario.
    pub name: String,
    /// Where it was written.
    pub place: Place,
    /// What must hold.
    pub ask: Ask,
    /// Which requests it covers.
    pub of: Vec<Of>,
    /// When; the union of these.
    pub during: Vec<During>,
    /// Judge each name of `of` on its own; violated if one is.
    pub per_request: bool,
    /// Reported, but does not decide the run.
    pub advisory: bool,
    /// One-sided confidence that a verdict needs.
    pub confidence: Share,
    /// The [`Mark::LateBy`] that tells an ill generator for this objective.
    pub late_mark: usize,
    /// Judged for each step of a load, by a capacity or to stop that load, and not by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub criterion: bool,
    /// What it says besides its limit.
    #[serde(default, skip_serializing_if = "Terms::is_none")]
    pub terms: Terms,
    /// What its SLO file says of production; none where it is of no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<Production>,
}

/// An instant that the run decides: an anchor and an offset in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// From where.
    pub anchor: Anchor,
    /// How much later, or earlier.
    pub offset_us: i64,
}

/// What a [`Moment`] counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// Time 0.
    Zero,
    /// A fault's applied edge (index into [`Case::faults`]).
    FaultStart(usize),
    /// A fault's cleared edge.
    FaultEnd(usize),
    /// The planned end of a load's arrivals (index into [`Case::loads`]).
    LoadEnd(usize),
    /// The first opening of a breaker after time 0, by its evidence (index into [`Case::breakers`]).
    BreakerOpen(usize),
    /// One instant at which that may have been, while it is judged; in no journal.
    #[serde(skip)]
    BreakerOpenAt {
        /// Index into [`Case::breakers`].
        breaker: usize,
        /// µs after time 0.
        at_us: i64,
    },
}

/// The steady-state gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    /// Indices into [`Case::objectives`].
    pub require: Vec<usize>,
    /// Looked at again this long after the last undo, µs.
    pub after_us: u64,
    /// Where it was written, or the first fault.
    pub place: Place,
}
