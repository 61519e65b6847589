//! What a fleet's samples came to.
//!
//! Not here: counting them (`expectation::ledger`).

use serde::{Deserialize, Serialize};

/// A fleet's account: what became of its samples.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LedgerScore {
    /// The fleet's name.
    pub fleet: String,
    /// Samples generated; none if the run ended before it was said.
    pub generated: Option<u64>,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Discarded by our gateway's overflow policy.
    pub discarded: u64,
    /// Still in our outboxes at the end.
    pub in_outbox: u64,
    /// Samples of ours in the far end's store; none if it was never read back.
    pub found: Option<u64>,
    /// Generated and not read back.
    pub lost: Option<u64>,
    /// Of the lost, acknowledged.
    pub lost_acknowledged: Option<u64>,
    /// Stored more than once; none where the read-back cannot show it.
    pub duplicated: Option<u64>,
    /// Read back and never generated.
    pub unexpected: Option<u64>,
    /// Decreasing keys in the order of the store; none where the read-back cannot show it.
    pub out_of_order: Option<u64>,
    /// 95th percentile of the age at the acknowledgement, µs.
    pub age_p95_us: u64,
    /// Greatest age, µs.
    pub age_max_us: u64,
    /// Greatest backlog of our gateways; none where it was not watched.
    pub backlog_peak: Option<u64>,
    /// Why the store could not be read, if it could not.
    pub problem: Option<String>,
    /// The story of the first lost sample, a sentence a line.
    pub first_lost: Vec<String>,
}
