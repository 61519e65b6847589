//! Unit tests for `promtool test rules`: what is recorded is what the queries ask for; each alert fires once, and
//! is silent once; slices are bad while nothing answers, and no slices while nobody asks.
//!
//! Recording rules are given an exporter's series. Alerts are given what the rules would record: days of series
//! are a long time for promtool. Other alerts of the same limit look at the same windows, so each test says
//! of all of them what they do.
//! Not here: the rules, the series (`exporter`).

use super::exporter::{A_MINUTE, exporter};
use super::reach::{Reach, holds, reach};
use super::rule::{ABSENT, ABSENT_MIN, BURN};
use super::watched::Watched;
use super::{SHORTEST_MIN, down, span};
use crate::spec::openslo::Alert;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// After so long, in minutes, it is looked at what is recorded: before the shortest window is over, so that every
/// window records another number of the same series.
const COUNTED_MIN: u64 = SHORTEST_MIN - 1;
/// So often the longest wait is looked at.
const LOOKS: u64 = 240;
/// Looks after the wait is over.
const MORE: u64 = 2;

/// The tests.
pub(super) struct Tests<'w, 'f> {
    pub(super) whole: Value,
    pub(super) count: usize,
    /// Whose recording rules no test gives series to, and why.
    pub(super) untested: Vec<(&'w Watched<'f>, String)>,
}

/// The tests of all limits.
pub(super) fn tests<'w, 'f>(all: &'w [Watched<'f>]) -> Tests<'w, 'f> {
    let waits = all.iter().flat_map(Watched::burns).map(|alert| alert.after_min);
    let longest = waits.chain([ABSENT_MIN]).max().unwrap_or(ABSENT_MIN);
    let clock = Clock { every_min: longest.div_ceil(LOOKS) };
    let mut tests = Vec::new();
    let mut untested = Vec::new();
    for one in all {
        match counted(one, &clock) {
            Ok(test) => tests.push(test),
            Err(why) => untested.push((one, why)),
        }
        for alert in one.burns() {
            let limit = number(&alert.threshold) * number(&one.budget);
            // Others are refused before.
            let Reach::Some { fires, silent } = reach(alert.op, limit) else { continue };
            tests.push(burn(one, alert, &clock, ("fires", fires)));
            tests.push(burn(one, alert, &clock, ("is silent", silent)));
        }
        tests.extend(outage(one, &clock));
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
    Tests { whole, count, untested }
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

/// What all that is recorded of a limit is labelled with.
fn labels(one: &Watched<'_>) -> String {
    // A service may have any name; JSON's escapes are Prometheus' too.
    let [slo, service] = [&one.name, one.service].map(|text| Value::from(text.to_string()));
    format!("{{slo={slo},service={service}}}")
}

/// A series whose every sample is the same.
fn given(one: &Watched<'_>, name: &str, window_min: u64, value: f64) -> Value {
    json!({
        "series": format!("{name}{}{}", span(window_min), labels(one)),
        "values": format!("{value}x{}", LOOKS + 2 * MORE),
    })
}

/// An exporter's series, and what is recorded of them.
fn counted(one: &Watched<'_>, clock: &Clock) -> Result<Value, String> {
    let made = exporter(one)?;
    let at = clock.every_min * (COUNTED_MIN / clock.every_min).max(1);
    let labels = labels(one);
    let expected = |expr: String, value: u64| {
        json!({
            "expr": format!("round({expr})"),
            "eval_time": span(at),
            "exp_samples": [{"labels": labels, "value": value}],
        })
    };
    let mut told = Vec::new();
    for window in one.windows() {
        for (name, adds) in [("slo:total:rate", made.total), ("slo:bad:rate", made.bad)] {
            let expr = format!("{} * {}", one.series(name, window), one.seconds(window));
            told.push(expected(expr, adds * A_MINUTE * at.min(window)));
        }
    }
    let bad = made.bad as f64 / made.total.max(1) as f64;
    let bad = match &one.slices {
        Some(slices) if 1.0 - bad >= number(&slices.target) => 0.0,
        Some(_) => 1.0,
        None => bad,
    };
    for window in one.windows().into_iter().chain([one.lasts_min]).collect::<BTreeSet<_>>() {
        let expr = format!("{} * 1000", one.series("slo:sli_error:ratio_rate", window));
        told.push(expected(expr, libm::round(bad * 1000.0) as u64));
    }
    let series = made.series.iter().map(|(series, adds)| {
        json!({"series": series, "values": format!("0+{adds}x{}", (at + 1) * A_MINUTE)})
    });
    Ok(json!({
        "name": format!("{} counts what its queries ask for", one.name),
        "interval": format!("{}s", 60 / A_MINUTE),
        "input_series": series.collect::<Vec<_>>(),
        "promql_expr_test": told,
    }))
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
                && enough * one.seconds(alert.long_min) as f64 >= least as f64
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

/// Up, silent, gone, and up again, for three slices each; nobody asks anything.
/// Not where alerts wait so long that rules are looked at less than once in a minute.
fn outage(one: &Watched<'_>, clock: &Clock) -> Option<Value> {
    one.up.filter(|_| clock.every_min == 1)?;
    let long = 3 * one.slices.as_ref()?.length_min;
    let (slo, labels) = (&one.name, labels(one));
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
