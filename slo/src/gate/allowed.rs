//! Until when expectations allow that what the gate looks at fails: what comes back in its time
//! must not be violated by a look at the seconds before. What fails again after it came back is
//! not excused.
//!
//! Not here: the look, when it comes.

use crate::case::{Case, During, Evidence as Source, LoadKind, Moment, Must, Of};
use crate::evidence::Evidence;
use crate::objective::{self, Part, Question};
use crate::outcome::Outcome;
use crate::scorecard::Verdict;
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
/// over, and no later than what it waits for is back, for as long as it must stay so. `began` is
/// the first one after the faults.
pub(super) fn excused(evidence: &Evidence<'_>, seconds: &Seconds, began: i64) -> i64 {
    let until = evidence.case.expectations.iter().filter_map(|expectation| {
        let (after, within_us) = allowed(&expectation.must, evidence.case)?;
        let within_us = i64::try_from(within_us).unwrap_or(i64::MAX);
        let until_us = evidence.moment(&after).ok()?.saturating_add(within_us);
        let until = until_us.saturating_add(SECOND - 1).div_euclid(SECOND);
        let back = (began..until).find(|from| is_back(evidence, seconds, &expectation.must, *from));
        Some(back.unwrap_or(until))
    });
    until.max().unwrap_or(0)
}

/// Whether what an expectation waits for holds from this second on, for as long as it must.
fn is_back(evidence: &Evidence<'_>, seconds: &Seconds, must: &Must, from: i64) -> bool {
    let ok = |second: i64| {
        let known = seconds.get(&second);
        known.is_some_and(|(ok, all)| u128::from(*ok) * 100 >= u128::from(*all) * 99)
    };
    let Must::Recovers { objective, hold_us, .. } = must else { return ok(from) };
    let hold = i64::try_from(hold_us.div_ceil(SECOND_US)).unwrap_or(i64::MAX).max(1);
    let until = from.saturating_add(hold);
    // Slow answers are ok as well: the objective itself must hold.
    let holds = evidence.case.objectives.get(*objective).is_none_or(|objective| {
        let part = Part::look(from..until);
        let (of, during) = (objective.of.clone(), &[During::All]);
        let question =
            Question { objective, of: of.into_iter().collect(), during, part, runs: None };
        objective::judge_now(evidence, &question).verdict != Verdict::Violated
    });
    (from..until).all(ok) && holds
}

/// Ok answers and all of them, by due second.
pub(super) type Seconds = BTreeMap<i64, (u64, u64)>;

/// Those of what the gate looks at.
pub(super) fn seconds(evidence: &Evidence<'_>) -> Seconds {
    let case = evidence.case;
    let mut seconds = Seconds::new();
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
fn only_fleets(case: &Case) -> bool {
    case.loads.iter().all(|load| load.kind == LoadKind::Fleet)
}
