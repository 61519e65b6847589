//! The store: what is kept, and what it promises.
//!
//! Invariant: a write's answer comes after the commit that holds it; an error means that it was
//! not acknowledged, not that it is absent.
//! Invariant: (machine, sample number) is stored once; the first content stays.
//! Not here: the present state of machines (see `fleet`), which the store feeds.

mod guard;
mod migrations;
mod options;
mod place;
mod pooled;
mod postgres;
mod queue;
mod reads;
mod renewed;
mod rows;
mod sqlite;
#[cfg(test)]
mod tests;
mod writer;

use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::fleet::Fleet;
use crate::machine::MachineId;
use crate::model::Prediction;
use crate::sample::{Features, Sample};
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;

pub(crate) use guard::{BREAKER, Guarded, READ_BREAKER};
pub(crate) use options::sqlite_options;
pub(crate) use place::{Named, Place, shown};
pub(crate) use renewed::Renewed;

/// How many predictions of each machine are kept.
pub(crate) const PREDICTIONS_KEPT: u32 = 200;

/// One thing to keep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Sample(Sample),
    Features(Features),
    Predicted(Predicted),
}

/// A prediction that was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Predicted {
    pub(crate) machine_id: MachineId,
    pub(crate) at: DateTime<Utc>,
    pub(crate) prediction: Prediction,
}

impl Record {
    pub(crate) fn machine_id(&self) -> &MachineId {
        match self {
            Record::Sample(sample) => &sample.machine_id,
            Record::Features(features) => &features.machine_id,
            Record::Predicted(predicted) => &predicted.machine_id,
        }
    }

    /// Whether writing it twice is the same as writing it once.
    fn is_idempotent(&self) -> bool {
        matches!(self, Record::Sample(sample) if sample.number.is_some())
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

/// What one sample says of fuel and electricity, with the sums over the machine's samples up to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Burned {
    pub(crate) measured_at: DateTime<Utc>,
    /// Litres of diesel an hour.
    pub(crate) fuel_rate_lh: Option<f64>,
    /// Kilowatt hours an hour.
    pub(crate) kwh: Option<f64>,
    pub(crate) fuel_sum: f64,
    pub(crate) kwh_sum: f64,
}

/// Why the store did not do it.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub(crate) enum StoreError {
    #[error("no connection, lock or room in the write queue was free in time")]
    Busy,
    #[error("the store is closing")]
    Closed,
    #[error("the database took longer than it may")]
    Timeout,
    #[error("{0}")]
    Database(String),
    /// The writer ended without a word: it may have been stored.
    #[error("the write has no outcome")]
    Lost,
    /// The breaker is open: the database was not asked.
    #[error("the database's circuit breaker is open")]
    Open {
        /// See `Rejected::retry_after`.
        retry_after: std::time::Duration,
    },
}

impl StoreError {
    /// What went wrong, in one word.
    fn kind(&self) -> &'static str {
        match self {
            StoreError::Busy => "busy",
            StoreError::Closed => "closed",
            StoreError::Timeout => "timeout",
            StoreError::Database(_) => "database",
            StoreError::Lost => "lost",
            StoreError::Open { .. } => "open",
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            sqlx::Error::PoolClosed => StoreError::Closed,
            locked if renewed::is_locked(&locked) => StoreError::Busy,
            other => StoreError::Database(other.to_string()),
        }
    }
}

/// An answer of the store, boxed so that handlers need not know which store it is.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where samples are kept.
pub(crate) trait Store: Send + Sync + 'static {
    /// Keeps all of the records in one commit or none; answers after it, one word for each, in
    /// order.
    fn write(&self, records: Arc<[Record]>) -> Answer<'_, Result<Vec<Written>, StoreError>>;

    /// Keeps a record with one of the next commits, without a promise. Returns false where there
    /// is no room for it.
    fn note(&self, record: Record) -> bool;

    /// At most `limit` sample numbers above `after`, as ranges.
    fn samples<'a>(
        &'a self,
        machine: &'a MachineId,
        after: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Result<SamplePage, StoreError>>;

    /// The latest predictions, newest first.
    fn predictions<'a>(
        &'a self,
        machine: &'a MachineId,
        limit: u32,
    ) -> Answer<'a, Result<Vec<Predicted>, StoreError>>;

    /// The latest samples that tell fuel or electricity, newest first by measurement.
    fn burned<'a>(
        &'a self,
        machine: &'a MachineId,
        limit: u32,
    ) -> Answer<'a, Result<Vec<Burned>, StoreError>>;

    /// Whether writes can still be taken.
    fn is_open(&self) -> bool;

    /// Connections in use just now, the writer's among them while it commits.
    fn connections_active(&self) -> usize;

    /// Commits what was queued, answers it, and lets go of the files. Later calls fail.
    fn close(&self) -> Answer<'_, ()>;
}

/// Opens the database that the settings name and fills the fleet from it.
///
/// # Errors
/// When it cannot be opened or made, or is none of ours.
pub(crate) async fn open(
    settings: &Settings,
    fleet: Arc<Fleet>,
    metrics: Arc<Metrics>,
) -> Result<Arc<dyn Store>, StoreError> {
    let place = Place::parse(&settings.database_url).map_err(StoreError::Database)?;
    Ok(match place {
        Place::Postgres(url) => {
            Arc::new(postgres::Postgres::open(&url, settings, fleet, metrics).await?)
        }
        place => Arc::new(sqlite::Sqlite::open(&place, settings, fleet, metrics).await?),
    })
}
