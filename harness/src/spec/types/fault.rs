//! Faults: what is broken, how it looks, and when.
//!
//! Not here: those of services (`service_fault`), what needs two values at once (`plan`).

use super::{
    CommandFault, DisconnectFault, KillFault, ManualFault, PressureFault, RestartFault,
    ServiceFault,
};
use crate::spec::scalar::{
    Bandwidth, Count, Duration, Moment, Name, Ratio, Size, Status, Uniform, Words,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fault.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Requests, or their answers, are passed on later.
    Latency(LatencyFault),
    /// Requests are answered with an error.
    Error(ErrorFault),
    /// Nothing gets through.
    Outage(OutageFault),
    /// Connections are reset, each when a request arrives on it.
    Abort(LinkFault),
    /// Answers are broken off: the connection is closed within the body.
    Truncate(TruncateFault),
    /// Requests are passed on, but nothing of the answers while the fault is on.
    Stall(LinkFault),
    /// Answers are replaced by bytes that are no HTTP.
    Garbage(LinkFault),
    /// Connections that end after an answer are not closed while the fault is on.
    SlowClose(LinkFault),
    /// Bodies, of requests and answers, take their time.
    Bandwidth(BandwidthFault),
    /// The far end of a connection is gone, and the near end is not told; of a `tcp` link.
    HalfOpen(LinkFault),
    /// Connections are reset once so many bytes have come back; of a `tcp` link.
    LimitBytes(TruncateFault),
    /// A service is killed, and started again.
    Kill(KillFault),
    /// The processes of a service stand still, and go on.
    Pause(ServiceFault),
    /// A service is ended in good order, and started again.
    Stop(ServiceFault),
    /// A service is ended in good order, and started again at once.
    Restart(RestartFault),
    /// The containers of a service leave a network, and join it again.
    Disconnect(DisconnectFault),
    /// A service gets less of its processors, its memory and its disk.
    Pressure(PressureFault),
    /// A command does something.
    Command(CommandFault),
    /// A person, or another tool, does something, and says when.
    Manual(ManualFault),
}

/// Requests are passed on later.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatencyFault {
    /// The link it acts on.
    pub link: Name,
    /// How much later.
    pub add: Delay,
    /// What waits: request.
    #[serde(default)]
    pub side: Side,
    /// How it grows and shrinks: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
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
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
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
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
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
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// Something that needs no settings of its own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LinkFault {
    /// The link it acts on.
    pub link: Name,
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
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// Answers are broken off.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TruncateFault {
    /// The link it acts on.
    pub link: Name,
    /// How much of the body is passed on; one that is no longer is passed on whole.
    pub after: Size,
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
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// Bodies take their time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BandwidthFault {
    /// The link it acts on.
    pub link: Name,
    /// So much of each body in a second.
    pub rate: Bandwidth,
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
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
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

/// What of a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// It, before it is passed on.
    #[default]
    Request,
    /// Its answer, before it is passed back.
    Response,
}

/// How a delay grows from nothing and shrinks to nothing, in a straight line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ramp {
    /// For so long from its start on: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Duration>,
    /// For so long until its end: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Duration>,
}

/// That a fault comes again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Again {
    /// How often, besides the first time.
    pub times: Count,
    /// From start to start.
    pub every: Duration,
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
    /// Many near the median, few far above it: `{p50: 40ms, p99: 200ms}`.
    Lognormal(Lognormal),
    /// Power law, few are very long: `{min: 10ms, p99: 200ms}`.
    Pareto(Pareto),
    /// As often as in this interval log of HdrHistogram, in µs; of a run's `latency.hlog`, the
    /// service times of answers that were ok.
    Recorded(Words),
}

/// A bell curve of the logarithm.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lognormal {
    /// Its median.
    pub p50: Duration,
    /// Its 99th percentile.
    pub p99: Duration,
}

/// A power law.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pareto {
    /// Its least.
    pub min: Duration,
    /// Its 99th percentile.
    pub p99: Duration,
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

/// Which of the matching requests a fault takes: `all`, `{share: 50%}`, `{quota: 50%}`,
/// `{every-nth: 100}` or `{next: 5}`.
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
    /// Each whose number, counted from the fault's start, this divides.
    EveryNth(Count),
    /// So many from the fault's start on.
    Next(Count),
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
