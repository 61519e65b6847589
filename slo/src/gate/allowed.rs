//! Until when expectations allow that what the gate looks at fails: what comes back in its time
//! must not be violated by a look at the seconds before. What fails again after it came back is
//! not excused.
//!
//! Not here: the look, when it comes.

use crate::case::{Case, Evidence as Source, LoadKind, Moment, Must, Of};
use crate::evidence::Evidence;
use crate::outcome::Outcome;
use crate::time::SECOND_US;
use std::collections::BTreeMap;

/// A second in µs.
const SECOND: i64 = SECOND_US as i64;

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
            let ours = evidence.iter().any(|one| matches!(one, Source::Gateway(_)));
            must.closes.filter(|_| !ours || only_fleets(case))
        }
        _ => None,
    }
}

/// The first second that no expectation excuses: at the latest when the last of their times is
/// over, and no later than seconds are good again, for as long as they must stay so. `began` is
/// the first one after the faults.
pub(super) fn excused(evidence: &Evidence<'_>, began: i64) -> i64 {
    let case = evidence.case;
    let seconds = seconds(evidence);
    let until = case.expectations.iter().filter_map(|expectation| {
        let (after, within_us) = allowed(&expectation.must, case)?;
        let within_us = i64::try_from(within_us).unwrap_or(i64::MAX);
        let until_us = evidence.moment(&after).ok()?.saturating_add(within_us);
        let until = until_us.saturating_add(SECOND - 1).div_euclid(SECOND);
        let hold_us = match expectation.must {
            Must::Recovers { hold_us, .. } => hold_us,
            _ => SECOND_US,
        };
        let hold = i64::try_from(hold_us.div_ceil(SECOND_US)).unwrap_or(i64::MAX).max(1);
        let good = |second: i64| {
            let known = seconds.get(&second);
            known.is_some_and(|(ok, all)| u128::from(*ok) * 100 >= u128::from(*all) * 99)
        };
        let back = (began..until).find(|second| (*second..second.saturating_add(hold)).all(good));
        Some(back.unwrap_or(until))
    });
    until.max().unwrap_or(0)
}

/// Ok answers and all of them, of what the gate looks at, by due second.
fn seconds(evidence: &Evidence<'_>) -> BTreeMap<i64, (u64, u64)> {
    let case = evidence.case;
    let mut seconds: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for of in evidence.timeline.kinds().filter(|of| looked_at(std::slice::from_ref(of), case)) {
        let cells = evidence.timeline.cells(of);
        for (key, counts) in cells.filter(|(key, _)| key.segment > 0) {
            if key.outcome != Outcome::FastFail {
                let (ok, all) = seconds.entry(key.second).or_default();
                *all = all.saturating_add(counts.n);
                *ok = ok.saturating_add(if key.outcome == Outcome::Ok { counts.n } else { 0 });
            }
        }
    }
    seconds
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
