//! The guardian against a run that dies without a word.
//!
//! Invariant: the run that dies is a real process, killed by SIGKILL; its services are real.
//! Not here: the guardian's reading of its orders (beside its code).

#![expect(clippy::unwrap_used, reason = "what the tests share may fail them as they may")]

use assay::plan::Ready;
use assay::service::{Exit, Guardian, Hurry, KillEffect, Launch, Running, start};
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
        tap: None,
    }
}

/// A service that obeys, one that ignores SIGTERM, one with a child in another session, and one
/// that has lost its marks.
async fn services(guardian: &mut Guardian, run_id: &str, folder: &Path) -> Vec<Running> {
    let mut all = Vec::new();
    for (name, script) in [
        ("obedient", "echo ready; exec sleep 1000"),
        ("deaf", "trap '' TERM; echo ready; while :; do sleep 1000; done"),
        ("bare", "echo ready; exec env -i sleep 1000"),
        (
            "daemon",
            "setsid sh -c 'trap \"\" TERM HUP; echo ready; while :; do sleep 1000; done' &\nwait",
        ),
    ] {
        let running = start(launch(name, script, run_id, folder)).unwrap();
        guardian.watch(&running).await.unwrap();
        running.ready().await.unwrap();
        all.push(running);
    }
    all
}

/// A service that was killed twice and started again. It has lost its marks, so that only the last
/// process's watch leads to it.
async fn reborn(guardian: &mut Guardian, run_id: &str, folder: &Path) -> Running {
    let launch = launch("reborn", "echo ready; exec env -i sleep 1000", run_id, folder);
    let mut running = start(launch).unwrap();
    guardian.watch(&running).await.unwrap();
    for _ in 0..2 {
        running.ready().await.unwrap();
        let killed = running.kill(9, &Hurry::default()).unwrap().await;
        assert_eq!(killed.effect, KillEffect::Gone(Exit::Signal(9)));
        let next = running.restart(&Hurry::default()).await.unwrap();
        running.follow(next);
        guardian.watch(&running).await.unwrap();
    }
    running.ready().await.unwrap();
    running
}

/// The run that dies; nothing when run as a test.
#[tokio::test]
async fn role() {
    let Some(folder) = std::env::var_os(ROLE) else { return };
    let folder = Path::new(&folder);
    let run_id = folder.file_name().unwrap().to_str().unwrap();
    let mut guardian = Guardian::spawn(Path::new(ASSAY), run_id, folder).await.unwrap();
    let mut running = services(&mut guardian, run_id, folder).await;
    running.push(reborn(&mut guardian, run_id, folder).await);
    let mut out = std::io::stdout();
    for service in &running {
        writeln!(out, "\nservice {}", service.pid()).unwrap();
    }
    writeln!(out, "\nguardian {}", guardian.pid().unwrap()).unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    drop(running);
}

struct Run {
    child: Child,
    _input: ChildStdin,
    guardian: u32,
    services: Vec<u32>,
    id: String,
}

impl Run {
    /// Nothing with its mark, none of its services, no guardian.
    fn is_gone(&self) -> bool {
        marked(&self.id).is_empty()
            && !self.services.iter().any(|pid| is_alive(*pid))
            && !is_alive(self.guardian)
    }
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
    let mut services = Vec::new();
    let mut guardian = None;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    while guardian.is_none() {
        let line = lines.next().expect("the run says its guardian");
        services.extend(line.strip_prefix("service ").map(|pid| pid.parse::<u32>().unwrap()));
        guardian = line.strip_prefix("guardian ").map(|pid| pid.parse().unwrap());
    }
    assert_eq!(services.len(), 5);
    let input = child.stdin.take().unwrap();
    let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
    // obedient, deaf and its sleep, daemon, its child and that one's sleep.
    soon("every process", LONG, || marked(&id).len() >= 6);
    Run { child, _input: input, guardian: guardian.unwrap(), services, id }
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
    soon("the end of all", WITHIN, || run.is_gone());
    let log = std::fs::read_to_string(folder.join("guardian.log")).unwrap();
    for text in ["watched deaf", "killed: sh", "nothing of the run is left"] {
        assert!(log.contains(text), "{log}");
    }
    assert_eq!(log.matches("watched reborn").count(), 3, "{log}");
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
    assert!(run.services.iter().all(|pid| is_alive(*pid)) && is_alive(run.guardian));
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    soon("the end of all", WITHIN, || run.is_gone());
}

#[tokio::test]
async fn a_dismissed_guardian_leaves_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let run_id = format!("dismissed-{}", std::process::id());
    let mut guardian = Guardian::spawn(Path::new(ASSAY), &run_id, folder.path()).await.unwrap();
    let pid = guardian.pid().unwrap();
    // A session of its own, and none of our outputs: a pipe that CI reads would stay open.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!((fields[2], fields[3]), (pid.to_string().as_str(), pid.to_string().as_str()));
    let leads_to = |of: &str, fd: u32| std::fs::read_link(format!("/proc/{of}/fd/{fd}")).unwrap();
    let null = Path::new("/dev/null");
    for (own, theirs) in [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2)] {
        let ours = leads_to("self", own);
        assert!(ours == null || ours != leads_to(&pid.to_string(), theirs), "{ours:?}");
    }
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
