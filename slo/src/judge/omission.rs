//! Time that no percentile of requests shows: while all users of a closed load wait, nothing is begun.
//!
//! Coordinated omission, by Gil Tene's name: a stall of seconds is one slow request of each user among
//! the thousands that were quick, though arrivals at a rate would have met it all the time.
//!
//! Invariant: only seconds in which chance leaves nothing begun less than once in 20 000 are told.
//! Not here: slices of availability that users waited through (`objective::waiting`), time in which the
//! generator stood still (`health::stood`).

use crate::case::{Ask, LoadKind, Objective, Of};
use crate::evidence::Evidence;
use crate::objective::{self, Judged};
use crate::scorecard::Verdict;
use crate::time::SECOND_US;
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// So many are begun in a second that is not empty, on average: e^-10 of Poisson's seconds are empty.
const OFTEN: u64 = 10;
const SECOND: i64 = SECOND_US as i64;

/// What a closed load began in a second, and when the last of it was known to have ended, µs after time 0.
#[derive(Default)]
struct Begun {
    n: u64,
    known: i64,
}

/// A latency that is met, though its closed load stood still for a greater share of the time than may
/// be slow.
pub(super) fn finding(
    evidence: &Evidence<'_>,
    objective: &Objective,
    one: &Judged,
) -> Option<String> {
    let Ask::Latency { percentile, .. } = objective.ask else { return None };
    if one.score.verdict != Verdict::Met {
        return None;
    }
    let groups = objective::groups(evidence.case, objective).into_iter();
    let (_, of) = groups.into_iter().find(|(id, _)| *id == one.score.id)?;
    let loads: BTreeSet<usize> = of.iter().map(|of| of.load).collect();
    loads.into_iter().find_map(|at| {
        let load = evidence.case.loads.get(at).filter(|load| load.kind == LoadKind::Users)?;
        // Seconds without a request may be the generator's own, which is told (`health::stood`).
        if evidence.loads.get(at)?.stood.long_us >= SECOND_US {
            return None;
        }
        let begun = begun(evidence, at, load.requests.len());
        let all = u64::try_from(begun.keys().next_back()? - begun.keys().next()? + 1).ok()?;
        let often = begun.values().map(|second| second.n).sum::<u64>() >= OFTEN * begun.len() as u64;
        // What we ourselves stood still is told as that.
        let own = evidence.loads.get(at).map_or(0, |load| load.stood.us / SECOND_US);
        let still = still(&begun).saturating_sub(own);
        (often && still as f64 > percentile.rest().fraction() * all as f64).then(|| {
            format!(
                "objective `{}`: in {still} of {} nothing of load `{}` was begun, since its users waited \
                 for answers; a percentile of requests does not show such time: arrivals at a rate would \
                 (`constant-arrival-rate`, or `--rate` of `assay load`)",
                one.score.id,
                words::count(all, "second"),
                load.name
            )
        })
    })
}

/// By the second in which they began, from time 0 on.
fn begun(evidence: &Evidence<'_>, load: usize, requests: usize) -> BTreeMap<i64, Begun> {
    let mut begun: BTreeMap<i64, Begun> = BTreeMap::new();
    for request in 0..requests {
        for (key, counts) in evidence.timeline.cells(Of { load, request }) {
            let second = begun.entry(key.second).or_default();
            second.n = second.n.saturating_add(counts.n);
            second.known = second.known.max(counts.known_by.since(evidence.phases.zero));
        }
    }
    begun.retain(|second, _| *second >= 0);
    begun
}

/// How many seconds are empty between two that are not, with a request under way in all of them that
/// began before.
fn still(begun: &BTreeMap<i64, Begun>) -> u64 {
    let mut waits = i64::MIN;
    let pairs = begun.iter().zip(begun.keys().skip(1));
    let empty = pairs.map(|((second, what), next)| {
        waits = waits.max(what.known);
        // Counts are handed over every second.
        let through = waits.saturating_sub(SECOND).div_euclid(SECOND) >= next - 1;
        if through { u64::try_from(next - second - 1).unwrap_or(0) } else { 0 }
    });
    empty.sum()
}
