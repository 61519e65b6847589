//! The store: what is kept, and what it promises.
//!
//! Invariant: a write's answer comes after the commit that holds it; an error means that it was
//! not acknowledged, not that it is absent.
//! Invariant: (machine, sample number) is stored once; the first content stays.
//! Not here: the present state of machines (see `fleet`), which the store feeds.

mod migrations;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;
mod writer;

use std::pin::Pin;

use thiserror::Error;

use crate::machine::MachineId;
use crate::sample::{Features, Sample};

/// One thing to keep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Sample(Sample),
    Features(Features),
}

impl Record {
    pub(crate) fn machine_id(&self) -> &MachineId {
        match self {
            Record::Sample(sample) => &sample.machine_id,
            Record::Features(features) => &features.machine_id,
        }
    }
}

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    New,
    /// Its number was there already; nothing changed but the count of repeats.
    Repeat,
}

/// A page of the sample numbers of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SamplePage {
    /// `[first, last]`, ascending, no two of them adjacent.
    pub(crate) ranges: Vec<[i64; 2]>,
    /// How often samples of this page were sent again; pages add up.
    pub(crate) repeats: i64,
    /// Where the next page begins (`after`), if there is one.
    pub(crate) next: Option<i64>,
}

/// Why the store did not do it.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub(crate) enum StoreError {
    #[error("no connection or room in the write queue was free in time")]
    Busy,
    #[error("the store is closing")]
    Closed,
    #[error("the database took longer than it may")]
    Timeout,
    #[error("{0}")]
    Database(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            sqlx::Error::PoolClosed => StoreError::Closed,
            other => StoreError::Database(other.to_string()),
        }
    }
}

/// An answer of the store, boxed so that handlers need not know which store it is.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where samples are kept.
pub(crate) trait Store: Send + Sync + 'static {
    /// Keeps the record; answers after the commit.
    fn write(&self, record: Record) -> Answer<'_, Result<Written, StoreError>>;

    /// At most `limit` sample numbers above `after`, as ranges.
    fn samples<'a>(
        &'a self,
        machine: &'a MachineId,
        after: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Result<SamplePage, StoreError>>;

    /// Whether writes can still be taken.
    fn is_open(&self) -> bool;

    /// Connections in use just now, the writer's among them while it commits.
    fn connections_active(&self) -> usize;

    /// Commits what was queued, answers it, and lets go of the files. Later calls fail.
    fn close(&self) -> Answer<'_, ()>;
}
