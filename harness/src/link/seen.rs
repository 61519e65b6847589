//! What a fault gets to see of a request, and what it says to it.
//!
//! Invariant: a fault is a pure function: the same request, number and time on, the same ruling.
//! So its victims do not depend on how requests interleave.
//! Not here: the faults themselves (module `fault`), counting and obeying (`board`, `passage`).

use super::fate::Fate;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};
use std::time::Duration;

/// The header that carries our request id, `<run>-<load>-<k>-<attempt>`.
pub const REQUEST_ID: &str = "x-request-id";

/// A request's head, as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub target: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    key: Option<(HeaderValue, usize)>,
}

impl Seen {
    /// A request in a run; `run_prefix` is the run's id and a hyphen.
    #[must_use]
    pub fn new(method: Method, target: Uri, headers: HeaderMap, run_prefix: &str) -> Seen {
        let id = headers.get(REQUEST_ID).filter(|id| {
            id.to_str().is_ok_and(|id| id.len() > run_prefix.len() && id.starts_with(run_prefix))
        });
        let key = id.map(|id| (id.clone(), run_prefix.len()));
        Seen { method, target, headers, key }
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// `<load>-<k>-<attempt>` of a request that our own clients sent: the run's id is left out,
    /// so that two runs with one seed have the same victims. None for foreign traffic.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let (id, from) = self.key.as_ref()?;
        id.to_str().ok()?.get(*from..)
    }
}

/// What a fault says to a matching request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What it does to it; none: it is spared.
    pub fate: Option<Fate>,
    /// What chance was drawn from.
    pub drawn_by: DrawnBy,
}

/// What a decision's chance was drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawnBy {
    /// There was no choice, or it is a quota, which goes by arrivals for everyone.
    Nothing,
    /// From the request key.
    Key,
    /// From the number of the arrival, because the request had no key: foreign traffic.
    Arrival,
}

/// How far a fault reaches beyond requests that arrive while it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// No further.
    Arriving,
    /// It also stalls or resets requests that were passed on before it came, and their answers.
    UnderWay,
    /// As [`Reach::UnderWay`], and every connection stalls even between requests.
    Connections,
}

/// A fault of single requests.
pub trait Fault: Send + Sync {
    /// Whether it is about this request at all.
    fn matches(&self, seen: &Seen) -> bool;

    /// What happens to this matching request, the `nth` (from 0) since the fault came, that long
    /// `on`.
    fn decide(&self, seen: &Seen, nth: u64, on: Duration) -> Ruling;

    /// How far it reaches.
    fn reach(&self) -> Reach;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: Option<&str>) -> Seen {
        let mut headers = HeaderMap::new();
        if let Some(id) = id {
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        }
        Seen::new(Method::GET, Uri::from_static("/a/b?c=d"), headers, "r-1-")
    }

    #[test]
    fn only_our_own_ids_are_keys_and_they_lose_the_run() {
        assert_eq!(seen(Some("r-1-api-7-0")).key(), Some("api-7-0"));
        for foreign in [None, Some(""), Some("r-1-"), Some("r-2-api-7-0"), Some("\u{e9}")] {
            assert_eq!(seen(foreign).key(), None);
        }
        assert_eq!(seen(None).path(), "/a/b");
    }
}
