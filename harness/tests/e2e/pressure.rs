//! Faults `pressure` on processes, for real: taken, seen, given back, also when the run is killed.
//!
//! Not here: containers (`containers`), the duty cycle itself (`service::duty`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, assay, said, signal, until, verdict, wait_for};
use std::path::PathBuf;

fn case(pressure: &str, lasts: &str, seconds: u64) -> Case {
    let program = env!("CARGO_BIN_EXE_assay");
    Case::new(&format!(
        r#"schema: 1
name: pressed
services:
  app:
    process:
      command: [{program}, backend, --listen, "${{self.addr}}"]
      env: {{DATABASE_URL: "sqlite::memory:"}}
      ready: {{http: /health, within: 20s}}
load:
  a:
    constant-arrival-rate:
      rate: 50/s
      duration: {seconds}s
      client: {{timeout: 5s}}
      requests: [{{get: {{path: /machines/}}}}]
faults:
  press: {{pressure: {{service: app, {pressure}, at: 3s, duration: {lasts}, recovery: 2s}}}}
objectives:
  errors: {{error-rate: {{below: 5%}}}}
  slower: {{latency: {{percentile: 95, below: 20ms, during: [press]}}}}
"#
    ))
}

/// Files that take disk in the case's folder.
fn fillers(case: &Case) -> Vec<PathBuf> {
    let all = std::fs::read_dir(case.folder.path()).unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".assay-")).collect()
}

/// Processes that hold something for the run.
pub(crate) fn burners(case: &Case) -> Vec<u32> {
    let head = std::fs::read_to_string(case.out().join("journal.jsonl")).unwrap();
    let run = head.split("\"run\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mark = format!("ASSAY_RUN_ID={run}");
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let holds = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let marks = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let holds = String::from_utf8_lossy(&line).contains("\0burner\0")
            && String::from_utf8_lossy(&marks).contains(&mark);
        holds.then(|| entry.file_name().to_str().unwrap().parse().unwrap())
    };
    all.filter_map(holds).collect()
}

#[test]
fn it_is_felt_and_given_back() {
    let case = case("cpu: 80%, memory: 64MiB, disk: 8MiB", "4s", 12);
    let output = case.run(&[]);
    let text = said(&output);
    let verdict = verdict(&case.out());
    // Whoever gets a fifth of its time is slower than that: the limit is the twin.
    assert_eq!(output.status.code(), Some(1), "{text}");
    let of = |id: &str| {
        let all = verdict["objectives"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id).unwrap()["verdict"].clone()
    };
    assert_eq!((of("errors"), of("slower")), ("met".into(), "violated".into()), "{text}");
    let fault = &verdict["faults"][0];
    assert_eq!((&fault["kind"], &fault["injected"]), (&"pressure".into(), &1.into()), "{fault}");
    assert!(fault["edges"]["first_unaffected"].is_u64(), "{fault}");
    let undo = std::fs::read_to_string(case.out().join("undo.jsonl")).unwrap();
    assert!(undo.contains("\"relieve\"") && undo.ends_with("{\"undone\":1}\n"), "{undo}");
    assert_eq!((fillers(&case).len(), burners(&case).len()), (0, 0));
}

#[test]
fn what_the_machine_has_not_is_no_pressure() {
    for pressure in ["memory: 1000000GiB", "disk: 1000000GiB"] {
        let case = case(pressure, "2s", 10);
        let output = case.run(&[]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(3), "{pressure}: {text}");
        let verdict = verdict(&case.out());
        assert_eq!(verdict["faults"][0]["injected"], 0, "{pressure}");
        assert!(verdict["findings"].to_string().contains("must be left"), "{pressure}: {text}");
        assert_eq!((fillers(&case).len(), burners(&case).len()), (0, 0));
    }
}

#[test]
fn a_killed_run_leaves_nothing_of_it() {
    let case = case("cpu: 90%, memory: 64MiB, disk: 8MiB", "500s", 600);
    let mut run = until(&case, "\"first_affected\"");
    assert_eq!((fillers(&case).len(), burners(&case).len()), (1, 1));
    signal(run.id(), "KILL");
    run.wait().unwrap();
    wait_for("its end", || fillers(&case).is_empty() && burners(&case).is_empty());
    let log = case.out().join("guardian.log");
    wait_for("the guardian's word", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("undone: fault `press`"))
    });
    let again = assay(&["recover", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}
