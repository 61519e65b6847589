//! Unit tests for `promtool test rules`: each alert fires once, and is silent once; slices are bad while nothing
//! answers, and no slices while nobody asks.
//!
//! What the rules would record is given instead, so that the tests need no exporter's metrics.
//! Not here: the rules.

use super::{SHORTEST_MIN, Watched, down, span};
use crate::spec::openslo::{Alert, minutes};
use serde_json::{Value, json};

/// Samples that are given, one a minute.
const SAMPLES: u64 = 240;

/// The tests, and how many.
pub(super) fn tests(all: &[Watched<'_>]) -> (Value, usize) {
    let mut tests = Vec::new();
    for one in all {
        for alert in &one.alerts {
            tests.push(burn(one, alert, true));
            tests.push(burn(one, alert, false));
        }
        tests.extend(outage(one));
    }
    tests.push(absent(all, "nothing is measured", None));
    tests.push(absent(all, "counters stand still", Some(0)));
    tests.push(absent(all, "all is measured", Some(1)));
    let count = tests.len();
    let whole = json!({
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": tests,
    });
    (whole, count)
}

/// Twice as fast as the alert allows, or half as fast.
fn burn(one: &Watched<'_>, alert: &Alert, fires: bool) -> Value {
    let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    let limit = number(&alert.threshold) * number(&one.budget);
    let above = fires == alert.op.starts_with('>');
    let ratio = if above { limit * 2.0 } else { limit / 2.0 };
    let given = |name: &str, window: u64, value: f64| {
        let (slo, service) = (&one.name, one.service);
        json!({
            "series": format!("{name}{}{{slo=\"{slo}\",service=\"{service}\"}}", span(window)),
            "values": format!("{value}x{SAMPLES}"),
        })
    };
    let mut series = vec![given("slo:sli_error:ratio_rate", alert.long_min, ratio)];
    if alert.short_min != alert.long_min {
        series.push(given("slo:sli_error:ratio_rate", alert.short_min, ratio));
    }
    // Enough requests, whatever the least is.
    let enough = alert.least.map_or(1.0, |least| least as f64);
    series.push(given("slo:total:rate", alert.long_min, enough));
    let expected = json!({
        "exp_labels": one.alert_labels(alert),
        "exp_annotations": one.annotations(alert),
    });
    json!({
        "name": format!("{} {} {}", one.name, alert.policy, if fires { "fires" } else { "is silent" }),
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [{
            "eval_time": span(alert.after_min + 2),
            "alertname": "ErrorBudgetBurn",
            "exp_alerts": if fires { vec![expected] } else { Vec::new() },
        }],
    })
}

/// Up, silent, gone, and up again, for three slices each; nobody asks anything.
fn outage(one: &Watched<'_>) -> Option<Value> {
    one.up?;
    let slice = one.limit.time_slice_window.as_ref().and_then(|window| minutes(window.as_str()));
    let long = 3 * slice?;
    let (slo, service) = (&one.name, one.service);
    let labels = format!("{{slo=\"{slo}\",service=\"{service}\"}}");
    let expected = |at: u64, name: &str, value: Option<u64>| {
        let sample =
            value.map(|value| json!({"labels": format!("{name}{labels}"), "value": value}));
        json!({
            "expr": format!("{name}{{slo=\"{slo}\"}}"),
            "eval_time": span(at * long - 1),
            "exp_samples": sample.into_iter().collect::<Vec<_>>(),
        })
    };
    let good = "slo:slice_good:bool";
    let error = format!("slo:sli_error:ratio_rate{}", span(SHORTEST_MIN));
    let last = long - 1;
    Some(json!({
        "name": format!("{slo} is spent while nothing answers"),
        "interval": "1m",
        "input_series": [{
            "series": format!("{}{labels}", down::UP),
            "values": format!("1x{last} 0x{last} _x{long} 1x{last}"),
        }],
        "promql_expr_test": [
            expected(1, good, None),
            expected(2, good, Some(0)),
            expected(3, good, Some(0)),
            expected(3, &error, Some(1)),
            expected(4, good, None),
        ],
    }))
}

/// Every SLO has this rate, or none has a series.
fn absent(all: &[Watched<'_>], name: &str, rate: Option<u64>) -> Value {
    let fires = rate.unwrap_or(0) == 0;
    let series = all.iter().filter_map(|one| {
        let rate = rate?;
        let (slo, service) = (&one.name, one.service);
        Some(json!({
            "series": format!("slo:total:rate{}{{slo=\"{slo}\",service=\"{service}\"}}", span(SHORTEST_MIN)),
            "values": format!("{rate}x{SAMPLES}"),
        }))
    });
    let expected = all.iter().filter(|_| fires).map(|one| {
        let rule = one.absent();
        json!({"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]})
    });
    json!({
        "name": name,
        "interval": "1m",
        "input_series": series.collect::<Vec<_>>(),
        "alert_rule_test": [{
            "eval_time": span(3 * SHORTEST_MIN),
            "alertname": "SLOMetricAbsent",
            "exp_alerts": expected.collect::<Vec<_>>(),
        }],
    })
}
