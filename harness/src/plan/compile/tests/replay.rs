//! Logs that are replayed: their times, their requests, their mistakes.

use crate::plan::{Load, Plan, Spread, compile_all, describe};
use crate::spec::{Overrides, decode};

fn planned(log: &str, keys: &str) -> Result<Plan, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("access.jsonl"), log).unwrap();
    let text = format!(
        "schema: 1\nname: replay\nservices: {{shop: {{url: \"http://127.0.0.1:8080/api\"}}}}\n\
         load: {{web: {{replay-log: {{file: access.jsonl, {keys}}}}}}}\n\
         objectives: {{errors: {{error-rate: {{below: 80%}}}}}}\n"
    );
    let file = dir.path().join("replay.yaml").display().to_string();
    let loaded = decode(&file, &text, &Overrides::default(), &|_| None);
    compile_all(loaded).map_err(|problems| {
        let short = |text: &str| text.replace(&format!("{}/", dir.path().display()), "");
        problems.iter().map(|problem| short(&problem.message)).collect()
    })
}

fn due_us(load: &Load) -> Vec<u64> {
    load.arrivals.times(0, 1).collect()
}

/// Logged when answered, so not in order: a minute from 9:30 on.
const LOG: &str = r#"
{"time": "2026-11-05T09:30:02Z", "path": "/a?n=2", "headers": {"X-Tenant": "acme"}}
{"time": "2026-11-05T09:30:01Z", "path": "/a?n=1"}
{"time": "2026-11-05T09:30:01.5Z", "method": "POST", "path": "/b", "json": {"n": 3}}

{"time": "2026-11-05T09:31:01Z", "path": "/a?n=4"}
"#;

#[test]
fn requests_are_due_as_far_apart_as_they_were_logged() {
    let plan = planned(LOG, "duration: 40s, speed: 2x, at: 5s").unwrap();
    let load = &plan.loads[0];
    assert_eq!(due_us(load), [5_000_000, 5_250_000, 5_500_000, 35_000_000]);
    assert_eq!(load.arrivals.count(), 4);
    assert_eq!([4, 6, 36].map(|s| load.arrivals.due_before(s * 1_000_000)), [0, 3, 4]);
    // Whoever shares it has every second one.
    assert_eq!(load.arrivals.times(1, 2).collect::<Vec<_>>(), [5_250_000, 35_000_000]);
    // Three come within a second: 180 a minute, in thousandths.
    assert_eq!(load.arrivals.peak_milli_per_min(), 180_000);
    let names: Vec<&str> = load.requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!(names, ["GET /a", "POST /b"]);
    assert_eq!(load.cycle, [0, 1, 0, 0]);
    assert_eq!(plan.case.loads[0].planned, 4);
    let shown = describe(&plan);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("the log access.jsonl at 2x, 4 requests"), "{flat}");
    // Each with the path of its first line.
    assert!(flat.contains("GET /a (GET /api/a?n=1) timeout"), "{flat}");
    assert!(flat.contains("POST /b (POST /api/b) timeout"), "{flat}");
}

#[test]
fn what_comes_after_the_duration_is_left_out() {
    let plan = planned(LOG, "duration: 10s").unwrap();
    assert_eq!(due_us(&plan.loads[0]), [0, 500_000, 1_000_000]);
    let is_told = |plan: &Plan| plan.warnings.iter().any(|one| one.contains("after its start"));
    assert!(!is_told(&plan), "{:?}", plan.warnings);
    assert_eq!(
        plan.warnings.first().map(String::as_str),
        Some("1 request of the log of `web` is due after its `duration` of 10 s: not sent")
    );
    let all = planned(LOG, "duration: 61s").unwrap();
    assert!(!all.warnings.iter().any(|one| one.contains("not sent")), "{:?}", all.warnings);
    // A log that is much shorter than that is told.
    let short = planned(LOG, "duration: 10m").unwrap();
    assert!(is_told(&short), "{:?}", short.warnings);
}

#[test]
fn each_line_is_sent_with_what_is_its_own() {
    use crate::plan::template::Filling;
    use crate::plan::turns::{Turn, Turns};
    let plan = planned(LOG, "duration: 2m").unwrap();
    let load = &plan.loads[0];
    let turns = Turns::new(&load.cycle, &load.requests, 0);
    let filled = |k: u64| {
        let request = &load.requests[usize::from(load.cycle[k as usize])];
        let turn = Turn::Counted { turns: &turns, k, warmup: false };
        let filling = Filling { seed: 7, load: "web", k, turn, nth: 0, captured: &[] };
        let filled = request.dynamic.as_ref().unwrap().fill(&filling, "now").unwrap();
        (filled.path.unwrap(), filled.headers, filled.body.unwrap())
    };
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(filled(0), ("/api/a?n=1".to_owned(), vec![], String::new()));
    let json = pair("content-type", "application/json");
    assert_eq!(filled(1), ("/api/b".to_owned(), json, r#"{"n": 3}"#.to_owned()));
    assert_eq!(filled(2).1, pair("x-tenant", "acme"));
    assert_eq!(filled(3).0, "/api/a?n=4");
}

#[test]
fn a_log_of_many_paths_is_named_by_its_methods() {
    let line = |n: u32| format!("{{\"time\": {n}, \"path\": \"/orders/{n}\"}}\n");
    let log: String = (0..60).map(line).collect();
    let plan = planned(
        &format!("{log}{{\"time\": 60, \"path\": \"/x\", \"name\": \"x\"}}"),
        "duration: 2m",
    );
    let plan = plan.unwrap();
    let names: Vec<&str> = plan.loads[0].requests.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["GET", "x"]);
    assert!(plan.warnings[0].contains("has 61 paths"), "{:?}", plan.warnings);
    assert!(matches!(plan.loads[0].arrivals.spread, Spread::Logged(_)));
}

#[test]
fn mistakes_name_their_lines() {
    let many = "nonsense\n".repeat(12);
    let told = planned(&format!("{{\"time\": 1, \"path\": \"/\"}}\n\n{many}"), "duration: 1m");
    let told = told.unwrap_err();
    assert_eq!(told.len(), 11, "{told:?}");
    // All stand at one place of the scenario, where they are sorted by their words.
    assert!(told.iter().any(|line| line.starts_with("access.jsonl:3: expected")), "{told:?}");
    assert!(told.contains(&"access.jsonl: 2 more lines are wrong".to_owned()), "{told:?}");
    assert_eq!(planned("\n", "duration: 1m").unwrap_err(), ["`access.jsonl` holds no request"]);
    let mixed = LOG.replace("\"2026-11-05T09:30:01.5Z\"", "1.5");
    assert_eq!(
        planned(&mixed, "duration: 1m").unwrap_err(),
        ["access.jsonl:4: `time` is a number, and a date in line 2"]
    );
    let speed = planned(LOG, "duration: 1m, speed: 0x").unwrap_err();
    assert_eq!(speed, ["at that speed nothing would ever come"]);
}
