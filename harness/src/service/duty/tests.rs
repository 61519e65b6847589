//! Real processes under a duty cycle.
//!
//! Not here: a death of the run meanwhile (`tests/e2e/undo.rs`).

use super::*;
use crate::service::process::{Launch, Running, start};
use std::path::Path;

const LONG: Duration = Duration::from_secs(30);

async fn running(script: &str, folder: &Path) -> Running {
    let running = start(Launch::example(&["sh", "-c", script], folder)).unwrap();
    running.ready().await.unwrap();
    running
}

fn part(percent: u64) -> Share {
    Share(Share::ONE.0 / 100 * percent)
}

/// Processor time of a process, in clock ticks.
fn ticks(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = text.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn a_process_loses_its_share_and_goes_on_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let running = running("echo ready; while :; do :; done", folder.path()).await;
    let duty = running.processes().press(part(80), LONG).await.unwrap();
    let before = ticks(running.pid());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = ticks(running.pid()) - before;
    let stood = duty.end().await;
    // 200 ticks would be a whole processor; 40 are left, and a busy machine gives less.
    assert!((1..=70).contains(&used), "{used} ticks, {stood:?}");
    assert!(stood.share() >= part(60), "{stood:?}");
    running.processes().go_on().await.unwrap();
    running.stop(LONG).await;
}

#[tokio::test]
async fn a_cycle_ends_with_its_owner_and_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let running = running("echo ready; exec sleep 1000", folder.path()).await;
    drop(running.processes().press(part(95), LONG).await.unwrap());
    let short = running.processes().press(part(50), Duration::from_millis(150)).await.unwrap();
    let stood = tokio::task::spawn_blocking(move || short.thread.join().unwrap()).await.unwrap();
    assert!(stood.whole_us >= 150_000, "{stood:?}");
    running.processes().go_on().await.unwrap();
    running.stop(LONG).await;
}

#[tokio::test]
async fn without_a_process_there_is_no_cycle() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(Launch::example(&["true"], folder.path())).unwrap();
    running.ended().await;
    let why = running.processes().press(part(50), LONG).await.unwrap_err().to_string();
    assert!(why.contains("it has ended before"), "{why}");
}
