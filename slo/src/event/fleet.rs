//! What fleets, their breakers and links tell: transitions, single attempts, backlogs, accounts.
//!
//! Not here: the stream that they are part of (`event`).

use crate::outcome::Outcome;
use crate::time::At;
use serde::{Deserialize, Serialize};

/// A breaker's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few trials go through.
    HalfOpen,
}

/// One of our gateways' breakers changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerEvent {
    /// Index into [`crate::Case::fleets`].
    pub fleet: usize,
    /// Which gateway of the fleet, from 0.
    pub gateway: u32,
    /// From.
    pub from: BreakerState,
    /// To.
    pub to: BreakerState,
    /// The instant.
    pub at: At,
    /// Failures in a row at that instant.
    pub failures: u64,
    /// Attempts under way at that instant.
    pub in_flight: u64,
}

/// Single attempts, in the order of their ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Whose.
    pub of: AttemptsOf,
    /// Each of them.
    pub list: Vec<Attempt>,
    /// How many more there were that were not written down: beyond the cap.
    pub left_out: u64,
}

/// Whose attempts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptsOf {
    /// A fleet's gateway (index into [`crate::Case::fleets`], gateway from 0).
    Gateway(usize, u32),
    /// What arrived at a link, by name.
    Link(String),
}

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// First byte written, or arrived at the link; of a rejection, the instant it was asked for.
    #[serde(rename = "b")]
    pub begun: At,
    /// Whole answer, or passed on by the link: of a good answer its head.
    #[serde(rename = "d")]
    pub done: At,
    /// How it ended.
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// A half-open breaker's trial, where we can know.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
}

/// A fleet's samples at the end of one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Index into [`crate::Case::fleets`].
    pub fleet: usize,
    /// When.
    pub at: At,
    /// Generated so far.
    pub generated: u64,
    /// Acknowledged so far.
    pub acknowledged: u64,
    /// Greatest backlog since the last of these.
    pub peak: u64,
    /// Least backlog since the last of these.
    pub least: u64,
}

/// A fleet's account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Index into [`crate::Case::fleets`].
    pub fleet: usize,
    /// Samples generated.
    pub generated: u64,
    /// Acknowledged to our gateway, or to the device where there is none.
    pub acknowledged: u64,
    /// Discarded by our gateway's overflow policy.
    pub discarded: u64,
    /// Still in our outboxes at the end.
    pub in_outbox: u64,
    /// What the far end's store said; none: it was never read back.
    pub store: Option<Store>,
    /// Why the store could not be read, if it could not.
    pub problem: Option<String>,
    /// Greatest age of a sample at its acknowledgement, µs.
    pub age_max_us: u64,
    /// 95th percentile of it.
    pub age_p95_us: u64,
    /// The whole story of the first lost sample, a sentence a line.
    pub first_lost: Vec<String>,
}

/// What the far end's store said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Store {
    /// Samples of ours in it, each once.
    pub found: u64,
    /// Generated and not found.
    pub lost: u64,
    /// Of the lost, how many had been acknowledged.
    pub lost_acknowledged: u64,
    /// Found more than once; none where the read-back cannot show it.
    pub duplicated: Option<u64>,
    /// Found and never generated.
    pub unexpected: u64,
    /// Decreasing keys in the order of the store; none where the read-back cannot show it.
    pub out_of_order: Option<u64>,
}
