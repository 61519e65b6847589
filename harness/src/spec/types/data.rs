//! Rows that requests take their values from.
//!
//! Not here: reading the files, and what needs two values at once (`plan`).

use crate::spec::scalar::Words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of rows, by the form of its file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataSet {
    /// Comma-separated; the first line names the columns.
    Csv(DataFile),
    /// A list of flat objects, all with the same keys.
    Json(DataFile),
}

/// A file of rows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataFile {
    /// Relative to the scenario's folder.
    pub file: Words,
    /// Which row the next request or journey gets: sequential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick: Option<Pick>,
    /// What happens after the last row: recycle; with `pick: unique` stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_exhausted: Option<WhenExhausted>,
}

/// Which row the next one gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// The next one.
    Sequential,
    /// Any, by the seed.
    Random,
    /// The next one, which no other load uses.
    Unique,
}

/// What happens after the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenExhausted {
    /// The first row comes again.
    Recycle,
    /// The load ends.
    Stop,
    /// What has no row is not sent, and its outcome is unknown.
    Fail,
}
