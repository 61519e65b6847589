//! Whole scenarios: what compiles, into what; and each check with a scenario that fails it.

mod at_once;
mod before;
mod containers;
mod executors;
mod faults;
mod logs;
mod metrics;
mod moments;
mod outage;
mod refused;
mod replay;
mod requests;
mod setup;
mod stairs;
mod terms;
mod tls;

use crate::plan::{Plan, Traffic, compile_all, describe};
use crate::spec::{Look, Overrides, Problems, decode};
use assay_slo::Share;
use assay_slo::case::{Anchor, Ask, Asked, Clock, During, Mark, Must, Of, Shows};

/// A scenario without a problem; tests change one place of it.
pub(super) const GOOD: &str = r#"schema: 1
name: half-fails
hypothesis: When half of the calls fail, browsing does not notice.
seed: 7
services:
  shop:
    process:
      command: [./shop, --listen, "${self.addr}"]
      env: {PAY: "http://${links.pay.addr}"}
      ready: {http: /health, within: 10s}
  payments: {url: "http://127.0.0.1:9090/v1/"}
links:
  front: {to: shop}
  pay: {to: payments}
warmup: 5s
load:
  visitors:
    constant-arrival-rate:
      rate: 200/s
      duration: 60s
      to: front
      client: {timeout: 2s, connections: 2000}
      requests:
        - get: {name: browse, path: /products, weight: 3}
        - post: {name: checkout, path: "/checkout?run=${run.id}", json: {n: 1}, check: [{status: [200, 402]}]}
faults:
  half: {error: {link: front, status: 503, match: {method: [post]}, affects: {share: 50%}, at: 20s, duration: 10s, recovery: 10s}}
objectives:
  fast: {latency: {percentile: 95, below: 300ms}}
  errors: {error-rate: {below: 1%, per-request: true}}
expect:
  - recovers: {objective: errors, after: half.end, within: 5s, hold: 5s}
  - unaffected: {of: [browse], during: [half], keeps: [fast]}
  - answers: {of: [checkout], during: [half], only: [200, 402, 503], within: 1s, header: Retry-After}
"#;

/// [`GOOD`] with places replaced: `(from, to)`.
pub(super) fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} is not there once");
        text.replacen(from, to, 1)
    })
}

pub(super) fn planned(text: &str) -> Result<Plan, Problems> {
    compile_all(decode("scenarios/half.yaml", text, &Overrides::default(), &|_| None))
}

#[track_caller]
fn good(changes: &[(&str, &str)]) -> Plan {
    planned(&changed(changes)).unwrap_or_else(|problems| panic!("{}", problems.render(Look::Plain)))
}

#[test]
fn a_plan_is_complete() {
    let plan = good(&[]);
    assert_eq!((plan.name.as_str(), plan.seed, plan.ends_us), ("half-fails", 7, 60_000_000));
    assert_eq!(plan.sha256.len(), 64);
    assert_eq!(plan.folder.to_str(), Some("scenarios"));
    let started: Vec<&str> = plan.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(started, ["payments", "shop"], "the shop is given the address of payments");
    // Start-up 10 s, warm-up 5 s, 60 s, the last answer 2 s, and a minute.
    assert_eq!(plan.max_duration_us, 137_000_000);
    let load = &plan.loads[0];
    assert_eq!(load.cycle, [0, 0, 1, 0]);
    assert_eq!(load.requests[0].timeout_us, 2_000_000);
    assert_eq!(load.requests[1].check_status, [(200, 200), (402, 402)]);
    assert_eq!(plan.faults[0].matches.methods, ["POST"]);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn the_case_holds_indices_and_marks() {
    let case = good(&[]).case;
    assert_eq!(case.warmup_us, 5_000_000);
    assert_eq!((case.loads[0].planned, case.loads[0].link.as_deref()), (12_000, Some("front")));
    assert_eq!(case.faults[0].shows, Shows::Status(503));
    assert_eq!(case.faults[0].asked, Asked::Share(Share(500_000_000)));
    assert_eq!(case.ages_us, [300_000, 1_000_000]);
    let fast = &case.objectives[0];
    assert_eq!(fast.during, [During::Steady, During::After]);
    assert_eq!(fast.of, [Of { load: 0, request: 0 }, Of { load: 0, request: 1 }]);
    assert_eq!((fast.place.file.as_str(), fast.place.line), ("scenarios/half.yaml", 29));
    let Ask::Latency { mark, service_mark, .. } = fast.ask else { panic!("{:?}", fast.ask) };
    assert_eq!(case.marks[mark], Mark::Below { clock: Clock::Response, us: 300_000 });
    assert_eq!(case.marks[service_mark], Mark::Below { clock: Clock::Service, us: 300_000 });
    assert_eq!(case.marks[fast.late_mark], Mark::LateBy { us: 30_000 });
    assert_eq!(case.marks[case.objectives[1].late_mark], Mark::LateBy { us: 50_000 });
    let names: Vec<&str> = case.expectations.iter().map(|one| one.name.as_str()).collect();
    let expected = [
        "recovers errors after half.end",
        "unaffected browse during half",
        "answers checkout during half",
    ];
    assert_eq!(names, expected);
    let Must::Recovers { after, hold_us, .. } = case.expectations[0].must else { panic!() };
    assert_eq!((after.anchor, after.offset_us, hold_us), (Anchor::FaultEnd(0), 0, 5_000_000));
    let Must::Answers { mark, .. } = case.expectations[2].must else { panic!() };
    assert_eq!(
        case.marks[mark],
        Mark::Answered {
            only: vec![(200, 200), (402, 402), (503, 503)],
            within_us: Some(1_000_000),
            clock: Clock::Response,
            header: Some("retry-after".into()),
        }
    );
    let gate = case.steady_state.unwrap();
    assert_eq!((gate.require, gate.after_us, gate.place.line), (vec![0, 1], 10_000_000, 27));
}

#[test]
fn without_a_seed_the_name_gives_one() {
    let seed = |name: &str| {
        let change = format!("name: {name}");
        good(&[("name: half-fails", &change), ("seed: 7\n", "")]).seed
    };
    assert_eq!(seed("abc"), seed("abc"));
    assert_ne!(seed("abd"), seed("abc"));
}

#[test]
fn a_services_prefix_is_put_before_every_path() {
    let plan = good(&[("to: front\n", "to: pay\n"), ("link: front", "link: pay")]);
    let paths: Vec<&str> = plan.loads[0].requests.iter().map(|one| one.path.0.as_str()).collect();
    assert_eq!(paths, ["/v1/products", "/v1/checkout?run=${run.id}"]);
    assert_eq!(plan.case.faults[0].link, "pay");
}

#[test]
fn moments_are_resolved_from_each_other() {
    let more = "\n  again: {outage: {link: front, mode: black-hole, at: half.end + 2s, duration: 3s, recovery: 5s}}\nobjectives:";
    let plan = good(&[("\nobjectives:", more), ("duration: 60s", "duration: 60s\n      at: 1s")]);
    assert_eq!(plan.faults[1].starts_us, 32_000_000);
    assert_eq!(plan.case.faults[1].shows, Shows::Broken);
    assert_eq!((plan.case.loads[0].starts_us, plan.ends_us), (1_000_000, 61_000_000));
    assert_eq!(plan.case.steady_state.unwrap().after_us, 5_000_000, "of the last fault");
}

#[test]
fn a_delay_shows_from_its_lower_end() {
    let delay =
        "{latency: {link: front, add: {normal: {mean: 200ms, sd: 50ms}}, affects: {quota: 20%},";
    let error =
        "{error: {link: front, status: 503, match: {method: [post]}, affects: {share: 50%},";
    let case = good(&[(error, delay)]).case;
    let Shows::Slow { mark } = case.faults[0].shows else { panic!("{:?}", case.faults[0]) };
    assert_eq!(case.marks[mark], Mark::Below { clock: Clock::Service, us: 116_850 });
    assert_eq!(
        (case.faults[0].kind.as_str(), case.faults[0].asked),
        ("latency", Asked::Share(Share(200_000_000)))
    );
}

#[test]
fn the_flagship_numbers_hold() {
    let text = r#"
schema: 1
name: backend-outage
services: {backend: {url: "http://127.0.0.1:8000"}}
links: {api: {to: backend}}
warmup: 5s
load:
  dashboards:
    constant-arrival-rate:
      {rate: 400/s, duration: 50s, to: api, client: {timeout: 2s}, requests: [{get: {path: /machines/, weight: 3}}, {post: {path: /predict/}}]}
faults:
  down: {outage: {link: api, mode: refuse, at: 20s, duration: 12s, recovery: 12s}}
objectives:
  fast: {latency: {percentile: 95, below: 500ms}}
  errors: {error-rate: {below: 0.1%}}
expect:
  - recovers: {objective: errors, after: down.end, within: 5s, hold: 3s}
"#;
    let plan = planned(text).unwrap();
    let rows: Vec<(u64, Option<u64>, Option<u64>)> = plan
        .case
        .objectives
        .iter()
        .flat_map(|one| {
            crate::plan::demand::demands(one, &one.of, &one.during, Traffic::of(&plan), &plan.case)
        })
        .map(|demand| (demand.expected, demand.least, demand.passes))
        .collect();
    assert_eq!(rows[0].0, 10_400);
    assert_eq!((rows[0].1, rows[1]), (Some(59), (10_400, Some(2995), Some(4))));
}

#[test]
fn no_name_is_asked_twice_and_expectations_are_numbered() {
    let twice = "expect:\n  - answers: {of: [browse], only: [2xx]}\n  - answers: {of: [browse], only: [2xx, 503]}";
    let case = good(&[("expect:", twice)]).case;
    let names: Vec<&str> = case.expectations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names[..2], ["answers browse during all", "answers browse during all (2)"]);
}

#[test]
fn warnings_tell_what_does_not_forbid_a_run() {
    let warned = |changes: &[(&str, &str)]| good(changes).warnings.join("\n");
    let unused = warned(&[("  pay: {to: payments}", "  pay: {to: payments}\n  spare: {to: shop}")]);
    assert!(unused.contains("nothing goes through the link `spare`"), "{unused}");
    let deaf = warned(&[(r#", --listen, "${self.addr}"]"#, "]")]);
    assert!(deaf.contains("`shop` is never told its port"), "{deaf}");
    let rare = warned(&[("weight: 3", "weight: 30"), ("below: 1%", "below: 3%")]);
    assert!(rare.contains("less than 5% of the requests of `fast` are `checkout`"), "{rare}");
    let early = warned(&[("at: 20s", "at: 3s")]);
    assert!(early.contains("sees only 3s before `half` starts"), "{early}");
    let slow = warned(&[("connections: 2000", "connections: 400")]);
    assert!(slow.contains("would need 440 connections"), "{slow}");
    let tight =
        warned(&[("below: 1%, per-request: true", "below: 0.1%, of: [browse], during: [steady]")]);
    assert!(tight.contains("of 3 000 requests one bad leaves it inconclusive; 4 742"), "{tight}");
    let advisory = warned(&[(
        "below: 1%, per-request: true",
        "below: 0.1%, of: [checkout], advisory: true, during: [half]",
    )]);
    assert!(advisory.contains("`errors` expects 500 requests during half"), "{advisory}");
}

#[test]
fn plan_prints_what_a_run_would_do() {
    let shown = describe(&good(&[]));
    let golden = include_str!("tests/half.txt");
    assert!(shown == golden, "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn secrets_stay_out_of_names_and_of_what_is_printed() {
    let env = |name: &str| (name == "TOKEN").then(|| "hunter2".to_owned());
    let compiled = |text: &str| compile_all(decode("half.yaml", text, &Overrides::default(), &env));
    let told = changed(&[("[./shop,", "[./shop, \"${env.TOKEN}\",")]);
    let plan = compiled(&told).unwrap();
    assert_eq!(plan.secrets, ["hunter2"]);
    let shown = describe(&plan);
    assert!(!shown.contains("hunter2") && shown.contains("./shop *** --listen"), "{shown}");
    let named = changed(&[("{name: browse, path: /products", "{path: \"/products?${env.TOKEN}\"")]);
    let problems = compiled(&named).unwrap_err().render(Look::Plain);
    assert!(problems.contains("a secret of its path would be this request's name"), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
    let kept = changed(&[("path: /products", "path: \"/products?${env.TOKEN}\"")]);
    assert!(compiled(&kept).is_ok());
}
