//! The steady-state gate: whether the system is well enough to be broken, or well again.
//!
//! Invariant: the look uses whole seconds that were handed over, and the judge's own counting.
//! Not here: probes, which the run adds; when the gate looks.

mod allowed;

pub use allowed::allowed;

use self::allowed::Seconds;
use crate::case::{Ask, Case, During};
use crate::event::{Gate, GateTime};
use crate::evidence::Evidence;
use crate::objective::{self, Part, Question};
use crate::scorecard::Verdict;
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use crate::words;
use std::ops::Range;

/// The look back that must be well by itself, in seconds.
const RECENT_S: i64 = 5;

/// Looks at the whole seconds before `now_second` (all of them handed over), from time 0; after
/// the last undo at the last five, of these at those that began after it, without those before the
/// recovery that an expectation still waits for (at the very last if it waits for all). Each
/// required objective that covers the steady phase must not be violated (too few requests do not
/// close the gate), at least 99 % of the last five seconds' requests of loads must be ok, and no
/// more than 1 % of those that were due longer ago than they may take may still be under way.
/// `timeline` is what is known so far.
#[must_use]
pub fn look(case: &Case, timeline: &Timeline, now_second: i64, when: GateTime) -> Gate {
    let evidence = Evidence::new(case, timeline);
    let each = allowed::seconds(&evidence);
    let now = now_second.max(0);
    let recent = now.saturating_sub(RECENT_S).max(0);
    let (recent, seconds) = match when {
        GateTime::Before => (recent..now, 0..now),
        GateTime::After => {
            let began = first_second_after_faults(timeline);
            let allowed = allowed::excused(&evidence, &each, began).min(now - 1);
            let after = recent.max(began).max(allowed).min(now);
            (after..now, after..now)
        }
    };
    let required = case.steady_state.iter().flat_map(|steady| &steady.require);
    let objectives = required.filter_map(|index| case.objectives.get(*index));
    let steady = objectives.filter(|objective| {
        objective.during.iter().any(|during| matches!(during, During::All | During::Steady))
    });
    let violated = steady.flat_map(|objective| {
        // Each name on its own where the objective says so.
        let groups = objective::groups(case, objective);
        let evidence = &evidence;
        let seconds = &seconds;
        groups.into_iter().filter_map(move |(id, of)| {
            let during = &[During::All];
            let question =
                Question { objective, of, during, part: Part::look(seconds.clone()), runs: None };
            let judged = objective::judge_now(evidence, &question);
            (judged.verdict == Verdict::Violated).then(|| format!("{id}: {}", judged.reason))
        })
    });
    let mut reasons: Vec<String> = violated.collect();
    reasons.extend(lately(&each, &recent));
    reasons.extend(hanging(case, timeline, &recent, seconds.start));
    Gate { when, open: reasons.is_empty(), reasons }
}

/// Whether a look after the last undo would have a whole second to look at.
#[must_use]
pub fn can_look_after(timeline: &Timeline, now_second: i64) -> bool {
    now_second > first_second_after_faults(timeline)
}

/// The first second that no fault touches any more.
#[must_use]
pub fn first_second_after_faults(timeline: &Timeline) -> i64 {
    let zero = timeline.zero.unwrap_or_default();
    let spans = timeline.faults.values().flat_map(|fault| &fault.spans);
    let cleared = spans.filter_map(|span| span.cleared);
    cleared.map(|at| at.plus(SECOND_US as i64 - 1).second(zero)).max().unwrap_or(0)
}

/// What is wrong with the last seconds' requests, of all loads together.
fn lately(each: &Seconds, recent: &Range<i64>) -> Option<String> {
    let counts = each.range(recent.clone()).map(|(_, counts)| counts);
    let (ok, all) = counts.fold((0u64, 0u64), |sum, (ok, all)| (sum.0 + ok, sum.1 + all));
    let span = words::duration((recent.end - recent.start).unsigned_abs() * 1_000_000);
    if all == 0 {
        return Some(format!("no request of the last {span} has ended"));
    }
    (u128::from(ok) * 100 < u128::from(all) * 99).then(|| {
        format!(
            "of the requests of the last {span} only {} were ok ({ok} of {all}), 99 % are needed",
            words::ratio(ok, all)
        )
    })
}

/// Requests of open arrivals that were due longer ago than they may take, though not before the
/// second `from`, and have not ended: what hangs has not failed yet, but is not well either.
fn hanging(case: &Case, timeline: &Timeline, recent: &Range<i64>, from: i64) -> Option<String> {
    let limits = case.objectives.iter().filter_map(|objective| match objective.ask {
        Ask::Latency { below_us, .. } => Some(below_us),
        _ => None,
    });
    let patience = limits.max().unwrap_or(0).max(SECOND_US);
    let zero = timeline.zero.unwrap_or_default();
    let end = i64::try_from(patience).unwrap_or(i64::MAX);
    let until = zero.plus(recent.end.saturating_mul(SECOND_US as i64)).plus(-end);
    let (mut open, mut due) = (0u64, 0u64);
    for (load, sum) in &timeline.health {
        // Those that were due by a hand-over before then; a second that lies around it is counted
        // as ended whole, so too few are found rather than too many.
        let by = |at: At| {
            let known = sum.due_by.partition_point(|(told, _)| *told <= at);
            sum.due_by[..known].last().copied()
        };
        let Some((at, were_due)) = by(until) else { continue };
        let told_by = |second: i64| by(zero.plus(second.saturating_mul(SECOND_US as i64)));
        let due_by = |second: i64| told_by(second).map_or(0, |(_, due)| due);
        due += sum.due.saturating_sub(due_by(recent.start));
        let first = told_by(from).map_or(i64::MIN, |(at, _)| at.second(zero));
        let seconds = first..=at.second(zero);
        let kinds = timeline.kinds().filter(|of| of.load == *load);
        let cells = kinds.flat_map(|of| timeline.cells(of));
        let ended = cells.filter(|(key, _)| key.segment > 0 && seconds.contains(&key.second));
        let ended: u64 = ended.map(|(_, counts)| counts.n).sum();
        open += were_due.saturating_sub(due_by(from)).saturating_sub(ended);
    }
    (u128::from(open) * 100 > u128::from(due) && open > 1).then(|| {
        let ago = words::duration(patience);
        format!("{} due more than {ago} ago have not ended", words::count(open, "request"))
    })
}

#[cfg(test)]
mod tests;
