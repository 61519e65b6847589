//! What production watches, from the same file that gates a release: Prometheus recording rules,
//! burn-rate alerts over two windows, and unit tests of the alerts.
//!
//! Numerator and denominator are recorded apart, so that a long window is weighted by requests.
//! A slice of time in which nothing answers is bad, though no request is counted in it (`down`).
//! Source of the windows and factors: the file; of the form: the SRE workbook's multi-window,
//! multi-burn-rate alerts.
//! Invariant: what cannot be a sensible rule is refused at its place; a file of rules that is written
//! passes the tests that are written with it.
//! Not here: what the file means (`spec::openslo`), the rules of one limit (`rule`).

mod dashboard;
mod down;
mod exporter;
mod reach;
mod rule;
mod tested;
mod watched;

use crate::spec::openslo::{SloFile, idle};
use crate::spec::{Problem, Problems};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use watched::{Unwatched, Watched, watched};

/// Recorded for every objective, minutes.
const SHORTEST_MIN: u64 = 5;

const QUERIES: &str =
    "write `query: 'sum(rate(…[{{.window}}]))'` into the `spec` of `good` or `bad`, and of `total`";

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
    /// What of the file has no rules or alerts, where and why.
    pub notices: Vec<String>,
}

/// Makes them.
///
/// # Errors
/// All that keeps them from being made.
pub fn rules(file: &SloFile) -> Result<Made, Problems> {
    let (mut all, mut notices, mut without) = (Vec::new(), Vec::new(), Vec::new());
    // What is wrong with a single objective's own words is for whoever judges it.
    let whole = file.doubts.iter().filter(|doubt| doubt.slo.is_none());
    let mut problems: Vec<Problem> = whole.map(|doubt| doubt.problem.clone()).collect();
    for slo in &file.slos {
        match watched(file, slo) {
            Ok(found) => {
                let alerts = found.first().map(|one| one.alerts.as_slice()).unwrap_or_default();
                notices.extend(idle(file, slo, alerts));
                all.extend(found);
            }
            Err(Unwatched::ByNature(site, why)) => {
                let message = format!("`{}` has no rules: {why}", slo.name());
                without.push(file.problem(&site, message, QUERIES));
            }
            Err(Unwatched::ByMistake(found)) => problems.extend(found),
        }
    }
    let mut names = BTreeSet::new();
    for one in all.iter().filter(|one: &&Watched<'_>| !names.insert(one.name.as_str())) {
        let message = format!("two limits are called `{}`", one.name);
        problems.push(file.problem(&one.site, message, "rename one of the objectives"));
    }
    if all.is_empty() && problems.is_empty() {
        problems.clone_from(&without);
    }
    if all.is_empty() && problems.is_empty() {
        let help = "write `kind: SLO`, with a `query` of each of its metrics";
        problems.push(Problem::of_file(&file.name, "there is no objective in it", Some(help)));
    }
    notices.extend(without.iter().map(|one| format!("{}: {}", one.place, one.message)));
    if !problems.is_empty() {
        return Err(Problems::new(problems));
    }
    let (mut groups, mut count) = (Vec::new(), 0);
    for one in &all {
        let rules = one.rules();
        count += rules.len();
        let mut group = Map::new();
        group.insert("name".to_owned(), json!(format!("slo-{}", one.name)));
        if let Some(slices) = &one.slices {
            group.insert("interval".to_owned(), json!(span(slices.length_min)));
        }
        group.insert("rules".to_owned(), json!(rules));
        groups.push(Value::Object(group));
    }
    let seen: Vec<Value> = all.iter().flat_map(down::watched).collect();
    if !seen.is_empty() {
        count += seen.len();
        groups.insert(0, json!({"name": "slo-up", "rules": seen}));
    }
    let tests = tested::tests(&all);
    notices.extend(tests.untested.iter().map(|(one, why)| {
        let message = format!("no test gives series to the rules of `{}`: {why}", one.name);
        let told = file.problem(&one.site, message, QUERIES);
        format!("{}: {}", told.place, told.message)
    }));
    // Maps with text keys always have a YAML form.
    let text = |value: &Value| serde_yaml::to_string(value).unwrap_or_default();
    let rules = text(&json!({ "groups": groups }));
    let dashboard = dashboard::dashboard(&all, &format!("SLO: {}", file.name));
    let dashboard = format!("{dashboard:#}\n");
    let (tested, tests) = (tests.count, text(&tests.whole));
    Ok(Made { rules, tests, dashboard, count, tested, notices })
}

/// Minutes as Prometheus writes them, in the largest unit that divides them.
fn span(minutes: u64) -> String {
    match minutes {
        of if of % (24 * 60) == 0 => format!("{}d", of / (24 * 60)),
        of if of % 60 == 0 => format!("{}h", of / 60),
        of => format!("{of}m"),
    }
}
