//! Devices on their own, without a scenario: a service gets samples, and we see how it answers.
//!
//! Invariant: the same arguments give the same samples, but for their dates.
//! Not here: words and printing (`cli`), objectives.

use super::{Aimed, Drive, FleetBatch, StartError, start};
use crate::clock::Clock;
use crate::plan;
use crate::plan::fleet::{Delivery, Gateway, Order, Profile, Retry, WhenFull};
use crate::record::Edges;
use crate::service::{ServiceError, target};
use assay_backend::{DeviceTelemetry, Progress};
use assay_slo::case::Policy;
use assay_slo::{Event, Outcome, Share};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What to send where.
#[derive(Debug, Clone)]
pub struct DemoArgs {
    /// `http://host:port`, and a path that is put before `/ingest/raw`.
    pub to: String,
    /// Samples of each device.
    pub samples: u64,
    /// How many devices.
    pub devices: u64,
    /// The period of one device, µs.
    pub every_us: u64,
    /// Shapes of values; [`Profile::None`] has nothing to send.
    pub profile: Profile,
    /// The seed of all values.
    pub seed: u64,
    /// Devices send for themselves, or through a gateway that stores and forwards.
    pub through: Through,
    /// The value of `ASSAY_DENY`, if set: hosts and networks never touched.
    pub deny: Option<String>,
    /// Who is told of each sample as it is sent.
    pub told: Option<Arc<DeviceTelemetry>>,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// Each device, each sample once.
    Devices,
    /// One gateway with the platform's settings: breaker of 5 failures and 1 trial; 3 attempts.
    Gateway {
        /// How long its breaker stays open, µs.
        recovery_us: u64,
        /// How long it may go on sending what is left, µs.
        drain_us: u64,
    },
}

/// What has become of the samples so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Generated.
    pub generated: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Neither acknowledged nor given up: the most of the last second, and at the end what is left.
    pub held: u64,
    /// Attempts to send samples by how they ended, in the order of [`Outcome::ALL`].
    pub outcomes: BTreeMap<Outcome, u64>,
    /// What went wrong on this machine, each in a sentence.
    pub findings: Vec<String>,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Not an address that samples can go to.
    #[error("`{to}` {why}: write something like http://127.0.0.1:8000")]
    Address {
        /// As given.
        to: String,
        /// What is wrong with it.
        why: String,
    },
    /// No address, or not allowed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The fleet cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It died.
    #[error("the devices stopped: {0}")]
    Machine(#[from] io::Error),
}

/// Sends all samples and tells the totals once a second; `stop` cuts it short. The address was
/// typed by hand, so it may be loaded, unless it is denied.
///
/// # Errors
/// See [`DemoError`]; but for the last nothing was sent.
pub async fn demo(
    args: &DemoArgs,
    mut stop: watch::Receiver<bool>,
    mut progress: impl FnMut(&Totals),
) -> Result<Totals, DemoError> {
    let (host, port, prefix) = address(&args.to)?;
    let allow = [host.clone()];
    let addr = target(&host, port, &allow, args.deny.as_deref()).await?;
    let clock = Clock::start();
    let zero = clock.now();
    let edges = Edges::new(clock, Vec::new());
    edges.zero(zero);
    let (sink, mut batches) = mpsc::unbounded_channel();
    let drive = Drive {
        clock,
        zero,
        edges: Arc::new(edges),
        marks: Arc::new(Vec::new()),
        run_id: format!("demo-{}", args.seed),
        seed: args.seed,
        threads: threads(),
        sink,
        told: args.told.clone(),
        tracing: None,
    };
    let aimed = Aimed {
        fleet: fleet(args),
        index: 0,
        addr,
        authority: format!("{host}:{port}"),
        tls: None,
        prefix,
        known: Arc::new(|_: &str| None),
        attempts: false,
    };
    let mut fleets = start(vec![aimed], &drive)?;
    // The fleets' own sender is the last one: the channel ends with them.
    drop(drive);
    let mut totals = Totals::default();
    let (mut ended, mut heard) = (false, false);
    loop {
        tokio::select! {
            biased;
            batch = batches.recv() => match batch {
                Some(batch) => {
                    totals.add(batch);
                    if let Some(told) = &args.told {
                        told.progress(totals.progress());
                    }
                    progress(&totals);
                }
                None => break,
            },
            done = fleets.generated_and_drained(), if !ended => {
                done?;
                ended = true;
            }
            said = stop.wait_for(|stop| *stop), if !heard && !ended => {
                heard = true;
                // Nobody left to say it is no word to stop.
                if said.is_ok() {
                    fleets.cut();
                }
            }
        }
    }
    totals.held = fleets.left();
    if let Some(told) = &args.told {
        told.progress(totals.progress());
    }
    Ok(totals)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

impl Totals {
    fn progress(&self) -> Progress {
        let Totals { generated, acknowledged, held, .. } = *self;
        Progress { generated, acknowledged, held }
    }

    fn add(&mut self, batch: FleetBatch) {
        for cell in batch.batch.cells.iter().filter(|cell| cell.request == 0) {
            *self.outcomes.entry(cell.outcome).or_default() += cell.n;
        }
        self.findings.extend(batch.batch.findings);
        for event in batch.events {
            if let Event::Backlog(backlog) = event {
                self.generated = backlog.generated;
                self.acknowledged = backlog.acknowledged;
                self.held = backlog.peak;
            }
        }
    }
}

/// Host, port and path prefix.
fn address(to: &str) -> Result<(String, u16, String), DemoError> {
    let wrong = |why: &str| DemoError::Address { to: to.to_owned(), why: why.to_owned() };
    let url = reqwest::Url::parse(to).map_err(|error| wrong(&format!("is no URL ({error})")))?;
    if url.scheme() != "http" {
        return Err(wrong("does not start with http://"));
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(wrong("has no host"));
    };
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("has more than host, port and path"));
    }
    Ok((host.to_owned(), port, url.path().trim_end_matches('/').to_owned()))
}

fn fleet(args: &DemoArgs) -> plan::Fleet {
    let gateway = |recovery_us| Gateway {
        count: 1,
        in_flight: 16,
        timeout_us: 10_000_000,
        buffer_max: 20_000,
        when_full: WhenFull::DropOldest,
        delivery: Delivery::StoreAndForward,
        breaker: Some(Policy {
            failures: Some(5),
            recovery_us: Some(recovery_us),
            trials: Some(1),
        }),
        retry: Some(Retry {
            attempts: 3,
            base_us: 1_000_000,
            factor_milli: 2000,
            max_us: 30_000_000,
            jitter: Share(0),
            order: Order::OutsideBreaker,
        }),
        mutant: None,
    };
    let (gateway, drain_us) = match args.through {
        Through::Devices => (None, 30_000_000),
        Through::Gateway { recovery_us, drain_us } => (Some(gateway(recovery_us)), drain_us),
    };
    plan::Fleet {
        load: 0,
        name: "devices".to_owned(),
        to: plan::Target::Service(String::new()),
        devices: args.devices,
        every_us: args.every_us,
        jitter_us: 0,
        samples: args.samples,
        profile: args.profile,
        send: None,
        key: vec!["/machine_id".to_owned(), "/sample_number".to_owned()],
        client: plan::Client {
            connections: 4096,
            timeout_us: 30_000_000,
            connect_timeout_us: 5_000_000,
            headers: Vec::new(),
            transport: plan::Transport::default(),
        },
        gateway,
        drain_us,
        read_back: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::peer::{Manner, Peer};

    fn args(to: String) -> DemoArgs {
        DemoArgs {
            to,
            samples: 20,
            devices: 3,
            every_us: 10_000,
            profile: Profile::Mill,
            seed: 1,
            through: Through::Devices,
            deny: None,
            told: None,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn sends_all_and_counts_them() {
        let peer = Peer::start(Manner::Keeps).await;
        let (_stop, stopped) = watch::channel(false);
        let mut told = 0;
        let args = args(format!("http://{}/base/", peer.addr));
        let totals = demo(&args, stopped, |_| told += 1).await.unwrap();
        assert_eq!((totals.generated, totals.acknowledged, totals.held), (60, 60, 0));
        assert_eq!(totals.outcomes, BTreeMap::from([(Outcome::Ok, 60)]));
        assert!(told >= 1 && peer.kept() == 60);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_word_to_stop_cuts_it_short_even_if_said_before() {
        let peer = Peer::start(Manner::Keeps).await;
        let (_stop, stopped) = watch::channel(true);
        let long = DemoArgs { samples: 1_000_000, ..args(format!("http://{}", peer.addr)) };
        let totals = demo(&long, stopped, |_| {}).await.unwrap();
        assert!(totals.generated < 1_000_000);
    }

    #[tokio::test]
    async fn says_what_is_wrong_with_an_address() {
        let (_stop, stopped) = watch::channel(false);
        for to in ["https://127.0.0.1:1", "127.0.0.1:80", "http://127.0.0.1/?a=b", "nonsense"] {
            let said = demo(&args(to.to_owned()), stopped.clone(), |_| {}).await.unwrap_err();
            assert!(said.to_string().contains("write something like http://"), "{said}");
        }
        let denied = DemoArgs {
            deny: Some("127.0.0.1".to_owned()),
            ..args("http://127.0.0.1:1".to_owned())
        };
        assert!(matches!(demo(&denied, stopped, |_| {}).await, Err(DemoError::Service(_))));
    }
}
