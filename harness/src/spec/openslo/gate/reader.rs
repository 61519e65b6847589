//! Our own words in an SLO file, read for one objective at a time.
//!
//! Invariant: what cannot be read is told at its place, and never taken for something else.
//! Not here: which objectives are read at all (`gate`).

use super::{ALL, FASTER, OUTCOMES, PREFIX, REQUESTS, metrics, share};
use crate::spec::document::Mistake;
use crate::spec::openslo::Slo;
use crate::spec::openslo::shorthand::minutes;
use crate::spec::openslo::types::{Limit, RatioMetric};
use crate::spec::scalar::{Count, Duration, Free, Scalar, Wrong, decimal, quoted};
use crate::spec::suggest::suggest;
use crate::spec::trail::Trail;
use assay_slo::Share;
use assay_slo::time::SECOND_US;
use serde_json::{Map, Value, json};

/// The longest run: 7 days.
const LONGEST_MIN: u64 = 7 * 24 * 60;

/// What an indicator selects.
pub(super) struct Asked {
    of: Vec<String>,
    faster_than: Option<Duration>,
}

pub(super) struct Reader<'r> {
    pub(super) slo: &'r Slo,
    pub(super) at: &'r Trail,
    pub(super) sli_at: Trail,
    pub(super) mistakes: &'r mut Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: Trail, message: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Mistake::value(at, Wrong::new(message, help)));
    }

    /// What an indicator selects.
    pub(super) fn asked(&mut self, ratio: &RatioMetric) -> Asked {
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
    pub(super) fn objective(
        &mut self,
        index: usize,
        limit: &Limit,
        asked: &Asked,
    ) -> Option<Value> {
        let at = self.at.key("spec").key("objectives").index(index);
        let target = match (&limit.target, &limit.target_percent) {
            (Some(target), _) => self.share(target, 9, at.key("target")),
            (None, Some(target)) => self.share(target, 7, at.key("targetPercent")),
            (None, None) => None,
        }?;
        if target.0 == 0 {
            let message = format!("a target of 0 of {} asks for nothing", quoted(&self.slo.name()));
            let key = if limit.target.is_some() { "target" } else { "targetPercent" };
            self.wrong(at.key(key), message, "write a share such as 0.99");
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
            (None, Some(window)) => minutes(window.as_str()).and_then(|minutes| {
                let why = match minutes {
                    0 => "has no length",
                    minutes if minutes > LONGEST_MIN => "is longer than a run",
                    minutes => return Some(format!("{minutes}m")),
                };
                let message = format!("a slice of {window} {why}");
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
