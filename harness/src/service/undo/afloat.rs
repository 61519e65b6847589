//! Containers are put right, and what a run has in the engine is removed.
//!
//! Invariant: one that the run started and that is gone needs nothing; one that was there before
//! and is gone is still broken.
//! Invariant: what the engine was told by a run that died before it heard the answer is waited for, lest it
//! happen after all was put right.
//! Not here: how one container is put right (`engine`).

use super::{Adrift, Remains};
use crate::service::engine::{Engine, Query};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Before what a run has in the engine is looked for once more: it may just have been made.
const MADE_WITHIN: Duration = Duration::from_secs(1);

/// Puts all right that can be; one that fails does not keep the others from it.
///
/// # Errors
/// A sentence that says what is still broken, and how to mend it.
pub(super) async fn put_right(adrift: &Adrift) -> Result<(), String> {
    let by_hand = || {
        let host = adrift.host.as_deref();
        let all = adrift.vessels.iter().map(|vessel| adrift.put.by_hand(vessel, host));
        // Each, whatever became of those before it: one may be right by now.
        all.collect::<Vec<_>>().join("; ")
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

/// Looks on until the engine has done what it was told `age` ago, or will not do it any more, and puts
/// right what changed.
///
/// # Errors
/// As [`put_right`].
pub(super) async fn hold(adrift: &Adrift, age: Duration) -> Result<(), String> {
    let engine = Engine::connect(adrift.host.as_deref()).await?;
    let began = Instant::now();
    for vessel in &adrift.vessels {
        let Some(now) = engine.condition(&vessel.id).await? else { continue };
        let until = began + now.lands_within(&adrift.put).saturating_sub(age);
        while Instant::now() < until && engine.is_right(vessel, &adrift.put).await? {
            sleep(LOOK_EVERY).await;
        }
    }
    put_right(adrift).await
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
    for pause in [Duration::ZERO, MADE_WITHIN] {
        sleep(pause).await;
        for vessel in engine.find(&Query::ours(&remains.run, None), true).await? {
            left.extend(engine.remove(&vessel).await.err());
        }
    }
    left.extend(engine.remove_network(&remains.network).await.err());
    if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
}
