//! Faults on processes that ran before, with all who descend from them: done, seen by callers, and put right by
//! the run or its guardian; killed ones are started again by whoever supervises them, or violate the run.
//!
//! Invariant: strangers never stand still, be they of the same group or whoever supervises.
//! Not here: who belongs to a family, and numbers that were used again (`service::family`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, assay, said, signal, until, verdict, wait_for};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// A backend that somebody else's shell starts again whenever it ends, beside another process of its group.
struct Theirs {
    supervisor: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Theirs {
    fn start() -> Theirs {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let program = env!("CARGO_BIN_EXE_assay");
        let script = format!(
            "sleep 1000 & echo $! > stranger.pid
at={port}
while :; do
  {program} backend --listen 127.0.0.1:$at & echo $! > shop.pid
  wait $!
  test -e enough && wait
  test -e wanders && at=0
  sleep 0.1
done"
        );
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(folder.path()).process_group(0);
        shell.env("DATABASE_URL", "sqlite::memory:").stdin(Stdio::null());
        let supervisor = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("a backend", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Theirs { supervisor, port, folder }
    }

    fn pid(&self, of: &str) -> u32 {
        let text = std::fs::read_to_string(self.folder.path().join(of)).unwrap();
        text.trim().parse().unwrap()
    }

    /// The state letters of the backend, of the other one in its group, and of their shell.
    fn states(&self) -> String {
        let all = [self.pid("shop.pid"), self.pid("stranger.pid"), self.supervisor.id()];
        all.map(state).into_iter().collect()
    }

    /// A run with these faults, the process named by its port.
    fn case(&self, faults: &str, seconds: u64, more: &str) -> Case {
        Theirs::case_by(&format!("port: {}", self.port), faults, seconds, more)
    }

    fn case_by(by: &str, faults: &str, seconds: u64, more: &str) -> Case {
        Case::new(&format!(
            "schema: 1
name: theirs
services: {{shop: {{running-process: {{{by}}}}}}}
load:
  visitors:
    constant-arrival-rate:
      rate: 50/s
      duration: {seconds}s
      client: {{timeout: 500ms}}
      requests: [{{get: {{path: /machines/}}}}]
faults:
{faults}
steady-state: {{require: [errors], after: 1s}}
objectives: {{errors: {{error-rate: {{below: 5%}}}}}}
{more}"
        ))
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // Its whole group, which it leads.
        let group = format!("-{}", self.supervisor.id());
        _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        _ = self.supervisor.wait();
    }
}

/// One that no outgoing connection takes while its service is away.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() % 5_000;
    let ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::SeqCst));
    let mut ports = ports.map(|n| 10_000 + u16::try_from(first).unwrap() + n % 4_000);
    ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.filter(|state| *state != 'Z').unwrap_or('-')
}

/// Whether none of these letters says that it stands still.
fn goes_on(states: &str) -> bool {
    !states.contains(['T', '-'])
}

const PAUSE: &str = "  freeze: {pause: {service: shop, at: 3s, duration: 500s, recovery: 1s}}\n";

#[test]
fn it_stands_still_and_goes_on_and_comes_again_when_it_is_killed() {
    let theirs = Theirs::start();
    let (before, stranger) = (theirs.pid("shop.pid"), theirs.pid("stranger.pid"));
    let faults = "  freeze: {pause: {service: shop, at: 3s, duration: 2s, recovery: 2s}}
  crash: {kill: {service: shop, at: 8s, duration: 3s, recovery: 2s}}
";
    let more = "metrics:
  memory: {process: {service: shop, read: rss, every: 250ms}}
  starts: {process: {service: shop, read: restarts, every: 250ms}}
guards: {stop-when: [{metric: {name: memory, above: 4GiB, hold: 2s}}]}
expect:
  - recovers: {objective: errors, after: freeze.end, within: 2s, hold: 1s}
  - ready: {service: shop, after: crash.end, within: 1s}
  - metric: {name: memory, value: {above: 1MiB, below: 4GiB}}
  - metric: {name: starts, value: {at-most: 1}}
";
    let case = theirs.case(faults, 15, more);
    let output = case.run(&[]);
    let (text, card) = (said(&output), verdict(&case.out()));
    assert_eq!(output.status.code(), Some(0), "{text}");
    for fault in card["faults"].as_array().unwrap() {
        assert_eq!((&fault["asked"], &fault["injected"]), (&1.into(), &1.into()), "{fault}");
        assert!(fault["edges"]["first_unaffected"].is_u64(), "{fault}");
    }
    assert!(card["faults"][0]["seen"].as_u64().unwrap() > 30, "callers waited in vain: {text}");
    let after = theirs.pid("shop.pid");
    assert_ne!(before, after);
    assert!(text.contains(&format!("found again: assay (pid {after})")), "{text}");
    assert_eq!(stranger, theirs.pid("stranger.pid"));
    assert!(goes_on(&theirs.states()), "{}", theirs.states());
    let undo = std::fs::read_to_string(case.out().join("undo.jsonl")).unwrap();
    assert!(undo.contains("\"family\":[[") && undo.ends_with("{\"undone\":1}\n"), "{undo}");
    let again = assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

#[test]
fn one_that_nobody_starts_again_violates_the_run() {
    let theirs = Theirs::start();
    std::fs::write(theirs.folder.path().join("enough"), "").unwrap();
    let faults =
        "  crash: {kill: {service: shop, signal: TERM, at: 3s, duration: 2s, recovery: 1s}}\n";
    // By its file: what it names has ended, and nobody else has that number.
    let file = theirs.folder.path().join("shop.pid");
    let case = Theirs::case_by(&format!("pid-file: {}", file.display()), faults, 8, "");
    let output = case.run(&[]);
    let (text, card) = (said(&output), verdict(&case.out()));
    assert_eq!(output.status.code(), Some(1), "{text}");
    let of = |id: &str| card["expectations"].as_array().unwrap().iter().find(|e| e["id"] == id);
    let died = of("service shop").unwrap();
    assert_eq!(died["verdict"], "violated", "{text}");
    assert!(died["observed"].to_string().contains("nobody has started it again, 2 s"), "{died}");
    assert_eq!(card["faults"][0]["injected"], 1, "{text}");
    assert_eq!(state(theirs.pid("stranger.pid")), 'S');
}

#[test]
fn one_that_comes_again_at_another_port_is_followed_there() {
    let theirs = Theirs::start();
    std::fs::write(theirs.folder.path().join("wanders"), "").unwrap();
    let faults = "  crash: {kill: {service: shop, at: 3s, duration: 4s, recovery: 1s}}\n";
    let file = theirs.folder.path().join("shop.pid");
    let case = Theirs::case_by(&format!("pid-file: {}", file.display()), faults, 11, "");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let port = format!("127.0.0.1:{}", theirs.port);
    assert!(std::net::TcpStream::connect(port).is_err(), "it is elsewhere now");
    assert!(words(&output).contains("found again: assay (pid "), "{}", said(&output));
}

#[test]
fn a_killed_run_s_guardian_makes_it_go_on_and_others_never_stood_still() {
    let (theirs, others) = (Theirs::start(), Theirs::start());
    let case = theirs.case(PAUSE, 600, "");
    let mut run = until(&case, "\"first_affected\"");
    let states = theirs.states();
    assert!(states.starts_with('T') && goes_on(&states[1..]), "{states}");
    assert!(goes_on(&others.states()), "{}", others.states());
    // It is this run's to break.
    let second = theirs.case(PAUSE, 600, "");
    for more in [&[][..], &["--dry-run"]] {
        let refused = second.command(more).output().unwrap();
        assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
        let told = words(&refused);
        assert!(told.contains("another run breaks the process assay (pid "), "{told}");
    }
    signal(run.id(), "KILL");
    run.wait().unwrap();
    wait_for("its guardian", || goes_on(&theirs.states()));
    let log = case.out().join("guardian.log");
    wait_for("its guardian's word", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("undone: fault `freeze`"))
    });
    let recovered = assay(&["recover", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(recovered.status.code(), Some(0), "{}", said(&recovered));
    assert!(goes_on(&theirs.states()), "and nothing of theirs was ended");
}

#[test]
fn what_a_pressure_takes_is_given_back_also_by_a_guardian() {
    let theirs = Theirs::start();
    let fillers = || {
        let all = std::fs::read_dir(theirs.folder.path()).unwrap().flatten();
        all.filter(|e| e.file_name().to_string_lossy().starts_with(".assay-")).count()
    };
    let press = |lasts: &str| {
        format!(
            "  press: {{pressure: {{service: shop, cpu: 80%, memory: 32MiB, disk: 4MiB, at: 3s, duration: \
             {lasts}, recovery: 1s}}}}\n"
        )
    };
    let case = theirs.case(&press("3s"), 9, "");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(verdict(&case.out())["faults"][0]["injected"], 1, "{}", said(&output));
    assert!(fillers() == 0 && goes_on(&theirs.states()));
    let case = theirs.case(&press("500s"), 600, "");
    let mut run = until(&case, "\"first_affected\"");
    assert_eq!(fillers(), 1);
    signal(run.id(), "KILL");
    run.wait().unwrap();
    wait_for("its end", || fillers() == 0 && goes_on(&theirs.states()));
}

#[test]
fn what_may_not_be_broken_is_refused_before_anything_is_sent() {
    let theirs = Theirs::start();
    let file = theirs.folder.path().join("named.pid");
    let by = format!("pid-file: {}, port: {}", file.display(), theirs.port);
    let case = Theirs::case_by(&by, &PAUSE.replace("500s", "2s"), 9, "");
    let refused = |told: &str| {
        for word in ["run", "doctor"] {
            let mut command = assay(&[word, "case.yaml"]);
            let output = command.current_dir(case.folder.path()).output().unwrap();
            assert_eq!(output.status.code(), Some(4), "{}", said(&output));
            assert!(words(&output).contains(told), "no {told:?} in {}", said(&output));
        }
    };
    let name = |pid: u32| std::fs::write(&file, pid.to_string()).unwrap();
    // What listens there descends from this test, and so does the run.
    name(std::process::id());
    refused("so the fault would hit it as well");
    name(theirs.pid("shop.pid"));
    signal(theirs.pid("shop.pid"), "STOP");
    refused("stands still, and not by fault `freeze`: let it go on before");
    signal(theirs.pid("shop.pid"), "CONT");
    let old = std::fs::File::options().append(true).open(&file).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000)).unwrap();
    refused("which may have got the number of one that has ended");
    assert!(goes_on(&theirs.states()));
    name(theirs.pid("shop.pid"));
    of_another_user(&case, &file);
}

/// A user without rights may not signal it. Needs root.
fn of_another_user(case: &Case, file: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("assay");
    let built = env!("CARGO_BIN_EXE_assay");
    std::fs::hard_link(built, &program)
        .or_else(|_| std::fs::copy(built, &program).map(|_| ()))
        .unwrap();
    for open in [folder.path(), case.folder.path(), file.parent().unwrap()] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = Command::new("setpriv");
    command.args(nobody).arg(&program).args(["run", "case.yaml", "--dry-run"]);
    command.env("NO_COLOR", "1").current_dir(case.folder.path());
    match command.output() {
        Ok(output) if output.status.code() != Some(127) && !said(&output).contains("setpriv:") => {
            assert_eq!(output.status.code(), Some(4), "{}", said(&output));
            let told = "belongs to user 0, and this user may not signal it";
            assert!(words(&output).contains(told), "{}", said(&output));
        }
        _ => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: needs root and setpriv");
        }
    }
}

fn words(output: &Output) -> String {
    said(output).split_whitespace().collect::<Vec<_>>().join(" ")
}
