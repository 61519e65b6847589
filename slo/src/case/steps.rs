//! Loads that go up in steps, and the capacity that is looked for on them.
//!
//! Not here: how long steps are and how fast they rise (harness `plan`), which of them held
//! (`capacity`).

use super::Place;
use serde::{Deserialize, Serialize};

/// One step of a load: a stretch of constant rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The rate, in thousandths of a request a minute.
    pub milli_per_min: u64,
    /// When it ends, µs after time 0.
    pub ends_us: u64,
    /// The first second that is judged: the first whole one after it has settled.
    pub from_s: u64,
    /// The second before which the last judged one lies.
    pub to_s: u64,
    /// How many requests are planned in the judged seconds.
    pub planned: u64,
}

/// The highest step of a load at which some objectives hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Its name in the scenario.
    pub name: String,
    /// Where it was written.
    pub place: Place,
    /// Index into [`crate::Case::loads`]: a load with steps.
    pub load: usize,
    /// Every step up to this rate must hold, in thousandths of a request a minute; none: the first
    /// must, and which is the last is to be found.
    pub at_least_milli_per_min: Option<u64>,
    /// What must hold, indices into [`crate::Case::objectives`].
    pub criteria: Vec<usize>,
    /// Reported, but does not decide the run.
    pub advisory: bool,
}
