//! What the specification of OpenSLO v1 wants of values, as its own validator does: no more, no less.
//!
//! Source: that validator, of the project's Go SDK. It looks at what an objective needs: a slice's
//! length only where slices are counted, an operator only beside a threshold metric of its own.
//! Not here: keys and their types (`types`), names (`metadata`), alerts (`alerting`), windows of time
//! (`calendar`), what Assay can judge (`gate`).

use super::alerting::policy_use;
use super::calendar::time_window;
use super::metadata::{description, filled, label, metadata};
use super::shorthand::{duration, readable};
use super::types::{Indicator, Limit, Metric, SliSpec, SloSpec};
use crate::spec::document::Mistake;
use crate::spec::scalar::{Free, Text, Wrong, quoted};
use crate::spec::trail::Trail;

const METHODS: [&str; 3] = ["Occurrences", "Timeslices", "RatioTimeslices"];
pub(super) const OPERATORS: [&str; 4] = ["lt", "lte", "gt", "gte"];

pub(super) type Mistakes = Vec<Mistake>;

pub(super) fn wrong(
    at: Trail,
    message: impl Into<String>,
    help: impl Into<String>,
    into: &mut Mistakes,
) {
    into.push(Mistake::value(at, Wrong::new(message, help)));
}

pub(super) fn one_of(text: &Text, known: &[&str], at: Trail, into: &mut Mistakes) {
    if !known.contains(&text.as_str()) {
        let help = format!("write one of {}", known.join(", "));
        wrong(at, format!("unknown {}", quoted(text)), help, into);
    }
}

/// A number in a range.
pub(super) fn number(
    value: &Free,
    (within, range): (fn(f64) -> bool, &str),
    at: Trail,
    into: &mut Mistakes,
) {
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
pub(super) fn only_one(there: &[(&str, bool)], at: &Trail, into: &mut Mistakes) {
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
    filled(&spec.service, at.key("service"), "the name of a service", into);
    one_of(&spec.budgeting_method, &METHODS, at.key("budgetingMethod"), into);
    let own = (spec.indicator.as_ref(), spec.indicator_ref.as_ref());
    let composite = spec.objectives.iter().any(is_part);
    match (composite, own) {
        (true, (Some(_), _) | (_, Some(_))) => {
            let message = "an indicator of its own beside those of a composite's objectives";
            into.push(Mistake::key(at.clone(), Wrong::new(message, "leave one of them out")));
        }
        (true, (None, None)) => {}
        (false, (inline, named)) => {
            only_one(
                &[("indicator", inline.is_some()), ("indicatorRef", named.is_some())],
                at,
                into,
            );
        }
    }
    indicator(own, at, into);
    if spec.time_window.len() != 1 {
        let message = format!("{} time windows", spec.time_window.len());
        let wrong = Wrong::new(message, "write exactly one: `[{duration: 30d, isRolling: true}]`");
        into.push(Mistake::key(at.key("timeWindow"), wrong));
    }
    for (index, window) in spec.time_window.iter().enumerate() {
        time_window(window, &at.key("timeWindow").index(index), into);
    }
    for (index, one) in spec.objectives.iter().enumerate() {
        let at = at.key("objectives").index(index);
        limit(one, spec, &at, into);
        if composite {
            part(one, &at, into);
        }
    }
    for (index, one) in spec.alert_policies.iter().enumerate() {
        policy_use(one, &at.key("alertPolicies").index(index), into);
    }
}

/// Whether a limit is one of a composite's.
fn is_part(limit: &Limit) -> bool {
    limit.indicator.is_some() || limit.indicator_ref.is_some()
}

/// What is measured: written out, or named.
fn indicator(
    (inline, named): (Option<&Indicator>, Option<&Text>),
    at: &Trail,
    into: &mut Mistakes,
) {
    if let Some(name) = named {
        label(name, at.key("indicatorRef"), into);
    }
    if let Some(indicator) = inline {
        metadata(&indicator.metadata, &at.key("indicator").key("metadata"), into);
        sli(&indicator.spec, &at.key("indicator").key("spec"), into);
    }
}

/// What a limit is as a part of a composite; one without an indicator is allowed there.
fn part(limit: &Limit, at: &Trail, into: &mut Mistakes) {
    if limit.indicator.is_some() && limit.indicator_ref.is_some() {
        only_one(&[("indicator", true), ("indicatorRef", true)], at, into);
    }
    indicator((limit.indicator.as_ref(), limit.indicator_ref.as_ref()), at, into);
    if let Some(weight) = &limit.composite_weight {
        let range = (|n| n > 0.0) as fn(f64) -> bool;
        number(weight, (range, "a number above 0"), at.key("compositeWeight"), into);
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
    operator(limit, spec, at, into);
    slices(limit, spec.budgeting_method.as_str(), at, into);
    // What is a number is one also where nothing needs it.
    let any = (|_| true) as fn(f64) -> bool;
    for (key, value) in [("value", &limit.value), ("compositeWeight", &limit.composite_weight)] {
        if let Some(value) = value {
            number(value, (any, "a number"), at.key(key), into);
        }
    }
}

/// `op` and `value` belong to a threshold metric; of one that is only named nobody knows.
fn operator(limit: &Limit, spec: &SloSpec, at: &Trail, into: &mut Mistakes) {
    let Some(indicator) = &spec.indicator else { return };
    let op = limit.op.as_ref().filter(|op| !op.as_str().is_empty());
    let there = [("op", op.is_some()), ("value", limit.value.is_some())];
    if indicator.spec.ratio_metric.is_some() {
        for (key, _) in there.iter().filter(|(_, there)| *there) {
            let message = format!("`{key}` belongs to a threshold metric");
            wrong(at.key(key), message, "leave it out", into);
        }
    }
    if indicator.spec.threshold_metric.is_some() {
        for (key, _) in there.iter().filter(|(_, there)| !*there) {
            let message = format!("`{key}` of a threshold metric is missing");
            into.push(Mistake::key(at.clone(), Wrong::new(message, format!("write `{key}`"))));
        }
        if let Some(op) = op {
            one_of(op, &OPERATORS, at.key("op"), into);
        }
    }
}

/// How slices are counted, where they are.
fn slices(limit: &Limit, method: &str, at: &Trail, into: &mut Mistakes) {
    let missing = |key: &str, help: &str, into: &mut Mistakes| {
        let message = format!("`{key}` of {method} is missing");
        into.push(Mistake::key(at.clone(), Wrong::new(message, help)));
    };
    let share: (fn(f64) -> bool, &str) = match method {
        "Timeslices" => (|n| n > 0.0 && n <= 1.0, "a share above 0, at most 1"),
        _ => (|_| true, "a number"),
    };
    match &limit.time_slice_target {
        Some(target) => number(target, share, at.key("timeSliceTarget"), into),
        None if method == "Timeslices" => {
            missing("timeSliceTarget", "write `timeSliceTarget: 0.95`", into);
        }
        None => {}
    }
    let counted = ["Timeslices", "RatioTimeslices"].contains(&method);
    match &limit.time_slice_window {
        Some(window) if counted => duration(window, at.key("timeSliceWindow"), into),
        Some(window) => readable(window, at.key("timeSliceWindow"), into),
        None if counted => missing("timeSliceWindow", "write `timeSliceWindow: 1m`", into),
        None => {}
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
        _ if ratio.raw.is_none() => {}
        Some(word) => one_of(word, &["success", "failure"], at.key("rawType"), into),
        None => {
            let wrong = Wrong::new("`rawType` is missing", "write `rawType: success` or `failure`");
            into.push(Mistake::key(at, wrong));
        }
    }
}

fn metric(metric: &Metric, at: &Trail, into: &mut Mistakes) {
    let at = at.key("metricSource");
    let named = metric.metric_source.metric_source_ref.as_ref();
    if let Some(name) = named.filter(|name| !name.as_str().is_empty()) {
        label(name, at.key("metricSourceRef"), into);
    }
    if metric.metric_source.spec.is_empty() {
        wrong(at.key("spec"), "an empty `spec`", "write how the source finds it", into);
    }
}
