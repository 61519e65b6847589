//! A process that leaves its service's group and clears its environment does not outlive the run:
//! not its normal end, not Ctrl-C, not `kill -9`.
//!
//! Not here: what cannot be ended (`still_broken`), the guardian alone (`guardian`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, beside_a_backend, said, signal, under_way, verdict, wait_for};

/// A service that starts a process in a session of its own, without any environment and without
/// a parent, and then serves. `seconds` of load.
fn case(seconds: u64, first: &str) -> Case {
    let escape = "(setsid env -i sh -c 'echo escaped=$$; exec sleep 1000' &)";
    let first = format!("{first}\n          {escape}");
    beside_a_backend("escape", env!("CARGO_BIN_EXE_assay"), &first, "", seconds)
}

fn escaped(case: &Case) -> u32 {
    let log = std::fs::read_to_string(case.out().join("logs/app.log")).unwrap();
    log.lines().find_map(|line| line.strip_prefix("escaped=")).unwrap().parse().unwrap()
}

/// Whether it runs: `sleep`, not one that was given its number since.
fn is_alive(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.starts_with(b"sleep\x001000"))
}

fn findings(case: &Case) -> String {
    verdict(&case.out())["findings"].to_string()
}

#[test]
fn it_is_ended_and_named_at_a_normal_end() {
    let case = case(2, "");
    let output = case.run(&[]);
    let pid = escaped(&case);
    assert!(!is_alive(pid), "{}", said(&output));
    let text = format!("sleep (pid {pid}) had left its service and carried no mark");
    assert!(findings(&case).contains(&text), "{}", findings(&case));
    assert_ne!(output.status.code(), Some(5), "{}", said(&output));
    assert_eq!(verdict(&case.out())["exit_code"], output.status.code().unwrap());
}

#[test]
fn it_is_ended_and_named_after_ctrl_c() {
    let case = case(60, "");
    let child = under_way(&case);
    let pid = escaped(&case);
    assert!(is_alive(pid));
    signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert!(!is_alive(pid), "{}", said(&output));
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(findings(&case).contains(&format!("(pid {pid}) had left")), "{}", findings(&case));
}

#[test]
fn the_guardian_ends_it_after_kill_9() {
    let case = case(60, "");
    let mut child = under_way(&case);
    let pid = escaped(&case);
    assert!(is_alive(pid));
    crate::common::wait_for_looks(child.id());
    signal(child.id(), "KILL");
    child.wait().unwrap();
    wait_for("its end", || !is_alive(pid));
    wait_for("the guardian's word", || {
        std::fs::read_to_string(case.out().join("guardian.log"))
            .is_ok_and(|log| log.contains("nothing of the run is left"))
    });
    let log = std::fs::read_to_string(case.out().join("guardian.log")).unwrap();
    assert!(log.contains(&format!("asked to end: sleep (pid {pid})")), "{log}");
}

#[test]
fn what_was_there_before_the_run_stays() {
    let case = case(2, "");
    let run = case.command(&[]);
    let words: Vec<String> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .collect();
    // A child that this shell leaves to the program that it becomes.
    let script = "sleep 1000 >/dev/null 2>&1 & echo before=$!; exec \"$0\" \"$@\"";
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .args(&words)
        .current_dir(case.folder.path())
        .output()
        .unwrap();
    let text = said(&output);
    let before = text.lines().find_map(|line| line.strip_prefix("before=")).unwrap();
    let before: u32 = before.parse().unwrap();
    assert!(is_alive(before), "{text}");
    signal(before, "KILL");
    assert!(!is_alive(escaped(&case)), "{text}");
    assert!(!findings(&case).contains(&format!("(pid {before})")), "{}", findings(&case));
}

#[test]
fn adopted_children_that_have_ended_do_not_pile_up() {
    let case = case(60, "for i in 1 2 3 4 5 6 7 8 9; do (setsid true &) ; done");
    let child = under_way(&case);
    let run = child.id();
    let zombies = || {
        let of_run = |stat: &String| {
            let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            fields[0] == "Z" && fields[1] == run.to_string()
        };
        let stats = std::fs::read_dir("/proc").unwrap().flatten();
        let stats = stats.filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok());
        stats.filter(of_run).count()
    };
    wait_for("every ended child to be reaped", || zombies() == 0);
    signal(run, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
}
