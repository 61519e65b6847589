//! A run's own figures for Prometheus, read while it goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, said, wait_for};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

/// The page, as long as there is one.
fn page(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The value of a series, whose labels must all be given; 0 before its first.
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[test]
fn a_taken_address_leaves_no_directory_so_that_the_run_can_be_asked_for_again() {
    let server = Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: again
services: {{shop: {{url: \"http://{}\"}}}}
load: {{visits: {{constant-arrival-rate: {{rate: 50/s, duration: 1s, to: shop, requests: [{{get: {{path: /}}}}]}}}}}}
objectives: {{errors: {{error-rate: {{below: 90%}}}}}}
",
        server.addr
    ));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = case.command(&["--metrics-addr", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(!case.out().exists(), "{}", said(&output));
    // Not that address again: once it is free, another test may have it.
    let output = case.command(&["--metrics-addr", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_runs_figures_are_read_while_it_goes_on() {
    let server = Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: watched
services: {{shop: {{url: \"http://{}\"}}}}
links: {{door: {{to: shop}}}}
load:
  visits:
    constant-arrival-rate:
      {{rate: 50/s, duration: 8s, to: door, requests: [{{get: {{path: /, name: look}}}}]}}
faults: {{refused: {{error: {{link: door, status: 503, affects: {{share: 50%}}, at: 2s, duration: 3s, recovery: 1s}}}}}}
objectives: {{errors: {{error-rate: {{below: 90%}}}}}}
",
        server.addr
    ));
    let mut command = case.command(&["--metrics-addr", "127.0.0.1:0"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().expect("the run tells where its figures are").unwrap();
        if let Some((_, rest)) = line.split_once("metrics of this run: http://") {
            break rest.split('/').next().unwrap().to_owned();
        }
    };
    // Its pipe must not fill up.
    let told = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());

    let active = r#"assay_fault_active{fault="refused",kind="error",target="door"}"#;
    let failed = r#"assay_requests_total{load="visits",request="look",outcome="http_5xx"}"#;
    let served = r#"assay_requests_total{load="visits",request="look",outcome="ok"}"#;
    let mut seen = Vec::new();
    let mut last = String::new();
    wait_for("the run's end", || {
        let Some(page) = page(&address) else { return true };
        if page.contains(active) {
            let now = (value(&page, active) as u8, value(&page, failed) > 0.0);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
            last = page;
        }
        false
    });
    let output = run.wait_with_output().unwrap();
    let told = told.join().unwrap().join("\n");
    assert_eq!(output.status.code(), Some(0), "{told}");
    // Figures are a second old, so failures may be seen after the fault's edge.
    let states: Vec<u8> = seen.iter().map(|(active, _)| *active).collect();
    let mut changes = states.clone();
    changes.dedup();
    assert_eq!(changes, [0, 1, 0], "{seen:?}");
    assert_eq!(seen.first(), Some(&(0, false)), "nothing fails before the fault");
    assert_eq!(seen.last(), Some(&(0, true)), "{seen:?}");
    let applied = r#"assay_fault_applied_total{fault="refused",kind="error",target="door"}"#;
    assert!((value(&last, applied) - 1.0).abs() < f64::EPSILON);
    // What was read last is what was sent by then: 400 in all.
    let (ok, bad) = (value(&last, served), value(&last, failed));
    assert!((60.0..=90.0).contains(&bad), "half of 150: {bad}\n{last}");
    assert!((250.0..=340.0).contains(&ok), "{ok}\n{last}");
    let count = r#"assay_request_duration_seconds_count{load="visits",request="look"}"#;
    assert!((value(&last, count) - ok - bad).abs() < f64::EPSILON, "{last}");
    assert!(value(&last, "assay_run_seconds") >= 6.0, "{last}");
}
