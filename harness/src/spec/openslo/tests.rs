//! Files as people write them: what is read of them, and what is wrong with them.
//! Not here: keys, which `check` tests with the scenario's.

use super::*;
use crate::spec::{Look, Overrides, decode};
use serde_json::json;

const SHIPPED_TEXT: &str = include_str!("../../../../slo/objectives/backend.yaml");

/// One objective, in a document of its own.
const ONE: &str = r#"apiVersion: openslo/v1
kind: SLO
metadata:
  name: fast
  annotations: {assay.dev/during: "steady, after"}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.95}]
  indicator:
    metadata: {name: fast}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {assay-requests: "browse, look", assay-outcomes: ok, assay-faster-than: 300ms}}}
        total: {metricSource: {type: Prometheus, spec: {assay-requests: "browse, look"}}}
"#;

fn refused(text: &str) -> String {
    match read("slo.yaml", text) {
        Ok(file) => panic!("accepted: {file:?}"),
        Err(problems) => {
            let flat = problems.render(Look::Plain);
            flat.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}

/// What keeps a valid file from being judged.
fn doubted(text: &str) -> String {
    let file = read("slo.yaml", text).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(file.gates.is_empty(), "judged: {file:?}");
    file.doubts.iter().map(|doubt| format!("{doubt}\n")).collect()
}

fn changed(from: &str, to: &str) -> String {
    assert!(ONE.contains(from), "{from:?} is not there");
    ONE.replacen(from, to, 1)
}

#[test]
fn the_shipped_file_is_three_objectives_of_each_way_in() {
    let file = read("assay:backend.yaml", SHIPPED_TEXT).unwrap();
    assert_eq!(file.notices, []);
    assert_eq!(lint(&file), Vec::<String>::new());
    let gates: Vec<&Gate> = file.gates.iter().flat_map(|(_, gates)| gates).collect();
    assert_eq!(gates.len(), 9);
    let of = |name: &str| &gates.iter().find(|gate| gate.name == name).unwrap().objective;
    let during = json!(["steady", "after"]);
    let latency = json!({"percentile": "95%", "below": "500ms", "of": ["predict"], "during": during, "confidence": "95%"});
    assert_eq!(*of("predict-latency"), json!({"latency": latency}));
    let errors = json!({"below": "0.1%", "of": ["ingest"], "during": during, "confidence": "95%"});
    assert_eq!(*of("ingest-errors"), json!({"error-rate": errors}));
    let up = json!({"at-least": "99.9%", "slice": "1s", "slice-target": "95%", "slice-least": 5, "of": ["machines"], "during": during});
    assert_eq!(*of("machines-availability"), json!({"availability": up}));
}

#[test]
fn documents_and_lists_are_one_and_the_same() {
    let second = ONE.replace("name: fast", "name: quick");
    let two = format!("# first\n---\n{ONE}---\n{second}");
    let file = read("slo.yaml", &two).unwrap();
    assert_eq!(
        file.gates.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["fast", "quick"]
    );
    // A mistake in the second document has the line of the file.
    let lines = format!("# first\n---\n{ONE}").lines().count();
    let wrong = refused(&two.replace("quick", "Quick"));
    assert!(wrong.contains(&format!("slo.yaml:{}:9", lines + 5)), "{wrong}");
    let twice = read("slo.yaml", &format!("{ONE}---\n{ONE}")).unwrap();
    let doubts: Vec<&Problem> = twice.doubts_of(Some("other")).collect();
    assert_eq!(doubts.len(), 1);
    assert!(doubts[0].message.contains("two of kind SLO with the name `fast`"), "{doubts:?}");
    assert!(refused("# nothing\n").contains("there is no object"));
}

/// The second limit of one objective has the name of another objective: one of them would be lost.
#[test]
fn two_limits_of_one_name_are_told() {
    let one = ONE.replace("0.95}", "0.95}, {displayName: strict, target: 0.99}");
    assert!(read("slo.yaml", &one).unwrap().doubts.is_empty());
    let both = format!("{one}---\n{}", ONE.replace("name: fast", "name: fast-2"));
    let file = read("slo.yaml", &both).unwrap();
    let told: Vec<&str> = file.doubts.iter().map(|one| one.problem.message.as_str()).collect();
    assert_eq!(told, ["two limits are called `fast-2`"]);
}

#[test]
fn what_the_specification_forbids_is_told() {
    let cases = [
        ("openslo/v1", "openslo/v1alpha", "`openslo/v1alpha` is not known"),
        ("kind: SLO", "kind: Slo", "known: SLO, SLI"),
        ("service: shop", "service: shop\n  owner: me", "unknown key `owner`"),
        ("  service: shop\n", "", "`service` is missing"),
        ("name: fast\n  ann", "name: Fast_one\n  ann", "`Fast_one` is no name"),
        ("Occurrences", "Sometimes", "one of Occurrences, Timeslices, RatioTimeslices"),
        ("Occurrences", "Timeslices", "`timeSliceTarget` of Timeslices is missing"),
        ("30d, isRolling: true", "30d", "needs a `calendar`"),
        ("30d", "30s", "`30s` is no duration of OpenSLO"),
        ("30d", "9223372036854775808d", "is no duration of OpenSLO"),
        (
            "isRolling: true",
            "calendar: {startTime: 2026-02-30 00:00:00, timeZone: UTC}",
            "`2026-02-30 00:00:00` is no such instant",
        ),
        (
            "isRolling: true",
            "calendar: {startTime: 2026-02-03 00:00:00, timeZone: Berlin}",
            "`Berlin` is no time zone",
        ),
        ("[{duration: 30d, isRolling: true}]", "[]", "0 time windows"),
        ("{target: 0.95}", "{target: 1}", "not a share from 0 to below 1"),
        ("{target: 0.95}", "{target: 0.95, targetPercent: 95}", "exclude each other"),
        ("{target: 0.95}", "{}", "one of `target` and `targetPercent` is missing"),
        ("{target: 0.95}", "{target: 0.95, op: lt}", "`op` belongs to a threshold metric"),
        ("        total:", "        bad:", "one of `total` and `raw` is missing"),
        ("during: \"steady, after\"", "during: 5", "an annotation is text"),
        (
            "  objectives:",
            "  alertPolicies: [{alertPolicyRef: A}]\n  objectives:",
            "`A` is no name",
        ),
    ];
    for (from, to, message) in cases {
        let told = refused(&changed(from, to));
        assert!(told.contains(message), "no {message:?} in\n{told}");
    }
    let policy = "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: page}\nspec: {conditions: [{conditionRef: a}, {conditionRef: b}], notificationTargets: [{targetRef: me}]}\n";
    assert!(refused(policy).contains("2 conditions"));
    let spec =
        "severity: page, condition: {kind: burnrate, op: above, threshold: x, lookbackWindow: 1h}";
    let condition = format!(
        "apiVersion: openslo/v1\nkind: AlertCondition\nmetadata: {{name: fast}}\nspec: {{{spec}}}\n"
    );
    let told = refused(&condition);
    assert!(told.contains("unknown `above`") && told.contains("`\"x\"` is no number"), "{told}");
}

#[test]
fn what_a_run_cannot_judge_is_told_or_noted() {
    let cases = [
        ("assay-outcomes: ok", "assay-outcomes: \"2xx\"", "write `assay-outcomes: ok`"),
        ("assay-faster-than: 300ms", "assay-faster-than: 300", "has no unit"),
        ("assay-faster-than", "assay-faster-thn", "did you mean `assay-faster-than`?"),
        ("assay.dev/during", "assay.dev/durng", "did you mean `assay.dev/during`?"),
        ("{target: 0.95}", "{target: 0.12345678901}", "write at most 9 decimals"),
        (
            "spec: {assay-requests: \"browse, look\"}",
            "spec: {assay-requests: look}",
            "write the same requests in both",
        ),
    ];
    for (from, to, message) in cases {
        let told = doubted(&changed(from, to));
        assert!(told.contains(message), "no {message:?} in\n{told}");
    }
    let plain = ONE
        .replace(
            "assay-requests: \"browse, look\", assay-outcomes: ok, assay-faster-than: 300ms",
            "query: a",
        )
        .replace("assay-requests: \"browse, look\"", "query: b");
    let file = read("slo.yaml", &plain).unwrap();
    let told = file.notices[0].to_string();
    assert!(
        file.gates.is_empty() && told.contains("slo.yaml:13:5: `fast` is not judged"),
        "{told}"
    );
}

#[test]
fn what_nobody_wants_is_told() {
    let found = |text: &str| lint(&read("slo.yaml", text).unwrap()).join("\n");
    let bare = found(ONE);
    assert!(bare.contains("`fast` alerts nobody"), "{bare}");
    assert!(bare.contains("`fast`: `good` has no `query`"), "{bare}");
    let lost = "  alertPolicies: [{alertPolicyRef: page}]\n  objectives:";
    assert!(found(&changed("  objectives:", lost)).contains("there is no policy `page`"));
    let strict = found(&changed("target: 0.95", "target: 0.999999"));
    assert!(strict.contains("2995731 clean requests"), "{strict}");
    let query = |query: &str| {
        found(&changed("assay-faster-than", &format!("query: '{query}', assay-faster-than")))
    };
    assert!(query("x{le=\"0.3\"}[5m]").contains("of `good` has no `{{.window}}`"));
    assert!(query("x{le=\"0.5\"}[{{.window}}]").contains("less than 300ms, the query for 0.5 s"));
    assert!(!query("x{le=\"0.3\"}[{{.window}}]").contains("the query"));
}

const SCENARIO: &str = "schema: 1
name: shop
services: {shop: {url: \"http://127.0.0.1:8080\"}}
load:
  visitors: {constant-arrival-rate: {rate: 200/s, duration: 60s, requests: [{get: {name: ingest, path: /}}]}}
objectives:
";

fn decoded(objectives: &str) -> Result<crate::spec::Loaded, String> {
    let text = format!("{SCENARIO}{objectives}");
    let read = decode("shop.yaml", &text, &Overrides::default(), &|_| None);
    read.map_err(|refused| {
        refused.problems.render(Look::Plain).split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

#[test]
fn a_scenario_has_the_objectives_of_the_file_in_their_place() {
    let one =
        decoded("  prod: {openslo: {file: assay:backend.yaml, name: ingest-errors}}\n").unwrap();
    let names = |loaded: &crate::spec::Loaded| -> Vec<String> {
        loaded.scenario.objectives.keys().map(ToString::to_string).collect()
    };
    assert_eq!(names(&one), ["prod"]);
    let resolved = one.document.resolved();
    assert!(resolved.contains("error-rate") && !resolved.contains("openslo"), "{resolved}");
    assert_eq!(one.document.written(&Trail::root().key("objectives").key("prod")).1, 7);
    let all = decoded(
        "  mine: {error-rate: {below: 1%}}\n  prod: {openslo: {file: assay:backend.yaml}}\n",
    );
    let all = all.unwrap();
    assert_eq!(names(&all).len(), 10);
    assert_eq!(names(&all)[..2], ["mine", "ingest-latency"]);
    assert_eq!(all.document.written(&Trail::root().key("objectives").key("ingest-latency")).1, 8);
}

#[test]
fn a_file_that_cannot_be_used_is_told() {
    let told = |entry: &str| decoded(entry).map(|_| ()).unwrap_err();
    let none = told("  prod: {openslo: {file: none.yaml}}\n");
    assert!(none.contains("none.yaml") && none.contains("does not exist"), "{none}");
    assert!(told("  prod: {openslo: {file: assay:other.yaml}}\n").contains("assay:backend.yaml"));
    let name = told("  prod: {openslo: {file: assay:backend.yaml, name: ingest-error}}\n");
    assert!(
        name.contains("did you mean `ingest-errors`?") && name.contains("shop.yaml:7"),
        "{name}"
    );
    let twice = "  ingest-errors: {error-rate: {below: 1%}}\n  prod: {openslo: {file: assay:backend.yaml}}\n";
    assert!(told(twice).contains("the file has `ingest-errors` too"));
    assert!(told("  prod: {openslo: {fil: a.yaml}}\n").contains("did you mean `file`?"));
}

/// A file that is valid and cannot be judged is a mistake for whoever wants it judged.
#[test]
fn a_doubt_is_a_mistake_of_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let quick = ONE.replace("name: fast\n", "name: quick\n");
    let two = format!("{}---\n{quick}", ONE.replace("target: 0.95", "target: 0"));
    let path = folder.path().join("slo.yaml");
    std::fs::write(&path, two).unwrap();
    let entry = |more: &str| format!("  prod: {{openslo: {{file: {}{more}}}}}\n", path.display());
    for more in ["", ", name: fast"] {
        let told = decoded(&entry(more)).map(|_| ()).unwrap_err();
        assert!(told.contains("asks for nothing") && told.contains("slo.yaml:10:25"), "{told}");
    }
    assert!(decoded(&entry(", name: quick")).is_ok());
}

/// Time and alerts of the file stand beside its objectives; what nobody knows is told.
#[test]
fn what_a_file_says_of_production_comes_along() {
    let one =
        decoded("  prod: {openslo: {file: assay:backend.yaml, name: ingest-errors}}\n").unwrap();
    let production = &one.production["prod"];
    assert_eq!(production.lasts_s, 30 * 86_400);
    let names: Vec<&str> = production.alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names, ["page-fast", "page-slow", "ticket"]);
    let fast = &production.alerts[0];
    assert_eq!((fast.long_s, fast.short_s, fast.after_s), (3600, 300, 120));
    assert_eq!((fast.threshold_ppm, fast.least), (14_400_000, Some(100)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slo.yaml");
    let lost = "  alertPolicies: [{alertPolicyRef: page}]\n  objectives:";
    std::fs::write(&path, changed("  objectives:", lost).replace("30d", "7d")).unwrap();
    let week = decoded(&format!("  prod: {{openslo: {{file: {}}}}}\n", path.display())).unwrap();
    assert_eq!(week.production["fast"].lasts_s, 7 * 86_400);
    assert!(week.production["fast"].alerts.is_empty());
    assert!(
        week.notices[0].contains("slo.yaml:10:36: there is no policy `page`"),
        "{:?}",
        week.notices
    );
}

#[test]
fn all_among_names_is_all() {
    let judged = |text: &str| -> serde_json::Value {
        read("slo.yaml", text).unwrap().gates[0].1[0].objective["latency"].clone()
    };
    for word in ["all", "steady,all", "all, steady"] {
        let text = changed("steady, after", word);
        assert_eq!(judged(&text)["during"], json!(["all"]), "{word}");
    }
    assert_eq!(judged(ONE)["of"], json!(["browse", "look"]));
    for word in ["all", "browse,all"] {
        let text = ONE.replace("browse, look", word);
        assert_eq!(judged(&text).get("of"), None, "{word}");
    }
    let none = doubted(&changed("steady, after", " , "));
    assert!(none.contains("no phase is named"), "{none}");
    let none = doubted(&ONE.replace("browse, look", ","));
    assert!(none.contains("no request is named"), "{none}");
}

#[test]
fn what_no_run_can_judge_is_told_at_its_annotation() {
    let slices = ONE
        .replace("Occurrences", "Timeslices")
        .replace("{target: 0.95}", "{target: 0.95, timeSliceTarget: 0.9, timeSliceWindow: 1m}")
        .replace(", assay-faster-than: 300ms", "");
    let with = |text: &str, more: &str| text.replace("after\"}", &format!("after\", {more}}}"));
    for (text, why) in [
        (with(ONE, "assay.dev/confidence: \"0.4\""), "`0.4` is no confidence"),
        (with(ONE, "assay.dev/confidence: \"50%\""), "`50%` is no confidence"),
        (with(&slices, "assay.dev/test-slice: 1500ms"), "is not in whole seconds"),
        (with(&slices, "assay.dev/min-events-per-slice: \"0\""), "a slice without a request"),
        (ONE.replace("{target: 0.95}", "{target: 0}"), "a target of 0 of `fast` asks for nothing"),
        (with(ONE, "assay.dev/up: up"), "`assay.dev/up` belongs to `budgetingMethod: Timeslices`"),
        (with(&slices, "assay.dev/up: \" \""), "`assay.dev/up` asks for nothing"),
        (with(&slices, "assay.dev/up: \"up[{{.window}}]\""), "`assay.dev/up` has no window"),
    ] {
        let told = doubted(&text);
        assert!(told.contains(why) && told.contains("slo.yaml:"), "{told}");
        assert!(told.contains("no run can judge `fast`"), "{told}");
    }
    assert!(read("slo.yaml", &with(&slices, "assay.dev/test-slice: 2s")).is_ok());
    // What only production looks at changes nothing of what a run judges.
    let plain = read("slo.yaml", &slices).unwrap();
    let watched = read("slo.yaml", &with(&slices, "assay.dev/up: up")).unwrap();
    assert_eq!(watched.gates, plain.gates);
    let free = |file: &SloFile| lint(file).join("\n").contains("in which nothing answers");
    assert!(free(&plain) && !free(&watched));
}
