//! What the official validator of OpenSLO v1 (the project's Go SDK) accepts and refuses, its own test
//! cases among them, in our words.
//!
//! Refused here although it is accepted there, and why: a key that is there twice, a merge key and a
//! key in other letters (`Kind:`), because only one of two readers would see them; text behind a
//! duration's unit, at which that validator does not look; a text without any object.
//! Not here: what a run can judge (`tests`).

mod alerting;
mod objectives;

use super::read;
use crate::spec::Look;

const META: &str = "apiVersion: openslo/v1\nkind: KIND\nmetadata: {name: one}\n";

fn object(kind: &str, spec: &str) -> String {
    format!("{}spec: {spec}\n", META.replace("KIND", kind))
}

const RATIO: &str = "{metadata: {name: up}, spec: {ratioMetric: {counter: true, good: {metricSource: {type: Prometheus, spec: {query: a}}}, total: {metricSource: {type: Prometheus, spec: {query: b}}}}}}";
const THRESHOLD: &str =
    "{metadata: {name: lag}, spec: {thresholdMetric: {metricSource: {spec: {query: a}}}}}";
const POLICY: &str = "{description: Mail., alertWhenBreaching: true, conditions: [{conditionRef: fast}], notificationTargets: [{targetRef: mail}]}";
const CONDITION: &str = "{severity: page, description: d, condition: {kind: burnrate, op: lte, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}}";

/// An objective of slices, with the indicator that is written out.
fn slo(indicator: &str) -> String {
    let spec = format!(
        "{{description: Up., service: web, indicator: {indicator}, budgetingMethod: Timeslices, timeWindow: [{{duration: 1w, isRolling: false, calendar: {{startTime: \"2022-01-01 12:00:00\", timeZone: America/New_York}}}}], objectives: [{{displayName: Good, target: 0.995, timeSliceTarget: 0.95, timeSliceWindow: 1m}}], alertPolicies: [{{alertPolicyRef: one}}]}}"
    );
    object("SLO", &spec)
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in\n{text}");
    text.replacen(from, to, 1)
}

fn accepted(text: &str) {
    if let Err(problems) = read("slo.yaml", text) {
        panic!("refused:\n{text}\n{}", problems.render(Look::Plain));
    }
}

fn refused(text: &str) {
    let problems = read("slo.yaml", text).err();
    let problems = problems.unwrap_or_else(|| panic!("accepted:\n{text}"));
    assert!(problems.iter().all(|one| one.place.line > 0 && one.help.is_some()), "{problems}");
}

/// Each text with each of the edits.
fn held(text: &str, good: &[(&str, &str)], bad: &[(&str, &str)]) {
    accepted(text);
    good.iter().for_each(|(from, to)| accepted(&changed(text, from, to)));
    bad.iter().for_each(|(from, to)| refused(&changed(text, from, to)));
}

/// Edits of a duration `from` in a text.
fn durations(text: &str, from: &str, key: &str) {
    for good in ["0w", "10m", "5h", "2d", "1w", "3M", "1Q", "1Y", "+5m", "05m", "\"5 m\""] {
        accepted(&changed(text, from, &format!("{key}: {good}")));
    }
    for bad in ["-1m", "1", "m", "1invalid", "1s", "5m30s", "1.5h", "true", "9223372036854775808m"]
    {
        refused(&changed(text, from, &format!("{key}: {bad}")));
    }
}

fn descriptions(text: &str, from: &str) {
    let of = |length: usize| format!("description: {}", "A".repeat(length));
    accepted(&changed(text, from, &of(1050)));
    accepted(&changed(text, from, &format!("description: {}", "ä".repeat(1050))));
    accepted(&changed(text, from, "description: null"));
    refused(&changed(text, from, &of(1051)));
}

#[test]
fn envelopes() {
    let service = object("Service", "{description: d}");
    descriptions(&service, "description: d");
    held(
        &service,
        &[
            ("spec: {description: d}\n", ""),
            ("{description: d}", "null"),
            ("{description: d}", "{}"),
        ],
        &[
            ("openslo/v1", "v0.1"),
            ("openslo/v1", "openslo/v1alpha"),
            ("kind: Service", "kind: SLO"),
            ("kind: Service", "kind: service"),
            ("kind: Service", "kind: null"),
            ("metadata: {name: one}\n", ""),
            ("{name: one}", "{}"),
            ("description: d", "owner: me"),
            ("description: d", "description: 5"),
            ("spec:", "status: {}\nspec:"),
        ],
    );
    for kind in ["SLO", "SLI", "AlertPolicy", "AlertCondition", "DataSource"] {
        refused(&META.replace("KIND", kind));
        refused(&object(kind, "{}"));
    }
}

#[test]
fn names_labels_and_annotations() {
    let service = object("Service", "{}");
    let name = |name: &str| changed(&service, "name: one", &format!("name: {name}"));
    let (longest, longer) = ("a".repeat(63), "a".repeat(64));
    for good in ["a", "9a", "a-b--c", longest.as_str(), "\"5\""] {
        accepted(&name(good));
    }
    for bad in ["\"\"", "MY-SERVICE", "a.b", "-a", "a-", "a b", longer.as_str(), "5", "null"] {
        refused(&name(bad));
    }
    let shown =
        |text: &str| changed(&service, "name: one", &format!("name: one, displayName: {text}"));
    accepted(&shown(&"my-service".repeat(6)));
    accepted(&shown("\"\""));
    refused(&shown(&"my-service".repeat(20)));
    let labels =
        |labels: &str| changed(&service, "name: one", &format!("name: one, labels: {labels}"));
    for good in [
        "null",
        "{}",
        "{net: [this, that]}",
        "{net: [\"\"]}",
        "{net: []}",
        "{net: that}",
        "{net: null}",
    ] {
        accepted(&labels(good));
    }
    for good in [longest.as_str(), "net_this.that-this", "net_.-this", "9net", "net9", "nEt"] {
        accepted(&labels(&format!("{{{good}: []}}")));
    }
    for bad in [longer.as_str(), "net_", "net.", "net-", "_net", "-net", ".net", "a/b"] {
        refused(&labels(&format!("{{{bad}: []}}")));
    }
    for bad in ["{net: 5}", "{net: [5]}", "{net: {a: b}}", "[net]"] {
        refused(&labels(bad));
    }
    let notes =
        |note: &str| changed(&service, "name: one", &format!("name: one, annotations: {note}"));
    let part = "l".repeat(63);
    let prefix = [part.as_str(); 3].join(".");
    let long = format!("{prefix}/{part}");
    for good in [
        part.as_str(),
        long.as_str(),
        "net",
        "9net",
        "net9",
        "nEt",
        "openslo.com/service",
        "domain/service",
        "domain.this.org/service.foo",
        "my-org.com/spec.indicator.metricSource",
    ] {
        accepted(&notes(&format!("{{{good}: \"\"}}")));
    }
    accepted(&notes("{net: null}"));
    let too_long = format!("{}/net", "l".repeat(254));
    for bad in [
        longer.as_str(),
        too_long.as_str(),
        "net_",
        "net.",
        "net-",
        "_net",
        "-net",
        ".net",
        "openslo.com/",
        "openslo.com!/service",
        "-openslo.com/service",
        "_openslo.com/service",
        ".openslo.com/service",
        "openslo.com./service",
        "openslo.com_/service",
        "openslo.com-/service",
        "openslo..this.com/service",
        "openslo.-this.com/service",
        "openslo.this-.com/service",
        "openslo_this.my-org.com/service",
        "Openslo.com/service",
        "a/b/c",
    ] {
        refused(&notes(&format!("{{\"{bad}\": \"\"}}")));
    }
    refused(&notes("{net: 5}"));
    refused(&notes("{net: true}"));
}

#[test]
fn sources_and_targets() {
    let source = object(
        "DataSource",
        "{description: d, type: Prometheus, connectionDetails: [{url: \"http://p\"}]}",
    );
    descriptions(&source, "description: d");
    held(
        &source,
        &[
            ("[{url: \"http://p\"}]", "{}"),
            ("[{url: \"http://p\"}]", "null"),
            ("[{url: \"http://p\"}]", "{a: null}"),
        ],
        &[
            ("type: Prometheus", "type: \"\""),
            ("type: Prometheus, ", ""),
            ("type: Prometheus", "type: 5"),
            (", connectionDetails: [{url: \"http://p\"}]", ""),
        ],
    );
    let target = object("AlertNotificationTarget", "{description: d, target: slack}");
    descriptions(&target, "description: d");
    held(&target, &[], &[("slack", "\"\""), (", target: slack", ""), ("slack", "null")]);
}

/// The same name twice is allowed: the validator looks at one object at a time.
#[test]
fn objects_are_looked_at_one_by_one() {
    let service = object("Service", "{}");
    accepted(&format!("{service}---\n{service}"));
    accepted(&format!("---\n{service}---\n# nothing\n---\n"));
    accepted(
        "- {apiVersion: openslo/v1, kind: Service, metadata: {name: a}}\n- {apiVersion: openslo/v1, kind: Service, metadata: {name: b}, spec: {}}\n",
    );
    refused("- {apiVersion: openslo/v1, kind: Service, metadata: {name: a}}\n- {}\n");
}
