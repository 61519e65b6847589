//! Requests that prepare a run or tidy up after it: one after another, nothing measured.
//!
//! Invariant: whatever is not answered as it should be is an error in words, without secrets.
//! Invariant: no request goes over a connection kept from the one before (of HTTP/1.1): a server may close
//! it without a word, which says nothing of the request, and nobody measures what a new one takes.
//! Not here: in which order, and for which rows (`run`).

use super::once::{self, Sent};
use super::{Aim, Kind, StartError, apart, fill, render};
use crate::client::shown::{Asked, Heard, Veil};
use crate::client::{Ends, Keep, Limits, attempt_on_hyper};
use crate::clock::Clock;
use crate::plan;
use crate::plan::answer::MOST_KEPT;
use crate::plan::template::Filling;
use crate::plan::turns::Turn;
use std::net::SocketAddr;
use std::sync::Arc;

/// Characters of an answer that are told.
const MOST_TOLD: usize = 300;

/// Requests, ready to be sent.
#[derive(Debug)]
pub struct Errand {
    clock: Clock,
    seed: u64,
    /// `setup` or `teardown`.
    name: String,
    names: Vec<String>,
    kinds: Vec<Kind>,
    secrets: Arc<[String]>,
    captures: usize,
}

/// Where requests go.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Where it connects to.
    pub addr: SocketAddr,
    /// `host:port` for the `Host` header.
    pub authority: &'a str,
    /// Where else it connects to; none: only there.
    pub ends: &'a Option<Arc<Ends>>,
}

/// One way through requests: what was captured so far.
#[derive(Debug)]
pub struct Course {
    captured: Vec<Option<String>>,
    nth: u64,
}

impl Errand {
    /// Placeholders of client and requests are filled; `name` is `setup` or `teardown`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(
        (clock, run, seed): (Clock, &str, u64),
        name: &str,
        place: Place<'_>,
        client: &plan::Client,
        requests: &[plan::Request],
        captures: usize,
        secrets: &[String],
    ) -> Result<Errand, StartError> {
        let Place { addr, authority, ends } = place;
        let kinds = render(
            Aim { load: name, addr, authority, ends, tracing: None },
            client,
            requests,
            run,
        )?;
        Ok(Errand {
            clock,
            seed,
            name: name.to_owned(),
            names: requests.iter().map(|request| request.name.clone()).collect(),
            kinds: apart(&kinds, client, plan::setup::AT_ONCE, 1),
            secrets: secrets.into(),
            captures,
        })
    }

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// A course on which nothing has been captured.
    #[must_use]
    pub fn course(&self) -> Course {
        Course { captured: vec![None; self.captures], nth: 0 }
    }

    /// Sends a request; `row` is that of the set of this name.
    ///
    /// # Errors
    /// What is not as it should be, and what was answered.
    pub async fn send(
        &self,
        at: usize,
        row: Option<(&str, usize)>,
        course: &mut Course,
    ) -> Result<(), String> {
        let (Some(kind), Some(name)) = (self.kinds.get(at), self.names.get(at)) else {
            return Ok(());
        };
        let k = row.map_or(0, |(_, row)| row as u64);
        let mut message = kind.rendered.keyed(format_args!("{k}.{}", course.nth));
        let mut asks = None;
        if let Some(dynamic) = &kind.dynamic {
            let turn = match row {
                Some((set, row)) => Turn::Row { set, row },
                None => Turn::Same(0),
            };
            let filling = Filling {
                seed: self.seed,
                load: &self.name,
                k,
                turn,
                nth: course.nth,
                captured: &course.captured,
            };
            asks = fill::fill(dynamic, &filling, &mut message)
                .map_err(|why| format!("{name} was not sent: {why}"))?;
        }
        course.nth += 1;
        let asked = Asked::of(&message);
        let limits = Limits { keep: Keep::always(MOST_KEPT), ..kind.limits.clone() };
        let (exchange, _) = attempt_on_hyper(&self.clock, &limits, None, message, |_| {}).await;
        let sent = once::looked(name, asked, &exchange, (kind.dynamic.as_deref(), &asks), &limits);
        let veil = Veil::new(&self.secrets, &sent.asked, sent.heard.as_ref());
        if let Some(wrong) = wrong(&sent, &veil) {
            return Err(format!("{}: {wrong}", veil.text(name)));
        }
        for (slot, value) in once::landed(&sent, kind.dynamic.as_deref()) {
            if let Some(place) = course.captured.get_mut(slot) {
                *place = Some(value);
            }
        }
        Ok(())
    }
}

impl Course {
    /// Another row's: nothing is captured.
    pub fn begin(&mut self) {
        self.captured.fill(None);
        self.nth = 0;
    }

    /// What was captured in this slot.
    #[must_use]
    pub fn captured(&self, slot: usize) -> Option<&str> {
        self.captured.get(slot)?.as_deref()
    }
}

/// What is wrong with it, and what was answered; nothing if nothing is.
fn wrong(sent: &Sent, veil: &Veil) -> Option<String> {
    let check = || {
        let failed = sent.checks.iter().find_map(|(check, why)| Some((check, why.as_ref()?)));
        failed.map(|(check, why)| format!("check {check}: {why}"))
    };
    let capture = || {
        let failed = sent.captures.iter().find_map(|one| Some((one, one.found.as_ref().err()?)));
        failed.map(|(one, why)| format!("capture {} ({}): {why}", one.name, one.from))
    };
    let why = sent.why.clone().or_else(check).or_else(capture)?;
    let told = |heard: &&Heard| heard.status > 0 && !heard.body.kept.is_empty();
    let body = sent.heard.as_ref().filter(told);
    let told = body.map(|heard| {
        // Hidden before it is cut, lest a piece of a secret is left.
        let text = veil.text(&String::from_utf8_lossy(&heard.body.kept));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let clipped: String = words.chars().take(MOST_TOLD).collect();
        let more = if clipped.len() < words.len() { "…" } else { "" };
        format!("; answered {}: {clipped}{more}", heard.status)
    });
    Some(format!("{}{}", veil.text(&why), told.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{OK, lane, listener, read_request, serve};
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::AsyncWriteExt;

    /// A server that closes after each answer without saying so fails nobody.
    #[tokio::test]
    async fn no_step_goes_over_a_connection_that_may_be_closed() {
        let (listener, addr) = listener().await;
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&connections);
        serve(listener, move |mut stream| {
            seen.fetch_add(1, Ordering::SeqCst);
            async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(OK).await;
                // It takes the next request, and is gone.
                read_request(&mut stream).await;
            }
        });
        let lane = lane(addr, 1, 1, 1, 5_000_000);
        let place = Place { addr, authority: &lane.authority, ends: &None };
        let of_run = (Clock::start(), "run", 7);
        let requests = &lane.requests;
        let errand = Errand::new(of_run, "setup", place, &lane.client, requests, 0, &[]).unwrap();
        let mut course = errand.course();
        for at in [0, 1, 0] {
            assert_eq!(errand.send(at, None, &mut course).await, Ok(()));
        }
        assert_eq!(connections.load(Ordering::SeqCst), 3);
    }
}
