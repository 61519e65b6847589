//! Pressure by a busy neighbour, for real: on a core of its own, seen, told, ended; refused where there is none.
//!
//! Not here: cores on paper (`service::cores`), other pressures (`pressure`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

use crate::common::{Case, alone, assay, in_turn, said, signal, verdict, wait_for, was_late};
use crate::pressure::burners;
use std::process::{Child, Command, Output, Stdio};

/// Two cores where this test may run, for Assay and for its service; skips loudly where there are none.
fn two_cores() -> Option<(usize, usize)> {
    let cores = cores();
    let has_taskset = Command::new("taskset").arg("--version").output().is_ok();
    if let (true, [ours, theirs, ..]) = (has_taskset, cores.as_slice()) {
        return Some((*ours, *theirs));
    }
    eprintln!("SKIPPED: burners need two cores and `taskset`; here are {cores:?}, {has_taskset}");
    None
}

fn cores() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    numbers(list)
}

fn numbers(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse::<usize>().unwrap()..=last.parse().unwrap()
    };
    list.trim().split(',').flat_map(range).collect()
}

/// A backend, before which these words stand, under a busy neighbour that wants little: a machine that others
/// use gives it that much.
fn case(before: &str, lasts: &str, seconds: u64) -> Case {
    let program = env!("CARGO_BIN_EXE_assay");
    Case::new(&format!(
        r#"schema: 1
name: noisy
services:
  app:
    process:
      command: [{before}{program}, backend, --listen, "${{self.addr}}"]
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
  noisy: {{pressure: {{service: app, cpu: 10%, cpu-by: burners, at: 3s, duration: {lasts}, recovery: 2s}}}}
objectives:
  errors: {{error-rate: {{below: 5%}}}}
"#
    ))
}

/// The run, kept on a core.
fn on(core: usize, case: &Case) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), env!("CARGO_BIN_EXE_assay")]);
    command.args(["run", "case.yaml", "--out", "out"]).env("NO_COLOR", "1");
    command.env_remove("GITHUB_ACTIONS").current_dir(case.folder.path());
    command
}

#[test]
fn it_takes_a_core_of_its_own_and_is_told_of() {
    let Some((ours, theirs)) = two_cores() else { return };
    let case = case(&format!("taskset, -c, \"{theirs}\", "), "3s", 10);
    let mut output = alone(on(ours, &case));
    // What a busy machine makes of a good run.
    if was_late(&output) || said(&output).contains("others want that core as well") {
        std::fs::rename(case.out(), case.folder.path().join("out-late")).unwrap();
        output = alone(on(ours, &case));
    }
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let card = verdict(&case.out());
    let fault = &card["faults"][0];
    assert_eq!((&fault["kind"], &fault["injected"]), (&"pressure".into(), &1.into()), "{fault}");
    let all = card["findings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    let told =
        all.clone().find_map(|text| text.strip_prefix("fault noisy: a busy neighbour was given "));
    let told = told.unwrap_or_else(|| panic!("{card}"));
    let (share, rest) = told.split_once('%').unwrap();
    let share: f64 = share.parse().unwrap();
    assert!((5.0..=11.0).contains(&share), "{told}");
    assert!(
        rest.starts_with(&format!(" of core {theirs} (10% was asked); in each second")),
        "{told}"
    );
    // Its service is kept on that core, so nobody flees.
    assert!(!all.clone().any(|text| text.contains("can flee")), "{card}");
    assert!(burners(&case).is_empty());
}

#[test]
fn without_a_core_of_its_own_it_is_refused_before_anything_is_broken() {
    let refused = |output: &Output, case: &Case, why: &str| {
        assert_eq!(output.status.code(), Some(4), "{}", said(output));
        let card = verdict(&case.out());
        assert!(card["findings"].to_string().contains(why), "{card}");
        assert!(card["faults"][0]["edges"]["applied"].is_null(), "{card}");
        // Whoever keeps the leases holds it open before anything is started.
        let undos = std::fs::read_to_string(case.out().join("undo.jsonl")).unwrap_or_default();
        assert_eq!(undos, "");
    };
    // Where Assay may be everywhere, that is known before a service is started.
    let everywhere = case("", "2s", 9);
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
    if numbers(&online) == cores() {
        let dry = everywhere.command(&["--dry-run"]).output().unwrap();
        assert_eq!(dry.status.code(), Some(4), "{}", said(&dry));
        assert!(
            said(&dry).contains("NOT FOUND: a core for the burners of fault `noisy`"),
            "{}",
            said(&dry)
        );
    }
    refused(&everywhere.run(&[]), &everywhere, "a burner there would take from the generator");
    // A service inherits Assay's cores, which is known once it runs.
    let Some((ours, _)) = two_cores() else { return };
    let inherited = case("", "2s", 9);
    let why = format!("Assay may run on every core that `app` may ({ours})");
    refused(&in_turn(on(ours, &inherited)), &inherited, &why);
}

/// A run on one core with its service on the other, once its neighbour is busy.
fn busy(case: &Case, core: usize) -> Child {
    let mut command = on(core, case);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = case.out().join("journal.jsonl");
    wait_for("the neighbour", || {
        assert_eq!(run.try_wait().unwrap(), None, "the run ended early");
        std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("first_affected"))
    });
    assert_eq!(burners(case).len(), 1);
    run
}

#[test]
fn a_neighbour_that_somebody_ends_took_no_effect() {
    let Some((ours, theirs)) = two_cores() else { return };
    let case = case(&format!("taskset, -c, \"{theirs}\", "), "4s", 10);
    let mut run = busy(&case, ours);
    signal(burners(&case)[0], "KILL");
    assert_eq!(run.wait().unwrap().code(), Some(3));
    let card = verdict(&case.out());
    assert_eq!(card["faults"][0]["injected"], 0, "{card}");
    assert!(card["findings"].to_string().contains("had ended before its time"), "{card}");
}

#[test]
fn a_killed_run_leaves_no_neighbour() {
    let Some((ours, theirs)) = two_cores() else { return };
    let case = case(&format!("taskset, -c, \"{theirs}\", "), "500s", 600);
    let mut run = busy(&case, ours);
    signal(run.id(), "KILL");
    run.wait().unwrap();
    wait_for("its end", || burners(&case).is_empty());
}

#[test]
fn a_neighbour_ends_by_itself_and_with_whoever_started_it() {
    let core = cores()[0].to_string();
    let burner = |parent: &str, core: &str, seconds: &str| {
        format!("burner --parent {parent} --cpu-us 10000 --cores {core} --for-s {seconds}")
    };
    let own = std::process::id().to_string();
    let run = |words: String| assay(&words.split(' ').collect::<Vec<_>>()).output().unwrap();
    let ended = run(burner(&own, &core, "1"));
    assert!(ended.status.success(), "{}", said(&ended));
    assert_eq!(said(&ended), "assay: keeps the cores busy\n");
    let nowhere = run(burner(&own, "9999", "1"));
    assert!(!nowhere.status.success());
    assert!(said(&nowhere).contains("nothing can be put on core 9999"), "{}", said(&nowhere));
    // A shell that starts it and ends.
    let program = env!("CARGO_BIN_EXE_assay");
    let words = format!("{program} {} >/dev/null & echo $!", burner("$$", &core, "600"));
    let shell = Command::new("sh").args(["-c", &words]).output().unwrap();
    let pid = String::from_utf8(shell.stdout).unwrap().trim().to_owned();
    wait_for("its end", || {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !String::from_utf8_lossy(&line).contains("burner")
    });
}
