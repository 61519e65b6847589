//! The rules of one limit: what is recorded, and the alerts on it.
//!
//! Not here: their tests (`tested`).

use super::watched::{WINDOW, Watched};
use super::{SHORTEST_MIN, down, span};
use crate::spec::openslo::Alert;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The alert on a budget that is spent too fast.
pub(super) const BURN: &str = "ErrorBudgetBurn";
/// The alert on an objective that nothing is measured of.
pub(super) const ABSENT: &str = "SLOMetricAbsent";
/// How long nothing is measured until that is told, minutes.
pub(super) const ABSENT_MIN: u64 = 2 * SHORTEST_MIN;

impl Watched<'_> {
    pub(super) fn labels(&self) -> Value {
        json!({"slo": self.name, "service": self.service})
    }

    /// `NAME{slo="…"}`.
    pub(super) fn series(&self, name: &str, window_min: u64) -> String {
        format!("{name}{}{{slo=\"{}\"}}", span(window_min), self.name)
    }

    /// Alerts on a budget that is spent.
    pub(super) fn burns(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.breaching)
    }

    /// Alerts on nothing to see.
    pub(super) fn absences(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.no_data)
    }

    /// All windows that alerts look at, and the shortest.
    pub(super) fn windows(&self) -> BTreeSet<u64> {
        let of = self.burns().flat_map(|alert| [alert.long_min, alert.short_min]);
        of.chain([SHORTEST_MIN]).collect()
    }

    pub(super) fn rules(&self) -> Vec<Value> {
        let mut rules = Vec::new();
        let mut record = |name: String, expr: String| {
            rules.push(json!({"record": name, "expr": expr, "labels": self.labels()}));
        };
        let at = |query: &str, window: u64| query.replace(WINDOW, &span(window));
        for window in self.windows() {
            record(format!("slo:total:rate{}", span(window)), at(&self.total, window));
            record(format!("slo:bad:rate{}", span(window)), at(&self.bad, window));
        }
        if let Some(slices) = &self.slices {
            let [total, bad] = [&self.total, &self.bad].map(|query| at(query, slices.length_min));
            // A minute without a request is neither good nor bad: it has no sample.
            let mut expr = format!("(1 - ({bad}) / (({total}) > 0)) >= bool {}", slices.target);
            if let Some(down) = down::slice(self, slices, &total) {
                record(down::SLICE.to_owned(), down);
                expr = format!("{} * 0 or on () ({expr})", down::now(self));
            }
            record("slo:slice_good:bool".to_owned(), expr);
        }
        let windows = self.windows().into_iter().chain([self.lasts_min]).collect::<BTreeSet<_>>();
        for window in windows {
            let expr = if self.slices.is_some() {
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
        rules.extend(self.burns().map(|alert| self.burn(alert)));
        rules.extend(self.absences().map(|alert| self.absent(alert)));
        rules
    }

    fn burn(&self, alert: &Alert) -> Value {
        let limit = format!("{} {} * {}", alert.op, alert.threshold, self.budget);
        let ratio = |window| self.series("slo:sli_error:ratio_rate", window);
        let mut expr =
            format!("{} {limit} and {} {limit}", ratio(alert.long_min), ratio(alert.short_min));
        if let Some(least) = alert.least {
            let total = self.series("slo:total:rate", alert.long_min);
            let enough = format!("{total} * {} >= {least}", self.seconds(alert.long_min));
            // Nobody counts what is asked of a service that is gone.
            expr += &match self.up {
                Some(_) => format!(" and ({enough} or {})", down::now(self)),
                None => format!(" and {enough}"),
            };
        }
        let mut rule = json!({"alert": BURN, "expr": expr});
        if alert.after_min > 0 {
            rule["for"] = json!(span(alert.after_min));
        }
        rule["labels"] = literal(self.burn_labels(alert));
        rule["annotations"] = literal(self.burn_annotations(alert));
        rule
    }

    pub(super) fn burn_labels(&self, alert: &Alert) -> Value {
        json!({
            "severity": alert.severity,
            "slo": self.name,
            "service": self.service,
            "policy": alert.policy,
            "long": span(alert.long_min),
            "short": span(alert.short_min),
        })
    }

    pub(super) fn burn_annotations(&self, alert: &Alert) -> Value {
        let how = match alert.op {
            ">" => "more than",
            ">=" => "at least",
            "<" => "less than",
            _ => "at most",
        };
        let summary = format!(
            "{}: over {} and over {} the error budget of {} is spent {how} {} times as fast as it lasts",
            self.name,
            span(alert.long_min),
            span(alert.short_min),
            span(self.lasts_min),
            alert.threshold
        );
        told(summary, alert)
    }

    /// Also when a counter stands still: it is there, and its rate is 0.
    fn absent(&self, alert: &Alert) -> Value {
        let total = self.series("slo:total:rate", SHORTEST_MIN);
        json!({
            "alert": ABSENT,
            "expr": format!("absent({total}) or sum({total}) == 0"),
            "for": span(ABSENT_MIN),
            "labels": literal(self.absent_labels(alert)),
            "annotations": literal(self.absent_annotations(alert)),
        })
    }

    pub(super) fn absent_labels(&self, alert: &Alert) -> Value {
        json!({
            "severity": alert.severity,
            "slo": self.name,
            "service": self.service,
            "policy": alert.policy,
        })
    }

    pub(super) fn absent_annotations(&self, alert: &Alert) -> Value {
        told(format!("{}: nothing is measured", self.name), alert)
    }
}

/// What is said of an alert. Its end is told by Alertmanager, which has to be told so for each
/// receiver; a rule can only ask for it.
fn told(summary: String, alert: &Alert) -> Value {
    match alert.resolved {
        true => {
            json!({"summary": summary, "resolved": "its end is to be told, too: send_resolved"})
        }
        false => json!({ "summary": summary }),
    }
}

/// Labels and annotations of alerts are templates; these say what they say.
fn literal(mut texts: Value) -> Value {
    for text in texts.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let Value::String(text) = text {
            *text = text.replace("{{", "{{\"{{\"}}");
        }
    }
    texts
}
