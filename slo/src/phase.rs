//! What the stretches of a run are called, by the acknowledged edges of faults.
//!
//! Fault: while any fault is on. Recovery: from a fault's end, as long as it says, unless another
//! fault is on. Steady: the rest before the last fault's end. After: the rest later. Without
//! faults, or when none was applied, all is steady; segment 0 is the warm-up.
//!
//! Invariant: a segment has one name, and phases depend on edges only, never on counts.
//! Not here: which phase a request under way at an edge belongs to (`window`).

use crate::case::{Case, During};
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use std::ops::Range;

/// A segment's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Warmup,
    Steady,
    Fault,
    Recovery,
    After,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Warmup => "warmup",
            Kind::Steady => "steady",
            Kind::Fault => "fault",
            Kind::Recovery => "recovery",
            Kind::After => "after",
        }
    }
}

/// A stretch between two boundaries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segment {
    pub(crate) kind: Kind,
    /// The faults that are on, or being recovered from.
    pub(crate) faults: Vec<usize>,
    /// First instant.
    pub(crate) from: At,
    /// First instant of the next.
    pub(crate) to: At,
}

/// All segments, by number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phases {
    pub(crate) segments: Vec<Segment>,
    pub(crate) zero: At,
    /// By breaker: when it was open, µs after time 0, in order.
    pub(crate) open: Vec<Vec<(i64, i64)>>,
}

impl Phases {
    /// Names the segments of a run, or of what is known of it so far.
    pub(crate) fn new(case: &Case, timeline: &Timeline) -> Phases {
        let ended = timeline.ended();
        // Without a time 0 nothing but warm-up happened.
        let zero = timeline.zero.unwrap_or(ended);
        let lines = || timeline.faults.iter();
        let spans = || lines().flat_map(|(_, line)| line.spans.iter());
        let last_end = spans().map(|span| span.cleared.unwrap_or(ended)).max();
        let segments = (0..timeline.boundaries.segments()).map(|number| {
            let from = timeline.boundaries.start(number);
            let to = timeline.boundaries.start(number + 1).unwrap_or(ended);
            let Some(from) = from else {
                let from = At(zero.0.saturating_sub(case.warmup_us));
                return Segment { kind: Kind::Warmup, faults: Vec::new(), from, to: to.max(from) };
            };
            let on: Vec<usize> = lines()
                .filter(|(_, line)| {
                    line.spans.iter().any(|span| {
                        span.applied <= from && span.cleared.is_none_or(|cleared| from < cleared)
                    })
                })
                .map(|(fault, _)| *fault)
                .collect();
            let recovering = |fault: usize| case.faults.get(fault).map_or(0, |f| f.recovery_us);
            let (kind, faults) = if !on.is_empty() {
                (Kind::Fault, on)
            } else {
                let recovered_from: Vec<usize> = lines()
                    .filter(|(fault, line)| {
                        line.spans.iter().filter_map(|span| span.cleared).any(|cleared| {
                            cleared <= from
                                && from.0 < cleared.0.saturating_add(recovering(**fault))
                        })
                    })
                    .map(|(fault, _)| *fault)
                    .collect();
                match last_end {
                    _ if !recovered_from.is_empty() => (Kind::Recovery, recovered_from),
                    Some(end) if end <= from => (Kind::After, Vec::new()),
                    _ => (Kind::Steady, Vec::new()),
                }
            };
            Segment { kind, faults, from, to: to.min(ended).max(from) }
        });
        Phases { segments: segments.collect(), zero, open: Vec::new() }
    }

    /// Whether a segment is part of one of these stretches.
    pub(crate) fn covers(&self, number: usize, during: &[During]) -> bool {
        let Some(segment) = self.segments.get(number) else {
            return false;
        };
        during.iter().any(|during| match during {
            During::All => segment.kind != Kind::Warmup,
            During::Steady => segment.kind == Kind::Steady,
            During::Fault => segment.kind == Kind::Fault,
            During::Recovery => segment.kind == Kind::Recovery,
            During::After => segment.kind == Kind::After,
            During::Named(fault) => segment.kind == Kind::Fault && segment.faults.contains(fault),
            During::RecoveryOf(fault) => {
                segment.kind == Kind::Recovery && segment.faults.contains(fault)
            }
            // No union of segments: the window takes whole seconds of it.
            During::Open(_) => false,
        })
    }

    /// The covered stretches, in µs after time 0, in order, those that touch joined. Of a
    /// breaker's open states the whole seconds.
    pub(crate) fn stretches(&self, during: &[During]) -> Vec<(i64, i64)> {
        let second = SECOND_US as i64;
        let segments = self.segments.iter().enumerate();
        let covered = segments.filter(|(number, _)| self.covers(*number, during));
        let covered = covered.map(|(_, s)| (s.from.since(self.zero), s.to.since(self.zero)));
        let open = self.open_seconds(during).into_iter();
        let open = open.map(|whole| (whole.start * second, whole.end * second));
        let mut all: Vec<(i64, i64)> = covered.chain(open).filter(|(f, t)| f < t).collect();
        all.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (from, to) in all {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        joined
    }

    /// The whole seconds in which the breakers of these stretches were open.
    pub(crate) fn open_seconds(&self, during: &[During]) -> Vec<Range<i64>> {
        let breakers = during.iter().filter_map(|during| match during {
            During::Open(index) => self.open.get(*index),
            _ => None,
        });
        breakers.flatten().map(|open| whole_seconds(*open)).filter(|s| !s.is_empty()).collect()
    }
}

/// The whole seconds that lie entirely inside a stretch: from the first to before the last.
pub(crate) fn whole_seconds((from, to): (i64, i64)) -> std::ops::Range<i64> {
    let second = SECOND_US as i64;
    -(-from).div_euclid(second)..to.div_euclid(second)
}

#[cfg(test)]
mod tests;
