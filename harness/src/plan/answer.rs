//! What is read from an answer besides its status: checks, and captures for later steps.
//!
//! Not here: reading it (`client::asks`), statuses (`Request::check_status`).

use regex::Regex;
use serde_json::Value;

/// The most bytes of a body that are kept to be looked into.
pub const MOST_KEPT: usize = 1 << 20;

/// What must be so for an answer to be ok.
#[derive(Debug, Clone)]
pub enum Check {
    /// A value of a JSON body.
    Json {
        /// JSON pointer (RFC 6901).
        at: String,
        /// What it must be.
        ask: Ask,
    },
    /// A header; of several with this name, any.
    Header {
        /// Its name; case does not matter.
        name: String,
        /// What it must be; texts only.
        ask: Ask,
    },
    /// The body holds this text.
    Contains(String),
    /// The body's length in bytes, both ends included.
    Size {
        /// The least.
        least: u64,
        /// The greatest.
        most: u64,
    },
}

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Ask {
    /// There, or not there.
    Exists(bool),
    /// This.
    Equals(Value),
    /// A text, or the text of a number or boolean, in which this is found.
    Matches(Regex),
}

/// A value that later steps of a journey use.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Its name.
    pub name: String,
    /// Its place among all that a journey captures.
    pub slot: usize,
    /// Where it is found.
    pub from: Source,
}

/// Where a value is found.
#[derive(Debug, Clone)]
pub enum Source {
    /// A text, number or boolean of a JSON body: JSON pointer.
    Json(String),
    /// A header: the first of this name.
    Header(String),
    /// A cookie that the answer sets.
    Cookie(String),
    /// The first group of this in the body.
    Regex(Regex),
}

/// How much of a body must be read for checks and captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Nothing of it.
    Nothing,
    /// Its length.
    Length,
    /// Up to [`MOST_KEPT`] bytes of it.
    Body,
}

impl Check {
    /// What it must read.
    #[must_use]
    pub fn reads(&self) -> Reads {
        match self {
            Check::Header { .. } => Reads::Nothing,
            Check::Size { .. } => Reads::Length,
            Check::Json { .. } | Check::Contains(_) => Reads::Body,
        }
    }
}

impl Capture {
    /// What it must read.
    #[must_use]
    pub fn reads(&self) -> Reads {
        match self.from {
            Source::Header(_) | Source::Cookie(_) => Reads::Nothing,
            Source::Json(_) | Source::Regex(_) => Reads::Body,
        }
    }
}
