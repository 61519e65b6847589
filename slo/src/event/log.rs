//! What services' output told.
//!
//! Not here: what is looked for (`case`), what follows (`expectation`).

use crate::time::At;
use serde::{Deserialize, Serialize};

/// Lines that were looked for, close to each other in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Index into [`crate::Case::logs`].
    pub log: usize,
    /// Each was written between this instant, by its own time where it has one,
    pub from: At,
    /// and this, at which it was read.
    pub to: At,
    /// How many.
    pub n: u64,
    /// How many more may be: they were too long to be read whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsure: u64,
    /// The first of them, its end cut.
    pub text: String,
}

/// The whole output of a service was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRead {
    /// Index into [`crate::Case::logs`].
    pub log: usize,
    /// Until then it is judged; what was written later is of its end.
    pub until: At,
    /// Lines in all, whatever they hold.
    pub lines: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
