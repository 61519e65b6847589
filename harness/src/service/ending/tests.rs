//! Real processes: asked, killed, found by their parents, left alone.
//!
//! Not here: services (`process`), the guardian (`tests/guardian.rs`).

use super::*;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

const LONG: Patience = Patience { grace: Duration::from_secs(20), kill: Duration::from_secs(20) };

fn leader(child: &Child) -> Leader {
    let pid = i32::try_from(child.id()).unwrap();
    let entry = table::entry(pid).unwrap().unwrap();
    Leader { pid, start: entry.start, pgid: pid }
}

fn sleeper() -> Child {
    Command::new("sleep").arg("1000").process_group(0).spawn().unwrap()
}

#[test]
fn asks_first() {
    let mut child = sleeper();
    let scope = Scope { leaders: vec![leader(&child)], ..Scope::default() };
    let ended = end(scope, LONG);
    assert_eq!((ended.asked.len(), ended.killed.len()), (1, 0), "{ended:?}");
    assert_eq!((ended.left, ended.blind), (Vec::new(), None));
    child.wait().unwrap();
}

#[test]
fn a_group_whose_number_was_used_again_is_left_alone() {
    let mut child = sleeper();
    let mut old = leader(&child);
    old.start -= 1;
    let scope = Scope { leaders: vec![old], ..Scope::default() };
    assert_eq!(end(scope, Patience { grace: Duration::ZERO, ..LONG }), Ended::default());
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_strike_never_hits_a_number_that_was_used_again() {
    let mut child = sleeper();
    let mut old = leader(&child);
    old.start -= 1;
    let struck = strike(&old, Vec::new(), Signal::KILL, &Hurry::default());
    assert_eq!(struck, Struck { ended: Ended::default(), is_gone: true });
    assert_eq!(child.try_wait().unwrap(), None);
    let struck = strike(&leader(&child), Vec::new(), Signal::INT, &Hurry::default());
    assert!(struck.is_gone && struck.ended.left.is_empty(), "{struck:?}");
    assert_eq!((struck.ended.asked.len(), struck.ended.killed.len()), (1, 0));
    child.wait().unwrap();
}

#[test]
fn a_stopped_process_ends_too() {
    let mut child = sleeper();
    let known = leader(&child);
    let entry = table::entry(known.pid).unwrap().unwrap();
    assert!(table::signal(&entry, Signal::STOP));
    let scope = Scope { leaders: vec![known], ..Scope::default() };
    let ended = end(scope, LONG);
    assert!(ended.killed.is_empty() && ended.left.is_empty(), "{ended:?}");
    child.wait().unwrap();
}

#[test]
fn ourselves_and_nonsense_are_never_meant() {
    let own = i32::try_from(std::process::id()).unwrap();
    let me = table::entry(own).unwrap().unwrap();
    let leaders = vec![
        Leader { pid: own, start: me.start, pgid: me.pgid },
        Leader { pid: 0, start: 0, pgid: 0 },
        Leader { pid: -1, start: 0, pgid: -1 },
        Leader { pid: 1, start: u64::MAX, pgid: 1 },
    ];
    let scope = Scope { leaders, ..Scope::default() };
    let (members, groups) = scope.look().unwrap();
    assert!(members.is_empty() && groups.is_empty(), "{members:?} {groups:?}");
}

/// A shell with a child in a session of its own and without any mark.
fn parent() -> Child {
    Command::new("sh")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .args(["-c", "setsid env -i sleep 1000 & wait"])
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Waits until the process has a child that runs this program.
fn child_of(parent: i32, comm: &str) -> Entry {
    let clock = Clock::start();
    loop {
        let table = table::all().unwrap();
        if let Some(child) = table.into_iter().find(|e| e.ppid == parent && e.comm == comm) {
            return child;
        }
        assert!(clock.now().0 < 20_000_000, "{parent} has no child {comm}");
        pause(LOOK_EVERY);
    }
}

#[test]
fn whoever_descends_from_a_root_goes_with_it_and_the_spared_stay() {
    let (mut shell, mut spared) = (parent(), parent());
    let known = [leader(&shell), leader(&spared)];
    let [gone, kept] = [child_of(known[0].pid, "sleep"), child_of(known[1].pid, "sleep")];
    let id = |leader: &Leader| (leader.pid, leader.start);
    let scope = Scope {
        roots: BTreeSet::from([id(&known[0]), id(&known[1])]),
        spared: BTreeSet::from([id(&known[1])]),
        ..Scope::default()
    };
    let reaper = std::thread::spawn(move || shell.wait().unwrap());
    let ended = end(scope, LONG);
    assert!(ended.left.is_empty() && ended.asked.iter().any(|e| e.id() == gone.id()), "{ended:?}");
    reaper.join().unwrap();
    assert!(!ended.asked.iter().any(|e| e.pid == kept.pid || e.pid == known[1].pid), "{ended:?}");
    assert_eq!(spared.try_wait().unwrap(), None);
    assert!(table::signal(&kept, Signal::KILL));
    spared.wait().unwrap();
}

#[test]
fn a_child_is_found_after_its_parent_has_ended() {
    let mut shell = Command::new("sh")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .args(["-c", "setsid env -i sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & wait"])
        .process_group(0)
        .spawn()
        .unwrap();
    let known = leader(&shell);
    let deaf = child_of(child_of(known.pid, "sh").pid, "sleep");
    let scope = Scope { roots: BTreeSet::from([(known.pid, known.start)]), ..Scope::default() };
    let reaper = std::thread::spawn(move || shell.wait().unwrap());
    let ended = end(scope, Patience { grace: Duration::from_millis(300), ..LONG });
    assert!(ended.left.is_empty() && ended.blind.is_none(), "{ended:?}");
    assert!(ended.asked.iter().any(|e| e.id() == deaf.id()) && !ended.killed.is_empty());
    reaper.join().unwrap();
}
