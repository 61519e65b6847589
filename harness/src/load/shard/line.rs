//! The attempts of a thread whose requests change, or go over TLS or HTTP/2: filled in, sent, heard.
//!
//! Not here: connections (`client`), fixed requests over HTTP/1.1 (`lean`).

use super::{Job, Shard};
use crate::client::{Connection, Exchange, converse};
use crate::load::fill::{self, Asks, Unsent};
use crate::load::kept::{self, Which};
use crate::plan::traced::Traced;
use assay_slo::Outcome;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

impl Shard {
    /// Makes the attempt of a job, on the connection that it was given or on a new one.
    pub(super) async fn exchange(
        &self,
        job: &Job,
        kept: Option<Connection>,
    ) -> (Exchange, Option<Connection>) {
        let post = &self.posts[job.post];
        let kind = &post.kinds[job.request];
        let (clock, arrival) = (&self.drive.clock, job.arrival);
        if job.trip.is_none() && self.drive.tracing.is_some() {
            let warmup = if arrival.warmup { "w" } else { "" };
            self.traced(job, kind.rendered.traced(format_args!("{warmup}{}", arrival.k)));
        }
        let began = |at| self.began(job.id, at);
        let message = match job.trip {
            Some(trip) => self.later(job, trip),
            None => self.alone(job),
        };
        let (message, asks) = match message {
            Ok(filled) => filled,
            Err(why) => {
                let finding = Some(format!("a request was not sent: {why}"));
                return (Exchange { finding, ..Exchange::not_sent(clock.now()) }, kept);
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
        exchange.excuse(limits.timeout_us, self.pulse.between(exchange.begun, exchange.done));
        match (job.trip, &kind.dynamic) {
            (Some(trip), _) => self.journeys.borrow_mut().hear(trip, &mut exchange),
            (None, Some(dynamic)) => {
                fill::hear(dynamic, &asks, &mut exchange);
            }
            (None, None) => {}
        }
        let sent = || kind.rendered.request(arrival.k, arrival.warmup);
        self.keep(job, &mut exchange, || copy.unwrap_or_else(sent));
        (exchange, back)
    }

    /// A request that knows nothing of others, filled in, and what its answer must be.
    fn alone(&self, job: &Job) -> Result<(Request<Full<Bytes>>, Asks), Unsent> {
        let post = &self.posts[job.post];
        let (kind, lane) = (&post.kinds[job.request], &post.lane);
        let (k, warmup) = (job.arrival.k, job.arrival.warmup);
        let mut message = kind.rendered.request(k, warmup);
        let mut asks = None;
        if let Some(dynamic) = &kind.dynamic {
            let filling = fill::alone(lane.seed, &lane.name, &lane.turns, k, warmup);
            asks = fill::fill(dynamic, &filling, &mut message)?;
        }
        Ok((message, asks))
    }

    /// A request of a journey, filled in; what its answer must be, the journey knows.
    fn later(&self, job: &Job, trip: usize) -> Result<(Request<Full<Bytes>>, Asks), Unsent> {
        let kind = &self.posts[job.post].kinds[job.request];
        let mut journeys = self.journeys.borrow_mut();
        let (warmup, nth) = (if job.arrival.warmup { "w" } else { "" }, journeys.nth(trip));
        let mut message = kind.rendered.keyed(format_args!("{warmup}{}.{nth}", job.arrival.k));
        self.traced(job, kind.rendered.traced(format_args!("{warmup}{}.{nth}", job.arrival.k)));
        journeys.fill(trip, &mut message)?;
        Ok((message, None))
    }

    fn traced(&self, job: &Job, traced: Option<Traced>) {
        if traced.is_some()
            && let Some(flight) = self.flights.borrow_mut().get_mut(job.id)
        {
            flight.traced = traced;
        }
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
