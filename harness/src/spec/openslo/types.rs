//! The objects of OpenSLO v1, as far as their keys go: <https://github.com/OpenSLO/OpenSLO>.
//!
//! Invariant: a key that the specification does not have is a mistake.
//! Not here: what the specification wants of values (`rules`).

use crate::spec::scalar::{Free, Text, Truth};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which object it is, and what people and tools note on it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Lower-case letters, digits and hyphens.
    pub name: Text,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text>,
    /// For grouping.
    #[serde(default)]
    pub labels: IndexMap<String, Free>,
    /// For tools.
    #[serde(default)]
    pub annotations: IndexMap<String, Free>,
}

/// What a service is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
}

/// Where metrics come from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DataSourceSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// The kind of source: Prometheus.
    #[serde(rename = "type")]
    pub of: Text,
    /// How to reach it.
    pub connection_details: Free,
}

/// Whom an alert reaches.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AlertNotificationTargetSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// The kind of target: slack, email.
    pub target: Text,
}

/// When an alert fires.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AlertConditionSpec {
    /// How much it matters: page, ticket.
    pub severity: Text,
    /// The burn rate.
    pub condition: BurnRate,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
}

/// How fast an error budget is spent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BurnRate {
    /// Always `burnrate`.
    pub kind: Text,
    /// lt, lte, gt or gte.
    pub op: Text,
    /// So many times as fast as the budget allows.
    pub threshold: Free,
    /// Over how long it is taken.
    pub lookback_window: Text,
    /// How long it must last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_after: Option<Text>,
}

/// When whom to alert.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AlertPolicySpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Also where no data comes.
    #[serde(default)]
    pub alert_when_no_data: Truth,
    /// When it begins.
    #[serde(default)]
    pub alert_when_breaching: Truth,
    /// When it is over.
    #[serde(default)]
    pub alert_when_resolved: Truth,
    /// Exactly one.
    #[serde(default)]
    pub conditions: Vec<ConditionUse>,
    /// At least one.
    #[serde(default)]
    pub notification_targets: Vec<TargetUse>,
}

/// A condition, named or written out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConditionUse {
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_ref: Option<Text>,
    /// `AlertCondition`, where it is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<AlertConditionSpec>,
}

/// A target, named or written out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TargetUse {
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<Text>,
    /// `AlertNotificationTarget`, where it is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<AlertNotificationTargetSpec>,
}

/// A policy, named or written out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicyUse {
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_policy_ref: Option<Text>,
    /// `AlertPolicy`, where it is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<AlertPolicySpec>,
}

/// An indicator: what is measured.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SliSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// A metric beside a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_metric: Option<Metric>,
    /// Good or bad of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_metric: Option<RatioMetric>,
}

/// Good or bad of all.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RatioMetric {
    /// Whether the metrics only grow.
    #[serde(default)]
    pub counter: Truth,
    /// The good ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Metric>,
    /// The bad ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<Metric>,
    /// All of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Metric>,
    /// Whether `raw` is of successes or failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_type: Option<Text>,
    /// A ratio that the source computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Metric>,
}

/// A metric.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metric {
    /// Where it comes from.
    pub metric_source: MetricSource,
}

/// Where a metric comes from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MetricSource {
    /// A data source by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_source_ref: Option<Text>,
    /// Its kind.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub of: Option<Text>,
    /// How the source finds it; free. Ours are `query`, `assay-requests`, `assay-outcomes` and
    /// `assay-faster-than`.
    pub spec: IndexMap<String, Free>,
}

/// An objective.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SloSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Of which service.
    pub service: Text,
    /// What is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<Indicator>,
    /// What is measured, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator_ref: Option<Text>,
    /// Occurrences, Timeslices or RatioTimeslices.
    pub budgeting_method: Text,
    /// Exactly one.
    #[serde(default)]
    pub time_window: Vec<TimeWindow>,
    /// The limits; a document without any is one.
    #[serde(default)]
    pub objectives: Vec<Limit>,
    /// When whom to alert.
    #[serde(default)]
    pub alert_policies: Vec<PolicyUse>,
}

/// An indicator in its place.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Indicator {
    /// Its name.
    pub metadata: Metadata,
    /// Itself.
    pub spec: SliSpec,
}

/// Over how long a budget lasts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TimeWindow {
    /// Such as 30d.
    pub duration: Text,
    /// Whether it ends now.
    #[serde(default)]
    pub is_rolling: Truth,
    /// Where it begins, if it does not roll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
}

/// Where a window begins.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Calendar {
    /// Such as 2026-01-01 00:00:00.
    pub start_time: Text,
    /// Such as Europe/Berlin.
    pub time_zone: Text,
}

/// A limit of an objective.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limit {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text>,
    /// Of a threshold metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Text>,
    /// Of a threshold metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Free>,
    /// From 0 to below 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Free>,
    /// From 0 to below 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_percent: Option<Free>,
    /// The share of a slice that makes it good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_slice_target: Option<Free>,
    /// How long a slice is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_slice_window: Option<Text>,
    /// Of a composite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<Indicator>,
    /// Of a composite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator_ref: Option<Text>,
    /// Of a composite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composite_weight: Option<Free>,
}
