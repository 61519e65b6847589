//! What is recorded of the requests that arrive at a watched link: how many in each second, and
//! if wanted every single one with its end.
//!
//! Invariant: every second from the first of the watch to its last is told once, also one
//! without arrivals: nothing arrived is not the same as nobody looked.
//! Invariant: all links of a run tell at most [`MOST`] single arrivals together; more are only
//! counted, so memory is bounded.
//! Not here: when a request ends (`proxy`), when this is handed over (`control`).

use super::LinkEvent;
use super::passage::Passage;
use crate::client::classify;
use assay_slo::event::Attempt;
use assay_slo::{At, Outcome};
use hyper::Method;
use std::cell::Cell;
use std::rc::Rc;

/// Single arrivals that all links of a run tell at most.
pub(crate) const MOST: u64 = 1_000_000;

/// How many single arrivals may still be told.
pub(crate) type Room = Rc<Cell<u64>>;

/// How an answer's way through the link came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All of it was passed on.
    Whole,
    /// The upstream broke it off.
    Broken,
    /// Nobody took the rest.
    Abandoned,
}

/// How a request ended, as its client sees it. `was_reset`: the link has reset the connection.
pub(crate) fn outcome(passage: &Passage, delivery: Delivery, was_reset: bool) -> Outcome {
    // Of an answer to HEAD hyper does not even look at the body.
    let is_whole = delivery == Delivery::Whole
        || delivery == Delivery::Abandoned && !was_reset && passage.seen.method == Method::HEAD;
    match passage.status {
        Some(101) if is_whole => Outcome::Ok,
        Some(status) if is_whole => classify::answer(status, &[]),
        _ if was_reset || delivery == Delivery::Broken => Outcome::ProtocolError,
        _ => Outcome::Timeout,
    }
}

/// The record of one link.
#[derive(Debug)]
pub(crate) struct Watch {
    link: String,
    zero: At,
    /// Requests with smaller numbers came before the watch.
    from: u64,
    /// Of single arrivals; none: they are not recorded.
    room: Option<Room>,
    /// The second that is being counted, and how many have arrived in it.
    second: i64,
    n: u64,
    /// Seconds that are over.
    over: Vec<(i64, u64)>,
    list: Vec<Attempt>,
    left_out: u64,
}

impl Watch {
    /// A watch of this link that begins `now` with request number `from`; seconds count from
    /// `zero`. Single arrivals are recorded if there is room for them.
    pub(crate) fn new(link: &str, zero: At, now: At, from: u64, room: Option<Room>) -> Watch {
        Watch {
            link: link.to_owned(),
            zero,
            from,
            room,
            second: now.second(zero),
            n: 0,
            over: Vec::new(),
            list: Vec::new(),
            left_out: 0,
        }
    }

    /// A request's head has come.
    pub(crate) fn arrived(&mut self, at: At) {
        self.turn(at);
        self.n += 1;
    }

    /// A request, by its number on the link, has ended.
    pub(crate) fn ended(&mut self, number: u64, begun: At, done: At, outcome: Outcome) {
        let Some(room) = self.room.as_ref().filter(|_| number >= self.from) else { return };
        match room.get().checked_sub(1) {
            Some(rest) => {
                room.set(rest);
                // What came at the same µs as it ended may be stamped the other way round.
                self.list.push(Attempt { begun, done: done.max(begun), outcome, trial: false });
            }
            None => self.left_out += 1,
        }
    }

    /// What is known by now and was not told yet: seconds that are over, requests that ended.
    pub(crate) fn told(&mut self, now: At) -> Vec<LinkEvent> {
        self.turn(now);
        let name = || self.link.clone();
        let arrivals = |(second, n)| LinkEvent::Arrivals { link: name(), second, n };
        let mut told: Vec<LinkEvent> = self.over.drain(..).map(arrivals).collect();
        if !self.list.is_empty() || self.left_out > 0 {
            told.push(LinkEvent::Attempts {
                link: name(),
                list: std::mem::take(&mut self.list),
                left_out: std::mem::take(&mut self.left_out),
            });
        }
        told
    }

    /// Everything that was not told yet, with the second that has begun.
    pub(crate) fn last_words(mut self, now: At) -> Vec<LinkEvent> {
        self.turn(now);
        self.over.push((self.second, self.n));
        self.told(now)
    }

    /// Closes the seconds that are over.
    fn turn(&mut self, now: At) {
        while self.second < now.second(self.zero) {
            self.over.push((self.second, self.n));
            self.second += 1;
            self.n = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Seen;
    use hyper::{HeaderMap, Uri};
    use tokio::time::Instant;

    const ZERO: At = At(10_000_000);

    fn room(left: u64) -> Room {
        Rc::new(Cell::new(left))
    }

    fn seconds(told: &[LinkEvent]) -> Vec<(i64, u64)> {
        let one = |event: &LinkEvent| match event {
            LinkEvent::Arrivals { second, n, .. } => Some((*second, *n)),
            _ => None,
        };
        told.iter().filter_map(one).collect()
    }

    #[test]
    fn every_second_is_told_once_also_empty_ones_and_the_last() {
        let mut watch = Watch::new("api", ZERO, At(8_500_000), 0, None);
        for at in [8_500_000, 8_999_999, 9_000_000, 12_000_000, 12_100_000] {
            watch.arrived(At(at));
        }
        let told = watch.told(At(12_900_000));
        assert_eq!(seconds(&told), [(-2, 2), (-1, 1), (0, 0), (1, 0)]);
        assert_eq!(told[0], LinkEvent::Arrivals { link: "api".into(), second: -2, n: 2 });
        assert!(watch.told(At(12_999_999)).is_empty());
        watch.arrived(At(12_999_999));
        assert_eq!(seconds(&watch.last_words(At(14_000_000))), [(2, 3), (3, 0), (4, 0)]);
        // A stamp from before is counted where the clock is by now.
        let mut watch = Watch::new("api", ZERO, At(12_000_000), 0, None);
        watch.arrived(At(11_999_999));
        assert_eq!(seconds(&watch.last_words(At(12_000_000))), [(2, 1)]);
    }

    #[test]
    fn single_arrivals_share_their_room_and_the_rest_is_counted() {
        let shared = room(3);
        let mut one = Watch::new("one", ZERO, ZERO, 5, Some(Rc::clone(&shared)));
        let mut two = Watch::new("two", ZERO, ZERO, 0, Some(shared));
        // It came before the watch.
        one.ended(4, ZERO, ZERO, Outcome::Ok);
        for number in 5..7 {
            one.ended(number, ZERO, At(1), Outcome::Ok);
            two.ended(number, ZERO, At(11_000_000), Outcome::Timeout);
        }
        two.ended(7, ZERO, ZERO, Outcome::Ok);
        let LinkEvent::Attempts { link, list, left_out } = &one.told(ZERO)[0] else { panic!() };
        assert_eq!((link.as_str(), list.len(), *left_out), ("one", 2, 0));
        assert!(list.iter().all(|attempt| attempt.done == ZERO && !attempt.trial));
        let LinkEvent::Attempts { list, left_out, .. } = &two.told(ZERO)[0] else { panic!() };
        assert_eq!((list.len(), *left_out), (1, 2));
        assert!(two.told(ZERO).is_empty());
    }

    #[test]
    fn an_end_is_what_its_client_was_given() {
        use Delivery::{Abandoned, Broken, Whole};
        for (method, status, delivery, was_reset, expected) in [
            (Method::GET, Some(204), Whole, false, Outcome::Ok),
            (Method::GET, Some(302), Whole, true, Outcome::Ok),
            (Method::GET, Some(429), Whole, false, Outcome::Http429),
            (Method::GET, Some(404), Whole, false, Outcome::Http4xx),
            (Method::GET, Some(503), Whole, false, Outcome::Http5xx),
            (Method::GET, Some(200), Broken, false, Outcome::ProtocolError),
            (Method::GET, Some(200), Abandoned, true, Outcome::ProtocolError),
            (Method::GET, None, Abandoned, true, Outcome::ProtocolError),
            (Method::GET, Some(200), Abandoned, false, Outcome::Timeout),
            (Method::GET, None, Abandoned, false, Outcome::Timeout),
            (Method::HEAD, Some(200), Abandoned, false, Outcome::Ok),
            (Method::HEAD, Some(200), Abandoned, true, Outcome::ProtocolError),
            (Method::HEAD, None, Abandoned, false, Outcome::Timeout),
        ] {
            let seen = Seen::new(method, Uri::from_static("/"), HeaderMap::new(), "r-");
            let mut passage = Passage::new(seen, 0, Instant::now());
            passage.status = status;
            let found = outcome(&passage, delivery, was_reset);
            assert_eq!(found, expected, "{passage:?} {delivery:?} {was_reset}");
        }
    }

    #[test]
    fn without_single_arrivals_none_is_kept() {
        let mut watch = Watch::new("api", ZERO, ZERO, 0, None);
        watch.ended(0, ZERO, ZERO, Outcome::Ok);
        assert!(watch.told(ZERO).is_empty());
    }
}
