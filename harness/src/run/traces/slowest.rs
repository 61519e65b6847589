//! Which attempts have a span only because they were slow: of each kind of request the slowest of every hundred.
//!
//! Invariant: about one of a hundred at most, so that a low rate is not sent whole; and what was the slowest
//! of all is always among them.
//! Not here: who is offered (`record::spans`).

use crate::record::{SLOWEST, Span};
use std::collections::BTreeMap;

/// One of so many.
const EVERY: u64 = 100;

/// Those of whom it is not yet known.
#[derive(Debug, Default)]
pub(super) struct Slowest(BTreeMap<(usize, usize), Kind>);

/// One kind of request, since its last were sent.
#[derive(Debug, Default)]
struct Kind {
    ended: u64,
    /// The slowest first.
    slow: Vec<Span>,
}

impl Slowest {
    /// So many requests of a kind ended well.
    pub(super) fn ended(&mut self, load: usize, request: usize, n: u64) {
        self.0.entry((load, request)).or_default().ended += n;
    }

    /// One that may be among the slowest.
    pub(super) fn offer(&mut self, span: &Span) {
        let slow = &mut self.0.entry((span.load, span.request)).or_default().slow;
        let place = slow.partition_point(|other| other.took_us() >= span.took_us());
        slow.insert(place, span.clone());
        slow.truncate(SLOWEST);
    }

    /// Those of kinds of which enough have ended.
    pub(super) fn take(&mut self) -> Vec<Span> {
        let enough = self.0.values_mut().filter(|kind| kind.ended >= EVERY);
        enough.flat_map(|kind| std::mem::take(kind).first(|ended| ended / EVERY)).collect()
    }

    /// Those of all kinds: no more will end.
    pub(super) fn rest(self) -> Vec<Span> {
        self.0.into_values().flat_map(|kind| kind.first(|ended| ended.div_ceil(EVERY))).collect()
    }
}

impl Kind {
    fn first(mut self, of: impl FnOnce(u64) -> u64) -> Vec<Span> {
        self.slow.truncate(usize::try_from(of(self.ended)).unwrap_or(usize::MAX));
        self.slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::traced::Traced;
    use assay_slo::{At, Outcome};

    /// A second in which so many ended, of which these took so long.
    fn second(slowest: &mut Slowest, ended: u64, took: &[u64]) -> Vec<u64> {
        slowest.ended(0, 0, ended);
        for took in took {
            slowest.offer(&Span {
                traced: Traced { id: "x".into(), trace: 1, span: 1, sampled: false },
                load: 0,
                request: 0,
                due: At(0),
                begun: At(0),
                done: At(*took),
                outcome: Outcome::Ok,
                status: 200,
            });
        }
        slowest.take().iter().map(Span::took_us).collect()
    }

    #[test]
    fn a_low_rate_has_one_of_a_hundred_and_none_of_the_slowest_is_missed() {
        let mut slowest = Slowest::default();
        for k in 1..10 {
            assert!(second(&mut slowest, 10, &[k, 50 - k, 2]).is_empty(), "{k}");
        }
        assert_eq!(second(&mut slowest, 10, &[7, 3, 1]), [49]);
        assert!(second(&mut slowest, 10, &[8, 900, 1]).is_empty());
        let rest = slowest.rest();
        assert_eq!(rest.iter().map(Span::took_us).collect::<Vec<_>>(), [900]);
    }

    #[test]
    fn a_high_rate_has_three_at_a_time() {
        let mut slowest = Slowest::default();
        assert_eq!(second(&mut slowest, 250, &[5, 9, 7]), [9, 7]);
        assert_eq!(second(&mut slowest, 5_000, &[5, 9, 7]), [9, 7, 5]);
        assert!(slowest.rest().is_empty());
    }
}
