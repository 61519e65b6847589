//! What is read from an answer besides its status: checks, and captures for later steps.
//!
//! Not here: reading it (`client::asks`), statuses (`Request::check_status`).

use super::Text;
use regex::Regex;
use serde_json::Value;
use std::fmt;

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
    Contains(Wanted),
    /// The body's length in bytes, both ends included.
    Size {
        /// The least.
        least: u64,
        /// The greatest.
        most: u64,
    },
}

/// A text that an answer is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The text; of one that each sending fills in, empty until then.
    pub text: String,
    /// How the scenario writes one that each sending fills in: what is said of an answer quotes that.
    pub open: Option<Text>,
}

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Ask {
    /// There, or not there.
    Exists(bool),
    /// This.
    Equals(Value),
    /// A text, or a number or boolean that is written like this.
    Is(Wanted),
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

impl Wanted {
    /// A text that is always the same.
    #[must_use]
    pub fn same(text: String) -> Wanted {
        Wanted { text, open: None }
    }

    /// As it is written in the scenario.
    #[must_use]
    pub fn written(&self) -> &str {
        self.open.as_ref().map_or(&self.text, |open| &open.0)
    }
}

impl Check {
    /// The text that it holds an answer against.
    pub fn wanted(&mut self) -> Option<&mut Wanted> {
        match self {
            Check::Contains(wanted)
            | Check::Json { ask: Ask::Is(wanted), .. }
            | Check::Header { ask: Ask::Is(wanted), .. } => Some(wanted),
            Check::Json { .. } | Check::Header { .. } | Check::Size { .. } => None,
        }
    }

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

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ask::Exists(true) => f.write_str("exists"),
            Ask::Exists(false) => f.write_str("does not exist"),
            Ask::Equals(value) => write!(f, "equals {value}"),
            Ask::Is(wanted) => write!(f, "equals `{}`", wanted.written()),
            Ask::Matches(pattern) => write!(f, "matches `{pattern}`"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Json { at, ask } => write!(f, "json {at} {ask}"),
            Check::Header { name, ask } => write!(f, "header {name} {ask}"),
            Check::Contains(wanted) => write!(f, "contains `{}`", wanted.written()),
            Check::Size { least: 0, most } => write!(f, "size at most {most} B"),
            Check::Size { least, most: u64::MAX } => write!(f, "size at least {least} B"),
            Check::Size { least, most } => write!(f, "size of {least} to {most} B"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Json(at) => write!(f, "json {at}"),
            Source::Header(name) => write!(f, "header {name}"),
            Source::Cookie(name) => write!(f, "cookie {name}"),
            Source::Regex(pattern) => write!(f, "regex `{pattern}`"),
        }
    }
}
