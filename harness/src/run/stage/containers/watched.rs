//! Containers that run already are watched: an end that no fault meant is a death.
//!
//! Not here: finding them (`containers`).

use crate::service::Exit;
use crate::service::engine::{Condition, Engine, Query, Vessel};
use std::collections::BTreeMap;
use tokio::sync::watch;
use tokio::time::Duration;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until one of them ends, or is started again, without being meant; one that was made anew
/// while we did not look counts as having ended.
pub(super) async fn ended(
    engine: Engine,
    query: Query,
    mut vessels: Vec<Vessel>,
    meant: watch::Receiver<bool>,
) -> Exit {
    let mut started: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let was_meant = *meant.borrow();
        for vessel in &vessels {
            // An engine that does not answer says nothing of its containers.
            let Ok(found) = engine.condition(&vessel.id).await else { continue };
            let is_meant = was_meant || *meant.borrow();
            if let Some(exit) = death(&mut started, vessel, found, is_meant) {
                return exit;
            }
        }
        if was_meant
            && let Ok(now) = engine.find(&query, false).await
            && !now.is_empty()
        {
            vessels = now;
        }
        tokio::time::sleep(LOOK_EVERY).await;
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
}
