//! The plan: everything a run will do, computed before anything is started or sent.
//!
//! Invariant: a plan is complete: names are resolved, defaults filled in, times are µs after
//! time 0, and what could not decide its objectives was refused or warned about.
//! Invariant: of placeholders only those are left whose values a start decides
//! (`services.X.*`, `links.X.*`, `self.*`, `run.*`); [`Text`] marks where.
//! Not here: reading YAML (`spec`), running (`run`).

use assay_slo::{Case, Share};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A text that may still hold `${services.X.addr|host|port}`, `${links.X.addr|host|port}`,
/// `${self.addr|host|port}`, `${run.id}` or `${run.dir}`; `$${` stands for `${`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub String);

/// One planned run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// Its hypothesis, if it has one.
    pub hypothesis: Option<String>,
    /// Copied into reports.
    pub labels: Vec<(String, String)>,
    /// The seed of every random choice.
    pub seed: u64,
    /// The scenario file as the user named it.
    pub file: String,
    /// SHA-256 of its text, hexadecimal.
    pub sha256: String,
    /// Folder that relative paths and commands start from.
    pub folder: PathBuf,
    /// The scenario as it was decoded, overrides applied, secrets masked: YAML.
    pub resolved: String,
    /// Values that must not reach an artefact (from `${env.*}` and secret headers).
    pub secrets: Vec<String>,
    /// Hosts beyond loopback that may receive load.
    pub allow: Vec<String>,
    /// Services, in the order in which they start.
    pub services: Vec<Service>,
    /// Links.
    pub links: Vec<Link>,
    /// Loads, in the order of [`Case::loads`].
    pub loads: Vec<Load>,
    /// Closed loads, driven by users who wait for their answers.
    pub users: Vec<Users>,
    /// Fleets, in the order of [`Case::fleets`].
    pub fleets: Vec<Fleet>,
    /// Links whose arrivals are recorded, because an expectation or a breaker's evidence needs
    /// them.
    pub watched: Vec<Watched>,
    /// Faults, in the order of [`Case::faults`].
    pub faults: Vec<Fault>,
    /// Probes of the steady-state gate.
    pub probes: Vec<Probe>,
    /// The run is stopped when it is still going this long after its start, µs.
    pub max_duration_us: u64,
    /// The last planned instant after time 0, without drains, µs.
    pub ends_us: u64,
    /// The question for the judge.
    pub case: Case,
    /// What the user should know though it does not forbid the run; each a sentence.
    pub warnings: Vec<String>,
}

/// A part of the system under test.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub kind: ServiceKind,
}

/// Where a service comes from.
#[derive(Debug, Clone)]
pub enum ServiceKind {
    /// It runs already: `http://host:port` and a path prefix (empty or starting with `/`).
    Url {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// Put before every request path.
        prefix: String,
    },
    /// We start it.
    Process(Process),
}

/// A process that we start.
#[derive(Debug, Clone)]
pub struct Process {
    /// Program and arguments; a program `assay` is this very program.
    pub command: Vec<Text>,
    /// Added to our environment.
    pub env: Vec<(String, Text)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// How readiness shows.
    pub ready: Ready,
    /// How long readiness may take, µs.
    pub ready_within_us: u64,
    /// How long it may take to end after SIGTERM, µs.
    pub stop_within_us: u64,
}

/// How readiness shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// `GET` of this path answers 2xx.
    Http(String),
    /// This port on 127.0.0.1 accepts; none: the reserved one.
    Port(Option<u16>),
    /// A line of its output contains this text.
    Log(String),
}

/// A fault proxy.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub to: Upstream,
    /// Where it listens; none: 127.0.0.1 and a free port of 20000-29999.
    pub listen: Option<std::net::SocketAddr>,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// A service of the scenario.
    Service(String),
    /// Something else.
    Address {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// Where a load's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A service, directly.
    Service(String),
    /// Through a link.
    Link(String),
}

/// One stream of arrivals.
#[derive(Debug, Clone)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// Where its requests go.
    pub to: Target,
    /// When requests are due.
    pub arrivals: Arrivals,
    /// How they are sent.
    pub client: Client,
    /// What is sent, in the order of [`assay_slo::case::Load::requests`].
    pub requests: Vec<Request>,
    /// Which request the k-th arrival is: `cycle[k % cycle.len()]`, smooth weighted round-robin.
    pub cycle: Vec<u16>,
}

/// A link whose arrivals are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its name.
    pub link: String,
    /// Whether single arrivals are recorded, or only their number in each second.
    pub each: bool,
}

/// A closed load: users who wait for their answers.
#[derive(Debug, Clone)]
pub struct Users {
    /// Index into [`Case::loads`], whose requests are those of the journey, each once.
    pub load: usize,
    /// Its name.
    pub name: String,
    /// Where its requests go.
    pub to: Target,
    /// How many users, when.
    pub crowd: Crowd,
    /// A journey takes at least this long, µs; 0: no pace.
    pub pace_us: u64,
    /// How its requests are sent.
    pub client: Client,
    /// What is sent; steps refer to it by index.
    pub requests: Vec<Request>,
    /// What each user does, over and over.
    pub journey: Vec<Step>,
}

/// How many users a closed load has, and when. Starts at time 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crowd {
    /// Always so many.
    Constant {
        /// Users.
        vus: u64,
        /// How long, µs.
        lasts_us: u64,
        /// They start spread over this, µs.
        ramp_up_us: u64,
    },
    /// As many as the stages say.
    Ramping {
        /// Users at the start.
        start: u64,
        /// Stretches: length in µs, and users at its end.
        stages: Vec<(u64, u64)>,
    },
    /// So many journeys in all, shared by the users.
    Shared {
        /// Users.
        vus: u64,
        /// Journeys.
        iterations: u64,
        /// At most this long, µs.
        max_us: u64,
    },
}

/// A step of a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Sends a request (index into [`Users::requests`]).
    Send(usize),
    /// Waits any length between two, µs.
    Pause {
        /// The least.
        min_us: u64,
        /// The greatest.
        max_us: u64,
    },
}

/// Devices, and optionally our gateways between them and the far end.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Index into [`Case::loads`] of its attempts: request 0 is a sample, request 1 features.
    pub load: usize,
    /// Its name.
    pub name: String,
    /// Where its samples go.
    pub to: Target,
    /// How many devices: `<profile>-0001` and on.
    pub devices: u64,
    /// The period of one device, µs.
    pub every_us: u64,
    /// Each sample may come this much earlier or later, µs.
    pub jitter_us: u64,
    /// Samples of one device.
    pub samples: u64,
    /// Shapes of values and the prefix of names.
    pub profile: Profile,
    /// The request that carries a sample; `${device}`, `${sample}`, `${now}`, `${random.*}` are
    /// filled for each. None: the profile's own, `POST /ingest/raw`.
    pub send: Option<Request>,
    /// JSON pointers to what makes a sample unique, in the sample's body.
    pub key: Vec<String>,
    /// How samples are sent where there is no gateway, and by the gateway.
    pub client: Client,
    /// Our gateways; none: devices send for themselves.
    pub gateway: Option<Gateway>,
    /// After the last sample the outboxes may drain so long, µs.
    pub drain_us: u64,
    /// How the far end's store is read back; none: the ledger is inconclusive.
    pub read_back: Option<ReadBack>,
}

/// Shapes of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A haul truck: `TRUCK-21`.
    Truck,
    /// A grinding mill: `MILL-3`.
    Mill,
    /// An industrial boiler: `BOILER-7`.
    Boiler,
    /// None: `send` says all; devices are called `device-0001` and on.
    None,
}

/// A gateway that stores and forwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// How many; devices are dealt out in turn.
    pub count: u32,
    /// Samples under way at once, in each gateway.
    pub in_flight: usize,
    /// To the whole answer, µs.
    pub timeout_us: u64,
    /// Samples in one outbox, all devices of a gateway together.
    pub buffer_max: usize,
    /// What happens to a sample that finds it full.
    pub when_full: WhenFull,
    /// Keeps samples until they are acknowledged, or forgets them when they are sent.
    pub delivery: Delivery,
    /// Its breaker.
    pub breaker: Option<assay_slo::case::Policy>,
    /// Its retries.
    pub retry: Option<Retry>,
    /// Misbehaves on purpose, for scenarios that must fail.
    pub mutant: Option<Mutant>,
}

/// What happens to a sample that finds the outbox full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest goes.
    DropOldest,
    /// It goes itself.
    DropNewest,
}

/// What a gateway owes its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// A sample stays until it is acknowledged.
    StoreAndForward,
    /// A sample is forgotten before it is sent: loses, on purpose.
    FireAndForget,
}

/// How a gateway retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// First wait, µs.
    pub base_us: u64,
    /// Each wait is so many times the one before, in thousandths.
    pub factor_milli: u64,
    /// Longest wait, µs.
    pub max_us: u64,
    /// Waits vary by this share, seeded.
    pub jitter: Share,
    /// Each attempt asks the breaker, or the whole operation does.
    pub order: Order,
}

/// Where retries stand to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each attempt asks the breaker and counts.
    OutsideBreaker,
    /// The operation asks once and counts once.
    InsideBreaker,
}

/// A gateway's misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Its breaker never opens.
    NeverOpens,
    /// A success of an attempt begun before the breaker opened closes it.
    StaleSuccessCloses,
}

/// How a far end's store is read back.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadBack {
    /// By HTTP, page after page, for each device.
    Http {
        /// The service asked, directly.
        service: String,
        /// With `${device}` and `${cursor}` (0 at first).
        path: Text,
        /// Where the answer has its samples.
        found: Found,
        /// JSON pointer to the count of duplicates, where there is one.
        duplicates: Option<String>,
        /// JSON pointer to the next cursor; absent or null: the last page.
        next: Option<String>,
    },
    /// By a command that prints one key a line, its parts separated by white space.
    Command(Vec<Text>),
}

/// Where an answer has its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// JSON pointer to a list of `[first, last]`.
    Ranges(String),
    /// JSON pointer to a list of items, and pointers to the key within each.
    Items {
        /// The list.
        list: String,
        /// The key.
        key: Vec<String>,
    },
}

/// When requests are due: stretches one after another from `starts_us`, the rate changing
/// linearly within each (a constant rate is one stretch).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// µs after time 0.
    pub starts_us: u64,
    /// Rate at the start, in requests per 1000 seconds (integer, so that every machine agrees).
    pub start_rate_mhz: u64,
    /// The stretches.
    pub stretches: Vec<Stretch>,
}

/// A stretch of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Its length, µs.
    pub lasts_us: u64,
    /// Rate at its end, in requests per 1000 seconds.
    pub end_rate_mhz: u64,
}

/// How a load's requests are sent.
#[derive(Debug, Clone)]
pub struct Client {
    /// At most so many connections.
    pub connections: usize,
    /// From begun to the whole answer, µs, unless the request says otherwise.
    pub timeout_us: u64,
    /// To connect, µs.
    pub connect_timeout_us: u64,
    /// Sent with every request.
    pub headers: Vec<(String, Text)>,
}

/// One kind of request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name, or `METHOD path`.
    pub name: String,
    /// Upper-case.
    pub method: String,
    /// Path and query, with the service's prefix.
    pub path: Text,
    /// Sent with it, after the client's.
    pub headers: Vec<(String, Text)>,
    /// Its body.
    pub body: Body,
    /// Accepted statuses, inclusive ranges; empty: 2xx and 3xx.
    pub check_status: Vec<(u16, u16)>,
    /// From begun to the whole answer, µs.
    pub timeout_us: u64,
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// With `content-type: application/json`, unless a header says otherwise.
    Json(Text),
    /// With `content-type: text/plain; charset=utf-8`, unless a header says otherwise.
    Text(Text),
    /// The bytes of a file, read at plan time; no content type of its own.
    File(Vec<u8>),
}

/// One fault on a link.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// The link it acts on.
    pub link: String,
    /// What it does to a request.
    pub kind: FaultKind,
    /// Which of the matching requests.
    pub affects: Affects,
    /// Which requests match.
    pub matches: Match,
    /// Start, µs after time 0.
    pub starts_us: u64,
    /// Length, µs.
    pub lasts_us: u64,
    /// Length of its recovery, µs.
    pub recovery_us: u64,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// Waits before the request is passed on.
    Latency(Delay),
    /// Answers in the service's place.
    Error {
        /// The status.
        status: u16,
        /// Headers of the answer.
        headers: Vec<(String, String)>,
        /// Its body.
        text: String,
    },
    /// Nothing gets through.
    Outage(OutageMode),
    /// The service's process is killed, and started again after the fault's length; its `link` is
    /// the service's name.
    Kill {
        /// The signal's number.
        signal: i32,
    },
}

/// A distribution of delays, µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// Always this.
    Fixed {
        /// The delay.
        us: u64,
    },
    /// Any length between, alike.
    Uniform {
        /// The least.
        min_us: u64,
        /// The greatest.
        max_us: u64,
    },
    /// Bell curve, cut off below 0.
    Normal {
        /// Its middle.
        mean_us: u64,
        /// Its standard deviation.
        sd_us: u64,
    },
}

/// How an outage looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageMode {
    /// Stops listening and resets what is open: connects are refused.
    Refuse,
    /// Accepts and reads, never answers.
    BlackHole,
    /// Accepts and resets.
    Reset,
}

/// Which of the matching requests a fault takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affects {
    /// Every one.
    All,
    /// Each by itself, with this probability, by hash of its key.
    Share(Share),
    /// Exactly this share of each block of 100 matching arrivals, the ordinals drawn by the seed.
    Quota(Share),
}

/// Which requests a fault is about; empty lists match all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// Upper-case methods.
    pub methods: Vec<String>,
    /// Path glob: `*` within a segment, `**` across; none: all.
    pub path: Option<String>,
    /// Headers that must have exactly this value; names lower-case.
    pub headers: Vec<(String, String)>,
}

/// A probe of the steady-state gate.
#[derive(Debug, Clone)]
pub struct Probe {
    /// As reports name it: `GET /health of backend`.
    pub name: String,
    /// The service asked.
    pub service: String,
    /// Path and query.
    pub path: String,
    /// Accepted statuses, inclusive ranges.
    pub status: Vec<(u16, u16)>,
}
