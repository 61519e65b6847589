//! Exit codes of every kind, on servers whose truth is known; and the replay of each run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, answer, assay, said, until, verdict, wait_for};
use std::io::Write;
use std::path::Path;
use std::process::Output;

/// One second of requests to a server that runs already, with a gate that 100 requests decide.
fn against(addr: std::net::SocketAddr, objective: &str) -> Case {
    Case::new(&format!(
        "schema: 1
name: known
services: {{site: {{url: \"http://{addr}\"}}}}
load:
  visitors:
    constant-arrival-rate:
      rate: 200/s
      duration: 2s
      client: {{timeout: 1s, connect-timeout: 500ms}}
      requests: [{{get: {{path: /}}}}]
objectives:
  gate: {objective}
"
    ))
}

fn expect(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
}

/// The copied directory gives the same bytes and the same code.
fn verify_agrees(run_dir: &Path, code: i32) {
    let output = assay(&["verify", run_dir.to_str().unwrap()]).output().unwrap();
    expect(&output, code);
}

#[test]
fn met_is_0_and_every_request_is_counted_on_both_sides() {
    let server = Server::ok();
    let case = against(server.addr, "{latency: {percentile: 95, below: 500ms}}");
    expect(&case.run(&[]), 0);
    let card = verdict(&case.out());
    assert_eq!(card["objectives"][0]["n"], 400);
    assert_eq!(server.seen(), 400);
    for name in [
        "verdict.json",
        "journal.jsonl",
        "latency.hlog",
        "junit.xml",
        "summary.md",
        "scenario.yaml",
    ] {
        assert!(case.out().join(name).is_file(), "{name}");
    }
    verify_agrees(&case.out(), 0);
}

#[test]
fn violated_is_1_and_an_edited_verdict_is_found_out() {
    let server = Server::start(|k, stream| answer(stream, if k % 10 == 0 { 500 } else { 200 }));
    let case = against(server.addr, "{error-rate: {below: 5%}}");
    expect(&case.run(&[]), 1);
    let card = verdict(&case.out());
    assert_eq!(
        (&card["objectives"][0]["n"], &card["objectives"][0]["k"]),
        (&400.into(), &40.into())
    );
    verify_agrees(&case.out(), 1);

    let path = case.out().join("verdict.json");
    let edited = std::fs::read_to_string(&path).unwrap().replace("violated", "met");
    std::fs::write(&path, &edited).unwrap();
    verify_agrees(&case.out(), 4);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), edited, "nothing is rewritten");
}

#[test]
fn reports_that_do_not_follow_from_the_run_are_found_out() {
    let server = Server::ok();
    let case = against(server.addr, "{latency: {percentile: 95, below: 500ms}}");
    expect(&case.run(&[]), 0);
    for (name, from, to) in [
        ("junit.xml", "testcase", "testcaze"),
        ("summary.md", "met", "fine"),
        ("report.html", "objective", "wish"),
        ("latency.hlog", "", ""),
        ("scenario.yaml", "gate", "date"),
    ] {
        let path = case.out().join(name);
        let before = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&before).into_owned();
        let edited = if name == "latency.hlog" {
            text.lines().take(text.lines().count() / 2).collect::<Vec<_>>().join("\n")
        } else {
            assert!(text.contains(from), "{name}: {text}");
            text.replacen(from, to, 1)
        };
        std::fs::write(&path, edited).unwrap();
        let output = assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
        expect(&output, 4);
        assert!(said(&output).contains("differs from what"), "{name}: {}", said(&output));
        std::fs::write(&path, before).unwrap();
    }
    verify_agrees(&case.out(), 0);
    let log = case.out().join("latency.hlog");
    let before = std::fs::read(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let output = assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
    expect(&output, 4);
    assert!(said(&output).contains("latency.hlog is not there"), "{}", said(&output));
    std::fs::write(&log, before).unwrap();
    std::fs::remove_file(case.out().join("junit.xml")).unwrap();
    let output = assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
    expect(&output, 0);
    assert!(said(&output).contains("not compared: junit.xml"), "{}", said(&output));
}

#[test]
fn inconclusive_is_3_or_what_is_asked_for() {
    let server = Server::start(|k, stream| answer(stream, if k % 20 == 0 { 500 } else { 200 }));
    let case = against(server.addr, "{error-rate: {below: 5%}}");
    let output = case.run(&[]);
    expect(&output, 3);
    assert!(
        said(&output).contains("needs"),
        "it must name what would decide it: {}",
        said(&output)
    );
    verify_agrees(&case.out(), 3);
    for (word, code) in [("fail", 1), ("pass", 0)] {
        let case = against(server.addr, "{error-rate: {below: 5%}}");
        expect(&case.run(&["--on-inconclusive", word]), code);
        verify_agrees(&case.out(), code);
    }
}

#[test]
fn an_invalid_scenario_is_2_with_every_mistake_and_its_place() {
    let case = Case::new(
        "schema: 1\nname: x\nwarmpu: 3s\nload: {a: {constant-arrival-rate: {rate: 5}}}\n",
    );
    let output = case.run(&[]);
    expect(&output, 2);
    let text = said(&output);
    assert!(text.contains("case.yaml:3:1") && text.contains("warmup"), "{text}");
    assert!(text.contains("case.yaml:4:") && text.contains("5/s"), "{text}");
    assert!(!case.out().exists(), "nothing is left behind");
    expect(&assay(&["run"]).output().unwrap(), 2);
}

#[test]
fn what_cannot_start_is_4_and_says_why() {
    let process = |command: &str, ready: &str| {
        Case::new(&format!(
            "schema: 1
name: start
services: {{app: {{process: {{command: {command}, ready: {ready}}}}}}}
load: {{a: {{constant-arrival-rate: {{rate: 100/s, duration: 2s, requests: [{{get: {{path: /}}}}]}}}}}}
objectives: {{gate: {{latency: {{percentile: 95, below: 1s}}}}}}
"
        ))
    };
    let missing = process("[./no-such-program]", "{within: 5s}").run(&[]);
    expect(&missing, 4);
    assert!(said(&missing).contains("no-such-program"), "{}", said(&missing));

    let never = process("[sleep, 600]", "{http: /health, within: 1s}");
    let output = never.run(&[]);
    expect(&output, 4);
    assert!(said(&output).contains("ready"), "{}", said(&output));
    verify_agrees(&never.out(), 4);

    let dies = process("[sh, -c, \"echo broken pipe dream; exit 7\"]", "{within: 5s}").run(&[]);
    expect(&dies, 4);
    assert!(said(&dies).contains("broken pipe dream"), "the log's end: {}", said(&dies));
}

#[test]
fn a_name_that_does_not_resolve_is_4() {
    let case = Case::new(
        "schema: 1
name: dns
allow: [no-such-host.invalid]
services: {site: {url: \"http://no-such-host.invalid\"}}
load: {a: {constant-arrival-rate: {rate: 100/s, duration: 2s, requests: [{get: {path: /}}]}}}
objectives: {gate: {latency: {percentile: 95, below: 1s}}}
",
    );
    let output = case.run(&[]);
    expect(&output, 4);
    assert!(said(&output).contains("no-such-host.invalid"), "{}", said(&output));
}

#[test]
fn a_guard_stops_the_run_with_4_and_still_gives_a_verdict() {
    let server = Server::ok();
    let case = against(server.addr, "{latency: {percentile: 95, below: 500ms}}");
    // A max-duration shorter than the timetable is refused, so a slow start uses it up.
    let yaml = std::fs::read_to_string(case.folder.path().join("case.yaml")).unwrap();
    let slow = yaml.replace(
        "services: {",
        "guards: {max-duration: 3s}
services: {app: {process: {command: [sleep, 600], ready: {log: never, within: 10s}}}, ",
    );
    let slow = slow.replace("rate: 200/s", "to: site\n      rate: 200/s");
    std::fs::write(case.folder.path().join("case.yaml"), slow).unwrap();
    let output = case.run(&[]);
    expect(&output, 4);
    assert!(said(&output).contains("max-duration"), "{}", said(&output));
    assert_eq!(verdict(&case.out())["exit_code"], 4);
    verify_agrees(&case.out(), 4);
}

#[test]
fn a_server_that_cuts_bodies_and_talks_garbage_is_violated_not_trusted() {
    let server = Server::start(|k, stream| match k % 3 {
        0 => answer(stream, 200),
        1 => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?;
            Err(std::io::ErrorKind::Other.into())
        }
        _ => {
            stream.write_all(b"\x16\x03\x01 garbage\r\n\r\n")?;
            Err(std::io::ErrorKind::Other.into())
        }
    });
    let case = against(server.addr, "{error-rate: {below: 5%}}");
    expect(&case.run(&[]), 1);
    let card = verdict(&case.out());
    let outcomes = card["loads"][0]["outcomes"].to_string();
    assert!(outcomes.contains("protocol_error"), "{outcomes}");
    assert_eq!(card["objectives"][0]["n"], 400);
}

#[test]
fn a_service_that_dies_violates_the_run() {
    let server = Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: dies
services:
  site: {{url: \"http://{}\"}}
  app: {{process: {{command: [sh, -c, \"echo up; sleep 1\"], ready: {{log: up, within: 5s}}}}}}
load: {{a: {{constant-arrival-rate: {{rate: 100/s, duration: 3s, to: site, requests: [{{get: {{path: /}}}}]}}}}}}
objectives: {{gate: {{latency: {{percentile: 95, below: 1s}}}}}}
",
        server.addr
    ));
    let output = case.run(&[]);
    expect(&output, 1);
    assert!(said(&output).contains("app"), "{}", said(&output));
    verify_agrees(&case.out(), 1);
}

/// A probe that takes almost as long as it may, just before the fault.
#[test]
fn a_slow_probe_does_not_shorten_the_fault() {
    let site = Server::ok();
    #[expect(clippy::disallowed_methods, reason = "the server's own slowness, on its own thread")]
    let slow = Server::start(|_, stream| {
        std::thread::sleep(std::time::Duration::from_millis(1_700));
        answer(stream, 200)
    });
    let case = Case::new(&format!(
        "schema: 1
name: slow-probe
services: {{site: {{url: \"http://{}\"}}, other: {{url: \"http://{}\"}}}}
links: {{front: {{to: site}}}}
steady-state: {{probes: [{{http: {{service: other, path: /}}}}], after: 1s}}
load:
  visitors:
    constant-arrival-rate:
      {{rate: 50/s, duration: 11s, to: front, requests: [{{get: {{path: /}}}}]}}
faults:
  half: {{error: {{link: front, status: 503, at: 3s, duration: 2s, recovery: 1s}}}}
objectives: {{errors: {{error-rate: {{below: 50%}}}}}}
expect: [{{recovers: {{objective: errors, after: half.end, within: 2s, hold: 1s}}}}]
",
        site.addr, slow.addr
    ));
    let output = case.run(&[]);
    // Whether the generator kept up on a busy machine is not the question.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", said(&output));
    let edges = &verdict(&case.out())["faults"][0]["edges"];
    let [applied, cleared] = ["applied", "cleared"].map(|edge| edges[edge].as_u64().unwrap());
    let lasted_ms = (cleared - applied) / 1_000;
    assert!((1_990..3_000).contains(&lasted_ms), "{lasted_ms} ms: {}", said(&output));
}

/// A drill that nobody starts is a fault that was never applied: told, judged, and no contradiction.
#[test]
fn a_mark_that_nobody_gives_leaves_the_fault_unapplied() {
    let site = Server::start(|_, stream| answer(stream, 200));
    let case = Case::new(&format!(
        "schema: 1
name: unmarked
services: {{site: {{url: \"http://{}\"}}}}
load:
  visitors: {{constant-arrival-rate: {{rate: 50/s, duration: 12s, requests: [{{get: {{path: /}}}}]}}}}
faults: {{drill: {{manual: {{prompt: break it, timeout: 2s, at: 3s, recovery: 1s}}}}}}
objectives: {{errors: {{error-rate: {{below: 50%}}}}}}
",
        site.addr
    ));
    let output = case.run(&[]);
    expect(&output, 3);
    let fault = &verdict(&case.out())["faults"][0];
    assert_eq!(fault["effect"], "not applied: nobody marked it", "{fault}");
    verify_agrees(&case.out(), 3);
}

/// What somebody did by hand, and never said to be over, is told at the end: nobody else can undo it.
#[test]
fn a_drill_that_nobody_ends_is_told() {
    let site = Server::start(|_, stream| answer(stream, 200));
    let case = Case::new(&format!(
        "schema: 1
name: unended
services: {{site: {{url: \"http://{}\"}}}}
load:
  visitors: {{constant-arrival-rate: {{rate: 50/s, duration: 60s, requests: [{{get: {{path: /}}}}]}}}}
faults: {{drill: {{manual: {{prompt: break it, timeout: 5s, at: 3s, recovery: 1s}}}}}}
objectives: {{errors: {{error-rate: {{below: 50%}}}}}}
",
        site.addr
    ));
    let run = until(&case, "\"cells\"");
    let dir = case.out();
    wait_for("the mark to be taken", || {
        let mark = assay(&["mark", dir.to_str().unwrap(), "drill", "start"]).output().unwrap();
        mark.status.success()
    });
    let output = run.wait_with_output().unwrap();
    expect(&output, 4);
    assert!(said(&output).contains("whoever made it must undo it"), "{}", said(&output));
}
