//! A generator that was stopped by SIGSTOP for a while: what that delayed is not the service's doing.
//!
//! Not here: the rules (crate slo, `judge::tests::stood`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Server, answer, assay, said, signal, verdict, wait_for};
use std::path::Path;
use std::process::Output;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Nothing but time passes.
fn pass(ms: u64) {
    let (_keep, nothing) = channel::<()>();
    assert_eq!(nothing.recv_timeout(Duration::from_millis(ms)), Err(RecvTimeoutError::Timeout));
}

/// Answers after so long.
fn slow(ms: u64) -> Server {
    Server::start(move |_, stream| {
        pass(ms);
        answer(stream, 200)
    })
}

/// Once 40 requests are sent, the generator is stopped for so long.
fn stopped(folder: &Path, server: &Server, ms: u64, words: &[&str]) -> (Output, serde_json::Value) {
    let url = format!("http://{}/", server.addr);
    let mut command = assay(&[&["load", "--out", "out", &url], words].concat());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.current_dir(folder).spawn().unwrap();
    wait_for("requests", || server.seen() >= 40);
    if ms > 0 {
        signal(child.id(), "STOP");
        pass(ms);
        signal(child.id(), "CONT");
    }
    let output = child.wait_with_output().unwrap();
    (output, verdict(&folder.join("out")))
}

#[test]
fn answers_that_waited_for_us_are_neither_late_nor_good() {
    let folder = tempfile::tempdir().unwrap();
    let server = slow(1_000);
    let open = ["--rate", "20/s", "--for", "6s", "--timeout", "2500ms", "--error-rate", "5%"];
    let (output, judged) = stopped(folder.path(), &server, 4_000, &open);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let outcomes = judged["loads"][0]["outcomes"].to_string();
    assert!(!outcomes.contains("timeout") && outcomes.contains("cut"), "{outcomes}");
    let repeated = assay(&["verify", "out"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(repeated.status.code(), Some(3), "{}", said(&repeated));
}

#[test]
fn a_slow_service_is_blamed_by_a_generator_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let server = slow(1_000);
    let open = ["--rate", "20/s", "--for", "5s", "--timeout", "500ms", "--error-rate", "5%"];
    let (output, _) = stopped(folder.path(), &server, 0, &open);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

/// A busy machine does that to each of its threads.
#[test]
fn a_service_is_no_faster_for_a_generator_that_is_stopped_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = slow(400);
    let url = format!("http://{}/", server.addr);
    let words = ["load", "--out", "out", &url, "--closed", "--connections", "8", "--for", "3s"];
    let mut command = assay(&[&words[..], &["--p50", "300ms"]].concat());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.current_dir(folder.path()).spawn().unwrap();
    wait_for("requests", || server.seen() >= 8);
    for _ in 0..24 {
        signal(child.id(), "STOP");
        pass(40);
        signal(child.id(), "CONT");
        pass(60);
    }
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", said(&output));
}

#[test]
fn closed_connections_that_stood_still_meet_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = slow(20);
    let closed = ["--closed", "--connections", "4", "--for", "6s", "--p95", "2s"];
    let (output, judged) = stopped(folder.path(), &server, 3_000, &closed);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let reason = judged["objectives"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the generator stood still for "), "{reason}");
    assert_eq!(judged["health"]["well"], false);
}
