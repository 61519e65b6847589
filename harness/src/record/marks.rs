//! Whether a finished request satisfies a predicate that objectives and expectations count.
//!
//! Invariant: exact, in µs, at the limit as the predicate's words say: below is less than, within
//! is at most, late by is more than.
//! Not here: where the counts go (`recorder`), what they decide (crate slo).

use assay_slo::case::Clock;
use assay_slo::{At, Mark, Outcome};
use hyper::HeaderMap;

/// Everything about one request whose end is known.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// Index into the loads.
    pub load: usize,
    /// Index into the load's requests.
    pub request: usize,
    /// When it was due.
    pub due: At,
    /// When it began; none if it never did.
    pub begun: Option<At>,
    /// When the first byte of its answer came; none if none did, or it is not known.
    pub first_byte: Option<At>,
    /// When its end was known.
    pub done: At,
    /// How long it waited for a connection because the limit was reached, µs.
    pub blocked_us: Option<u64>,
    /// How long the generator stood still while it was under way, µs: no service's time.
    pub away_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The status; 0 without a whole answer.
    pub status: u16,
    /// Headers of the whole answer; none without one.
    pub headers: Option<&'a HeaderMap>,
    /// A kept connection ended before any byte of an answer.
    pub idle_reset: bool,
    /// The connection was refused.
    pub refused: bool,
}

impl Finished<'_> {
    /// The same request so much earlier, µs.
    #[must_use]
    pub fn earlier(self, us: u64) -> Self {
        let at = |at: At| At(at.0.saturating_sub(us));
        let (due, done) = (at(self.due), at(self.done));
        Self { due, done, begun: self.begun.map(at), first_byte: self.first_byte.map(at), ..self }
    }

    /// How long it took, µs; none where it never came to one of the two instants.
    #[must_use]
    pub fn took_us(&self, clock: Clock) -> Option<u64> {
        let (from, to, away_us) = match clock {
            Clock::Response => (Some(self.due), Some(self.done), 0),
            Clock::Service => (self.begun, Some(self.done), self.away_us),
            Clock::ServiceSeen => (self.begun, Some(self.done), 0),
            Clock::FirstByte => (Some(self.due), self.first_byte, 0),
            Clock::ServiceFirstByte => (self.begun, self.first_byte, self.away_us),
        };
        Some(to?.0.saturating_sub(from?.0).saturating_sub(away_us))
    }

    /// How late it began, µs, without the wait for a connection; none if it never began.
    #[must_use]
    pub fn lag_us(&self) -> Option<u64> {
        let late = self.begun?.0.saturating_sub(self.due.0);
        Some(late.saturating_sub(self.blocked_us.unwrap_or(0)))
    }

    /// Whether it satisfies a predicate.
    #[must_use]
    pub fn satisfies(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Below { clock, us } => match self.took_us(*clock) {
                Some(took) => took < *us,
                // Cut off before it began: it had not yet reached any limit. Before its first byte
                // was known: nobody knows.
                None => self.outcome == Outcome::Cut,
            },
            Mark::LateBy { us } => self.lag_us().is_some_and(|lag| lag > *us),
            Mark::Answered { only, within_us, clock, header } => {
                self.headers.is_some_and(|headers| {
                    let status = self.status;
                    let listed = only.iter().any(|(low, high)| (*low..=*high).contains(&status));
                    let took = self.took_us(*clock);
                    let in_time =
                        within_us.is_none_or(|most| took.is_some_and(|took| took <= most));
                    let refused = !(200..400).contains(&status);
                    let named = header.as_ref().is_none_or(|name| headers.contains_key(name));
                    listed && in_time && (named || !refused)
                })
            }
            Mark::IdleReset => self.idle_reset,
            Mark::Refused => self.refused,
            Mark::Blocked => self.blocked_us.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn finished(due: u64, begun: Option<u64>, done: u64, outcome: Outcome) -> Finished<'static> {
        Finished {
            load: 0,
            request: 0,
            due: At(due),
            begun: begun.map(At),
            first_byte: None,
            done: At(done),
            blocked_us: None,
            away_us: 0,
            outcome,
            status: 0,
            headers: None,
            idle_reset: false,
            refused: false,
        }
    }

    fn below(clock: Clock, us: u64) -> Mark {
        Mark::Below { clock, us }
    }

    #[test]
    fn below_is_strictly_less_on_its_own_clock() {
        let request = finished(100, Some(150), 250, Outcome::Ok);
        for (clock, took) in [(Clock::Response, 150), (Clock::Service, 100)] {
            assert!(!request.satisfies(&below(clock, took)));
            assert!(request.satisfies(&below(clock, took + 1)));
        }
    }

    #[test]
    fn what_never_began_has_no_service_time_unless_cut() {
        let not_sent = finished(100, None, 250, Outcome::NotSent);
        assert!(!not_sent.satisfies(&below(Clock::Service, u64::MAX)));
        let cut = finished(100, None, 250, Outcome::Cut);
        assert!(cut.satisfies(&below(Clock::Service, 1)));
        assert!(!cut.satisfies(&below(Clock::Response, 150)));
        assert!(cut.satisfies(&below(Clock::Response, 151)));
        assert!(!cut.satisfies(&Mark::LateBy { us: 0 }));
    }

    #[test]
    fn the_first_byte_is_timed_by_itself() {
        let mut request = finished(100, Some(150), 250, Outcome::Ok);
        assert!(!request.satisfies(&below(Clock::FirstByte, u64::MAX)));
        request.first_byte = Some(At(180));
        for (clock, took) in [(Clock::FirstByte, 80), (Clock::ServiceFirstByte, 30)] {
            assert!(!request.satisfies(&below(clock, took)));
            assert!(request.satisfies(&below(clock, took + 1)));
        }
        // Whether its first byte had come nobody knows.
        let cut = finished(100, Some(150), 9_000, Outcome::Cut);
        assert!(cut.satisfies(&below(Clock::FirstByte, 1)));
    }

    #[test]
    fn what_we_were_away_is_left_out_of_the_service_clock_alone() {
        let request = Finished {
            first_byte: Some(At(5_100)),
            away_us: 5_000,
            ..finished(100, Some(150), 5_250, Outcome::Ok)
        };
        let took = |clock| request.took_us(clock).unwrap();
        assert_eq!((took(Clock::Response), took(Clock::Service)), (5_150, 100));
        assert_eq!(took(Clock::ServiceSeen), 5_100);
        assert_eq!((took(Clock::FirstByte), took(Clock::ServiceFirstByte)), (5_000, 0));
    }

    #[test]
    fn late_is_strictly_more_and_leaves_the_wait_out() {
        let mut request = finished(100, Some(5_100), 9_000, Outcome::Ok);
        assert!(!request.satisfies(&Mark::LateBy { us: 5_000 }));
        assert!(request.satisfies(&Mark::LateBy { us: 4_999 }));
        request.blocked_us = Some(4_900);
        assert!(!request.satisfies(&Mark::LateBy { us: 100 }));
        assert!(request.satisfies(&Mark::LateBy { us: 99 }));
        assert!(request.satisfies(&Mark::Blocked));
    }

    #[test]
    fn answered_wants_status_time_and_on_refusal_the_header() {
        let mut headers = HeaderMap::new();
        let answered = |headers: &HeaderMap, status, done| {
            let base = finished(0, Some(0), done, Outcome::Ok);
            Finished { status, headers: Some(headers), ..base }.satisfies(&Mark::Answered {
                only: vec![(200, 299), (429, 429)],
                within_us: Some(100),
                clock: Clock::Response,
                header: Some("retry-after".to_owned()),
            })
        };
        assert!(answered(&headers, 204, 100));
        assert!(!answered(&headers, 204, 101));
        assert!(!answered(&headers, 304, 1));
        assert!(!answered(&headers, 429, 1));
        headers.insert(HeaderName::from_static("retry-after"), HeaderValue::from_static("1"));
        assert!(answered(&headers, 429, 1));
        let whole = Mark::Answered {
            only: vec![(0, 999)],
            within_us: None,
            clock: Clock::Response,
            header: None,
        };
        assert!(!finished(0, Some(0), 1, Outcome::Timeout).satisfies(&whole));
    }
}
