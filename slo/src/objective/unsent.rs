//! Requests of users that were never sent: a load that ends while all of them pause has steps that no
//! journey reached, and a pool that names them would be met without them.
//!
//! Invariant: it only takes certainty away.
//! Not here: arrivals, whose later steps a run waits for; requests that could not be sent (`health`).

use crate::case::{LoadKind, Of};
use crate::evidence::Evidence;
use crate::health::Doubt;
use std::collections::BTreeSet;

/// Why what asks for these is not met, if one of them is such a request.
pub(crate) fn doubt(evidence: &Evidence<'_>, of: &BTreeSet<Of>) -> Option<Doubt> {
    let sent = |of| evidence.timeline.cells(of).any(|(key, cell)| key.segment > 0 && cell.n > 0);
    of.iter().filter(|of| !sent(**of)).find_map(|of| {
        let load = evidence.case.loads.get(of.load).filter(|load| load.kind == LoadKind::Users)?;
        let name = &load.requests.get(of.request)?.name;
        Some(Doubt {
            reason: format!(
                "`{name}` of load `{}` was never sent: nothing is known of it",
                load.name
            ),
            missing: "a longer load, or shorter pauses, so that users reach each of their steps"
                .to_owned(),
        })
    })
}
