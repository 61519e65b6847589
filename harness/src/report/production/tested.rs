//! Unit tests of the alerts for `promtool test rules`: each fires once, and is silent once.
//!
//! What the rules would record is given instead, so that the tests need no exporter's metrics. Other
//! alerts of the same limit look at the same windows, so each test says of all of them what they do.
//! Not here: the rules.

use super::reach::{Reach, holds, reach};
use super::rule::{ABSENT, ABSENT_MIN, BURN};
use super::watched::Watched;
use super::{SHORTEST_MIN, span};
use crate::spec::openslo::Alert;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So often the longest wait is looked at.
const LOOKS: u64 = 240;
/// Looks after the wait is over.
const MORE: u64 = 2;

/// The tests, and how many.
pub(super) fn tests(all: &[Watched<'_>]) -> (Value, usize) {
    let waits = all.iter().flat_map(Watched::burns).map(|alert| alert.after_min);
    let longest = waits.chain([ABSENT_MIN]).max().unwrap_or(ABSENT_MIN);
    let clock = Clock { every_min: longest.div_ceil(LOOKS) };
    let mut tests = Vec::new();
    for one in all {
        for alert in one.burns() {
            let limit = number(&alert.threshold) * number(&one.budget);
            // Others are refused before.
            let Reach::Some { fires, silent } = reach(alert.op, limit) else { continue };
            tests.push(burn(one, alert, &clock, ("fires", fires)));
            tests.push(burn(one, alert, &clock, ("is silent", silent)));
        }
    }
    if all.iter().any(|one| one.absences().next().is_some()) {
        tests.push(absent(all, &clock, "nothing is measured", None));
        tests.push(absent(all, &clock, "counters stand still", Some(0)));
        tests.push(absent(all, &clock, "all is measured", Some(1)));
    }
    let count = tests.len();
    let whole = json!({
        "rule_files": ["rules.yaml"],
        "evaluation_interval": span(clock.every_min),
        "tests": tests,
    });
    (whole, count)
}

/// When rules are looked at, which is as often as samples are given.
struct Clock {
    every_min: u64,
}

impl Clock {
    /// A look after a wait of so long.
    fn after(&self, wait_min: u64) -> u64 {
        (wait_min.div_ceil(self.every_min) + MORE) * self.every_min
    }

    fn interval(&self) -> String {
        span(self.every_min)
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

/// A series whose every sample is the same.
fn given(one: &Watched<'_>, name: &str, window_min: u64, value: f64) -> Value {
    // A service may have any name; JSON's escapes are Prometheus' too.
    let [slo, service] = [&one.name, one.service].map(|text| Value::from(text.to_string()));
    json!({
        "series": format!("{name}{}{{slo={slo},service={service}}}", span(window_min)),
        "values": format!("{value}x{}", LOOKS + 2 * MORE),
    })
}

/// This share of bad requests over the windows of an alert.
fn burn(one: &Watched<'_>, tested: &Alert, clock: &Clock, (does, share): (&str, f64)) -> Value {
    let windows = BTreeMap::from([(tested.long_min, share), (tested.short_min, share)]);
    // Enough requests, whatever the least is.
    let enough = tested.least.map_or(1.0, |least| least as f64);
    let ratios = windows
        .iter()
        .map(|(window, share)| given(one, "slo:sli_error:ratio_rate", *window, *share));
    let series = ratios.chain([given(one, "slo:total:rate", tested.long_min, enough)]);
    let at = clock.after(tested.after_min);
    let fires = |alert: &&Alert| {
        let limit = number(&alert.threshold) * number(&one.budget);
        let over =
            |window| windows.get(&window).is_some_and(|share| holds(alert.op, *share, limit));
        let counted = |least: u64| {
            alert.long_min == tested.long_min
                && enough * (alert.long_min * 60) as f64 >= least as f64
        };
        over(alert.long_min)
            && over(alert.short_min)
            && alert.least.is_none_or(counted)
            && alert.after_min <= at
    };
    let expected = one.burns().filter(fires).map(|alert| {
        json!({
            "exp_labels": one.burn_labels(alert),
            "exp_annotations": one.burn_annotations(alert),
        })
    });
    json!({
        "name": format!("{} {} {does}", one.name, tested.policy),
        "interval": clock.interval(),
        "input_series": series.collect::<Vec<_>>(),
        "alert_rule_test": [{
            "eval_time": span(at),
            "alertname": BURN,
            "exp_alerts": expected.collect::<Vec<_>>(),
        }],
    })
}

/// Every SLO has this rate, or none has a series.
fn absent(all: &[Watched<'_>], clock: &Clock, name: &str, rate: Option<u64>) -> Value {
    let fires = rate.unwrap_or(0) == 0;
    let series =
        all.iter().filter_map(|one| Some(given(one, "slo:total:rate", SHORTEST_MIN, rate? as f64)));
    let alerts = all.iter().flat_map(|one| one.absences().map(move |alert| (one, alert)));
    let expected = alerts.filter(|_| fires).map(|(one, alert)| {
        json!({
            "exp_labels": one.absent_labels(alert),
            "exp_annotations": one.absent_annotations(alert),
        })
    });
    json!({
        "name": name,
        "interval": clock.interval(),
        "input_series": series.collect::<Vec<_>>(),
        "alert_rule_test": [{
            "eval_time": span(clock.after(ABSENT_MIN)),
            "alertname": ABSENT,
            "exp_alerts": expected.collect::<Vec<_>>(),
        }],
    })
}
