//! Real families: who belongs to one, that strangers are spared, and what is refused.
//!
//! Not here: runs (`tests/e2e/families.rs`).

use super::*;
use crate::plan::{Plan, compile_to_measure};
use crate::service::Claims;
use crate::service::ending::pause;
use crate::service::undo::{Todo, Undo, carry_out};
use crate::spec::{Overrides, decode};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process that somebody started, ended with all that carry its mark.
struct Theirs {
    child: Child,
    mark: String,
}

impl Theirs {
    /// A shell with this script, which says that it is ready by a file; in the group of another, if there is
    /// one.
    fn start(script: &str, folder: &Path, group: Option<&Theirs>) -> Theirs {
        let ready = folder.join("ready");
        _ = std::fs::remove_file(&ready);
        let mark = format!("FAMILY_OF={}-{}", std::process::id(), folder.display());
        let (name, value) = mark.split_once('=').unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).current_dir(folder).env(name, value).stdin(Stdio::null());
        shell.process_group(group.map_or(0, |of| i32::try_from(of.child.id()).unwrap()));
        let child = shell.spawn().unwrap();
        until(|| ready.exists());
        Theirs { child, mark }
    }

    fn id(&self) -> Id {
        table::entry(i32::try_from(self.child.id()).unwrap()).unwrap().unwrap().id()
    }

    fn family(&self) -> Family {
        Family::of(self.id()).unwrap()
    }

    /// Everybody with its mark, its family or not.
    fn all(&self) -> Vec<Entry> {
        let marks = [self.mark.clone()];
        let is_marked = |entry: &Entry| table::carries(entry.pid, &marks).unwrap();
        table::all().unwrap().into_iter().filter(|e| !e.is_gone() && is_marked(e)).collect()
    }

    fn still(&self) -> Vec<String> {
        self.all().iter().filter(|entry| is_still(entry)).map(Entry::label).collect()
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.all().iter().for_each(|entry| _ = table::signal(entry, Signal::KILL));
        self.child.wait().unwrap();
    }
}

fn until(holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        pause(Duration::from_millis(10));
    }
    panic!("not within 30 s");
}

fn plan(fault: &str) -> Plan {
    let text = format!(
        "schema: 1\nname: a\nservices: {{s: {{running-process: {{port: 1}}}}}}\nload: {{l: \
         {{constant-arrival-rate: {{rate: 1/s, duration: 9s, requests: [{{get: {{path: /}}}}]}}}}}}\n\
         faults: {{f: {{{fault}, at: 3s, duration: 2s, recovery: 1s}}}}}}\n"
    );
    let loaded = decode("a.yaml", &text, &Overrides::default(), &|_| None);
    compile_to_measure(loaded).unwrap_or_else(|why| panic!("{why:?}\n{text}"))
}

fn refused(family: &Family, fault: &str) -> String {
    family.can_be_broken(&plan(fault).faults[0]).err().unwrap_or_default()
}

const PAUSE: &str = "pause: {service: s";
const IDLE: &str = "sleep 1000 & (sleep 1000; true) & touch ready; wait";

fn todo(standing: Standing) -> Todo {
    Todo {
        id: 1,
        fault: "f".to_owned(),
        undo: Undo::Continue(standing),
        at_ms: 0,
        until_ms: None,
        landed: true,
    }
}

#[tokio::test]
async fn all_who_descend_from_it_stand_still_and_nobody_else() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Of the same group, and one that has left its parent.
    let theirs = Theirs::start(
        "(setsid sleep 1001 & echo $! > left); sleep 1000 & (sleep 1000; true) & touch ready; wait",
        folder.path(),
        None,
    );
    let stranger = Theirs::start(IDLE, other.path(), Some(&theirs));
    let family = theirs.family();
    assert_eq!(refused(&family, PAUSE), "");
    let still = family.processes("s").stand_still().await.unwrap();
    // It, one child, and another with its own.
    assert_eq!(still.len(), 4, "{still:?}");
    assert_eq!(theirs.still().len(), 4, "{:?}", theirs.still());
    assert_eq!(stranger.still(), Vec::<String>::new());
    let left = std::fs::read_to_string(folder.path().join("left")).unwrap();
    let left = table::entry(left.trim().parse().unwrap()).unwrap().unwrap();
    assert!(!is_still(&left), "it is nobody's");
    assert_eq!(family.processes("s").going_on().await, Vec::<String>::new());
    // A fault would end with somebody else's stop undone.
    let why = refused(&theirs.family(), PAUSE);
    assert!(why.contains("stands still, and not by fault `f`"), "{why}");
    family.processes("s").go_on().await.unwrap();
    assert_eq!(theirs.still(), Vec::<String>::new());
}

#[tokio::test]
async fn those_that_come_and_go_are_never_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "for i in 1 2 3; do (while :; do (sleep 0.001; true); done) & done; touch ready; wait";
    let theirs = Theirs::start(script, folder.path(), None);
    for _ in 0..20 {
        let family = theirs.family();
        let still = family.processes("s").stand_still().await.unwrap();
        assert!(still.len() >= 4, "{still:?}");
        family.processes("s").go_on().await.unwrap();
        assert_eq!(theirs.still(), Vec::<String>::new());
    }
    let family = theirs.family();
    family.processes("s").stand_still().await.unwrap();
    carry_out(&todo(family.standing("s", "r")), folder.path()).await.unwrap();
    assert_eq!(theirs.still(), Vec::<String>::new());
}

#[tokio::test]
async fn those_whose_parent_is_killed_meanwhile_go_on_all_the_same() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The kernel itself makes a stopped group go on that loses its last parent: this one keeps another.
    let leads = Theirs::start(IDLE, other.path(), None);
    let theirs = Theirs::start(IDLE, folder.path(), Some(&leads));
    let family = theirs.family();
    let standing = family.standing("s", "r");
    family.processes("s").stand_still().await.unwrap();
    table::signal(&family.first, Signal::KILL);
    until(|| !Family::is_there(family.first.id()));
    assert_eq!(theirs.still().len(), 3);
    carry_out(&todo(standing), folder.path()).await.unwrap();
    assert_eq!((theirs.still().len(), theirs.all().len()), (0, 3));
}

#[tokio::test]
async fn a_number_that_was_used_again_is_a_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = Theirs::start(IDLE, folder.path(), None);
    let (pid, start) = theirs.id();
    assert_eq!(Family::of((pid, start + 1)).unwrap_err(), "no process of it runs");
    assert!(Family::is_there((pid, start)) && !Family::is_there((pid, start + 1)));
    let family = theirs.family();
    family.processes("s").stand_still().await.unwrap();
    let mut other = family.standing("s", "r");
    other.family = Some(BTreeSet::from([(pid, start + 1)]));
    carry_out(&todo(other), folder.path()).await.unwrap();
    let elsewhen = Standing { boot: "another".to_owned(), ..family.standing("s", "r") };
    carry_out(&todo(elsewhen), folder.path()).await.unwrap();
    assert_eq!(theirs.still().len(), 4);
}

#[test]
fn what_was_written_down_before_there_were_families_is_read() {
    let old = r#"{"continue":{"service":"a","run":"r","process":[5,9,5],"boot":"b"}}"#;
    let Ok(Undo::Continue(standing)) = serde_json::from_str(old) else { panic!("{old}") };
    assert_eq!((standing.process, &standing.family), ((5, 9, 5), &None));
    assert_eq!(serde_json::to_string(&Undo::Continue(standing)).unwrap(), old);
    let new =
        r#"{"continue":{"service":"a","run":"r","process":[5,9,0],"boot":"b","family":[[5,9]]}}"#;
    let Ok(Undo::Continue(standing)) = serde_json::from_str(new) else { panic!("{new}") };
    assert_eq!(standing.family, Some(BTreeSet::from([(5, 9)])));
}

#[tokio::test]
async fn all_of_it_is_killed_and_a_death_before_is_told() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for signal in [9, 15] {
        let mut theirs = Theirs::start(IDLE, folder.path(), None);
        let stranger = Theirs::start(IDLE, other.path(), Some(&theirs));
        let family = theirs.family();
        let killing = family.kill(signal, &Hurry::default()).unwrap();
        let reaped = tokio::task::spawn_blocking(move || {
            theirs.child.wait().unwrap();
            theirs
        });
        let felled = killing.await;
        let theirs = reaped.await.unwrap();
        assert_eq!(felled.killed.effect, KillEffect::Gone(Exit::Unknown), "{felled:?}");
        assert_eq!((felled.meant.len(), felled.killed.swept.len()), (4, 3), "{felled:?}");
        assert_eq!((theirs.all().len(), stranger.all().len()), (0, 4));
        let late = family.kill(signal, &Hurry::default()).unwrap().await;
        assert_eq!(late.killed.effect, KillEffect::Before(Exit::Unknown));
    }
    assert!(Theirs::start(IDLE, folder.path(), None).family().kill(17, &Hurry::default()).is_err());
}

#[tokio::test]
async fn one_that_is_deaf_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; touch ready; while :; do sleep 1000; done";
    let theirs = Theirs::start(script, folder.path(), None);
    let hurry = Hurry::default();
    hurry.say();
    let felled = theirs.family().kill(15, &hurry).unwrap().await;
    assert_eq!(felled.killed.effect, KillEffect::StillThere);
}

#[test]
fn neither_this_program_nor_whom_it_descends_from_is_meant() {
    let entry = |pid| table::entry(pid).unwrap().unwrap();
    let own = i32::try_from(std::process::id()).unwrap();
    let alone = |pid: i32| Family { first: entry(pid), members: vec![] };
    assert!(refused(&alone(own), PAUSE).contains("is this program itself"));
    let parent = entry(own).ppid;
    if parent > 1 {
        let why = refused(&alone(parent), "kill: {service: s");
        assert!(why.contains("this program descends from"), "{why}");
    }
    let why = refused(&alone(1), "pressure: {service: s, cpu: 50%");
    assert!(why.contains("(pid 1) is the first process"), "{why}");
    // Which signals nobody.
    assert_eq!(refused(&alone(1), "pressure: {service: s, memory: 1MiB"), "");
    let neighbour = "pressure: {service: s, cpu: 50%, cpu-by: burners";
    assert_eq!(refused(&alone(1), neighbour), "");
    let all = [(PAUSE, true), (neighbour, false), ("pressure: {service: s, cpu: 50%", true)];
    assert_eq!(all.map(|(fault, _)| signals(&plan(fault).faults[0])), all.map(|(_, is)| is));
}

#[test]
fn disk_is_taken_where_it_works_if_that_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = Theirs::start(IDLE, folder.path(), None);
    let here = folder.path().canonicalize().unwrap();
    assert_eq!(theirs.family().cwd(), Ok(here.clone()));
    let disk = "pressure: {service: s, disk: 1MiB";
    assert_eq!(refused(&theirs.family(), disk), "");
    let elsewhere = here.with_extension("moved");
    std::fs::rename(&here, &elsewhere).unwrap();
    std::fs::create_dir(&here).unwrap();
    assert_eq!(theirs.family().cwd(), Ok(elsewhere.clone()));
    std::fs::remove_dir_all(&elsewhere).unwrap();
    let why = refused(&theirs.family(), disk);
    assert!(why.contains("which is gone or another folder from here"), "{why}");
}

#[test]
fn each_of_it_is_one_run_s_to_break() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = Theirs::start(IDLE, folder.path(), None);
    let (mut first, mut second) = (Claims::default(), Claims::default());
    let family = theirs.family();
    assert_eq!(first.take_family("s", &family), Ok(true));
    assert_eq!(first.take_family("s", &family), Ok(false));
    // Whoever names a child of it breaks the same.
    let child = family.members.iter().find(|one| one.id() != family.first.id()).unwrap();
    let child = Family::of(child.id()).unwrap();
    let why = second.take_family("s", &child).unwrap_err();
    assert!(why.contains("another run breaks the process"), "{why}");
    assert!(first.take_family("t", &child).unwrap_err().contains("is `s` already"));
    drop(first);
    assert_eq!(second.take_family("s", &child), Ok(true));
}
