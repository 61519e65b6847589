//! What a keeper does at which instant, to logs of runs that live, stand still or are gone.
//!
//! Not here: its process, and real faults (`tests/e2e/lease.rs`).

use super::*;
use crate::service::undo::{Log, Mending};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any grace.
const LATER_MS: u64 = 31_000;

/// No two tests may end each other's commands.
fn run_of(dir: &Path) -> String {
    format!("keeper-{}", dir.file_name().unwrap().display())
}

/// A command that adds a line to `undone` each time.
fn undo(dir: &Path, line: &str) -> Undo {
    Undo::Command(Mending {
        command: ["sh", "-c", line].map(str::to_owned).to_vec(),
        folder: dir.to_owned(),
        timeout_us: 30_000_000,
        run: run_of(dir),
    })
}

fn keeper(dir: &Path, log: &mut Log, run: (i32, u64)) -> Keeper {
    Keeper {
        run_id: run_of(dir),
        dir: dir.to_owned(),
        run,
        leases: Leases::open(dir, &log.for_keeper().unwrap()).unwrap(),
        gone_ms: None,
        all: Tries::default(),
        each: BTreeMap::new(),
        said: String::new(),
    }
}

fn ourselves() -> (i32, u64) {
    let own = i32::try_from(std::process::id()).unwrap();
    table::entry(own).unwrap().unwrap().id()
}

fn times(dir: &Path) -> usize {
    std::fs::read_to_string(dir.join("undone")).map_or(0, |text| text.lines().count())
}

fn kept(dir: &Path) -> String {
    std::fs::read_to_string(dir.join(LOG)).unwrap_or_default()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    dir
}

#[test]
fn a_run_that_is_in_time_is_left_alone_and_one_that_is_not_is_helped_once() {
    let dir = folder();
    let dir = dir.path();
    let mut log = Log::of(dir);
    let mut keeper = keeper(dir, &mut log, ourselves());
    assert_eq!(keeper.look(false, steady_ms()), Next::Stay, "before there is anything");
    let mut todo = log.plan_within("a", undo(dir, "echo x >> undone"), SECOND).unwrap();
    log.plan("never", undo(dir, "echo x >> undone")).unwrap();
    let now = steady_ms();
    assert_eq!(keeper.look(false, now), Next::Stay);
    assert_eq!(keeper.look(false, now + 29_000), Next::Stay);
    assert_eq!((times(dir), log.lapsed(&todo), kept(dir).as_str()), (0, None, ""));
    // It has more time.
    log.renew(&mut todo, 10 * SECOND);
    assert_eq!(keeper.look(false, now + 1000 + LATER_MS), Next::Stay);
    assert_eq!(times(dir), 0);
    for later in [0, 1000, 100_000] {
        assert_eq!(keeper.look(false, now + 11_000 + LATER_MS + later), Next::Stay);
        assert_eq!(times(dir), 1, "{later}");
    }
    let why = log.lapsed(&todo).unwrap();
    assert!(why.contains("the lease keeper put it right at 2"), "{why}");
    assert!(kept(dir).contains("put right: fault `a`"), "{}", kept(dir));
    // It is still the run's to undo.
    assert_eq!(keeper.leases.pending().len(), 2);
    log.undone(&todo).unwrap();
    assert_eq!(keeper.look(false, now + 1_000_000), Next::Stay);
    assert_eq!(times(dir), 1);
}

#[test]
fn it_leaves_with_a_run_that_undid_all_and_stays_for_what_is_left() {
    let dir = folder();
    let dir = dir.path();
    let mut log = Log::of(dir);
    let mut keeper = keeper(dir, &mut log, ourselves());
    let (pid, start) = ourselves();
    let process = (pid, start, pid);
    let standing = json!({"service": "api", "run": "none", "process": process, "boot": "another"});
    let standing = serde_json::from_value(standing).unwrap();
    let todo = log.plan_within("a", Undo::Continue(standing), SECOND).unwrap();
    assert_eq!(keeper.look(true, steady_ms()), Next::Stay);
    log.undone(&todo).unwrap();
    // That this failed was told.
    log.plan_within("b", undo(dir, "false"), SECOND).unwrap();
    assert_eq!(keeper.look(true, steady_ms() + 2 * LATER_MS), Next::Leave);
    assert_eq!((kept(dir), keeper.left_broken()), (String::new(), Some(BTreeSet::new())));
}

#[test]
fn of_a_run_that_is_gone_all_is_undone_after_a_grace_and_it_gives_up_in_the_end() {
    let dir = folder();
    let dir = dir.path();
    let mut log = Log::of(dir);
    let (pid, start) = ourselves();
    let mut keeper = keeper(dir, &mut log, (pid, start + 1));
    log.plan("a", undo(dir, "echo x >> undone")).unwrap();
    log.plan_within("b", undo(dir, "test -e good"), 600 * SECOND).unwrap();
    let now = steady_ms();
    assert_eq!(keeper.look(false, now), Next::Stay);
    // Its guardian has the log.
    assert_eq!(keeper.look(false, now + LATER_MS), Next::Stay);
    assert_eq!(times(dir), 0);
    drop(log);
    // In a directory that was removed, too.
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::create_dir(dir).unwrap();
    assert_eq!(keeper.look(false, now + 29_000), Next::Stay);
    assert_eq!(keeper.leases.pending().len(), 2);
    assert_eq!(keeper.look(false, now + LATER_MS), Next::Stay);
    assert_eq!((times(dir), keeper.leases.pending().len()), (1, 1), "{}", kept(dir));
    let told = kept(dir);
    assert!(
        told.contains("undone: fault `a`") && told.contains("STILL BROKEN: fault `b`"),
        "{told}"
    );
    assert!(told.contains("test -e good"), "the command that mends it: {told}");
    // Not at once.
    std::fs::write(dir.join("good"), "").unwrap();
    keeper.look(false, now + LATER_MS + 500);
    assert_eq!(keeper.leases.pending().len(), 1);
    std::fs::remove_file(dir.join("good")).unwrap();
    assert_eq!(keeper.look(false, now + LATER_MS + TRIES_FOR_MS), Next::GiveUp);
    assert!(kept(dir).contains("gave up"), "{}", kept(dir));
    keeper.all = Tries::default();
    std::fs::write(dir.join("good"), "").unwrap();
    assert_eq!(keeper.look(false, now + LATER_MS + 2000), Next::Stay);
    assert_eq!(keeper.look(false, now + LATER_MS + 2000), Next::Leave);
    assert_eq!(times(dir), 1);
}

#[test]
fn what_a_guardian_that_stands_still_does_not_undo_is_put_right() {
    let dir = folder();
    let dir = dir.path();
    let mut log = Log::of(dir);
    let (pid, start) = ourselves();
    let mut keeper = keeper(dir, &mut log, (pid, start + 1));
    log.plan_within("a", undo(dir, "echo x >> undone"), SECOND).unwrap();
    assert_eq!(keeper.look(false, steady_ms() + 1000 + LATER_MS), Next::Stay);
    assert_eq!(times(dir), 1);
    drop(log);
}

#[test]
fn what_fails_is_tried_again_later_and_later() {
    let mut tries = Tries::default();
    assert!(tries.is_due(0));
    let mut now = 0;
    let mut pauses = Vec::new();
    while !tries.is_over(now) {
        tries.failed(now);
        assert!(!tries.is_due(now));
        pauses.push(tries.next_ms - now);
        now = tries.next_ms;
    }
    assert_eq!(pauses[..8], [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    assert!(pauses.len() < 70 && !tries.is_due(now));
}
