//! The writer: one task, one connection, one transaction for everything that waits.
//!
//! While a commit is under way the next records queue up and share the next one, so a slow disk
//! makes larger batches, not longer queues. A batch is a few statements whatever its size.
//!
//! Invariant: a record's answer is sent after its commit, and the fleet learns of it in between.
//! Invariant: a failed batch is answered with the error, to each of its jobs.
//! Not here: who may queue and how long it waits (see `queue`), SQL (see `sqlite`, `postgres`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::rows::{self, Returned, Rows};
use super::{Record, StoreError, Written};
use crate::fleet::Fleet;
use crate::telemetry::metrics::Metrics;

/// Records after which no further job joins a transaction: bounds the time that the last waits.
const BATCH: usize = 512;

/// How long records that nobody waits for may wait for a commit to share.
const NOTES_WAIT: Duration = Duration::from_millis(100);

/// Records that are kept together or not at all, and who waits for them.
pub(super) struct Job {
    pub(super) records: Arc<[Record]>,
    pub(super) answer: Option<oneshot::Sender<Result<Vec<Written>, StoreError>>>,
}

/// What a writer needs of a database.
pub(super) trait Database: Send + 'static {
    /// Writes the rows in one transaction and commits it.
    fn commit(
        &mut self,
        rows: Rows,
        metrics: &Metrics,
    ) -> impl Future<Output = Result<Vec<Returned>, StoreError>> + Send;

    /// A commit outlived its time and was dropped: its connection is in an unknown state.
    fn abandoned(&mut self);

    /// Lets go of the database.
    fn close(self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The writing side of a store.
pub(super) struct Writer<D> {
    pub(super) database: D,
    pub(super) fleet: Arc<Fleet>,
    pub(super) metrics: Arc<Metrics>,
    /// True while a transaction is open.
    pub(super) busy: Arc<AtomicBool>,
    /// How many predictions of each machine were kept so far.
    pub(super) predictions: BTreeMap<String, i64>,
    /// The longest time of one transaction.
    pub(super) timeout: Duration,
}

impl<D: Database> Writer<D> {
    /// Commits until `stop` is told, then what is still queued, then lets go of the database.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, stop: oneshot::Receiver<()>) {
        let mut stop = Some(stop);
        let mut batch = Vec::new();
        loop {
            let first = match &mut stop {
                Some(told) => tokio::select! {
                    biased;
                    _ = told => {
                        stop = None;
                        jobs.close();
                        continue;
                    }
                    first = jobs.recv() => first,
                },
                None => jobs.recv().await,
            };
            let Some(first) = first else { break };
            let mut size = first.records.len();
            let mut awaited = first.answer.is_some();
            batch.push(first);
            // A commit for notes alone would cost a disk flush that nobody waits for.
            let patience = Instant::now() + NOTES_WAIT;
            while !awaited
                && size < BATCH
                && let Ok(Some(next)) = timeout_at(patience, jobs.recv()).await
            {
                size += next.records.len();
                awaited = next.answer.is_some();
                batch.push(next);
            }
            while size < BATCH
                && let Ok(next) = jobs.try_recv()
            {
                size += next.records.len();
                batch.push(next);
            }
            self.commit(&mut batch).await;
        }
        if let Err(error) = self.database.close().await {
            tracing::warn!(function = "run", %error, "the store did not close cleanly");
        }
    }

    /// Writes one batch, tells the fleet, answers everyone.
    async fn commit(&mut self, batch: &mut Vec<Job>) {
        let records: Vec<&Record> = batch.iter().flat_map(|job| job.records.iter()).collect();
        let rows = Rows::of(&records, &self.fleet, &mut self.predictions);
        self.busy.store(true, Ordering::Relaxed);
        let done = self.database.commit(rows, &self.metrics);
        let outcome = tokio::time::timeout(self.timeout, done).await.unwrap_or_else(|_| {
            self.database.abandoned();
            Err(StoreError::Timeout)
        });
        self.busy.store(false, Ordering::Relaxed);
        match outcome {
            Ok(returned) => {
                let written = rows::written(&records, returned);
                self.fleet.register(records.iter().map(|record| record.machine_id()));
                let new = records.iter().zip(&written).filter(|(_, w)| **w == Written::New);
                self.fleet.note(new.filter_map(|(record, _)| match record {
                    Record::Sample(sample) => Some(sample),
                    Record::Features(_) | Record::Predicted(_) => None,
                }));
                let mut written = written.into_iter();
                for job in batch.drain(..) {
                    let own = written.by_ref().take(job.records.len()).collect();
                    if let Some(answer) = job.answer {
                        // Nobody waits for it any more: it is stored all the same.
                        let _ = answer.send(Ok(own));
                    }
                }
            }
            Err(error) => {
                for job in batch.drain(..) {
                    match job.answer {
                        Some(answer) => drop(answer.send(Err(error.clone()))),
                        // Nobody waits; only predictions are noted so.
                        None => self.metrics.prediction_unkept(),
                    }
                }
            }
        }
    }
}
