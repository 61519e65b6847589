//! From planned fleets to running ones.
//!
//! Invariant: what cannot run is refused before anything is sent.
//! Not here: running (`driver`), reading back (`read_back`).

use super::Fleets;
use super::device::{Calendar, Devices};
use super::driver::{self, Post};
use super::key::Keys;
use super::ledger::Account;
use super::log::{Log, MOST_ATTEMPTS};
use super::message::{Messages, Peer};
use super::policy::{Owner, policy};
use super::template::{Known, UnknownPlaceholder};
use super::uplink::{Ties, Uplink};
use super::{shared, teller};
use crate::client::{RenderError, Tls, TlsError};
use crate::clock::Clock;
use crate::plan;
use crate::plan::fleet::{Delivery, WhenFull};
use crate::plan::traced::Tracing;
use crate::record::{Batch, Edges, Recorder};
use assay_backend::DeviceTelemetry;
use assay_backend::gateway::Rules;
use assay_backend::resilience as kit;
use assay_slo::event::{Event, Ledger};
use assay_slo::{At, Mark};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

/// More devices than this are refused: each needs memory of its own.
const MOST_DEVICES: u64 = 1_000_000;
/// More samples than this are refused: each needs 8 bytes.
const MOST_SAMPLES: u64 = 100_000_000;

/// One fleet, ready to run.
pub struct Aimed {
    /// As planned; placeholders may still be in its texts.
    pub fleet: plan::Fleet,
    /// Index into [`assay_slo::Case::fleets`].
    pub index: usize,
    /// Where its samples go.
    pub addr: SocketAddr,
    /// `host:port` for the `Host` header.
    pub authority: String,
    /// How TLS is spoken there; none in the clear.
    pub tls: Option<Arc<plan::Tls>>,
    /// Put before the profile's own paths: empty, or starting with `/`.
    pub prefix: String,
    /// What the placeholders of the run stand for.
    pub known: Arc<Known>,
    /// Whether an expectation needs its single attempts.
    pub attempts: bool,
}

impl std::fmt::Debug for Aimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aimed").field("name", &self.fleet.name).field("addr", &self.addr).finish()
    }
}

/// What all fleets share.
#[derive(Debug, Clone)]
pub struct Drive {
    /// The run's clock.
    pub clock: Clock,
    /// Time 0; `edges` must know it already.
    pub zero: At,
    /// The edges of faults.
    pub edges: Arc<Edges>,
    /// The predicates to count.
    pub marks: Arc<Vec<Mark>>,
    /// The run's id, the first part of each request's key.
    pub run_id: String,
    /// The seed of all chance.
    pub seed: u64,
    /// Worker threads; [`crate::fleet::start`] uses at least one.
    pub threads: usize,
    /// Where batches go.
    pub sink: mpsc::UnboundedSender<FleetBatch>,
    /// Who is told of each sample as it is sent.
    pub told: Option<Arc<DeviceTelemetry>>,
    /// Whether requests carry a trace on, and how many are sampled.
    pub tracing: Option<Tracing>,
}

/// What is handed over once a second.
#[derive(Debug, Clone, Default)]
pub struct FleetBatch {
    /// Counts of attempts that ended.
    pub batch: Batch,
    /// Breakers' changes, single attempts where asked for, and a backlog of each fleet.
    pub events: Vec<Event>,
}

/// Why fleets could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A request that HTTP/1.1 cannot carry.
    #[error("fleet {fleet}: {error}")]
    Request {
        /// The fleet's name.
        fleet: String,
        /// What is wrong with it.
        error: RenderError,
    },
    /// A placeholder without value.
    #[error("fleet {fleet}: {error}")]
    Placeholder {
        /// The fleet's name.
        fleet: String,
        /// Which.
        error: UnknownPlaceholder,
    },
    /// A retry or a breaker that cannot be meant.
    #[error("fleet {fleet}: {error}")]
    Policy {
        /// The fleet's name.
        fleet: String,
        /// Which setting, and what to write instead.
        error: kit::Invalid,
    },
    /// Neither profile nor request.
    #[error("fleet {0} has neither a profile nor `send`: it has nothing to send")]
    Nothing(String),
    /// A way to its target that cannot be taken.
    #[error("fleet {fleet}: {error}")]
    Tls {
        /// The fleet's name.
        fleet: String,
        /// Why.
        error: TlsError,
    },
    /// Too much for one machine's memory.
    #[error(
        "fleet {0} is too large: at most {MOST_DEVICES} devices and {MOST_SAMPLES} samples in all"
    )]
    TooLarge(String),
    /// A thread or a histogram could not be had.
    #[error("the fleets could not start: {0}")]
    Machine(#[from] io::Error),
}

/// One fleet's account, and what is needed to read its store back.
pub(super) struct Reader {
    pub(super) plan: plan::Fleet,
    pub(super) known: Arc<Known>,
    pub(super) keys: Result<Keys, String>,
    pub(super) ties: Ties,
    pub(super) drained: At,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("fleet", &self.plan.name).finish()
    }
}

impl Reader {
    /// The account of a store that was not read.
    pub(super) fn unread(&self, why: &str) -> Ledger {
        shared::lock(&self.ties.account).ledger(self.ties.messages.devices(), Err(why.to_owned()))
    }
}

/// Starts all fleets; the first samples are due from time 0 on.
///
/// # Errors
/// See [`StartError`]; then nothing was started.
pub fn start(fleets: Vec<Aimed>, drive: &Drive) -> Result<Fleets, StartError> {
    let recorder = Recorder::new(
        drive.zero,
        Arc::clone(&drive.edges),
        Arc::clone(&drive.marks),
        drive.clock.now(),
    );
    let recorder = Arc::new(Mutex::new(recorder.map_err(io::Error::other)?));
    let log = Arc::new(Mutex::new(Log::new(MOST_ATTEMPTS)));
    let calendar = Calendar::now(&drive.clock);
    let (mut posts, mut readers) = (Vec::new(), Vec::new());
    for aimed in fleets {
        let devices = measured(&aimed.fleet, drive.seed)?;
        let timeout_us = timeout_us(&aimed.fleet);
        let tls = aimed.tls.as_ref().map(|tls| Tls::new(tls, &aimed.authority, false)).transpose();
        let peer = Peer {
            run_id: &drive.run_id,
            addr: aimed.addr,
            authority: &aimed.authority,
            tls: tls.map_err(|error| StartError::Tls { fleet: aimed.fleet.name.clone(), error })?,
            prefix: &aimed.prefix,
            timeout_us,
            known: &*aimed.known,
            tracing: drive.tracing,
        };
        let messages = Messages::new(&aimed.fleet, devices.clone(), calendar, drive.zero, &peer)?;
        let count = usize::try_from(devices.count()).unwrap_or(usize::MAX);
        let account = Account::new(aimed.index, count).map_err(io::Error::other)?;
        let ties = Ties {
            fleet: aimed.index,
            load: aimed.fleet.load,
            clock: drive.clock,
            messages: Arc::new(messages),
            account: Arc::new(Mutex::new(account)),
            recorder: Arc::clone(&recorder),
            log: Arc::clone(&log),
            attempts: aimed.attempts,
            told: drive.told.clone(),
        };
        posts.extend(gateways(&aimed.fleet, &ties, timeout_us, drive)?);
        let last = (0..devices.count()).map(|device| devices.due_us(device, devices.samples()));
        let last = At(drive.zero.0.saturating_add(last.max().unwrap_or(0)));
        readers.push(Reader {
            keys: Keys::of(&aimed.fleet, &*aimed.known),
            drained: At(last.0.saturating_add(aimed.fleet.drain_us)),
            plan: aimed.fleet,
            known: aimed.known,
            ties,
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(drive.threads.max(1))
        .thread_name("fleet")
        .enable_all()
        .build()?;
    let ((stop, stopped), (told, ended)) = (watch::channel(false), watch::channel(false));
    let run = |post| runtime.spawn(driver::run(post, stopped.clone()));
    let posts = posts.into_iter().map(run).collect();
    let accounts = readers.iter().map(|reader| Arc::clone(&reader.ties.account)).collect();
    let teller = teller::run(drive.clone(), recorder, log, accounts, ended);
    let teller = Some(runtime.spawn(teller));
    Ok(Fleets { runtime: Some(runtime), stop, posts, told, teller, readers })
}

fn measured(fleet: &plan::Fleet, seed: u64) -> Result<Devices, StartError> {
    let all = fleet.devices.checked_mul(fleet.samples);
    if fleet.devices > MOST_DEVICES || all.is_none_or(|all| all > MOST_SAMPLES) {
        return Err(StartError::TooLarge(fleet.name.clone()));
    }
    Ok(Devices::new(fleet, seed))
}

fn timeout_us(fleet: &plan::Fleet) -> u64 {
    match (&fleet.gateway, &fleet.send) {
        (Some(gateway), _) => gateway.timeout_us,
        (None, Some(request)) => request.timeout_us,
        (None, None) => fleet.client.timeout_us,
    }
}

/// The gateways of a fleet. Devices without one behave as if theirs were plain: it holds what
/// waits for a connection, sends each sample once and forgets it.
fn gateways(
    fleet: &plan::Fleet,
    ties: &Ties,
    timeout_us: u64,
    drive: &Drive,
) -> Result<Vec<Post>, StartError> {
    let count = fleet.gateway.as_ref().map_or(1, |gateway| gateway.count.max(1));
    (0..count)
        .map(|number| {
            let (gateways, gateway) = (u64::from(count), u64::from(number));
            let devices = (fleet.devices + gateways - 1).saturating_sub(gateway) / gateways;
            let devices = usize::try_from(devices).unwrap_or(usize::MAX);
            let rules = match &fleet.gateway {
                Some(planned) => Rules {
                    devices,
                    in_flight: planned.in_flight,
                    buffer_max: planned.buffer_max,
                    when_full: planned.when_full,
                    delivery: planned.delivery,
                    features: ties.messages.have_features(),
                },
                None => Rules {
                    devices,
                    in_flight: fleet.client.connections,
                    buffer_max: usize::MAX,
                    when_full: WhenFull::DropNewest,
                    delivery: Delivery::FireAndForget,
                    features: false,
                },
            };
            let owner =
                Owner { fleet: ties.fleet, name: &fleet.name, gateway: number, seed: drive.seed };
            let policy = match &fleet.gateway {
                Some(planned) => policy(planned, owner, drive.clock, &ties.log, ties.told.as_ref()),
                None => Ok(kit::Policy::new()),
            };
            let policy =
                policy.map_err(|error| StartError::Policy { fleet: fleet.name.clone(), error })?;
            let uplink = Arc::new(Uplink::new(ties.clone(), number, policy));
            let drain_us = fleet.drain_us;
            Ok(Post { uplink, gateway, gateways, rules, drain_us, timeout_us })
        })
        .collect()
}
