//! Faults that do not last as they were asked to, or hit nobody: nothing may be met by them.

use crate::common::{Case, Server, said, signal, until, verdict};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn findings(case: &Case) -> String {
    verdict(&case.out())["findings"].to_string()
}

/// Whether the generator kept up on a busy machine is not the question.
const ERRORS: &str = "objectives: {errors: {error-rate: {below: 5%}}}\n";

#[test]
fn a_pause_that_somebody_else_ends_took_no_effect() {
    let site = Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: early
services:
  site: {{url: \"http://{}\"}}
  own: {{process: {{command: [sh, -c, \"echo pid=$$; echo up; exec sleep 60\"], ready: {{log: up, within: 5s}}}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 9s, to: site, requests: [{{get: {{path: /}}}}]}}}}}}
faults: {{freeze: {{pause: {{service: own, at: 2s, duration: 4s, recovery: 1s}}}}}}
{ERRORS}",
        site.addr
    ));
    let mut run = until(&case, "\"first_affected\"");
    let log = std::fs::read_to_string(case.out().join("logs/own.log")).unwrap();
    let pid = log.lines().find_map(|line| line.strip_prefix("pid=")).unwrap();
    signal(pid.parse().unwrap(), "CONT");
    assert_eq!(run.wait().unwrap().code(), Some(3));
    let fault = &verdict(&case.out())["faults"][0];
    assert!(fault["effect"].as_str().unwrap().starts_with("without effect"), "{fault}");
    assert!(findings(&case).contains("somebody else had made"), "{}", findings(&case));
}

/// Two links to a server that is spoken to beside them.
fn beside(server: &Server, listen: u16) -> Case {
    Case::new(&format!(
        "schema: 1
name: beside
services: {{site: {{url: \"http://{0}\"}}}}
links: {{cache: {{to: \"{0}\", protocol: tcp, listen: \"127.0.0.1:{listen}\"}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 6s, to: site, requests: [{{get: {{path: /}}}}]}}}}}}
faults: {{gone: {{outage: {{link: cache, mode: reset, at: 2s, duration: 1s, recovery: 1s}}}}}}
{ERRORS}",
        server.addr
    ))
}

#[test]
fn an_idle_connection_does_not_make_a_bypassed_link_a_used_one() {
    for is_used in [false, true] {
        let server = Server::ok();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let case = beside(&server, listen);
        let mut run = until(&case, "\"zero\"");
        let mut client = TcpStream::connect(("127.0.0.1", listen)).unwrap();
        if is_used {
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            assert!(client.read(&mut [0; 100]).unwrap() > 0);
            // A server that ends each connection leaves none to be reset.
            client = TcpStream::connect(("127.0.0.1", listen)).unwrap();
        }
        let code = run.wait().unwrap().code();
        drop(client);
        let fault = &verdict(&case.out())["faults"][0];
        let effect = fault["effect"].as_str().unwrap();
        if is_used {
            assert_eq!(effect, "took effect", "{fault}");
        } else {
            assert_eq!((code, effect), (Some(3), "without effect: its link was bypassed"));
            assert!(findings(&case).contains("`cache` is bypassed"), "{}", findings(&case));
        }
    }
}

/// A link that is there, and may have no traffic: what the run found, and why.
#[test]
fn a_link_that_nobody_uses_leaves_the_run_undecided() {
    for (protocol, is_used) in [("tcp", false), ("http", false), ("tcp", true), ("http", true)] {
        let server = Server::ok();
        let to = if is_used { "door" } else { "site" };
        let case = Case::new(&format!(
            "schema: 1
name: past
services: {{site: {{url: \"http://{0}\"}}}}
links: {{door: {{to: \"{0}\", protocol: {protocol}}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 3s, to: {to}, requests: [{{get: {{path: /}}}}]}}}}}}
{ERRORS}",
            server.addr
        ));
        let output = case.run(&[]);
        let code = if is_used { 0 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{protocol}: {}", said(&output));
        assert_eq!(said(&output).contains("link `door` is bypassed: nothing"), !is_used);
    }
}

#[test]
fn a_slow_stop_makes_no_other_fault_longer() {
    let site = Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: slow-stop
services:
  site: {{url: \"http://{}\"}}
  deaf:
    process:
      command: [sh, -c, \"trap '' TERM; echo up; while :; do sleep 1; done\"]
      ready: {{log: up, within: 5s}}
      stop-within: 4s
links: {{front: {{to: site}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 12s, to: front, requests: [{{get: {{path: /}}}}]}}}}}}
faults:
  away: {{error: {{link: front, status: 503, at: 2s, duration: 1s, recovery: 1s}}}}
  halt: {{stop: {{service: deaf, at: 2500ms, duration: 1s, recovery: 1s}}}}
objectives: {{errors: {{error-rate: {{below: 50%}}}}}}
",
        site.addr
    ));
    let output = case.run(&[]);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", said(&output));
    let faults = &verdict(&case.out())["faults"];
    let lasted = |index: usize| {
        let edges = &faults[index]["edges"];
        let [from, to] = ["applied", "cleared"].map(|edge| edges[edge].as_u64().unwrap());
        (to - from) / 1_000
    };
    assert!((990..1_700).contains(&lasted(0)), "{} ms: {faults}", lasted(0));
    // From its being down on, which took the time that it has to end.
    assert!((4_900..8_000).contains(&lasted(1)), "{} ms: {faults}", lasted(1));
    assert_eq!(faults[1]["effect"], "took effect", "{faults}");
}
