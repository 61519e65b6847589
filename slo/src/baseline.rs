//! What earlier runs came to, kept so that a later one can be held against them.
//!
//! Invariant: whole numbers and names only, so that a baseline reads the same on every machine, and
//! two runs are held against each other by what both call the same.
//! Not here: the file (harness `plan`, `cli`), which environments are alike beside the traffic
//! (harness `run`).

use crate::case::{Fault, LoadKind, Traffic};
use serde::{Deserialize, Serialize};

mod alike;
mod change;
mod compare;
mod needed;
mod past;
mod side;
mod superior;
#[cfg(test)]
mod tests;

pub(crate) use change::{Ask, Question, decide};
pub use compare::{Compared, Margins, compare};
pub use needed::{errors, latency};

/// The most of a difference that is told, in words.
const MOST_TOLD: usize = 5;

/// What a run is held against.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// As the user named it.
    pub name: String,
    /// Earlier runs; none where there is no baseline yet.
    pub runs: Vec<Past>,
    /// In what its environment differs from this run's, each in a few words; such a comparison says
    /// nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlike: Vec<String>,
    /// By how much the 50th, 95th and 99th percentiles of equal runs differ on this machine, in
    /// thousandths; none where nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_permille: Option<[u64; 3]>,
}

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Its id.
    pub run: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// Why its numbers say nothing of the service; none if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ill: Option<String>,
    /// Length of its warm-up.
    pub warmup_us: u64,
    /// Its faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Its loads.
    pub loads: Vec<PastLoad>,
}

/// One load of an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastLoad {
    /// Its name.
    pub name: String,
    /// What decided when its requests were due.
    pub kind: LoadKind,
    /// How many were planned.
    pub planned: u64,
    /// When its first request was due, µs after time 0.
    pub starts_us: u64,
    /// When its arrivals were to end, µs after time 0.
    pub ends_us: u64,
    /// Requests that left no record.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub lost: u64,
    /// What it sent and at which rate; none where an older program kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Its requests.
    pub requests: Vec<PastRequest>,
}

/// One request of a load of an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastRequest {
    /// Its name.
    pub name: String,
    /// By phase, those with the same faults together.
    pub parts: Vec<PastPart>,
}

/// What a request came to in one phase.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PastPart {
    /// `steady`, `fault`, `recovery` or `after`.
    pub phase: String,
    /// Faults that were on, or being recovered from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Requests whose end is known.
    pub n: u64,
    /// Of these, not ok.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub k: u64,
    /// Requests that may be either.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub unknown: u64,
    /// Times of the ok ones from their due instants: `(lowest, highest, count)`, µs, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response: Vec<(u64, u64, u64)>,
    /// The same from the first byte written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<(u64, u64, u64)>,
    /// The same to the first byte of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_byte: Vec<(u64, u64, u64)>,
}

fn is_nothing(count: &u64) -> bool {
    *count == 0
}
