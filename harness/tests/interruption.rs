//! Ctrl-C, SIGTERM and `kill -9`: nothing stays behind, and what was journalled is judged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Case, said, verdict};
use std::path::Path;
use std::process::{Child, Stdio};
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

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Polls until it holds; fails after half a minute.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        let (_tx, rx) = std::sync::mpsc::channel::<()>();
        let _ = rx.recv_timeout(Duration::from_millis(50));
    }
    panic!("{what}: not within 30 s");
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

/// Starts the run and waits until requests are being counted.
fn under_way(case: &Case) -> Child {
    let child = case.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let journal = case.out().join("journal.jsonl");
    wait_for("cells in the journal", || {
        std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"cells\""))
    });
    child
}

fn code_of_verify(run_dir: &Path) -> (Option<i32>, String) {
    let output = common::assay(&["verify", run_dir.to_str().unwrap()]).output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn ctrl_c_is_130_within_three_seconds_with_artefacts_and_nothing_left() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
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
