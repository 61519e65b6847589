//! Events of gateways between two hand-overs: breakers' changes and single attempts.
//!
//! Invariant: of all attempts of a run at most a million are listed; the rest are counted.
//! Not here: counts of attempts (`record`).

use assay_slo::Event;
use assay_slo::event::{Attempt, Attempts, AttemptsOf, BreakerEvent};
use std::collections::BTreeMap;

/// Listed attempts of one run, all fleets together.
pub(super) const MOST_ATTEMPTS: u64 = 1_000_000;

/// What happened since the last hand-over.
#[derive(Debug)]
pub(super) struct Log {
    breakers: Vec<BreakerEvent>,
    attempts: BTreeMap<(usize, u32), (Vec<Attempt>, u64)>,
    room: u64,
}

impl Log {
    /// Nothing yet; at most so many attempts will be listed.
    pub(super) fn new(room: u64) -> Log {
        Log { breakers: Vec::new(), attempts: BTreeMap::new(), room }
    }

    pub(super) fn breaker(&mut self, event: BreakerEvent) {
        self.breakers.push(event);
    }

    pub(super) fn attempt(&mut self, fleet: usize, gateway: u32, attempt: Attempt) {
        let (list, left_out) = self.attempts.entry((fleet, gateway)).or_default();
        match self.room.checked_sub(1) {
            Some(room) => {
                self.room = room;
                list.push(attempt);
            }
            None => *left_out += 1,
        }
    }

    /// Hands over what happened, and starts anew.
    pub(super) fn take(&mut self) -> Vec<Event> {
        let breakers = std::mem::take(&mut self.breakers).into_iter().map(Event::Breaker);
        let attempts = std::mem::take(&mut self.attempts).into_iter();
        let attempts = attempts.map(|((fleet, gateway), (mut list, left_out))| {
            list.sort_by_key(|attempt| attempt.done);
            Event::Attempts(Attempts { of: AttemptsOf::Gateway(fleet, gateway), list, left_out })
        });
        breakers.chain(attempts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_slo::{At, Outcome};

    #[test]
    fn lists_in_the_order_of_ends_and_counts_the_rest() {
        let mut log = Log::new(2);
        for (gateway, done) in [(1, 9), (1, 5), (0, 7), (1, 1)] {
            let (begun, outcome) = (At(0), Outcome::Ok);
            log.attempt(0, gateway, Attempt { begun, done: At(done), outcome, trial: false });
        }
        let seen: Vec<_> = log
            .take()
            .into_iter()
            .map(|event| match event {
                Event::Attempts(Attempts {
                    of: AttemptsOf::Gateway(0, gateway),
                    list,
                    left_out,
                }) => (gateway, list.iter().map(|attempt| attempt.done.0).collect(), left_out),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(seen, [(0, vec![], 1), (1, vec![5, 9], 1)]);
        assert!(log.take().is_empty());
    }
}
