//! One request's way through the link: what the faults on it say together, and what is next.
//!
//! Invariant: each fault is asked once about a request, and what it said counts until it is
//! cleared; so clearing gives back exactly what the fault took.
//! Not here: who asks the faults (`board`), who takes the next step (`relay`).

use super::fate::{Answer, Back, Ending, Fate, Tail};
use super::seen::Seen;
use crate::clock::wake_after;
use bytes::Bytes;
use std::cmp::Reverse;
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
    /// When the answer's head was there.
    pub(crate) answered: Option<Instant>,
    /// The status of the answer to it, once it is passed on.
    pub(crate) status: Option<u16>,
    /// When it was.
    pub(crate) headed: Option<Instant>,
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

/// What is next for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Pass it on.
    Pass,
    /// Wait until then, or until the faults change.
    Wait(Option<Instant>),
    /// Send this instead, and close.
    Garbage(Bytes),
}

/// What holds for the rest of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Toll {
    /// Bytes in a second; none: as they come.
    pub(crate) pace: Option<u64>,
    /// How many bytes an answer's body may have; none: all.
    pub(crate) most: Option<u64>,
}

impl Toll {
    /// Nothing.
    pub(crate) const NONE: Toll = Toll { pace: None, most: None };
}

impl Passage {
    /// A request that came now.
    pub(crate) fn new(seen: Seen, number: u64, arrived: Instant) -> Passage {
        Passage {
            seen,
            number,
            passed: false,
            arrived,
            answered: None,
            status: None,
            headed: None,
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
        let stalls = |fate: &Fate| fate.ending == Ending::Stall || fate.back.tail == Tail::Stall;
        self.fates.values().any(stalls)
    }

    fn fate(&self) -> Fate {
        self.fates.values().cloned().fold(Fate::PASS, Fate::and)
    }

    /// Those of whom this is true, as far as they affect it for the first time.
    fn newly(&mut self, acts: impl Fn(&Fate) -> bool) -> Vec<usize> {
        let acting = self.fates.iter().filter(|(_, own)| acts(own)).map(|(fault, _)| *fault);
        acting.filter(|fault| self.affected_by.insert(*fault)).collect()
    }

    /// What is next, and the faults that thereby affect it for the first time. Once it has
    /// passed, only a stall or a reset means anything.
    pub(crate) fn step(&mut self, now: Instant) -> (Step, Vec<usize>) {
        let fate = self.fate();
        let step = match &fate.ending {
            Ending::Reset => Step::Reset,
            Ending::Stall => Step::Wait(None),
            _ if self.passed => return (Step::Forward, Vec::new()),
            ending => match (wake_after(self.arrived, fate.after), ending) {
                (Some(due), _) if now < due => Step::Wait(Some(due)),
                (None, _) => Step::Wait(None),
                (Some(_), Ending::Answer(answer)) => Step::Answer(answer.clone()),
                (Some(_), _) => Step::Forward,
            },
        };
        let answers = matches!(step, Step::Answer(_));
        let newly = self.newly(|own| match (&own.ending, &fate.ending) {
            (Ending::Forward, Ending::Forward | Ending::Answer(_)) => !own.is_about_the_answer(),
            (Ending::Answer(own), Ending::Answer(winner)) => answers && own == winner,
            (own, winner) => own == winner,
        });
        (step, newly)
    }

    /// What is next for its answer, whose head is there, and the faults that thereby affect it
    /// for the first time. Once it is being passed on, only a stall means anything.
    pub(crate) fn turn(&mut self, now: Instant) -> (Turn, Vec<usize>) {
        let came = *self.answered.get_or_insert(now);
        let Fate { ending, back: Back { after, tail }, .. } = self.fate();
        if tail == Tail::Stall {
            return (Turn::Wait(None), self.newly(|own| own.back.tail == Tail::Stall));
        }
        if ending == Ending::Stall {
            return (Turn::Wait(None), Vec::new());
        }
        let turn = match (wake_after(came, after), &tail) {
            (Some(due), _) if now < due => Turn::Wait(Some(due)),
            (None, _) => Turn::Wait(None),
            (Some(_), Tail::Garbage(bytes)) => Turn::Garbage(bytes.clone()),
            (Some(_), _) => Turn::Pass,
        };
        let garbles = matches!(turn, Turn::Garbage(_));
        let newly = self.newly(|own| {
            own.back.after > std::time::Duration::ZERO || garbles && own.back.tail == tail
        });
        (turn, newly)
    }

    /// What is next for an interim answer that came then. It is no answer yet, so none of this counts.
    pub(crate) fn early(&self, came: Instant, now: Instant) -> Turn {
        let Fate { ending, back: Back { after, tail }, .. } = self.fate();
        if ending == Ending::Stall || tail == Tail::Stall {
            return Turn::Wait(None);
        }
        match (wake_after(came, after), tail) {
            (Some(due), _) if now < due => Turn::Wait(Some(due)),
            (None, _) => Turn::Wait(None),
            (Some(_), Tail::Garbage(bytes)) => Turn::Garbage(bytes),
            (Some(_), _) => Turn::Pass,
        }
    }

    /// What holds for the rest of its bodies.
    pub(crate) fn toll(&self) -> Toll {
        let fate = self.fate();
        let most = match fate.back.tail {
            Tail::Cut(Reverse(bytes)) => Some(bytes),
            _ => None,
        };
        Toll { pace: Some(fate.pace).filter(|pace| *pace < u64::MAX), most }
    }

    /// A body waits for its pace: the faults that thereby affect it for the first time.
    pub(crate) fn paced(&mut self) -> Vec<usize> {
        let pace = self.fate().pace;
        self.newly(|own| own.pace == pace)
    }

    /// Its answer is cut: likewise.
    pub(crate) fn cut(&mut self) -> Vec<usize> {
        let tail = self.fate().back.tail;
        self.newly(|own| own.back.tail == tail)
    }

    /// The faults that withhold the connection's end after it.
    pub(crate) fn lingering(&self) -> Vec<usize> {
        let lingers = |(_, fate): &(&usize, &Fate)| fate.back.tail == Tail::Linger;
        self.fates.iter().filter(lingers).map(|(fault, _)| *fault).collect()
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
        assert_eq!(p.step(now), (Step::Wait(wake_after(now, MS * 350)), vec![0, 1]));
        p.remove(0);
        assert_eq!(p.step(now + MS * 10), (Step::Wait(wake_after(now, MS * 50)), vec![]));
        assert_eq!(p.step(now + MS * 50), (Step::Forward, vec![]));
    }

    #[test]
    fn an_answer_waits_for_the_delay_and_counts_when_it_is_given() {
        let Ending::Answer(answer) = busy() else { unreachable!() };
        let (mut p, now) = passage(&[(0, Fate::delay(MS)), (1, Fate::end(busy()))]);
        assert_eq!(p.step(now), (Step::Wait(wake_after(now, MS)), vec![0]));
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
    fn an_answer_waits_for_its_delays_then_is_garbled_and_a_stall_comes_first() {
        let bytes = Bytes::from_static(b"x");
        let (mut p, now) = passage(&[
            (0, Fate::late(MS * 30)),
            (1, Fate::late(MS * 20)),
            (2, Fate::tail(Tail::Garbage(bytes.clone()))),
            (3, Fate::tail(Tail::Stall)),
        ]);
        assert_eq!(p.step(now), (Step::Forward, vec![]));
        p.passed = true;
        let came = now + MS * 7;
        assert!(p.is_stalled());
        assert_eq!(p.turn(came), (Turn::Wait(None), vec![3]));
        p.remove(3);
        assert!(!p.is_stalled());
        assert_eq!(p.turn(came + MS), (Turn::Wait(wake_after(came, MS * 50)), vec![0, 1]));
        p.remove(1);
        assert_eq!(p.turn(came + MS * 30), (Turn::Garbage(bytes), vec![2]));
        p.remove(2);
        assert_eq!(p.turn(came + MS * 30), (Turn::Pass, vec![]));
    }

    #[test]
    fn bodies_keep_the_lowest_pace_and_the_shortest_cut() {
        let cut = |bytes| Fate::tail(Tail::Cut(Reverse(bytes)));
        let (mut p, _) =
            passage(&[(0, Fate::pace(9)), (1, Fate::pace(5)), (2, cut(7)), (3, cut(70))]);
        assert_eq!(p.toll(), Toll { pace: Some(5), most: Some(7) });
        assert_eq!((p.paced(), p.paced()), (vec![1], vec![]));
        assert_eq!((p.cut(), p.cut()), (vec![2], vec![]));
        p.remove(1);
        p.remove(2);
        assert_eq!(p.toll(), Toll { pace: Some(9), most: Some(70) });
        p.remove(0);
        p.remove(3);
        assert_eq!(p.toll(), Toll { pace: None, most: None });
        p.add(4, Fate::tail(Tail::Linger));
        assert_eq!(p.lingering(), [4]);
    }

    #[test]
    fn an_endless_delay_is_no_overflow() {
        let (mut p, now) = passage(&[(0, Fate::delay(Duration::MAX))]);
        assert_eq!(p.step(now), (Step::Wait(None), vec![0]));
    }
}
