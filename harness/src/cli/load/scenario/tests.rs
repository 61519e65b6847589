//! What the flags come to, planned.

use super::*;
use crate::plan::{self, Plan, ServiceKind};
use crate::spec::{self, Overrides};
use clap::Parser;

#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    load: LoadArgs,
}

fn typed(words: &[&str]) -> LoadArgs {
    Typed::try_parse_from(["load"].iter().chain(words)).unwrap().load
}

fn planned(yaml: &str, env: &dyn Fn(&str) -> Option<String>) -> Plan {
    let plan = plan::compile_to_measure(spec::decode("typed", yaml, &Overrides::default(), env));
    plan.unwrap_or_else(|problems| panic!("{}\n{yaml}", problems.render(spec::Look::Plain)))
}

fn run(words: &[&str]) -> Plan {
    planned(&to_run(&typed(words)).unwrap(), &|_| None)
}

#[test]
fn a_header_that_is_given_twice_is_not_sent_once() {
    let told = |flags: &[&str]| {
        let words = [&["http://h", "--rate", "1/s"], flags].concat();
        to_run(&typed(&words)).unwrap_err()
    };
    let twice = told(&["-H", "X-A: 1", "-H", "x-a: 2"]);
    assert!(twice.contains("`x-a` is given more than once") && twice.contains("'x-a: A, B'"));
    assert!(told(&["-H", "Cookie: a=1", "-H", "Cookie: b=2"]).contains("'Cookie: A; B'"));
}

#[test]
fn a_scheme_in_capitals_is_the_same() {
    let plan = run(&["HTTP://127.0.0.1:8080/a", "--rate", "1/s"]);
    assert!(matches!(&plan.services[0].kind, ServiceKind::Url { secure: false, port: 8080, .. }));
    run(&["HTTPS://127.0.0.1/a", "--rate", "1/s", "--insecure"]);
}

#[test]
fn a_url_is_taken_apart_as_it_was_typed() {
    let cases = [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", "/"),
        ("http://h:1/a/b?c=d#e", "http://h:1", "h", "/a/b?c=d"),
        ("http://h?x=1", "http://h", "h", "/?x=1"),
        ("https://h:1/a", "https://h:1", "h", "/a"),
        ("http://[::1]:9/x", "http://[::1]:9", "[::1]", "/x"),
        ("http://u:p@h:2/x", "http://u:p@h:2", "h", "/x"),
    ];
    for (url, base, host, path) in cases {
        let path = path.to_owned();
        assert_eq!(target(url), Ok(Target { base, host, path }), "{url}");
    }
    for url in ["", "h:80/x", "http://", "http:///x", "http://:80/"] {
        assert!(target(url).is_err(), "{url}");
    }
}

#[test]
fn flags_become_the_scenario_that_they_name() {
    let plan = run(&["http://127.0.0.1:8080/a?b", "--rate", "100/s", "--for", "20s"]);
    assert_eq!(plan.loads[0].arrivals.count(), 2_000);
    assert_eq!(
        (&*plan.loads[0].requests[0].method, &*plan.loads[0].requests[0].path.0),
        ("GET", "/a?b")
    );
    assert!(plan.case.objectives.is_empty());
    let host = "127.0.0.1".to_owned();
    assert!(
        matches!(&plan.services[0].kind, ServiceKind::Url { host: h, port: 8080, .. } if *h == host)
    );

    let ramp = ["http://127.0.0.1:1", "--rate", "10/s", "--ramp-to", "30/s", "--for", "10s"];
    assert_eq!(run(&ramp).loads[0].arrivals.count(), 200);

    let poisson = run(&["http://127.0.0.1:1", "--rate", "100/s", "--poisson", "--seed", "7"]);
    let arrivals = &poisson.loads[0].arrivals;
    assert!(arrivals.is_drawn() && arrivals.expected() == 1_000);
    assert_eq!(poisson.case.loads[0].planned, arrivals.times(0, 1).count() as u64);

    let closed = run(&["http://127.0.0.1:1", "--closed", "--p95", "5ms", "--for", "3s"]);
    assert!(closed.loads.is_empty());
    assert_eq!(closed.users[0].crowd.most(), 64);
    assert!(closed.users[0].journey().is_empty());
    assert_eq!(closed.case.objectives.len(), 1);
}

#[test]
fn gates_become_objectives() {
    let gates = ["--p50", "1s", "--p90", "1s", "--p95", "1s", "--p99", "1s", "--p999", "1s"];
    let words = ["http://127.0.0.1:1", "--rate", "10000/s", "--error-rate", "0.1%"];
    let plan = run(&[&words[..], &gates].concat());
    let names: Vec<_> = plan.case.objectives.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["p50", "p90", "p95", "p99", "p999", "errors"]);
}

#[test]
fn what_is_typed_is_no_placeholder() {
    let words = ["http://127.0.0.1:1/", "--rate", "1/s", "--body", "${env.HOME}"];
    let plan = run(&[&words[..], &["-H", "X-A: ${run.id}"]].concat());
    let body = plan::Body::Text(plan::Text("$${env.HOME}".to_owned()));
    assert_eq!(plan.loads[0].requests[0].body, body);
    assert_eq!(plan.loads[0].client.headers[0].1.0, "$${run.id}");
    assert_eq!(plan.loads[0].requests[0].method, "POST");
}

#[test]
fn a_saved_scenario_is_the_same_load_without_credentials() {
    let words = ["http://127.0.0.1:1/x", "--rate", "7/s", "-H", "Authorization: Bearer s3cr3t"];
    let args = typed(
        &[&words[..], &["-H", "X-A: 1", "--check-status", "200,404", "--p50", "1s"]].concat(),
    );
    let saved = to_save(&args).unwrap();
    assert!(!saved.contains("s3cr3t"), "{saved}");
    let env = |name: &str| (name == "AUTHORIZATION").then(|| "Bearer s3cr3t".to_owned());
    let (ran, kept) = (planned(&to_run(&args).unwrap(), &|_| None), planned(&saved, &env));
    assert_eq!(ran.case.loads, kept.case.loads);
    assert_eq!(ran.case.marks, kept.case.marks);
    assert_eq!(ran.case.objectives[0].ask, kept.case.objectives[0].ask);
    assert_eq!(ran.loads[0].client.headers, kept.loads[0].client.headers);
    assert_eq!(ran.loads[0].arrivals, kept.loads[0].arrivals);
    assert_eq!(ran.loads[0].requests[0].check_status, [(200, 200), (404, 404)]);
}

#[test]
fn find_becomes_stairs_whose_gates_are_criteria() {
    let url = "http://127.0.0.1:1";
    let gates = ["--find", "--p95", "300ms", "--error-rate", "1%"];
    let plan = run(&[&[url], &gates[..]].concat());
    let load = &plan.case.loads[0];
    let rates: Vec<_> = load.steps.iter().map(|step| step.milli_per_min / 60_000).collect();
    assert_eq!((rates[0], rates[1], rates.len(), load.stop_after.len()), (100, 200, 20, 2));
    assert_eq!((load.steps[0].from_s, load.steps[0].to_s), (2, 10));
    assert!(plan.case.objectives.iter().all(|objective| objective.criterion));
    assert_eq!(plan.case.capacities[0].criteria, [0, 1]);
    assert_eq!(plan.case.capacities[0].at_least_milli_per_min, None);
    let stairs = ["--from", "50/s", "--step", "25/s", "--to", "100/s", "--hold", "20s"];
    let more = ["--settle", "5s", "--at-least", "75/s", "--poisson", "--seed", "7"];
    let plan = run(&[&[url], &gates[..], &stairs, &more].concat());
    let load = &plan.case.loads[0];
    let rates: Vec<_> = load.steps.iter().map(|step| step.milli_per_min / 60_000).collect();
    assert_eq!((rates, load.steps[1].from_s, load.ends_us), (vec![50, 75, 100], 25, 60_000_000));
    assert_eq!(plan.case.capacities[0].at_least_milli_per_min, Some(75 * 60_000));
    assert!(plan.loads[0].arrivals.is_drawn());
}

#[test]
fn wrong_flags_are_refused_with_what_to_write() {
    let url = "http://127.0.0.1:1";
    for (words, said) in [
        (vec![url], "--rate"),
        (vec![url, "--rate", "10"], "unit"),
        (vec![url, "--rate", "1/s", "--p95", "fast"], "500ms"),
        (vec![url, "--rate", "1/s", "--closed"], "cannot be used with"),
        (vec![url, "--closed", "--ramp-to", "5/s"], "cannot be used with"),
        (vec![url, "--closed", "--connections", "0"], "0 is not in"),
        (vec![url, "--rate", "1/s", "-H", "nocolon"], "NAME: VALUE"),
        (vec![url, "--rate", "1/s", "--check-status", "9xx"], "200"),
        (vec![url, "--rate", "1/s", "--method", "FETCH"], "GET"),
        (vec![url, "--rate", "-5/s"], "above 0: write a rate such as 300/s"),
        (vec![url, "--rate", "1/s", "--p95", "-5ms"], "above 0"),
        (vec![url, "--rate", "1/s", "--error-rate", "0%"], "such as 0.1%"),
        (vec![url, "--find"], "--p95"),
        (vec![url, "--find", "--p95", "1s", "--rate", "1/s"], "cannot be used with"),
        (vec![url, "--find", "--p95", "1s", "--for", "10s"], "cannot be used with"),
        (vec![url, "--rate", "1/s", "--step", "1/s"], "--find"),
    ] {
        let refused = Typed::try_parse_from(["load"].iter().chain(&words)).unwrap_err();
        assert!(refused.to_string().contains(said), "{words:?}: {refused}");
    }
}

#[test]
fn a_saved_scenario_that_asks_nothing_says_how_to_ask() {
    let words = ["http://h/", "--rate", "100/s", "--for", "1m"];
    let saved = to_save(&typed(&words)).unwrap();
    let planned = |yaml: &str| {
        plan::compile_all(spec::decode("saved", yaml, &Overrides::default(), &|_| None)).is_ok()
    };
    assert!(!planned(&saved));
    assert!(planned(&saved.replace("# objectives:", "objectives:")), "{saved}");
    let asked = to_save(&typed(&[&words[..], &["--error-rate", "1%"]].concat())).unwrap();
    assert!(planned(&asked) && !asked.contains("Nothing was asked"), "{asked}");
}

#[test]
fn tls_without_https_is_refused_in_flags() {
    for flag in [&["--insecure"][..], &["--ca", "x.pem"]] {
        let words = [&["http://h/", "--rate", "1/s"][..], flag].concat();
        let why = to_run(&typed(&words)).unwrap_err();
        assert!(why.contains(flag[0]) && why.contains("write https://"), "{why}");
        let secure = [&["https://h/", "--rate", "1/s"][..], flag].concat();
        assert!(to_run(&typed(&secure)).is_ok());
    }
}
