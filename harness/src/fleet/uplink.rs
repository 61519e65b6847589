//! A gateway's way to the far end: connections, retries, breaker, and the record of each attempt.
//!
//! Invariant: every attempt and every rejection is recorded once; what is dropped half-way is
//! recorded as cut.
//! Invariant: no lock is held while anything is awaited.
//! Not here: which sample is sent when (`gateway`, `driver`).

use super::ledger::Account;
use super::log::Log;
use super::message::{Kind, Messages};
use super::shared::lock;
use crate::client::render::TRACEPARENT;
use crate::client::{Connection, Exchange, attempt};
use crate::clock::Clock;
use crate::plan::traced::Traced;
use crate::record::{Finished, Recorder};
use assay_backend::resilience::{Attempt, CallError, Policy, Verdict};
use assay_backend::{DeviceTelemetry, Sending};
use assay_slo::{At, Outcome};
use hyper::header::HeaderValue;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What all gateways of one fleet share.
#[derive(Debug, Clone)]
pub(super) struct Ties {
    /// Index into the fleets.
    pub(super) fleet: usize,
    /// Index into the loads.
    pub(super) load: usize,
    pub(super) clock: Clock,
    pub(super) messages: Arc<Messages>,
    pub(super) account: Arc<Mutex<Account>>,
    pub(super) recorder: Arc<Mutex<Recorder>>,
    pub(super) log: Arc<Mutex<Log>>,
    /// Whether single attempts are listed.
    pub(super) attempts: bool,
    /// Who is told of each sample as it is sent.
    pub(super) told: Option<Arc<DeviceTelemetry>>,
}

/// One sample, or the features after one, on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) kind: Kind,
    /// The device's number in the fleet.
    pub(super) device: u64,
    /// Its number in the gateway.
    pub(super) place: usize,
    pub(super) sample: u64,
    /// Attempts before.
    pub(super) before: u64,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landed {
    Delivered,
    /// Given up or rejected, after so many attempts.
    Failed(u64),
}

/// One gateway's way.
pub(super) struct Uplink {
    ties: Ties,
    gateway: u32,
    policy: Policy,
    idle: Mutex<Vec<Connection>>,
}

impl Uplink {
    pub(super) fn new(ties: Ties, gateway: u32, policy: Policy) -> Uplink {
        Uplink { ties, gateway, policy, idle: Mutex::default() }
    }

    pub(super) fn ties(&self) -> &Ties {
        &self.ties
    }

    /// Attempts a job until it need not be repeated.
    pub(super) async fn deliver(self: Arc<Self>, job: Job) -> (Job, Landed) {
        let made = AtomicU64::new(0);
        let devices = self.ties.messages.devices();
        let told = self.ties.told.as_deref();
        let sending = told.map(|told| told.sending(&devices.name(job.device), job.sample));
        let carried = sending.as_ref();
        let op = |attempt: Attempt| {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            let uplink = Arc::clone(&self);
            async move {
                let number = job.before + number;
                Ok(uplink.attempt(job, number, attempt.trial, carried).await)
            }
        };
        let ended = self.policy.call(op, classify).await;
        if let Some(sending) = sending {
            let outcome = ended.as_ref().map_or(Outcome::FastFail, |outcome| *outcome);
            let attempts = job.before + made.load(Ordering::Relaxed);
            sending.ended(outcome.name(), outcome == Outcome::Ok, attempts);
        }
        let landed = match ended {
            Ok(Outcome::Ok) => Landed::Delivered,
            Ok(_) => Landed::Failed(made.load(Ordering::Relaxed)),
            Err(CallError::Rejected { .. }) => {
                self.rejected(job);
                Landed::Failed(made.load(Ordering::Relaxed))
            }
            // Neither can be: attempts end with an outcome, and have their own timeout.
            Err(CallError::Timeout(_)) => Landed::Failed(made.load(Ordering::Relaxed)),
            Err(CallError::Failed(never)) => match never {},
        };
        (job, landed)
    }

    async fn attempt(
        self: Arc<Self>,
        job: Job,
        number: u64,
        trial: bool,
        sending: Option<&Sending<'_>>,
    ) -> Outcome {
        let clock = self.ties.clock;
        let (mut request, limits) =
            self.ties.messages.request(job.kind, job.device, job.sample, number);
        if let Some(sending) = sending {
            sending.begins(number);
            let value = sending.traceparent().and_then(|text| HeaderValue::try_from(text).ok());
            request.headers_mut().extend(value.map(|value| (TRACEPARENT, value)));
        }
        let kept = lock(&self.idle).pop();
        let traced = self.ties.messages.traced(job.kind, job.device, job.sample, number);
        let mut flight = Flight { uplink: &self, job, trial, traced, begun: None, over: false };
        let began = |at| flight.began(at);
        let (exchange, connection) = attempt(&clock, limits, kept, request, began).await;
        if let Some(connection) = connection {
            lock(&self.idle).push(connection);
        }
        let outcome = exchange.outcome;
        if let Some(sending) = sending {
            let begun = exchange.begun.unwrap_or(exchange.done);
            let us = exchange.done.0.saturating_sub(begun.0);
            sending.attempted(outcome.name(), Duration::from_micros(us));
        }
        flight.ended(exchange);
        outcome
    }

    fn rejected(&self, job: Job) {
        let now = self.ties.clock.now();
        lock(&self.ties.recorder).due(self.ties.load, now);
        self.record(job, false, None, &Exchange::unanswered(now, now, Outcome::FastFail));
    }

    /// Writes down one attempt, or one that was not to be.
    fn record(&self, job: Job, trial: bool, traced: Option<Traced>, exchange: &Exchange) {
        let Ties { load, fleet, messages, .. } = &self.ties;
        let Exchange { done, outcome, .. } = *exchange;
        let begun = exchange.begun.unwrap_or(done);
        let rejected = outcome == Outcome::FastFail;
        {
            let mut recorder = lock(&self.ties.recorder);
            let finished = Finished {
                load: *load,
                request: usize::from(job.kind == Kind::Features),
                due: begun,
                begun: exchange.begun.filter(|_| !rejected),
                first_byte: exchange.first_byte,
                done,
                blocked_us: None,
                away_us: 0,
                outcome,
                status: exchange.status,
                headers: exchange.headers.as_ref(),
                idle_reset: exchange.idle_reset,
                refused: exchange.refused,
            };
            recorder.finished(&finished);
            recorder.traced(traced, &finished);
            if let Some(text) = &exchange.finding {
                recorder.finding(text.clone());
            }
        }
        if job.kind == Kind::Sample {
            let age_us = done.0.saturating_sub(messages.due(job.device, job.sample).0);
            let device = usize::try_from(job.device).unwrap_or(usize::MAX);
            let mut account = lock(&self.ties.account);
            account.tried(device, job.sample, outcome, age_us);
            if outcome == Outcome::Ok {
                account.acknowledged(device, job.sample, age_us);
            }
        }
        if self.ties.attempts && exchange.begun.is_some() {
            let attempt = assay_slo::event::Attempt { begun, done, outcome, trial };
            lock(&self.ties.log).attempt(*fleet, self.gateway, attempt);
        }
    }
}

/// What an outcome says of the far end: 4xx comes from a far end that works, 429 and what this
/// machine could not send say nothing.
fn classify(ended: &Result<Outcome, Infallible>) -> Verdict {
    match ended {
        Ok(Outcome::Ok | Outcome::Http4xx) => Verdict::Success,
        Ok(Outcome::Http429 | Outcome::NotSent | Outcome::Cut | Outcome::FastFail) => {
            Verdict::Neutral
        }
        Ok(
            Outcome::Http5xx
            | Outcome::Timeout
            | Outcome::ConnectError
            | Outcome::ProtocolError
            | Outcome::CheckFailed,
        ) => Verdict::Failure { retry: true },
        Err(never) => match *never {},
    }
}

/// An attempt under way; dropped before its end it is recorded as cut.
struct Flight<'a> {
    uplink: &'a Uplink,
    job: Job,
    trial: bool,
    traced: Option<Traced>,
    begun: Option<At>,
    over: bool,
}

impl Flight<'_> {
    fn began(&mut self, at: At) {
        // A kept connection that was found closed begins twice, but is one attempt.
        if self.begun.replace(at).is_none() {
            let load = self.uplink.ties.load;
            let mut recorder = lock(&self.uplink.ties.recorder);
            recorder.due(load, at);
            recorder.begun(load, at, 0, false);
        }
    }

    fn ended(mut self, exchange: Exchange) {
        self.over = true;
        if self.begun.is_none() {
            lock(&self.uplink.ties.recorder).due(self.uplink.ties.load, exchange.done);
        }
        let traced = self.traced.take();
        self.uplink.record(self.job, self.trial, traced, &exchange);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.over
            && let Some(begun) = self.begun
        {
            let now = self.uplink.ties.clock.now();
            self.uplink.record(
                self.job,
                self.trial,
                self.traced.take(),
                &Exchange::unanswered(begun, now, Outcome::Cut),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_verdict_and_only_what_failed_is_tried_again() {
        for outcome in Outcome::ALL {
            let expected = match outcome.name() {
                "ok" | "http_4xx" => Verdict::Success,
                "http_429" | "fast_fail" | "not_sent" | "cut" => Verdict::Neutral,
                _ => Verdict::Failure { retry: true },
            };
            assert_eq!(classify(&Ok(outcome)), expected, "{outcome:?}");
        }
    }
}
