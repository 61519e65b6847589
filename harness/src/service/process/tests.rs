//! Real processes: started, captured, stopped, killed, swept.
//!
//! Not here: readiness by HTTP and port (`ready`), our own death (`tests/guardian.rs`).

use super::*;
use crate::clock::Clock;
use crate::service::{Log, Written};
use std::path::Path;

const LONG: Duration = Duration::from_secs(30);

fn shell(script: &str, folder: &Path) -> Launch {
    Launch::example(&["sh", "-c", script], folder)
}

/// The process numbers that a script printed as `name=number` lines.
fn number(log: &str, name: &str) -> i32 {
    let line = log.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("no {name} in {log}")).parse().unwrap()
}

fn is_alive(pid: i32) -> bool {
    table::entry(pid).unwrap().is_some_and(|entry| !entry.is_gone())
}

/// Polls: the kernel tells nobody but the parent about an end.
async fn gone(pid: i32) {
    let clock = Clock::start();
    while is_alive(pid) {
        assert!(clock.now().0 < 20_000_000, "{pid} is still alive");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_service_lives_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo out; echo err >&2; echo id=$ASSAY_RUN_ID $ASSAY_SERVICE $X; pwd -P; \
                  cat; echo ready; exec sleep 1000";
    let mut launch = shell(script, folder.path());
    launch.env = vec![("X".into(), "a b".into()), ("ASSAY_RUN_ID".into(), "forged".into())];
    let run_id = launch.run_id.clone();
    let running = start(launch).unwrap();
    running.ready().await.unwrap();
    assert_eq!((running.name(), running.addr().port()), ("api", 1));
    let entry = table::entry(running.pid()).unwrap().unwrap();
    assert_eq!((entry.pgid, entry.start), (running.pid(), running.start_time()));
    let stopped = running.stop(LONG).await;
    assert_eq!((stopped.how, &stopped.exit), (How::Asked, &Exit::Signal(15)));
    assert_eq!((stopped.swept.len(), stopped.left.len(), &stopped.blind), (0, 0, &None));
    let Log { written, held_by } = stopped.log(LONG).await;
    assert_eq!(held_by, None);
    let log = std::fs::read_to_string(folder.path().join("api.log")).unwrap();
    let here = folder.path().canonicalize().unwrap();
    let wanted = format!("out\nerr\nid={run_id} api a b\n{}\nready\n", here.display());
    assert_eq!(log, wanted);
    assert_eq!(written, Written { lines: 5, dropped: 0, why: None });
}

#[tokio::test]
async fn a_silent_service_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(shell("exec sleep 1000", folder.path())).unwrap();
    let stopped = running.stop(LONG).await;
    assert_eq!(stopped.how, How::Asked);
    assert_eq!(stopped.log(LONG).await.written.lines, 0);
}

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let running = start(shell(script, folder.path())).unwrap();
    running.ready().await.unwrap();
    let stopped = running.stop(Duration::from_millis(100)).await;
    assert_eq!((stopped.how, stopped.exit), (How::Killed, Exit::Signal(9)));
    assert!(stopped.left.is_empty());
}

#[tokio::test]
async fn a_death_is_seen_at_once_and_its_children_are_ended() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 1000 & echo child=$!; echo ready; exit 7";
    let running = start(shell(script, folder.path())).unwrap();
    assert_eq!(running.exited().await, Exit::Code(7));
    let stopped = running.stop(LONG).await;
    assert_eq!((stopped.how, &stopped.exit), (How::Already, &Exit::Code(7)));
    assert_eq!(stopped.exit.to_string(), "exited with status 7");
    stopped.log(LONG).await;
    let log = std::fs::read_to_string(folder.path().join("api.log")).unwrap();
    gone(number(&log, "child")).await;
}

#[tokio::test]
async fn one_that_left_the_group_is_swept_and_other_services_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let script = "setsid sh -c 'trap \"\" TERM; echo stray=$$; echo ready; \
                  while :; do sleep 1000; done' & exec sleep 1000";
    let running = start(shell(script, folder.path())).unwrap();
    let mut neighbor = shell("echo ready; exec sleep 1000", folder.path());
    neighbor.name = "other".into();
    let neighbor = start(neighbor).unwrap();
    running.ready().await.unwrap();
    neighbor.ready().await.unwrap();
    let log = std::fs::read_to_string(folder.path().join("api.log")).unwrap();
    let stray = number(&log, "stray");
    assert!(is_alive(stray));
    let stopped = running.stop(LONG).await;
    assert!(stopped.swept.iter().any(|s| s.contains(&format!("(pid {stray})"))), "{stopped:?}");
    assert!(stopped.left.is_empty(), "{stopped:?}");
    gone(stray).await;
    assert!(is_alive(neighbor.pid()));
    assert_eq!(neighbor.stop(LONG).await.how, How::Asked);
}

#[tokio::test]
async fn in_a_hurry_all_are_asked_at_once_and_who_is_deaf_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; setsid sh -c 'echo stray=$$; echo ready; while :; do sleep 1000; \
                  done' & while :; do sleep 1000; done";
    let running = start(shell(script, folder.path())).unwrap();
    running.ready().await.unwrap();
    let (pid, stray) = (running.pid(), number(&read(folder.path()), "stray"));
    let stopped = running.stop_now(Duration::from_millis(200)).await;
    assert_eq!((stopped.how, &stopped.exit), (How::Killed, &Exit::Signal(9)));
    let label = |pid| format!("sh (pid {pid})");
    assert!(stopped.swept.contains(&label(stray)) && !stopped.swept.contains(&label(pid)));
    assert!(stopped.left.is_empty() && stopped.blind.is_none(), "{stopped:?}");
    assert!(!is_alive(stray) && !is_alive(pid));
    assert_eq!(stopped.log(LONG).await.held_by, None);
}

/// Nobody adopts orphans in this process, so this one is lost but for the log that it holds.
#[tokio::test]
async fn whoever_escaped_every_search_is_betrayed_by_the_log_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let script = "(setsid env -i sh -c 'echo escaped=$$; echo ready; exec sleep 1000' &); \
                  exec sleep 1000";
    let running = start(shell(script, folder.path())).unwrap();
    running.ready().await.unwrap();
    let escaped = number(&read(folder.path()), "escaped");
    let stopped = running.stop(LONG).await;
    assert!(stopped.left.is_empty() && stopped.blind.is_none(), "{stopped:?}");
    let log = stopped.log(Duration::from_millis(100)).await;
    let holders = log.held_by.unwrap();
    assert!(holders.iter().any(|holder| holder.pid == escaped), "{holders:?}");
    let entry = table::entry(escaped).unwrap().unwrap();
    assert!(table::signal(&entry, rustix::process::Signal::KILL));
    gone(escaped).await;
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("api.log")).unwrap()
}

#[tokio::test]
async fn one_that_is_dropped_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 1000 & echo child=$!; echo ready; wait";
    let running = start(shell(script, folder.path())).unwrap();
    running.ready().await.unwrap();
    let log = std::fs::read_to_string(folder.path().join("api.log")).unwrap();
    let (pid, child) = (running.pid(), number(&log, "child"));
    drop(running);
    gone(pid).await;
    gone(child).await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let said = |launch: Launch| start(launch).unwrap_err().to_string();
    let missing = said(Launch::example(&["./api"], folder.path()));
    assert!(missing.contains("no program `./api` at"), "{missing}");
    let mut nowhere = shell("true", folder.path());
    nowhere.cwd = "/nonexistent".into();
    assert!(said(nowhere).contains("working directory /nonexistent"));
    for (file, text, why) in [
        ("gone", "#!/nonexistent/interpreter\n", "is missing"),
        ("junk", "\x7fELF junk", "another machine"),
    ] {
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let text = said(Launch::example(&[&format!("./{file}")], folder.path()));
        assert!(text.contains(why), "{text}");
    }
    assert!(said(Launch::example(&["sh", "-c", "a\0b"], folder.path())).contains("NUL"));
}

#[test]
fn exits_read_well() {
    assert_eq!(Exit::Signal(9).to_string(), "was ended by signal 9 (SIGKILL)");
    assert_eq!(Exit::Signal(64).to_string(), "was ended by signal 64");
    assert_eq!(Exit::Unknown.to_string(), "ended");
}
