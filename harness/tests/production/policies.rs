//! Whatever policies an SLO file has: rules that pass their own tests, or a refusal at its place.
//!
//! Not here: the shipped file (`production`).

use super::has_promtool;
use std::process::Command;

/// A file of one objective with these policies; `slo` and `policies` are what is special of it.
fn file_of(target: &str, used: &str, policies: &str) -> String {
    format!(
        "- apiVersion: openslo/v1
  kind: SLO
  metadata: {{name: fast}}
  spec:
    service: \"the {{{{shop}}}}'s \\\\ \\\"front\\\"\\nä\"
    budgetingMethod: Occurrences
    timeWindow: [{{duration: 30d, isRolling: true}}]
    objectives: [{target}]
    alertPolicies: [{used}]
    indicator: {{metadata: {{name: up}}, spec: {{ratioMetric: {{bad: {{metricSource: {{spec: {{query: 'sum(rate(bad[{{{{.window}}}}]))'}}}}}}, total: {{metricSource: {{spec: {{query: 'sum(rate(all[{{{{.window}}}}]))'}}}}}}}}}}}}
{policies}"
    )
}

/// A policy: its name, what it alerts on, and its condition.
fn policy(name: &str, when: &str, severity: &str, condition: &str) -> String {
    format!(
        "- apiVersion: openslo/v1
  kind: AlertPolicy
  metadata: {{name: {name}}}
  spec: {{{when}, notificationTargets: [{{targetRef: me}}], conditions: [{{kind: AlertCondition, metadata: {{name: burn}}, spec: {{severity: {severity}, condition: {{kind: burnrate, {condition}}}}}}}]}}
"
    )
}

/// What is said of a file, and the text of its rules if there are any.
fn ruled(text: &str) -> (String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slo.yaml");
    std::fs::write(&file, text).unwrap();
    let mut assay = Command::new(env!("CARGO_BIN_EXE_assay"));
    let made = assay.args(["slo", "rules", "slo.yaml", "--out", "."]).current_dir(folder.path());
    let made = made.output().unwrap();
    let told = String::from_utf8_lossy(&made.stderr).into_owned();
    if !made.status.success() {
        assert_eq!(made.status.code(), Some(2), "{told}");
        assert!(!folder.path().join("rules.yaml").exists());
        return (told, None);
    }
    for arguments in [
        &["check", "rules", "--lint-fatal", "rules.yaml"][..],
        &["test", "rules", "rules.test.yaml"],
    ] {
        let said = Command::new("promtool").args(arguments).current_dir(folder.path()).output();
        let said = said.unwrap();
        let tests = std::fs::read_to_string(folder.path().join("rules.test.yaml")).unwrap();
        assert!(said.status.success(), "{text}\n{tests}\n{said:?}");
    }
    let rules = std::fs::read_to_string(folder.path().join("rules.yaml")).unwrap();
    (told, Some(rules))
}

const BREACHING: &str = "alertWhenBreaching: true";

#[test]
fn whatever_policies_ask_for_passes_its_own_tests() {
    if !has_promtool() {
        return;
    }
    let (one, other) =
        ("op: gt, threshold: 14.4, lookbackWindow: 1h", "op: gt, threshold: 7, lookbackWindow: 1h");
    let p = |name: &str, condition: &str| policy(name, BREACHING, "page", condition);
    let cases = [
        (
            "two over the same windows",
            "{target: 0.99}",
            "{alertPolicyRef: a}, {alertPolicyRef: b}",
            format!("{}{}", p("a", one), p("b", other)),
        ),
        (
            "two that wait unlike",
            "{target: 0.99}",
            "{alertPolicyRef: a}, {alertPolicyRef: b}",
            format!(
                "{}{}",
                p("a", &format!("{one}, alertAfter: 5m")),
                p("b", &format!("{other}, alertAfter: 1h"))
            ),
        ),
        (
            "a day",
            "{target: 0.99}",
            "{alertPolicyRef: a}, {alertPolicyRef: b}",
            format!(
                "{}{}",
                p("a", &format!("{one}, alertAfter: 1d")),
                p("b", &format!("{other}, alertAfter: 7m"))
            ),
        ),
        (
            "a month",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            p("a", &format!("{one}, alertAfter: 1M")),
        ),
        (
            "no wait",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            p("a", &format!("{one}, alertAfter: \"\"")),
        ),
        (
            "any bad one",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            p("a", "op: gt, threshold: 0, lookbackWindow: 1h"),
        ),
        (
            "none bad",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            p("a", "op: lte, threshold: 0, lookbackWindow: 1h"),
        ),
        (
            "at least",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            p("a", "op: gte, threshold: 2, lookbackWindow: 5m"),
        ),
        (
            "less",
            "{target: 0.99}",
            "{alertPolicyRef: a}, {alertPolicyRef: b}",
            format!(
                "{}{}",
                p("a", "op: lt, threshold: 2, lookbackWindow: 1h"),
                p("b", "op: lte, threshold: 3, lookbackWindow: 1h")
            ),
        ),
        (
            "the shortest windows",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            p("a", "op: gt, threshold: 2, lookbackWindow: 1m"),
        ),
        (
            "several limits",
            "{target: 0.99}, {target: 0.999}, {targetPercent: 95}",
            "{alertPolicyRef: a}, {alertPolicyRef: b}",
            format!("{}{}", p("a", one), p("b", other)),
        ),
        (
            "half",
            "{target: 0.5}",
            "{alertPolicyRef: a}, {alertPolicyRef: b}",
            format!(
                "{}{}",
                p("a", "op: gt, threshold: 1.5, lookbackWindow: 6h"),
                p("b", "op: gte, threshold: 2, lookbackWindow: 1h")
            ),
        ),
        (
            "odd severities",
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            policy("a", BREACHING, "\"{{ $value }} \\\"p\\\"\\n\\\\\"", one),
        ),
        ("no policies", "{target: 0.99}", "", String::new()),
    ];
    for (what, target, used, policies) in cases {
        let (told, rules) = ruled(&file_of(target, used, &policies));
        assert!(rules.is_some(), "{what}: {told}");
        assert_eq!(told, "", "{what}");
    }
}

#[test]
fn a_policy_that_is_named_twice_is_written_once() {
    if !has_promtool() {
        return;
    }
    let condition = "op: gt, threshold: 14.4, lookbackWindow: 1h";
    let once = policy("a", BREACHING, "page", condition);
    let (told, rules) =
        ruled(&file_of("{target: 0.99}", "{alertPolicyRef: a}, {alertPolicyRef: a}", &once));
    assert_eq!(rules.unwrap().matches("alert: ErrorBudgetBurn").count(), 1);
    assert!(
        told.starts_with("warning: slo.yaml:9:59: `fast` names the policy `a` twice"),
        "{told}"
    );
}

#[test]
fn alerts_are_those_that_their_policies_are_for() {
    if !has_promtool() {
        return;
    }
    let made = |when: &str| {
        let condition = "op: gt, threshold: 14.4, lookbackWindow: 1h";
        let file = file_of(
            "{target: 0.99}",
            "{alertPolicyRef: a}",
            &policy("a", when, "ticket", condition),
        );
        let (told, rules) = ruled(&file);
        let rules = rules.unwrap_or_default();
        let [burns, absent] =
            ["ErrorBudgetBurn", "SLOMetricAbsent"].map(|name| rules.matches(name).count());
        (burns, absent, rules, told)
    };
    let (burns, absent, ..) = made("alertWhenBreaching: true");
    assert_eq!((burns, absent), (1, 0));
    let (burns, absent, rules, _) = made("alertWhenNoData: true");
    assert_eq!((burns, absent), (0, 1));
    assert!(rules.contains("severity: ticket") && rules.contains("policy: a"), "{rules}");
    let (burns, absent, rules, _) =
        made("alertWhenBreaching: true, alertWhenNoData: true, alertWhenResolved: true");
    assert_eq!((burns, absent), (1, 1));
    assert_eq!(rules.matches("send_resolved").count(), 2, "{rules}");
    let (burns, absent, _, told) = made("alertWhenBreaching: false");
    assert_eq!((burns, absent), (0, 0));
    assert!(
        told.contains("slo.yaml:14") && told.contains("`a` of `fast` alerts on nothing"),
        "{told}"
    );
    let (.., rules, told) = made("alertWhenResolved: true");
    assert!(
        rules.is_empty()
            && told.contains("slo.yaml:14")
            && told.contains("write `alertWhenBreaching: true`"),
        "{told}"
    );
}

#[test]
fn what_is_no_sensible_rule_is_refused_at_its_place() {
    let p = |condition: &str| policy("a", BREACHING, "page", condition);
    let one = |condition: &str| file_of("{target: 0.99}", "{alertPolicyRef: a}", &p(condition));
    let half = |condition: &str| file_of("{target: 0.5}", "{alertPolicyRef: a}", &p(condition));
    let burn = "op: gt, threshold: 14.4, lookbackWindow: 1h";
    let slices = |length: &str| {
        one(burn).replace("Occurrences", "Timeslices").replace(
            "{target: 0.99}",
            &format!("{{target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: {length}}}"),
        )
    };
    let inline = |name: &str, condition: &str| {
        let text = policy(name, BREACHING, "page", condition);
        let (_, spec) = text.split_once("spec: ").unwrap();
        format!("{{kind: AlertPolicy, metadata: {{name: {name}}}, spec: {}}}", spec.trim_end())
    };
    let two = format!(
        "{}, {}",
        inline("a", burn),
        inline("a", "op: gt, threshold: 6, lookbackWindow: 6h")
    );
    for (text, mark, why) in [
        (one("op: gt, threshold: -1, lookbackWindow: 1h"), "-1, lookback", "always fires"),
        (one("op: gte, threshold: 0, lookbackWindow: 1h"), "0, lookback", "always fires"),
        (one("op: lt, threshold: 0, lookbackWindow: 1h"), "0, lookback", "never fires"),
        (one("op: gt, threshold: 100, lookbackWindow: 1h"), "100, lookback", "never fires"),
        (half(burn), "14.4, lookback", "below 2"),
        (one("op: gt, threshold: 2, lookbackWindow: 0m"), "0m}", "no window of minutes"),
        (
            one("op: gt, threshold: 2, lookbackWindow: 9999Y"),
            "9999Y",
            "longer than Prometheus can count",
        ),
        (one(burn).replace("30d", "0d"), "0d,", "cannot last so long"),
        (
            one(burn)
                .replace("{name: burn}", "{name: burn, annotations: {assay.dev/short-window: 2h}}"),
            "2h}",
            "a short window of more than 1h",
        ),
        (
            one(burn)
                .replace("{name: burn}", "{name: burn, annotations: {assay.dev/short-windw: 2h}}"),
            "2h}",
            "did you mean `assay.dev/short-window`?",
        ),
        (
            file_of("{target: 0.99}", "{alertPolicyRef: b}", &p(burn)),
            "b}]",
            "there is no policy `b`",
        ),
        (
            file_of("{target: 0.99}", &two, ""),
            "kind: AlertPolicy, metadata: {name: a}, spec: {alertWhenBreaching: true, notificationTargets: [{targetRef: me}], conditions: [{kind: AlertCondition, metadata: {name: burn}, spec: {severity: page, condition: {kind: burnrate, op: gt, threshold: 6",
            "there are two policies `a`",
        ),
        (
            one(burn)
                .replace("query: 'sum(rate(bad[{{.window}}]))'", "query: 'sum(rate(bad[5m]))'"),
            "indicator: {metadata",
            "has no rules: its metrics have no `query`",
        ),
        (slices("1h"), "1h}]", "no whole slice of 1h is in it"),
        (slices("1M"), "1M}]", "no slice of 1M"),
        (
            one(burn).replace("{target: 0.99}", "{target: 0.12345678901}"),
            "0.12345678901",
            "too many digits",
        ),
    ] {
        let at = text.find(mark).unwrap();
        let line = text[..at].matches('\n').count() + 1;
        let column = text[..at].rsplit('\n').next().unwrap().chars().count() + 1;
        let place = format!("slo.yaml:{line}:{column}");
        let (told, rules) = ruled(&text);
        assert!(rules.is_none(), "{why}: {text}");
        assert!(
            told.contains(&place) && told.contains(why) && told.contains("help:"),
            "{place} {why}\n{told}"
        );
    }
}
