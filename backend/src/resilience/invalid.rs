//! A setting that cannot be meant, and what to write instead.
//!
//! Invariant: the text names the setting, what was found, and a value that would do.
//! Not here: where the setting was written; whoever parsed it knows.

use std::time::Duration;

use thiserror::Error;

/// A setting that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{setting} is {found}: {write}")]
pub struct Invalid {
    /// The setting's name, as in the constructor.
    pub setting: &'static str,
    /// What was found.
    pub found: String,
    /// What to write instead.
    pub write: &'static str,
}

/// A count that must not be zero.
pub(super) fn at_least_one(
    setting: &'static str,
    found: u32,
    write: &'static str,
) -> Result<u32, Invalid> {
    if found == 0 { Err(Invalid { setting, found: found.to_string(), write }) } else { Ok(found) }
}

/// A duration that must not be zero on a clock of whole microseconds.
pub(super) fn at_least_a_microsecond(
    setting: &'static str,
    found: Duration,
    write: &'static str,
) -> Result<Duration, Invalid> {
    if found < Duration::from_micros(1) {
        Err(Invalid { setting, found: format!("{found:?}"), write })
    } else {
        Ok(found)
    }
}
