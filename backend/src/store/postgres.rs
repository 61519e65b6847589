//! PostgreSQL: a server, one writing connection, a pool for reading.
//!
//! Invariant: after an error the writing connection is thrown away and made anew: what it was
//! doing is rolled back by the server.
//! Invariant: `synchronous_commit` follows `DATABASE_SYNCHRONOUS`, as it does for SQLite.
//! Not here: the queue (see `queue`), which rows a batch has (see `rows`).

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::time::Instant;

use super::pooled::{pooled, within};
use super::queue::Queue;
use super::rows::{self, Returned, Rows};
use super::writer::Database;
use super::{
    Answer, Burned, Predicted, Record, SamplePage, Store, StoreError, Written, migrations, reads,
};
use crate::fleet::Fleet;
use crate::machine::{self, MachineId};
use crate::settings::{Settings, Synchronous};
use crate::telemetry::metrics::Metrics;

const INSERT_MACHINES: &str = "INSERT INTO machines (machine_id, machine_type, registered_at)
    SELECT v ->> 0, v ->> 1, v ->> 2 FROM jsonb_array_elements($1::jsonb) AS v
    ON CONFLICT DO NOTHING";

const INSERT_SAMPLES: &str = "INSERT INTO samples
        (machine_id, sample_number, measured_at, status, metrics, repeats, fuel_rate_lh, kwh)
    SELECT v ->> 0, (v ->> 1)::bigint, (v ->> 2)::bigint, v ->> 3, v ->> 4, (v ->> 5)::bigint,
        (v ->> 6)::float8, (v ->> 7)::float8
    FROM jsonb_array_elements($1::jsonb) AS v
    ON CONFLICT (machine_id, sample_number)
        DO UPDATE SET repeats = samples.repeats + 1 + excluded.repeats
    RETURNING machine_id, sample_number, repeats";

const INSERT_FEATURES: &str = "INSERT INTO features (machine_id, measured_at, features)
    SELECT v ->> 0, (v ->> 1)::bigint, v ->> 2 FROM jsonb_array_elements($1::jsonb) AS v";

const INSERT_PREDICTIONS: &str = "INSERT INTO predictions
        (machine_id, slot, seq, predicted_at, risk_score, failure_probability, confidence,
         maintenance_hours)
    SELECT v ->> 0, (v ->> 1)::bigint, (v ->> 2)::bigint, (v ->> 3)::bigint, (v ->> 4)::float8,
        (v ->> 5)::float8, (v ->> 6)::float8, (v ->> 7)::float8
    FROM jsonb_array_elements($1::jsonb) AS v
    ON CONFLICT (machine_id, slot) DO UPDATE SET seq = excluded.seq,
        predicted_at = excluded.predicted_at, risk_score = excluded.risk_score,
        failure_probability = excluded.failure_probability, confidence = excluded.confidence,
        maintenance_hours = excluded.maintenance_hours";

pooled! {
    /// A store in one PostgreSQL database.
    Postgres, PgPool
}

impl Postgres {
    /// Connects, brings the database to this edition's shape, and fills the fleet from it.
    ///
    /// # Errors
    /// When the server cannot be reached in time or refuses, or the database is a newer one.
    pub(super) async fn open(
        url: &str,
        settings: &Settings,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
    ) -> Result<Postgres, StoreError> {
        let synchronous = match settings.synchronous {
            Synchronous::Full => "on",
            Synchronous::Normal => "off",
        };
        let options = url
            .parse::<PgConnectOptions>()?
            .application_name("assay-backend")
            .options([("synchronous_commit", synchronous)])
            .disable_statement_logging();
        let mut connection = within(settings.timeout_pool, connect(&options)).await?;
        migrations::postgres(&mut connection).await?;
        let at_start: Vec<MachineId> =
            machine::AT_START.iter().filter_map(|id| MachineId::parse(id).ok()).collect();
        sqlx::query(INSERT_MACHINES)
            .bind(rows::machines(&at_start))
            .execute(&mut connection)
            .await?;
        let latest = sqlx::query_as(reads::LATEST).fetch_all(&mut connection).await?;
        reads::fill(&fleet, latest)?;
        let counted: Vec<(String, i64)> =
            sqlx::query_as(reads::COUNTED).fetch_all(&mut connection).await?;
        let readers = PgPoolOptions::new()
            .max_connections(settings.pool_size)
            .acquire_timeout(settings.timeout_pool)
            .connect_lazy_with(options.clone());
        let counted = counted.into_iter().collect();
        let writing =
            Connected { options, timeout: settings.timeout_pool, connection: Some(connection) };
        let queue = Queue::start(writing, settings, fleet, Arc::clone(&metrics), counted);
        Ok(Postgres { queue, readers, metrics, timeout_db: settings.timeout_db })
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    Ok(options.connect().await?)
}

/// The writer's connection; none after an error, until the next batch.
struct Connected {
    options: PgConnectOptions,
    timeout: Duration,
    connection: Option<PgConnection>,
}

impl Database for Connected {
    async fn commit(&mut self, rows: Rows, metrics: &Metrics) -> Result<Vec<Returned>, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => within(self.timeout, connect(&self.options)).await?,
        };
        let returned = write(&mut connection, rows, metrics).await?;
        self.connection = Some(connection);
        Ok(returned)
    }

    /// The connection was taken out for the commit and went with it.
    fn abandoned(&mut self) {}

    async fn close(self) -> Result<(), StoreError> {
        match self.connection {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }
}

async fn write(
    connection: &mut PgConnection,
    rows: Rows,
    metrics: &Metrics,
) -> Result<Vec<Returned>, StoreError> {
    let mut transaction = connection.begin().await?;
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
        returned = sqlx::query_as(INSERT_SAMPLES).bind(text).fetch_all(&mut *transaction).await?;
        metrics.query("insert", "samples", started.elapsed());
    }
    let started = Instant::now();
    transaction.commit().await?;
    metrics.query("commit", "all", started.elapsed());
    Ok(returned)
}
