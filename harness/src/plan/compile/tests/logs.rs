//! Lines of output and counts of the other side: what compiles, and each check with a scenario that
//! fails it.

use super::refused::{among, refused};
use super::{changed, good, planned};
use crate::plan::describe;
use assay_slo::case::{During, Evidence, Must};

const AT: &str = "objectives:\n";
const EXPECT: &str = "  - unaffected:";

fn expecting(expect: &str) -> String {
    format!("  - {expect}\n{EXPECT}")
}

#[test]
fn lines_are_looked_for_once_in_what_we_start() {
    let line = "{service: shop, pattern: \"breaker.*open\"";
    let asked = expecting(&format!("log: {line}, count: {{at-least: 1}}, during: [half]}}"))
        .replace(EXPECT, &expecting(&format!("log: {line}, count: {{at-least: 1, at-most: 3}}}}")));
    let breakers = format!(
        "breakers:\n  b: {{evidence: [{{log: {{service: shop, opened: \"breaker.*open\", closed: closed}}}}]}}\n{AT}"
    );
    let plan = good(&[(EXPECT, &asked), (AT, &breakers)]);
    let logs: Vec<(&str, &str)> =
        plan.case.logs.iter().map(|log| (log.service.as_str(), log.pattern.as_str())).collect();
    assert_eq!(logs, [("shop", "breaker.*open"), ("shop", "closed")]);
    let [.., first, second, _, _] = plan.case.expectations.as_slice() else { panic!() };
    assert_eq!(first.name, "log shop breaker.*open during half");
    assert_eq!(second.name, "log shop breaker.*open during all");
    let Must::Log(must) = &first.must else { panic!("{first:?}") };
    assert_eq!((must.log, must.at_least, must.at_most), (0, Some(1), None));
    assert_eq!(must.during, [During::Named(0)]);
    assert_eq!(plan.case.breakers[0].evidence, [Evidence::Logged { opened: 0, closed: 1 }]);
    let text = describe(&plan);
    assert!(text.contains("at least 1 and at most 3 lines"), "{text}");
    assert!(text.contains("told by the log of shop"), "{text}");
}

#[test]
fn lines_that_nobody_reads_are_refused() {
    let fails = |expect: &str, message: &str| refused(&[(EXPECT, &expecting(expect))], message);
    let log = |rest: &str| format!("log: {{service: {rest}}}");
    fails(&log("payments, pattern: x, count: {at-least: 1}"), "goes where nobody here reads it");
    fails(&log("shpo, pattern: x, count: {at-least: 1}"), "did you mean `shop`?");
    fails(&log("shop, pattern: \"(\", count: {at-least: 1}"), "is not a regular expression");
    fails(&log("shop, pattern: \"x*\", count: {at-least: 1}"), "every line fits `x*`");
    fails(&log("shop, pattern: x, count: {}"), "it asks for no number of lines");
    fails(&log("shop, pattern: x, count: {at-least: 0}"), "asks for nothing");
    fails(&log("shop, pattern: x, count: {at-least: 3, at-most: 2}"), "cannot both hold");
    let breaker = |evidence: &str| format!("breakers:\n  b: {{evidence: [{{{evidence}}}]}}\n{AT}");
    let told = "log: {service: payments, opened: x, closed: y}";
    refused(&[(AT, &breaker(told))], "goes where nobody here reads it");
    for old in ["{running-process: {port: 80}}", "{running-container: {name: x}}"] {
        let old = format!("  old: {old}\n  payments:");
        let expect = expecting(&log("old, pattern: x, count: {at-most: 0}"));
        among(&[("  payments:", &old), (EXPECT, &expect)], &["goes where nobody here reads it"]);
    }
}

#[test]
fn counts_are_held_against_metrics_that_count() {
    let rows = format!(
        "metrics:\n  rows: {{command: {{shell: \"echo 5\"}}}}\n  rss: {{process: {{service: shop, read: rss}}}}\n  \
         sli: {{prometheus: {{service: shop, query: 'sum(rate(a_total{{job=\"x\", code!~\"5..\"}}[5m]))'}}}}\n{AT}"
    );
    let with = |expect: &str| [(AT, rows.clone()), (EXPECT, expecting(expect))];
    let text = |expect: &str| {
        let changes = with(expect);
        let changes: Vec<(&str, &str)> = changes.iter().map(|(a, b)| (*a, b.as_str())).collect();
        planned(&changed(&changes))
    };
    let said = |rest: &str| {
        let expect =
            format!("reconciles: {{of: [browse], metric: rows, differ: {{at-most: 0}}{rest}}}");
        text(&expect).unwrap_or_else(|problems| panic!("{problems}"))
    };
    let plan = said(", after: visitors.end, within: 30s");
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert_eq!(plan.case.expectations[1].name, "reconciles rows with browse");
    let Must::Reconciles(must) = &plan.case.expectations[1].must else { panic!() };
    assert_eq!((must.metric, must.at_most, must.of.len()), (0, 0, 1));
    // It may wait as long after the last request: 30 s more than 2 s for the last answer.
    assert_eq!(plan.max_duration_us, 165_000_000);
    let shown = describe(&plan);
    let shown: Vec<&str> = shown.split_whitespace().collect();
    assert!(shown.join(" ").contains("but for 0, within 30 s after visitors.end"), "{shown:?}");
    assert_eq!(
        plan.case.metrics[2].reads,
        "sum(rate(a_total{job=\"x\", code!~\"5..\"}[5m])) of shop"
    );
    let warned = said(", after: half.end, within: 5s");
    assert!(warned.warnings[0].contains("while requests are still sent until 1m"), "{warned:?}");
    assert!(
        said("").case.expectations[1].must
            == Must::Reconciles(assay_slo::case::ReconcilesMust { by: None, ..must.clone() })
    );
    let fails = |rest: &str, message: &str| {
        let problems = text(&format!("reconciles: {{{rest}}}")).err().unwrap_or_default();
        let shown = problems.to_string();
        assert!(problems.len() == 1 && shown.contains(message), "no {message:?} in\n{shown}");
    };
    let differ = "differ: {at-most: 0}";
    fails(&format!("of: [browse], metric: rss, {differ}"), "counts no requests");
    fails(&format!("of: [browse], metric: row, {differ}"), "did you mean `rows`?");
    fails(&format!("of: [browze], metric: rows, {differ}"), "did you mean `browse`?");
    fails(&format!("of: [browse], metric: rows, {differ}, within: 5s"), "from when");
    fails(&format!("of: [browse], metric: rows, {differ}, after: 5s"), "has no deadline");
}

#[test]
fn a_query_is_a_count_or_refused() {
    let fails = |metric: &str, message: &str| {
        let metric = format!("metrics:\n  m: {{prometheus: {{service: shop, {metric}}}}}\n{AT}");
        refused(&[(AT, &metric)], message);
    };
    fails("every: 1s", "write `name:`, or `query:`");
    fails("name: up, query: up", "keep one of `name` and `query`");
    fails("query: up, labels: {a: b}", "write them in `query`");
    fails("query: 'histogram_quantile(0.95, rate(a_bucket[5m]))'", "more than the sum of one");
}

#[test]
fn pooled_runs_need_their_requests_together_only() {
    let errors = "errors: {error-rate: {below: 1%, per-request: true}}";
    // 299 are needed; the load of `checkout` makes 50 a second for 5 s in steady and after.
    let short = [(errors, "errors: {error-rate: {below: 0.1%}}"), ("rate: 200/s", "rate: 40/s")];
    let text = changed(&short);
    let problems = planned(&text).unwrap_err().to_string();
    assert!(problems.contains("needs at least 2 995"), "{problems}");
    let pooled = |decide: &str| format!("{text}repeat: {{runs: 3, decide: {decide}}}\n");
    let plan = planned(&pooled("pooled")).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = describe(&plan);
    assert!(shown.contains("3 runs; together: objectives by the requests of all"), "{shown}");
    for decide in ["all", "majority"] {
        assert!(planned(&pooled(decide)).is_err());
    }
    let few = pooled("pooled").replace("runs: 3", "runs: 1");
    assert!(planned(&few).is_err());
    let too_few = pooled("pooled").replace("rate: 40/s", "rate: 20/s");
    let problems = planned(&too_few).unwrap_err().to_string();
    assert!(problems.contains("in 3 runs, but below 0.1%"), "{problems}");
}
