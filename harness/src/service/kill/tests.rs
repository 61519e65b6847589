//! Real processes: killed, restarted at the same address, told apart from the dead.
//!
//! Not here: our own death after a restart (`tests/guardian.rs`).

use super::*;
use crate::plan::Ready;
use crate::service::How;
use crate::service::process::{Launch, start};
use crate::service::table;
use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

const LONG: Duration = Duration::from_secs(30);
const KILL: i32 = 9;
const TERM: i32 = 15;
/// Set for the process that plays a server: where it listens.
const ROLE: &str = "ASSAY_TEST_SERVER";

/// An address that nobody else gets; connections are refused until somebody listens.
fn held() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// Starts it again.
async fn again(running: &mut Running) -> Result<(), ServiceError> {
    let next = running.restart(&Hurry::default()).await?;
    running.follow(next);
    Ok(())
}

/// A server that accepts for ever; nothing when run as a test.
#[test]
fn role() {
    let Some(addr) = std::env::var_os(ROLE) else { return };
    let listener = std::net::TcpListener::bind(addr.to_str().unwrap()).unwrap();
    for stream in listener.incoming() {
        drop(stream);
    }
}

async fn running(script: &str, folder: &Path) -> Running {
    let running = start(Launch::example(&["sh", "-c", script], folder)).unwrap();
    running.ready().await.unwrap();
    running
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("api.log")).unwrap()
}

/// The process number that a script printed as `name=number`.
fn number(folder: &Path, name: &str) -> i32 {
    let log = log(folder);
    let line = log.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("no {name} in {log}")).parse().unwrap()
}

fn is_alive(pid: i32) -> bool {
    table::entry(pid).unwrap().is_some_and(|entry| !entry.is_gone())
}

fn is_pending(future: &mut Pin<Box<impl Future<Output = Exit>>>) -> bool {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn gone(swept: &[String]) -> Killed {
    let effect = KillEffect::Gone(Exit::Signal(KILL));
    Killed { effect, swept: swept.to_vec(), left: Vec::new(), blind: None }
}

#[tokio::test]
async fn a_killed_service_comes_back_at_the_same_address() {
    let folder = tempfile::tempdir().unwrap();
    let (_keeper, addr) = held();
    let exe = std::env::current_exe().unwrap();
    let words = [exe.to_str().unwrap(), "service::kill::tests::role", "--exact", "--nocapture"];
    let mut launch = Launch::example(&words, folder.path());
    launch.env = vec![(ROLE.to_owned(), addr.to_string())];
    (launch.addr, launch.ready) = (addr, Ready::Port(None));
    let mut running = start(launch).unwrap();
    running.ready().await.unwrap();
    let (mut first, pid) = (Box::pin(running.exited()), running.pid());
    for _ in 0..2 {
        assert_eq!(running.kill(KILL, &Hurry::default()).unwrap().await, gone(&[]));
        assert!(!is_alive(pid) && TcpStream::connect(addr).await.is_err());
        again(&mut running).await.unwrap();
        running.ready().await.unwrap();
        assert!(running.addr() == addr && running.pid() != pid && is_alive(running.pid()));
    }
    // What we did ourselves is no death; what comes over it is.
    let mut last = Box::pin(running.exited());
    assert!(is_pending(&mut first) && is_pending(&mut last));
    let entry = table::entry(running.pid()).unwrap().unwrap();
    assert!(table::signal(&entry, Signal::KILL));
    assert_eq!(last.await, Exit::Signal(KILL));
    assert!(is_pending(&mut first));
    let stopped = running.stop(LONG).await;
    assert_eq!((stopped.how, &stopped.left, &stopped.blind), (How::Already, &vec![], &None));
    let written = stopped.log(LONG).await.written;
    // One log of all lives, in order, and every line of it counted.
    let log = log(folder.path());
    let ours = "[assay: the process before was ended by signal 9 (SIGKILL); started again]";
    let lives: Vec<&str> = log.split(ours).collect();
    assert_eq!(lives.len(), 3, "{log}");
    assert!(lives.iter().all(|life| life.contains("running 1 test")), "{log}");
    let lines = u64::try_from(log.lines().count()).unwrap();
    assert_eq!((written.lines, written.dropped), (lines - 2, 0), "{log}");
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_named_and_does_not_outlive_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sh -c 'trap \"\" TERM; echo child=$$; echo ready; while :; do sleep 1000; done' & \
                  wait";
    let running = running(script, folder.path()).await;
    let mut exited = Box::pin(running.exited());
    let child = number(folder.path(), "child");
    let asked = running.kill(TERM, &Hurry::default()).unwrap().await;
    assert_eq!(asked.effect, KillEffect::Gone(Exit::Signal(TERM)));
    let label = format!("sh (pid {child})");
    assert!(asked.left.contains(&label) && asked.swept.contains(&label), "{asked:?}");
    let killed = running.kill(KILL, &Hurry::default()).unwrap().await;
    assert_eq!(killed.effect, KillEffect::Before(Exit::Signal(TERM)));
    assert!(killed.swept.contains(&label) && killed.left.is_empty(), "{killed:?}");
    assert!(!is_alive(child));
    // Its end was our doing, whatever the second kill found.
    assert!(is_pending(&mut exited));
    assert_eq!(running.stop(LONG).await.how, How::Already);
}

#[tokio::test]
async fn one_that_ignores_sigterm_is_still_there_and_cannot_be_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let mut running = running(script, folder.path()).await;
    let pid = running.pid();
    let asked = running.kill(TERM, &Hurry::default()).unwrap().await;
    assert_eq!(asked.effect, KillEffect::StillThere);
    assert!(asked.left.contains(&format!("sh (pid {pid})")), "{asked:?}");
    let refused = again(&mut running).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("its process {pid} still runs")), "{refused}");
    let killed = running.kill(KILL, &Hurry::default()).unwrap().await;
    assert_eq!((killed.effect, killed.left.len()), (KillEffect::Gone(Exit::Signal(KILL)), 0));
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn who_left_the_group_goes_too_and_other_services_stay() {
    let folder = tempfile::tempdir().unwrap();
    let script = "setsid sh -c 'echo stray=$$; echo ready; exec sleep 1000' & exec sleep 1000";
    let victim = running(script, folder.path()).await;
    let mut neighbor = Launch::example(&["sh", "-c", "echo ready; exec sleep 1000"], folder.path());
    neighbor.name = "other".into();
    let neighbor = start(neighbor).unwrap();
    neighbor.ready().await.unwrap();
    let stray = number(folder.path(), "stray");
    assert!(is_alive(stray));
    let killed = victim.kill(KILL, &Hurry::default()).unwrap().await;
    // By the name that it had then: it may not have become `sleep` yet.
    assert!(killed.swept.iter().all(|one| one.ends_with(&format!(" (pid {stray})"))), "{killed:?}");
    assert_eq!((killed.swept.len(), &killed), (1, &gone(&killed.swept)));
    assert!(!is_alive(stray) && is_alive(neighbor.pid()));
    assert_eq!(neighbor.stop(LONG).await.how, How::Asked);
}

#[tokio::test]
async fn a_death_before_the_kill_stays_a_death() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(Launch::example(&["sh", "-c", "exit 7"], folder.path())).unwrap();
    let exited = running.exited();
    running.life.ended().await;
    let killed = running.kill(KILL, &Hurry::default()).unwrap().await;
    let effect = KillEffect::Before(Exit::Code(7));
    assert_eq!(killed, Killed { effect, ..gone(&[]) });
    assert_eq!(exited.await, Exit::Code(7));
    assert_eq!(running.exited().await, Exit::Code(7));
}

#[tokio::test]
async fn a_signal_that_ends_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = running("echo ready; exec sleep 1000", folder.path()).await;
    for signal in [-1, 0, 17, 18, 19, 64, 99] {
        let refused = running.kill(signal, &Hurry::default()).err().unwrap().to_string();
        assert!(refused.contains(&format!("with signal {signal},")), "{refused}");
    }
    assert!(is_alive(running.pid()) && !*running.life.is_meant.borrow());
}

#[tokio::test]
async fn who_hurries_gives_the_deaf_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let running = running(script, folder.path()).await;
    let hurry = Hurry::default();
    hurry.say();
    let clock = crate::clock::Clock::start();
    let asked = running.kill(TERM, &hurry).unwrap().await;
    assert_eq!(asked.effect, KillEffect::StillThere);
    assert!(clock.now().0 < 4_000_000, "{:?}", clock.now());
    running.kill(KILL, &hurry).unwrap().await;
}

#[tokio::test]
async fn a_restart_waits_for_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, addr) = held();
    let mut launch = Launch::example(&["sh", "-c", "echo ready; exec sleep 1000"], folder.path());
    launch.addr = addr;
    let mut running = start(launch).unwrap();
    running.kill(KILL, &Hurry::default()).unwrap().await;
    let listener = socket.listen(1).unwrap();
    let is_free = Cell::new(false);
    let (restarted, ()) = tokio::join!(again(&mut running), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(listener);
        is_free.set(true);
    });
    restarted.unwrap();
    assert!(is_free.get());
    running.ready().await.unwrap();
    assert_eq!(running.stop(LONG).await.how, How::Asked);
}

#[tokio::test]
async fn a_restart_that_fails_can_be_tried_again_and_stopped() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (program, aside) = (folder.path().join("api"), folder.path().join("aside"));
    std::fs::write(&program, "#!/bin/sh\necho ready\nexec sleep 1000\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut running = start(Launch::example(&["./api"], folder.path())).unwrap();
    running.ready().await.unwrap();
    running.kill(KILL, &Hurry::default()).unwrap().await;
    std::fs::rename(&program, &aside).unwrap();
    let failed = again(&mut running).await.unwrap_err().to_string();
    assert!(failed.contains("`./api` is not there any more"), "{failed}");
    std::fs::rename(&aside, &program).unwrap();
    again(&mut running).await.unwrap();
    running.ready().await.unwrap();
    let stopped = running.stop(LONG).await;
    assert_eq!((stopped.how, stopped.exit), (How::Asked, Exit::Signal(TERM)));
}

#[tokio::test]
async fn a_restart_that_finds_its_address_taken_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, addr) = held();
    let mut launch = Launch::example(&["sh", "-c", "echo ready; exec sleep 1000"], folder.path());
    launch.addr = addr;
    let mut running = start(launch).unwrap();
    running.kill(TERM, &Hurry::default()).unwrap().await;
    let _listener = socket.listen(1).unwrap();
    let why = again(&mut running).await.unwrap_err().to_string();
    let by = format!("(pid {}) listens on {addr} (EADDRINUSE), which it took", std::process::id());
    assert!(why.contains("cannot be started again") && why.contains(&by), "{why}");
    assert_eq!(running.stop(LONG).await.how, How::Already);
}
