//! The reads of a count, in the order of time, and what it added from one to the next.
//!
//! A count that fell began anew: all of it was added since. Of one that is the sum of several series a
//! read tells itself what they added, where one of them began anew or went. A page that has no such
//! series yet counts 0: it is born with its first event. Later one without it tells nothing, unless its
//! service was started again meanwhile.
//!
//! Invariant: what was lost when it began anew is not made up.
//! Not here: where samples lie, and where nobody looked (`watch`).

use super::watch::Watch;
use crate::evidence::Evidence;

/// One read, µs after time 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Read {
    pub(super) asked: i64,
    pub(super) at: i64,
    pub(super) value: f64,
    pub(super) counter: bool,
    /// What it added since the read before.
    pub(super) added: f64,
    /// It began anew since, or a part of it: what that had counted last is lost.
    pub(super) anew: bool,
}

/// All reads of a metric of the case.
pub(super) fn reads(evidence: &Evidence<'_>, metric: usize, watch: &Watch<'_>) -> Vec<Read> {
    let zero = evidence.phases.zero;
    let Some(line) = evidence.timeline.samples.of(metric) else { return Vec::new() };
    let samples = line.samples.iter().map(|sample| {
        let read = Read {
            asked: sample.asked.since(zero),
            at: sample.answered.since(zero),
            value: sample.value.get(),
            counter: sample.counter,
            added: 0.0,
            anew: false,
        };
        (read, sample.anew.map(crate::Number::get))
    });
    let restarts = watch.restarts();
    let unborn = |asked: i64| {
        let since = restarts.iter().rev().find(|at| **at <= asked).copied().unwrap_or(i64::MIN);
        let later = watch.points.partition_point(|point| point.at <= asked);
        let last = later.checked_sub(1).and_then(|last| watch.points.get(last));
        last.is_none_or(|last| last.at <= since)
    };
    let absent = line.absent.iter().map(|(asked, at)| (asked.since(zero), at.since(zero)));
    let absent = absent.filter(|(asked, _)| unborn(*asked)).map(|(asked, at)| {
        (Read { asked, at, value: 0.0, counter: true, added: 0.0, anew: false }, None)
    });
    let mut reads: Vec<(Read, Option<f64>)> = samples.chain(absent).collect();
    reads.sort_by_key(|(read, _)| (read.at, read.asked));
    let mut before = None;
    let reads = reads.into_iter().map(|(read, told)| {
        let from = before.replace(read.value).unwrap_or(read.value);
        let fell = read.value < from;
        let by_sum = if fell { read.value } else { read.value - from };
        let added = told.unwrap_or(by_sum);
        Read { added, anew: fell || told.is_some(), ..read }
    });
    reads.collect()
}

/// Those that lie in a stretch.
pub(super) fn within(reads: &[Read], (from, to): (i64, i64)) -> &[Read] {
    let first = reads.partition_point(|read| read.asked < from);
    let last = reads.partition_point(|read| read.at <= to);
    reads.get(first..last.max(first)).unwrap_or_default()
}
