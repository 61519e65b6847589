//! Containers are put right, and what a run has in the engine is removed.
//!
//! Invariant: one that the run started and that is gone needs nothing; one that was there before
//! and is gone is still broken.
//! Not here: how one container is put right (`engine`).

use super::{Adrift, Remains};
use crate::service::engine::{Engine, Query};

/// Puts all right that can be; one that fails does not keep the others from it.
///
/// # Errors
/// A sentence that says what is still broken, and how to mend it.
pub(super) async fn put_right(adrift: &Adrift) -> Result<(), String> {
    let by_hand = || {
        let all = adrift.vessels.iter().map(|vessel| adrift.put.by_hand(vessel));
        all.collect::<Vec<_>>().join(" && ")
    };
    let engine = Engine::connect(adrift.host.as_deref()).await;
    let engine = engine.map_err(|why| format!("{why}; once it does, `{}`", by_hand()))?;
    let mut left = Vec::new();
    for vessel in &adrift.vessels {
        if adrift.ours && matches!(engine.condition(&vessel.id).await, Ok(None)) {
            continue;
        }
        left.extend(engine.put_right(vessel, &adrift.put).await.err());
    }
    if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
}

/// Removes whatever carries the run's label, and its network.
///
/// # Errors
/// As [`put_right`].
pub(super) async fn remove(remains: &Remains) -> Result<(), String> {
    let label = format!("label=assay.run={}", remains.run);
    let engine = Engine::connect(remains.host.as_deref()).await.map_err(|why| {
        format!("{why}; once it does, `docker rm -f $(docker ps -aq --filter {label})`")
    })?;
    let mut left = Vec::new();
    for vessel in engine.find(&Query::ours(&remains.run, None), true).await? {
        left.extend(engine.remove(&vessel).await.err());
    }
    left.extend(engine.remove_network(&remains.network).await.err());
    if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
}
