//! How much of an answer is kept, and which failed exchanges are: the first of each request and
//! outcome.
//!
//! Invariant: of each request and outcome at most [`MOST`] are kept or held back at once, however
//! many fail at the same time: memory does not depend on the load.
//! Not here: how they are told (`shown`), where they go (`load`, `record`).

use super::classify;
use super::shown::MOST_SHOWN;
use assay_slo::Outcome;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// So many exchanges of each request and outcome are kept.
pub const MOST: u8 = 3;

/// The bytes of so many answers of a load are held back at once until they are whole.
const MOST_HEARD: usize = 64;

/// Which of a load's failed exchanges are kept; all of its threads share them.
#[derive(Debug)]
pub struct Slots {
    /// How many are taken, for each request and outcome.
    taken: Box<[AtomicU8]>,
    /// How many answers are held back.
    heard: AtomicUsize,
}

impl Slots {
    /// For so many requests.
    #[must_use]
    pub fn new(requests: usize) -> Slots {
        let taken = (0..requests * Outcome::ALL.len()).map(|_| AtomicU8::new(0));
        Slots { taken: taken.collect(), heard: AtomicUsize::new(0) }
    }

    fn place(request: usize, outcome: Outcome) -> usize {
        let nth = Outcome::ALL.iter().position(|known| *known == outcome).unwrap_or(0);
        request * Outcome::ALL.len() + nth
    }

    /// What comes of an answer may be held back, until it is known whether it is whole; none where
    /// such failures are kept already, or too many are held back.
    fn hear(self: &Arc<Self>, request: usize) -> Option<Ear> {
        let is_free = |outcome| {
            let slot = self.taken.get(Slots::place(request, outcome));
            slot.is_some_and(|slot| slot.load(Ordering::Relaxed) < MOST)
        };
        if !is_free(Outcome::ProtocolError) && !is_free(Outcome::Timeout) {
            return None;
        }
        let more = |heard: usize| (heard < MOST_HEARD).then_some(heard + 1);
        self.heard.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Ear(Some(Arc::clone(self))))
    }

    /// A place for a failed exchange; none where all are taken.
    fn claim(self: &Arc<Self>, request: usize, outcome: Outcome) -> Option<Claim> {
        let at = Slots::place(request, outcome);
        let more = |taken: u8| (taken < MOST).then_some(taken + 1);
        let slot = self.taken.get(at)?;
        // Most requests come when all are taken: look before writing.
        if slot.load(Ordering::Relaxed) >= MOST {
            return None;
        }
        slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Claim { slots: Arc::clone(self), at, used: false })
    }
}

/// A place that is held for an exchange until it is known how it ends.
#[derive(Debug)]
pub struct Claim {
    slots: Arc<Slots>,
    at: usize,
    used: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let (false, Some(slot)) = (self.used, self.slots.taken.get(self.at)) {
            slot.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Leave to hold back what comes of an answer.
#[derive(Debug)]
pub struct Ear(Option<Arc<Slots>>);

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(slots) = &self.0 {
            slots.heard.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Keeps failed exchanges of one request.
#[derive(Debug, Clone)]
pub struct Keeper {
    slots: Arc<Slots>,
    request: usize,
    /// Accepted statuses, as in [`super::Limits`].
    check_status: Arc<[(u16, u16)]>,
    /// An answer of an accepted status may still fail a check.
    checks: bool,
}

impl Keeper {
    /// Of the request of this index.
    #[must_use]
    pub fn new(
        slots: &Arc<Slots>,
        request: usize,
        check_status: &[(u16, u16)],
        checks: bool,
    ) -> Keeper {
        Keeper { slots: Arc::clone(slots), request, check_status: check_status.into(), checks }
    }

    fn at_head(&self, status: u16) -> Option<Claim> {
        match classify::answer(status, &self.check_status) {
            Outcome::Ok if !self.checks => None,
            Outcome::Ok => self.slots.claim(self.request, Outcome::CheckFailed),
            outcome => self.slots.claim(self.request, outcome),
        }
    }

    /// Whether an exchange that ended like this is kept; `claim` is what was held for it.
    #[must_use]
    pub fn keeps(&self, outcome: Outcome, claim: Option<Claim>) -> bool {
        // Of what was not sent there is nothing to see, and what was cut did not fail.
        if matches!(outcome, Outcome::Ok | Outcome::NotSent | Outcome::Cut) {
            return false;
        }
        let at = Slots::place(self.request, outcome);
        let claim = claim.filter(|claim| claim.at == at);
        match claim.or_else(|| self.slots.claim(self.request, outcome)) {
            Some(mut claim) => {
                claim.used = true;
                true
            }
            None => false,
        }
    }
}

/// How much of an answer's body is kept.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// So many bytes of every one.
    pub always: usize,
    /// And of failed ones, where these are kept.
    pub failed: Option<Keeper>,
}

impl Keep {
    /// So many bytes of every one.
    #[must_use]
    pub fn always(most: usize) -> Keep {
        Keep { always: most, failed: None }
    }

    /// How many bytes are kept of an answer with this status, and the place that is held for it.
    #[must_use]
    pub fn at_head(&self, status: u16) -> (usize, Option<Claim>) {
        let claim = self.failed.as_ref().and_then(|keeper| keeper.at_head(status));
        let most = if claim.is_some() { self.always.max(MOST_SHOWN) } else { self.always };
        (most, claim)
    }

    /// Leave to hold back up to [`MOST_SHOWN`] bytes that come of an answer, until it is whole.
    #[must_use]
    pub fn hear(&self) -> Option<Ear> {
        match &self.failed {
            Some(keeper) => keeper.slots.hear(keeper.request),
            None => (self.always > 0).then_some(Ear(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(checks: bool) -> (Arc<Slots>, Keeper) {
        let slots = Arc::new(Slots::new(2));
        let keeper = Keeper::new(&slots, 1, &[], checks);
        (slots, keeper)
    }

    #[test]
    fn three_of_each_outcome_are_kept() {
        let (_, keeper) = keeper(false);
        let keep = Keep { always: 5, failed: Some(keeper.clone()) };
        assert_eq!(keep.at_head(200).0, 5);
        for _ in 0..3 {
            let (most, claim) = keep.at_head(503);
            assert_eq!(most, MOST_SHOWN);
            assert!(keeper.keeps(Outcome::Http5xx, claim));
        }
        let (most, claim) = keep.at_head(500);
        assert!(most == 5 && claim.is_none());
        assert!(!keeper.keeps(Outcome::Http5xx, None));
        assert!(keeper.keeps(Outcome::Timeout, None));
        for outcome in [Outcome::Ok, Outcome::NotSent, Outcome::Cut] {
            assert!(!keeper.keeps(outcome, None));
        }
    }

    #[test]
    fn answers_under_way_are_held_back_in_bounds() {
        let (_, keeper) = keeper(false);
        let keep = Keep { always: 0, failed: Some(keeper.clone()) };
        let held: Vec<_> = (0..99).filter_map(|_| keep.hear()).collect();
        assert_eq!(held.len(), MOST_HEARD);
        // Who holds one back takes no place from a failure.
        drop(held);
        for outcome in [Outcome::ProtocolError, Outcome::Timeout] {
            assert!(keep.hear().is_some(), "what comes may end in {outcome:?}");
            (0..3).for_each(|_| assert!(keeper.keeps(outcome, None)));
        }
        assert!(keep.hear().is_none(), "there are enough");
        assert!(Keep::always(1).hear().is_some() && Keep::default().hear().is_none());
    }

    #[test]
    fn what_is_held_and_not_used_is_free_again() {
        let (_, keeper) = keeper(true);
        let keep = Keep { always: 0, failed: Some(keeper.clone()) };
        // However many are under way, three bodies are held.
        let held: Vec<_> = (0..9).map(|_| keep.at_head(200)).collect();
        assert_eq!(held.iter().filter(|(most, _)| *most > 0).count(), 3);
        drop(held);
        // One that was held for a check timed out instead.
        let (_, claim) = keep.at_head(200);
        assert!(keeper.keeps(Outcome::Timeout, claim));
        for _ in 0..3 {
            let (_, claim) = keep.at_head(200);
            assert!(keeper.keeps(Outcome::CheckFailed, claim));
        }
        assert!(!keeper.keeps(Outcome::CheckFailed, keep.at_head(200).1));
    }
}
