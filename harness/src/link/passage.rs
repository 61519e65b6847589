//! One request's way through the link: what the faults on it say together, and what is next.
//!
//! Invariant: each fault is asked once about a request, and what it said counts until it is
//! cleared; so clearing gives back exactly what the fault took.
//! Not here: who asks the faults (`board`), who takes the next step (`relay`).

use super::fate::{Answer, Ending, Fate};
use super::seen::Seen;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// An open request.
#[derive(Debug)]
pub(crate) struct Passage {
    /// Its head.
    pub(crate) seen: Seen,
    /// Its number on this link, from 0.
    pub(crate) number: u64,
    /// Set when its fate is carried out: passed on, or the link's own answer given.
    pub(crate) passed: bool,
    /// When its head had come.
    pub(crate) arrived: Instant,
    /// The status of the answer to it, once there is one.
    pub(crate) status: Option<u16>,
    fates: BTreeMap<usize, Fate>,
    affected_by: BTreeSet<usize>,
}

/// What is next for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Pass it on.
    Forward,
    /// Answer it.
    Answer(Arc<Answer>),
    /// Wait until then, or until its faults change.
    Wait(Option<Instant>),
    /// Reset its connection.
    Reset,
}

impl Passage {
    /// A request that came now.
    pub(crate) fn new(seen: Seen, number: u64, arrived: Instant) -> Passage {
        Passage {
            seen,
            number,
            passed: false,
            arrived,
            status: None,
            fates: BTreeMap::new(),
            affected_by: BTreeSet::new(),
        }
    }

    /// A fault's word on it.
    pub(crate) fn add(&mut self, fault: usize, fate: Fate) {
        self.fates.insert(fault, fate);
    }

    /// That fault is gone.
    pub(crate) fn remove(&mut self, fault: usize) {
        self.fates.remove(&fault);
    }

    /// Whether a fault keeps it from being answered.
    pub(crate) fn is_stalled(&self) -> bool {
        self.fates.values().any(|fate| fate.ending == Ending::Stall)
    }

    /// What is next, and the faults that thereby affect it for the first time. Once it has
    /// passed, only a stall or a reset means anything.
    pub(crate) fn step(&mut self, now: Instant) -> (Step, Vec<usize>) {
        let fate = self.fates.values().cloned().fold(Fate::PASS, Fate::and);
        let step = match &fate.ending {
            Ending::Reset => Step::Reset,
            Ending::Stall => Step::Wait(None),
            _ if self.passed => return (Step::Forward, Vec::new()),
            ending => match (self.arrived.checked_add(fate.after), ending) {
                (Some(due), _) if now < due => Step::Wait(Some(due)),
                (None, _) => Step::Wait(None),
                (Some(_), Ending::Answer(answer)) => Step::Answer(answer.clone()),
                (Some(_), _) => Step::Forward,
            },
        };
        let answers = matches!(step, Step::Answer(_));
        let mut newly = Vec::new();
        for (fault, own) in &self.fates {
            let acts = match (&own.ending, &fate.ending) {
                (Ending::Forward, Ending::Forward | Ending::Answer(_)) => true,
                (Ending::Answer(own), Ending::Answer(winner)) => answers && own == winner,
                (own, winner) => own == winner,
            };
            if acts && self.affected_by.insert(*fault) {
                newly.push(*fault);
            }
        }
        (step, newly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{HeaderMap, Method, Uri};
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn passage(fates: &[(usize, Fate)]) -> (Passage, Instant) {
        let now = Instant::now();
        let seen = Seen::new(Method::GET, Uri::from_static("/"), HeaderMap::new(), "r-");
        let mut passage = Passage::new(seen, 0, now);
        for (fault, fate) in fates {
            passage.add(*fault, fate.clone());
        }
        (passage, now)
    }

    fn busy() -> Ending {
        Ending::Answer(Arc::new(Answer::new(503, Vec::new(), "busy").unwrap()))
    }

    #[test]
    fn delays_add_up_and_clearing_one_gives_its_share_back() {
        let (mut p, now) = passage(&[(0, Fate::delay(MS * 300)), (1, Fate::delay(MS * 50))]);
        assert_eq!(p.step(now), (Step::Wait(Some(now + MS * 350)), vec![0, 1]));
        p.remove(0);
        assert_eq!(p.step(now + MS * 10), (Step::Wait(Some(now + MS * 50)), vec![]));
        assert_eq!(p.step(now + MS * 50), (Step::Forward, vec![]));
    }

    #[test]
    fn an_answer_waits_for_the_delay_and_counts_when_it_is_given() {
        let Ending::Answer(answer) = busy() else { unreachable!() };
        let (mut p, now) = passage(&[(0, Fate::delay(MS)), (1, Fate::end(busy()))]);
        assert_eq!(p.step(now), (Step::Wait(Some(now + MS)), vec![0]));
        assert_eq!(p.step(now + MS), (Step::Answer(answer), vec![1]));
    }

    #[test]
    fn a_stall_keeps_it_until_cleared_and_then_the_rest_holds() {
        let (mut p, now) = passage(&[(0, Fate::end(Ending::Stall)), (1, Fate::end(busy()))]);
        assert!(p.is_stalled());
        assert_eq!(p.step(now), (Step::Wait(None), vec![0]));
        p.remove(1);
        p.remove(0);
        assert!(!p.is_stalled());
        assert_eq!(p.step(now), (Step::Forward, vec![]));
    }

    #[test]
    fn only_stall_and_reset_touch_what_has_passed() {
        let (mut p, now) = passage(&[(0, Fate::delay(MS)), (1, Fate::end(busy()))]);
        p.passed = true;
        assert_eq!(p.step(now), (Step::Forward, vec![]));
        p.add(2, Fate::end(Ending::Reset));
        assert_eq!(p.step(now), (Step::Reset, vec![2]));
    }

    #[test]
    fn an_endless_delay_is_no_overflow() {
        let (mut p, now) = passage(&[(0, Fate::delay(Duration::MAX))]);
        assert_eq!(p.step(now), (Step::Wait(None), vec![0]));
    }
}
