//! `--stop-early`: a run whose objective is surely lost ends then, violated; one that holds goes on to its end.
//!
//! Not here: when it is sure (crate slo, `sequential`).

use crate::common::{Server, answer, assay, in_turn, said, verdict};
use std::path::Path;
use std::process::Output;

/// A run of a service of which every so many-th answer is an error.
fn run(folder: &Path, out: &str, (each, lasts): (u64, &str)) -> Output {
    let server = Server::start(move |n, stream| {
        answer(stream, if n.is_multiple_of(each) { 500 } else { 200 })
    });
    let url = format!("http://{}/", server.addr);
    let words = ["load", &url, "--out", out, "--rate", "50/s", "--for", lasts, "--timeout", "1s"];
    let mut command = assay(&[&words[..], &["--error-rate", "10%", "--stop-early"]].concat());
    in_turn(command.current_dir(folder))
}

#[test]
fn what_is_lost_ends_and_what_holds_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let sent = |out: &str| verdict(&folder.path().join(out))["loads"][0]["begun"].as_u64().unwrap();
    let lost = run(folder.path(), "lost", (2, "40s"));
    assert_eq!(lost.status.code(), Some(1), "{}", said(&lost));
    assert!(said(&lost).contains("the run ended early (`errors` is lost: "), "{}", said(&lost));
    assert!(sent("lost") < 1900, "{}", sent("lost"));
    let again = assay(&["verify", "lost"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    let held = run(folder.path(), "held", (1_000, "14s"));
    assert_eq!(held.status.code(), Some(0), "{}", said(&held));
    assert_eq!(sent("held"), 700);
}
