//! The scenario as it is written: one type per construct of the grammar, derived once and used
//! for decoding and for the JSON Schema.
//!
//! Invariant: what has a name is a map entry `name: {type: {settings}}`; what has none is a list
//! item `- type: {settings}`. Enums are externally tagged; no `tag`, `untagged` or `flatten`,
//! which would lose the place of a mistake.
//! Invariant: nothing is checked here that needs two values at once (see `plan`).
//! Not here: words that belong elsewhere; `spec::elsewhere` says where.

mod baseline;
mod breaker;
mod data;
mod expect;
mod expect_fleet;
mod expect_log;
mod fault;
mod fleet;
mod guard;
mod load;
mod metric;
mod objective;
mod request;
mod service;
mod service_fault;
mod setup;
mod stub;
mod transport;
mod users;

pub use baseline::{Against, Alike, Baseline, Decide, Repeat};
pub use breaker::{
    ArrivalsEvidence, Breaker, BreakerEvidence, BreakerPolicy, GatewayEvidence, GaugeEvidence,
    GaugeValues, LogEvidence, PageEvidence,
};
pub use data::{DataFile, DataSet, Pick, WhenExhausted};
pub use expect::{
    Amplification, Answers, BreakerAsked, Expect, FastFail, FastFailLatency, Goodput, Herd,
    Recovers, Unaffected, Within,
};
pub use expect_fleet::{
    AtLeastShare, AtMostBound, AtMostCount, AtMostFactor, AtMostTime, BacklogAsked, LedgerAsked,
};
pub use expect_log::{Counts, LogAsked, Reconciles};
pub use fault::{
    Affects, Again, BandwidthFault, Delay, ErrorFault, Fault, LatencyFault, LinkFault, Lognormal,
    Match, Normal, OutageFault, OutageMode, Pareto, Ramp, Side, TruncateFault,
};
pub use fleet::{
    Buffer, CommandReadBack, Delivery, Device, Fleet, Gateway, GatewayBreaker, HttpReadBack,
    Mutant, Order, ReadBack, Retry, WhenFull,
};
pub use guard::{ErrorRateGuard, Guards, LagGuard, MetricGuard, ProbeGuard, StopWhen};
pub use load::{
    ConstantArrivalRate, Load, RampingArrivalRate, ReplayLog, Spread, Stage, SteppingArrivalRate,
};
pub use metric::{
    AtMostGrowth, AtMostQuantity, CommandMetric, Limits, Metric, MetricAsked, ProcessMetric,
    ProcessRead, PrometheusMetric, PromqlMetric, ReadyAsked, Settles,
};
pub use objective::{
    AvailabilityObjective, CapacityObjective, Clock, ErrorCountObjective, ErrorRateChangeObjective,
    ErrorRateObjective, Excuse, LatencyChangeObjective, LatencyObjective, Objective,
    ThroughputObjective,
};
pub use request::{Call, Captured, Check, Client, HeaderCheck, JsonCheck, Request, SizeCheck};
pub use service::{
    CommandProbe, Container, HttpProbe, Link, LinkProtocol, MetricProbe, Probe, Process, Ready,
    RunningContainer, RunningProcess, Service, SteadyState,
};
pub use service_fault::{
    CommandFault, CpuBy, DisconnectFault, KillFault, ManualFault, PressureFault, RestartFault,
    RestartedBy, ServiceFault,
};
pub use setup::{ForEach, Preparation, SetupCommand};
pub use stub::{Reply, Route};
pub use transport::{IdleReset, Protocol, Reconnect, Tls};
pub use users::{ConstantVus, RampingVus, SharedIterations, Step, VusStage};

use super::scalar::{Count, Duration, Free, Name, Words};
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
    /// Files whose entries are this file's too, each from the folder of the file that names it.
    #[serde(default)]
    pub include: Vec<Words>,
    /// Hosts beyond loopback that may receive load.
    #[serde(default)]
    pub allow: Vec<Words>,
    /// Used as `${vars.NAME}`.
    #[serde(default)]
    pub vars: IndexMap<String, Words>,
    /// Rows that requests take values from: `${data.NAME.COLUMN}`.
    #[serde(default)]
    pub data: IndexMap<Name, DataSet>,
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
    /// Steps that journeys share: `- use: NAME`.
    #[serde(default)]
    pub flows: IndexMap<Name, Vec<Step>>,
    /// What is done once before the warm-up; if it fails, the run is not begun.
    #[serde(default)]
    pub setup: Vec<Preparation>,
    /// What is done after the run, whatever ended it.
    #[serde(default)]
    pub teardown: Vec<Preparation>,
    /// Streams of requests.
    #[serde(default)]
    pub load: IndexMap<Name, Load>,
    /// Devices, and optionally our gateways between them and the far end.
    #[serde(default)]
    pub fleets: IndexMap<Name, Fleet>,
    /// What is broken, and when.
    #[serde(default)]
    pub faults: IndexMap<Name, Fault>,
    /// Numbers of the system under test that are read again and again.
    #[serde(default)]
    pub metrics: IndexMap<Name, Metric>,
    /// Circuit breakers whose states are judged.
    #[serde(default)]
    pub breakers: IndexMap<Name, Breaker>,
    /// What must hold.
    #[serde(default)]
    pub objectives: IndexMap<Name, Objective>,
    /// What must hold around faults.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// What the run is held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Run it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// What stops the run.
    #[serde(default)]
    pub guards: Guards,
    /// Sets of overrides: `--profile ci`.
    #[serde(default)]
    #[schemars(with = "IndexMap<Name, IndexMap<String, Free>>")]
    pub profiles: IndexMap<Name, IndexMap<String, Free>>,
}
