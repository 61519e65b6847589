//! Arrivals as a log has them.
//!
//! Invariant: due instants are in order, and lie in the load's `starts_us..ends_us()`.
//! Not here: reading the log (`compile::replay`).

use assay_slo::time::SECOND_US;
use std::fmt;
use std::sync::Arc;

/// When the requests of a log are due.
#[derive(Clone, PartialEq, Eq)]
pub struct Logged {
    /// The file, as the scenario names it.
    pub file: String,
    /// How many times faster than logged, in thousandths.
    pub speed_milli: u64,
    /// µs after time 0, in order.
    pub due_us: Arc<[u64]>,
}

impl Logged {
    /// How many are due before an instant, µs after time 0.
    #[must_use]
    pub fn before(&self, us: u64) -> u64 {
        self.due_us.partition_point(|due| *due < us) as u64
    }

    /// The most that are due within a second.
    #[must_use]
    pub fn most_in_a_second(&self) -> u64 {
        let within = |due: &u64| self.before(due.saturating_add(SECOND_US)) - self.before(*due);
        self.due_us.iter().map(within).max().unwrap_or(0)
    }
}

/// There may be millions of them.
impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logged")
            .field("file", &self.file)
            .field("requests", &self.due_us.len())
            .finish_non_exhaustive()
    }
}
