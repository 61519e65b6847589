//! What the single calls of one breaker show: trials, leaks, rejections, runs of failures.
//!
//! Invariant: a count is a pair, the least and the most that it can be; beyond the recorder's
//! cap there is no most.
//! Not here: bounds on the counts (`expectation`).

use super::{Ending, Line, Spell, failed};
use crate::event::Attempt;
use crate::outcome::Outcome;
use crate::scorecard::Between;
use crate::time::At;

/// Recorded calls, by the instant they began.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calls {
    pub(crate) list: Vec<Attempt>,
    /// More there were.
    pub(crate) left_out: u64,
}

/// The least and the most; no most where calls were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Range {
    pub(crate) least: u64,
    pub(crate) most: Option<u64>,
}

impl Range {
    pub(crate) fn exactly(n: u64) -> Range {
        Range { least: n, most: Some(n) }
    }

    pub(crate) fn plus(self, other: Range) -> Range {
        Range {
            least: self.least.saturating_add(other.least),
            most: self.most.zip(other.most).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

impl Calls {
    /// Those begun from one instant to before another.
    fn begun(&self, from: At, to: At) -> &[Attempt] {
        let start = self.list.partition_point(|attempt| attempt.begun < from);
        let end = self.list.partition_point(|attempt| attempt.begun < to);
        self.list.get(start..end.max(start)).unwrap_or(&[])
    }

    fn most(&self, n: u64) -> Option<u64> {
        (self.left_out == 0).then_some(n)
    }

    /// Failures in a row that ended, or were under way, when it opened: since the last success.
    pub(crate) fn run_before(&self, opened: Between) -> Vec<Attempt> {
        let before = self.begun(At::default(), At(opened.latest.0.saturating_add(1)));
        let done = |attempt: &&Attempt| attempt.done <= opened.latest;
        let good = before.iter().filter(done).filter(|a| failed(a.outcome) == Some(false));
        let last_good = good.map(|attempt| attempt.done).max();
        let bad = before.iter().filter(|attempt| failed(attempt.outcome) == Some(true));
        let mut run: Vec<Attempt> =
            bad.filter(|attempt| last_good.is_none_or(|at| attempt.done > at)).copied().collect();
        run.sort_by_key(|attempt| (attempt.done, attempt.begun));
        run
    }
}

impl Line {
    /// The end of a spell's open state.
    fn open_until(&self, spell: &Spell) -> At {
        let ended = spell.ended.map(|(between, _)| between);
        spell.half_open.or(ended).map_or(self.until, |between| between.earliest)
    }

    /// Calls let through while open. Those that were under way when it opened may have been
    /// written a little later; at most so many as the gateway counted.
    pub(crate) fn leaked(&self, spell: &Spell) -> Option<Range> {
        if let Some(inferred) = spell.inferred {
            return inferred.leaked.map(Range::exactly);
        }
        let calls = self.calls.as_ref()?;
        let through = |attempt: &&Attempt| attempt.outcome != Outcome::FastFail;
        let (opened, to) = (spell.opened.latest, self.open_until(spell));
        let all = calls.begun(opened, to).iter().filter(through).count() as u64;
        let settled = At(opened.0.saturating_add(self.tolerance_us));
        let later = calls.begun(settled, to).iter().filter(through).count() as u64;
        let under_way = spell.failures.map_or(0, |(_, in_flight)| in_flight);
        let written = calls.begun(At::default(), opened).iter().filter(through);
        let written = written.filter(|attempt| attempt.done > opened).count() as u64;
        // Admitted before it opened, and not yet written: surely soon, at worst much later.
        let admitted = under_way.saturating_sub(written);
        let most = all.saturating_sub(admitted.min(all.saturating_sub(later)));
        Some(Range { least: all.saturating_sub(admitted), most: calls.most(most) })
    }

    /// Of polled states: calls of these that began so long after each opening that they were not let
    /// through before, and before a trial may come.
    pub(crate) fn while_surely_open(&self, calls: &Calls, after_us: u64) -> u64 {
        let within = self.open().map(|(from, to)| {
            let from = At(from.0.saturating_add(after_us).saturating_add(self.tolerance_us));
            calls.begun(from, to).len() as u64
        });
        within.sum()
    }

    /// Of states of its own: calls of these that began between two reads, or lines, that both say half-open. What
    /// may hide between two reads may have closed it.
    pub(crate) fn surely_tried(&self, spell: &Spell, calls: &Calls) -> u64 {
        let Some(half_open) = spell.half_open.filter(|_| self.blind.is_none()) else { return 0 };
        let to = spell.ended.map_or(self.until, |(between, _)| between.earliest);
        calls.begun(half_open.latest, to).len() as u64
    }

    /// The line that counts its calls: arrivals beside states of its own.
    pub(crate) fn counted(&self) -> &Line {
        self.beside.as_deref().unwrap_or(self)
    }

    /// Trials of a spell of the line that counts: no more than came until its own state said closed.
    pub(crate) fn tried(&self, spell: &Spell) -> Option<Range> {
        let range = self.counted().trials(spell)?;
        let closed = spell.ended.is_some_and(|(_, how)| how == Ending::Closed);
        let from = spell.half_open.filter(|_| closed && range.most.is_none());
        let most = from.and_then(|from| self.until_closed(from.earliest, self.arrived()?));
        Some(Range { most: range.most.or(most), ..range })
    }

    /// Of states of its own: calls of these from an instant until it surely said closed; none if it did
    /// not.
    fn until_closed(&self, from: At, calls: &Calls) -> Option<u64> {
        let mut closed = self.spells.iter().filter_map(|spell| spell.ended);
        let closed = closed.find(|(at, how)| *how == Ending::Closed && at.latest >= from)?.0;
        let to = At(closed.latest.0.saturating_add(self.tolerance_us));
        calls.most(calls.begun(from, to).len() as u64)
    }

    /// Calls that it rejected while surely open.
    pub(crate) fn rejections<'a>(
        &'a self,
        spell: &Spell,
    ) -> Option<impl Iterator<Item = &'a Attempt> + use<'a>> {
        let calls = self.calls.as_ref()?;
        let from = At(spell.opened.latest.0.saturating_add(self.tolerance_us));
        let open = calls.begun(from, self.open_until(spell));
        Some(open.iter().filter(|attempt| attempt.outcome == Outcome::FastFail))
    }

    /// Trials of a spell's half-open state; none if it has none, or nobody counted.
    pub(crate) fn trials(&self, spell: &Spell) -> Option<Range> {
        let half_open = spell.half_open?;
        if let Some(inferred) = spell.inferred {
            return Some(inferred.trials);
        }
        let calls = self.calls.as_ref()?;
        let to = spell.ended.map_or(self.until, |(between, _)| between.latest);
        let through = |attempt: &&Attempt| attempt.outcome != Outcome::FastFail;
        let during = calls.begun(half_open.earliest, to).iter().filter(through).count() as u64;
        // Admitted before the first one's end decided, and written after it.
        let late = At(to.0.saturating_add(self.tolerance_us));
        let late = calls.begun(to, late).iter().filter(|attempt| attempt.trial).count() as u64;
        let n = during.saturating_add(late);
        Some(Range { least: n, most: calls.most(n) })
    }

    /// Whether a successful trial, begun while half-open, preceded a spell's closing; none if
    /// that was not recorded.
    pub(crate) fn fresh(&self, spell: &Spell) -> Option<bool> {
        let Some((half_open, (closed, _))) = spell.half_open.zip(spell.ended) else {
            return Some(false);
        };
        if spell.inferred.is_some() {
            return Some(true);
        }
        let calls = self.calls.as_ref()?;
        let to = At(closed.latest.0.saturating_add(self.tolerance_us));
        let trials = calls.begun(half_open.earliest, At(closed.latest.0.saturating_add(1)));
        let good = |attempt: &Attempt| failed(attempt.outcome) == Some(false) && attempt.done <= to;
        match trials.iter().any(good) {
            false if calls.left_out > 0 => None,
            found => Some(found),
        }
    }
}
