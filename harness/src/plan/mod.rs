//! The plan: everything a run will do, computed before anything is started or sent.
//!
//! Invariant: a plan is complete: names are resolved, defaults filled in, times are µs after
//! time 0, and what could not decide its objectives was refused or warned about.
//! Invariant: of placeholders only those are left whose values a start decides
//! (`services.X.*`, `links.X.*`, `self.*`, `run.*`); [`Text`] marks where.
//! Not here: reading YAML (`spec`), running (`run`).

pub mod act;
pub mod answer;
pub mod arrivals;
pub mod baseline;
pub mod chance;
mod compile;
mod containers;
pub mod cycle;
pub mod demand;
mod describe;
pub mod dynamic;
pub mod fault;
pub mod fleet;
pub mod guard;
mod load;
mod marks;
pub mod metric;
mod order;
pub mod phases;
pub mod poisson;
pub mod query;
pub mod replay;
pub mod rows;
pub mod seal;
pub mod setup;
mod stairs;
pub mod stub;
mod table;
pub mod template;
pub mod text;
pub mod traced;
pub mod traffic;
pub mod transport;
pub mod turns;
pub mod users;
pub mod words;

pub use act::{Errand, PRESSED_LATE_US, Place, Pressure, RestartedBy};
pub use compile::{
    LEAST_MEMORY, asked_later, compile, compile_all, compile_to_measure, compile_to_try,
};
pub use containers::Which;
pub use describe::{describe, dry_run};
pub use dynamic::Dynamic;
pub use fault::{
    Affects, Delay, Fault, FaultKind, Latency, Match, OutageMode, Ramp, Recorded, Side,
};
pub use fleet::Fleet;
pub use guard::{Guard, Probe};
pub use load::{Arrivals, Journey, Load, Stretch, Until, UsedUp};
pub use metric::Metric;
pub use poisson::{Poisson, Spread};
pub use replay::Logged;
pub use setup::Setup;
pub use stairs::Stairs;
pub use text::UnknownPlaceholder;
pub use traffic::Traffic;
pub use transport::{Client, Files, Identity, OF_CONNECTION, Tls, Transport};
pub use users::Users;

use assay_slo::Case;
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
    /// What is done before the warm-up.
    pub setup: Setup,
    /// What is done after the run.
    pub teardown: Setup,
    /// Fleets, in the order of [`Case::fleets`].
    pub fleets: Vec<Fleet>,
    /// Links whose arrivals are recorded, because an expectation or a breaker's evidence needs
    /// them.
    pub watched: Vec<Watched>,
    /// Faults, in the order of [`Case::faults`].
    pub faults: Vec<Fault>,
    /// Loads that end some time after a fault whose end nobody knows before.
    pub untils: Vec<Until>,
    /// Metrics, in the order of [`Case::metrics`].
    pub metrics: Vec<Metric>,
    /// Probes of the steady-state gate.
    pub probes: Vec<Probe>,
    /// What stops the run before its end.
    pub guards: Vec<Guard>,
    /// The run is stopped when it is still going this long after its start, µs.
    pub max_duration_us: u64,
    /// The last planned instant after time 0, without drains, µs.
    pub ends_us: u64,
    /// How often it is run, and against what.
    pub series: baseline::Series,
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
    /// It runs already: where, and a path prefix (empty or starting with `/`).
    Url {
        /// Whether it speaks TLS: `https://`.
        secure: bool,
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// Put before every request path.
        prefix: String,
    },
    /// We start it.
    Process(Process),
    /// It runs already on this machine, and is watched, not ours; faults may break it.
    Attached {
        /// The port that it listens on.
        port: Option<u16>,
        /// A file with its number.
        pid_file: Option<PathBuf>,
    },
    /// Containers that run already, and are watched, not ours.
    Containers {
        /// Which.
        which: Which,
        /// The port inside; none: the only one that is published.
        port: Option<u16>,
    },
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
    /// The container that it holds, if it holds one.
    pub held: Option<Held>,
}

/// A container that a process of ours holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// `name:tag`.
    pub image: String,
    /// The port inside.
    pub port: u16,
}

impl Held {
    /// The network of a run's containers.
    #[must_use]
    pub fn network(run: &str) -> String {
        format!("assay-{run}")
    }

    /// The name of a service's container, which others in its network know it by.
    #[must_use]
    pub fn name(run: &str, service: &str) -> String {
        format!("assay-{run}-{service}")
    }
}

/// What the holder of a container says when the container's port answers.
pub const CONTAINER_ANSWERS: &str = "assay: the container's port answers";

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
    /// Whether it passes on whatever comes, and reads none of it.
    pub tcp: bool,
    /// Where it listens; none: 127.0.0.1 and a free port of 20000-29999.
    pub listen: Option<std::net::SocketAddr>,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// Nowhere: we are the far end, and answer so.
    Stub(Vec<stub::Route>),
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

/// A link whose arrivals are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its name.
    pub link: String,
    /// Whether single arrivals are recorded, or only their number in each second.
    pub each: bool,
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
    /// What each sending fills in anew, and what is read from its answer besides the status; none
    /// where there is neither.
    pub dynamic: Option<Dynamic>,
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
    File {
        /// As a shell in the same folder reaches it.
        path: String,
        /// What it holds.
        bytes: Vec<u8>,
    },
}
