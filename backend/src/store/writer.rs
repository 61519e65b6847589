//! The writer: one task, one connection, one transaction for everything that waits.
//!
//! While a commit is under way the next records queue up and share the next one, so a slow disk
//! makes larger batches, not longer queues. A batch is two statements whatever its size: its rows
//! travel as one JSON text.
//!
//! Invariant: a record's answer is sent after its commit, and the fleet learns of it in between.
//! Invariant: a failed batch is answered with the error, to each of its records.
//! Not here: who may queue and how long it waits (see `sqlite`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Record, StoreError, Written};
use crate::fleet::Fleet;
use crate::machine::{MachineId, MachineType};
use crate::sample::now_text;
use crate::telemetry::metrics::Metrics;

/// The most records of one transaction: bounds the time that the last of them waits.
const BATCH: usize = 256;

const INSERT_MACHINES: &str = "INSERT INTO machines (machine_id, machine_type, registered_at)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING";

const INSERT_SAMPLES: &str = "INSERT INTO samples
        (machine_id, sample_number, measured_at, status, metrics)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(?1) WHERE true
    ON CONFLICT (machine_id, sample_number) DO UPDATE SET repeats = repeats + 1
    RETURNING machine_id, sample_number, repeats";

const INSERT_FEATURES: &str = "INSERT INTO features (machine_id, measured_at, features)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true";

/// A record and who waits for it.
pub(super) struct Job {
    pub(super) record: Record,
    pub(super) answer: oneshot::Sender<Result<Written, StoreError>>,
}

/// The writing side of the store.
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    pub(super) fleet: Arc<Fleet>,
    pub(super) metrics: Arc<Metrics>,
    /// True while a transaction is open.
    pub(super) busy: Arc<AtomicBool>,
}

impl Writer {
    /// Commits until `stop` is told, then what is still queued, then lets go of the file.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, stop: oneshot::Receiver<()>) {
        let mut stop = Some(stop);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let taken = match &mut stop {
                Some(told) => tokio::select! {
                    biased;
                    _ = told => {
                        stop = None;
                        jobs.close();
                        continue;
                    }
                    taken = jobs.recv_many(&mut batch, BATCH) => taken,
                },
                None => jobs.recv_many(&mut batch, BATCH).await,
            };
            if taken == 0 {
                break;
            }
            self.commit(&mut batch).await;
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(function = "run", %error, "the store did not close cleanly");
        }
    }

    /// Writes one batch, tells the fleet, answers everyone.
    async fn commit(&mut self, batch: &mut Vec<Job>) {
        self.busy.store(true, Ordering::Relaxed);
        let outcome = self.write(batch).await;
        self.busy.store(false, Ordering::Relaxed);
        match outcome {
            Ok(written) => {
                self.fleet.register(batch.iter().map(|job| job.record.machine_id().clone()));
                let new = batch.iter().zip(&written).filter(|(_, w)| **w == Written::New);
                self.fleet.note(new.filter_map(|(job, _)| match &job.record {
                    Record::Sample(sample) => Some(sample),
                    Record::Features(_) => None,
                }));
                for (job, written) in batch.drain(..).zip(written) {
                    // Nobody waits for it any more: it is stored all the same.
                    let _ = job.answer.send(Ok(written));
                }
            }
            Err(error) => {
                for job in batch.drain(..) {
                    let _ = job.answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction; one [`Written`] for each job, in order.
    async fn write(&mut self, batch: &[Job]) -> Result<Vec<Written>, StoreError> {
        let rows = Rows::of(batch, &self.fleet);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        if !rows.machines.is_empty() {
            let started = Instant::now();
            let text = Value::Array(rows.machines).to_string();
            sqlx::query(INSERT_MACHINES).bind(text).execute(&mut *transaction).await?;
            self.metrics.query("insert", "machines", started.elapsed());
        }
        let mut repeats = BTreeMap::<(String, i64), VecDeque<i64>>::new();
        if !rows.samples.is_empty() {
            let started = Instant::now();
            let text = Value::Array(rows.samples).to_string();
            let returned: Vec<(String, Option<i64>, i64)> =
                sqlx::query_as(INSERT_SAMPLES).bind(text).fetch_all(&mut *transaction).await?;
            self.metrics.query("insert", "samples", started.elapsed());
            for (machine, number, count) in returned {
                if let Some(number) = number {
                    repeats.entry((machine, number)).or_default().push_back(count);
                }
            }
        }
        if !rows.features.is_empty() {
            let started = Instant::now();
            let text = Value::Array(rows.features).to_string();
            sqlx::query(INSERT_FEATURES).bind(text).execute(&mut *transaction).await?;
            self.metrics.query("insert", "features", started.elapsed());
        }
        let started = Instant::now();
        transaction.commit().await?;
        self.metrics.query("commit", "all", started.elapsed());
        // RETURNING promises no order; among rows of one key the lowest count was the first.
        for counts in repeats.values_mut() {
            counts.make_contiguous().sort_unstable();
        }
        Ok(batch.iter().map(|job| written(job, &mut repeats)).collect())
    }
}

/// What became of one job, given the counts that its key has left.
fn written(job: &Job, repeats: &mut BTreeMap<(String, i64), VecDeque<i64>>) -> Written {
    let Record::Sample(sample) = &job.record else { return Written::New };
    let Some(number) = sample.number else { return Written::New };
    let key = (sample.machine_id.to_string(), number);
    match repeats.get_mut(&key).and_then(VecDeque::pop_front) {
        Some(0) | None => Written::New,
        Some(_) => Written::Repeat,
    }
}

/// A batch as rows of JSON.
#[derive(Default)]
struct Rows {
    machines: Vec<Value>,
    samples: Vec<Value>,
    features: Vec<Value>,
}

impl Rows {
    fn of(batch: &[Job], fleet: &Fleet) -> Rows {
        let mut rows = Rows::default();
        let mut strangers = BTreeSet::<&MachineId>::new();
        for job in batch {
            let id = job.record.machine_id();
            if !fleet.knows(id) && strangers.insert(id) {
                rows.machines.push(machine_row(id));
            }
            match &job.record {
                Record::Sample(s) => rows.samples.push(json!([
                    id.as_str(),
                    s.number,
                    s.measured_at.timestamp_micros(),
                    s.status,
                    s.metrics,
                ])),
                Record::Features(f) => rows.features.push(json!([
                    id.as_str(),
                    f.measured_at.timestamp_micros(),
                    f.features,
                ])),
            }
        }
        rows
    }
}

fn machine_row(id: &MachineId) -> Value {
    json!([id.as_str(), MachineType::of(id).name(), now_text()])
}

/// Writes machines down that must be known whatever comes.
pub(super) async fn register(
    connection: &mut SqliteConnection,
    ids: &[MachineId],
) -> Result<(), StoreError> {
    let rows = Value::Array(ids.iter().map(machine_row).collect()).to_string();
    sqlx::query(INSERT_MACHINES).bind(rows).execute(connection).await?;
    Ok(())
}
