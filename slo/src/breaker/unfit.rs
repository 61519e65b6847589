//! What of a case keeps arrivals at a link from telling a breaker's states.
//!
//! Not here: what arrivals themselves are like (`inferred`).

use crate::case::{Case, Shows};
use crate::timeline::Timeline;

/// Whether a service was killed.
pub(super) fn killed(case: &Case, timeline: &Timeline) -> bool {
    case.faults.iter().enumerate().any(|(index, fault)| {
        fault.shows == Shows::Gone
            && timeline.faults.get(&index).is_some_and(|line| !line.spans.is_empty())
    })
}

/// The fault that refused connections at a link, if one did.
pub(super) fn refused<'a>(case: &'a Case, timeline: &Timeline, link: &str) -> Option<&'a str> {
    let applied = |index: usize| timeline.faults.get(&index).is_some_and(|l| !l.spans.is_empty());
    let mut faults = case.faults.iter().enumerate();
    let refused = faults.find(|(index, fault)| {
        fault.link == link && fault.shows == Shows::Refused && applied(*index)
    });
    refused.map(|(_, fault)| fault.name.as_str())
}

/// A load whose requests come to a link without a breaker before them, or a second fleet with
/// breakers of its own.
pub(super) fn unguarded<'a>(case: &'a Case, link: &str) -> Option<&'a str> {
    let mut guarded = 0;
    let mut loads = case.loads.iter().enumerate();
    let found = loads.find(|(index, load)| {
        let through = load.link.as_deref() == Some(link);
        let gateway = case.fleets.iter().any(|fleet| fleet.load == *index && fleet.gateway);
        guarded += usize::from(through && gateway);
        through && (!gateway || guarded > 1)
    });
    found.map(|(_, load)| load.name.as_str())
}
