//! What arrives after a silence: trials, their failure or success, and the closing.
//!
//! Reopened: trials failed, and silence again. Closed: after as many trials as the breaker's policy
//! says, of which one succeeded, once 3 s have at least 80 % of the expected arrivals, or as many
//! failed again as open it. Where no policy says how many, calls of a half-open breaker look like
//! those of a closed one, so that it closed somewhen from the first success to the end of those 3 s.
//!
//! Invariant: trials that may have been more are counted from below only.
//! Not here: silences, openings (`inferred`).

use super::{SURE, Watch, too_few};
use crate::breaker::{ADMISSION_US, Ending, Inferred, Range, Spell, exactly};
use crate::event::Attempt;
use crate::health::Doubt;
use crate::scorecard::Between;
use crate::time::{At, SECOND_US};

/// How long arrivals must be back, whole seconds.
const BACK_S: u64 = 3;
/// The share of the expected arrivals that is called back.
const BACK: f64 = 0.8;
/// So many trials at most are reckoned with where no policy says how many: twice the greatest default
/// of known breakers, resilience4j's.
const MOST_TRIALS: usize = 20;
/// So many failures open a breaker again where no policy says how many.
const FAILURES: u64 = 5;

/// What came between two silences.
struct Burst {
    first: usize,
    last: usize,
    silent: bool,
}

impl Burst {
    fn count(&self) -> usize {
        self.last + 1 - self.first
    }
}

/// How a half-open state may have ended: the first arrival after its trials, and the closing.
struct Closing {
    next: usize,
    /// At the earliest, by the end of its trials.
    decided: At,
    /// How many trials there were is known.
    known: bool,
}

impl Watch<'_> {
    fn burst(&self, first: usize) -> Burst {
        let end = self.arrivals.len();
        let last = (first..end).find(|index| self.silent(*index));
        Burst { first, last: last.unwrap_or(end - 1), silent: last.is_some() }
    }

    fn inside(&self, burst: &Burst) -> &[Attempt] {
        self.arrivals.get(burst.first..=burst.last).unwrap_or(&[])
    }

    /// What arrives while it is open or half-open, from an arrival after silence on. Returns
    /// where to go on, and the next spell if it opened again.
    pub(super) fn trials(
        &self,
        spell: &mut Spell,
        first: usize,
    ) -> Result<(usize, Option<Spell>), Doubt> {
        let burst = self.burst(first);
        let Some(begun) = self.arrivals.get(first).map(|attempt| attempt.begun) else {
            return Ok((self.arrivals.len(), None));
        };
        if (burst.first..burst.last).any(|index| self.vague(index)) {
            return Err(too_few(self.offered.rate));
        }
        // Too early for a trial by what the breaker is said to do.
        let early = self.early(spell, &burst);
        let mut inferred = spell.inferred.unwrap_or_default();
        inferred.leaked = inferred.leaked.map(|leaked| leaked.saturating_add(early));
        spell.inferred = Some(inferred);
        if burst.silent && early == burst.count() as u64 {
            return Ok((burst.last + 1, None));
        }
        spell.half_open = Some(exactly(begun));
        let Some(closing) = self.closing(&burst) else {
            let trials = Range::exactly(burst.count() as u64);
            spell.inferred = Some(Inferred { trials, ..inferred });
            if !burst.silent {
                return Ok((self.arrivals.len(), None));
            }
            if !self.fails(burst.last) && self.inside(&burst).iter().all(|one| !bad(one)) {
                return Err(unlike("fell silent again"));
            }
            let again = self.open(self.reopened(&burst), false);
            spell.ended = Some((again.opened, Ending::Reopened));
            return Ok((burst.last + 1, Some(again)));
        };
        spell.inferred = Some(Inferred { trials: self.counted(&burst), ..inferred });
        match self.back(&closing, &burst)? {
            Some(closed) => {
                spell.ended = Some((closed, Ending::Closed));
                Ok((closing.next, None))
            }
            None => Ok((self.arrivals.len(), None)),
        }
    }

    /// How many of a burst came before a trial may come.
    fn early(&self, spell: &Spell, burst: &Burst) -> u64 {
        let Some(recovery) = self.policy.recovery_us else { return 0 };
        let due = spell.opened.earliest.0.saturating_add(recovery);
        let is_early =
            |one: &&Attempt| one.begun.0.saturating_add(self.tolerance_us + ADMISSION_US) < due;
        self.inside(burst).iter().filter(is_early).count() as u64
    }

    /// Its trials, if one of them succeeded and they did not open it again.
    fn closing(&self, burst: &Burst) -> Option<Closing> {
        let calls = self.inside(burst);
        let success = calls.iter().position(good)?;
        let said = self.policy.trials.and_then(|trials| usize::try_from(trials).ok());
        let trials = said.filter(|trials| success < *trials);
        match trials {
            // All of them are over, and more followed.
            Some(trials) => {
                if calls.len() <= trials {
                    return None;
                }
                let ends = calls.iter().take(trials).map(|one| one.done);
                let decided = ends.max().unwrap_or_default();
                Some(Closing { next: burst.first + trials, decided, known: true })
            }
            None => {
                let decided = calls.get(success).map_or(At::default(), |one| one.done);
                Some(Closing { next: burst.first + success + 1, decided, known: false })
            }
        }
    }

    /// When it opened again: once a trial had failed, at the latest when all were over.
    fn reopened(&self, burst: &Burst) -> Between {
        let calls = self.inside(burst);
        let begun = calls.last().map_or(At::default(), |one| one.begun);
        let over = calls.iter().map(|one| one.done).max().unwrap_or(begun);
        Between { earliest: begun, latest: over.max(begun) }
    }

    /// Trials of a half-open state that closed: at least those that came before the first success
    /// was over. No more if all that was offered was held back until then, and let through at once after.
    fn counted(&self, burst: &Burst) -> Range {
        let calls = self.inside(burst);
        let first = calls.iter().filter(|one| good(one)).map(|one| one.done).min();
        let over = first.unwrap_or_default();
        let count = calls.partition_point(|one| one.begun <= over);
        let least = count as u64;
        let last = count.checked_sub(1).and_then(|at| calls.get(at)).map(|one| one.begun);
        let held = last.is_some_and(|last| self.offered.expected(last, over) >= SURE);
        let after = calls.get(count..).unwrap_or(&[]);
        let ended = after.iter().map(|one| one.done).min().unwrap_or_default();
        let together = after.partition_point(|one| one.begun < ended);
        let most = (held && together > count).then_some(least);
        Range { least, most }
    }

    /// When it closed; none if the data end before that can be told.
    fn back(&self, closing: &Closing, burst: &Burst) -> Result<Option<Between>, Doubt> {
        let silence = if burst.silent {
            self.arrivals.get(burst.last).map_or(self.until, |attempt| attempt.begun)
        } else {
            self.until
        };
        let done = closing.decided;
        let next = self.arrivals.partition_point(|attempt| attempt.begun <= done);
        let next = self.arrivals.get(next).map(|attempt| attempt.begun);
        let mut whole = 0;
        loop {
            let from = At(done.0.saturating_add(whole * SECOND_US));
            let to = At(from.0.saturating_add(BACK_S * SECOND_US));
            if to > silence {
                break;
            }
            let count = |from: At, to: At| {
                let start = self.arrivals.partition_point(|attempt| attempt.begun < from);
                self.arrivals.partition_point(|attempt| attempt.begun < to) - start
            };
            let expected = self.offered.at_most(from, to);
            if expected > 0.0 && count(from, to) as f64 >= BACK * expected {
                let unsure = self.arrivals.get(burst.first + MOST_TRIALS);
                let unsure = unsure.map_or(self.until, |attempt| attempt.begun);
                let latest = if closing.known { from } else { to.max(unsure) };
                let latest = latest.max(next.unwrap_or(latest));
                return Ok(Some(Between { earliest: done, latest }));
            }
            whole += 1;
        }
        // Closed for so short a time that as many calls failed as open it again.
        let needed = self.policy.failures.unwrap_or(FAILURES);
        let later = self.arrivals.get(closing.next..=burst.last).unwrap_or(&[]);
        let failures = later.iter().filter(|one| bad(one)).count() as u64;
        if let (true, true, Some(next)) = (burst.silent && closing.known, failures >= needed, next)
        {
            return Ok(Some(Between { earliest: done, latest: next }));
        }
        if whole == 0 && !burst.silent {
            return Ok(None);
        }
        Err(unlike(if burst.silent { "fell silent again" } else { "did not come back to 80 %" }))
    }
}

fn good(attempt: &Attempt) -> bool {
    crate::breaker::failed(attempt.outcome) == Some(false)
}

fn bad(attempt: &Attempt) -> bool {
    crate::breaker::failed(attempt.outcome) == Some(true)
}

fn unlike(what: &str) -> Doubt {
    Doubt {
        reason: format!("arrivals {what} after a success"),
        missing: "the breaker's `policy: trials`, or evidence by its own side".to_owned(),
    }
}
