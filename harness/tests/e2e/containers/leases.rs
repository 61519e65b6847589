//! Faults on containers that were there before, and that nobody undoes in time: their lease keeper does.
//!
//! Not here: those that the run, its guardian or `assay recover` undo (`faults`), processes (`../lease.rs`).

use super::faults::{Theirs, case, theirs};
use super::has_engine;
use crate::common::{GRACE, guardian, keeper, signal, until_with, verdict, wait_for};

/// In each state in which nobody undoes it: the run is killed with its guardian, and it stands still.
#[test]
fn what_nobody_undoes_to_a_container_its_lease_keeper_does() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    for (kind, stopped) in [("pause", false), ("pause", true), ("disconnect", true)] {
        let lasts = if stopped { "1s" } else { "60s" };
        let fault =
            format!("  f: {{{kind}: {{service: api, at: 3s, duration: {lasts}, recovery: 1s}}}}");
        let case = case(&theirs(&their.name), &fault, if stopped { 8 } else { 70 }, "");
        let mut run = until_with(&case, &GRACE, "\"first_affected\"");
        signal(run.id(), "STOP");
        let its = keeper(run.id()).unwrap();
        assert!(!their.is_well(), "{kind}");
        if !stopped {
            signal(guardian(run.id()).unwrap(), "KILL");
            signal(run.id(), "KILL");
        }
        wait_for(kind, || their.is_well());
        if stopped {
            signal(run.id(), "CONT");
        }
        let code = run.wait().unwrap().code();
        assert_ne!(code, Some(0), "{kind}");
        if stopped {
            let card = verdict(&case.out());
            let effect = card["faults"][0]["effect"].as_str().unwrap();
            assert!(effect.starts_with("without effect"), "{card}");
            assert!(card["findings"].to_string().contains("fault f: its lease ran out"), "{card}");
            assert!(their.is_well());
        }
        // Until then nobody else may break it.
        wait_for("the keeper's end", || keeper(run.id()) != Some(its));
        let told = std::fs::read_to_string(case.out().join("keeper.log")).unwrap();
        let words = if stopped { "put right: fault `f`" } else { "undone: fault `f`" };
        assert!(told.contains(words), "{told}");
    }
}
