//! What faults break beside links is put right: by the run, by its guardian when the run is killed,
//! and by `assay recover` when both were.
//!
//! Invariant: the runs are real processes, killed by SIGKILL; the world is looked at afterwards.
//! Not here: faults on links, which vanish with the run; processes that outlive it (`guardian`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, assay, guardian, said, signal, until, verdict, wait_for};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A backend whose shell says in a file that it was told to end, which it can only when it goes on.
/// It writes no log, since nobody reads one any more when the run is killed, and is in a session of
/// its own: the kernel itself makes a stopped group go on that loses its last parent.
pub(crate) fn frozen(duration: &str) -> Case {
    let case = Case::new(&format!(
        r#"schema: 1
name: frozen
services:
  app:
    process:
      command: [sh, -c, "trap '' HUP; setsid bash ./inner.sh $1 & wait", sh, "${{self.addr}}"]
      env: {{DATABASE_URL: "sqlite::memory:"}}
      ready: {{http: /health, within: 20s}}
load:
  a:
    constant-arrival-rate:
      rate: 50/s
      duration: {}s
      client: {{timeout: 300ms}}
      requests: [{{get: {{path: /machines/}}}}]
faults:
  freeze: {{pause: {{service: app, at: 3s, duration: {duration}, recovery: 2s}}}}
objectives: {{errors: {{error-rate: {{below: 5%}}}}}}
"#,
        if duration == "600s" { 700 } else { 12 }
    ));
    let inner = format!(
        "trap 'echo told > ended; kill $!; exit 0' TERM
{} backend --listen \"$1\" >/dev/null 2>&1 &
echo pid=$$
wait
",
        env!("CARGO_BIN_EXE_assay")
    );
    std::fs::write(case.folder.path().join("inner.sh"), inner).unwrap();
    case
}

/// The state letter of the backend's shell; none if it is gone.
pub(crate) fn state(case: &Case) -> Option<char> {
    let log = std::fs::read_to_string(case.out().join("logs/app.log")).unwrap();
    let pid = log.lines().find_map(|line| line.strip_prefix("pid=")).unwrap().to_owned();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next().filter(|state| *state != 'Z')
}

fn guardian_s_log(case: &Case) -> String {
    let log = case.out().join("guardian.log");
    wait_for("the guardian's last words", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("undone"))
    });
    std::fs::read_to_string(&log).unwrap()
}

const FIRST_AFFECTED: &str = "\"first_affected\"";

#[test]
fn a_pause_shows_and_passes() {
    let case = frozen("3s");
    let output = case.run(&[]);
    let text = said(&output);
    let verdict = verdict(&case.out());
    assert_eq!(output.status.code(), Some(0), "{text}");
    let fault = &verdict["faults"][0];
    assert_eq!(
        (&fault["kind"], &fault["asked"], &fault["injected"]),
        (&"pause".into(), &1.into(), &1.into()),
        "{fault}"
    );
    assert!(fault["seen"].as_u64().unwrap() > 50, "callers waited in vain: {fault}");
    let edges = &fault["edges"];
    for edge in ["applied", "first_affected", "cleared", "first_unaffected"] {
        assert!(edges[edge].is_u64(), "{edge}: {fault}");
    }
    let undo = std::fs::read_to_string(case.out().join("undo.jsonl")).unwrap();
    assert!(undo.contains("\"continue\"") && undo.ends_with("{\"undone\":1}\n"), "{undo}");
    // It went on, so it could be told to end.
    assert!(case.folder.path().join("ended").exists());
}

#[test]
fn a_killed_run_s_guardian_makes_it_go_on() {
    let case = frozen("600s");
    let mut run = until(&case, FIRST_AFFECTED);
    assert_eq!(state(&case), Some('T'));
    signal(run.id(), "KILL");
    run.wait().unwrap();
    assert!(guardian_s_log(&case).contains("undone: fault `freeze`"));
    wait_for("its end", || state(&case).is_none());
    assert!(case.folder.path().join("ended").exists(), "it went on before it was ended");
    let again = assay(&["recover", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

#[test]
fn what_was_broken_by_a_run_whose_directory_is_gone_is_undone() {
    let case = frozen("600s");
    let mut run = until(&case, FIRST_AFFECTED);
    assert_eq!(state(&case), Some('T'));
    std::fs::remove_dir_all(case.out()).unwrap();
    signal(run.id(), "KILL");
    run.wait().unwrap();
    assert!(guardian_s_log(&case).contains("undone: fault `freeze`"));
    wait_for("its end", || case.folder.path().join("ended").exists());
}

#[test]
fn recover_undoes_what_both_left() {
    let case = frozen("600s");
    let mut run = until(&case, FIRST_AFFECTED);
    let out = case.out();
    let recover = || assay(&["recover", out.to_str().unwrap()]).output().unwrap();
    let going = recover();
    assert_eq!(going.status.code(), Some(4), "{}", said(&going));
    // A run that stands still cannot replace its guardian.
    signal(run.id(), "STOP");
    signal(guardian(run.id()).unwrap(), "KILL");
    signal(run.id(), "KILL");
    run.wait().unwrap();
    assert_eq!(state(&case), Some('T'), "nobody is left who could make it go on");
    let recovered = recover();
    let text = said(&recovered);
    assert_eq!(recovered.status.code(), Some(0), "{text}");
    assert!(text.contains("undone: fault `freeze`"), "{text}");
    assert!(text.contains("ended\n") && text.contains("nothing of"), "{text}");
    wait_for("its end", || state(&case).is_none());
    let twice = recover();
    assert_eq!(twice.status.code(), Some(0), "{}", said(&twice));
    assert!(!said(&twice).contains("undone"), "{}", said(&twice));
}

/// A run against a server that is always well, with this command.
fn commanded(addr: std::net::SocketAddr, settings: &str, load: &str) -> Case {
    Case::new(&format!(
        "schema: 1
name: commanded
services: {{app: {{url: \"http://{addr}\"}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, {load}, requests: [{{get: {{path: /}}}}]}}}}}}
faults: {{deploy: {{command: {{{settings}, at: 3s, recovery: 1s}}}}}}
steady-state: {{after: 500ms}}
objectives: {{none: {{error-count: {{at-most: 0, during: [all]}}}}}}
"
    ))
}

fn there(case: &Case, name: &str) -> PathBuf {
    case.folder.path().join(name)
}

fn recover(dir: &Path) -> (Option<i32>, String) {
    let output = assay(&["recover", dir.to_str().unwrap()]).output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn a_command_s_end_ends_its_fault_and_the_load_that_waits_for_it() {
    let server = Server::ok();
    let command = "shell: \"sleep 1; echo rolled\", undo: [touch, undone], timeout: 60s";
    let case = commanded(server.addr, command, "until: deploy.end + 4s");
    let output = case.run(&[]);
    let (text, verdict) = (said(&output), verdict(&case.out()));
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("load a ends 4 s after the end of fault `deploy`"), "{text}");
    let fault = &verdict["faults"][0];
    assert_eq!((&fault["asked"], &fault["injected"]), (&1.into(), &1.into()), "{fault}");
    let at = |edge: &str| fault["edges"][edge].as_u64().unwrap();
    let lasted = at("cleared") - at("applied");
    assert!((900_000..10_000_000).contains(&lasted), "{lasted}");
    assert!(server.seen() < 50 * 30, "{}", server.seen());
    let log = std::fs::read_to_string(case.out().join("logs/fault_deploy.log")).unwrap();
    assert!(log.contains("rolled"), "{log}");
    assert!(there(&case, "undone").exists(), "undone when the run ends");
    let again = assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

#[test]
fn a_command_that_fails_ends_the_run_and_is_undone() {
    let server = Server::ok();
    let fails = "shell: \"echo no quorum; exit 3\", undo: [touch, undone], timeout: 60s";
    let case = commanded(server.addr, fails, "duration: 70s");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("exited with status 3, saying \"no quorum\""), "{text}");
    assert!(there(&case, "undone").exists());

    let slow = "run: [sleep, \"1000\"], timeout: 1s";
    let case = commanded(server.addr, slow, "duration: 10s");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("was still running after its timeout 1 s"), "{}", said(&output));
}

#[test]
fn what_is_still_broken_is_told_though_the_run_directory_is_gone() {
    let server = Server::ok();
    let fails = "run: [\"true\"], undo: [sh, -c, \"exit 3\"], timeout: 60s";
    let case = commanded(server.addr, fails, "until: deploy.end + 3s");
    let run = until(&case, "\"applied\"");
    std::fs::remove_dir_all(case.out()).unwrap();
    let output = run.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("still broken: fault `deploy` is not undone"), "{text}");
    assert!(text.contains("sh -c 'exit 3'"), "the command that mends it: {text}");
}

#[test]
fn an_undo_that_fails_is_five_until_it_is_mended() {
    let server = Server::ok();
    let fails = "run: [\"true\"], undo: [sh, -c, \"test -e mended\"], timeout: 60s";
    let case = commanded(server.addr, fails, "until: deploy.end + 3s");
    let output = case.run(&[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    let by_hand = "&& sh -c 'test -e mended'`";
    let told = String::from_utf8_lossy(&output.stdout).matches("is not undone").count();
    assert_eq!(told, 1, "once: {text}");
    assert!(text.contains("fault `deploy` is not undone") && text.contains(by_hand), "{text}");
    let (code, text) = recover(&case.out());
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains(by_hand), "{text}");
    std::fs::write(there(&case, "mended"), "").unwrap();
    assert_eq!(recover(&case.out()).0, Some(0));
    assert_eq!(recover(&case.out()).0, Some(0));
}

#[test]
fn a_killed_run_s_command_is_ended_and_undone() {
    let server = Server::ok();
    let command = "shell: \"echo began > began; sleep 1000\", undo: [sh, -c, \"ls began > undone\"], timeout: 600s";
    let case = commanded(server.addr, command, "until: deploy.end + 3s");
    let mut run = until(&case, "\"applied\"");
    wait_for("the command", || there(&case, "began").exists());
    signal(run.id(), "KILL");
    run.wait().unwrap();
    assert!(guardian_s_log(&case).contains("undone: fault `deploy`"));
    assert!(there(&case, "undone").exists());
}

/// What tidies up needs a system that is whole again, however the run came to its end.
#[test]
fn a_teardown_comes_after_what_a_command_broke_is_undone() {
    for (command, interrupt) in [("touch broken", false), ("touch broken; sleep 1000", true)] {
        let server = Server::ok();
        let settings = format!("shell: \"{command}\", undo: [rm, broken], timeout: 60s");
        let case = commanded(server.addr, &settings, "until: deploy.end + 3s");
        let path = there(&case, "case.yaml");
        let teardown = "teardown: [{command: {run: [sh, -c, \"test ! -e broken\"]}}]\n";
        let text = std::fs::read_to_string(&path).unwrap() + teardown;
        std::fs::write(&path, text).unwrap();
        let output = if interrupt {
            let run = until(&case, "\"applied\"");
            wait_for("the command", || there(&case, "broken").exists());
            signal(run.id(), "INT");
            run.wait_with_output().unwrap()
        } else {
            case.run(&[])
        };
        let text = said(&output);
        let code = if interrupt { 130 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let ours = "its command was still running when the run ended, so we ended it";
        assert_eq!(words.contains(ours), interrupt, "{text}");
    }
}

/// A backend that a program in the scenario's folder starts, killed at 3 s for so long.
fn killed(duration: &str, more: &str) -> Case {
    let case = Case::new(&format!(
        r#"schema: 1
name: killed
services:
  app:
    process:
      command: [./start, "${{self.addr}}"]
      env: {{DATABASE_URL: "sqlite::memory:"}}
      ready: {{http: /health, within: 20s}}
load:
  a:
    constant-arrival-rate:
      {{rate: 20/s, duration: 12s, requests: [{{get: {{path: /machines/}}}}]}}
faults: {{down: {{kill: {{service: app, at: 3s, duration: {duration}, recovery: 1s}}}}}}
objectives: {{errors: {{error-rate: {{below: 5%}}}}}}
{more}"#
    ));
    let start =
        format!("#!/bin/sh\nexec {} backend --listen \"$1\"\n", env!("CARGO_BIN_EXE_assay"));
    let program = there(&case, "start");
    std::fs::write(&program, start).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    case
}

#[test]
fn a_service_whose_program_was_taken_away_meanwhile_is_told_and_undecided() {
    let case = killed("2s", "");
    let run = until(&case, FIRST_AFFECTED);
    std::fs::remove_file(there(&case, "start")).unwrap();
    let output = run.wait_with_output().unwrap();
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_ne!(output.status.code(), Some(0), "{text}");
    let verdict = verdict(&case.out());
    let all = verdict["expectations"].as_array().unwrap();
    let service = all.iter().find(|one| one["id"] == "service app").unwrap();
    assert_eq!(service["verdict"], "inconclusive", "{service}");
    let why = service["reason"].as_str().unwrap();
    for part in
        ["did not come back after fault `down`", "`./start` is not there any more", "ENOENT"]
    {
        assert!(why.contains(part), "{why}");
    }
}

/// It is started again for that, and only for that.
#[test]
fn a_teardown_meets_a_service_that_a_fault_had_ended() {
    for (more, again) in [("teardown: [{get: {path: /machines/}}]\n", true), ("", false)] {
        let case = killed("8s", more);
        let run = until(&case, FIRST_AFFECTED);
        signal(run.id(), "INT");
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", said(&output));
        let log = std::fs::read_to_string(case.out().join("journal.jsonl")).unwrap();
        assert_eq!(log.contains(", again"), again, "{log}");
    }
}
