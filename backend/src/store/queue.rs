//! The write queue: who may wait for the writer, and how long.
//!
//! Invariant: the queue is bounded; who finds no room in time is told so.
//! Not here: what becomes of a batch (see `writer`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::writer::{Database, Job, Writer};
use super::{Record, StoreError, Written};
use crate::fleet::Fleet;
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;

/// Jobs that may wait for the writer; more wait at the door, for `timeout_pool`.
const QUEUE: usize = 1_024;

/// Jobs that [`Queue::note`] leaves free: what is promised goes before what is only noted.
const RESERVE: usize = QUEUE / 2;

/// The way to the writer.
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
    timeout_pool: Duration,
    timeout_db: Duration,
    /// True while a transaction is open.
    writing: Arc<AtomicBool>,
    /// Taken by the one call that closes.
    closer: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Queue {
    /// Starts the writer of a database.
    pub(super) fn start<D: Database>(
        database: D,
        settings: &Settings,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
        predictions: std::collections::BTreeMap<String, i64>,
    ) -> Queue {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let writing = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            database,
            fleet,
            metrics,
            busy: Arc::clone(&writing),
            predictions,
            timeout: settings.timeout_db,
        };
        let task = tokio::spawn(writer.run(queue, stopped));
        Queue {
            jobs,
            timeout_pool: settings.timeout_pool,
            timeout_db: settings.timeout_db,
            writing,
            closer: Mutex::new(Some((stop, task))),
        }
    }

    /// Queues the records and waits for their commit.
    pub(super) async fn write(&self, records: Arc<[Record]>) -> Result<Vec<Written>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let room = match self.jobs.try_reserve() {
            Ok(room) => room,
            Err(_) => tokio::time::timeout(self.timeout_pool, self.jobs.reserve())
                .await
                .map_err(|_| StoreError::Busy)?
                .map_err(|_| StoreError::Closed)?,
        };
        room.send(Job { records, answer: Some(answer) });
        tokio::time::timeout(self.timeout_db, answered)
            .await
            .map_err(|_| StoreError::Timeout)?
            .unwrap_or(Err(StoreError::Lost))
    }

    /// Queues a record that nobody waits for, if there is plenty of room.
    pub(super) fn note(&self, record: Record) -> bool {
        self.jobs.capacity() > RESERVE
            && self.jobs.try_send(Job { records: Arc::from([record]), answer: None }).is_ok()
    }

    pub(super) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// One while a transaction is open.
    pub(super) fn writing(&self) -> usize {
        usize::from(self.writing.load(Ordering::Relaxed))
    }

    /// Commits what is queued and ends the writer.
    pub(super) async fn close(&self) {
        let closer = self.closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, task)) = closer {
            // The writer is gone already if this fails, and then there is nothing to wait for.
            let _ = stop.send(());
            if let Err(error) = task.await {
                tracing::error!(function = "close", %error, "the writer ended badly");
            }
        }
    }
}
