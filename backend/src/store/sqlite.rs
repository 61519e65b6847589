//! SQLite: a file, one writer, a few readers.
//!
//! WAL lets readers go on while the writer commits. `synchronous=FULL` by default: in WAL mode
//! NORMAL would lose the last acknowledged commits with the power, and here acknowledged means
//! kept; since a batch shares one commit, it costs one disk flush a batch. Who measures the
//! service and not the disk sets `normal`, which still survives the death of the process.
//!
//! Invariant: readers cannot write.
//! Invariant: after a transaction that failed, a full disk's too, the writer has a new connection.
//! Not here: the queue (see `queue`), which rows a batch has (see `rows`).

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{ConnectOptions, SqlitePool};
use tokio::time::Instant;

use super::options::sqlite_options;
use super::pooled::{pooled, within};
use super::queue::Queue;
use super::rows::{self, Returned, Rows};
use super::writer::Database;
use super::{
    Answer, Burned, Place, Predicted, Record, Renewed, SamplePage, Store, StoreError, Written,
    migrations, reads,
};
use crate::fleet::Fleet;
use crate::machine::{self, MachineId};
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;

const INSERT_MACHINES: &str = "INSERT INTO machines (machine_id, machine_type, registered_at)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING";

const INSERT_SAMPLES: &str = "INSERT INTO samples
        (machine_id, sample_number, measured_at, status, metrics, repeats, fuel_rate_lh, kwh)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7
    FROM json_each(?1) WHERE true
    ON CONFLICT (machine_id, sample_number)
        DO UPDATE SET repeats = samples.repeats + 1 + excluded.repeats
    RETURNING machine_id, sample_number, repeats";

const INSERT_FEATURES: &str = "INSERT INTO features (machine_id, measured_at, features)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true";

const INSERT_PREDICTIONS: &str = "INSERT OR REPLACE INTO predictions
        (machine_id, slot, seq, predicted_at, risk_score, failure_probability, confidence,
         maintenance_hours)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7
    FROM json_each(?1)";

pooled! {
    /// A store in one SQLite database.
    Sqlite, SqlitePool
}

/// Between two tries to open a database that somebody else makes.
const BETWEEN_OPENS: Duration = Duration::from_millis(20);

impl Sqlite {
    /// Opens or makes the database and its folder, and fills the fleet from it.
    ///
    /// # Errors
    /// When the folder or the file cannot be made, or the file is no database of ours.
    pub(super) async fn open(
        place: &Place,
        settings: &Settings,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
    ) -> Result<Sqlite, StoreError> {
        let latest = Instant::now() + settings.timeout_pool;
        loop {
            let opened = Sqlite::try_open(place, settings, &fleet, &metrics).await;
            match opened {
                // Somebody else makes it now: SQLite does not wait where both want to change its mode.
                Err(StoreError::Busy) if Instant::now() < latest => {
                    tokio::time::sleep(BETWEEN_OPENS).await;
                }
                opened => return opened,
            }
        }
    }

    async fn try_open(
        place: &Place,
        settings: &Settings,
        fleet: &Arc<Fleet>,
        metrics: &Arc<Metrics>,
    ) -> Result<Sqlite, StoreError> {
        let options = sqlite_options(place, settings).await?;
        let mut connection = options.connect().await?;
        migrations::sqlite(&mut connection).await?;
        let at_start: Vec<MachineId> =
            machine::AT_START.iter().filter_map(|id| MachineId::parse(id).ok()).collect();
        sqlx::query(INSERT_MACHINES)
            .bind(rows::machines(&at_start))
            .execute(&mut connection)
            .await?;
        let latest = sqlx::query_as(reads::LATEST).fetch_all(&mut connection).await?;
        reads::fill(fleet, latest)?;
        let counted: Vec<(String, i64)> =
            sqlx::query_as(reads::COUNTED).fetch_all(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(settings.pool_size)
            .acquire_timeout(settings.timeout_pool)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        let counted = counted.into_iter().collect();
        let queue = Queue::start(
            Connected(Renewed::new(options, connection)),
            settings,
            Arc::clone(fleet),
            Arc::clone(metrics),
            counted,
        );
        let metrics = Arc::clone(metrics);
        Ok(Sqlite { queue, readers, metrics, timeout_db: settings.timeout_db })
    }
}

/// The writer's connection.
struct Connected(Renewed);

impl Database for Connected {
    async fn commit(&mut self, rows: Rows, metrics: &Metrics) -> Result<Vec<Returned>, StoreError> {
        let mut transaction = self.0.begin().await?;
        let plain = [
            (rows.machines, INSERT_MACHINES, "machines"),
            (rows.features, INSERT_FEATURES, "features"),
            (rows.predictions, INSERT_PREDICTIONS, "predictions"),
        ];
        for (text, statement, table) in plain {
            let Some(text) = text else { continue };
            let started = Instant::now();
            sqlx::query(statement).bind(text).execute(&mut *transaction).await?;
            metrics.query("insert", table, started.elapsed());
        }
        let mut returned = Vec::new();
        if let Some(text) = rows.samples {
            let started = Instant::now();
            let inserted = sqlx::query_as(INSERT_SAMPLES).bind(text);
            returned = inserted.fetch_all(&mut *transaction).await?;
            metrics.query("insert", "samples", started.elapsed());
        }
        let started = Instant::now();
        transaction.commit().await?;
        self.0.committed();
        metrics.query("commit", "all", started.elapsed());
        Ok(returned)
    }

    /// What was begun and not committed leads to a new connection.
    fn abandoned(&mut self) {}

    async fn close(self) -> Result<(), StoreError> {
        Ok(self.0.close().await?)
    }
}
