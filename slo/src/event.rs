//! What happened in a run: one ordered stream, the only thing a verdict is made of.
//!
//! Invariant: integers only, µs and counts, but for values of metrics ([`crate::Number`]); cells are deltas and merge by addition, so that
//! several generators' streams can be added.
//! Not here: the file's first line (harness `record::journal`), which carries the [`crate::Case`].

use crate::outcome::Outcome;
use crate::time::At;
use serde::{Deserialize, Serialize};

mod fleet;
mod log;
mod machine;
mod metric;
pub use fleet::{
    Attempt, Attempts, AttemptsOf, Backlog, BreakerEvent, BreakerState, Ledger, Store,
};
pub use log::{Lines, LogRead};
pub use machine::Machine;
pub use metric::{Looks, Missed, Sample};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was known; lines are not necessarily in this order.
    pub at: At,
    /// What happened.
    pub event: Event,
}

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A service changed.
    Service(ServiceEvent),
    /// Time 0 was fixed: the end of the warm-up.
    Zero {
        /// The instant.
        zero: At,
    },
    /// The steady-state gate, before the first fault or after the last.
    Gate(Gate),
    /// One edge of a fault.
    Edge(Edge),
    /// Counts of requests whose end is known.
    Cells(Vec<Cell>),
    /// How the generator itself did, per load and second.
    Health(Health),
    /// What the run took from its machine, per second.
    Machine(Machine),
    /// One of our gateways' breakers changed.
    Breaker(BreakerEvent),
    /// Single attempts, of a fleet or at a link that an expectation names.
    Attempts(Attempts),
    /// Arrivals at a link in one second.
    Arrivals {
        /// The link.
        link: String,
        /// The second, from time 0.
        second: i64,
        /// How many requests arrived in it.
        n: u64,
    },
    /// Of a link with faults: connections to it were open, but no byte went through it since time 0, so what a
    /// fault did to them touched nobody. Of one without: nothing went through it in the whole run.
    Bypassed {
        /// The link.
        link: String,
    },
    /// A fleet's samples at the end of one second.
    Backlog(Backlog),
    /// A fleet's account, after the read-back.
    Ledger(Ledger),
    /// A value of a metric.
    Sample(Sample),
    /// A value of a metric that could not be read.
    Missed(Missed),
    /// Metrics were read until then, and no longer.
    ReadUntil {
        /// The instant.
        at: At,
    },
    /// Looks at a service after a fault's end.
    Looks(Looks),
    /// A service that a fault had ended was started again, and not ready within its time.
    NotBack(NotBack),
    /// Lines of a service's output that were looked for.
    Lines(Lines),
    /// A service's output was read to its end.
    LogRead(LogRead),
    /// A probe's answer.
    Probe {
        /// The probe, as the report names it.
        name: String,
        /// Whether it passed.
        ok: bool,
        /// What it saw.
        detail: String,
        /// When a guard's look was asked; none: it told nothing of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<At>,
    },
    /// Response and service times of one request kind in one segment, at the end of the run.
    Histogram(Histogram),
    /// How late the requests of one load began, at the end of the run.
    Lag(Lag),
    /// A load was stopped: nothing of it is due from `at` on, because a step had broken what must
    /// hold, or the fault had ended whose end it waited for. The earliest counts.
    Stopped {
        /// Index into [`crate::Case::loads`].
        load: usize,
        /// From when.
        at: At,
        /// Which step, and how; or after what; in words.
        text: String,
    },
    /// The users of a load did not make all the journeys that they were to make in their time.
    Unmade(Unmade),
    /// A peer said what nobody had asked for.
    Unasked(Unasked),
    /// Something that the report must tell although nobody asked.
    Finding {
        /// In one sentence.
        text: String,
    },
    /// A guard stopped the run.
    Guard {
        /// Which: `max-duration`.
        guard: String,
        /// In one sentence.
        text: String,
    },
    /// The last line of a run that ended by itself, whatever its end.
    End(End),
}

/// A service changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// Its name in the scenario.
    pub name: String,
    /// What happened to it.
    pub state: ServiceState,
    /// More, in words: address, exit status.
    pub detail: String,
}

/// What can happen to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// The process was started.
    Started,
    /// It answered its readiness probe.
    Ready,
    /// It ended although nobody asked it to: the run is violated.
    Died,
    /// We ended it.
    Stopped,
}

/// A service that did not come back from a fault in its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotBack {
    /// Index into [`crate::Case::faults`].
    pub fault: usize,
    /// When the fault had ended, and the wait began.
    pub since: At,
    /// What was seen instead, in one sentence.
    pub detail: String,
    /// It could not even be started again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unstarted: bool,
}

/// The steady-state gate's decision. The judge takes it as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Before the first fault, or after the last undo.
    pub when: GateTime,
    /// Whether all looked steady.
    pub open: bool,
    /// What did not, each in a sentence; empty when open.
    pub reasons: Vec<String>,
}

/// Which of the two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateTime {
    /// Before the first fault.
    Before,
    /// After the last undo.
    After,
}

/// One acknowledged edge of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Index into [`crate::Case::faults`].
    pub fault: usize,
    /// Which edge.
    pub edge: EdgeKind,
    /// Its instant.
    pub at: At,
    /// With `cleared`: what the link counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// The edges of a fault, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The run asked for it.
    Asked,
    /// From this instant requests may be affected.
    Applied,
    /// The first request was.
    FirstAffected,
    /// From this instant no new request is affected.
    Cleared,
    /// The first request after that went through.
    FirstUnaffected,
}

/// What a link counted while a fault was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Effect {
    /// Requests that matched it; for `refuse`, connections open at its start.
    pub matched: u64,
    /// Requests that it affected; for `refuse`, connections reset at its start.
    pub injected: u64,
    /// Of the injected, how many came from our own clients (they carry our request id).
    pub ours: u64,
}

/// A request that was under way when a fault was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Straddle {
    /// The fault (index into [`crate::Case::faults`]).
    pub fault: usize,
    /// How many of [`crate::Case::ages_us`] its age then exceeded.
    pub older_than: usize,
}

/// Requests alike in all that a verdict can depend on, due in the same second.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// Index into [`crate::Case::loads`].
    #[serde(rename = "l")]
    pub load: usize,
    /// Index into the load's requests.
    #[serde(rename = "r")]
    pub request: usize,
    /// How many boundaries (time 0, applied and cleared edges, ends of recoveries) lie at or
    /// before the due instant: 0 is the warm-up.
    #[serde(rename = "g")]
    pub segment: usize,
    /// Set if it was under way when a fault was applied.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub straddle: Option<Straddle>,
    /// How it ended.
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// The status, 0 without an answer.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub status: u16,
    /// The second it was due in, from time 0; negative in the warm-up.
    #[serde(rename = "s")]
    pub second: i64,
    /// How many.
    pub n: u64,
    /// Of these, how many satisfied each of [`crate::Case::marks`].
    #[serde(rename = "m")]
    pub marks: Vec<u64>,
}

fn is_zero(status: &u16) -> bool {
    *status == 0
}

/// How the generator did with one load in about a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Index into [`crate::Case::loads`].
    pub load: usize,
    /// Requests due in this stretch after time 0.
    pub due: u64,
    /// Requests begun in it.
    pub begun: u64,
    /// Requests whose end was recorded in it.
    pub done: u64,
    /// Of the begun, how many waited for a connection.
    pub blocked: u64,
    /// Lag (begun − due without that wait) of the begun: median, µs.
    pub lag_p50_us: u64,
    /// 99th percentile.
    pub lag_p99_us: u64,
    /// Greatest.
    pub lag_max_us: u64,
    /// Requests under way at the end of the stretch.
    pub in_flight: u64,
    /// When a thread of the load stood still after time 0, and did not look for answers; from when, to
    /// when. Of several threads they may overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stood: Vec<(At, At)>,
}

/// How many journeys the users of a load made of those that they were to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmade {
    /// Index into [`crate::Case::loads`].
    pub load: usize,
    /// Made to their end, fewer than
    pub made: u64,
    /// so many.
    pub of: u64,
}

/// Connections that were given up because the peer had said on them what nobody had asked for: what was
/// taken for the answer to a request may be that to another. Deltas; nothing is told before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unasked {
    /// Index into [`crate::Case::loads`].
    pub load: usize,
    /// Connections that were opened.
    pub connections: u64,
    /// Of all that ever were, so many.
    pub talked: u64,
}

/// Times of one request kind in one segment. For people and as a cross-check of the counters:
/// bucket and counter must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Index into [`crate::Case::loads`].
    pub load: usize,
    /// Index into the load's requests.
    pub request: usize,
    /// Ended ok, or known to have ended otherwise.
    pub ok: bool,
    /// Between which instants.
    pub clock: crate::case::Clock,
    /// As in [`Cell::segment`].
    pub segment: usize,
    /// `(lowest, highest, count)` of each bucket that is not empty, µs, ascending.
    pub buckets: Vec<(u64, u64, u64)>,
}

/// How late the requests of one load began, from time 0 on. For people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// Index into [`crate::Case::loads`].
    pub load: usize,
    /// As in [`Histogram::buckets`].
    pub buckets: Vec<(u64, u64, u64)>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Why it ended.
    pub reason: EndReason,
    /// In one sentence, where there is more to say.
    pub detail: String,
    /// What is still broken, each with the command that mends it; normally empty.
    pub still_broken: Vec<String>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The timetable was over.
    Complete,
    /// It could not go on: never ready, a failed set-up, a full disk.
    CouldNotRun,
    /// A guard stopped it.
    Guard,
    /// An objective was surely lost, and whoever started it wanted no more than that.
    Lost,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}
