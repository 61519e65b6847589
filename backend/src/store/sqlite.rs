//! SQLite: a file, one writer, a few readers.
//!
//! WAL lets readers go on while the writer commits. `synchronous=FULL` by default: in WAL mode
//! NORMAL would lose the last acknowledged commits with the power, and here acknowledged means
//! kept; since a batch shares one commit, it costs one disk flush a batch. Who measures the
//! service and not the disk sets `normal`, which still survives the death of the process.
//!
//! Invariant: the write queue is bounded; who finds no room in time is told so.
//! Not here: what a transaction holds (see `writer`).

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::writer::{self, Job, Writer};
use super::{Answer, Record, SamplePage, Store, StoreError, Written, migrations};
use crate::fleet::Fleet;
use crate::machine::{self, MachineId};
use crate::sample::{Readings, Sample};
use crate::settings::{Settings, Synchronous};
use crate::telemetry::metrics::Metrics;

/// Records that may wait for the writer; more wait at the door, for `timeout_pool`.
const QUEUE: usize = 1_024;

/// The numbers of a page, gathered into islands of consecutive ones.
const RANGES: &str = "SELECT MIN(n), MAX(n), SUM(repeats), COUNT(*) FROM (
        SELECT n, repeats, n - ROW_NUMBER() OVER (ORDER BY n) AS island FROM (
            SELECT sample_number AS n, repeats FROM samples
            WHERE machine_id = ?1 AND sample_number IS NOT NULL AND sample_number > ?2
            ORDER BY sample_number LIMIT ?3))
    GROUP BY island ORDER BY 1";

const ANY_ABOVE: &str =
    "SELECT EXISTS (SELECT 1 FROM samples WHERE machine_id = ?1 AND sample_number > ?2)";

const LATEST: &str = "SELECT m.machine_id, s.measured_at, s.status, s.metrics FROM machines m
    LEFT JOIN samples s ON s.id = (
        SELECT id FROM samples WHERE machine_id = m.machine_id
        ORDER BY measured_at DESC, id DESC LIMIT 1)";

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File(PathBuf),
}

impl Place {
    /// Reads `sqlite://PATH` or `sqlite::memory:`.
    ///
    /// # Errors
    /// Says what to write.
    pub(crate) fn parse(url: &str) -> Result<Place, String> {
        match url.strip_prefix("sqlite:") {
            Some(":memory:") => Ok(Place::Memory),
            Some(rest) => match rest.strip_prefix("//") {
                Some(path) if !path.is_empty() && !path.contains(['?', '\0']) => {
                    Ok(Place::File(PathBuf::from(path)))
                }
                _ => Err(format!("`{url}` names no file: write sqlite://PATH or sqlite::memory:")),
            },
            // The URL may hold a password: only its scheme is repeated.
            None => Err(format!(
                "`{}` databases are not supported: write sqlite://PATH or sqlite::memory:",
                url.split(':').next().unwrap_or_default()
            )),
        }
    }

    fn options(&self) -> Result<SqliteConnectOptions, StoreError> {
        match self {
            Place::Memory => Ok(SqliteConnectOptions::from_str("sqlite::memory:")?),
            Place::File(path) => Ok(SqliteConnectOptions::new().filename(path)),
        }
    }
}

/// A store in one SQLite database.
pub(crate) struct Sqlite {
    jobs: mpsc::Sender<Job>,
    readers: SqlitePool,
    metrics: Arc<Metrics>,
    timeout_pool: Duration,
    timeout_db: Duration,
    writing: Arc<AtomicBool>,
    /// Taken by the one call that closes.
    closer: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Sqlite {
    /// Opens or makes the database and its folder, and fills the fleet from it.
    ///
    /// # Errors
    /// When the folder or the file cannot be made, or the file is no database of ours.
    pub(crate) async fn open(
        settings: &Settings,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
    ) -> Result<Sqlite, StoreError> {
        let place = Place::parse(&settings.database_url).map_err(StoreError::Database)?;
        if let Place::File(path) = &place {
            make_folder(path).await?;
        }
        let synchronous = match settings.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        let options = place
            .options()?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(settings.timeout_pool)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        migrations::apply(&mut connection).await?;
        let at_start: Vec<MachineId> =
            machine::AT_START.iter().filter_map(|id| MachineId::parse(id).ok()).collect();
        writer::register(&mut connection, &at_start).await?;
        load(&mut connection, &fleet).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(settings.pool_size)
            .acquire_timeout(settings.timeout_pool)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let writing = Arc::new(AtomicBool::new(false));
        let writer =
            Writer { connection, fleet, metrics: Arc::clone(&metrics), busy: Arc::clone(&writing) };
        let task = tokio::spawn(writer.run(queue, stopped));
        Ok(Sqlite {
            jobs,
            readers,
            metrics,
            timeout_pool: settings.timeout_pool,
            timeout_db: settings.timeout_db,
            writing,
            closer: Mutex::new(Some((stop, task))),
        })
    }

    async fn page(
        &self,
        machine: &MachineId,
        after: i64,
        limit: u32,
    ) -> Result<SamplePage, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let started = Instant::now();
        let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(RANGES)
            .bind(machine.as_str())
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
        let last = rows.last().map(|row| row.1);
        let full = rows.iter().map(|row| row.3).sum::<i64>() >= i64::from(limit);
        let next = match last {
            Some(last) if full => {
                let more: bool = sqlx::query_scalar(ANY_ABOVE)
                    .bind(machine.as_str())
                    .bind(last)
                    .fetch_one(&mut *connection)
                    .await?;
                more.then_some(last)
            }
            _ => None,
        };
        self.metrics.query("select", "samples", started.elapsed());
        Ok(SamplePage {
            ranges: rows.iter().map(|row| [row.0, row.1]).collect(),
            repeats: rows.iter().map(|row| row.2).sum(),
            next,
        })
    }
}

impl Store for Sqlite {
    fn write(&self, record: Record) -> Answer<'_, Result<Written, StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let room = match self.jobs.try_reserve() {
                Ok(room) => room,
                Err(_) => tokio::time::timeout(self.timeout_pool, self.jobs.reserve())
                    .await
                    .map_err(|_| StoreError::Busy)?
                    .map_err(|_| StoreError::Closed)?,
            };
            room.send(Job { record, answer });
            tokio::time::timeout(self.timeout_db, answered)
                .await
                .map_err(|_| StoreError::Timeout)?
                .unwrap_or(Err(StoreError::Closed))
        })
    }

    fn samples<'a>(
        &'a self,
        machine: &'a MachineId,
        after: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Result<SamplePage, StoreError>> {
        // Numbers start at 0, so this is below all of them.
        let page = self.page(machine, after.unwrap_or(-1), limit);
        Box::pin(async move {
            tokio::time::timeout(self.timeout_db, page).await.map_err(|_| StoreError::Timeout)?
        })
    }

    fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    fn connections_active(&self) -> usize {
        let reading = (self.readers.size() as usize).saturating_sub(self.readers.num_idle());
        reading + usize::from(self.writing.load(Ordering::Relaxed))
    }

    fn close(&self) -> Answer<'_, ()> {
        let closer = self.closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            self.readers.close().await;
            if let Some((stop, task)) = closer {
                // The writer is gone already if this fails, and then there is nothing to wait for.
                let _ = stop.send(());
                if let Err(error) = task.await {
                    tracing::error!(function = "close", %error, "the writer ended badly");
                }
            }
        })
    }
}

async fn make_folder(file: &Path) -> Result<(), StoreError> {
    let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) else { return Ok(()) };
    tokio::fs::create_dir_all(folder).await.map_err(|e| {
        StoreError::Database(format!("cannot make the folder {}: {e}", folder.display()))
    })
}

/// Fills the fleet with every machine and its latest sample.
async fn load(connection: &mut SqliteConnection, fleet: &Fleet) -> Result<(), StoreError> {
    type Row = (String, Option<i64>, Option<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(LATEST).fetch_all(connection).await?;
    for (id, measured_at, status, metrics) in rows {
        let unreadable = || StoreError::Database(format!("machine `{id}` has an unreadable row"));
        let machine_id = MachineId::parse(&id).map_err(|_| unreadable())?;
        fleet.register([machine_id.clone()]);
        if let (Some(micros), Some(metrics)) = (measured_at, metrics) {
            let measured_at = DateTime::from_timestamp_micros(micros).ok_or_else(unreadable)?;
            let metrics: Readings = serde_json::from_str(&metrics).map_err(|_| unreadable())?;
            fleet.note(&[Sample { machine_id, number: None, measured_at, status, metrics }]);
        }
    }
    Ok(())
}
