//! States that were read again and again: a gauge or counters of the breaker's own.
//!
//! A change was some time between the last read that saw the old state and the first that saw the
//! new one. An opening can hide between two reads only if they are farther apart than the breaker
//! stays open, and nobody knows how long that is unless its policy says. From when on a trial may
//! have come, unseen between two reads, it is not surely open any more. Closed it may be for a moment
//! only: a trial succeeds, the next calls fail, and both reads around say open.
//!
//! Invariant: what no read could have missed is known, all else a doubt.
//! Not here: how states are read (harness `probe`), counts of calls, which only arrivals show.

use super::{Ending, How, Line, Spell, failed, tolerance};
use crate::case::{Case, Policy, Shown};
use crate::event::Sample;
use crate::health::Doubt;
use crate::phase::Phases;
use crate::scorecard::Between;
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use crate::words;

/// What a read saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open,
    HalfOpen,
}

/// A read's value as a state: 0 closed, 1 open, 2 half-open.
fn state(sample: &Sample) -> Option<State> {
    let value = sample.value.get();
    [(0.0, State::Closed), (1.0, State::Open), (2.0, State::HalfOpen)]
        .into_iter()
        .find(|(known, _)| *known == value)
        .map(|(_, state)| state)
}

/// The states of a breaker by a metric of the case.
pub(super) fn line(
    case: &Case,
    timeline: &Timeline,
    phases: &Phases,
    metric: usize,
    policy: &Policy,
) -> Line {
    let Some(known) = case.metrics.get(metric) else {
        let doubt = Doubt {
            reason: "its states are read by no metric".to_owned(),
            missing: "a metric that reads them".to_owned(),
        };
        return Line::doubtful("?".to_owned(), How::Polled, doubt);
    };
    let of = known.reads.clone();
    let reads = timeline.samples.of(metric);
    let samples = reads.map_or(&[][..], |reads| reads.samples.as_slice());
    let why = reads.and_then(|reads| reads.last_missed.as_ref()).map(|(_, why)| why.as_str());
    let patience = known.every_us.saturating_mul(3).max(SECOND_US);
    let begins = samples.partition_point(|sample| sample.answered < phases.zero);
    let seen = samples.get(begins.saturating_sub(1)..).unwrap_or_default();
    if let Some(doubt) = hole(seen, phases.zero, timeline, patience, why) {
        return Line::doubtful(of, How::Polled, doubt);
    }
    let until = seen.last().map_or(At::default(), |last| last.answered);
    let mut line = Line::new(of, How::Polled, until);
    line.tolerance_us = tolerance(timeline, 0);
    line.recovery_us = policy.recovery_us;
    line.spells = spells(seen);
    let pairs = seen.iter().zip(seen.iter().skip(1));
    let apart = pairs.map(|(a, b)| b.answered.since(a.asked)).max().unwrap_or(0).unsigned_abs();
    line.grain_us = apart;
    line.blind = policy.recovery_us.is_none_or(|recovery| recovery <= apart).then(|| Doubt {
        reason: format!(
            "it may have been open between two reads, which are up to {} apart",
            words::about(apart)
        ),
        missing: match policy.recovery_us {
            None => "the breaker's `policy: recovery`, longer than reads are apart".to_owned(),
            Some(_) => "reads that are closer together than the breaker's recovery".to_owned(),
        },
    });
    if let (None, Some(recovery_us)) = (&line.blind, policy.recovery_us) {
        let relapses = Relapses { case, timeline, seen, spells: &line.spells, recovery_us };
        line.relapses = relapses.all(known.shown);
    }
    line
}

/// A gap between two reads in which it may have closed and opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relapse {
    pub(crate) between: Between,
    /// It needs no success to close.
    timed: bool,
}

/// Strikes out what arrivals exclude: without a success nothing closes, and what closes by time
/// needs calls to open again.
pub(super) fn clear(line: &mut Line, arrivals: &Line) {
    let Some(calls) = arrivals.calls.as_ref().filter(|calls| calls.left_out == 0) else { return };
    let slack = line.tolerance_us;
    line.relapses.retain(|Relapse { between, timed }| {
        let (from, to) = (between.earliest.0.saturating_sub(slack), between.latest.0 + slack);
        calls.list.iter().any(|call| {
            let may_close = *timed || failed(call.outcome) == Some(false);
            may_close && from <= call.done.0 && call.done.0 <= to
        })
    });
}

/// What tells in which gaps it may have.
struct Relapses<'a> {
    case: &'a Case,
    timeline: &'a Timeline,
    seen: &'a [Sample],
    spells: &'a [Spell],
    recovery_us: u64,
}

impl Relapses<'_> {
    fn all(&self, shown: Shown) -> Vec<Relapse> {
        if shown == Shown::Changes {
            return Vec::new();
        }
        let timed = shown == Shown::TimedStates;
        let mut found = Vec::new();
        // The next read after a gap that did not say open.
        let mut next: Option<&Sample> = None;
        for (before, after) in self.seen.iter().zip(self.seen.iter().skip(1)).rev() {
            if state(after) != Some(State::Open) {
                next = Some(after);
                continue;
            }
            let between = Between { earliest: before.asked, latest: after.answered };
            let stays = At(before.asked.0.saturating_add(self.recovery_us));
            let long = next.is_none_or(|next| stays <= next.answered);
            let closes = timed || !self.all_failed(between);
            if long && closes && self.tried(before, between) {
                found.push(Relapse { between, timed });
            }
        }
        found.reverse();
        found
    }

    /// Whether a trial may have come.
    fn tried(&self, before: &Sample, between: Between) -> bool {
        let last = self.spells.iter().rfind(|spell| spell.opened.latest <= before.answered);
        match state(before) {
            Some(State::HalfOpen) => true,
            Some(State::Open) => last.is_none_or(|spell| {
                spell.opened.earliest.0.saturating_add(self.recovery_us) <= between.latest.0
            }),
            Some(State::Closed) | None => false,
        }
    }

    /// Whether a fault hit everything in this gap that was on when it opened, which is why it did.
    fn all_failed(&self, gap: Between) -> bool {
        let mut opened = self.spells.iter().filter(|spell| spell.opened.latest <= gap.latest);
        let Some(opened) = opened.rfind(|spell| spell.from_closed) else { return false };
        self.case.faults.iter().enumerate().any(|(index, fault)| {
            let spans = self.timeline.faults.get(&index).map_or(&[][..], |line| &line.spans);
            fault.hits_all()
                && spans.iter().any(|span| {
                    let on = |at: At| {
                        span.applied <= at && span.cleared.is_none_or(|cleared| at <= cleared)
                    };
                    on(opened.opened.latest) && on(gap.earliest) && on(gap.latest)
                })
        })
    }
}

/// A stretch after time 0 in which nobody read.
fn hole(
    seen: &[Sample],
    zero: At,
    timeline: &Timeline,
    patience: u64,
    why: Option<&str>,
) -> Option<Doubt> {
    let until = timeline.samples.until.unwrap_or_else(|| timeline.ended());
    let mut known = zero;
    for (asked, answered) in
        seen.iter().map(|sample| (sample.asked, sample.answered)).chain([(until, until)])
    {
        if asked.since(known) > i64::try_from(patience).unwrap_or(i64::MAX) {
            let why = why.map_or_else(String::new, |why| format!(" ({why})"));
            let (from, to) = (words::seconds(known.since(zero)), words::seconds(asked.since(zero)));
            return Some(Doubt {
                reason: format!("its state was not read from {from} to {to}{why}"),
                missing: "reads of its state that succeed".to_owned(),
            });
        }
        known = known.max(answered);
    }
    None
}

fn spells(seen: &[Sample]) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    let mut known = (State::Closed, At::default());
    for sample in seen {
        let Some(now) = state(sample) else { continue };
        let (before, asked) = known;
        known = (now, sample.asked);
        if now == before {
            continue;
        }
        let between = Between { earliest: asked, latest: sample.answered };
        let opened = |from_closed| Spell {
            opened: between,
            from_closed,
            failures: None,
            half_open: None,
            ended: None,
            inferred: None,
        };
        if before == State::Closed {
            spells.push(opened(true));
        }
        if let Some(spell) = spells.last_mut() {
            if now == State::HalfOpen || (before == State::Open && now == State::Closed) {
                spell.half_open = Some(between);
            }
            match (before, now) {
                (_, State::Closed) => spell.ended = Some((between, Ending::Closed)),
                (State::HalfOpen, State::Open) => spell.ended = Some((between, Ending::Reopened)),
                _ => {}
            }
        }
        if before == State::HalfOpen && now == State::Open {
            spells.push(opened(false));
        }
    }
    spells
}
