//! The text held against the older one, and its rules.

use std::sync::Arc;

use prometheus::{Gauge, IntCounterVec, Opts, Registry, TextEncoder};

use super::*;
use crate::telemetry::context::Context;
use crate::telemetry::exemplars::{Family, Timed};
use crate::telemetry::traces;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SECONDS: Family = Family { name: "wait_seconds", help: "Time.", labels: &["queue"] };

fn registered() -> (Registry, Arc<Exemplars>) {
    let (registry, exemplars) = (Registry::new(), Arc::new(Exemplars::default()));
    let counter = |name: &str| {
        let help = "Says \"no\",\nby \\.";
        let counter = IntCounterVec::new(Opts::new(name, help), &["why"]).unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.with_label_values(&["a \"b\"\\\n"]).inc_by(3);
    };
    counter("refusals_total");
    counter("refused");
    for (name, value) in [("high", f64::INFINITY), ("low", f64::NEG_INFINITY), ("none", f64::NAN)] {
        let gauge = Gauge::new(name, "A gauge.").unwrap();
        gauge.set(value);
        registry.register(Box::new(gauge)).unwrap();
    }
    let timed = Timed::declare(&registry, &exemplars, SECONDS, &[1e-5, 0.5, 1.0]).unwrap();
    let context = Arc::new(Context {
        request_id: "r-1".to_owned(),
        parent: traces::told(Some(&format!("00-{TRACE}-b7ad6b7169203331-01"))),
        ..Context::default()
    });
    context.within(|| [0.75, 2.0].map(|value| timed.observe(&["in"], value)));
    timed.observe(&["in"], 0.000_001);
    (registry, exemplars)
}

/// A page's lines without comments and exemplars.
fn series(page: &str) -> Vec<&str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(" # ").next().unwrap()).collect()
}

#[test]
fn both_texts_have_the_same_series() {
    let (registry, exemplars) = registered();
    let families = registry.gather();
    let plain = TextEncoder::new().encode_to_string(&families).unwrap();
    let plain = plain.replace(" inf", " +Inf").replace(" -inf", " -Inf");
    let open = text(&families, &exemplars);
    assert_eq!(series(&open), series(&plain));
}

#[test]
fn the_text_is_openmetrics() {
    let (registry, exemplars) = registered();
    let page = text(&registry.gather(), &exemplars);
    // Without the time of exemplars, which is the wall clock's.
    let timeless = |line: &str| match line.contains(" # {") {
        true => line.rsplit_once(' ').unwrap().0.to_owned(),
        false => line.to_owned(),
    };
    let lines: Vec<String> = page.lines().map(timeless).collect();
    let exemplar = |value| format!(" # {{trace_id=\"{TRACE}\",request_id=\"r-1\"}} {value}");
    let expect = [
        "# HELP high A gauge.".to_owned(),
        "# TYPE high gauge".to_owned(),
        "high +Inf".to_owned(),
        "# HELP low A gauge.".to_owned(),
        "# TYPE low gauge".to_owned(),
        "low -Inf".to_owned(),
        "# HELP none A gauge.".to_owned(),
        "# TYPE none gauge".to_owned(),
        "none NaN".to_owned(),
        r#"# HELP refusals Says \"no\",\nby \\."#.to_owned(),
        "# TYPE refusals counter".to_owned(),
        r#"refusals_total{why="a \"b\"\\\n"} 3"#.to_owned(),
        r#"# HELP refused Says \"no\",\nby \\."#.to_owned(),
        "# TYPE refused unknown".to_owned(),
        r#"refused{why="a \"b\"\\\n"} 3"#.to_owned(),
        "# HELP wait_seconds Time.".to_owned(),
        "# TYPE wait_seconds histogram".to_owned(),
        r#"wait_seconds_bucket{queue="in",le="0.00001"} 1"#.to_owned(),
        r#"wait_seconds_bucket{queue="in",le="0.5"} 1"#.to_owned(),
        r#"wait_seconds_bucket{queue="in",le="1"} 2"#.to_owned() + &exemplar("0.75"),
        r#"wait_seconds_bucket{queue="in",le="+Inf"} 3"#.to_owned() + &exemplar("2"),
        r#"wait_seconds_sum{queue="in"} 2.750001"#.to_owned(),
        r#"wait_seconds_count{queue="in"} 3"#.to_owned(),
        "# EOF".to_owned(),
    ];
    assert_eq!(lines, expect);
    assert!(page.ends_with("# EOF\n"));
}
