//! Each request of a load once, in order, each answer looked into: what `assay try` shows.
//!
//! Invariant: what is sent is what the first journey, or the first arrivals, of a run would send:
//! the same rows, the same draws.
//! Invariant: a step that lacks what an earlier one was to capture is not sent, and says which.
//! Not here: due times, pauses, records, verdicts.

use super::fill::{self, Asks, Unsent};
use super::{Aim, StartError, apart, render};
use crate::client::asks::Seen;
use crate::client::shown::{self, Asked, Heard, Reached};
use crate::client::{Connection, Ends, Exchange, Jar, Keep, Limits, converse};
use crate::clock::Clock;
use crate::plan;
use crate::plan::answer::{Capture, MOST_KEPT, Source};
use crate::plan::template::{Filling, Unfilled};
use crate::plan::turns::{Turn, Turns};
use crate::plan::users::{Does, Step};
use crate::plan::{Dynamic, words};
use crate::spec::is_secret_header;
use assay_slo::Outcome;
use std::net::SocketAddr;
use std::sync::Arc;

/// So many places of a JSON body are named where a capture finds nothing.
const NAMED: usize = 8;

/// A load, whose requests are to be sent once.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its name.
    pub name: String,
    /// Where it connects to.
    pub addr: SocketAddr,
    /// `host:port` for the `Host` header.
    pub authority: String,
    /// Where else it connects to; none: only there.
    pub ends: Option<Arc<Ends>>,
    /// How requests are sent; placeholders filled.
    pub client: plan::Client,
    /// What is sent; placeholders filled.
    pub requests: Vec<plan::Request>,
    /// In which order.
    pub does: Does,
    /// How many values a journey captures.
    pub captures: usize,
    /// Seeds what is drawn for requests.
    pub seed: u64,
}

/// What came of one step.
#[derive(Debug)]
pub enum Tried {
    /// A pause, which is not waited for, µs.
    Pause {
        /// The least.
        min_us: u64,
        /// The greatest.
        max_us: u64,
    },
    /// A request that could not be sent.
    Unsent {
        /// Its name.
        request: String,
        /// Why.
        why: String,
    },
    /// A request that was sent.
    Sent(Box<Sent>),
}

/// A request that was sent, and all that is known of it.
#[derive(Debug)]
pub struct Sent {
    /// Its name.
    pub request: String,
    /// What was sent.
    pub asked: Asked,
    /// The answer, or what came of one.
    pub heard: Option<Heard>,
    /// From its beginning to the whole answer, µs.
    pub took_us: u64,
    /// Why it is not ok; none if it is.
    pub why: Option<String>,
    /// Each check in words, and why it does not hold; none where there was no answer to look at.
    pub checks: Vec<(String, Option<String>)>,
    /// What each capture found.
    pub captures: Vec<Captured>,
}

/// What a capture found.
#[derive(Debug)]
pub struct Captured {
    /// Its name.
    pub name: String,
    /// Where it looked, in words.
    pub from: String,
    /// The value comes from a header that carries credentials.
    pub secret: bool,
    /// The value, or why there is none.
    pub found: Result<String, String>,
}

impl Tried {
    /// Whether nothing is wrong with it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self {
            Tried::Pause { .. } => true,
            Tried::Unsent { .. } => false,
            Tried::Sent(sent) => sent.is_good(),
        }
    }
}

impl Sent {
    /// Whether it was answered and all checks and captures hold.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.why.is_none()
            && self.checks.iter().all(|(_, why)| why.is_none())
            && self.captures.iter().all(|capture| capture.found.is_ok())
    }
}

/// A place in the order of a trial.
enum Place {
    Pause { min_us: u64, max_us: u64 },
    Send { request: usize, k: u64 },
}

impl Trial {
    /// How curl reaches it.
    #[must_use]
    pub fn reached(&self) -> Reached<'_> {
        Reached::by(&self.client, &self.authority)
    }

    /// Sends what is wanted of it, and tells of each step when it is over. In a journey all steps
    /// up to the last one that is wanted are sent: a later one may need what they capture.
    ///
    /// # Errors
    /// See [`StartError`]; then nothing was sent.
    pub async fn go(
        &self,
        clock: &Clock,
        run: &str,
        wanted: &dyn Fn(&str) -> bool,
        tell: &mut dyn FnMut(Tried),
    ) -> Result<(), StartError> {
        let (load, authority, ends) = (&self.name, &self.authority, &self.ends);
        let aim = Aim { load, addr: self.addr, authority, ends, tracing: None };
        let kinds = render(aim, &self.client, &self.requests, run)?;
        let kinds = apart(&kinds, &self.client, 1, 1);
        let turns = match &self.does {
            Does::Independent { cycle } => Turns::new(cycle, &self.requests, 0),
            Does::Journey(_) => Turns::default(),
        };
        let mut captured: Vec<Option<String>> = vec![None; self.captures];
        let mut kept: Option<Connection> = None;
        let jar = Jar::default();
        let mut nth = 0;
        for place in self.places(wanted) {
            let (at, k) = match place {
                Place::Pause { min_us, max_us } => {
                    tell(Tried::Pause { min_us, max_us });
                    continue;
                }
                Place::Send { request, k } => (request, k),
            };
            let Some(kind) = kinds.get(at) else { continue };
            let name = self.requests.get(at).map_or("", |request| request.name.as_str());
            let mut message = kind.rendered.keyed(format_args!("try{nth}"));
            let mut asks = None;
            if let Some(dynamic) = &kind.dynamic {
                let filling = match &self.does {
                    Does::Independent { .. } => {
                        fill::alone(self.seed, &self.name, &turns, k, false)
                    }
                    Does::Journey(_) => Filling {
                        seed: self.seed,
                        load: &self.name,
                        k,
                        turn: Turn::Same(k),
                        nth,
                        captured: &captured,
                    },
                };
                match fill::fill(dynamic, &filling, &mut message) {
                    Ok(own) => asks = own,
                    Err(unsent) => {
                        tell(Tried::Unsent { request: name.to_owned(), why: self.unsent(&unsent) });
                        nth += 1;
                        continue;
                    }
                }
            }
            nth += 1;
            let asked = Asked::of(&message);
            let limits = Limits { keep: Keep::always(MOST_KEPT), ..kind.limits.clone() };
            let (exchange, back) =
                converse(clock, &limits, kind.manners, Some(&jar), kept.take(), message, |_| {})
                    .await;
            kept = back;
            let sent = looked(name, asked, &exchange, (kind.dynamic.as_deref(), &asks), &limits);
            for (slot, value) in landed(&sent, kind.dynamic.as_deref()) {
                if let Some(place) = captured.get_mut(slot) {
                    *place = Some(value);
                }
            }
            tell(Tried::Sent(Box::new(sent)));
        }
        Ok(())
    }

    fn places(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Place> {
        let is_wanted =
            |at: usize| self.requests.get(at).is_some_and(|request| wanted(&request.name));
        match &self.does {
            Does::Independent { cycle } => {
                let first = |at: usize| cycle.iter().position(|place| usize::from(*place) == at);
                let wanted = (0..self.requests.len()).filter(|at| is_wanted(*at));
                let send =
                    |at: usize| Place::Send { request: at, k: first(at).unwrap_or(0) as u64 };
                wanted.map(send).collect()
            }
            Does::Journey(steps) => {
                let sends = |step: &Step| matches!(step, Step::Send(at) if is_wanted(*at));
                let end = steps.iter().rposition(sends).map_or(0, |last| last + 1);
                let place = |step: &Step| match *step {
                    Step::Send(request) => Place::Send { request, k: 0 },
                    Step::Pause { min_us, max_us } => Place::Pause { min_us, max_us },
                };
                steps.iter().take(end).map(place).collect()
            }
        }
    }

    /// Why a step is not sent; of a value that was not captured, who was to capture it.
    fn unsent(&self, unsent: &Unsent) -> String {
        let Unsent::Unfilled(Unfilled::NotCaptured(name)) = unsent else {
            return unsent.to_string();
        };
        let captures = |request: &&plan::Request| {
            let all = request.dynamic.iter().flat_map(|dynamic| &dynamic.captures);
            all.into_iter().any(|capture| capture.name == *name)
        };
        let who = self.requests.iter().find(captures).map_or("", |request| request.name.as_str());
        format!("it needs `${{{name}}}`, which `{who}` was to capture and did not")
    }
}

/// What was captured, by slot.
pub(super) fn landed(sent: &Sent, dynamic: Option<&Dynamic>) -> Vec<(usize, String)> {
    let found = slots(dynamic).zip(&sent.captures);
    found.filter_map(|(slot, one)| Some((slot, one.found.clone().ok()?))).collect()
}

fn slots(dynamic: Option<&Dynamic>) -> impl Iterator<Item = usize> {
    dynamic.into_iter().flat_map(|dynamic| &dynamic.captures).map(|capture| capture.slot)
}

/// Looks into an answer: every check and every capture, whatever the others say.
pub(super) fn looked(
    name: &str,
    asked: Asked,
    exchange: &Exchange,
    (dynamic, asks): (Option<&Dynamic>, &Asks),
    limits: &Limits,
) -> Sent {
    let heard = Heard::of(exchange);
    let mut checks = Vec::new();
    let mut captures = Vec::new();
    if let Some(headers) = &exchange.headers {
        let status_is_good = exchange.outcome == Outcome::Ok;
        let wrong = || format!("it is {}", shown::status(exchange.status));
        checks.push((statuses(&limits.check_status), (!status_is_good).then(wrong)));
        let seen = Seen::new(headers, &exchange.body.kept, exchange.body.length)
            .after(&exchange.set_before);
        if let Some(dynamic) = dynamic {
            let words = dynamic.checks.iter().map(ToString::to_string);
            let asks = asks.as_ref().unwrap_or(&dynamic.checks);
            checks.extend(words.zip(seen.each(asks)));
            captures = dynamic.captures.iter().map(|capture| captured(capture, &seen)).collect();
        }
    }
    let begun = exchange.begun.unwrap_or(exchange.done);
    let answered = exchange.headers.is_some();
    Sent {
        request: name.to_owned(),
        asked,
        heard,
        took_us: exchange.done.0.saturating_sub(begun.0),
        // What is wrong with an answer its checks say.
        why: shown::why(exchange, limits).filter(|_| !answered),
        checks,
        captures,
    }
}

fn captured(capture: &Capture, seen: &Seen<'_>) -> Captured {
    let secret = match &capture.from {
        Source::Cookie(_) => true,
        Source::Header(name) => is_secret_header(name),
        Source::Json(_) | Source::Regex(_) => false,
    };
    let found = seen.found(capture).map_err(|why| match (&capture.from, seen.pointers(NAMED)) {
        (Source::Json(_), places) if !places.is_empty() => {
            format!("{why}; the body has {}", places.join(", "))
        }
        _ => why,
    });
    Captured { name: capture.name.clone(), from: capture.from.to_string(), secret, found }
}

/// The check of the status, in words.
fn statuses(accepted: &[(u16, u16)]) -> String {
    let range = |(low, high): &(u16, u16)| match (low, high) {
        _ if low == high => low.to_string(),
        _ if low % 100 == 0 && *high == low + 99 => format!("{}xx", low / 100),
        _ => format!("{low}-{high}"),
    };
    match accepted {
        [] => "status 2xx or 3xx".to_owned(),
        ranges => format!("status {}", ranges.iter().map(range).collect::<Vec<_>>().join(" or ")),
    }
}

/// A pause in words.
#[must_use]
pub fn pause(min_us: u64, max_us: u64) -> String {
    let (least, most) = (words::time(min_us), words::time(max_us));
    if min_us == max_us { least } else { format!("{least} to {most}") }
}

#[cfg(test)]
mod tests;
