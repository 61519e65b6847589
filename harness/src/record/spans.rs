//! Attempts that are told one by one, as spans: the sampled, the failed, and those that may be among the slowest.
//!
//! Invariant: at most [`MOST`] a hand-over, however many fail; what is left out is counted.
//! Not here: which of the slowest are sent, what spans are named, where they go (`run::traces`).

use super::marks::Finished;
use crate::plan::traced::Traced;
use assay_slo::{At, Outcome};
use std::collections::BTreeMap;

/// Most of one hand-over.
pub const MOST: usize = 5_000;
/// Of each kind of request, so many of the slowest of a hand-over are offered, though nobody sampled them.
pub const SLOWEST: usize = 3;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its place in its trace.
    pub traced: Traced,
    /// Index into the loads.
    pub load: usize,
    /// Index into the load's requests.
    pub request: usize,
    /// When it was due.
    pub due: At,
    /// When it began; when it was due, if it never did.
    pub begun: At,
    /// When its end was known.
    pub done: At,
    /// How it ended.
    pub outcome: Outcome,
    /// The status; 0 without a whole answer.
    pub status: u16,
}

/// Spans of one hand-over.
#[derive(Debug, Default)]
pub(super) struct SpanBook {
    kept: Vec<Span>,
    slowest: BTreeMap<(usize, usize), Vec<Span>>,
    left_out: u64,
}

impl Span {
    /// How long it took, µs.
    #[must_use]
    pub fn took_us(&self) -> u64 {
        self.done.0.saturating_sub(self.begun.0)
    }

    /// Whether there is no reason to tell of it but that it took long.
    #[must_use]
    pub fn is_only_slow(&self) -> bool {
        !self.traced.sampled && self.outcome == Outcome::Ok
    }
}

impl SpanBook {
    pub(super) fn offer(&mut self, traced: Traced, finished: &Finished<'_>) {
        let span = Span {
            traced,
            load: finished.load,
            request: finished.request,
            due: finished.due,
            begun: finished.begun.unwrap_or(finished.due),
            done: finished.done,
            outcome: finished.outcome,
            status: finished.status,
        };
        if !span.is_only_slow() {
            return self.keep(span);
        }
        let slowest = self.slowest.entry((span.load, span.request)).or_default();
        let place = slowest.partition_point(|other| other.took_us() >= span.took_us());
        if place < SLOWEST {
            slowest.insert(place, span);
            slowest.truncate(SLOWEST);
        }
    }

    fn keep(&mut self, span: Span) {
        if self.kept.len() < MOST {
            self.kept.push(span);
        } else {
            self.left_out += 1;
        }
    }

    /// Hands over what is kept, and how many were left out.
    pub(super) fn take(&mut self) -> (Vec<Span>, u64) {
        for slow in std::mem::take(&mut self.slowest).into_values().flatten() {
            self.keep(slow);
        }
        (std::mem::take(&mut self.kept), std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(book: &mut SpanBook, span: u64, sampled: bool, took: u64, outcome: Outcome) {
        let finished = Finished {
            load: 0,
            request: 0,
            due: At(0),
            begun: Some(At(10)),
            first_byte: None,
            done: At(10 + took),
            blocked_us: None,
            away_us: 0,
            outcome,
            status: 200,
            headers: None,
            idle_reset: false,
            refused: false,
        };
        book.offer(Traced { id: "x".into(), trace: 1, span, sampled }, &finished);
    }

    #[test]
    fn the_sampled_the_failed_and_the_slowest_are_kept() {
        let mut book = SpanBook::default();
        for took in [5, 900, 3, 700, 1, 800, 2, 4] {
            offer(&mut book, took, false, took, Outcome::Ok);
        }
        offer(&mut book, 10_001, true, 1, Outcome::Ok);
        offer(&mut book, 10_002, false, 1, Outcome::Http5xx);
        let (kept, left_out) = book.take();
        let ids: Vec<u64> = kept.iter().map(|span| span.traced.span).collect();
        assert_eq!((ids, left_out), (vec![10_001, 10_002, 900, 800, 700], 0));
        assert_eq!(book.take(), (vec![], 0));
    }

    #[test]
    fn a_flood_of_failures_is_bounded_and_counted() {
        let mut book = SpanBook::default();
        for n in 0..MOST as u64 + 7 {
            offer(&mut book, n, false, 1, Outcome::Timeout);
        }
        let (kept, left_out) = book.take();
        assert_eq!((kept.len(), left_out), (MOST, 7));
    }
}
