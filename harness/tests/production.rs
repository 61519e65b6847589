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

/// The tests are worth something: an alert that fires at another rate fails them, and so does a rule that records
/// another limit, another window, or another service's requests.
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
    for (from, to) in [
        ("> 14.4 *", "> 40 *"),
        ("absent(", "count("),
        (" == 0", " == 9"),
        ("le=\"0.5\"", "le=\"1\""),
        ("[30m]", "[1h]"),
        ("_count{job=\"aurumai\",", "_count{"),
    ] {
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

/// An SLO whose budget is of minutes, and a policy that stays silent below a hundred requests an hour.
const MINUTES: &str = r#"
- apiVersion: openslo/v1
  kind: AlertPolicy
  metadata: {name: page}
  spec:
    alertWhenBreaching: true
    notificationTargets: [{targetRef: me}]
    conditions:
      - kind: AlertCondition
        metadata: {name: fast, annotations: {assay.dev/short-window: 5m, assay.dev/min-events: "100"}}
        spec: {severity: page, condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h, alertAfter: 2m}}
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: shop, annotations: {assay.dev/up: 'up{job="shop"}'}}
  spec:
    service: shop
    budgetingMethod: Timeslices
    timeWindow: [{duration: 30d, isRolling: true}]
    objectives: [{target: 0.999, timeSliceTarget: 0.95, timeSliceWindow: 1m}]
    alertPolicies: [{alertPolicyRef: page}]
    indicator:
      metadata: {name: up}
      spec:
        ratioMetric:
          good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(asked{job="shop",code="200"}[{{.window}}]))'}}}
          total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(asked{job="shop"}[{{.window}}]))'}}}
"#;

/// From an exporter's series: `up` and requests of two replicas, and which of the ends of minutes are bad, and good.
fn slices(folder: &Path, series: &str, bad: &[u64], good: &[u64], idle: &[u64]) -> bool {
    let mut test = format!(
        "rule_files: [rules.yaml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n{series}    promql_expr_test:\n"
    );
    let labels = "labels: 'slo:slice_good:bool{slo=\"shop\", service=\"shop\"}'";
    for (minutes, value) in [(bad, "0"), (good, "1"), (idle, "")] {
        for minute in minutes {
            let samples = match value {
                "" => "[]".to_owned(),
                value => format!("[{{{labels}, value: {value}}}]"),
            };
            test += &format!(
                "      - {{expr: 'slo:slice_good:bool', eval_time: {minute}m, exp_samples: {samples}}}\n"
            );
        }
    }
    std::fs::write(folder.join("slices.yaml"), test).unwrap();
    promtool(folder, &["test", "rules", "slices.yaml"])
}

/// Who is gone counts nothing: such a minute is bad all the same, and the page is not held back for want of
/// requests. Neither a first start nor one replica of two is an outage.
#[test]
fn minutes_in_which_nothing_answers_spend_the_budget() {
    if !has_promtool() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, file) = (folder.path(), folder.path().join("minutes.yaml"));
    std::fs::write(&file, MINUTES).unwrap();
    made_of(&file, folder);
    assert!(promtool(folder, &["test", "rules", "rules.test.yaml"]));
    let series = |up: &str, other: &str, asked: &str| {
        let line = |name: &str, instance: &str, values: &str| {
            let labels = format!("job=\"shop\",instance=\"{instance}\",code=\"200\"");
            format!("      - {{series: '{name}{{{labels}}}', values: '{values}'}}\n")
        };
        line("up", "a", up) + &line("up", "b", other) + &line("asked", "a", asked)
    };
    // Ten minutes before its first start, ten of service, ten silent, ten gone, and service again.
    let outage = series("0x39 1x39 0x39 stale _x39 1x80", "_x0", "_x40 0+100x39 _x80 0+100x80");
    assert!(slices(folder, &outage, &[21, 25, 30, 35, 39], &[11, 15, 19, 42, 50], &[3, 9]));
    // One of two is always there.
    let replicas = series("1x39 0x39 _x80", "1x160", "0+100x160");
    assert!(slices(folder, &replicas, &[], &[5, 15, 25, 35], &[]));
    // Nothing is told of a service that was there, but requests are counted: what is wrong is the expression.
    let renamed = series("1x39 stale", "_x0", "0+100x160");
    assert!(slices(folder, &renamed, &[], &[5, 15, 25, 35], &[]));
    // An hour without Prometheus, which looks for its targets after its rules; what it records then is what another
    // series tells here.
    let rules = folder.join("rules.yaml");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, text.replace("vector(1)", "max(alive)")).unwrap();
    let away = series("1x39 stale _x243 1x40", "_x0", "0+100x39 _x244 0+100x40");
    let alive = "      - {series: alive, values: '1x39 stale _x239 1x44'}\n";
    assert!(slices(folder, &(away.clone() + alive), &[], &[5, 9, 73, 75], &[40, 69, 70, 71]));
    // With Prometheus there, it was an outage.
    let alive = "      - {series: alive, values: '1x330'}\n";
    assert!(slices(folder, &(away + alive), &[40, 69, 70], &[5, 9, 73, 75], &[]));
    std::fs::write(&rules, &text).unwrap();

    let page = "alert_rule_test: [{alertname: ErrorBudgetBurn, eval_time: 25m, exp_alerts: []}]";
    let test = |outage: &str| {
        let test = format!(
            "rule_files: [rules.yaml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n{outage}    {page}\n"
        );
        std::fs::write(folder.join("page.yaml"), test).unwrap();
        promtool(folder, &["test", "rules", "page.yaml"])
    };
    // Nobody has asked for anything in the hour, and it is down: only then there is a page.
    assert!(test(&series("1x200", "_x0", "0x200")));
    assert!(!test(&series("1x39 0x160", "_x0", "0x39")));

    for (from, to) in [
        ("slo:slice_down:bool{slo=\"shop\"} * 0 or on () ", ""),
        (" or 0 * max_over_time(slo:up:bool{slo=\"shop\"}[30d])", ""),
        ("max(up{job=\"shop\"})", "max(up{job=\"other\"})"),
    ] {
        assert!(text.contains(from), "{from}\n{text}");
        std::fs::write(&rules, text.replace(from, to)).unwrap();
        let held = slices(folder, &outage, &[21, 25, 30, 35, 39], &[11, 15, 19, 42, 50], &[3, 9]);
        assert!(!held, "{from} {to}");
    }
    std::fs::write(&rules, text.replace("slo:slice_down:bool{slo=\"shop\"} * 0", "vector(1) < 0"))
        .unwrap();
    assert!(!promtool(folder, &["test", "rules", "rules.test.yaml"]));
}

/// A rule that asks for a label that the exporter does not have counts nothing: its test has the file's labels.
#[test]
fn a_rule_of_another_label_fails_its_test() {
    if !has_promtool() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, file) = (folder.path(), folder.path().join("minutes.yaml"));
    let rules = folder.join("rules.yaml");
    let passes = || promtool(folder, &["test", "rules", "rules.test.yaml"]);
    let bad = MINUTES.replace("good: {", "bad: {").replace("code=\"200\"", "code=~\"5..\"");
    let patterns = MINUTES.replace("code=\"200\"", "code!~\"5..|429\"");
    // A service may have any name.
    let increase =
        MINUTES.replace("rate(", "increase(").replace("service: shop", "service: 'a \"b\"'");
    for (text, label) in [
        (MINUTES, "code=\"200\""),
        (&bad, "code=~\"5..\""),
        (&patterns, "code!~\"5..|429\""),
        (&increase, "code=\"200\""),
    ] {
        std::fs::write(&file, text).unwrap();
        made_of(&file, folder);
        assert!(passes(), "{text}");
        let text = std::fs::read_to_string(&rules).unwrap();
        let other = label.replace("code", "status_code");
        // What was added in all of a test is the same over every longer window.
        let window = if text.contains("increase(") { "[2m]" } else { "[1d]" };
        for (from, to) in [(label, other.as_str()), ("[1h]", window), (">= bool", "<= bool")] {
            assert!(text.contains(from), "{from}\n{text}");
            std::fs::write(&rules, text.replace(from, to)).unwrap();
            assert!(!passes(), "{from} {to}");
        }
    }
}

/// Queries of another form are not tested so, which is told.
#[test]
fn rules_that_no_series_can_be_made_up_for_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("minutes.yaml");
    std::fs::write(&file, MINUTES.replace("sum(rate(", "sum by (job) (rate(")).unwrap();
    let mut assay = Command::new(env!("CARGO_BIN_EXE_assay"));
    let made = assay.args(["slo", "rules"]).arg(&file).output().unwrap();
    let said = String::from_utf8(made.stderr).unwrap();
    let told = "no test gives series to the rules of `shop`: one of its queries is no \
                sum(rate(NAME{…}[{{.window}}]))";
    assert!(made.status.success() && said.contains(told), "{said}");
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
