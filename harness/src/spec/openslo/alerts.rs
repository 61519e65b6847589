//! Which alerts an objective asks for: its policies with their conditions, names resolved.
//!
//! Not here: how they are written for Prometheus (`report::production`).

use super::super::scalar::decimal;
use super::gate::target;
use super::types::{AlertConditionSpec, AlertPolicySpec, ConditionUse, Limit, Metadata};
use super::{Slo, SloFile};
use assay_slo::Share;

const SHORT: &str = "assay.dev/short-window";
const LEAST: &str = "assay.dev/min-events";
const MINUTES_A_DAY: u64 = 24 * 60;

/// An alert on how fast a budget is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The policy's name.
    pub policy: String,
    /// How much it matters.
    pub severity: String,
    /// `>` and so on.
    pub op: &'static str,
    /// So many times as fast as the budget allows.
    pub threshold: String,
    /// The long window, minutes.
    pub long_min: u64,
    /// The short one, minutes: a twelfth unless an annotation says.
    pub short_min: u64,
    /// How long it must last, minutes.
    pub after_min: u64,
    /// With fewer events in the long window it stays silent.
    pub least: Option<u64>,
}

/// The alerts of an objective.
///
/// # Errors
/// Why there are none: a name that is not in the file, a window that cannot be read.
pub fn alerts(file: &SloFile, slo: &Slo) -> Result<Vec<Alert>, String> {
    let mut alerts = Vec::new();
    for one in slo.spec.alert_policies.iter().flatten() {
        let (name, policy): (String, &AlertPolicySpec) = match (&one.alert_policy_ref, &one.spec) {
            (Some(named), _) => {
                let policy = file.policies.get(named.as_str());
                let policy = policy.ok_or_else(|| format!("there is no policy `{named}`"))?;
                (named.to_string(), policy)
            }
            (None, Some(policy)) => {
                let name = one.metadata.as_ref().map(|metadata| metadata.name.to_string());
                (name.unwrap_or_default(), policy)
            }
            (None, None) => continue,
        };
        for condition in &policy.conditions {
            let (metadata, spec) = resolved(file, condition)?;
            alerts.push(alert(&name, metadata, spec)?);
        }
    }
    Ok(alerts)
}

fn resolved<'f>(
    file: &'f SloFile,
    condition: &'f ConditionUse,
) -> Result<(&'f Metadata, &'f AlertConditionSpec), String> {
    match (&condition.condition_ref, &condition.metadata, &condition.spec) {
        (Some(named), ..) => {
            let found = file.conditions.get(named.as_str());
            let (metadata, spec) =
                found.ok_or_else(|| format!("there is no condition `{named}`"))?;
            Ok((metadata, spec))
        }
        (None, Some(metadata), Some(spec)) => Ok((metadata, spec)),
        _ => Err("a condition is neither named nor written out".to_owned()),
    }
}

fn alert(policy: &str, metadata: &Metadata, spec: &AlertConditionSpec) -> Result<Alert, String> {
    let rate = &spec.condition;
    let window = |text: &str| {
        minutes(text).ok_or_else(|| format!("`{policy}`: `{text}` is no window of minutes or more"))
    };
    let note = |key: &str| metadata.annotations.get(key).and_then(|value| value.0.as_str());
    let long_min = window(rate.lookback_window.as_str())?;
    let short_min = match note(SHORT) {
        Some(text) => window(text)?,
        None => (long_min / 12).max(1),
    };
    let least = match note(LEAST) {
        Some(text) => {
            let least = text.parse().ok();
            Some(least.ok_or_else(|| format!("`{policy}`: `{LEAST}` is no whole number"))?)
        }
        None => None,
    };
    let after_min = match &rate.alert_after {
        Some(after) => window(after.as_str())?,
        None => 0,
    };
    Ok(Alert {
        policy: policy.to_owned(),
        severity: spec.severity.to_string(),
        op: match rate.op.as_str() {
            "lt" => "<",
            "lte" => "<=",
            "gte" => ">=",
            _ => ">",
        },
        threshold: rate.threshold.0.to_string(),
        long_min,
        short_min,
        after_min,
        least,
    })
}

/// A duration of OpenSLO in minutes; a month is 30 days, as the specification's own tools count.
#[must_use]
pub fn minutes(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let of = match unit {
        'm' => 1,
        'h' => 60,
        'd' => MINUTES_A_DAY,
        'w' => 7 * MINUTES_A_DAY,
        'M' => 30 * MINUTES_A_DAY,
        'Q' => 90 * MINUTES_A_DAY,
        'Y' => 365 * MINUTES_A_DAY,
        _ => return None,
    };
    count.checked_mul(of).filter(|minutes| *minutes > 0)
}

/// What a limit lets be bad, as a decimal: `0.001`.
#[must_use]
pub fn budget(limit: &Limit) -> Option<String> {
    Some(decimal::write(Share::ONE.0 - target(limit)?.0, 9))
}
