//! What metrics and looks at services told.
//!
//! Not here: what is read (`case`), what follows (`expectation`).

use crate::number::Number;
use crate::time::At;
use serde::{Deserialize, Serialize};

/// One value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Index into [`crate::Case::metrics`].
    pub metric: usize,
    /// It was read between this instant
    pub asked: At,
    /// and this.
    pub answered: At,
    /// In the metric's base unit.
    pub value: Number,
    /// It only grows, and begins anew when whoever counts does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counter: bool,
    /// Of a counter of several series, some of which began anew, went or came back: what they added since
    /// the value before, each by itself. None: as the values tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anew: Option<Number>,
}

/// A value that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Index into [`crate::Case::metrics`].
    pub metric: usize,
    /// When it was asked for.
    pub asked: At,
    /// Why there is none, as the end of a sentence.
    pub why: String,
    /// Its page was there and read by then, without such a series; none: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<At>,
}

/// Looks at a service after a fault's end, until it was ready or nobody waited any longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// Its name.
    pub service: String,
    /// The first began then.
    pub from: At,
    /// The last that found it not ready began then; none: none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_ready: Option<At>,
    /// The one that found it ready ended then; none: none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<At>,
    /// What was seen last, in words.
    pub detail: String,
}
