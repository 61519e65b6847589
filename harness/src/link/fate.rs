//! What becomes of a request on a link, and how several answers to that are combined.
//!
//! Invariant: [`Fate::and`] is commutative and associative with [`Fate::PASS`] neutral, so the
//! order in which faults were injected never matters.
//! Not here: who decides (`seen`, module `fault`), who obeys (`passage`, `relay`).

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Response, StatusCode, header};
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a request: wait so long, then this end; and of the answer, if there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fate {
    /// Counted from the request's arrival. Means nothing for [`Ending::Stall`] and
    /// [`Ending::Reset`], which come at once.
    pub after: Duration,
    /// Then.
    pub ending: Ending,
    /// Bytes of each body in a second at most, the request's and the answer's; the greatest
    /// number is no limit. The least wins.
    pub pace: u64,
    /// Its answer's way back.
    pub back: Back,
}

/// What becomes of an answer: wait so long, then this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Back {
    /// Counted from when its head was there. Means nothing for [`Tail::Stall`].
    pub after: Duration,
    /// Then.
    pub tail: Tail,
}

/// How an answer leaves the link; of two, the greater wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tail {
    /// Passed on.
    Whole,
    /// Passed on, but if the connection closes after it, that is withheld.
    Linger,
    /// The connection is closed after so many bytes of its body; of two, the fewer. A body that
    /// is no longer is passed on.
    Cut(Reverse<u64>),
    /// These bytes in its place, which are no HTTP, and the connection is closed.
    Garbage(Bytes),
    /// Kept, as far as it was not passed on yet.
    Stall,
}

impl Back {
    /// Nothing happens to it.
    pub const PASS: Back = Back { after: Duration::ZERO, tail: Tail::Whole };
}

/// How a request leaves the link; of two, the greater wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Passed on to the upstream.
    Forward,
    /// Answered by the link. Of two answers the greater wins, see [`Answer`].
    Answer(Arc<Answer>),
    /// Kept, nothing is answered.
    Stall,
    /// The client's connection is reset.
    Reset,
}

impl Fate {
    /// Nothing happens to it.
    pub const PASS: Fate =
        Fate { after: Duration::ZERO, ending: Ending::Forward, pace: u64::MAX, back: Back::PASS };

    /// Only a delay.
    #[must_use]
    pub fn delay(after: Duration) -> Fate {
        Fate { after, ..Fate::PASS }
    }

    /// Only an ending.
    #[must_use]
    pub fn end(ending: Ending) -> Fate {
        Fate { ending, ..Fate::PASS }
    }

    /// Only this many bytes of a body in a second.
    #[must_use]
    pub fn pace(bytes: u64) -> Fate {
        Fate { pace: bytes, ..Fate::PASS }
    }

    /// Only a delay of the answer.
    #[must_use]
    pub fn late(after: Duration) -> Fate {
        Fate { back: Back { after, ..Back::PASS }, ..Fate::PASS }
    }

    /// Only an end of the answer.
    #[must_use]
    pub fn tail(tail: Tail) -> Fate {
        Fate { back: Back { tail, ..Back::PASS }, ..Fate::PASS }
    }

    /// Both: delays add up, the lower pace and the greater endings win.
    #[must_use]
    pub fn and(self, other: Fate) -> Fate {
        let back = Back {
            after: self.back.after.saturating_add(other.back.after),
            tail: self.back.tail.max(other.back.tail),
        };
        Fate {
            after: self.after.saturating_add(other.after),
            ending: self.ending.max(other.ending),
            pace: self.pace.min(other.pace),
            back,
        }
    }

    /// Whether it is about the answer or bodies alone.
    pub(crate) fn is_about_the_answer(&self) -> bool {
        self.back != Back::PASS || self.pace != u64::MAX
    }
}

/// An answer given in the service's place. Ordered by status, then headers, then body: which of
/// two is greater means nothing, but everyone agrees on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Answer {
    /// A final answer with this status, these headers and this text, which is called
    /// `text/plain; charset=utf-8` unless a header says otherwise.
    ///
    /// # Errors
    /// In words, if HTTP does not allow it.
    pub fn new(status: u16, headers: Vec<(String, String)>, text: &str) -> Result<Answer, String> {
        let answer = Answer { status, headers, body: Bytes::copy_from_slice(text.as_bytes()) };
        if !(200..=599).contains(&status) {
            return Err(format!("{status} is no final status: write one of 200 to 599"));
        }
        if matches!(status, 204 | 304) && !text.is_empty() {
            return Err(format!("an answer with status {status} has no body"));
        }
        let response = answer.response().map_err(|error| error.to_string())?;
        for framing in [header::TRANSFER_ENCODING, header::UPGRADE] {
            if response.headers().contains_key(&framing) {
                return Err(format!("the header {framing} is not ours to set"));
            }
        }
        let lengths = response.headers().get_all(header::CONTENT_LENGTH).iter().count();
        let own = usize::from(!matches!(status, 204 | 304));
        if lengths != own {
            return Err("the header content-length is not ours to set".to_owned());
        }
        Ok(answer)
    }

    /// The answer as hyper sends it.
    ///
    /// # Errors
    /// Never for an answer that [`Answer::new`] made.
    pub(crate) fn response(&self) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = header::HeaderName::from_bytes(name.as_bytes())?;
            headers.append(name, header::HeaderValue::from_str(value)?);
        }
        if !self.body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
            let text = header::HeaderValue::from_static("text/plain; charset=utf-8");
            headers.append(header::CONTENT_TYPE, text);
        }
        let status = StatusCode::from_u16(self.status)?;
        if !matches!(self.status, 204 | 304) {
            headers.append(header::CONTENT_LENGTH, self.body.len().into());
        }
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], text: &str) -> Result<Answer, String> {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Answer::new(status, headers, text)
    }

    fn fates() -> Vec<Fate> {
        let answer = |status, text| Ending::Answer(Arc::new(answer(status, &[], text).unwrap()));
        let endings = [
            Ending::Forward,
            answer(503, "busy"),
            answer(503, ""),
            answer(500, "busy"),
            Ending::Stall,
            Ending::Reset,
        ];
        let delays = [Duration::ZERO, Duration::from_millis(3), Duration::MAX];
        let mut fates: Vec<Fate> = endings
            .iter()
            .flat_map(|end| delays.map(|after| Fate { ending: end.clone(), ..Fate::delay(after) }))
            .collect();
        let tails = [
            Tail::Linger,
            Tail::Cut(Reverse(7)),
            Tail::Cut(Reverse(0)),
            Tail::Garbage(Bytes::from_static(b"x")),
            Tail::Garbage(Bytes::from_static(b"y")),
            Tail::Stall,
        ];
        fates.extend(tails.map(|tail| Fate { after: delays[1], ..Fate::tail(tail) }));
        fates.extend(delays.map(Fate::late));
        fates.extend([0, 7].map(Fate::pace));
        fates
    }

    #[test]
    fn combining_is_a_commutative_monoid() {
        let fates = fates();
        for a in &fates {
            assert_eq!(a.clone().and(Fate::PASS), *a);
            for b in &fates {
                let ab = a.clone().and(b.clone());
                assert_eq!(ab, b.clone().and(a.clone()));
                for c in &fates {
                    let bc = b.clone().and(c.clone());
                    assert_eq!(ab.clone().and(c.clone()), a.clone().and(bc));
                }
            }
        }
    }

    #[test]
    fn delays_add_stall_beats_an_answer_and_reset_beats_all() {
        let ms = Duration::from_millis;
        let busy = Ending::Answer(Arc::new(answer(503, &[], "busy").unwrap()));
        assert_eq!(Fate::delay(ms(2)).and(Fate::delay(ms(3))), Fate::delay(ms(5)));
        let slow_busy = Fate::delay(ms(2)).and(Fate::end(busy.clone()));
        assert_eq!(slow_busy, Fate { ending: busy.clone(), ..Fate::delay(ms(2)) });
        let stalled = slow_busy.and(Fate::end(Ending::Stall));
        assert_eq!(stalled.ending, Ending::Stall);
        assert_eq!(Fate::end(Ending::Reset).and(stalled).ending, Ending::Reset);
    }

    #[test]
    fn answers_delays_add_the_lowest_pace_wins_and_the_worst_end() {
        let ms = Duration::from_millis;
        assert_eq!(Fate::late(ms(2)).and(Fate::late(ms(3))), Fate::late(ms(5)));
        assert_eq!(Fate::pace(9).and(Fate::pace(7)).and(Fate::pace(8)).pace, 7);
        let cut = |bytes| Fate::tail(Tail::Cut(Reverse(bytes)));
        assert_eq!(cut(9).and(cut(7)), cut(7));
        let garbage = Fate::tail(Tail::Garbage(Bytes::from_static(b"x")));
        assert_eq!(cut(9).and(Fate::tail(Tail::Linger)), cut(9));
        assert_eq!(cut(9).and(garbage.clone()), garbage);
        assert_eq!(garbage.and(Fate::tail(Tail::Stall)), Fate::tail(Tail::Stall));
        // The request's own way is another matter.
        let both = Fate::delay(ms(2)).and(Fate::late(ms(3)));
        assert_eq!((both.after, both.back.after), (ms(2), ms(3)));
    }

    #[test]
    fn an_answer_is_valid_or_refused_with_a_reason() {
        let busy = answer(503, &[("Retry-After", "1")], "busy").unwrap().response().unwrap();
        assert_eq!(busy.status(), 503);
        assert_eq!(busy.headers()["retry-after"], "1");
        assert_eq!(busy.headers()["content-length"], "4");
        assert_eq!(busy.headers()["content-type"], "text/plain; charset=utf-8");
        assert!(answer(204, &[], "").unwrap().response().unwrap().headers().is_empty());
        for bad in [
            answer(101, &[], ""),
            answer(999, &[], ""),
            answer(204, &[], "text"),
            answer(503, &[("bad name", "1")], ""),
            answer(503, &[("name", "line\nbreak")], ""),
            answer(503, &[("Content-Length", "9")], "busy"),
            answer(503, &[("Transfer-Encoding", "chunked")], ""),
        ] {
            assert!(!bad.unwrap_err().is_empty());
        }
    }
}
