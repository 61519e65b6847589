//! Which alerts an objective asks for: its policies with their conditions, names resolved.
//!
//! Invariant: a policy that is named twice is asked for once, and two of one name are a mistake.
//! Not here: the specification's rules (`alerting`), how alerts are written for Prometheus
//! (`report::production`), what they would have done in a run (crate slo `budget`).

use super::gate::target;
use super::types::{AlertConditionSpec, AlertPolicySpec, ConditionUse, Limit, Metadata, PolicyUse};
use super::{Site, Slo, SloFile, minutes};
use crate::spec::problem::Problem;
use crate::spec::scalar::{decimal, quoted};
use crate::spec::suggest::suggest;
use assay_slo::Share;

const PREFIX: &str = "assay.dev/";
const SHORT: &str = "assay.dev/short-window";
const LEAST: &str = "assay.dev/min-events";

/// An alert on how fast a budget is spent, or on nothing to see of it.
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
    /// Whether it begins when the budget is spent so fast.
    pub breaching: bool,
    /// Whether it also begins when there is no data.
    pub no_data: bool,
    /// Whether its end is told as well.
    pub resolved: bool,
    /// Where its condition stands.
    pub condition: Site,
    /// Where its policy stands.
    pub site: Site,
}

/// The alerts of an objective.
///
/// # Errors
/// All that keeps them from being known: names that are not in the file, windows of no length.
pub fn alerts(file: &SloFile, slo: &Slo) -> Result<Vec<Alert>, Vec<Problem>> {
    let (mut alerts, mut problems) = (Vec::<Alert>::new(), Vec::new());
    for (index, one) in slo.spec.alert_policies.iter().enumerate() {
        let at = slo.site.key("spec").key("alertPolicies").index(index);
        let found = match policy(file, one, &at) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(*problem);
                continue;
            }
        };
        if let Some(other) = alerts.iter().find(|alert| alert.policy == found.name) {
            // The same one, named again, says nothing new.
            if other.site != found.site {
                let message = format!("there are two policies {}", quoted(&found.name));
                problems.push(file.problem(&at, message, "rename one of them"));
            }
            continue;
        }
        for (index, one) in found.spec.conditions.iter().enumerate() {
            let condition = condition(file, one, &found.site.key("conditions").index(index));
            match condition.and_then(|condition| alert(file, &found, &condition)) {
                Ok(alert) => alerts.push(alert),
                Err(problem) => problems.push(*problem),
            }
        }
    }
    if problems.is_empty() { Ok(alerts) } else { Err(problems) }
}

/// Policies that an objective names again after it has named them.
pub(super) fn named_twice(slo: &Slo) -> impl Iterator<Item = (Site, &str)> {
    let names: Vec<Option<&str>> = slo
        .spec
        .alert_policies
        .iter()
        .map(|one| one.alert_policy_ref.as_ref().map(|name| name.as_str()))
        .collect();
    let site = slo.site.key("spec").key("alertPolicies");
    (0..names.len()).filter_map(move |index| {
        let name = names.get(index).copied().flatten()?;
        let before = names.iter().take(index).any(|other| *other == Some(name));
        before.then(|| (site.index(index).key("alertPolicyRef"), name))
    })
}

struct Policy<'f> {
    name: String,
    site: Site,
    spec: &'f AlertPolicySpec,
}

fn policy<'f>(
    file: &'f SloFile,
    one: &'f PolicyUse,
    at: &Site,
) -> Result<Policy<'f>, Box<Problem>> {
    match (&one.alert_policy_ref, &one.metadata, &one.spec) {
        (Some(named), ..) => {
            let known: Vec<&str> = file.policies.keys().map(String::as_str).collect();
            let found = file.policies.get(named.as_str()).ok_or_else(|| {
                let message = format!("there is no policy {}", quoted(named));
                let help = suggest(named.as_str(), &known, "in this file");
                file.refusal(&at.key("alertPolicyRef"), message, help)
            })?;
            Ok(Policy { name: named.to_string(), site: found.0.clone(), spec: &found.1 })
        }
        (None, Some(about), Some(spec)) => {
            Ok(Policy { name: about.name.to_string(), site: at.key("spec"), spec })
        }
        // The specification's rules have refused it.
        _ => Err(file.refusal(
            at,
            "a policy is neither named nor written out",
            "write `alertPolicyRef`",
        )),
    }
}

struct Condition<'f> {
    site: Site,
    about: &'f Metadata,
    spec: &'f AlertConditionSpec,
}

fn condition<'f>(
    file: &'f SloFile,
    one: &'f ConditionUse,
    at: &Site,
) -> Result<Condition<'f>, Box<Problem>> {
    match (&one.condition_ref, &one.metadata, &one.spec) {
        (Some(named), ..) => {
            let known: Vec<&str> = file.conditions.keys().map(String::as_str).collect();
            let found = file.conditions.get(named.as_str()).ok_or_else(|| {
                let message = format!("there is no condition {}", quoted(named));
                let help = suggest(named.as_str(), &known, "in this file");
                file.refusal(&at.key("conditionRef"), message, help)
            })?;
            let (site, about, spec) = found;
            Ok(Condition { site: site.clone(), about, spec })
        }
        (None, Some(about), Some(spec)) => Ok(Condition { site: at.clone(), about, spec }),
        _ => {
            let message = "a condition is neither named nor written out";
            Err(file.refusal(at, message, "write `conditionRef`"))
        }
    }
}

fn alert(
    file: &SloFile,
    policy: &Policy<'_>,
    condition: &Condition<'_>,
) -> Result<Alert, Box<Problem>> {
    let rate = &condition.spec.condition;
    let site = condition.site.key("spec").key("condition");
    let notes = condition.site.key("metadata").key("annotations");
    if let Some(key) = condition
        .about
        .annotations
        .keys()
        .find(|key| key.starts_with(PREFIX) && ![SHORT, LEAST].contains(&key.as_str()))
    {
        let help = suggest(key, &[SHORT, LEAST], "known");
        let message = format!("unknown annotation {}", quoted(key));
        return Err(file.refusal(&notes.key(key), message, help));
    }
    let window = |text: &str, at: &Site| {
        minutes(text).filter(|minutes| *minutes > 0).ok_or_else(|| {
            let message = format!("{} is no window of minutes or more", quoted(&text));
            file.refusal(at, message, "write such as 5m, 1h or 3d")
        })
    };
    let note = |key: &str| condition.about.annotations.get(key).and_then(|value| value.0.as_str());
    let long_min = window(rate.lookback_window.as_str(), &site.key("lookbackWindow"))?;
    let short_min = match note(SHORT) {
        Some(text) => window(text, &notes.key(SHORT))?,
        None => (long_min / 12).max(1),
    };
    if short_min > long_min {
        let message = format!("a short window of more than {}", rate.lookback_window);
        return Err(file.refusal(&notes.key(SHORT), message, "write a shorter one, such as 5m"));
    }
    let least = match note(LEAST).map(str::parse) {
        Some(Ok(least)) => Some(least),
        Some(Err(_)) => {
            let message = "the least number of events is no whole number";
            return Err(file.refusal(&notes.key(LEAST), message, "write such as \"100\""));
        }
        None => None,
    };
    // The specification's rules have read it; an empty one is none.
    let after_min =
        rate.alert_after.as_ref().and_then(|after| minutes(after.as_str())).unwrap_or(0);
    Ok(Alert {
        policy: policy.name.clone(),
        severity: condition.spec.severity.to_string(),
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
        breaching: policy.spec.alert_when_breaching.0,
        no_data: policy.spec.alert_when_no_data.0,
        resolved: policy.spec.alert_when_resolved.0,
        condition: condition.site.clone(),
        site: policy.site.clone(),
    })
}

/// What a limit lets be bad, as a decimal: `0.001`.
#[must_use]
pub fn budget(limit: &Limit) -> Option<String> {
    Some(decimal::write(Share::ONE.0 - target(limit)?.0, 9))
}
