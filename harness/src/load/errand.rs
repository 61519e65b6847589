//! Requests that prepare a run or tidy up after it: one after another, nothing measured.
//!
//! Invariant: whatever is not answered as it should be is an error in words, without secrets.
//! Invariant: of a teardown, what needs a value that no setup captured is not sent, and that is no
//! failure: there is nothing to undo.
//! Invariant: no request goes over a connection kept from the one before (of HTTP/1.1): a server may close
//! it without a word, which says nothing of the request, and nobody measures what a new one takes.
//! Not here: in which order, and for which rows (`run`).

use super::fill::{self, Unsent};
use super::once::{self, Sent};
use super::{Aim, Kind, StartError, apart, render};
use crate::client::shown::{Asked, Heard, Veil};
use crate::client::{Ends, Jar, Keep, Limits, converse};
use crate::clock::Clock;
use crate::plan;
use crate::plan::answer::MOST_KEPT;
use crate::plan::template::{Filling, Unfilled};
use crate::plan::turns::Turn;
use std::net::SocketAddr;
use std::sync::Arc;

/// Characters of an answer that are told.
const MOST_TOLD: usize = 300;

/// The name of what undoes.
pub const TEARDOWN: &str = "teardown";

/// Requests, ready to be sent.
#[derive(Debug)]
pub struct Errand {
    clock: Clock,
    seed: u64,
    /// `setup` or `teardown`.
    name: String,
    undoes: bool,
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

/// One way through requests: what was captured so far, and the cookies that were set.
#[derive(Debug)]
pub struct Course {
    captured: Vec<Option<String>>,
    jar: Jar,
    nth: u64,
    /// A request had nothing to undo; nor have those that need what it was to capture.
    skipped: bool,
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
        // Nor do the requests of a chain of redirects share a connection.
        let mut kinds = apart(&kinds, client, plan::setup::AT_ONCE, 1);
        kinds.iter_mut().for_each(|kind| kind.limits.ways.reconnect_us = Some(0));
        Ok(Errand {
            clock,
            seed,
            name: name.to_owned(),
            undoes: name == TEARDOWN,
            names: requests.iter().map(|request| request.name.clone()).collect(),
            kinds,
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

    /// A course on which nothing has been captured and no cookie set.
    #[must_use]
    pub fn course(&self) -> Course {
        let captured = vec![None; self.captures];
        Course { captured, jar: Jar::default(), nth: 0, skipped: false }
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
            match fill::fill(dynamic, &filling, &mut message) {
                Ok(own) => asks = own,
                Err(why) if self.undoes && course.has_nothing_for(&why) => {
                    course.skipped = true;
                    return Ok(());
                }
                Err(why) => return Err(format!("{name} was not sent: {why}")),
            }
        }
        course.nth += 1;
        let asked = Asked::of(&message);
        let limits = Limits { keep: Keep::always(MOST_KEPT), ..kind.limits.clone() };
        let (clock, jar) = (&self.clock, Some(&course.jar));
        let (exchange, _) =
            converse(clock, &limits, kind.manners, jar, None, message, |_| {}).await;
        let asked = asked.with_cookies(&exchange);
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
    /// Another row's: nothing is captured, and no cookie is set.
    pub fn begin(&mut self) {
        self.captured.fill(None);
        self.jar.clear();
        self.nth = 0;
        self.skipped = false;
    }

    /// Whether what a request lacks was never there, so that it has nothing to undo.
    fn has_nothing_for(&self, why: &Unsent) -> bool {
        match why {
            Unsent::Unfilled(Unfilled::NotLanded(_)) => true,
            Unsent::Unfilled(Unfilled::NotCaptured(_)) => self.skipped,
            _ => false,
        }
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
    let other = sent.why.clone().or_else(check);
    // Where all is well but a capture, the answer holds what was to be captured: a token, as a rule.
    let is_shown = other.is_some();
    let why = other.or_else(capture)?;
    let told = |heard: &&Heard| is_shown && heard.status > 0 && !heard.body.kept.is_empty();
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
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

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

    /// What was to be captured is in the answer, and a token as a rule.
    #[test]
    fn an_answer_that_lacks_only_what_was_to_be_captured_is_not_told() {
        let body = b"{\"token\": \"t0k3n\"}".to_vec();
        let heard = Heard {
            status: 200,
            headers: Vec::new(),
            body: crate::client::payload::Payload { length: body.len() as u64, kept: body },
        };
        let capture = once::Captured {
            name: "token".to_owned(),
            from: "json /tokn".to_owned(),
            secret: false,
            found: Err("nothing to capture".to_owned()),
        };
        let asked = Asked::of(&hyper::Request::new(http_body_util::Full::default()));
        let mut sent = Sent {
            request: "login".to_owned(),
            asked: asked.clone(),
            heard: Some(heard),
            took_us: 1,
            why: None,
            checks: Vec::new(),
            captures: vec![capture],
        };
        let veil = Veil::new(&[], &asked, None);
        let told = wrong(&sent, &veil).unwrap();
        assert_eq!(told, "capture token (json /tokn): nothing to capture");
        sent.checks.push(("status 201".to_owned(), Some("it is 200 OK".to_owned())));
        let told = wrong(&sent, &veil).unwrap();
        assert_eq!(told, "check status 201: it is 200 OK; answered 200: {\"token\": \"t0k3n\"}");
    }

    /// A form that is shown only to who has its cookie, and sent on from where it was sent to.
    #[tokio::test]
    async fn a_course_keeps_its_cookies_and_follows_redirects() {
        let (listener, addr) = listener().await;
        serve(listener, |stream| async move {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.is_ok() {}
            let knows = head.contains("\r\ncookie: form=1\r\n");
            let answer = match head.split(' ').nth(1).unwrap_or_default() {
                "/a" => "200 OK\r\nset-cookie: form=1",
                "/b" if knows => "302 Found\r\nlocation: /home",
                "/home" if knows => "200 OK",
                _ => "401 Unauthorized",
            };
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
            // It takes the next request, and is gone.
            let _ = stream.read_line(&mut head).await;
        });
        let mut lane = lane(addr, 1, 1, 1, 5_000_000);
        lane.client.transport.cookies = true;
        lane.client.transport.redirects = 1;
        lane.requests.iter_mut().for_each(|request| request.check_status = vec![(200, 200)]);
        let place = Place { addr, authority: &lane.authority, ends: &None };
        let of_run = (Clock::start(), "run", 7);
        let requests = &lane.requests;
        let errand = Errand::new(of_run, "setup", place, &lane.client, requests, 0, &[]).unwrap();
        let mut course = errand.course();
        for at in [0, 1] {
            assert_eq!(errand.send(at, None, &mut course).await, Ok(()));
        }
        // Another row's cookies are its own.
        course.begin();
        assert!(errand.send(1, None, &mut course).await.is_err());
    }
}
