//! What the specification of OpenSLO v1 wants of values, as its own validator does.
//!
//! Not here: keys and their types (`types`), windows of time (`calendar`), what Assay can judge (`gate`).

use super::super::document::Mistake;
use super::super::scalar::{Free, Words, Wrong, quoted};
use super::super::trail::Trail;
use super::calendar::{duration, time_window};
use super::types::{
    AlertConditionSpec, AlertPolicySpec, Limit, Metadata, Metric, SliSpec, SloSpec,
};
use serde_json::Value;

/// Longest name, and longest display name.
const MOST_NAME: usize = 63;
/// Longest description.
const MOST_DESCRIPTION: usize = 1050;
const METHODS: [&str; 3] = ["Occurrences", "Timeslices", "RatioTimeslices"];
const OPERATORS: [&str; 4] = ["lt", "lte", "gt", "gte"];

pub(super) type Mistakes = Vec<Mistake>;

pub(super) fn wrong(
    at: Trail,
    message: impl Into<String>,
    help: impl Into<String>,
    into: &mut Mistakes,
) {
    into.push(Mistake::value(at, Wrong::new(message, help)));
}

/// A label of RFC 1123.
fn label(text: &Words, at: Trail, into: &mut Mistakes) {
    let text = text.as_str();
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    if text.is_empty() || text.len() > MOST_NAME || !text.bytes().all(inner) || !ends {
        let help = "write 1 to 63 lower-case letters, digits and hyphens, no hyphen at the ends";
        wrong(at, format!("{} is no name", quoted(&text)), help, into);
    }
}

/// Names, display names, labels and annotations.
pub(super) fn metadata(metadata: &Metadata, at: &Trail, into: &mut Mistakes) {
    label(&metadata.name, at.key("name"), into);
    if let Some(name) = &metadata.display_name
        && name.as_str().chars().count() > MOST_NAME
    {
        let help = "write at most 63; what is longer goes into a description";
        wrong(at.key("displayName"), "a display name of more than 63 characters", help, into);
    }
    for (key, value) in &metadata.labels {
        let texts = match &value.0 {
            Value::Array(items) => items.iter().all(Value::is_string),
            value => value.is_string(),
        };
        if !texts || !key_part(key) {
            let help = "write a short word, and a text or a list of texts";
            wrong(at.key("labels").key(key), format!("{} is no label", quoted(key)), help, into);
        }
    }
    for (key, value) in &metadata.annotations {
        let at = at.key("annotations").key(key);
        let domain = |text: &str| text.split('.').all(lower_part);
        let good = match key.split_once('/') {
            Some((prefix, rest)) => prefix.len() <= 253 && domain(prefix) && key_part(rest),
            None => key_part(key),
        };
        if !good {
            let help = "write a word, or a domain and a word: example.com/owner";
            wrong(at, format!("{} is no annotation", quoted(key)), help, into);
        } else if !value.0.is_string() {
            let help = format!("quote it: \"{}\"", value.0);
            wrong(at, "an annotation is text", help, into);
        }
    }
}

fn lower_part(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MOST_NAME).contains(&part.len())
        && part.bytes().all(inner)
        && !part.starts_with('-')
        && !part.ends_with('-')
}

fn key_part(part: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let bytes = part.as_bytes();
    bytes.len() <= MOST_NAME && part.bytes().all(inner) && ends(bytes.first()) && ends(bytes.last())
}

/// At most so long.
pub(super) fn description(text: Option<&Words>, at: &Trail, into: &mut Mistakes) {
    if text.is_some_and(|text| text.as_str().chars().count() > MOST_DESCRIPTION) {
        let message = "a description of more than 1050 characters";
        wrong(at.key("description"), message, "write at most 1050", into);
    }
}

fn one_of(text: &Words, known: &[&str], at: Trail, into: &mut Mistakes) {
    if !known.contains(&text.as_str()) {
        let help = format!("write one of {}", known.join(", "));
        wrong(at, format!("unknown {}", quoted(text)), help, into);
    }
}

/// A number in a range.
fn number(value: &Free, (within, range): (fn(f64) -> bool, &str), at: Trail, into: &mut Mistakes) {
    match value.0.as_f64() {
        Some(number) if within(number) => {}
        Some(_) => {
            wrong(
                at,
                format!("{} is not {range}", quoted(&value.0)),
                format!("write {range}"),
                into,
            );
        }
        None => wrong(at, format!("{} is no number", quoted(&value.0)), "write a number", into),
    }
}

/// Exactly one of these is there.
fn only_one(there: &[(&str, bool)], at: &Trail, into: &mut Mistakes) {
    let names = |list: &[&str]| {
        list.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
    };
    let all: Vec<&str> = there.iter().map(|(name, _)| *name).collect();
    let found: Vec<&str> = there.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let message = match found.as_slice() {
        [_] => return,
        [] => format!("one of {} is missing", names(&all)),
        several => format!("{} exclude each other", names(several)),
    };
    let help = format!("write one of {}", names(&all));
    into.push(Mistake::key(at.clone(), Wrong::new(message, help)));
}

/// An objective.
pub(super) fn slo(spec: &SloSpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    one_of(&spec.budgeting_method, &METHODS, at.key("budgetingMethod"), into);
    let composite = spec
        .objectives
        .iter()
        .any(|limit| limit.indicator.is_some() || limit.indicator_ref.is_some());
    match composite {
        true if spec.indicator.is_some() || spec.indicator_ref.is_some() => {
            let message = "an indicator of its own beside those of a composite's objectives";
            into.push(Mistake::key(at.clone(), Wrong::new(message, "leave one of them out")));
        }
        true => {
            for (index, one) in spec.objectives.iter().enumerate() {
                let at = at.key("objectives").index(index);
                indicator(one.indicator.is_some(), one.indicator_ref.as_ref(), &at, into);
            }
        }
        false => indicator(spec.indicator.is_some(), spec.indicator_ref.as_ref(), at, into),
    }
    if let Some(indicator) = &spec.indicator {
        metadata(&indicator.metadata, &at.key("indicator").key("metadata"), into);
        sli(&indicator.spec, &at.key("indicator").key("spec"), into);
    }
    if spec.time_window.len() != 1 {
        let message = format!("{} time windows", spec.time_window.len());
        wrong(at.key("timeWindow"), message, "write exactly one", into);
    }
    for (index, window) in spec.time_window.iter().enumerate() {
        time_window(window, &at.key("timeWindow").index(index), into);
    }
    for (index, one) in spec.objectives.iter().enumerate() {
        limit(one, spec, &at.key("objectives").index(index), into);
    }
    for (index, one) in spec.alert_policies.iter().flatten().enumerate() {
        let at = at.key("alertPolicies").index(index);
        let written = (one.kind.as_ref(), one.metadata.as_ref(), one.spec.is_some());
        usage("alertPolicyRef", one.alert_policy_ref.as_ref(), "AlertPolicy", written, &at, into);
        if let Some(spec) = &one.spec {
            policy(spec, &at.key("spec"), into);
        }
    }
}

fn indicator(inline: bool, named: Option<&Words>, at: &Trail, into: &mut Mistakes) {
    only_one(&[("indicator", inline), ("indicatorRef", named.is_some())], at, into);
    if let Some(name) = named {
        label(name, at.key("indicatorRef"), into);
    }
}

fn limit(limit: &Limit, spec: &SloSpec, at: &Trail, into: &mut Mistakes) {
    let Limit { target, target_percent, .. } = limit;
    let targets = [("target", target.is_some()), ("targetPercent", target_percent.is_some())];
    only_one(&targets, at, into);
    if let Some(target) = target {
        let range = (|n| (0.0..1.0).contains(&n)) as fn(f64) -> bool;
        number(target, (range, "a share from 0 to below 1"), at.key("target"), into);
    }
    if let Some(target) = target_percent {
        let range = (|n| (0.0..100.0).contains(&n)) as fn(f64) -> bool;
        number(target, (range, "a percentage from 0 to below 100"), at.key("targetPercent"), into);
    }
    if let Some(op) = &limit.op {
        one_of(op, &OPERATORS, at.key("op"), into);
    }
    let inline = limit.indicator.as_ref().or(spec.indicator.as_ref());
    if let Some(indicator) = inline {
        let ratio = indicator.spec.ratio_metric.is_some();
        for (key, there) in [("op", limit.op.is_some()), ("value", limit.value.is_some())] {
            if there && ratio {
                let message = format!("`{key}` belongs to a threshold metric");
                wrong(at.key(key), message, "leave it out", into);
            } else if !there && !ratio {
                let message = format!("`{key}` of a threshold metric is missing");
                into.push(Mistake::key(at.clone(), Wrong::new(message, format!("write `{key}`"))));
            }
        }
    }
    let method = spec.budgeting_method.as_str();
    let missing = |key: &str, help: &str, into: &mut Mistakes| {
        let message = format!("`{key}` of {method} is missing");
        into.push(Mistake::key(at.clone(), Wrong::new(message, help)));
    };
    match &limit.time_slice_target {
        Some(share) => {
            let range = (|n| n > 0.0 && n <= 1.0) as fn(f64) -> bool;
            number(share, (range, "a share above 0, at most 1"), at.key("timeSliceTarget"), into);
        }
        None if method == "Timeslices" => {
            missing("timeSliceTarget", "write `timeSliceTarget: 0.95`", into);
        }
        None => {}
    }
    match &limit.time_slice_window {
        Some(window) => duration(window, at.key("timeSliceWindow"), into),
        None if method == "Timeslices" || method == "RatioTimeslices" => {
            missing("timeSliceWindow", "write `timeSliceWindow: 1m`", into);
        }
        None => {}
    }
    if let Some(indicator) = &limit.indicator {
        metadata(&indicator.metadata, &at.key("indicator").key("metadata"), into);
        sli(&indicator.spec, &at.key("indicator").key("spec"), into);
    }
    if let Some(weight) = &limit.composite_weight {
        let range = (|n| n > 0.0) as fn(f64) -> bool;
        number(weight, (range, "a number above 0"), at.key("compositeWeight"), into);
    }
}

/// An indicator.
pub(super) fn sli(spec: &SliSpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    let kinds = [
        ("thresholdMetric", spec.threshold_metric.is_some()),
        ("ratioMetric", spec.ratio_metric.is_some()),
    ];
    only_one(&kinds, at, into);
    if let Some(one) = &spec.threshold_metric {
        metric(one, &at.key("thresholdMetric"), into);
    }
    let Some(ratio) = &spec.ratio_metric else { return };
    let at = at.key("ratioMetric");
    only_one(&[("total", ratio.total.is_some()), ("raw", ratio.raw.is_some())], &at, into);
    if ratio.total.is_some() {
        only_one(&[("good", ratio.good.is_some()), ("bad", ratio.bad.is_some())], &at, into);
    } else if let Some(key) =
        [("good", &ratio.good), ("bad", &ratio.bad)].iter().find(|(_, one)| one.is_some())
    {
        let message = format!("`{}` without `total`", key.0);
        wrong(at.key(key.0), message, "write what `total` is, or leave it out", into);
    }
    let parts =
        [("good", &ratio.good), ("bad", &ratio.bad), ("total", &ratio.total), ("raw", &ratio.raw)];
    for (key, one) in parts {
        if let Some(one) = one {
            metric(one, &at.key(key), into);
        }
    }
    match &ratio.raw_type {
        Some(word) => one_of(word, &["success", "failure"], at.key("rawType"), into),
        None if ratio.raw.is_some() => {
            let wrong = Wrong::new("`rawType` is missing", "write `rawType: success` or `failure`");
            into.push(Mistake::key(at, wrong));
        }
        None => {}
    }
}

fn metric(metric: &Metric, at: &Trail, into: &mut Mistakes) {
    let at = at.key("metricSource");
    if let Some(name) = &metric.metric_source.metric_source_ref {
        label(name, at.key("metricSourceRef"), into);
    }
    if metric.metric_source.spec.is_empty() {
        wrong(at.key("spec"), "an empty `spec`", "write how the source finds it", into);
    }
}

/// Named, or written out with its kind and name.
fn usage(
    key: &str,
    named: Option<&Words>,
    wanted: &str,
    (kind, about, spec): (Option<&Words>, Option<&Metadata>, bool),
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

/// A policy.
pub(super) fn policy(spec: &AlertPolicySpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    if spec.conditions.len() != 1 {
        let message = format!("{} conditions", spec.conditions.len());
        wrong(at.key("conditions"), message, "write exactly one; policies can be several", into);
    }
    for (index, one) in spec.conditions.iter().enumerate() {
        let at = at.key("conditions").index(index);
        let written = (one.kind.as_ref(), one.metadata.as_ref(), one.spec.is_some());
        usage("conditionRef", one.condition_ref.as_ref(), "AlertCondition", written, &at, into);
        if let Some(spec) = &one.spec {
            condition(spec, &at.key("spec"), into);
        }
    }
    for (index, one) in spec.notification_targets.iter().enumerate() {
        let at = at.key("notificationTargets").index(index);
        let written = (one.kind.as_ref(), one.metadata.as_ref(), one.spec.is_some());
        let kind = "AlertNotificationTarget";
        usage("targetRef", one.target_ref.as_ref(), kind, written, &at, into);
        if let Some(spec) = &one.spec {
            description(spec.description.as_ref(), &at.key("spec"), into);
        }
    }
}

/// A condition.
pub(super) fn condition(spec: &AlertConditionSpec, at: &Trail, into: &mut Mistakes) {
    description(spec.description.as_ref(), at, into);
    let at = at.key("condition");
    let rate = &spec.condition;
    one_of(&rate.kind, &["burnrate"], at.key("kind"), into);
    one_of(&rate.op, &OPERATORS, at.key("op"), into);
    number(&rate.threshold, (f64::is_finite, "a number"), at.key("threshold"), into);
    duration(&rate.lookback_window, at.key("lookbackWindow"), into);
    if let Some(after) = &rate.alert_after {
        duration(after, at.key("alertAfter"), into);
    }
}
