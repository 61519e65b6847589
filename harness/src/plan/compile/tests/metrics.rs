//! Metrics and what is expected of them: what compiles, and each check with a scenario that fails it.

use super::refused::{among, refused};
use super::{changed, good, planned};
use crate::plan::describe;
use crate::plan::metric::{PageOf, Read, Source};
use assay_slo::case::{Must, Unit};

const AT: &str = "objectives:\n";
const EXPECT: &str = "  - unaffected:";

/// The good scenario with this metric `m`, and this expectation.
fn with<'t>(metric: &str, expect: &str) -> [(&'t str, String); 2] {
    [(AT, format!("metrics:\n  m: {metric}\n{AT}")), (EXPECT, format!("{expect}{EXPECT}"))]
}

#[track_caller]
fn fails(metric: &str, expect: &str, message: &str) {
    let changes = with(metric, expect);
    let changes: Vec<(&str, &str)> = changes.iter().map(|(a, b)| (*a, b.as_str())).collect();
    refused(&changes, message);
}

#[track_caller]
fn plan(metric: &str, expect: &str) -> crate::plan::Plan {
    let changes = with(metric, expect);
    let changes: Vec<(&str, &str)> = changes.iter().map(|(a, b)| (*a, b.as_str())).collect();
    good(&changes)
}

const RSS: &str = "{process: {service: shop, read: rss}}";
const PAGE: &str =
    "{prometheus: {service: shop, name: queue_seconds, labels: {a: b}, every: 250ms}}";

#[test]
fn a_metric_knows_where_it_is_read_and_in_what_unit() {
    let compiled = plan(
        RSS,
        "  - metric: {name: m, value: {at-most: 512MiB}, growth: {at-most: 1MiB/m}, skip: 5s}\n",
    );
    let source = Source::Process { service: "shop".to_owned(), read: Read::Rss };
    assert_eq!((&compiled.metrics[0].source, compiled.metrics[0].every_us), (&source, 1_000_000));
    let metric = &compiled.case.metrics[0];
    assert_eq!((metric.reads.as_str(), metric.unit), ("rss of shop", Unit::Bytes));
    assert_eq!(metric.service.as_deref(), Some("shop"));
    let expectation = &compiled.case.expectations[1];
    assert_eq!(expectation.name, "metric m");
    let Must::Metric(must) = &expectation.must else { panic!("{expectation:?}") };
    assert_eq!(must.value.words(Unit::Bytes), "at most 512 MiB");
    assert_eq!(must.growth.map(|growth| growth.per_us), Some(60_000_000));
    assert!(describe(&compiled).contains("rss of shop, every 1 s"));
    let compiled =
        plan(PAGE, "  - settles: {metric: m, at-most: 2s, after: half.end, within: 10s}\n");
    let metric = &compiled.case.metrics[0];
    assert_eq!(metric.reads, "queue_seconds{a=\"b\"} of shop");
    assert_eq!((metric.unit, metric.every_us), (Unit::Seconds, 250_000));
    assert_eq!(compiled.case.expectations[1].name, "settles m after half.end");
    // Where the name says nothing, the limit does.
    let command = "{command: {shell: \"echo 1 > ${run.dir}/x; echo 5\"}}";
    let compiled =
        plan(command, "  - metric: {name: m, increase: {at-most: 1MiB}, during: [half]}\n");
    assert_eq!(compiled.case.metrics[0].unit, Unit::Bytes);
    assert_eq!(compiled.case.expectations[1].name, "metric m during half");
}

#[test]
fn pages_of_others_are_asked_by_consent() {
    let promql = "{promql: {url: \"http://127.0.0.1:9090/prom/\", query: \"sum(a{b='c d'})\"}}";
    let compiled = plan(promql, "");
    let increase = "  - metric: {name: m, increase: {at-most: 1}}\n";
    let warned = |compiled: &crate::plan::Plan| {
        compiled.warnings.iter().any(|text| text.contains("what comes after its last scrape"))
    };
    assert!(warned(&plan(promql, increase)) && !warned(&compiled));
    let page = compiled.metrics[0].page().unwrap();
    assert_eq!(page.path, "/prom/api/v1/query?query=sum%28a%7Bb%3D%27c%20d%27%7D%29");
    let PageOf::Host { host, port, secure } = &page.of else { panic!("{page:?}") };
    assert_eq!((host.as_str(), *port, *secure), ("127.0.0.1", 9090, false));
    let far = |url: &str| format!("{{prometheus: {{url: \"{url}\", name: up}}}}");
    fails(&far("http://prom.example.com/metrics"), "", "may receive no load");
    fails(&far("http://u:p@127.0.0.1/metrics"), "", "would end up in reports");
    fails("{prometheus: {service: shop, url: \"http://127.0.0.1/\", name: up}}", "", "keep one of");
    fails("{prometheus: {name: up}}", "", "write `service:` or `url:`");
    fails("{prometheus: {service: shop, name: \"up{a=1}\"}}", "", "is no name of a series");
    fails("{prometheus: {service: shpo, name: up}}", "", "did you mean `shop`?");
    fails("{command: {run: [a], shell: b}}", "", "more than one command");
    fails("{process: {service: payments, read: rss}}", "", "nobody knows the processes");
    fails("{process: {service: shop, read: rss, every: 10ms}}", "", "every 10ms is too often");
}

#[test]
fn a_page_may_be_where_the_start_places_it() {
    let of = |url: &str| {
        let written = format!("{{prometheus: {{url: \"{url}\", name: up}}}}");
        let compiled = plan(&written, "");
        let page = compiled.metrics[0].page().unwrap().clone();
        (page.of, page.path, compiled.case.metrics[0].reads.clone())
    };
    let (page, path, reads) = of("http://${services.shop.addr}/admin/metrics");
    assert_eq!(page, PageOf::Service("shop".to_owned()));
    assert_eq!((path.as_str(), reads.as_str()), ("/admin/metrics", "up of shop"));
    let (page, path, _) = of("http://${services.shop.host}:9100");
    let authority = crate::plan::Text("${services.shop.host}:9100".to_owned());
    assert_eq!(page, PageOf::Placed { secure: false, authority });
    assert_eq!(path, "/metrics");
    let bad = |url: &str| format!("{{prometheus: {{url: \"{url}\", name: up}}}}");
    fails(&bad("${services.shop.addr}/metrics"), "", "is no URL");
    fails(&bad("http://127.0.0.1/${services.shop.addr}"), "", "stands in the path");
    fails(&bad("http://${run.id}/metrics"), "", "is no address");
    fails(&bad("http://${services.shpo.addr}/"), "", "there is no entry `shpo` in services");
    fails(&bad("http://${self.addr}/"), "", "is known only to a process");
}

#[test]
fn what_is_asked_can_be_decided() {
    let asked = |what: &str| format!("  - metric: {{name: m, {what}}}\n");
    fails(RSS, &asked("value: {at-most: 512}"), "`512` is not in the unit of `m`");
    fails(RSS, &asked("growth: {at-most: 5/m}"), "write a size such as 512MiB");
    plan(RSS, &asked("increase: {at-most: 0}"));
    fails(RSS, &asked("value: {}"), "it asks nothing");
    fails(RSS, &asked("skip: 1s"), "nothing is asked of `m`");
    fails(RSS, "  - metric: {name: n, value: {at-most: 1MiB}}\n", "unknown metric `n`");
    fails(RSS, &asked("value: {at-most: 1MiB}, skip: 2m"), "skips all of all, which is 60 s long");
    let slow = "{process: {service: shop, read: rss, every: 2s}}";
    fails(
        slow,
        &asked("growth: {at-most: 1MiB/m}, during: [half]"),
        "is read 5 times during half, and this needs 8",
    );
    fails(
        RSS,
        "  - settles: {metric: m, at-most: 1MiB, after: half.end, within: 40s}\n",
        "need load until",
    );
    let ready = |after: &str| format!("  - ready: {{service: shop, after: {after}, within: 5s}}\n");
    plan(RSS, &ready("half.end"));
    fails(RSS, &ready("half.start"), "this names no end");
    let changes = with(RSS, &ready("half.end").replace("shop", "shpo"));
    let changes: Vec<(&str, &str)> = changes.iter().map(|(a, b)| (*a, b.as_str())).collect();
    among(&changes, &["did you mean `shop`?"]);
    assert!(planned(&changed(&changes)).is_err());
}
