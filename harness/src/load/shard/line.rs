//! A lane's connections: lean where nothing but HTTP/1.1 with fixed requests is asked, hyper's
//! where anything else is.
//!
//! Invariant: all connections of a post are of one kind, and both kinds go through one `attempt`.
//! Not here: the transports (`client`).

use super::{Job, Shard};
use crate::client::converse::rest_of;
use crate::client::{Connection, Exchange, Lean, attempt, converse};
use crate::load::fill::{self, Unsent};
use crate::load::kept::{self, Which};
use assay_slo::Outcome;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

/// An open connection.
#[derive(Debug)]
pub(super) enum Line {
    Lean(Lean),
    Hyper(Box<Connection>),
}

impl Shard {
    /// Makes the attempt of a job, on the connection that it was given or on a new one.
    pub(super) async fn exchange(&self, job: &Job, line: Option<Line>) -> (Exchange, Option<Line>) {
        let post = &self.posts[job.post];
        let kind = &post.kinds[job.request];
        let (clock, arrival) = (&self.drive.clock, job.arrival);
        let began = |at| self.began(job.id, at);
        if let Some(written) = post.written.as_ref().and_then(|all| all.get(job.request)) {
            let kept = line.and_then(|line| match line {
                Line::Lean(lean) => Some(lean),
                Line::Hyper(_) => None,
            });
            let message = written.message(arrival.k, arrival.warmup);
            let (mut exchange, mut back) =
                attempt(clock, &kind.limits, kept, message, &began).await;
            if kind.manners.sends_again(&exchange, kind.rendered.method())
                && let Some(first) = exchange.begun
                && let Some(rest) = rest_of(&kind.limits, first, clock.now())
            {
                let message = written.message(arrival.k, arrival.warmup);
                (exchange, back) = attempt(clock, &rest, None, message, began).await;
                exchange.idle_reset = true;
                exchange.begun = exchange.begun.and(Some(first));
            }
            let sent = || kind.rendered.request(arrival.k, arrival.warmup);
            self.keep(job, &mut exchange, sent);
            return (exchange, back.map(Line::Lean));
        }
        let kept = line.and_then(|line| match line {
            Line::Lean(_) => None,
            Line::Hyper(connection) => Some(*connection),
        });
        let message = match job.trip {
            Some(trip) => self.later(job, trip),
            None => self.alone(job),
        };
        let message = match message {
            Ok(message) => message,
            Err(why) => {
                let finding = Some(format!("a request was not sent: {why}"));
                let exchange = Exchange { finding, ..Exchange::not_sent(clock.now()) };
                return (exchange, kept.map(|kept| Line::Hyper(Box::new(kept))));
            }
        };
        let limits = &kind.limits;
        // What was filled in, and the id of a journey's request, can be had only now.
        let fills = kind.dynamic.as_ref().is_some_and(|dynamic| !dynamic.is_fixed());
        let copy = (fills || job.trip.is_some()).then(|| message.clone());
        let jar = job.trip.and_then(|trip| self.journeys.borrow().jar(trip));
        let (manners, jar) = (kind.manners, Some(jar.as_deref().unwrap_or(&post.jar)));
        let (mut exchange, back) =
            converse(clock, limits, manners, jar, kept, message, began).await;
        match (job.trip, &kind.dynamic) {
            (Some(trip), _) => self.journeys.borrow_mut().hear(trip, &mut exchange),
            (None, Some(dynamic)) => {
                fill::hear(dynamic, &mut exchange);
            }
            (None, None) => {}
        }
        let sent = || kind.rendered.request(arrival.k, arrival.warmup);
        self.keep(job, &mut exchange, || copy.unwrap_or_else(sent));
        (exchange, back.map(|back| Line::Hyper(Box::new(back))))
    }

    /// A request that knows nothing of others, filled in.
    fn alone(&self, job: &Job) -> Result<Request<Full<Bytes>>, Unsent> {
        let post = &self.posts[job.post];
        let (kind, lane) = (&post.kinds[job.request], &post.lane);
        let (k, warmup) = (job.arrival.k, job.arrival.warmup);
        let mut message = kind.rendered.request(k, warmup);
        if let Some(dynamic) = &kind.dynamic {
            let filling = fill::alone(lane.seed, &lane.name, &lane.turns, k, warmup);
            fill::fill(dynamic, &filling, &mut message)?;
        }
        Ok(message)
    }

    /// A request of a journey, filled in.
    fn later(&self, job: &Job, trip: usize) -> Result<Request<Full<Bytes>>, Unsent> {
        let kind = &self.posts[job.post].kinds[job.request];
        let mut journeys = self.journeys.borrow_mut();
        let (warmup, nth) = (if job.arrival.warmup { "w" } else { "" }, journeys.nth(trip));
        let mut message = kind.rendered.keyed(format_args!("{warmup}{}.{nth}", job.arrival.k));
        journeys.fill(trip, &mut message)?;
        Ok(message)
    }

    /// Keeps a failed exchange, if it is one of the first.
    fn keep(
        &self,
        job: &Job,
        exchange: &mut Exchange,
        sent: impl FnOnce() -> Request<Full<Bytes>>,
    ) {
        // The warm-up is not judged, and would take the places.
        if exchange.outcome == Outcome::Ok || job.arrival.warmup {
            return;
        }
        let post = &self.posts[job.post];
        let which = Which {
            load: post.lane.index,
            request: job.request,
            due: job.arrival.due,
            zero: self.drive.zero,
        };
        let kind = &post.kinds[job.request];
        if let Some(failure) = kept::failure(kind, which, exchange, &self.drive.secrets, sent) {
            self.recorder.borrow_mut().keep(failure);
        }
    }
}
