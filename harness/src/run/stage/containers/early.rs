//! What would undo a fault on containers before its time, or never let it be undone.
//!
//! Invariant: a fault that somebody else put right is not taken for one that lasted.
//! Not here: doing and undoing it (`broken`).

use crate::plan::{Fault, FaultKind, RestartedBy};
use crate::run::stage::Stage;
use crate::service::engine::{Engine, Put, Vessel};
use crate::service::undo::{Adrift, Undo};

/// Containers that were seen to be broken, and when each had been started.
pub(in crate::run) type Broken = Vec<(Vessel, String)>;

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
pub(super) async fn broken(engine: &Engine, adrift: &Adrift) -> Broken {
    let mut broken = Vec::new();
    for vessel in &adrift.vessels {
        let Ok(Some(now)) = engine.condition(&vessel.id).await else { continue };
        if !adrift.put.is_right(&vessel.id, &now) {
            broken.push((vessel.clone(), now.started));
        }
    }
    broken
}

impl Stage {
    /// A sentence where somebody else has put right what a fault broke, before its end came.
    pub(in crate::run::stage) async fn mended_before(
        &mut self,
        (index, fault): (usize, &Fault),
    ) -> Option<String> {
        let broken = self.afloat.broken.remove(&index)?;
        if matches!(
            fault.kind,
            FaultKind::Restart | FaultKind::Kill { by: RestartedBy::Supervisor, .. }
        ) {
            return None;
        }
        let Some(Undo::Containers(adrift)) = self.todo.get(&index).map(|todo| todo.undo.clone())
        else {
            return None;
        };
        let engine = self.engine().await.ok()?;
        for (vessel, started) in broken {
            let Ok(Some(now)) = engine.condition(&vessel.id).await else { continue };
            let was_up = adrift.put == Put::Run && now.started != started;
            if was_up || adrift.put.is_right(&vessel.id, &now) {
                let name = &vessel.name;
                return Some(format!(
                    "somebody else had put container {name} right before its end"
                ));
            }
        }
        None
    }
}
