//! What an objective says besides its limit.
//!
//! Invariant: without any of it an objective counts every request, each on its own, over the whole
//! of its phases.
//! Not here: what follows from it (`objective`).

use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};

/// Terms of an objective; none unless the scenario says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Requests that ended like this are left out, as if they had not been sent; the score says how
    /// many, and more than 1 % leave it undecided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excused: Vec<Outcome>,
    /// Each window of so many whole seconds, on the grid of time 0, must not surely break the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_s: Option<u64>,
    /// Bad requests come in bursts of so many, so n of them tell as much as n divided by this that
    /// are independent (Korn and Graubard 1998: a design effect).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<u64>,
}

impl Terms {
    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Terms::default()
    }

    /// `, also in windows of 10 s, http_429 excused`.
    #[must_use]
    pub fn words(&self) -> String {
        let window = self.window_s.map(|s| format!(", also in windows of {s} s"));
        let excused = match self.excused_names() {
            names if names.is_empty() => names,
            names => format!(", {names} excused"),
        };
        window.unwrap_or_default() + &excused
    }

    /// `http_429`.
    #[must_use]
    pub fn excused_names(&self) -> String {
        let names = self.excused.iter().map(|outcome| outcome.name());
        names.collect::<Vec<_>>().join(", ")
    }

    /// How many requests tell as much as one that is independent; at least 1.
    #[must_use]
    pub fn effect(&self) -> u64 {
        self.bursts.unwrap_or(1).max(1)
    }
}
