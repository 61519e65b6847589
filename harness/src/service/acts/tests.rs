//! Real processes that stand still, are ended in good order, and lose their workers.
//!
//! Not here: a death of the run while one stands still (`tests/e2e/undo.rs`).

use super::*;
use crate::service::kill::KillEffect;
use crate::service::process::{Exit, Launch, start};
use crate::service::undo::{Log, Part, carry_out, recover};
use std::path::Path;

const LONG: Duration = Duration::from_secs(30);

async fn running(script: &str, folder: &Path) -> Running {
    let running = start(Launch::example(&["sh", "-c", script], folder)).unwrap();
    running.ready().await.unwrap();
    running
}

fn states(running: &Running) -> Vec<char> {
    running.scope().look().unwrap().0.iter().map(|entry| entry.state).collect()
}

#[tokio::test]
async fn all_stand_still_and_go_on_also_those_in_another_session() {
    let folder = tempfile::tempdir().unwrap();
    let script = "setsid sleep 1000 & sleep 1000 & echo ready; wait";
    let running = running(script, folder.path()).await;
    let still = running.processes().stand_still().await.unwrap();
    assert!(still.len() >= 3, "{still:?}");
    assert!(states(&running).iter().all(|state| *state == 'T'));
    // A second time is the same.
    assert_eq!(running.processes().stand_still().await.unwrap().len(), still.len());
    running.processes().go_on().await.unwrap();
    running.processes().go_on().await.unwrap();
    assert!(!states(&running).contains(&'T'));
    let stopped = running.stop(LONG).await;
    assert!(stopped.left.is_empty());
}

#[tokio::test]
async fn what_was_written_down_makes_it_go_on_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let running = running("echo ready; exec sleep 1000", folder.path()).await;
    let mut log = Log::of(folder.path());
    let todo = log.plan("freeze", running.undo_of_standing()).unwrap();
    running.processes().stand_still().await.unwrap();
    carry_out(&todo, folder.path()).await.unwrap();
    assert!(!states(&running).contains(&'T'));
    carry_out(&todo, folder.path()).await.unwrap();
    // The run died with it, nothing was written down.
    running.processes().stand_still().await.unwrap();
    drop(log);
    let dir = folder.path().to_owned();
    let recovered = tokio::task::spawn_blocking(move || recover(&dir, Part::Quick)).await.unwrap();
    assert_eq!((recovered.undone, recovered.left), (vec!["fault `freeze`".to_owned()], vec![]));
    assert!(!states(&running).contains(&'T'));
    running.stop(LONG).await;
}

#[tokio::test]
async fn one_that_has_ended_cannot_stand_still() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = running("echo ready; exec sleep 1000", folder.path()).await;
    let halted = running.halt(LONG, &Hurry::default()).await;
    assert_eq!(halted.effect, KillEffect::Gone(Exit::Signal(15)));
    assert_eq!(halted.left, Vec::<String>::new());
    let why = running.processes().stand_still().await.unwrap_err().to_string();
    assert!(why.contains("it has ended before"), "{why}");
    let next = running.restart(&Hurry::default()).await.unwrap();
    running.follow(next);
    running.ready().await.unwrap();
    assert!(running.processes().stand_still().await.is_ok());
    running.processes().go_on().await.unwrap();
    running.stop(LONG).await;
}

#[tokio::test]
async fn one_that_is_deaf_is_halted_all_the_same_and_that_is_no_death() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let running = running(script, folder.path()).await;
    let mut died = std::pin::pin!(running.exited());
    let halted = running.halt(Duration::from_millis(50), &Hurry::default()).await;
    assert_eq!(halted.effect, KillEffect::Gone(Exit::Signal(9)));
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(died.as_mut().poll(&mut context).is_pending());
}

#[tokio::test]
async fn a_supervisor_is_spared_and_starts_its_worker_again() {
    let folder = tempfile::tempdir().unwrap();
    // The worker is another program than the shell, which waits for it and starts it again.
    let script = "echo ready; while :; do sleep 1000; done";
    let running = running(script, folder.path()).await;
    let workers = || running.scope().look().unwrap().0.len() - 1;
    while workers() == 0 {
        tokio::task::yield_now().await;
    }
    let killed = running.kill_workers(9).await.unwrap();
    while running.reborn(&killed).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*running.life.exit.borrow(), None);
    running.stop(LONG).await;
}

#[tokio::test]
async fn one_without_workers_has_nobody_to_start_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let running = running("echo ready; exec sleep 1000", folder.path()).await;
    let why = running.kill_workers(9).await.unwrap_err().to_string();
    assert!(why.contains("nobody to start it again"), "{why}");
    assert!(running.kill_workers(17).await.is_err());
    running.stop(LONG).await;
}
