//! What production watches, from the same file that gates a release: Prometheus recording rules,
//! burn-rate alerts over two windows, and unit tests of the alerts.
//!
//! Numerator and denominator are recorded apart, so that a long window is weighted by requests.
//! A slice of time in which nothing answers is bad, though no request is counted in it (`down`).
//! Source of the windows and factors: the file; of the form: the SRE workbook's multi-window,
//! multi-burn-rate alerts.
//! Not here: what the file means (`spec::openslo`).

mod dashboard;
mod down;
mod tested;

use crate::spec::openslo::types::{Limit, RatioMetric};
use crate::spec::openslo::{Alert, Slo, SloFile, alerts, budget, minutes, up};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What is replaced by a window.
const WINDOW: &str = "{{.window}}";
/// Recorded for every objective, minutes.
const SHORTEST_MIN: u64 = 5;

/// Rules and their tests.
#[derive(Debug, Clone)]
pub struct Made {
    /// A rule file of Prometheus.
    pub rules: String,
    /// Unit tests for `promtool test rules`, beside `rules.yaml`.
    pub tests: String,
    /// A dashboard of the recorded series, for Grafana.
    pub dashboard: String,
    /// How many rules.
    pub count: usize,
    /// How many tests.
    pub tested: usize,
    /// What of the file has no rules, and why.
    pub notices: Vec<String>,
}

/// One limit that can be watched.
struct Watched<'f> {
    /// The label `slo`.
    name: String,
    service: &'f str,
    ratio: &'f RatioMetric,
    limit: &'f Limit,
    /// As a decimal.
    budget: String,
    /// How long the budget lasts, minutes.
    lasts_min: u64,
    slices: bool,
    /// Tells whether anything answers.
    up: Option<&'f str>,
    alerts: Vec<Alert>,
}

/// Makes them.
///
/// # Errors
/// All that keeps them from being made.
pub fn rules(file: &SloFile) -> Result<Made, Vec<String>> {
    let (mut groups, mut all) = (Vec::new(), Vec::new());
    let (mut notices, mut errors) = (Vec::new(), Vec::new());
    for slo in &file.slos {
        match watched(file, slo) {
            Ok(found) => all.extend(found),
            Err(Unwatched::ByNature(why)) => {
                notices.push(format!("`{}` has no rules: {why}", slo.name()));
            }
            Err(Unwatched::ByMistake(why)) => errors.push(format!("`{}`: {why}", slo.name())),
        }
    }
    let mut names = BTreeSet::new();
    for one in all.iter().filter(|one: &&Watched<'_>| !names.insert(one.name.as_str())) {
        let why = format!("two limits are called `{}`: rename an objective", one.name);
        errors.push(why);
    }
    if all.is_empty() && errors.is_empty() {
        errors.push("nothing in it has a query with `{{.window}}`".to_owned());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut count = 0;
    for one in &all {
        let rules = one.rules();
        count += rules.len();
        let mut group = Map::new();
        group.insert("name".to_owned(), json!(format!("slo-{}", one.name)));
        if let Some(window) = one.limit.time_slice_window.as_ref().filter(|_| one.slices) {
            group.insert("interval".to_owned(), json!(window));
        }
        group.insert("rules".to_owned(), json!(rules));
        groups.push(Value::Object(group));
    }
    let watched: Vec<Value> = all.iter().flat_map(down::watched).collect();
    if !watched.is_empty() {
        count += watched.len();
        groups.insert(0, json!({"name": "slo-up", "rules": watched}));
    }
    let (tests, tested) = tested::tests(&all);
    // Maps with text keys always have a YAML form.
    let text = |value: &Value| serde_yaml::to_string(value).unwrap_or_default();
    let rules = text(&json!({ "groups": groups }));
    let dashboard = dashboard::dashboard(&all, &format!("SLO: {}", file.name));
    let dashboard = format!("{dashboard:#}\n");
    Ok(Made { rules, tests: text(&tests), dashboard, count, tested, notices })
}

enum Unwatched {
    ByNature(String),
    ByMistake(String),
}

fn watched<'f>(file: &'f SloFile, slo: &'f Slo) -> Result<Vec<Watched<'f>>, Unwatched> {
    let by_nature = |why: &str| Unwatched::ByNature(why.to_owned());
    let sli = file.indicator(slo).map_err(|why| match slo.spec.indicator_ref {
        Some(_) => Unwatched::ByMistake(why),
        None => Unwatched::ByNature(why),
    })?;
    let ratio = sli.ratio_metric.as_ref().ok_or_else(|| by_nature("it is no ratio"))?;
    if query(ratio, Part::Total).is_none() || query(ratio, Part::Bad).is_none() {
        return Err(by_nature("its metrics have no `query` with `{{.window}}`"));
    }
    let alerts = alerts(file, slo).map_err(Unwatched::ByMistake)?;
    let window = slo.spec.time_window.first().map(|window| window.duration.as_str());
    let lasts_min = window
        .and_then(minutes)
        .ok_or_else(|| Unwatched::ByMistake("its time window cannot be read".to_owned()))?;
    let limits = slo.spec.objectives.iter().enumerate().map(|(index, limit)| {
        let budget = budget(limit);
        let budget = budget
            .ok_or_else(|| Unwatched::ByMistake("its target has too many digits".to_owned()))?;
        let slices = slo.spec.budgeting_method.as_str() == "Timeslices";
        if let Some(window) = limit.time_slice_window.as_ref().filter(|_| slices)
            && window.as_str().ends_with(['M', 'Q', 'Y'])
        {
            let why = format!("Prometheus knows no slice of {window}: write weeks or less");
            return Err(Unwatched::ByMistake(why));
        }
        Ok(Watched {
            name: match index {
                0 => slo.name().to_owned(),
                _ => format!("{}-{}", slo.name(), index + 1),
            },
            service: slo.spec.service.as_str(),
            ratio,
            limit,
            budget,
            lasts_min,
            slices,
            up: up(slo),
            alerts: alerts.clone(),
        })
    });
    limits.collect()
}

#[derive(Clone, Copy)]
enum Part {
    Total,
    Bad,
}

/// The expression of a part, with the place of its window; what is bad is zero, not nothing,
/// before the first bad one.
fn query(ratio: &RatioMetric, part: Part) -> Option<String> {
    let of = |metric: &Option<crate::spec::openslo::types::Metric>| {
        let query = metric.as_ref()?.metric_source.spec.get("query")?.0.as_str()?;
        query.contains(WINDOW).then(|| query.to_owned())
    };
    let total = of(&ratio.total)?;
    match part {
        Part::Total => Some(total),
        Part::Bad => match (of(&ratio.bad), of(&ratio.good)) {
            (Some(bad), _) => Some(format!("({bad}) or 0 * ({total})")),
            (None, Some(good)) => Some(format!("({total}) - (({good}) or 0 * ({total}))")),
            (None, None) => None,
        },
    }
}

impl Watched<'_> {
    fn labels(&self) -> Value {
        json!({"slo": self.name, "service": self.service})
    }

    /// `NAME{slo="…"}`.
    fn series(&self, name: &str, window_min: u64) -> String {
        format!("{name}{}{{slo=\"{}\"}}", span(window_min), self.name)
    }

    /// All windows that alerts look at, and the shortest.
    fn windows(&self) -> BTreeSet<u64> {
        let of = self.alerts.iter().flat_map(|alert| [alert.long_min, alert.short_min]);
        of.chain([SHORTEST_MIN]).collect()
    }

    fn rules(&self) -> Vec<Value> {
        let mut rules = Vec::new();
        let mut record = |name: String, expr: String| {
            rules.push(json!({"record": name, "expr": expr, "labels": self.labels()}));
        };
        let at = |part: Part, window: u64| {
            query(self.ratio, part).unwrap_or_default().replace(WINDOW, &span(window))
        };
        for window in self.windows() {
            record(format!("slo:total:rate{}", span(window)), at(Part::Total, window));
            record(format!("slo:bad:rate{}", span(window)), at(Part::Bad, window));
        }
        if self.slices {
            let window = self.limit.time_slice_window.as_ref();
            let slice = window.and_then(|window| minutes(window.as_str())).unwrap_or(1);
            let target = self.limit.time_slice_target.as_ref();
            let target = target.map_or_else(|| "1".to_owned(), |target| target.0.to_string());
            let (total, bad) = (at(Part::Total, slice), at(Part::Bad, slice));
            // A minute without a request is neither good nor bad: it has no sample.
            let mut expr = format!("(1 - ({bad}) / (({total}) > 0)) >= bool {target}");
            if let Some(down) = down::slice(self, slice, &target, &total) {
                record(down::SLICE.to_owned(), down);
                expr = format!("{} * 0 or on () ({expr})", down::now(self));
            }
            record("slo:slice_good:bool".to_owned(), expr);
        }
        let windows = self.windows().into_iter().chain([self.lasts_min]).collect::<BTreeSet<_>>();
        for window in windows {
            let expr = if self.slices {
                let name = &self.name;
                let over = span(window);
                format!("1 - avg_over_time(slo:slice_good:bool{{slo=\"{name}\"}}[{over}])")
            } else if window == self.lasts_min && !self.windows().contains(&window) {
                let [bad, total] = ["slo:bad:rate", "slo:total:rate"].map(|name| {
                    let series = self.series(name, SHORTEST_MIN);
                    format!("sum_over_time({series}[{}])", span(window))
                });
                format!("{bad} / {total}")
            } else {
                let [bad, total] =
                    ["slo:bad:rate", "slo:total:rate"].map(|name| self.series(name, window));
                format!("{bad} / {total}")
            };
            record(format!("slo:sli_error:ratio_rate{}", span(window)), expr);
        }
        rules.extend(self.alerts.iter().map(|alert| self.alert(alert)));
        rules.push(self.absent());
        rules
    }

    fn alert(&self, alert: &Alert) -> Value {
        let limit = format!("{} {} * {}", alert.op, alert.threshold, self.budget);
        let ratio = |window| self.series("slo:sli_error:ratio_rate", window);
        let mut expr =
            format!("{} {limit} and {} {limit}", ratio(alert.long_min), ratio(alert.short_min));
        if let Some(least) = alert.least {
            let total = self.series("slo:total:rate", alert.long_min);
            let enough = format!("{total} * {} >= {least}", alert.long_min * 60);
            // Nobody counts what is asked of a service that is gone.
            expr += &match self.up {
                Some(_) => format!(" and ({enough} or {})", down::now(self)),
                None => format!(" and {enough}"),
            };
        }
        let mut rule = json!({"alert": "ErrorBudgetBurn", "expr": expr});
        if alert.after_min > 0 {
            rule["for"] = json!(span(alert.after_min));
        }
        rule["labels"] = self.alert_labels(alert);
        rule["annotations"] = self.annotations(alert);
        rule
    }

    fn alert_labels(&self, alert: &Alert) -> Value {
        json!({
            "severity": alert.severity,
            "slo": self.name,
            "service": self.service,
            "policy": alert.policy,
            "long": span(alert.long_min),
            "short": span(alert.short_min),
        })
    }

    fn annotations(&self, alert: &Alert) -> Value {
        let summary = format!(
            "{}: over {} and over {} the error budget of {} is spent {} times as fast as it lasts",
            self.name,
            span(alert.long_min),
            span(alert.short_min),
            span(self.lasts_min),
            alert.threshold
        );
        json!({ "summary": summary })
    }

    /// Also when a counter stands still: it is there, and its rate is 0.
    fn absent(&self) -> Value {
        let total = self.series("slo:total:rate", SHORTEST_MIN);
        json!({
            "alert": "SLOMetricAbsent",
            "expr": format!("absent({total}) or sum({total}) == 0"),
            "for": span(2 * SHORTEST_MIN),
            "labels": {"severity": "page", "slo": self.name, "service": self.service},
            "annotations": {"summary": format!("{}: nothing is measured", self.name)},
        })
    }
}

/// Minutes as Prometheus writes them, in the largest unit that divides them.
fn span(minutes: u64) -> String {
    match minutes {
        of if of % (24 * 60) == 0 => format!("{}d", of / (24 * 60)),
        of if of % 60 == 0 => format!("{}h", of / 60),
        of => format!("{of}m"),
    }
}
