//! The scenario as it is written: one type per construct of the grammar, derived once and used
//! for decoding and for the JSON Schema.
//!
//! Invariant: what has a name is a map entry `name: {type: {settings}}`; what has none is a list
//! item `- type: {settings}`. Enums are externally tagged; no `tag`, `untagged` or `flatten`,
//! which would lose the place of a mistake.
//! Invariant: nothing is checked here that needs two values at once (see `plan`).
//! Not here: keys that are not built yet; `spec::later` refuses them by name.

use super::scalar::{
    Count, Duration, Flag, Free, Moment, Name, Percentile, Rate, Ratio, Status, Statuses, Uniform,
    Words,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scenario: what to run, how hard to push, what to break and when, and what must hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// The grammar's version: 1.
    pub schema: Count,
    /// The scenario's name.
    pub name: Name,
    /// What you believe, in a sentence; the first line of every report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<Words>,
    /// Copied into every report.
    #[serde(default)]
    pub labels: IndexMap<String, Words>,
    /// Of every random choice; the hash of the name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Count>,
    /// Hosts beyond loopback that may receive load.
    #[serde(default)]
    pub allow: Vec<Words>,
    /// Used as `${vars.NAME}`.
    #[serde(default)]
    pub vars: IndexMap<String, Words>,
    /// The parts of the system under test.
    #[serde(default)]
    pub services: IndexMap<Name, Service>,
    /// Fault proxies.
    #[serde(default)]
    pub links: IndexMap<Name, Link>,
    /// The loads run at their first rate, nothing is judged; time 0 is its end.
    #[serde(default)]
    pub warmup: Duration,
    /// What must hold before the first fault, and again after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_state: Option<SteadyState>,
    /// Streams of requests.
    #[serde(default)]
    pub load: IndexMap<Name, Load>,
    /// What is broken, and when.
    #[serde(default)]
    pub faults: IndexMap<Name, Fault>,
    /// What must hold.
    #[serde(default)]
    pub objectives: IndexMap<Name, Objective>,
    /// What must hold around faults.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// What stops the run.
    #[serde(default)]
    pub guards: Guards,
    /// Sets of overrides: `--profile ci`.
    #[serde(default)]
    #[schemars(with = "IndexMap<Name, IndexMap<String, Free>>")]
    pub profiles: IndexMap<Name, IndexMap<String, Free>>,
}

/// A part of the system under test.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// It runs already: `http://host:port`.
    Url(Words),
    /// We start it, and end it with all its children.
    Process(Process),
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
    /// A service, or `host:port`.
    pub to: Words,
    /// Where it listens; 127.0.0.1 and a free port of 20000-29999 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<Words>,
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

/// A stream of requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Open model: requests are due at a constant rate, whether or not earlier ones returned.
    ConstantArrivalRate(ConstantArrivalRate),
    /// Open model: the rate changes linearly within each stage.
    RampingArrivalRate(RampingArrivalRate),
}

/// Open model, constant rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConstantArrivalRate {
    /// Requests a second, or a minute.
    pub rate: Rate,
    /// How long.
    pub duration: Duration,
    /// When it starts: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What is sent, by weight.
    pub requests: Vec<Request>,
}

/// Open model, changing rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RampingArrivalRate {
    /// The rate at its start.
    pub start_rate: Rate,
    /// Stretches, one after another.
    pub stages: Vec<Stage>,
    /// When it starts: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What is sent, by weight.
    pub requests: Vec<Request>,
}

/// A stretch of a ramp.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stage {
    /// How long.
    pub duration: Duration,
    /// The rate at its end.
    pub target: Rate,
}

/// How requests are sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Client {
    /// At most so many connections: 4096.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Count>,
    /// To the whole answer: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// To connect: 2s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Duration>,
    /// Sent with every request.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
}

/// A request, by its method.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// GET.
    Get(Call),
    /// POST.
    Post(Call),
    /// PUT.
    Put(Call),
    /// PATCH.
    Patch(Call),
    /// DELETE.
    Delete(Call),
    /// HEAD.
    Head(Call),
    /// OPTIONS.
    Options(Call),
}

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Call {
    /// Path and query.
    pub path: Words,
    /// As objectives and reports call it; `METHOD path` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// How often beside the others: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Count>,
    /// To the whole answer; the client's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Sent with it.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Free>,
    /// A text body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
    /// The file whose bytes are the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Words>,
    /// What makes an answer ok; 2xx or 3xx unless given.
    #[serde(default)]
    pub check: Vec<Check>,
}

/// What makes an answer ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// One of these statuses.
    Status(Statuses),
}

/// A fault.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Requests are passed on later.
    Latency(LatencyFault),
    /// Requests are answered with an error.
    Error(ErrorFault),
    /// Nothing gets through.
    Outage(OutageFault),
}

/// Requests are passed on later.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatencyFault {
    /// The link it acts on.
    pub link: Name,
    /// How much later.
    pub add: Delay,
    /// Which of the matching requests: all.
    #[serde(default)]
    pub affects: Affects,
    /// Which requests: all.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// When it starts.
    pub at: Moment,
    /// How long it lasts.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
}

/// Requests are answered with an error.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorFault {
    /// The link it acts on.
    pub link: Name,
    /// The answer's status.
    pub status: Status,
    /// The answer's headers.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
    /// The answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
    /// Which of the matching requests: all.
    #[serde(default)]
    pub affects: Affects,
    /// Which requests: all.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// When it starts.
    pub at: Moment,
    /// How long it lasts.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
}

/// Nothing gets through.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OutageFault {
    /// The link it acts on.
    pub link: Name,
    /// How it looks.
    pub mode: OutageMode,
    /// Which of the matching requests: all; a share or a match only with black-hole and reset.
    #[serde(default)]
    pub affects: Affects,
    /// Which requests: all.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// When it starts.
    pub at: Moment,
    /// How long it lasts.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
}

/// How an outage looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutageMode {
    /// Connects are refused, open connections reset.
    Refuse,
    /// Connects are accepted, nothing is answered.
    BlackHole,
    /// Connects are accepted and reset, open ones too.
    Reset,
}

/// A distribution of delays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delay {
    /// Always this.
    Fixed(Duration),
    /// Any length between two, alike: `10ms..50ms` or `{min: 10ms, max: 50ms}`.
    Uniform(Uniform),
    /// A bell curve.
    Normal(Normal),
}

/// A bell curve, cut off below 0.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Normal {
    /// Its middle.
    pub mean: Duration,
    /// Its standard deviation.
    pub sd: Duration,
}

/// Which of the matching requests a fault takes: `all`, `{share: 50%}` or `{quota: 50%}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Affects {
    /// Every one.
    #[default]
    All,
    /// Each by itself with this probability.
    Share(Ratio),
    /// Exactly this share of each block of 100.
    Quota(Ratio),
}

/// Which requests a fault is about.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Match {
    /// These methods.
    #[serde(default)]
    pub method: Vec<Words>,
    /// This path: `*` within a segment, `**` across.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Words>,
    /// With exactly these headers.
    #[serde(default)]
    pub headers: IndexMap<String, Words>,
}

/// What must hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// A share of the requests is ok in less than so long.
    Latency(LatencyObjective),
    /// Less than a share of the requests is not ok.
    ErrorRate(ErrorRateObjective),
    /// At most so many requests are not ok.
    ErrorCount(ErrorCountObjective),
    /// At least a share of the seconds is good.
    Availability(AvailabilityObjective),
}

/// Between which instants a latency is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// From the instant the request was due.
    Response,
    /// From the first byte written.
    Service,
}

/// A share of the requests is ok in less than so long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatencyObjective {
    /// 95: of 100 requests, at least 95.
    pub percentile: Percentile,
    /// The limit.
    pub below: Duration,
    /// Between which instants: response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// One-sided confidence: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
}

/// Less than a share of the requests is not ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorRateObjective {
    /// The limit.
    pub below: Ratio,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
    /// One-sided confidence: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Ratio>,
}

/// At most so many requests are not ok.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorCountObjective {
    /// The limit.
    pub at_most: Count,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
}

/// At least a share of the seconds is good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AvailabilityObjective {
    /// The limit.
    pub at_least: Ratio,
    /// Length of a slice in whole seconds: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Duration>,
    /// A slice is good with at least this share ok: 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_target: Option<Ratio>,
    /// A slice is valid with at least so many requests due: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_least: Option<Count>,
    /// Loads and requests it covers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<Name>>,
    /// When: steady and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// Judge each name on its own.
    #[serde(default)]
    pub per_request: Flag,
    /// Reported only.
    #[serde(default)]
    pub advisory: Flag,
}

/// What must hold around faults.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// An objective's limit holds again.
    Recovers(Recovers),
    /// Some requests do not notice.
    Unaffected(Unaffected),
    /// Every request is answered as agreed.
    Answers(Answers),
}

/// An objective's limit holds again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recovers {
    /// Which: latency or error-rate.
    pub objective: Name,
    /// From when.
    pub after: Moment,
    /// Deadline.
    pub within: Duration,
    /// How long it must stay so: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

/// Some requests do not notice.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unaffected {
    /// Loads and requests.
    pub of: Vec<Name>,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// The objectives they keep.
    pub keeps: Vec<Name>,
}

/// Every request is answered as agreed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answers {
    /// Loads and requests.
    pub of: Vec<Name>,
    /// When: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Vec<Words>>,
    /// With one of these statuses.
    pub only: Statuses,
    /// In at most this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// A refusal (neither 2xx nor 3xx) carries this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Words>,
}

/// What stops the run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Guards {
    /// The timetable and one minute unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Duration>,
}
