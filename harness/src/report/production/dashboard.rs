//! A Grafana dashboard of the recorded series: what is left of each budget, how fast it burns against
//! its alerts, and the requests that it is made of.
//!
//! Invariant: it asks only for series that the rules record.
//! Not here: the rules (`production`).

use super::watched::Watched;
use super::{SHORTEST_MIN, span};
use serde_json::{Value, json};

/// Grafana's grid is so wide.
const WIDTH: u64 = 24;
/// Height of a panel.
const HEIGHT: u64 = 7;
/// The version of Grafana's format that this is.
const SCHEMA: u64 = 39;

/// The dashboard, for Grafana's import or provisioning.
pub(super) fn dashboard(all: &[Watched<'_>], title: &str) -> Value {
    let mut panels = Vec::new();
    let mut row = 0;
    for one in all {
        let wide = [6, 9, 9];
        let made = [left(one), burn(one), requests(one)];
        let mut column = 0;
        for (mut panel, wide) in made.into_iter().zip(wide) {
            panel["id"] = json!(panels.len() + 1);
            panel["gridPos"] = json!({"x": column, "y": row, "w": wide, "h": HEIGHT});
            panel["datasource"] = source();
            panels.push(panel);
            column += wide;
        }
        debug_assert!(column == WIDTH, "a row is full");
        row += HEIGHT;
    }
    json!({
        "title": title,
        "description": "Made by `assay slo rules` from the file that gates releases.",
        "tags": ["slo"],
        "schemaVersion": SCHEMA,
        "editable": true,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"type": "datasource", "name": "source", "label": "Prometheus", "query": "prometheus"},
        ]},
        "annotations": {"list": [{
            "name": "Alerts",
            "enable": true,
            "iconColor": "red",
            "datasource": source(),
            "expr": "ALERTS{alertname=\"ErrorBudgetBurn\",alertstate=\"firing\"}",
            "titleFormat": "{{alertname}} {{slo}}",
            "tagKeys": "severity",
        }]},
        "panels": panels,
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${source}"})
}

fn target(at: usize, expr: String, legend: &str) -> Value {
    let name = char::from(b'A' + u8::try_from(at % 26).unwrap_or(0)).to_string();
    json!({"refId": name, "datasource": source(), "expr": expr, "legendFormat": legend})
}

/// What is left of the budget.
fn left(one: &Watched<'_>) -> Value {
    let spent = one.series("slo:sli_error:ratio_rate", one.lasts_min);
    json!({
        "type": "stat",
        "title": format!("{}: budget left", one.name),
        "description": format!(
            "Of {} at {}; below zero the promise is broken.", span(one.lasts_min), one.budget
        ),
        "targets": [target(0, format!("1 - {spent} / {}", one.budget), "left")],
        "fieldConfig": {"defaults": {"unit": "percentunit", "thresholds": {"mode": "absolute", "steps": [
            {"value": null, "color": "red"},
            {"value": 0, "color": "orange"},
            {"value": 0.5, "color": "green"},
        ]}}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"},
    })
}

/// How fast it burns over every window that an alert looks at, and where they fire.
fn burn(one: &Watched<'_>) -> Value {
    let windows = one.windows().into_iter().enumerate();
    let targets = windows.map(|(at, window)| {
        let ratio = one.series("slo:sli_error:ratio_rate", window);
        target(at, format!("{ratio} / {}", one.budget), &span(window))
    });
    let mut steps = vec![json!({"value": null, "color": "green"})];
    let mut thresholds: Vec<f64> =
        one.burns().filter_map(|alert| alert.threshold.parse().ok()).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    steps.extend(thresholds.iter().map(|value| json!({"value": value, "color": "red"})));
    json!({
        "type": "timeseries",
        "title": format!("{}: burn rate", one.name),
        "description": format!(
            "1 spends the budget in exactly {}; lines are where alerts fire.", span(one.lasts_min)
        ),
        "targets": targets.collect::<Vec<_>>(),
        "fieldConfig": {"defaults": {
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom": {"thresholdsStyle": {"mode": "dashed"}},
        }, "overrides": []},
    })
}

/// What it is made of.
fn requests(one: &Watched<'_>) -> Value {
    let series = |name: &str| one.series(name, SHORTEST_MIN);
    json!({
        "type": "timeseries",
        "title": format!("{}: requests a second", one.name),
        "targets": [
            target(0, series("slo:total:rate"), "all"),
            target(1, series("slo:bad:rate"), "bad"),
        ],
        "fieldConfig": {"defaults": {"unit": "reqps", "min": 0}, "overrides": []},
    })
}

#[cfg(test)]
mod tests {
    use crate::report::production::rules;
    use crate::spec::openslo;
    use std::path::Path;

    /// Every series that a panel asks for is recorded by the rules beside it.
    #[test]
    fn panels_ask_for_what_is_recorded() {
        let file = openslo::load("assay:backend.yaml", Path::new("")).unwrap();
        let made = rules(&file).unwrap();
        let dashboard: serde_json::Value = serde_json::from_str(&made.dashboard).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        assert_eq!(panels.len(), 3 * file.slos.len());
        let rules: serde_json::Value = serde_yaml::from_str(&made.rules).unwrap();
        let groups = rules["groups"].as_array().unwrap().iter();
        let recorded: Vec<String> = groups
            .flat_map(|group| group["rules"].as_array().unwrap())
            .filter_map(|rule| {
                let name = rule["record"].as_str()?;
                Some(format!("{name}{{slo=\"{}\"}}", rule["labels"]["slo"].as_str()?))
            })
            .collect();
        let mut asked = 0;
        for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
            let expr = target["expr"].as_str().unwrap();
            let from = expr.find("slo:").unwrap();
            let series = &expr[from..=from + expr[from..].find('}').unwrap()];
            assert!(recorded.iter().any(|known| known == series), "{series}");
            asked += 1;
        }
        assert!(asked >= 6 * file.slos.len(), "{asked}");
    }
}
