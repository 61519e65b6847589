//! The rules that an SLO file is made into, held against Prometheus' own tool. Without it the tests
//! say so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

#[path = "production/policies.rs"]
mod policies;

use std::path::Path;
use std::process::Command;

fn has_promtool() -> bool {
    let found = Command::new("promtool").arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: there is no promtool, so nothing is known of the rules");
    }
    found
}

fn made(folder: &Path) {
    made_of("assay:backend.yaml".as_ref(), folder);
}

fn made_of(file: &Path, folder: &Path) {
    let mut assay = Command::new(env!("CARGO_BIN_EXE_assay"));
    let made = assay.args(["slo", "rules"]).arg(file).arg("--out").arg(folder).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn promtool(folder: &Path, arguments: &[&str]) -> bool {
    let said = Command::new("promtool").args(arguments).current_dir(folder).output().unwrap();
    said.status.success()
}

#[test]
fn every_rule_is_valid_and_every_alert_fires_and_is_silent() {
    if !has_promtool() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    assert!(promtool(folder.path(), &["check", "rules", "rules.yaml"]));
    assert!(promtool(folder.path(), &["test", "rules", "rules.test.yaml"]));
}

/// The tests are worth something: an alert that fires at another rate fails them.
#[test]
fn an_alert_at_another_rate_fails_its_test() {
    if !has_promtool() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Of one SLO: thirty days of each are a long time for promtool.
    let all = include_str!("../../slo/objectives/backend.yaml");
    let (first, _) = all.split_at(all.match_indices("kind: SLO\n").nth(1).unwrap().0);
    let (one, _) = first.rsplit_once("\n- ").unwrap();
    let file = folder.path().join("one.yaml");
    std::fs::write(&file, one).unwrap();
    made_of(&file, folder.path());
    assert!(promtool(folder.path(), &["test", "rules", "rules.test.yaml"]));
    let rules = folder.path().join("rules.yaml");
    let text = std::fs::read_to_string(&rules).unwrap();
    for (from, to) in [("> 14.4 *", "> 40 *"), ("absent(", "count("), (" == 0", " == 9")] {
        assert!(text.contains(from));
        std::fs::write(&rules, text.replace(from, to)).unwrap();
        assert!(!promtool(folder.path(), &["test", "rules", "rules.test.yaml"]), "{from} {to}");
    }
}

/// A counter that was counted once and then stands still is told as nothing that is measured.
#[test]
fn a_counter_that_stands_still_is_told() {
    if !has_promtool() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let test = "rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'http_requests_total{job=\"aurumai\",endpoint=\"/predict/\",status_code=\"200\"}', values: '0+60x30 1800x30'}
    promql_expr_test:
      - {expr: 'count(ALERTS{alertname=\"SLOMetricAbsent\",slo=\"predict-errors\",alertstate=\"firing\"}) or vector(0)', eval_time: 30m, exp_samples: [{labels: '{}', value: 0}]}
      - {expr: 'count(ALERTS{alertname=\"SLOMetricAbsent\",slo=\"predict-errors\",alertstate=\"firing\"})', eval_time: 50m, exp_samples: [{labels: '{}', value: 1}]}
";
    std::fs::write(folder.path().join("still.yaml"), test).unwrap();
    assert!(promtool(folder.path(), &["test", "rules", "still.yaml"]));
}

/// The queries are counted as Prometheus would: from an exporter's series to a burning budget.
#[test]
fn an_exporter_s_errors_burn_the_budget_and_another_label_does_not() {
    if !has_promtool() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let test = |label: &str| {
        format!(
            "rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'http_requests_total{{job=\"aurumai\",endpoint=\"/predict/\",{label}=\"500\"}}', values: '0+60x120'}}
      - {{series: 'http_requests_total{{job=\"aurumai\",endpoint=\"/predict/\",{label}=\"200\"}}', values: '0+540x120'}}
    promql_expr_test:
      - {{expr: 'round(slo:sli_error:ratio_rate1h{{slo=\"predict-errors\"}}, 0.001)', eval_time: 100m, exp_samples: [{{labels: '{{slo=\"predict-errors\", service=\"aurumai-backend\"}}', value: 0.1}}]}}
"
        )
    };
    let file = folder.path().join("exporter.yaml");
    std::fs::write(&file, test("status_code")).unwrap();
    assert!(promtool(folder.path(), &["test", "rules", "exporter.yaml"]));
    std::fs::write(&file, test("status")).unwrap();
    assert!(!promtool(folder.path(), &["test", "rules", "exporter.yaml"]));
}
