//! What of a file a run can judge: each limit of an objective as a scenario would write it.
//!
//! What is judged is said where the specification leaves room: `assay-requests`, `assay-outcomes`
//! and `assay-faster-than` of a metric's `spec`, and annotations `assay.dev/…`.
//! Invariant: shares come from the decimal text, never through a float's `1 - x`.
//! Not here: the specification's own rules (`rules`).

use super::super::document::Mistake;
use super::super::scalar::{Count, Duration, Free, Scalar, Wrong, decimal, quoted};
use super::super::suggest::suggest;
use super::super::trail::Trail;
use super::types::{Limit, Metadata, Metric, RatioMetric};
use super::{Notice, Slo, SloFile};
use assay_slo::Share;
use assay_slo::time::SECOND_US;
use serde_json::{Map, Value, json};

/// Our annotations, on objectives.
const PREFIX: &str = "assay.dev/";
const ANNOTATIONS: [&str; 6] =
    ["confidence", "during", "test-slice", "min-events-per-slice", "regression", "up"];
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

/// What a run can judge of an objective that stands at `at`. Why it cannot judge the rest goes to
/// `notices` where the specification allows it, and to `mistakes` where our own words are wrong.
pub(super) fn gates(
    file: &SloFile,
    slo: &Slo,
    at: &Trail,
    notices: &mut Vec<Notice>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Gate> {
    let name = slo.name();
    let mut note = |why: String| notices.push(Notice { slo: name.to_owned(), why });
    let sli = match file.indicator(slo) {
        Ok(sli) => sli,
        Err(why) => {
            note(format!("is not judged: {why}"));
            return Vec::new();
        }
    };
    let Some(ratio) = &sli.ratio_metric else {
        let why = "a threshold metric compares points; a ratio of requests could be judged";
        note(format!("is not judged: {why}"));
        return Vec::new();
    };
    if !metrics(ratio).any(|(_, metric)| is_ours(metric)) {
        let why = format!("no metric of it says by `{REQUESTS}` which requests it covers");
        note(format!("is not judged: {why}"));
        return Vec::new();
    }
    if slo.metadata.annotations.contains_key(&format!("{PREFIX}regression")) {
        note(format!("has `{PREFIX}regression`, which needs a baseline and is not judged"));
    }
    // What is wrong with an indicator that stands elsewhere is shown at its name.
    let spec_at = at.key("spec");
    let sli_at = match slo.spec.indicator {
        Some(_) => spec_at.key("indicator").key("spec"),
        None => spec_at.key("indicatorRef"),
    };
    let before = mistakes.len();
    let mut reader = Reader { slo, at, sli_at, mistakes };
    let asked = reader.asked(ratio);
    let limits = slo.spec.objectives.iter().enumerate();
    let gates: Vec<Gate> = limits
        .filter_map(|(index, limit)| {
            let objective = reader.objective(index, limit, &asked)?;
            let name = match index {
                0 => name.to_owned(),
                _ => format!("{name}-{}", index + 1),
            };
            Some(Gate { name, objective })
        })
        .collect();
    if reader.mistakes.len() > before { Vec::new() } else { gates }
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

/// What an indicator selects.
struct Asked {
    of: Vec<String>,
    faster_than: Option<Duration>,
}

struct Reader<'r> {
    slo: &'r Slo,
    at: &'r Trail,
    sli_at: Trail,
    mistakes: &'r mut Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: Trail, message: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Mistake::value(at, Wrong::new(message, help)));
    }

    fn asked(&mut self, ratio: &RatioMetric) -> Asked {
        let mut asked = Asked { of: Vec::new(), faster_than: None };
        let mut first: Option<Vec<String>> = None;
        for (key, metric) in metrics(ratio) {
            let at = self.sli_at.key("ratioMetric").key(key).key("metricSource").key("spec");
            let spec = &metric.metric_source.spec;
            let ours = [REQUESTS, OUTCOMES, FASTER];
            for word in spec.keys().filter(|word| word.starts_with("assay-")) {
                if !ours.contains(&word.as_str()) {
                    let help = suggest(word, &ours, "known");
                    self.wrong(at.key(word), format!("unknown key {}", quoted(word)), help);
                }
            }
            let text = |key: &str| spec.get(key).and_then(|value| value.0.as_str());
            match text(REQUESTS) {
                Some(list) => {
                    let names = names(list);
                    if names.is_empty() {
                        let help = "write the names of loads or requests, or `all`";
                        self.wrong(at.key(REQUESTS), "no request is named", help);
                    }
                    match &first {
                        Some(others) if *others != names => {
                            let message =
                                format!("{} differs from the other metric's", quoted(&list));
                            self.wrong(
                                at.key(REQUESTS),
                                message,
                                "write the same requests in both",
                            );
                        }
                        _ => first = Some(names),
                    }
                }
                None => {
                    let help = "write the names of loads or requests, or `all`";
                    let message = format!("`{REQUESTS}` of `{key}` is missing");
                    self.wrong(at.clone(), message, help);
                }
            }
            let wanted = match key {
                "good" => Some("ok"),
                "bad" => Some("not ok"),
                _ => None,
            };
            match (wanted, text(OUTCOMES)) {
                (Some(wanted), Some(word)) if word.trim() == wanted => {}
                (Some(wanted), _) => {
                    let message = format!("`{OUTCOMES}` of `{key}` is not `{wanted}`");
                    self.wrong(at.key(OUTCOMES), message, format!("write `{OUTCOMES}: {wanted}`"));
                }
                (None, Some(word)) => {
                    let message = format!("{} leaves requests out of `{key}`", quoted(&word));
                    self.wrong(at.key(OUTCOMES), message, "leave it out: all outcomes count");
                }
                (None, None) => {}
            }
            for word in [REQUESTS, OUTCOMES] {
                if let Some(value) = spec.get(word).filter(|value| !value.0.is_string()) {
                    let message = format!("{} is no text", quoted(&value.0));
                    self.wrong(at.key(word), message, "write names with commas between");
                }
            }
            if let Some(value) = spec.get(FASTER) {
                match Duration::read(&value.0) {
                    _ if key != "good" => {
                        let message = format!("`{FASTER}` belongs to `good`");
                        self.wrong(at.key(FASTER), message, "leave it out here");
                    }
                    Ok(limit) => asked.faster_than = Some(limit),
                    Err(Wrong { message, help }) => self.wrong(at.key(FASTER), message, help),
                }
            }
            if key == "raw" {
                self.wrong(at, "a raw ratio cannot be judged", "write `good` and `total`");
            }
        }
        asked.of = first.unwrap_or_default();
        asked
    }

    /// One limit; none where it cannot be read.
    fn objective(&mut self, index: usize, limit: &Limit, asked: &Asked) -> Option<Value> {
        let at = self.at.key("spec").key("objectives").index(index);
        let target = match (&limit.target, &limit.target_percent) {
            (Some(target), _) => self.share(target, 9, at.key("target")),
            (None, Some(target)) => self.share(target, 7, at.key("targetPercent")),
            (None, None) => None,
        }?;
        if target.0 == 0 {
            let message = format!("a target of 0 of {} asks for nothing", quoted(&self.slo.name()));
            self.wrong(at.clone(), message, "write a share such as 0.99");
        }
        let mut settings = Map::new();
        let kind = match self.slo.spec.budgeting_method.as_str() {
            "Occurrences" => match &asked.faster_than {
                Some(below) => {
                    settings.insert("percentile".to_owned(), json!(target.to_string()));
                    settings.insert("below".to_owned(), below.write());
                    "latency"
                }
                None => {
                    let below = Share(Share::ONE.0.saturating_sub(target.0));
                    settings.insert("below".to_owned(), json!(below.to_string()));
                    "error-rate"
                }
            },
            "Timeslices" => {
                if asked.faster_than.is_some() {
                    let message = "slices of fast requests cannot be judged";
                    let help = format!("write `Occurrences`, or leave `{FASTER}` out");
                    self.wrong(self.at.key("spec").key("budgetingMethod"), message, help);
                }
                settings.insert("at-least".to_owned(), json!(target.to_string()));
                self.slices(limit, &at, &mut settings);
                "availability"
            }
            _ => {
                let at = self.at.key("spec").key("budgetingMethod");
                let help = "write `Timeslices` or `Occurrences`";
                self.wrong(at, "RatioTimeslices cannot be judged", help);
                return None;
            }
        };
        if !asked.of.iter().any(|name| name == ALL) {
            settings.insert("of".to_owned(), json!(asked.of));
        }
        if let Some((text, at)) = self.annotation("during") {
            let phases = names(&text);
            if phases.is_empty() {
                let help = "write phases such as \"steady,after\", or leave it out";
                self.wrong(at, "no phase is named", help);
            }
            settings.insert("during".to_owned(), json!(phases));
        }
        if let Some((text, at)) = self.annotation("confidence") {
            match confidence(&text) {
                _ if kind == "availability" => {
                    self.wrong(at, "an availability has no confidence", "leave it out");
                }
                Some(share) => {
                    settings.insert("confidence".to_owned(), json!(share.to_string()));
                }
                None => {
                    let message = format!("{} is no confidence", quoted(&text));
                    self.wrong(at, message, "write a share above 0.5, such as \"0.95\"");
                }
            }
        }
        Some(json!({kind: settings}))
    }

    /// Slices of seconds: the specification's are minutes and more, a run's may be shorter.
    fn slices(&mut self, limit: &Limit, at: &Trail, settings: &mut Map<String, Value>) {
        let slice = match (self.annotation("test-slice"), &limit.time_slice_window) {
            (Some((text, at)), _) => match Duration::read(&Value::from(text.clone())) {
                Ok(slice) if slice.us == 0 || !slice.us.is_multiple_of(SECOND_US) => {
                    let message = format!("a slice of {slice} is not in whole seconds");
                    self.wrong(at, message, "write 1s, 2s, …");
                    None
                }
                Ok(_) => Some(text),
                Err(Wrong { message, help }) => {
                    self.wrong(at, message, help);
                    None
                }
            },
            (None, Some(window)) => seconds(window.as_str()).or_else(|| {
                let message = format!("a slice of {window} is longer than a run");
                let help = format!("write the annotation `{PREFIX}test-slice: 1s`");
                self.wrong(at.key("timeSliceWindow"), message, help);
                None
            }),
            (None, None) => None,
        };
        if let Some(slice) = slice {
            settings.insert("slice".to_owned(), json!(slice));
        }
        if let Some(share) = &limit.time_slice_target
            && let Some(share) = self.share(share, 9, at.key("timeSliceTarget"))
        {
            settings.insert("slice-target".to_owned(), json!(share.to_string()));
        }
        if let Some((text, at)) = self.annotation("min-events-per-slice") {
            match Count::read(&Value::from(text)) {
                Ok(Count(0)) => {
                    let message = "a slice without a request is no slice";
                    self.wrong(at, message, "write at least \"1\"");
                }
                Ok(count) => {
                    settings.insert("slice-least".to_owned(), json!(count.0));
                }
                Err(Wrong { message, help }) => self.wrong(at, message, help),
            }
        }
    }

    /// An annotation of ours, and where it stands.
    fn annotation(&self, word: &str) -> Option<(String, Trail)> {
        let key = format!("{PREFIX}{word}");
        let text = self.slo.metadata.annotations.get(&key)?.0.as_str()?.to_owned();
        Some((text, self.at.key("metadata").key("annotations").key(&key)))
    }

    fn share(&mut self, value: &Free, places: u32, at: Trail) -> Option<Share> {
        let found = share(value, places);
        if found.is_none() {
            let message = format!("{} cannot be judged exactly", quoted(&value.0));
            self.wrong(at, message, format!("write at most {places} decimals"));
        }
        found
    }
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

/// The words of a list with commas; `all` among them takes in the others.
fn names(list: &str) -> Vec<String> {
    let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_owned).collect();
    match words.iter().any(|word| word == ALL) {
        true => vec![ALL.to_owned()],
        false => words,
    }
}

/// `0.95` or `95%`; at one half a verdict is a coin's.
fn confidence(text: &str) -> Option<Share> {
    let text = text.trim();
    let ppb = match text.strip_suffix('%') {
        Some(number) => decimal::read(number.trim_end(), 7),
        None => decimal::read(text, 9),
    };
    ppb.ok().map(Share).filter(|share| *share < Share::ONE && share.0 > Share::ONE.0 / 2)
}

/// Minutes and hours as a scenario writes them; longer slices have no run.
fn seconds(window: &str) -> Option<String> {
    let of = |suffix| window.strip_suffix(suffix)?.parse::<u64>().ok();
    match (of('m'), of('h')) {
        (Some(minutes), _) => Some(format!("{minutes}m")),
        (None, Some(hours)) => Some(format!("{hours}h")),
        (None, None) => None,
    }
}
