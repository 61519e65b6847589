//! The arithmetic of cores, and what this machine says of its own.
//!
//! Not here: real neighbours (`tests/e2e/burners.rs`).

use super::*;

fn cores(text: &str) -> Cores {
    Cores::read(text).unwrap()
}

fn here(ours: &str, reach: &str) -> Here {
    let reach = cores(reach);
    Here { ours: cores(ours), quota: reach.0.len(), reach, siblings: BTreeMap::new() }
}

fn room(here: &Here, service: &str) -> Result<String, String> {
    here.room(Some("api"), &cores(service)).map(|room| room.cores.to_string())
}

#[test]
fn lists_are_read_and_written_as_the_kernel_does() {
    for text in ["0", "0-1", "0,2", "0-3,8,10-11", ""] {
        assert_eq!(cores(text).to_string(), text);
    }
    assert_eq!(cores("1,0,2\n").to_string(), "0-2");
    for text in ["x", "1-", "-1", "0-99999999", "1;2"] {
        assert_eq!(Cores::read(text), None, "{text}");
    }
    assert_eq!(
        allowed("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"),
        Some(cores("0-1"))
    );
    assert_eq!((cores("4").words(), cores("4-5").words()), ("core 4".into(), "cores 4-5".into()));
}

#[test]
fn neighbours_are_where_the_service_may_run_and_we_may_not() {
    assert_eq!(room(&here("0", "0-1"), "1"), Ok("1".into()));
    assert_eq!(room(&here("0-1", "0-7"), "1-6"), Ok("2-6".into()));
    // What our control group has not is left out.
    assert_eq!(room(&here("0", "0-2"), "1-6"), Ok("1-2".into()));
    let why = room(&here("0-1", "0-1"), "0-1").unwrap_err();
    assert!(
        why.contains("every core that `api` may (0-1)") && why.contains("`cpu-by` out"),
        "{why}"
    );
    let why = room(&here("0-1", "0-3"), "1").unwrap_err();
    assert!(why.contains("every core that `api` may (1)"), "{why}");
    let why = room(&here("0", "0-1"), "2-3").unwrap_err();
    assert!(why.contains("nothing on cores 2-3") && why.contains("cpuset"), "{why}");
    let why = here("0-1", "0-1").room(None, &cores("0-1")).unwrap_err();
    assert!(why.contains("every core that can be used here (0-1)"), "{why}");
}

#[test]
fn cores_that_share_circuits_with_ours_are_the_last_resort() {
    let mut here = here("0", "0-3");
    here.siblings = [(1, "0-1"), (2, "2-3"), (3, "2-3")].map(|(n, list)| (n, cores(list))).into();
    assert_eq!(room(&here, "1-3"), Ok("2-3".into()));
    let only = here.room(Some("api"), &cores("1")).unwrap();
    assert_eq!(only.cores, cores("1"));
    assert!(only.doubts[0].contains("hyperthreading"), "{only:?}");
    assert!(here.room(Some("api"), &cores("2-3")).unwrap().doubts.is_empty());
}

#[test]
fn whoever_can_flee_is_told_of() {
    let here = here("0", "0-3");
    let doubts = here.room(Some("api"), &cores("0-1")).unwrap().doubts;
    assert!(
        doubts[0].contains("on core 0 as well") && doubts[0].contains("on core 0 it meets Assay"),
        "{doubts:?}"
    );
    // Of one that does not run yet nobody knows.
    assert!(here.room(None, &cores("0-3")).unwrap().doubts.is_empty());
}

#[test]
fn what_a_control_group_may_use_must_be_enough_for_both() {
    let mut here = here("0", "0-3");
    here.quota = 2;
    assert_eq!(room(&here, "1"), Ok("1".into()));
    let why = room(&here, "1-3").unwrap_err();
    assert!(why.contains("may use 2 processors at a time") && why.contains("have 4"), "{why}");
    // One that does not run yet may be kept on a single one.
    assert!(here.room(None, &cores("0-3")).is_ok());
    here.quota = 1;
    assert!(here.room(None, &cores("0-3")).unwrap_err().contains("may use 1 processor at a time"));
}

#[test]
fn this_machine_tells_its_cores() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ours = allowed(&status).unwrap();
    assert!(ours.iter().count() > 0 && ours.without(&online().unwrap()) == Cores::default());
    let (reach, quota) = within_reach(&ours);
    assert_eq!(reach, ours);
    assert!(quota >= 1, "{quota}");
    // The look left this thread where it was.
    assert_eq!(allowed(&std::fs::read_to_string("/proc/thread-self/status").unwrap()), Some(ours));
    // None is left where we may be everywhere, and we may be on all that we have.
    let why = Here::look(&reach).unwrap().room(None, &reach).unwrap_err();
    assert!(why.contains("our own doing"), "{why}");
}
