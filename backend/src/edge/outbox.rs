//! The outbox: what is promised, in one SQLite table.
//!
//! One writer, one transaction for everything that waits, as in the backend's store: while a commit
//! is under way the next items queue up and share the next one.
//!
//! Invariant: an outbox has one edge at a time: two would deliver all of it twice and give the same
//! places to different items. The lock is on a file beside it, and any death frees it.
//! Invariant: an append is answered after its commit, and the courier learns of it in between.
//! Invariant: after a commit that failed, a full disk's too, the next one has a new connection.
//! Invariant: a removal that fails is tried again with the next commit: an item may be delivered
//! twice, never not at all.
//! Not here: who sends (see `courier`).

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Item, Kind};
use crate::machine::MachineId;
use crate::settings::Settings;
use crate::store::{Place, Renewed, StoreError, sqlite_options};

/// Jobs that may wait for the writer.
pub(super) const QUEUE: usize = 1_024;
/// Jobs of one transaction.
const BATCH: usize = 512;
/// How long removals wait for an append to share its commit.
const REMOVALS_WAIT: Duration = Duration::from_millis(100);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY,
    machine_id TEXT NOT NULL,
    features INTEGER NOT NULL,
    sample_number INTEGER,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL,
    traceparent TEXT
) STRICT";

const INSERT: &str = "INSERT INTO outbox
        (seq, machine_id, features, sample_number, body, request_id, traceparent)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    FROM json_each(?1)";

const DELETE: &str = "DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?1))";

const LEFT: &str = "SELECT seq, machine_id, features, sample_number, body, request_id, traceparent
    FROM outbox ORDER BY seq";

/// What the writer is asked.
pub(super) enum Job {
    /// Promise these.
    Append {
        items: Vec<Item>,
        answer: oneshot::Sender<Result<(), String>>,
        /// What they were counted in; they are taken out again if they cannot be written.
        held: Arc<AtomicUsize>,
    },
    /// This one is delivered, or refused for good.
    Remove(u64),
    /// Nothing comes after this.
    Stop,
}

/// An opened outbox.
pub(super) struct Outbox {
    connection: Renewed,
    durable: bool,
    /// Whether the last commit failed.
    failing: Arc<AtomicBool>,
    /// Held as long as this is; none in memory.
    _lock: Option<File>,
}

type Row = (i64, String, i64, Option<i64>, String, String, Option<String>);

impl Outbox {
    /// Opens or makes the database and its folder.
    pub(super) async fn open(settings: &Settings) -> Result<Outbox, String> {
        let url = &settings.edge_outbox;
        let failed = |why: String| format!("cannot open the outbox {url}: {why}");
        let place = Place::parse(url)?;
        let durable = matches!(place, Place::File(_));
        let opened = async {
            let options = sqlite_options(&place, settings).await?;
            let lock = match &place {
                Place::File(path) => Some(alone(path).map_err(StoreError::Database)?),
                Place::Memory | Place::Postgres(_) => None,
            };
            let mut connection = options.connect().await?;
            sqlx::query(TABLE).execute(&mut connection).await?;
            Ok::<_, StoreError>((Renewed::new(options, connection), lock))
        };
        let (connection, lock) = opened.await.map_err(|error| failed(error.to_string()))?;
        Ok(Outbox { connection, durable, failing: Arc::default(), _lock: lock })
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durable
    }

    /// True while the last commit is one that failed.
    pub(super) fn failing(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.failing)
    }

    /// What an earlier life promised and did not deliver, in its order.
    pub(super) async fn left(&mut self) -> Result<Vec<Item>, String> {
        let read = sqlx::query_as::<_, Row>(LEFT).fetch_all(self.connection.connection()).await;
        let rows = read.map_err(|error| format!("cannot read the outbox: {error}"))?;
        let item = |(seq, machine, features, number, body, request_id, traceparent): Row| {
            let machine = MachineId::parse(&machine)
                .map_err(|_| format!("the outbox is not ours: `{machine}` is no machine's name"))?;
            Ok(Item {
                seq: u64::try_from(seq).unwrap_or_default(),
                machine,
                kind: if features == 0 { Kind::Sample } else { Kind::Features },
                number,
                body,
                request_id,
                traceparent,
            })
        };
        rows.into_iter().map(item).collect()
    }

    /// Commits until it is told to stop, or nobody can tell it anything any more.
    pub(super) async fn run(
        mut self,
        mut jobs: mpsc::Receiver<Job>,
        arrivals: mpsc::UnboundedSender<Item>,
        mut next: u64,
    ) {
        let mut removed: Vec<u64> = Vec::new();
        let mut stopping = false;
        while !stopping {
            let mut appends = Vec::new();
            // Removals alone would cost a disk flush that nobody waits for.
            let patience = (!removed.is_empty()).then(|| Instant::now() + REMOVALS_WAIT);
            let mut job = match patience {
                None => jobs.recv().await,
                Some(patience) => match timeout_at(patience, jobs.recv()).await {
                    Ok(job) => job,
                    Err(_) => {
                        self.commit(&mut appends, &mut removed, &arrivals).await;
                        continue;
                    }
                },
            };
            if job.is_none() {
                break;
            }
            let mut count = 0;
            while let Some(taken) = job {
                match taken {
                    Job::Append { mut items, answer, held } => {
                        for item in &mut items {
                            item.seq = next;
                            next += 1;
                        }
                        appends.push(Append { items, answer, held });
                    }
                    Job::Remove(seq) => removed.push(seq),
                    Job::Stop => stopping = true,
                }
                count += 1;
                let more = count < BATCH && !stopping;
                job = if more { jobs.try_recv().ok() } else { None };
            }
            if !appends.is_empty() || removed.len() >= BATCH {
                self.commit(&mut appends, &mut removed, &arrivals).await;
            }
        }
        // Whoever still asks is told that nobody answers.
        drop(jobs);
        self.commit(&mut Vec::new(), &mut removed, &arrivals).await;
        if let Err(error) = self.connection.close().await {
            tracing::warn!(function = "run", %error, "the outbox did not close cleanly");
        }
    }

    async fn commit(
        &mut self,
        appends: &mut Vec<Append>,
        removed: &mut Vec<u64>,
        arrivals: &mpsc::UnboundedSender<Item>,
    ) {
        if appends.is_empty() && removed.is_empty() {
            return;
        }
        let written = self.write(appends, removed).await;
        self.failing.store(written.is_err(), Ordering::Relaxed);
        match &written {
            Ok(()) => removed.clear(),
            Err(error) => {
                tracing::error!(function = "commit", %error, "the outbox cannot be written");
            }
        }
        for Append { items, answer, held } in appends.drain(..) {
            match &written {
                Ok(()) => {
                    for item in items {
                        // A courier that has ended finds it in its next life.
                        let _ = arrivals.send(item);
                    }
                    let _ = answer.send(Ok(()));
                }
                Err(error) => {
                    held.fetch_sub(items.len(), Ordering::Relaxed);
                    let _ = answer.send(Err(error.to_string()));
                }
            }
        }
    }

    async fn write(&mut self, appends: &[Append], removed: &[u64]) -> Result<(), sqlx::Error> {
        let rows: Vec<_> = appends.iter().flat_map(|append| &append.items).map(row).collect();
        let mut transaction = self.connection.begin().await?;
        if !rows.is_empty() {
            let rows = serde_json::Value::Array(rows).to_string();
            sqlx::query(INSERT).bind(rows).execute(&mut *transaction).await?;
        }
        if !removed.is_empty() {
            let removed = serde_json::json!(removed).to_string();
            sqlx::query(DELETE).bind(removed).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.connection.committed();
        Ok(())
    }
}

/// Takes the lock of an outbox, a file beside its own: SQLite itself must be free to lock that one.
fn alone(outbox: &Path) -> Result<File, String> {
    let mut path = outbox.as_os_str().to_owned();
    path.push(".lock");
    let failed = |error| format!("cannot lock {}: {error}", Path::new(&path).display());
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err("another edge has this outbox: stop that edge, or \
             give this one its own with EDGE_OUTBOX=sqlite://PATH"
            .to_owned()),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Items that are promised together, and who waits for it.
struct Append {
    items: Vec<Item>,
    answer: oneshot::Sender<Result<(), String>>,
    held: Arc<AtomicUsize>,
}

fn row(item: &Item) -> serde_json::Value {
    serde_json::json!([
        item.seq,
        item.machine.as_str(),
        u8::from(item.kind == Kind::Features),
        item.number,
        item.body,
        item.request_id,
        item.traceparent,
    ])
}
