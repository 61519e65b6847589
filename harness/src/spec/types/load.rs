//! Streams of requests.
//!
//! Not here: what needs two values at once (`plan`).

use super::{Client, ConstantVus, RampingVus, Request, SharedIterations, Step};
use crate::spec::scalar::{Duration, Factor, Moment, Name, Rate, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stream of requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Open model: requests are due at a constant rate, whether or not earlier ones returned.
    ConstantArrivalRate(ConstantArrivalRate),
    /// Open model: the rate changes linearly within each stage.
    RampingArrivalRate(RampingArrivalRate),
    /// Open model: the rate goes up in steps, to find how much can be carried.
    SteppingArrivalRate(SteppingArrivalRate),
    /// Open model: what a log has, when it has it.
    ReplayLog(ReplayLog),
    /// Closed model: always so many users, each waiting for its answers.
    ConstantVus(ConstantVus),
    /// Closed model: as many users as the stages say.
    RampingVus(RampingVus),
    /// Closed model: so many journeys in all, shared by the users.
    SharedIterations(SharedIterations),
}

/// Open model, constant rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConstantArrivalRate {
    /// Requests a second, or a minute.
    pub rate: Rate,
    /// How long; or `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// When it ends, such as `deploy.end + 60s`; instead of `duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// When it starts: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// How requests lie around the rate: even.
    #[serde(default)]
    pub arrivals: Spread,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What is sent, by weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What each arrival goes through, in order: instead of requests. Then the rate is of journeys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journey: Vec<Step>,
}

/// How requests lie around their rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// One after another, as far apart as the rate says.
    #[default]
    Even,
    /// As those of independent callers, drawn from the seed: the rate says how many are expected.
    Poisson,
}

/// Open model, changing rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RampingArrivalRate {
    /// The rate at its start.
    pub start_rate: Rate,
    /// Stretches, one after another.
    pub stages: Vec<Stage>,
    /// When it ends, such as `deploy.end + 60s`: the last target is held until then. With its last
    /// stage unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// When it starts: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// How requests lie around the rate: even.
    #[serde(default)]
    pub arrivals: Spread,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What is sent, by weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What each arrival goes through, in order: instead of requests. Then the rate is of journeys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journey: Vec<Step>,
}

/// Open model, going up in steps.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SteppingArrivalRate {
    /// The rate of the first step.
    pub start_rate: Rate,
    /// How much higher each next step is.
    pub step: Rate,
    /// No step is above this rate.
    pub max_rate: Rate,
    /// How long each step lasts.
    pub step_duration: Duration,
    /// How long after its start a step is not judged: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Duration>,
    /// The first step that breaks one of these objectives is the last; all are sent unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<Vec<Name>>,
    /// When it ends, such as `deploy.end + 60s`: the last rate is held until then. With its last
    /// step unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// When it starts: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// How requests lie around the rate: even.
    #[serde(default)]
    pub arrivals: Spread,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What is sent, by weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What each arrival goes through, in order: instead of requests. Then the rate is of journeys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journey: Vec<Step>,
}

/// Open model: the requests of a log, at its own times.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReplayLog {
    /// One JSON object a line; relative to the scenario's folder.
    pub file: Words,
    /// How many times faster than it was logged: 1x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Factor>,
    /// How long; what the log has after that is left out.
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
