//! The edge: samples come in over HTTP, wait in a durable outbox, and go out to the backend through
//! timeout, retry and circuit breaker; each window of ten is followed by its features.
//!
//! Invariant: what was acknowledged is in the outbox until the backend has acknowledged it, also
//! over the death of this process. It may arrive twice: the backend knows repeats by their number.
//! Invariant: of one machine one item is under way at a time, in the order in which they came.
//! Invariant: a full outbox refuses; it drops nothing.
//! Not here: HTTP in (see `api::edge`), which item is sent next (see `gateway`).

mod courier;
mod meters;
mod outbox;
#[cfg(test)]
mod tests;
mod uplink;
mod window;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::machine::MachineId;
use crate::resilience::Breaker;
use crate::sample::Sample;
use crate::settings::Settings;
use crate::telemetry::context::Context;
use crate::telemetry::{Telemetry, context, traces};
use courier::Courier;
use meters::Meters;
use outbox::{Job, Outbox};
use uplink::Uplink;
use window::Windows;

/// The breaker's name in metrics, logs and `/health`: the one of the platform's device clients.
pub(crate) const BREAKER: &str = "iot-backend-connection";

/// What an item is, and so where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sample,
    Features,
}

impl Kind {
    /// Its name in metrics, as the backend has it.
    fn name(self) -> &'static str {
        match self {
            Kind::Sample => "raw",
            Kind::Features => "features",
        }
    }
}

/// One thing to deliver.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    /// Its place in the order of all; given by the outbox.
    seq: u64,
    machine: MachineId,
    kind: Kind,
    number: Option<i64>,
    body: String,
    /// The id of the request that brought it.
    request_id: String,
    /// The span that brought it, if it was told one.
    traceparent: Option<String>,
}

impl Item {
    /// Of the request that this task serves.
    fn new(machine: &MachineId, kind: Kind, number: Option<i64>, body: String) -> Item {
        let now = context::current();
        Item {
            seq: 0,
            machine: machine.clone(),
            kind,
            number,
            body,
            request_id: now.as_ref().map(|c| c.request_id.clone()).unwrap_or_default(),
            traceparent: now.and_then(|c| traces::traceparent(&c.parent)),
        }
    }

    /// The context of the request that brought it, for whatever happens to it later.
    fn context(&self) -> Arc<Context> {
        Arc::new(Context {
            request_id: self.request_id.clone(),
            machine_id: OnceLock::from(self.machine.clone()),
            sample_number: self.number.map(OnceLock::from).unwrap_or_default(),
            parent: traces::told(self.traceparent.as_deref()),
            ..Context::default()
        })
    }
}

/// Why a sample was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The outbox holds as much as it may.
    Full,
    /// The outbox could not be written.
    Unwritten(String),
    /// The process is stopping.
    Stopping,
}

/// A running edge.
pub(crate) struct Edge {
    jobs: mpsc::Sender<Job>,
    /// Items in the outbox, and those that are being put there.
    held: Arc<AtomicUsize>,
    most: usize,
    durable: bool,
    /// Whether the outbox's last commit failed.
    failing: Arc<AtomicBool>,
    windows: Mutex<Windows>,
    meters: Arc<Meters>,
    /// Taken by the one call that closes.
    closer: Mutex<Option<Closer>>,
}

struct Closer {
    stop: oneshot::Sender<()>,
    courier: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Edge {
    /// Opens the outbox and begins to deliver what is left in it.
    ///
    /// # Errors
    /// When the outbox cannot be opened, or a setting cannot be used.
    pub(crate) async fn open(
        settings: &Settings,
        breaker: Breaker,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Edge, String> {
        let meters = Meters::declare(&telemetry.metrics).map_err(|error| error.to_string())?;
        let meters = Arc::new(meters);
        let uplink = Uplink::new(settings, breaker, Arc::clone(telemetry))?;
        let mut outbox = Outbox::open(settings).await?;
        let (durable, failing) = (outbox.is_durable(), outbox.failing());
        let left = outbox.left().await?;
        let held = Arc::new(AtomicUsize::new(left.len()));
        let (arrivals, arrived) = mpsc::unbounded_channel();
        let (jobs, queue) = mpsc::channel(outbox::QUEUE);
        let next = left.last().map_or(1, |item| item.seq + 1);
        let courier = Courier::new(
            settings.edge_in_flight,
            Arc::new(uplink),
            jobs.clone(),
            Arc::clone(&held),
            Arc::clone(&meters),
        );
        let (stop, stopped) = oneshot::channel();
        let courier = tokio::spawn(courier.run(left, arrived, stopped));
        let writer = tokio::spawn(outbox.run(queue, arrivals, next));
        let closer = Mutex::new(Some(Closer { stop, courier, writer }));
        let (most, windows) = (settings.edge_outbox_most, Mutex::default());
        Ok(Edge { jobs, held, most, durable, failing, windows, meters, closer })
    }

    /// Takes a sample: durable when this returns. `body` is what the device sent.
    ///
    /// # Errors
    /// [`NotTaken`]; the sample is then not promised, though it may be delivered all the same.
    pub(crate) async fn take(&self, sample: &Sample, body: String) -> Result<(), NotTaken> {
        let features = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.note(sample)
        };
        let (machine, number) = (&sample.machine_id, sample.number);
        let mut items = vec![Item::new(machine, Kind::Sample, number, body)];
        items.extend(features.map(|body| Item::new(machine, Kind::Features, number, body)));
        self.append(items).await
    }

    /// Takes features that the machine's side computed itself: from then on the edge computes none
    /// for it.
    ///
    /// # Errors
    /// As [`Edge::take`].
    pub(crate) async fn take_features(
        &self,
        machine: &MachineId,
        body: String,
    ) -> Result<(), NotTaken> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).leave(machine);
        self.append(vec![Item::new(machine, Kind::Features, None, body)]).await
    }

    async fn append(&self, items: Vec<Item>) -> Result<(), NotTaken> {
        let count = items.len();
        let room = |held: usize| held.checked_add(count).filter(|held| *held <= self.most);
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err(NotTaken::Full);
        }
        let (answer, answered) = oneshot::channel();
        let job = Job::Append { items, answer, held: Arc::clone(&self.held) };
        self.jobs.send(job).await.map_err(|_| NotTaken::Stopping)?;
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(NotTaken::Unwritten(why)),
            Err(_) => Err(NotTaken::Stopping),
        }
    }

    /// Items that wait or are under way.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The most that it holds.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Whether what is acknowledged outlives the process.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// Whether the outbox could not be written the last time it was to be.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Whether samples are still taken.
    pub(crate) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Brings the metrics up to date.
    pub(crate) fn publish(&self) {
        self.meters.held(self.held());
    }

    /// Stops delivering, writes down what was delivered, and lets go of the outbox.
    pub(crate) async fn close(&self) {
        let closer = self.closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Closer { stop, courier, writer }) = closer else { return };
        // Whoever is gone already need not be told.
        let _ = stop.send(());
        let courier = courier.await;
        let _ = self.jobs.send(Job::Stop).await;
        for ended in [courier, writer.await] {
            if let Err(error) = ended {
                tracing::error!(function = "close", %error, "a task of the edge ended badly");
            }
        }
    }
}
