//! What would undo a fault on containers before its time, or never let it be undone.
//!
//! Invariant: a fault that somebody else put right is not taken for one that lasted.
//! Not here: doing and undoing it (`broken`).

use crate::plan::{Fault, FaultKind, RestartedBy};
use crate::service::engine::{Engine, Put, Vessel};
use crate::service::undo::Adrift;

/// Containers, and when each had been started.
pub(super) type Since = Vec<(Vessel, String)>;

/// What a fault was seen to have done to its containers.
#[derive(Debug, Default)]
pub(in crate::run) struct Broken {
    /// Those that are broken.
    pub(super) now: Since,
    /// All that it was to end, as they were before.
    pub(super) before: Since,
}

/// Whether a fault makes its containers end.
pub(in crate::run) fn ends(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Kill { .. } | FaultKind::Stop | FaultKind::Restart)
}

/// Refuses a fault that ends containers which their engine then removes: nobody could start them again.
///
/// # Errors
/// A sentence that says what to do.
pub(in crate::run) async fn stays(
    engine: &Engine,
    vessels: &[Vessel],
    fault: &Fault,
) -> Result<(), String> {
    for vessel in vessels.iter().filter(|_| ends(fault)) {
        if engine.condition(&vessel.id).await?.is_some_and(|now| now.passing) {
            return Err(format!(
                "its engine removes the container {} when it ends, so nobody could undo fault `{}`: \
                 start it without `--rm`",
                vessel.name, fault.name
            ));
        }
    }
    Ok(())
}

/// Which of a fault's containers are broken now.
pub(super) async fn broken(engine: &Engine, adrift: &Adrift) -> Since {
    let mut broken = Vec::new();
    for vessel in &adrift.vessels {
        let Ok(Some(now)) = engine.condition(&vessel.id).await else { continue };
        if !adrift.put.is_right(&vessel.id, &now) {
            broken.push((vessel.clone(), now.started));
        }
    }
    broken
}

/// A sentence where somebody else has put right what a fault broke, before its end came.
pub(super) async fn mended_before(
    engine: &Engine,
    (adrift, broken): (&Adrift, &Since),
    kind: &FaultKind,
) -> Option<String> {
    let is_left_to_others =
        matches!(kind, FaultKind::Restart | FaultKind::Kill { by: RestartedBy::Supervisor, .. });
    for (vessel, started) in broken.iter().filter(|_| !is_left_to_others) {
        let Ok(Some(now)) = engine.condition(&vessel.id).await else { continue };
        let was_up = adrift.put == Put::Run && now.started != *started;
        if was_up || adrift.put.is_right(&vessel.id, &now) {
            let name = &vessel.name;
            return Some(format!("somebody else had put container {name} right before its end"));
        }
    }
    None
}
