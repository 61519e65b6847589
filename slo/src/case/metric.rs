//! Metrics: numbers of the system under test that are read again and again, and limits on them.
//!
//! Not here: how they are read (harness `probe`), what they came to (crate's `expectation`).

use super::{During, Moment, Of};
use crate::number::Number;
use serde::{Deserialize, Serialize};

/// A number that is read again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name in the scenario.
    pub name: String,
    /// What is read, in words: `rss of api`.
    pub reads: String,
    /// The service that it is of, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// For people: what its values are.
    pub unit: Unit,
    /// From read to read, µs.
    pub every_us: u64,
    /// Of a breaker's state: what of it shows.
    #[serde(default, skip_serializing_if = "Shown::is_default")]
    pub shown: Shown,
    /// Read of a Prometheus server, so a value is as old as that server's last look at it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scraped: bool,
}

/// What a metric shows of a breaker's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Its state at each read: what comes and goes between two of them does not show.
    #[default]
    States,
    /// The same of what closes by time alone, without a trial, also while all calls fail.
    TimedStates,
    /// Every change is counted.
    Changes,
}

impl Shown {
    fn is_default(&self) -> bool {
        *self == Shown::default()
    }
}

/// What a metric's values are, for people. Values themselves are in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Whatever they count.
    #[default]
    Plain,
    /// Bytes.
    Bytes,
    /// Parts of one: 0.5 is 50 %; of processors, 1 is one of them.
    Share,
    /// Seconds.
    Seconds,
}

/// Between which values something must stay; what is none is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Strictly less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Number>,
    /// No more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Number>,
    /// Strictly more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Number>,
    /// No less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Number>,
}

impl Limits {
    /// Whether a value keeps them.
    #[must_use]
    pub fn hold(&self, value: Number) -> bool {
        self.below.is_none_or(|limit| value < limit)
            && self.at_most.is_none_or(|limit| value <= limit)
            && self.above.is_none_or(|limit| value > limit)
            && self.at_least.is_none_or(|limit| value >= limit)
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// In words: `at most 512 MiB`.
    #[must_use]
    pub fn words(&self, unit: Unit) -> String {
        let all = [
            ("above", self.above),
            ("at least", self.at_least),
            ("below", self.below),
            ("at most", self.at_most),
        ];
        let asked = all.into_iter().filter_map(|(word, limit)| {
            Some(format!("{word} {}", crate::amount::limit(limit?, unit)))
        });
        asked.collect::<Vec<_>>().join(" and ")
    }
}

/// How fast something may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// No more than this,
    pub at_most: Number,
    /// in so many µs.
    pub per_us: u64,
}

/// What a metric must do; what is none is not asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricMust {
    /// Index into [`crate::Case::metrics`].
    pub metric: usize,
    /// Every sample.
    #[serde(default)]
    pub value: Limits,
    /// The slope over all samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// From the first to the last sample no more than this; what a counter adds when it begins
    /// anew counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<Number>,
    /// So much from the start of the first stretch on is left out, µs.
    pub skip_us: u64,
    /// When.
    pub during: Vec<During>,
}

/// That a metric comes down and stays down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlesMust {
    /// Index into [`crate::Case::metrics`].
    pub metric: usize,
    /// No more than this.
    pub at_most: Number,
    /// From when.
    pub after: Moment,
    /// Deadline, µs.
    pub within_us: u64,
    /// How long it must stay so, µs.
    pub hold_us: u64,
}

/// That a metric rises by as many as answers were ok.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcilesMust {
    /// Whose answers.
    pub of: Vec<Of>,
    /// Index into [`crate::Case::metrics`].
    pub metric: usize,
    /// By so many they may differ.
    pub at_most: u64,
    /// From when, and within how long, µs, they must agree once; none: at the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<(Moment, u64)>,
}
