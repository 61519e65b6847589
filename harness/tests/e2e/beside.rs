//! What takes its time with one service holds up no other fault, and waits for what came before on its own;
//! a service that never comes back is not passed over.
//!
//! Not here: how faults are put right (`undo`), containers (`containers`).

use crate::common::{Case, said, verdict};
use std::time::Duration;

/// A service that takes three seconds to end once it is told to, beside one under load.
fn slow_to_end() -> Case {
    let program = env!("CARGO_BIN_EXE_assay");
    Case::new(&format!(
        r#"schema: 1
name: slow-to-end
services:
  slow:
    process:
      command: [sh, -c, "trap 'sleep 3; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]
      ready: {{log: ready}}
  app:
    process:
      command: [{program}, backend, --listen, "${{self.addr}}"]
      env: {{DATABASE_URL: "sqlite::memory:"}}
      ready: {{http: /health, within: 20s}}
links: {{front: {{to: app}}}}
load:
  a:
    constant-arrival-rate:
      rate: 50/s
      duration: 14s
      to: front
      client: {{timeout: 5s}}
      requests: [{{get: {{path: /machines/}}}}]
faults:
  end: {{kill: {{service: slow, signal: TERM, at: 2s, duration: 500ms, recovery: 500ms}}}}
  cut: {{error: {{link: front, status: 503, affects: {{share: 50%}}, at: 2200ms, duration: 500ms, recovery: 500ms}}}}
  freeze: {{pause: {{service: app, at: 2400ms, duration: 300ms, recovery: 500ms}}}}
  squeeze: {{pressure: {{service: slow, cpu: 50%, at: 3s, duration: 500ms, recovery: 500ms}}}}
objectives: {{errors: {{error-rate: {{below: 50%, during: [all]}}}}}}
"#
    ))
}

#[test]
fn a_service_that_ends_slowly_holds_up_no_fault_but_its_own() {
    let case = slow_to_end();
    let output = case.run(&[]);
    let (text, verdict) = (said(&output), verdict(&case.out()));
    let at = |fault: &str, edge: &str| {
        let all = verdict["faults"].as_array().unwrap();
        let fault = all.iter().find(|one| one["name"] == fault).unwrap();
        let us =
            fault["edges"][edge].as_u64().unwrap_or_else(|| panic!("{edge} of {fault}: {text}"));
        Duration::from_micros(us)
    };
    let begun = at("end", "applied");
    assert!(at("end", "first_affected") - begun >= Duration::from_secs(3), "{text}");
    for other in ["cut", "freeze"] {
        for edge in ["applied", "cleared"] {
            let after = at(other, edge).saturating_sub(begun);
            assert!(after < Duration::from_millis(2500), "{edge} of {other}: {after:?}: {text}");
        }
    }
    // The twin: on the same service one thing is done at a time, in the order in which it came due.
    assert!(at("squeeze", "asked") < at("end", "first_affected"), "{text}");
    assert!(at("squeeze", "applied") >= at("end", "first_affected"), "{text}");
}

/// Two services that nobody calls are killed; one of them is ready again.
#[test]
fn a_service_that_is_not_ready_again_violates_the_run_though_all_calls_went_well() {
    let program = env!("CARGO_BIN_EXE_assay");
    let case = Case::new(&format!(
        r#"schema: 1
name: not-back
services:
  app:
    process:
      command: [{program}, backend, --listen, "${{self.addr}}"]
      env: {{DATABASE_URL: "sqlite::memory:"}}
      ready: {{http: /health, within: 20s}}
  well: {{process: {{command: [sh, -c, "echo ready; exec sleep 60"], ready: {{log: ready, within: 4s}}}}}}
  ill:
    process:
      command: [sh, -c, "test -e ${{run.dir}}/seen || echo ready; touch ${{run.dir}}/seen; exec sleep 60"]
      ready: {{log: ready, within: 4s}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 10s, to: app, requests: [{{get: {{path: /machines/}}}}]}}}}}}
faults:
  first: {{kill: {{service: well, at: 5s, duration: 500ms, recovery: 500ms}}}}
  then: {{kill: {{service: ill, at: 6s, duration: 500ms, recovery: 500ms}}}}
objectives: {{errors: {{error-rate: {{below: 5%, during: [all]}}}}}}
"#
    ));
    let output = case.run(&[]);
    let (text, verdict) = (said(&output), verdict(&case.out()));
    assert_eq!(
        (output.status.code(), &verdict["verdict"]),
        (Some(1), &"violated".into()),
        "{text}"
    );
    let told = |id: &str| {
        let all = verdict["expectations"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id).map(|one| one["reason"].to_string())
    };
    assert_eq!(told("service well"), None, "{text}");
    let why = told("service ill").unwrap_or_else(|| panic!("{text}"));
    assert!(why.contains("did not come back after fault `then`"), "{why}");
    assert_eq!(told("errors"), None);
}
