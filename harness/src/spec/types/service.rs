//! Parts of the system under test, links between them, and looks at them.
//!
//! Not here: what needs two values at once (`plan`).

use super::Route;
use crate::spec::scalar::{Count, Duration, Name, Quantity, Size, Statuses, Words};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the system under test.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// It runs already: `http://host:port` or `https://host:port`.
    Url(Words),
    /// We start it, and end it with all its children.
    Process(Process),
    /// We start it from an image, and remove it.
    Container(Container),
    /// It runs already, on this machine: touched by the faults that name it, and by nothing else.
    RunningProcess(RunningProcess),
    /// It runs already, in a container: touched by the faults that name it, and by nothing else.
    RunningContainer(RunningContainer),
}

/// A container that we start. Needs a container engine (Docker's API).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Container {
    /// `name:tag`; pulled where it is not there.
    pub image: Words,
    /// Arguments instead of the image's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Words>,
    /// Its environment; values are text.
    #[serde(default)]
    pub env: IndexMap<String, Words>,
    /// The port inside; it is published on a free port of 127.0.0.1.
    pub port: Count,
    /// The most memory it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// How readiness shows, the pull included.
    #[serde(default)]
    pub ready: Ready,
    /// How long it may take to end after SIGTERM: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_within: Option<Duration>,
}

/// A process that we start.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Process {
    /// Program and arguments; `assay` is this very program.
    pub command: Vec<Words>,
    /// Added to the environment; values are text.
    #[serde(default)]
    pub env: IndexMap<String, Words>,
    /// Working directory; the scenario's folder unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Words>,
    /// How readiness shows.
    #[serde(default)]
    pub ready: Ready,
    /// How long it may take to end after SIGTERM: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_within: Option<Duration>,
}

/// A process that runs already: one of `port` and `pid-file`, or both.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunningProcess {
    /// The port that it listens on; the only one that it has unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Count>,
    /// A file with its number; whoever listens on the port unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_file: Option<Words>,
}

/// Containers that run already: one of `compose`, `name` and `label`. Needs their engine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunningContainer {
    /// A service of a compose project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compose: Option<ComposeService>,
    /// The container's name, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Words>,
    /// A label that they have: `key`, or `key=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Words>,
    /// The port inside; the only one that is published unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Count>,
}

/// A service of a compose project.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComposeService {
    /// The project's name: that of its folder, unless it was started with another.
    pub project: Words,
    /// The service's name in the compose file.
    pub service: Words,
}

/// How readiness shows: one of `http`, `port`, `log`; its port unless given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ready {
    /// This path answers 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Words>,
    /// This port accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Count>,
    /// A line of its output contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Words>,
    /// How long it may take: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
}

/// A fault proxy between two parties.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    /// A service, or `host:port`; or `stub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Words>,
    /// We are the far end, and answer so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stub: Option<Vec<Route>>,
    /// What passes; tcp where the port is one of those known to speak no HTTP, else http.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<LinkProtocol>,
    /// Where it listens; 127.0.0.1 and a free port of 20000-29999 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<Words>,
}

/// What passes over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkProtocol {
    /// HTTP/1.1, whose requests are read.
    Http,
    /// Anything over TCP; nothing is read.
    Tcp,
}

/// The steady-state gate.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SteadyState {
    /// Objectives that must not be violated; all that cover `steady` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<Vec<Name>>,
    /// What must pass.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// Looked at again this long after the last undo; the last fault's recovery unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Duration>,
}

/// A look at a service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// GET a path.
    Http(HttpProbe),
    /// The last value of a metric.
    Metric(MetricProbe),
    /// A command that ends with status 0 within 2 s.
    Command(CommandProbe),
}

/// The last value of a metric.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricProbe {
    /// Which, of `metrics`.
    pub name: Name,
    /// Strictly less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Quantity>,
    /// No more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Quantity>,
    /// Strictly more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Quantity>,
    /// No less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Quantity>,
}

/// A command that ends with status 0 within 2 s.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandProbe {
    /// Program and arguments; or `shell`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<Words>,
    /// A line for `sh -c`; or `run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Words>,
}

/// GET a path.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpProbe {
    /// The service asked.
    pub service: Name,
    /// The path.
    pub path: Words,
    /// Accepted statuses: 2xx unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Statuses>,
}
