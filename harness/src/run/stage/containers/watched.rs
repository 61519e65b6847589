//! Containers that run already are watched: an end that no fault meant is a death.
//!
//! Invariant: what a fault takes is known by ids: whoever it did not take may not end meanwhile.
//! Not here: finding them (`containers`).

use crate::service::Exit;
use crate::service::engine::{Condition, Engine, Query, Vessel};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;
use tokio::time::Duration;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The containers whose end is meant, by the fault that took them.
pub(super) type Meant = BTreeMap<usize, BTreeSet<String>>;

/// Waits until one of them ends, or is started again, without being meant; one that was made anew
/// while we did not look counts as having ended.
pub(super) async fn ended(
    engine: Engine,
    query: Query,
    mut vessels: Vec<Vessel>,
    meant: watch::Receiver<Meant>,
) -> Exit {
    let taken = || meant.borrow().values().flatten().cloned().collect::<BTreeSet<String>>();
    let mut started: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let before = taken();
        let mut gone = BTreeSet::new();
        for vessel in &vessels {
            // An engine that does not answer says nothing of its containers.
            let Ok(found) = engine.condition(&vessel.id).await else { continue };
            let is_meant = before.contains(&vessel.id) || taken().contains(&vessel.id);
            if is_meant && found.is_none() {
                gone.insert(vessel.id.clone());
            }
            if let Some(exit) = death(&mut started, vessel, found, is_meant) {
                return exit;
            }
        }
        if !before.is_empty()
            && let Ok(now) = engine.find(&query, false).await
        {
            replaced(&mut vessels, &gone, now);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Watches whoever came for those that a fault took and that are gone; the others are who they were.
fn replaced(vessels: &mut Vec<Vessel>, gone: &BTreeSet<String>, now: Vec<Vessel>) {
    let new: Vec<Vessel> = now
        .into_iter()
        .filter(|vessel| !vessels.iter().any(|known| known.id == vessel.id))
        .collect();
    if !new.is_empty() {
        vessels.retain(|vessel| !gone.contains(&vessel.id));
        vessels.extend(new);
    }
}

/// How a container died, if it did; keeps when it was started.
fn death(
    started: &mut BTreeMap<String, String>,
    vessel: &Vessel,
    found: Option<Condition>,
    is_meant: bool,
) -> Option<Exit> {
    let Some(now) = found else { return (!is_meant).then_some(Exit::Unknown) };
    if is_meant {
        started.remove(&vessel.id);
        return None;
    }
    if !now.running {
        return Some(Exit::Code(now.exit_code));
    }
    let before = started.insert(vessel.id.clone(), now.started.clone());
    before.is_some_and(|before| before != now.started).then_some(Exit::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(started: &str) -> Option<Condition> {
        Some(Condition { running: true, started: started.to_owned(), ..Condition::default() })
    }

    #[test]
    fn only_an_end_that_is_not_meant_is_a_death() {
        let vessel = Vessel { id: "a".to_owned(), name: "db".to_owned() };
        let down = || Some(Condition { exit_code: 137, ..Condition::default() });
        let mut started = BTreeMap::new();
        let mut look = |found, is_meant| death(&mut started, &vessel, found, is_meant);
        assert_eq!(look(up("1"), false), None);
        assert_eq!(look(down(), true), None);
        assert_eq!(look(None, true), None);
        // Back by the fault's end, and looked at after it.
        assert_eq!(look(up("2"), false), None);
        assert_eq!(look(up("2"), false), None);
        // Its supervisor was faster than our looks.
        assert_eq!(look(up("3"), false), Some(Exit::Unknown));
        assert_eq!(look(down(), false), Some(Exit::Code(137)));
        assert_eq!(look(None, false), Some(Exit::Unknown));
    }

    #[test]
    fn only_those_that_were_taken_are_replaced() {
        let vessel = |id: &str| Vessel { id: id.to_owned(), name: id.to_owned() };
        let mut all = vec![vessel("a"), vessel("b")];
        let gone = BTreeSet::from(["a".to_owned()]);
        // `b` has ended as well, and nobody took it: it stays to be looked at.
        replaced(&mut all, &gone, vec![]);
        assert_eq!(all, [vessel("a"), vessel("b")]);
        replaced(&mut all, &gone, vec![vessel("c")]);
        assert_eq!(all, [vessel("b"), vessel("c")]);
        replaced(&mut all, &BTreeSet::new(), vec![vessel("c")]);
        assert_eq!(all, [vessel("b"), vessel("c")]);
    }
}
