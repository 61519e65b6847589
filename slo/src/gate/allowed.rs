//! Until when expectations allow that what the gate looks at fails: what comes back in its time
//! must not be violated by a look at the seconds before.
//!
//! Not here: the look, when it comes.

use crate::case::{Case, Evidence, LoadKind, Moment, Must, Of};

/// From when, and for how long (µs), an expectation allows that requests which the gate looks at
/// fail; none if it allows nothing of the kind.
#[must_use]
pub fn allowed(must: &Must, case: &Case) -> Option<(Moment, u64)> {
    match must {
        Must::Recovers { objective, after, within_us, .. } => {
            let objective = case.objectives.get(*objective)?;
            looked_at(&objective.of, case).then_some((*after, *within_us))
        }
        Must::Goodput { of, after, within_us, .. } => {
            looked_at(of, case).then_some((*after, *within_us))
        }
        Must::Breaker(must) => {
            // Our own gateways' breaker fails fleets only; one behind a link may be anybody's.
            let evidence = &case.breakers.get(must.breaker)?.evidence;
            let ours = evidence.iter().any(|one| matches!(one, Evidence::Gateway(_)));
            must.closes.filter(|_| !ours || only_fleets(case))
        }
        _ => None,
    }
}

/// The gate looks at loads, and at fleets where nothing else sends.
fn looked_at(of: &[Of], case: &Case) -> bool {
    let is_fleet =
        |of: &Of| case.loads.get(of.load).is_none_or(|load| load.kind == LoadKind::Fleet);
    only_fleets(case) || !of.iter().all(is_fleet)
}

/// Whether nothing but fleets sends.
pub(super) fn only_fleets(case: &Case) -> bool {
    case.loads.iter().all(|load| load.kind == LoadKind::Fleet)
}
