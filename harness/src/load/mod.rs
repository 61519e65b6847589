//! Open arrivals: requests are due at computed instants, whether or not earlier ones returned.
//! Closed users, who wait for their answers, are in [`users`].
//!
//! Own OS threads, each with its own loop or runtime, connections and recorder; once a second each hands
//! over one batch of counts, never a message per request.
//!
//! Invariant: every arrival that became due before the end is recorded exactly once.
//! Invariant: a load's threads share nothing: thread i of n sends k ≡ i (mod n).
//! Not here: when the run stops and why (`run`), what an answer means (`client`).

mod arrivals;
mod away;
pub mod errand;
pub mod fill;
mod kept;
mod kinds;
mod lean;
pub mod once;
mod pool;
mod shard;
mod talk;
mod tally;
mod timer;
mod used_up;
pub mod users;

use crate::client::{Ends, Jar, Manners, RenderError, TlsError, Written};
use crate::clock::Clock;
use crate::plan::{self, traced::Tracing, turns::Turns};
use crate::record::{Batch, Edges, Recorder};
pub use arrivals::Until;
use assay_slo::{At, Mark};
use kinds::{Aim, Kind, apart, render};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, getrlimit, setrlimit};
use shard::{Post, Script, Shard};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tally::Tally;
use tokio::sync::{mpsc, oneshot, watch};

/// A load that has fewer connections than this for each thread uses fewer threads: a small pool
/// cut in pieces would let requests wait in one while another is idle.
const LEAST_CONNECTIONS_A_THREAD: usize = 64;

/// Due instants, µs after time 0. Must not decrease.
pub type Times = Box<dyn Iterator<Item = i64> + Send>;

/// The due instants of the requests k ≡ i (mod n), for each i of n.
pub type Due = Box<dyn Fn(u64, u64) -> Times + Send + Sync>;

/// When a lane's requests are sent.
pub enum Pace {
    /// When each is due, whatever became of those before.
    Open {
        /// Arrivals of the warm-up, with a k of their own; normally before time 0.
        warmup: Due,
        /// Arrivals.
        due: Due,
    },
    /// As soon as the answer to the one before is there, on each of the client's connections, from
    /// time 0 on. Due is begun here.
    Closed {
        /// None begins from here on, µs after time 0.
        ends_us: i64,
        /// How many are sent at most.
        most: u64,
    },
}

/// What all threads share.
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
    /// How many threads at most for fixed requests over HTTP/1.1, and as many for all others;
    /// [`default_threads`] unless the user says otherwise.
    pub threads: usize,
    /// What must not be seen in failures that are kept.
    pub secrets: Arc<[String]>,
    /// Where batches go.
    pub sink: mpsc::UnboundedSender<Batch>,
    /// Whether requests carry a trace on, and how many are sampled.
    pub tracing: Option<Tracing>,
}

/// One load, ready to be sent.
pub struct Lane {
    /// Index into the loads.
    pub index: usize,
    /// Its name, the second part of each request's key.
    pub name: String,
    /// Where it connects to.
    pub addr: SocketAddr,
    /// `host:port` for the `Host` header.
    pub authority: String,
    /// Where else it connects to, and when that changes; none: only there.
    pub ends: Option<Arc<Ends>>,
    /// How requests are sent; placeholders filled.
    pub client: plan::Client,
    /// What is sent; placeholders filled.
    pub requests: Vec<plan::Request>,
    /// The k-th request sent is `cycle[k % cycle.len()]`.
    pub cycle: Vec<u16>,
    /// What each arrival goes through; none where it is one request. Only of an open pace.
    pub journey: Option<plan::Journey>,
    /// When.
    pub pace: Pace,
    /// When its arrivals end before their time, which [`Engine::end_load`] decides.
    pub until: Until,
    /// Seeds what is drawn for requests.
    pub seed: u64,
    /// Which rows each gets.
    pub turns: Turns,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("name", &self.name).field("addr", &self.addr).finish()
    }
}

/// Why load could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A request that HTTP/1.1 cannot carry.
    #[error("load {load}, request {request}: {error}")]
    Request {
        /// The load's name.
        load: String,
        /// The request's name.
        request: String,
        /// What is wrong with it.
        error: RenderError,
    },
    /// A way to its target that cannot be taken.
    #[error("load {load}: {error}")]
    Tls {
        /// The load's name.
        load: String,
        /// Why.
        error: TlsError,
    },
    /// A cycle that names no request.
    #[error("load {0}: its cycle names a request that it has not")]
    Cycle(String),
    /// A journey without requests, or one that names a request that is not there.
    #[error("load {0}: its journey sends nothing, or names a request that it has not")]
    Journey(String),
    /// Users would deafen this process to Ctrl-C: see [`users::keep_interrupt`].
    #[error("users cannot start: SIGINT would no longer be heard")]
    Interrupt,
    /// Users of another run are at work in this process.
    #[error("users cannot start: this process drives users of another run")]
    Busy,
    /// A thread or a histogram could not be had.
    #[error("the load generator could not start: {0}")]
    Machine(#[from] io::Error),
}

/// What the threads are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Send what becomes due.
    Go,
    /// No new arrivals; what is under way ends or times out.
    Stop,
    /// End now; what is under way is recorded as cut.
    Cut,
}

/// Running load.
#[derive(Debug)]
pub struct Engine {
    orders: watch::Sender<Order>,
    /// What threads listen to that wait for the kernel alone.
    bells: Vec<OwnedFd>,
    /// By index of the load.
    untils: BTreeMap<usize, Until>,
    threads: Vec<oneshot::Receiver<io::Result<()>>>,
}

impl Engine {
    /// No new arrivals from now on; what is under way ends or times out.
    pub fn stop_arrivals(&self) {
        self.tell(Order::Stop);
    }

    /// No new arrivals of one load from this instant on, which should lie ahead.
    pub fn end_load(&self, index: usize, at: At) {
        if let Some(until) = self.untils.get(&index) {
            until.end_at(at);
        }
    }

    /// Ends now: what is under way is recorded as [`assay_slo::Outcome::Cut`] and handed over.
    pub fn cut(&self) {
        self.tell(Order::Cut);
    }

    fn tell(&self, order: Order) {
        tell(&self.orders, order);
        for bell in &self.bells {
            // One that is full rings already, and one that nobody hears needs not.
            _ = rustix::io::write(bell, b"!");
        }
    }

    /// Waits until all threads have ended, their last batches handed over. May be dropped and
    /// called anew.
    ///
    /// # Errors
    /// A thread ended early: what it had to send is missing, the run decides nothing.
    pub async fn finished(&mut self) -> io::Result<()> {
        while let Some(thread) = self.threads.last_mut() {
            let ended = thread.await;
            self.threads.pop();
            ended.map_err(|_| io::Error::other("a load thread died"))??;
        }
        Ok(())
    }
}

/// Gives an order, unless a stricter one was given before.
fn tell(orders: &watch::Sender<Order>, order: Order) {
    orders.send_if_modified(|now| {
        let stricter = order > *now;
        if stricter {
            *now = order;
        }
        stricter
    });
}

/// Half of the cores, the rest is the target's; at least one.
#[must_use]
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// Starts the threads. Nothing is sent before the first due instant.
///
/// # Errors
/// See [`StartError`]; then nothing was started.
pub fn start(lanes: Vec<Lane>, drive: &Drive) -> Result<Engine, StartError> {
    raise_descriptor_limit()?;
    let threads = drive.threads.max(1);
    let looks = |mark: &Mark| matches!(mark, Mark::Answered { header: Some(_), .. });
    let wants_headers = drive.marks.iter().any(looks);
    let untils = lanes.iter().map(|lane| (lane.index, lane.until.clone())).collect();
    let mut shards: Vec<Vec<Post>> = (0..threads).map(|_| Vec::new()).collect();
    let mut loops: Vec<Vec<lean::Post>> = (0..threads).map(|_| Vec::new()).collect();
    for (place, lane) in lanes.into_iter().enumerate() {
        let known = |index: &u16| usize::from(*index) < lane.requests.len();
        if lane.journey.as_ref().is_some_and(|journey| journey.cycle() != lane.cycle) {
            return Err(StartError::Journey(lane.name.clone()));
        }
        if lane.cycle.is_empty() || !lane.cycle.iter().all(known) {
            return Err(StartError::Cycle(lane.name.clone()));
        }
        let Lane { name: load, addr, authority, ends, .. } = &lane;
        let aim = Aim { load, addr: *addr, authority, ends, tracing: drive.tracing };
        let kinds = render(aim, &lane.client, &lane.requests, &drive.run_id)?;
        let transport = &lane.client.transport;
        let plain = Manners::of(&lane.client).looks_at_no_answer();
        let is_plain = transport.tls.is_none() && !transport.http2 && plain;
        // A trace's ids differ in each request.
        let is_fixed = is_plain
            && drive.tracing.is_none()
            && lane.journey.is_none()
            && lane.requests.iter().all(|request| request.dynamic.is_none());
        let written = || kinds.iter().map(|kind| Written::new(&kind.rendered, wants_headers));
        let written: Option<Arc<[Written]>> = is_fixed.then(|| written().collect());
        let lane = Arc::new(lane);
        let jar = Arc::new(Jar::default());
        let limit = lane.client.connections.max(1);
        let parts = (limit / LEAST_CONNECTIONS_A_THREAD).clamp(1, threads);
        let tally = Arc::new(Tally::new(parts as u64));
        for part in 0..parts {
            // Small loads are spread over the threads by their place.
            let thread = (place + part) % threads;
            let connections = limit / parts + usize::from(part < limit % parts);
            let (part, parts) = (part as u64, parts as u64);
            if let Some(written) = &written {
                if let Some(posts) = loops.get_mut(thread) {
                    posts.push(lean::Post {
                        lane: Arc::clone(&lane),
                        kinds: kinds.clone(),
                        written: Arc::clone(written),
                        shard: part,
                        shards: parts,
                        connections,
                    });
                }
            } else if let Some(shard) = shards.get_mut(thread) {
                // Whoever waits for answers keeps a connection to itself.
                let streams = match lane.pace {
                    Pace::Open { .. } => lane.client.streams(),
                    Pace::Closed { .. } => 1,
                };
                shard.push(Post {
                    lane: Arc::clone(&lane),
                    kinds: apart(&kinds, &lane.client, connections, streams),
                    script: Script::of(
                        &lane,
                        kinds.iter().map(|kind| kind.dynamic.clone()).collect(),
                        &tally,
                    ),
                    jar: Arc::clone(&jar),
                    shard: part,
                    shards: parts,
                    connections: connections.saturating_mul(streams),
                });
            }
        }
    }
    let (orders, order) = watch::channel(Order::Go);
    let mut ends = Vec::new();
    let new_recorder = || {
        let (edges, marks) = (Arc::clone(&drive.edges), Arc::clone(&drive.marks));
        Recorder::new(drive.zero, edges, marks, drive.clock.now()).map_err(io::Error::other)
    };
    for (number, posts) in shards.into_iter().filter(|posts| !posts.is_empty()).enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (drive, order, recorder) = (drive.clone(), order.clone(), new_recorder()?);
        ends.push(thread(format!("load-{number}"), move || {
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, Shard::run(posts, drive, recorder, order))
        })?);
    }
    let mut bells = Vec::new();
    for (number, posts) in loops.into_iter().filter(|posts| !posts.is_empty()).enumerate() {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (news, bell) = pipe_with(flags).map_err(io::Error::from)?;
        bells.push(bell);
        let (drive, order, recorder) = (drive.clone(), order.clone(), new_recorder()?);
        ends.push(thread(format!("lean-{number}"), move || {
            lean::Loop::run(posts, drive, recorder, order, news)
        })?);
    }
    Ok(Engine { orders, bells, untils, threads: ends })
}

/// A thread of its own; how it ended.
fn thread(
    name: String,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new().name(name).spawn(move || {
        // Nobody waits any more only if the run itself has ended.
        let _ = end.send(work());
    })?;
    Ok(ended)
}

/// Lets this process open as many descriptors as it may; services that we started before keep
/// what they were given.
fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
