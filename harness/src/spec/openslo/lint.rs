//! What the specification allows, but nobody wants.
//!
//! Not here: mistakes (`rules`, `gate`).

use super::alerts::named_twice;
use super::gate::{self, target};
use super::types::{Metric, RatioMetric, SliSpec};
use super::{Alert, Doubt, Notice, Slo, SloFile, alerts};
use crate::spec::problem::Problem;
use crate::spec::scalar::{Duration, Scalar};
use assay_slo::Share;
use assay_slo::interval::least_n;
use serde_json::Value;

/// One-sided confidence of a run.
const CONFIDENCE: Share = Share(950_000_000);
/// A run that needs more clean requests than this decides nothing in practice.
const MANY: u64 = 1_000_000;

/// All of it, a line each: what a run cannot judge, with its place, then the rest in the order of the
/// file.
#[must_use]
pub fn lint(file: &SloFile) -> Vec<String> {
    let doubts = file.doubts.iter().map(Doubt::to_string);
    let mut told: Vec<String> = doubts.chain(file.notices.iter().map(Notice::to_string)).collect();
    let mut found = Vec::new();
    for slo in &file.slos {
        let name = slo.name();
        if slo.spec.alert_policies.is_empty() {
            found.push(format!("`{name}` alerts nobody: write `alertPolicies`"));
        }
        match alerts(file, slo) {
            Ok(all) => told.extend(idle(file, slo, &all)),
            Err(problems) => told.extend(problems.iter().map(line)),
        }
        if let Ok(SliSpec { ratio_metric: Some(ratio), .. }) = file.indicator(slo) {
            metrics(name, ratio, &mut found);
        }
        for limit in slo.spec.objectives.iter().filter_map(target) {
            let budget = Share(Share::ONE.0 - limit.0);
            if let Some(least) = least_n(budget, 0, CONFIDENCE).filter(|least| *least > MANY) {
                found.push(format!(
                    "`{name}` can be met by {least} clean requests and more: no test run has them"
                ));
            }
        }
    }
    told.extend(found.iter().map(|found| format!("{}: {found}", file.name)));
    told
}

fn line(problem: &Problem) -> String {
    let help = problem.help.iter().map(|help| format!("; {help}")).collect::<String>();
    format!("{}: {}{help}", problem.place, problem.message)
}

/// Policies that do nothing, or nothing more.
pub fn idle(file: &SloFile, slo: &Slo, alerts: &[Alert]) -> Vec<String> {
    let twice = named_twice(slo).map(|(site, policy)| {
        let message = format!("`{}` names the policy `{policy}` twice", slo.name());
        line(&file.problem(&site, message, "leave one of them out"))
    });
    let silent = alerts.iter().filter(|alert| !alert.breaching && !alert.no_data);
    let silent = silent.map(|alert| {
        let message =
            format!("the policy `{}` of `{}` alerts on nothing", alert.policy, slo.name());
        line(&file.problem(&alert.site, message, "write `alertWhenBreaching: true`"))
    });
    twice.chain(silent).collect()
}

fn metrics(name: &str, ratio: &RatioMetric, found: &mut Vec<String>) {
    for (key, metric) in gate::metrics(ratio) {
        let Some(query) = text(metric, "query") else {
            found.push(format!("`{name}`: `{key}` has no `query`, so production cannot watch it"));
            continue;
        };
        if !query.contains("{{.window}}") {
            found.push(format!("`{name}`: the query of `{key}` has no `{{{{.window}}}}`"));
        }
        // Prometheus counts what took exactly the limit as well; all else is a different limit.
        let below = text(metric, "assay-faster-than").map(Value::from);
        let below = below.and_then(|text| Duration::read(&text).ok());
        if let (Some(below), Some(le)) = (below, bucket(&query))
            && (le * 1e6 - below.us as f64).abs() > 0.5
        {
            found.push(format!("`{name}`: a run asks for less than {below}, the query for {le} s"));
        }
    }
}

fn text(metric: &Metric, key: &str) -> Option<String> {
    metric.metric_source.spec.get(key)?.0.as_str().map(str::to_owned)
}

/// The bucket of a histogram that a query counts, in seconds.
fn bucket(query: &str) -> Option<f64> {
    let (_, rest) = query.split_once("le=\"")?;
    rest.split('"').next()?.parse().ok()
}
