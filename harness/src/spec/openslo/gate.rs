//! What of a file a run can judge: each limit of an objective as a scenario would write it.
//!
//! What is judged is said where the specification leaves room: `assay-requests`, `assay-outcomes`
//! and `assay-faster-than` of a metric's `spec`, and annotations `assay.dev/…`.
//! Invariant: shares come from the decimal text, never through a float's `1 - x`.
//! Not here: the specification's own rules (`rules`), reading our own words (`reader`).

mod reader;

use super::types::{Limit, Metadata, Metric, RatioMetric};
use super::{Slo, SloFile};
use crate::spec::document::Mistake;
use crate::spec::scalar::{Free, Wrong, decimal, quoted};
use crate::spec::suggest::suggest;
use crate::spec::trail::Trail;
use assay_slo::Share;
use reader::Reader;
use serde_json::Value;

/// Our annotations, on objectives.
const PREFIX: &str = "assay.dev/";
const ANNOTATIONS: [&str; 5] =
    ["confidence", "during", "test-slice", "min-events-per-slice", "regression"];
/// Our keys in a metric's `spec`.
const REQUESTS: &str = "assay-requests";
const OUTCOMES: &str = "assay-outcomes";
const FASTER: &str = "assay-faster-than";
/// All requests, or the whole run.
const ALL: &str = "all";

/// A limit as an objective of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The objective's name; with `-2` and so on for further limits.
    pub name: String,
    /// As a scenario writes it: `{latency: {…}}`.
    pub objective: Value,
}

/// Annotations of ours that nobody knows.
pub(super) fn annotations(metadata: &Metadata, at: &Trail, into: &mut Vec<Mistake>) {
    for key in metadata.annotations.keys() {
        let Some(word) = key.strip_prefix(PREFIX) else { continue };
        if !ANNOTATIONS.contains(&word) {
            let known: Vec<String> =
                ANNOTATIONS.iter().map(|word| format!("{PREFIX}{word}")).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("unknown annotation {}", quoted(key));
            let wrong = Wrong::new(message, suggest(key, &known, "known"));
            into.push(Mistake::key(at.key("annotations").key(key), wrong));
        }
    }
}

/// What a run can judge of an objective. Why it is not asked to judge the rest goes to `told`, with its
/// place; where it is asked and cannot, to `mistakes`.
pub(super) fn gates(
    file: &SloFile,
    slo: &Slo,
    told: &mut Vec<(Trail, String)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Gate> {
    let name = slo.name();
    let at = &slo.site.trail;
    let spec_at = at.key("spec");
    // What is wrong with an indicator that stands elsewhere is shown at its name.
    let sli_at = match slo.spec.indicator {
        Some(_) => spec_at.key("indicator").key("spec"),
        None => spec_at.key("indicatorRef"),
    };
    let mut note = |at: Trail, why: String| told.push((at, why));
    let sli = match file.indicator(slo) {
        Ok(sli) => sli,
        Err(why) => {
            note(sli_at, format!("is not judged: {why}"));
            return Vec::new();
        }
    };
    let Some(ratio) = &sli.ratio_metric else {
        let why = "a threshold metric compares points; a ratio of requests could be judged";
        note(sli_at, format!("is not judged: {why}"));
        return Vec::new();
    };
    if !metrics(ratio).any(|(_, metric)| is_ours(metric)) {
        let why = format!("no metric of it says by `{REQUESTS}` which requests it covers");
        note(sli_at, format!("is not judged: {why}"));
        return Vec::new();
    }
    if slo.spec.objectives.is_empty() {
        note(spec_at.key("objectives"), "is not judged: it has no objectives".to_owned());
        return Vec::new();
    }
    let regression = format!("{PREFIX}regression");
    if slo.metadata.annotations.contains_key(&regression) {
        let why = format!("has `{regression}`, which needs a baseline and is not judged");
        note(at.key("metadata").key("annotations").key(&regression), why);
    }
    let mut reader = Reader { slo, at, sli_at, mistakes };
    let asked = reader.asked(ratio);
    let limits = slo.spec.objectives.iter().enumerate();
    let gates = limits.filter_map(|(index, limit)| {
        let objective = reader.objective(index, limit, &asked)?;
        let name = match index {
            0 => name.to_owned(),
            _ => format!("{name}-{}", index + 1),
        };
        Some(Gate { name, objective })
    });
    gates.collect()
}

/// The metrics that there are, by their keys.
pub(super) fn metrics(ratio: &RatioMetric) -> impl Iterator<Item = (&'static str, &Metric)> {
    let all = [
        ("good", ratio.good.as_ref()),
        ("bad", ratio.bad.as_ref()),
        ("total", ratio.total.as_ref()),
        ("raw", ratio.raw.as_ref()),
    ];
    all.into_iter().filter_map(|(key, metric)| Some((key, metric?)))
}

fn is_ours(metric: &Metric) -> bool {
    metric.metric_source.spec.keys().any(|key| key.starts_with("assay-"))
}

/// A share by its decimal text, in steps of 10^-`places`.
pub(super) fn share(value: &Free, places: u32) -> Option<Share> {
    let text = match &value.0 {
        Value::String(text) => text.trim().to_owned(),
        value => value.to_string(),
    };
    decimal::read(&text, places).ok().map(Share).filter(|share| *share <= Share::ONE)
}

/// What a limit wants to be good; none where it has more digits than can be judged.
pub(super) fn target(limit: &Limit) -> Option<Share> {
    match (&limit.target, &limit.target_percent) {
        (Some(target), _) => share(target, 9),
        (None, Some(target)) => share(target, 7),
        (None, None) => None,
    }
}
