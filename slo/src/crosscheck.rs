//! Two recordings of the same thing must agree: the exact counters that verdicts use, and the
//! histograms beside them. If they do not, Assay has a bug and says so.
//!
//! Invariant: a disagreement can only take away certainty.
//! Not here: percentiles (`times`).

use crate::case::{Case, Clock, Mark, Of};
use crate::outcome::Outcome;
use crate::timeline::{HistogramKey, Timeline};
use std::collections::{BTreeMap, BTreeSet};

/// Per load that disagrees, the first disagreement in a sentence.
pub(crate) fn disagreements(case: &Case, timeline: &Timeline) -> BTreeMap<usize, String> {
    let recorded: BTreeSet<(usize, Clock)> =
        timeline.histograms.keys().map(|key| (key.of.load, key.clock)).collect();
    if recorded.is_empty() {
        return BTreeMap::new();
    }
    let counters = counters(case, timeline);
    let mut keys: BTreeSet<HistogramKey> = timeline.histograms.keys().copied().collect();
    for (of, segment, ok) in counters.keys() {
        let clocks = Clock::RECORDED.into_iter();
        let clocks = clocks.filter(|clock| recorded.contains(&(of.load, *clock)));
        // The warm-up is never judged and may go without histograms.
        keys.extend(clocks.filter(|_| *segment > 0).map(|clock| HistogramKey {
            of: *of,
            clock,
            segment: *segment,
            ok: *ok,
        }));
    }
    let mut found = BTreeMap::new();
    for key in keys {
        let counted = counters.get(&(key.of, key.segment, key.ok));
        if let Some(what) = disagreement(case, timeline, &key, counted) {
            found.entry(key.of.load).or_insert_with(|| {
                let load = case.loads.get(key.of.load);
                let name = load.map_or("?", |load| load.name.as_str());
                let request = load.and_then(|load| load.requests.get(key.of.request));
                let request = request.map_or("?", |request| request.name.as_str());
                let ended = if key.ok { "ok" } else { "not ok" };
                format!(
                    "assay disagrees with itself: load `{name}`, request `{request}`, {ended}, \
                     segment {}: {what}; please report this",
                    key.segment
                )
            });
        }
    }
    found
}

/// How many attempts, and how many satisfied each mark.
type Counted = (u64, Vec<u64>);

fn counters(case: &Case, timeline: &Timeline) -> BTreeMap<(Of, usize, bool), Counted> {
    let mut counters: BTreeMap<(Of, usize, bool), Counted> = BTreeMap::new();
    for of in timeline.kinds() {
        for (key, counts) in timeline.cells(of).filter(|(key, _)| key.outcome.is_known_attempt()) {
            let (n, marks) = counters
                .entry((of, key.segment, key.outcome == Outcome::Ok))
                .or_insert_with(|| (0, vec![0; case.marks.len()]));
            *n += counts.n;
            for (index, sum) in marks.iter_mut().enumerate() {
                *sum += counts.mark(index);
            }
        }
    }
    counters
}

fn disagreement(
    case: &Case,
    timeline: &Timeline,
    key: &HistogramKey,
    counted: Option<&Counted>,
) -> Option<String> {
    let none = BTreeMap::new();
    let buckets = timeline.histograms.get(key).unwrap_or(&none);
    let add = |fits: &dyn Fn(u64, u64) -> bool| {
        let fitting = buckets.iter().filter(|((low, high), _)| fits(*low, *high));
        fitting.fold(0u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let total = add(&|_, _| true);
    let n = counted.map_or(0, |(n, _)| *n);
    // What failed may have had no first byte.
    let is_whole = key.ok || key.clock != Clock::FirstByte;
    if total > n || total < n && is_whole {
        return Some(format!("{n} requests were counted, {total} are in the histogram"));
    }
    case.marks.iter().enumerate().find_map(|(index, mark)| match mark {
        Mark::Below { clock, us } if *clock == key.clock => {
            let counter = counted.map_or(0, |(_, marks)| marks.get(index).copied().unwrap_or(0));
            let (least, most) = (add(&|_, high| high < *us), add(&|low, _| low < *us));
            (counter < least || counter > most).then(|| {
                format!(
                    "{counter} took less than {us} µs by the counter, {least} to {most} by the \
                     histogram"
                )
            })
        }
        _ => None,
    })
}
