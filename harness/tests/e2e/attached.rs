//! A service that runs already: found, read, judged and left alone; and runs that a guard stops.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, assay, said, verdict};
use std::process::{Child, Stdio};

/// A bundled backend that somebody else started, and its port.
struct Foreign {
    child: Child,
    port: u16,
}

impl Foreign {
    fn start(more: &[&str]) -> Foreign {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = assay(&["backend", "--listen", &format!("127.0.0.1:{port}")]);
        command.args(more).env("DATABASE_URL", "sqlite::memory:");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        crate::common::wait_for("a backend", || {
            assert_eq!(child.try_wait().unwrap(), None, "it ended");
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Foreign { child, port }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scenario(port: u16, seconds: u64, more: &str) -> Case {
    Case::new(&format!(
        "schema: 1
name: attached
services: {{shop: {{running-process: {{port: {port}}}}}}}
load:
  visitors:
    constant-arrival-rate:
      rate: 50/s
      duration: {seconds}s
      requests: [{{get: {{path: /machines/}}}}]
metrics:
  memory: {{process: {{service: shop, read: rss, every: 250ms}}}}
objectives: {{errors: {{error-rate: {{below: 50%}}}}}}
expect:
  - metric: {{name: memory, value: {{above: 1MiB, below: 4GiB}}}}
{more}"
    ))
}

#[test]
fn it_is_read_and_judged_and_outlives_the_run() {
    let mut shop = Foreign::start(&[]);
    let case = scenario(shop.port, 4, "");
    let run = case.run(&[]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert_eq!(shop.child.try_wait().unwrap(), None, "it was ended");
    let card = verdict(&case.out());
    assert!(card["metrics"][0]["samples"].as_u64().unwrap() >= 15, "{}", card["metrics"]);
    let again = assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

#[test]
fn its_death_violates_the_run() {
    let mut shop = Foreign::start(&[]);
    let case = scenario(shop.port, 6, "");
    let mut run = crate::common::under_way(&case);
    shop.child.kill().unwrap();
    shop.child.wait().unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(1));
    let card = verdict(&case.out());
    let died = card["expectations"].as_array().unwrap().iter().find(|e| e["id"] == "service shop");
    assert_eq!(died.unwrap()["verdict"], "violated");
}

/// Whoever carries out a fault for us may restart what it breaks; but it must come again.
#[test]
fn a_restart_that_a_command_declares_is_no_death() {
    for comes_again in [true, false] {
        let shop = Foreign::start(&[]);
        let (pid, port) = (shop.child.id(), shop.port);
        let again = format!(
            "DATABASE_URL=sqlite::memory: {} backend --listen 127.0.0.1:{port} >/dev/null 2>&1 &",
            env!("CARGO_BIN_EXE_assay")
        );
        let again = if comes_again { again.as_str() } else { "true;" };
        let deploy = format!(
            "faults:
  deploy:
    command: {{shell: \"kill {pid}; sleep 0.5; {again} sleep 1\", timeout: 4s, at: 2s, recovery: 2s}}
"
        );
        let case = scenario(port, 8, &deploy);
        let run = case.run(&[]);
        let card = verdict(&case.out());
        let all = card["expectations"].as_array().unwrap();
        let died = all.iter().any(|one| one["id"] == "service shop");
        assert_eq!(died, !comes_again, "{}", said(&run));
        let told = card["findings"].to_string();
        assert!(told.contains("while fault `deploy` was on"), "{told}");
        if !comes_again {
            assert_eq!(run.status.code(), Some(1), "{}", said(&run));
        }
    }
}

#[test]
fn a_guard_stops_a_run_and_says_why() {
    let shop = Foreign::start(&["--mutant", "errors=100%"]);
    let guard = "guards: {stop-when: [{error-rate: {above: 90%, hold: 2s}}]}\n";
    let case = scenario(shop.port, 60, guard);
    let run = case.run(&[]);
    assert_eq!(run.status.code(), Some(4), "{}", said(&run));
    let card = verdict(&case.out());
    let stopped = card["stopped_by"].as_str().unwrap();
    let why = "more than 90% of the requests were not ok for 2 s";
    assert!(stopped.contains(why), "{stopped}");
    assert_eq!(card["verdict"], "violated", "the errors were seen nevertheless");
}

#[test]
fn nobody_there_is_told_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let run = scenario(port, 4, "").run(&[]);
    assert_eq!(run.status.code(), Some(4), "{}", said(&run));
    let text = format!("service shop: nobody listens on port {port}");
    assert!(said(&run).contains(&text), "{}", said(&run));
}
