//! Policies, conditions and targets of alerts, as the validator of OpenSLO v1 wants them.
//!
//! Not here: which alerts an objective asks for (`alerts`).

use super::metadata::{description, filled, label, metadata};
use super::rules::{Mistakes, OPERATORS, number, one_of, only_one};
use super::shorthand::duration;
use super::types::{
    AlertConditionSpec, AlertNotificationTargetSpec, AlertPolicySpec, Metadata, PolicyUse,
};
use crate::spec::document::Mistake;
use crate::spec::scalar::{Text, Wrong};
use crate::spec::trail::Trail;

/// A policy where an objective names it, or writes it out.
pub(super) fn policy_use(one: &PolicyUse, at: &Trail, into: &mut Mistakes) {
    let written = (one.kind.as_ref(), one.metadata.as_ref(), one.spec.is_some());
    usage("alertPolicyRef", one.alert_policy_ref.as_ref(), "AlertPolicy", written, at, into);
    if let Some(spec) = &one.spec {
        policy(spec, &at.key("spec"), into);
    }
}

/// A policy.
pub(super) fn policy(spec: &AlertPolicySpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    if spec.conditions.len() != 1 {
        let message = format!("{} conditions", spec.conditions.len());
        let help = "write exactly one; policies can be several";
        into.push(Mistake::key(at.key("conditions"), Wrong::new(message, help)));
    }
    for (index, one) in spec.conditions.iter().enumerate() {
        let at = at.key("conditions").index(index);
        let written = (one.kind.as_ref(), one.metadata.as_ref(), one.spec.is_some());
        usage("conditionRef", one.condition_ref.as_ref(), "AlertCondition", written, &at, into);
        if let Some(spec) = &one.spec {
            condition(spec, &at.key("spec"), into);
        }
    }
    if spec.notification_targets.is_empty() {
        let wrong = Wrong::new("no notification target", "write `[{targetRef: …}]`");
        into.push(Mistake::key(at.key("notificationTargets"), wrong));
    }
    for (index, one) in spec.notification_targets.iter().enumerate() {
        let at = at.key("notificationTargets").index(index);
        let written = (one.kind.as_ref(), one.metadata.as_ref(), one.spec.is_some());
        let kind = "AlertNotificationTarget";
        usage("targetRef", one.target_ref.as_ref(), kind, written, &at, into);
        if let Some(spec) = &one.spec {
            target(spec, &at.key("spec"), into);
        }
    }
}

/// Whom an alert reaches.
pub(super) fn target(spec: &AlertNotificationTargetSpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    filled(&spec.target, at.key("target"), "what tells it, such as slack", into);
}

/// A condition.
pub(super) fn condition(spec: &AlertConditionSpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    filled(&spec.severity, at.key("severity"), "how much it matters, such as page", into);
    let at = at.key("condition");
    let rate = &spec.condition;
    one_of(&rate.kind, &["burnrate"], at.key("kind"), into);
    one_of(&rate.op, &OPERATORS, at.key("op"), into);
    number(&rate.threshold, (f64::is_finite, "a number"), at.key("threshold"), into);
    duration(&rate.lookback_window, at.key("lookbackWindow"), into);
    if let Some(after) = rate.alert_after.as_ref().filter(|after| !after.as_str().is_empty()) {
        duration(after, at.key("alertAfter"), into);
    }
}

/// Named, or written out with its kind and name.
fn usage(
    key: &str,
    named: Option<&Text>,
    wanted: &str,
    (kind, about, spec): (Option<&Text>, Option<&Metadata>, bool),
    at: &Trail,
    into: &mut Mistakes,
) {
    let written = kind.is_some() || about.is_some() || spec;
    only_one(&[(key, named.is_some()), ("spec", written)], at, into);
    if let Some(name) = named {
        label(name, at.key(key), into);
    }
    if !written {
        return;
    }
    match kind {
        Some(kind) => one_of(kind, &[wanted], at.key("kind"), into),
        None => {
            let wrong = Wrong::new("`kind` is missing", format!("write `kind: {wanted}`"));
            into.push(Mistake::key(at.clone(), wrong));
        }
    }
    match about {
        Some(about) => metadata(about, &at.key("metadata"), into),
        None => {
            let wrong = Wrong::new("`metadata` is missing", "write `metadata: {name: …}`");
            into.push(Mistake::key(at.clone(), wrong));
        }
    }
    if !spec {
        let wrong = Wrong::new("`spec` is missing", "write what it is");
        into.push(Mistake::key(at.clone(), wrong));
    }
}
