//! Which limits of a file production can watch, and what keeps the others from it.
//!
//! Invariant: an alert that is let through fires for some share of bad requests and is silent for
//! another.
//! Not here: how they are written (`rule`).

use super::reach::{Reach, reach};
use super::{SHORTEST_MIN, span};
use crate::plan::query::parts;
use crate::spec::Problem;
use crate::spec::openslo::types::{Limit, Metric, RatioMetric};
use crate::spec::openslo::{Alert, Site, Slo, SloFile, alerts, budget, minutes, up, wrong_up};

/// What is replaced by a window.
pub(super) const WINDOW: &str = "{{.window}}";
/// Prometheus counts time in nanoseconds, in 63 bits: not much longer.
const MOST_MIN: u64 = 100 * 365 * 24 * 60;

/// One limit that can be watched.
pub(super) struct Watched<'f> {
    /// The label `slo`.
    pub(super) name: String,
    pub(super) service: &'f str,
    /// Where its objective stands.
    pub(super) site: Site,
    /// What Prometheus counts, with [`WINDOW`] in it.
    pub(super) total: String,
    pub(super) bad: String,
    /// Which of them its file counts apart.
    pub(super) apart: Apart,
    /// What is recorded are counts over a window, not counts a second.
    pub(super) is_increase: bool,
    /// What may be bad, as a decimal.
    pub(super) budget: String,
    /// How long the budget lasts, minutes.
    pub(super) lasts_min: u64,
    /// How it is sliced, if it is.
    pub(super) slices: Option<Slices>,
    /// Tells whether anything answers.
    pub(super) up: Option<&'f str>,
    /// All that its policies ask for.
    pub(super) alerts: Vec<Alert>,
}

/// What Prometheus counts beside all.
#[derive(Debug, Clone)]
pub(super) enum Apart {
    Good(String),
    Bad(String),
}

/// Slices of time that are good or bad.
pub(super) struct Slices {
    pub(super) length_min: u64,
    /// The share of a slice that makes it good, as a decimal.
    pub(super) target: String,
}

pub(super) enum Unwatched {
    /// It could not be, and why.
    ByNature(Site, String),
    ByMistake(Vec<Problem>),
}

pub(super) fn watched<'f>(file: &'f SloFile, slo: &'f Slo) -> Result<Vec<Watched<'f>>, Unwatched> {
    let spec = slo.site.key("spec");
    let by_nature = |why: &str| Unwatched::ByNature(spec.key("indicator"), why.to_owned());
    let sli = file.indicator(slo).map_err(|why| match slo.spec.indicator_ref {
        Some(_) => {
            let help = "write the SLI into this file, or `indicator` here";
            Unwatched::ByMistake(vec![file.problem(&spec.key("indicatorRef"), why, help)])
        }
        None => by_nature(&why),
    })?;
    let ratio = sli.ratio_metric.as_ref().ok_or_else(|| by_nature("it is no ratio"))?;
    let Some((total, apart)) = queries(ratio) else {
        return Err(by_nature("its metrics have no `query` with `{{.window}}`"));
    };
    if slo.spec.objectives.is_empty() {
        let why = "it has no objectives".to_owned();
        return Err(Unwatched::ByNature(spec.key("objectives"), why));
    }
    if slo.spec.budgeting_method.as_str() == "RatioTimeslices" {
        let message = "Prometheus records no mean of slices' ratios here";
        let help = "write `Timeslices` or `Occurrences`";
        let problem = file.problem(&spec.key("budgetingMethod"), message, help);
        return Err(Unwatched::ByMistake(vec![problem]));
    }
    let alerts = alerts(file, slo).map_err(Unwatched::ByMistake)?;
    let mut problems = alerts.iter().filter_map(|alert| untold(file, alert)).collect::<Vec<_>>();
    let window = slo.spec.time_window.first().map(|window| window.duration.as_str());
    let lasts_min = window.and_then(minutes).filter(|minutes| (1..=MOST_MIN).contains(minutes));
    if lasts_min.is_none() {
        let at = spec.key("timeWindow").index(0).key("duration");
        let message = "a budget cannot last so long";
        problems.push(file.problem(&at, message, "write a time window such as 30d"));
    }
    if let Some((key, message, help)) = wrong_up(slo) {
        let at = slo.site.key("metadata").key("annotations").key(key);
        problems.push(file.problem(&at, message, help));
    }
    let mut all = Vec::new();
    for (index, limit) in slo.spec.objectives.iter().enumerate() {
        let site = spec.key("objectives").index(index);
        let maker = Maker { file, slo, alerts: &alerts, site };
        match (maker.budget(limit), maker.slices(limit)) {
            (Ok(budget), Ok(slices)) => {
                let found = alerts.iter().flat_map(|alert| maker.senseless(alert, &budget));
                problems.extend(found);
                all.push(Watched {
                    name: match index {
                        0 => slo.name().to_owned(),
                        _ => format!("{}-{}", slo.name(), index + 1),
                    },
                    service: slo.spec.service.as_str(),
                    site: maker.site,
                    is_increase: is_increase(&total),
                    total: total.clone(),
                    bad: apart.bad(&total),
                    apart: apart.clone(),
                    budget,
                    lasts_min: lasts_min.unwrap_or(SHORTEST_MIN),
                    slices,
                    up: up(slo),
                    alerts: alerts.clone(),
                });
            }
            (budget, slices) => {
                let refused = budget.err().into_iter().chain(slices.err());
                problems.extend(refused.map(|problem| *problem));
            }
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(Unwatched::ByMistake(problems)) }
}

/// What Prometheus does not tell.
fn untold(file: &SloFile, alert: &Alert) -> Option<Problem> {
    if alert.resolved && !alert.breaching && !alert.no_data {
        let message = "the end of an alert is told only of one whose begin is told";
        let at = alert.site.key("alertWhenResolved");
        return Some(file.problem(&at, message, "write `alertWhenBreaching: true` beside it"));
    }
    None
}

/// What one limit is made of.
struct Maker<'m> {
    file: &'m SloFile,
    slo: &'m Slo,
    alerts: &'m [Alert],
    site: Site,
}

impl Maker<'_> {
    fn budget(&self, limit: &Limit) -> Result<String, Box<Problem>> {
        budget(limit).ok_or_else(|| {
            let key = if limit.target.is_some() { "target" } else { "targetPercent" };
            let message = "a target of too many digits";
            self.file.refusal(&self.site.key(key), message, "write at most 9 decimals of a share")
        })
    }

    fn slices(&self, limit: &Limit) -> Result<Option<Slices>, Box<Problem>> {
        let (Some(length), true) =
            (&limit.time_slice_window, self.slo.spec.budgeting_method.as_str() == "Timeslices")
        else {
            return Ok(None);
        };
        let wrong = |message: String, help: &str| {
            Err(self.file.refusal(&self.site.key("timeSliceWindow"), message, help))
        };
        // The specification's rules have read it.
        let length_min = minutes(length.as_str()).unwrap_or(0);
        if length_min == 0 || length.as_str().ends_with(['M', 'Q', 'Y']) {
            let message = format!("Prometheus knows no slice of {length}");
            return wrong(message, "write a minute or more, and weeks or less");
        }
        let breaching = self.alerts.iter().filter(|alert| alert.breaching);
        if let Some(alert) = breaching.min_by_key(|alert| alert.short_min)
            && alert.short_min < length_min
        {
            let message = format!(
                "the short window of the policy `{}` is {}: no whole slice of {length} is in it",
                alert.policy,
                span(alert.short_min)
            );
            return wrong(message, "write shorter slices, or longer windows");
        }
        let target = limit.time_slice_target.as_ref();
        let target = target.map_or_else(|| "1".to_owned(), |target| target.0.to_string());
        Ok(Some(Slices { length_min, target }))
    }

    /// Why an alert makes no sense for this limit.
    fn senseless(&self, alert: &Alert, budget: &str) -> Option<Problem> {
        if !alert.breaching {
            return None;
        }
        let at = alert.condition.key("spec").key("condition");
        let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        let whose = format!("of the policy `{}` for `{}`", alert.policy, self.slo.name());
        let told = |key: &str, message: String, help: String| {
            Some(self.file.problem(&at.key(key), message, help))
        };
        if alert.long_min > MOST_MIN {
            let message = format!("the window {whose} is longer than Prometheus can count");
            return told("lookbackWindow", message, "write such as 3d".to_owned());
        }
        if alert.after_min > MOST_MIN {
            let message = format!("the wait {whose} is longer than Prometheus can count");
            return told("alertAfter", message, "write such as 15m".to_owned());
        }
        let most = 1.0 / number(budget);
        let always = match reach(alert.op, number(&alert.threshold) * number(budget)) {
            Reach::Some { .. } => return None,
            Reach::Always => true,
            Reach::Never => false,
        };
        let does = if always { "always fires" } else { "never fires" };
        let most = format!("{most:.3}");
        let most = most.trim_end_matches('0').trim_end_matches('.');
        let message = format!(
            "the alert {whose} {does}: {budget} of all may be bad, so a burn is from 0 to {most}"
        );
        told("threshold", message, format!("write a threshold above 0 and below {most}"))
    }
}

/// The expressions of all, and of the good or the bad, with the place of their window.
fn queries(ratio: &RatioMetric) -> Option<(String, Apart)> {
    let of = |metric: &Option<Metric>| {
        let query = metric.as_ref()?.metric_source.spec.get("query")?.0.as_str()?;
        query.contains(WINDOW).then(|| query.to_owned())
    };
    let total = of(&ratio.total)?;
    let apart = of(&ratio.bad).map(Apart::Bad).or_else(|| of(&ratio.good).map(Apart::Good))?;
    Some((total, apart))
}

fn is_increase(query: &str) -> bool {
    parts(query).is_ok_and(|query| query.over.is_some_and(|(way, _)| way == "increase"))
}

impl Watched<'_> {
    /// What is recorded over a window of so long, times this, is how many there were.
    pub(super) fn seconds(&self, window_min: u64) -> u64 {
        if self.is_increase { 1 } else { window_min * 60 }
    }
}

impl Apart {
    /// The expression of the bad: zero, not nothing, before the first bad one.
    fn bad(&self, total: &str) -> String {
        match self {
            Apart::Bad(bad) => format!("({bad}) or 0 * ({total})"),
            Apart::Good(good) => format!("({total}) - (({good}) or 0 * ({total}))"),
        }
    }
}
