//! The courier: one task that knows what waits, and sends what the gateway wants sent.
//!
//! Invariant: what it holds in memory is what the outbox holds on disk, but for what was delivered
//! within the last commits.
//! Not here: which item is next (see `gateway`), how it is sent (see `uplink`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Item;
use super::meters::Meters;
use super::outbox::Job;
use super::uplink::{Landed, Uplink};
use crate::gateway::{Action, Delivery, Gateway, Input, Rules, WhenFull};
use crate::machine::MachineId;

/// How often machines that send nothing more are tried for what they have left.
const NUDGE: Duration = Duration::from_secs(1);

pub(super) struct Courier {
    gateway: Gateway,
    machines: BTreeMap<MachineId, usize>,
    items: BTreeMap<u64, (Arc<Item>, Instant)>,
    flights: JoinSet<(usize, u64, Landed)>,
    uplink: Arc<Uplink>,
    jobs: mpsc::Sender<Job>,
    held: Arc<AtomicUsize>,
    meters: Arc<Meters>,
}

impl Courier {
    pub(super) fn new(
        in_flight: usize,
        uplink: Arc<Uplink>,
        jobs: mpsc::Sender<Job>,
        held: Arc<AtomicUsize>,
        meters: Arc<Meters>,
    ) -> Courier {
        let rules = Rules {
            devices: 0,
            in_flight,
            // The edge refuses what finds no place; nothing that was promised is dropped.
            buffer_max: usize::MAX,
            when_full: WhenFull::DropNewest,
            delivery: Delivery::StoreAndForward,
            features: false,
        };
        Courier {
            gateway: Gateway::new(rules),
            machines: BTreeMap::new(),
            items: BTreeMap::new(),
            flights: JoinSet::new(),
            uplink,
            jobs,
            held,
            meters,
        }
    }

    /// Delivers what is left and what arrives, until it is told to stop; what is under way then is
    /// still in the outbox.
    pub(super) async fn run(
        mut self,
        left: Vec<Item>,
        mut arrivals: mpsc::UnboundedReceiver<Item>,
        mut stop: oneshot::Receiver<()>,
    ) {
        for item in left {
            self.arrived(item);
        }
        let mut nudge = interval(NUDGE);
        nudge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // A dropped owner has lost interest.
                _ = &mut stop => break,
                Some(item) = arrivals.recv() => self.arrived(item),
                Some(ended) = self.flights.join_next() => self.landed(ended).await,
                _ = nudge.tick() => {
                    for device in 0..self.machines.len() {
                        self.step(Input::Nudge(device));
                    }
                }
            }
            self.meters.oldest(self.items.first_key_value().map(|(_, (_, since))| *since));
        }
        self.flights.shutdown().await;
    }

    fn arrived(&mut self, item: Item) {
        let device = match self.machines.get(&item.machine) {
            Some(device) => *device,
            None => {
                let device = self.gateway.add_device();
                self.machines.insert(item.machine.clone(), device);
                device
            }
        };
        let seq = item.seq;
        self.items.insert(seq, (Arc::new(item), Instant::now()));
        self.step(Input::Sample(device, seq));
    }

    async fn landed(&mut self, ended: Result<(usize, u64, Landed), JoinError>) {
        let (device, seq, landed) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Its machine waits for the next life: what it had is still in the outbox.
                tracing::error!(function = "landed", %error, "a delivery ended badly");
                return;
            }
        };
        if let Landed::Failed(attempts) = landed {
            return self.step(Input::Failed(device, attempts));
        }
        if let Some((item, since)) = self.items.remove(&seq) {
            match landed {
                Landed::Refused => self.meters.discarded(),
                _ => item.context().within(|| self.meters.delivered(item.kind, since.elapsed())),
            }
            self.held.fetch_sub(1, Ordering::Relaxed);
            // A writer that has ended leaves it to be delivered twice.
            let _ = self.jobs.send(Job::Remove(seq)).await;
        }
        self.step(Input::Delivered(device));
    }

    fn step(&mut self, input: Input) {
        let mut actions = Vec::new();
        self.gateway.step(input, &mut actions);
        for action in actions {
            // Nothing else can be: no features of the gateway's own, and room for all.
            let Action::Send { device, sample, before } = action else { continue };
            let Some((item, _)) = self.items.get(&sample) else { continue };
            let (uplink, item) = (Arc::clone(&self.uplink), Arc::clone(item));
            self.flights.spawn(async move { (device, sample, uplink.deliver(item, before).await) });
        }
    }
}
