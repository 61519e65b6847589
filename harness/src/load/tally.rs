//! How the journeys of one load ended, counted by all that make them and told by the last of them.
//!
//! Invariant: a journey is broken off once, and only where a later request is missing for it.
//! Not here: making journeys (`shard`, `users`).

use crate::plan::users::Step;
use crate::plan::words::{count, several};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The counts of a load.
#[derive(Debug)]
pub(super) struct Tally {
    /// How many threads or users make journeys yet.
    makers: AtomicU64,
    begun: AtomicU64,
    /// Made to their end, if not with every request.
    made: AtomicU64,
    /// By the index of the request that brought too little.
    broken_off: Mutex<BTreeMap<usize, u64>>,
}

impl Tally {
    pub(super) fn new(makers: u64) -> Tally {
        Tally {
            makers: AtomicU64::new(makers),
            begun: AtomicU64::new(0),
            made: AtomicU64::new(0),
            broken_off: Mutex::default(),
        }
    }

    /// A journey has begun.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// One has come to its end.
    pub(super) fn make(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// One goes on without its later requests, because this one did not bring what they need.
    pub(super) fn break_off(&self, request: usize) {
        let mut all = self.broken_off.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(request).or_default() += 1;
    }

    /// How many have come to their end.
    pub(super) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// One that makes journeys makes no more; whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.makers.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// What is to be told of journeys that were broken off. `name`: that of a request.
    pub(super) fn told<'a>(&self, load: &str, name: impl Fn(usize) -> &'a str) -> Vec<String> {
        let begun = self.begun.load(Ordering::Relaxed);
        let all = self.broken_off.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.iter().map(|(request, n)| {
            let were = if *n == 1 { "was" } else { "were" };
            format!(
                "load {load}: {} of {} {were} broken off at `{}`, which did not bring what later \
                 steps need, so these have fewer requests",
                count(*n),
                several(begun, "journey", "journeys"),
                name(*request),
            )
        });
        told.collect()
    }
}

/// Whether a request is sent at or after this place.
pub(super) fn sends(steps: &[Step], from: usize) -> bool {
    steps.iter().skip(from).any(|step| matches!(step, Step::Send(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tells_of_all() {
        let tally = Tally::new(2);
        (0..1_300).for_each(|_| tally.begin());
        (0..1_150).for_each(|_| tally.break_off(1));
        tally.break_off(0);
        tally.make();
        assert_eq!((tally.leave(), tally.leave(), tally.made()), (false, true, 1));
        let end = "which did not bring what later steps need, so these have fewer requests";
        let expected = [
            format!("load shop: 1 of 1 300 journeys was broken off at `login`, {end}"),
            format!("load shop: 1 150 of 1 300 journeys were broken off at `orders`, {end}"),
        ];
        assert_eq!(tally.told("shop", |at| ["login", "orders"][at]), expected);
        assert_eq!(Tally::new(1).told("shop", |_| ""), Vec::<String>::new());
    }

    #[test]
    fn what_only_pauses_sends_nothing() {
        let steps = [Step::Send(0), Step::Pause { min_us: 1, max_us: 2 }];
        assert!(sends(&steps, 0) && !sends(&steps, 1) && !sends(&steps, 2));
    }
}
