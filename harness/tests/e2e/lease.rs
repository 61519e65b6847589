//! What is over its time is put right though nobody is left who would, or all stand still: by the lease keeper.
//!
//! Invariant: the runs are real processes that are killed or stopped; the world is looked at afterwards.
//! Not here: what the guardian and `assay recover` do (`undo`), when a keeper acts (beside its code), containers
//! (`containers`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{
    Case, GRACE, Server, assay, guardian, keeper, said, signal, until, until_with, verdict,
    wait_for,
};
use crate::undo::{frozen, state};
use std::process::Child;

const FIRST_AFFECTED: &str = "\"first_affected\"";

fn there(case: &Case, file: &str) -> String {
    std::fs::read_to_string(case.out().join(file)).unwrap_or_default()
}

/// A run whose service stands still, and whose leases end soon after their faults.
fn broken(case: &Case) -> Child {
    let run = until_with(case, &GRACE, FIRST_AFFECTED);
    assert_eq!(state(case), Some('T'));
    run
}

/// Kills the run, its guardian, and whoever else.
fn kill_both(run: &mut Child, others: &[u32]) {
    // A run that stands still cannot replace them.
    signal(run.id(), "STOP");
    for pid in others.iter().copied().chain(guardian(run.id())) {
        signal(pid, "KILL");
    }
    signal(run.id(), "KILL");
    run.wait().unwrap();
}

#[test]
fn what_a_run_left_that_was_killed_with_its_guardian_is_undone_and_not_without_a_keeper() {
    let (without, with) = (frozen("600s"), frozen("600s"));
    let (mut lost, mut run) = (broken(&without), broken(&with));
    let (alone, its) = (keeper(lost.id()).unwrap(), keeper(run.id()).unwrap());
    kill_both(&mut lost, &[alone]);
    kill_both(&mut run, &[]);
    wait_for("the keeper's end", || !is_there(its));
    let told = there(&with, "keeper.log");
    assert!(told.contains("undone: fault `freeze`"), "{told}");
    assert!(with.folder.path().join("ended").exists(), "it went on before it was ended");
    assert_eq!(state(&with), None);
    // What was killed before stands still as it did: nobody else would have done it.
    assert_eq!(state(&without), Some('T'));
    // And is told of, by all who look.
    let runs = without.folder.path();
    std::fs::rename(without.out(), runs.join("reports")).unwrap();
    std::fs::create_dir(without.out()).unwrap();
    std::fs::rename(runs.join("reports"), runs.join("out/died")).unwrap();
    std::fs::rename(without.out(), runs.join("reports")).unwrap();
    let told = "fault `freeze` (service app), broken since 2";
    let doctor = assay(&["doctor"]).current_dir(runs).output().unwrap();
    assert!(said(&doctor).contains(told), "{}", said(&doctor));
    let dry = assay(&["run", "case.yaml", "--dry-run"]).current_dir(runs).output().unwrap();
    assert!(said(&dry).contains(&format!("an earlier run left {told}")), "{}", said(&dry));
    std::fs::create_dir(runs.join("reports/later")).unwrap();
    std::fs::write(runs.join("reports/later/journal.jsonl"), "{\"run\":\"none\"}\n").unwrap();
    let bare = assay(&["recover"]).current_dir(runs).output().unwrap();
    assert_eq!(bare.status.code(), Some(5), "{}", said(&bare));
    assert!(said(&bare).contains("nothing of reports/later is broken"), "{}", said(&bare));
    assert!(said(&bare).contains("`assay recover reports/died`"), "{}", said(&bare));
    let named = assay(&["recover", "reports/died"]).current_dir(runs).output().unwrap();
    assert_eq!(named.status.code(), Some(0), "{}", said(&named));
    assert!(without.folder.path().join("ended").exists());
}

#[test]
fn what_a_run_that_stands_still_should_have_ended_is_put_right_and_told() {
    let case = frozen("2s");
    let run = broken(&case);
    signal(run.id(), "STOP");
    wait_for("its going on", || state(&case) == Some('S'));
    wait_for("the keeper's word", || there(&case, "undo.jsonl").contains("\"lapsed\""));
    signal(run.id(), "CONT");
    let (id, output) = (run.id(), run.wait_with_output().unwrap());
    let verdict = verdict(&case.out());
    let text = said(&output);
    assert_ne!(output.status.code(), Some(0), "{text}");
    let fault = &verdict["faults"][0];
    assert!(fault["effect"].as_str().unwrap().starts_with("without effect"), "{fault}");
    let findings = verdict["findings"].to_string();
    assert!(
        findings.contains("fault freeze: its lease ran out: it was to be undone by 2"),
        "{findings}"
    );
    assert!(findings.contains("the lease keeper put it right at 2"), "{findings}");
    let undo = there(&case, "undo.jsonl");
    assert!(undo.ends_with("{\"undone\":1}\n"), "the run undid it, too: {undo}");
    assert!(case.folder.path().join("ended").exists());
    assert_eq!(keeper(id), None);
}

#[test]
fn a_run_in_time_never_hears_of_its_keeper_and_one_that_dies_is_replaced() {
    let case = frozen("3s");
    let mut run = until(&case, "\"cells\"");
    let first = keeper(run.id()).unwrap();
    signal(first, "KILL");
    let next = || keeper(run.id()).filter(|pid| *pid != first);
    wait_for("another one", || next().is_some());
    let id = run.id();
    assert!(run.wait().unwrap().code().is_some());
    assert_eq!(keeper(id), None, "it leaves with the run");
    let verdict = verdict(&case.out());
    let findings = verdict["findings"].to_string();
    assert!(findings.contains(&format!("the lease keeper (pid {first})")), "{findings}");
    assert!(!findings.contains("ran out"), "{findings}");
    assert_eq!(verdict["faults"][0]["injected"], 1, "{verdict}");
    assert_eq!(
        (there(&case, "keeper.log"), there(&case, "undo.jsonl").contains("lapsed")),
        (String::new(), false)
    );
}

#[test]
fn a_directory_that_was_removed_blinds_no_keeper() {
    let case = frozen("600s");
    let mut run = broken(&case);
    std::fs::remove_dir_all(case.out()).unwrap();
    kill_both(&mut run, &[]);
    wait_for("its end", || case.folder.path().join("ended").exists());
    wait_for("the keeper's word", || there(&case, "keeper.log").contains("undone: fault `freeze`"));
}

#[test]
fn a_run_that_breaks_nothing_that_lasts_has_no_keeper() {
    let server = Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: links
services: {{app: {{url: \"http://{}\"}}}}
links: {{front: {{to: app}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 9s, to: front, requests: [{{get: {{path: /}}}}]}}}}}}
faults: {{slow: {{latency: {{link: front, add: {{fixed: 9ms}}, at: 3s, duration: 2s, recovery: 1s}}}}}}
objectives: {{none: {{error-count: {{at-most: 0, during: [all]}}}}}}
",
        server.addr
    ));
    let mut run = until(&case, "\"cells\"");
    assert_eq!(keeper(run.id()), None);
    signal(run.id(), "INT");
    run.wait().unwrap();
    assert_eq!(there(&case, "undo.jsonl"), "");
}

fn is_there(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}
