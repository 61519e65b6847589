//! Ctrl-C, SIGTERM and `kill -9`: nothing stays behind, and what was journalled is judged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, said, signal, under_way, verdict, wait_for};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// A minute of load on the bundled backend.
fn long() -> Case {
    Case::new(
        "schema: 1
name: long
services:
  app:
    process:
      command: [assay, backend, --listen, \"${self.addr}\"]
      env: {DATABASE_URL: \"sqlite::memory:\"}
      ready: {http: /health, within: 20s}
load:
  a: {constant-arrival-rate: {rate: 100/s, duration: 60s, requests: [{get: {path: /machines/}}]}}
objectives: {gate: {latency: {percentile: 95, below: 1s}}}
",
    )
}

/// Processes that belong to the run of this directory.
fn left(case: &Case) -> Vec<String> {
    let marker = case.folder.path().display().to_string();
    let mut found = vec![];
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let here = cwd.starts_with(&marker) || String::from_utf8_lossy(&line).contains(&marker);
        if here && !line.is_empty() {
            found.push(format!("{pid} {}", String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

fn code_of_verify(run_dir: &Path) -> (Option<i32>, String) {
    let output = crate::common::assay(&["verify", run_dir.to_str().unwrap()]).output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn ctrl_c_is_130_within_three_seconds_with_artefacts_and_nothing_left() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        let case = long();
        let child = under_way(&case);
        signal(child.id(), name);
        let asked =
            std::fs::metadata(case.out().join("journal.jsonl")).unwrap().modified().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let written =
            std::fs::metadata(case.out().join("verdict.json")).unwrap().modified().unwrap();
        let took = written.duration_since(asked).unwrap_or_default();
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!(verdict(&case.out())["exit_code"], code);
        wait_for("nothing left", || left(&case).is_empty());
        assert_eq!(code_of_verify(&case.out()).0, Some(code));
    }
}

#[test]
fn after_kill_9_the_guardian_ends_what_was_started_and_verify_judges_the_rest() {
    let case = long();
    let mut child = under_way(&case);
    assert!(left(&case).len() >= 2, "backend and guardian are running: {:?}", left(&case));
    signal(child.id(), "KILL");
    child.wait().unwrap();
    wait_for("nothing left", || left(&case).is_empty());
    let (code, text) = code_of_verify(&case.out());
    assert_eq!(code, Some(3), "{text}");
    assert_eq!(verdict(&case.out())["verdict"], "inconclusive");
    assert_eq!(code_of_verify(&case.out()).0, Some(3), "the same again");
}

#[test]
fn a_run_that_is_still_going_is_not_judged() {
    let case = long();
    let child = under_way(&case);
    let before = files(&case.out());
    let (code, text) = code_of_verify(&case.out());
    assert_eq!(code, Some(4), "{text}");
    let pid = child.id();
    assert!(text.contains(&format!("still going (pid {pid})")), "{text}");
    assert!(text.contains(&format!("`kill -INT {pid}`")), "{text}");
    assert_eq!(files(&case.out()), before, "nothing was written");
    signal(pid, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert_eq!(code_of_verify(&case.out()).0, Some(130));
}

fn files(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_guardian_that_dies_is_told_at_once_and_replaced() {
    let case = long();
    let mut child = under_way(&case);
    let first = crate::common::guardian(child.id()).unwrap();
    signal(first, "KILL");
    let mut told = String::new();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    while !told.contains("another one took its place") {
        assert_ne!(std::io::BufRead::read_line(&mut said, &mut told).unwrap(), 0, "{told}");
    }
    assert!(told.contains(&format!("the guardian (pid {first}) was ended by signal 9")), "{told}");
    let second = crate::common::guardian(child.id()).unwrap();
    assert_ne!(first, second);
    // And it knows what the first one knew.
    signal(child.id(), "KILL");
    child.wait().unwrap();
    wait_for("nothing left", || left(&case).is_empty());
    let log = std::fs::read_to_string(case.out().join("guardian.log")).unwrap();
    assert!(log.contains("watched app") && log.contains("nothing of the run is left"), "{log}");
}

/// Services that do not hear SIGTERM, each with a child in a session of its own that does not
/// hear it either.
#[test]
fn deaf_services_are_killed_together_after_ctrl_c() {
    let names: Vec<String> = (0..12).map(|number| format!("s{number}")).collect();
    let mut yaml = "schema: 1\nname: deaf\nservices:\n".to_owned();
    for name in &names {
        yaml += &format!(
            "  {name}:
    process:
      command:
        - sh
        - -c
        - |
          trap '' TERM
          setsid sh -c 'while :; do sleep 1000; done' &
          echo ready
          while :; do sleep 1000; done
      ready: {{log: ready, within: 20s}}
      stop-within: 60s
"
        );
    }
    let server = crate::common::Server::ok();
    yaml += &format!(
        "  web: {{url: \"http://{}\"}}
load:
  l:
    constant-arrival-rate:
      {{to: web, rate: 100/s, duration: 60s, requests: [{{get: {{path: /}}}}]}}
objectives: {{gate: {{latency: {{percentile: 95, below: 1s}}}}}}
",
        server.addr
    );
    let case = Case::new(&yaml);
    let child = under_way(&case);
    signal(child.id(), "INT");
    let asked = tokio::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(left(&case).is_empty(), "{:?}", left(&case));
    // One after another they would have had a second each.
    assert!(asked.elapsed() < Duration::from_secs(11), "{:?}", asked.elapsed());
    let journal = std::fs::read_to_string(case.out().join("journal.jsonl")).unwrap();
    let stopped = journal.lines().filter(|line| line.contains("\"stopped\"")).count();
    assert_eq!(stopped, names.len(), "{journal}");
}

/// Load is over; a service that does not obey SIGTERM has been given half a minute to end.
#[test]
fn a_signal_while_services_end_is_heard_too() {
    let script = "trap 'echo asked > asked' TERM; echo up; while :; do sleep 0.1; done";
    let case = Case::new(&format!(
        "schema: 1
name: stubborn
services:
  site: {{process: {{command: [assay, backend, --listen, \"${{self.addr}}\"], env: {{DATABASE_URL: \"sqlite::memory:\"}}, ready: {{http: /health}}}}}}
  deaf: {{process: {{command: [sh, -c, \"{script}\"], ready: {{log: up}}, stop-within: 60s}}}}
load:
  a: {{constant-arrival-rate: {{rate: 50/s, duration: 1s, to: site, requests: [{{get: {{path: /machines/}}}}]}}}}
objectives: {{gate: {{latency: {{percentile: 50, below: 5s}}}}}}
"
    ));
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child =
            case.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let asked = case.folder.path().join("asked");
        wait_for("the service is asked to end", || asked.exists());
        signal(child.id(), name);
        // It would take a minute if nobody heard it; `wait_for` gives up after half of that.
        let verdict_json = case.out().join("verdict.json");
        wait_for("the end", || verdict_json.exists());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains("stopped by a signal while services ended"));
        assert_eq!(code_of_verify(&case.out()).0, Some(code));
        wait_for("nothing left", || left(&case).is_empty());
        std::fs::remove_dir_all(case.out()).unwrap();
        std::fs::remove_file(asked).unwrap();
    }
}
