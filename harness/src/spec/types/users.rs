//! Closed loads: users who wait for their answers.
//!
//! Not here: what needs two values at once (`plan`).

use super::{Call, Client, Request};
use crate::spec::scalar::{Count, Duration, Name, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Closed model: always so many users. With a `journey` each goes through its steps; with
/// `requests` each sends the next as soon as its answer is there, without a thought between.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConstantVus {
    /// How many users.
    pub vus: Count,
    /// How long.
    pub duration: Duration,
    /// They start spread over this: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_up: Option<Duration>,
    /// A journey takes at least this long; no longer than its steps unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Duration>,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What each user does, in order, over and over.
    #[serde(default)]
    pub journey: Vec<Step>,
    /// What is sent, by weight, by whoever is free: instead of a journey.
    #[serde(default)]
    pub requests: Vec<Request>,
}

/// Closed model: the number of users changes linearly within each stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RampingVus {
    /// Users at its start.
    pub start_vus: Count,
    /// Stretches, one after another.
    pub stages: Vec<VusStage>,
    /// A journey takes at least this long; no longer than its steps unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Duration>,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What each user does, in order, over and over.
    pub journey: Vec<Step>,
}

/// A stretch of a ramp of users.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VusStage {
    /// How long.
    pub duration: Duration,
    /// Users at its end.
    pub target: Count,
}

/// Closed model: so many journeys in all, shared by the users.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SharedIterations {
    /// How many users.
    pub vus: Count,
    /// How many journeys in all.
    pub iterations: Count,
    /// At most this long.
    pub max_duration: Duration,
    /// A journey takes at least this long; no longer than its steps unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Duration>,
    /// A service or link; the only service unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How requests are sent.
    #[serde(default)]
    pub client: Client,
    /// What each user does, in order, over and over.
    pub journey: Vec<Step>,
}

/// A step of a journey: a request by its method, or a pause.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
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
    /// The steps of a flow.
    Use(Name),
    /// Waits: `500ms`, or any length of `500ms..1500ms`.
    Pause(Span),
}
