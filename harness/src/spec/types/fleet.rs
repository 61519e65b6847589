//! Fleets: devices, gateways, and how the far end is read back.
//!
//! Not here: what needs two values at once (`plan`).

use super::Request;
use crate::spec::scalar::{Count, Duration, Flag, Multiplier, Name, Ratio, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Devices, and optionally our gateways between them and the far end.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fleet {
    /// How many devices.
    pub devices: Count,
    /// The period of one device's samples.
    pub every: Duration,
    /// A sample comes up to this much earlier or later: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// How long they sample; or `samples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// How many samples each takes; or `duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Count>,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// Shapes of values, and of names; none unless given, then `send` says all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Device>,
    /// The request that carries a sample; the profile's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<Request>,
    /// JSON pointers to what makes a sample unique: [/machine_id, /sample_number].
    #[serde(default)]
    pub key: Vec<Words>,
    /// Our gateways between the devices and `to`; without, devices send for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// How long outboxes may drain after the last sample: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Duration>,
    /// How the far end's store is read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<ReadBack>,
}

/// Shapes of values, and of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Device {
    /// A haul truck.
    #[serde(rename = "TRUCK-21")]
    Truck,
    /// A grinding mill.
    #[serde(rename = "MILL-3")]
    Mill,
    /// An industrial boiler.
    #[serde(rename = "BOILER-7")]
    Boiler,
    /// None of them: `send` says all.
    #[serde(rename = "none")]
    None,
}

/// Our gateways: they store samples and forward them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gateway {
    /// How many: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// Samples under way at once in each, one of each device: 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Count>,
    /// To the whole answer: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Its outbox.
    #[serde(default)]
    pub buffer: Buffer,
    /// Samples of one request: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Count>,
    /// What it owes its samples: store-and-forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Its breaker; none unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<GatewayBreaker>,
    /// Its retries; none unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Misbehaves on purpose, for scenarios that must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-hidden" = true))]
    pub mutant: Option<Mutant>,
}

/// A gateway's outbox.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Buffer {
    /// Samples it holds, of all its devices together: 20000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Count>,
    /// Whether it survives the gateway's end: false.
    #[serde(default)]
    pub durable: Flag,
    /// What happens to a sample that finds it full: drop-oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_full: Option<WhenFull>,
}

/// What happens to a sample that finds an outbox full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// The oldest goes.
    DropOldest,
    /// It goes itself.
    DropNewest,
}

/// What a gateway owes its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// A sample stays until it is acknowledged.
    StoreAndForward,
    /// A sample is forgotten before it is sent: loses, on purpose.
    FireAndForget,
}

/// A gateway's breaker.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GatewayBreaker {
    /// Consecutive failures that open it: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Count>,
    /// From open to half-open: 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Trials of one half-open episode: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<Count>,
}

/// A gateway's retries.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retry {
    /// Attempts in all: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Count>,
    /// First wait: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Duration>,
    /// Each wait is so many times the one before: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Multiplier>,
    /// Longest wait: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
    /// Waits vary by this share: 0%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Ratio>,
    /// Where retries stand to the breaker: outside-breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// Where retries stand to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Each attempt asks the breaker and counts.
    OutsideBreaker,
    /// The operation asks once and counts once.
    InsideBreaker,
}

/// A gateway's misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mutant {
    /// Its breaker never opens.
    NeverOpens,
    /// A success begun before the breaker opened closes it.
    StaleSuccessCloses,
}

/// How the far end's store is read back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadBack {
    /// By GET, page after page.
    Http(HttpReadBack),
    /// By a command that prints one key a line.
    Command(CommandReadBack),
}

/// By GET, page after page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpReadBack {
    /// The service asked.
    pub service: Name,
    /// The path, with `${device}` and `${cursor}`.
    pub path: Words,
    /// JSON pointer to a list of items; needs `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Words>,
    /// JSON pointers to the key within each item.
    #[serde(default)]
    pub key: Vec<Words>,
    /// JSON pointer to a list of `[first, last]`; or `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Words>,
    /// JSON pointer to the count of duplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Words>,
    /// JSON pointer to the next cursor; the last page has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Words>,
}

/// By a command that prints one key a line: one of `run` and `shell`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandReadBack {
    /// Program and arguments.
    #[serde(default)]
    pub run: Vec<Words>,
    /// A line for the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Words>,
}
