//! When an objective's loads were sending.
//!
//! Not here: which stretches a `during` covers (`phase`).

use super::Question;
use crate::case::{LoadKind, Of};
use crate::event::EndReason;
use crate::evidence::Evidence;
use crate::time::SECOND_US;
use std::collections::BTreeSet;
use std::ops::Range;

/// The covered stretches in which the loads were sending, µs after time 0.
pub(super) fn stretches(evidence: &Evidence<'_>, question: &Question<'_>) -> Vec<(i64, i64)> {
    let loads = || question.of.iter().filter_map(|of| evidence.case.loads.get(of.load));
    let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let starts = loads().map(|load| whole(load.starts_us)).min().unwrap_or(0);
    let ends = loads().map(|load| whole(load.ends_us)).max().unwrap_or(0);
    let mut stretches = evidence.phases.stretches(question.during);
    let ended = evidence.timeline.ended().since(evidence.phases.zero);
    if let Some((_, to)) = stretches.last_mut().filter(|(_, to)| *to == ended) {
        *to = match evidence.end() {
            Some(EndReason::Complete) => ended.max(sent_until(evidence, question, ended)),
            // Undo and teardown come after what cut the traffic.
            Some(_) => ended.min(due_until(evidence, question)),
            None => ended,
        };
    }
    let stretches = stretches.into_iter();
    let second = SECOND_US as i64;
    let (first, last) = question.part.as_ref().map_or((starts, ends), |part| {
        let Range { start, end } = part.seconds;
        (starts.max(start.saturating_mul(second)), ends.min(end.saturating_mul(second)))
    });
    stretches.map(|(from, to)| (from.max(first), to.min(last))).filter(|(f, t)| f < t).collect()
}

/// How many of the loads had begun before each of these stretches.
pub(super) fn begun_before(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    stretches: &[(i64, i64)],
) -> Vec<u64> {
    let loads = question.of.iter().map(|of| of.load).collect::<BTreeSet<_>>();
    let loads = loads.into_iter().filter_map(|load| evidence.case.loads.get(load));
    let starts: Vec<i64> =
        loads.map(|load| i64::try_from(load.starts_us).unwrap_or(i64::MAX)).collect();
    let before = |from: i64| starts.iter().filter(|start| **start < from).count() as u64;
    stretches.iter().map(|(from, _)| before(*from)).collect()
}

/// The end of the last second in which something of it was due, µs after time 0.
fn due_until(evidence: &Evidence<'_>, question: &Question<'_>) -> i64 {
    let cells = question.of.iter().flat_map(|of| evidence.timeline.cells(*of));
    let last = cells.map(|(key, _)| key.second).max().unwrap_or(0);
    last.saturating_add(1).saturating_mul(SECOND_US as i64)
}

/// Until when the open loads of a whole run were sending: it ends with its last answer, and what was
/// planned to send a little longer had nothing due any more. Not so of a load whose end nobody knew.
fn sent_until(evidence: &Evidence<'_>, question: &Question<'_>, ended: i64) -> i64 {
    let stopped = |of: &&Of| evidence.timeline.stopped.contains_key(&of.load);
    let loads = question.of.iter().filter(|of| !stopped(of));
    let loads = loads.filter_map(|of| evidence.case.loads.get(of.load));
    let open = loads.filter(|load| load.kind == LoadKind::Open && load.planned > 0);
    let ends = open.filter_map(|load| {
        let interval = load.ends_us.saturating_sub(load.starts_us) / load.planned;
        let ends = i64::try_from(load.ends_us).ok()?;
        let beyond = u64::try_from(ends - ended).ok()?;
        (beyond <= SECOND_US.max(interval.saturating_mul(3))).then_some(ends)
    });
    ends.max().unwrap_or(ended)
}
