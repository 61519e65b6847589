//! The guardian against a run that dies without a word.
//!
//! Invariant: the run that dies is a real process, killed by SIGKILL; its services are real.
//! Not here: the guardian's reading of its orders (beside its code).

#![expect(clippy::unwrap_used, reason = "what the tests share may fail them as they may")]

use assay::plan::Ready;
use assay::service::{Guardian, Launch, Running, start};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// The program, which has the guardian in it.
const ASSAY: &str = env!("CARGO_BIN_EXE_assay");
/// Set for the run that dies: its folder.
const ROLE: &str = "ASSAY_TEST_RUN";
/// How long the guardian may take for everything.
const WITHIN: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(30);

/// Processes with this run's mark.
fn marked(run_id: &str) -> Vec<u32> {
    let mark = format!("ASSAY_RUN_ID={run_id}");
    let mut found = Vec::new();
    for item in std::fs::read_dir("/proc").unwrap() {
        let path = item.unwrap().path();
        // A process can go away between the look at the folder and the look at it.
        let Ok(environ) = std::fs::read(path.join("environ")) else { continue };
        if environ.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()) {
            found.extend(path.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok()));
        }
    }
    found
}

/// Waits until this holds.
fn soon(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < within, "{what} did not come within {within:?}");
        std::thread::yield_now();
    }
}

fn launch(name: &str, script: &str, run_id: &str, folder: &Path) -> Launch {
    Launch {
        name: name.to_owned(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: Vec::new(),
        cwd: folder.to_path_buf(),
        folder: folder.to_path_buf(),
        addr: ([127, 0, 0, 1], 1).into(),
        ready: Ready::Log("ready".to_owned()),
        ready_within: LONG,
        run_id: run_id.to_owned(),
        logs: folder.to_path_buf(),
        secrets: Vec::new(),
    }
}

/// A service that obeys, one that ignores SIGTERM, and one with a child in another session.
async fn services(guardian: &mut Guardian, run_id: &str, folder: &Path) -> Vec<Running> {
    let mut all = Vec::new();
    for (name, script) in [
        ("obedient", "echo ready; exec sleep 1000"),
        ("deaf", "trap '' TERM; echo ready; while :; do sleep 1000; done"),
        (
            "daemon",
            "setsid sh -c 'trap \"\" TERM HUP; echo ready; while :; do sleep 1000; done' &\nwait",
        ),
    ] {
        let mut running = start(launch(name, script, run_id, folder)).unwrap();
        guardian.watch(&running).await.unwrap();
        running.ready().await.unwrap();
        all.push(running);
    }
    all
}

/// The run that dies; nothing when run as a test.
#[tokio::test]
async fn role() {
    let Some(folder) = std::env::var_os(ROLE) else { return };
    let folder = Path::new(&folder);
    let run_id = folder.file_name().unwrap().to_str().unwrap();
    let mut guardian = Guardian::spawn(Path::new(ASSAY), run_id, folder).await.unwrap();
    let running = services(&mut guardian, run_id, folder).await;
    writeln!(std::io::stdout(), "\nguardian {}", guardian.pid().unwrap()).unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    drop(running);
}

struct Run {
    child: Child,
    _input: ChildStdin,
    guardian: u32,
    id: String,
}

/// Starts [`role`] in a process of its own and waits until its services run.
fn run_in(folder: &Path) -> Run {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["role", "--exact", "--nocapture"])
        .env(ROLE, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let guardian = lines
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("guardian ").map(|pid| pid.parse().unwrap()))
        .expect("the run says its guardian");
    let input = child.stdin.take().unwrap();
    let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
    // obedient, deaf and its sleep, daemon, its child and that one's sleep.
    soon("every process", LONG, || marked(&id).len() >= 6);
    Run { child, _input: input, guardian, id }
}

fn is_alive(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|text| !text.is_empty())
}

#[test]
fn a_killed_run_leaves_nothing_behind() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join(format!("killed-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let mut run = run_in(&folder);
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    soon("the end of all", WITHIN, || marked(&run.id).is_empty() && !is_alive(run.guardian));
    let log = std::fs::read_to_string(folder.join("guardian.log")).unwrap();
    for text in ["watched deaf", "killed: sh", "nothing of the run is left"] {
        assert!(log.contains(text), "{log}");
    }
}

#[test]
fn the_guardian_is_deaf_and_needs_no_folder() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join(format!("deaf-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let mut run = run_in(&folder);
    for signal in ["-INT", "-TERM", "-HUP", "-QUIT"] {
        let sent = Command::new("kill").args([signal, &run.guardian.to_string()]).status();
        assert!(sent.unwrap().success());
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(is_alive(run.guardian));
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    soon("the end of all", WITHIN, || marked(&run.id).is_empty() && !is_alive(run.guardian));
}

#[tokio::test]
async fn a_dismissed_guardian_leaves_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let run_id = format!("dismissed-{}", std::process::id());
    let mut guardian = Guardian::spawn(Path::new(ASSAY), &run_id, folder.path()).await.unwrap();
    let pid = guardian.pid().unwrap();
    for running in services(&mut guardian, &run_id, folder.path()).await {
        let stopped = running.stop(Duration::from_millis(200)).await;
        assert!(stopped.left.is_empty() && stopped.blind.is_none(), "{stopped:?}");
    }
    assert_eq!(marked(&run_id), Vec::<u32>::new());
    guardian.dismiss().await.unwrap();
    assert!(!is_alive(pid));
    assert!(!folder.path().join("guardian.log").exists());
}

#[tokio::test]
async fn a_guardian_that_is_not_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["/bin/true", "/nonexistent/assay"] {
        assert!(Guardian::spawn(Path::new(program), "x", folder.path()).await.is_err());
    }
}
