//! How many connections a load opened, and how many of them it gave up because their peer said what nobody
//! had asked for: then what it took for an answer may be another request's.
//!
//! Invariant: each connection is counted once.
//! Not here: noticing it (`connection`, `lean`), what follows from it (crate slo).

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The connections of a load; all of its threads share it.
#[derive(Debug, Default)]
pub struct Unasked(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    opened: u64,
    talked: u64,
    /// Any ever did.
    any: bool,
}

impl Unasked {
    /// One was opened.
    pub fn open(&self) {
        self.counts().opened += 1;
    }

    /// One was given up because its peer had said what nobody had asked for.
    pub fn talk(&self) {
        let mut counts = self.counts();
        counts.talked += 1;
        counts.any = true;
    }

    /// How many were opened, and of all that ever were how many talked, since this was last asked; nothing
    /// as long as none ever talked.
    pub fn take(&self) -> Option<(u64, u64)> {
        let mut counts = self.counts();
        if !counts.any || (counts.opened, counts.talked) == (0, 0) {
            return None;
        }
        Some((std::mem::take(&mut counts.opened), std::mem::take(&mut counts.talked)))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_before_one_talks_and_nothing_is_forgotten() {
        let all = Unasked::default();
        all.open();
        assert_eq!(all.take(), None);
        all.open();
        all.talk();
        assert_eq!(all.take(), Some((2, 1)));
        assert_eq!(all.take(), None);
        all.open();
        assert_eq!(all.take(), Some((1, 0)));
    }
}
