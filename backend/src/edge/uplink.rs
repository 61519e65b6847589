//! The way to the backend: one item, through timeout, retry and circuit breaker.
//!
//! Invariant: while the backend has asked to be left alone (429 with Retry-After) nothing is sent.
//! Invariant: every attempt of an item has an id of its own, and all are in the trace of the request
//! that brought it.
//! Invariant: only an answer about the item itself loses it (400, 413, 422), and that is told, with its
//! machine and its number. Whatever else is no 2xx, a wrong address and a missing permission too, is
//! a failure of the way.
//! Not here: what is sent when (see `courier`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use tokio::time::Instant;

use super::{Item, Kind};
use crate::calls;
use crate::resilience::{Attempt, Breaker, CallError, Policy, Verdict};
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::telemetry::logs::Flood;
use crate::telemetry::traces::Kind as SpanKind;

/// The operation's name in metrics and spans.
const FUNCTION: &str = "edge.deliver";

/// The longest that one answer can silence the edge.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landed {
    Delivered,
    /// The backend will never take it.
    Refused,
    /// Given up for now, after so many attempts.
    Failed(u64),
}

pub(super) struct Uplink {
    client: reqwest::Client,
    base: String,
    policy: Policy,
    telemetry: Arc<Telemetry>,
    flood: Flood,
    /// Until when the backend wants nothing.
    quiet: Mutex<Option<Instant>>,
}

impl Uplink {
    /// # Errors
    /// Without a backend, with settings that do not fit together, or where no client can be made.
    pub(super) fn new(
        settings: &Settings,
        breaker: Breaker,
        telemetry: Arc<Telemetry>,
    ) -> Result<Uplink, String> {
        let base = settings.edge_backend.clone().ok_or("EDGE_BACKEND_URL: names no backend")?;
        let client = calls::client(settings)?;
        let hears = Arc::clone(&telemetry);
        let retry = settings.retry().map_err(|error| error.to_string())?;
        hears.metrics.may_retry(FUNCTION, retry.attempts());
        hears.metrics.may_tell("refused", "edge_refused");
        let policy = Policy::new()
            .with_breaker(breaker)
            .with_retry(retry, 0)
            .with_on_retry(move |retrying| hears.metrics.retry(FUNCTION, retrying.attempt + 1));
        let (flood, quiet) = (Flood::default(), Mutex::default());
        Ok(Uplink { client, base, policy, telemetry, flood, quiet })
    }

    /// Sends an item that was attempted so many times before, until it need not be repeated.
    pub(super) async fn deliver(&self, item: Arc<Item>, before: u64) -> Landed {
        item.context().scope(self.attempts(&item, before)).await
    }

    async fn attempts(&self, item: &Item, before: u64) -> Landed {
        let quiet = *self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if quiet.is_some_and(|until| Instant::now() < until) {
            return Landed::Failed(0);
        }
        let made = AtomicU64::new(0);
        let operation = |_: Attempt| {
            let number = before + made.fetch_add(1, Ordering::Relaxed) + 1;
            self.attempt(item, number)
        };
        let classify = |result: &Result<u16, String>| match result {
            // Whoever refuses an item works.
            Ok(200..=299 | 400 | 413 | 422) => Verdict::Success,
            Ok(429) => Verdict::Neutral,
            Ok(_) | Err(_) => Verdict::Failure { retry: true },
        };
        let called = self.policy.call(operation, classify).await;
        let failed = Landed::Failed(made.load(Ordering::Relaxed));
        let why = match called {
            Ok(200..=299) => {
                tracing::debug!(function = "deliver", data_type = item.kind.name(), "delivered");
                return Landed::Delivered;
            }
            Ok(status @ (400 | 413 | 422)) => {
                self.telemetry.metrics.error("refused", "edge_refused", true);
                tracing::error!(
                    function = "deliver",
                    error_type = "refused",
                    error_code = "edge_refused",
                    status_code = status,
                    data_type = item.kind.name(),
                    "the backend refuses this item for good: it is lost"
                );
                return Landed::Refused;
            }
            Ok(status) => format!("status {status}"),
            // The breaker's change was logged; each rejection is not worth a line.
            Err(CallError::Rejected { .. }) => return failed,
            Err(CallError::Failed(why)) => why,
            Err(CallError::Timeout(expired)) => expired.to_string(),
        };
        self.telemetry.metrics.gave_up(FUNCTION);
        let admitted = self.flood.admit("deliver", Instant::now());
        let logged = admitted.is_some();
        self.telemetry.metrics.error("external", "external_service_error", logged);
        if let Some(suppressed) = admitted {
            tracing::warn!(
                function = "deliver",
                error_type = "external",
                error_code = "external_service_error",
                cause = why,
                suppressed,
                "the backend does not take this item: it waits in the outbox"
            );
        }
        failed
    }

    async fn attempt(&self, item: &Item, number: u64) -> Result<u16, String> {
        let span = self.telemetry.traces.span(FUNCTION, SpanKind::Client);
        span.set("attempt", i64::try_from(number).unwrap_or(i64::MAX));
        span.set("machine_id", item.machine.to_string());
        if let Some(number) = item.number {
            span.set("sample_number", number);
        }
        let path = match item.kind {
            Kind::Sample => "raw",
            Kind::Features => "features",
        };
        // With the attempt in it: whoever breaks a share of requests by their ids must not break
        // one item for ever. Features come with the request of their last sample.
        let mark = if item.kind == Kind::Features { "f" } else { "e" };
        let url = format!("{}/ingest/{path}", self.base);
        span.asks("POST", &url);
        let request = self
            .client
            .post(url)
            .headers(span.headers())
            .header("x-request-id", format!("{}-{mark}{number}", item.request_id))
            .header(CONTENT_TYPE, "application/json")
            .body(item.body.clone());
        let answered = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
            if status == 429
                && let Some(seconds) = wait.and_then(|wait| wait.parse().ok())
            {
                let until = Instant::now() + Duration::from_secs(seconds).min(LONGEST_WAIT);
                *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            }
            // To the end: the connection is used again.
            answer.bytes().await?;
            Ok::<_, reqwest::Error>(status)
        };
        match answered.await {
            Ok(status) => {
                span.set("http.response.status_code", i64::from(status));
                if !(200..=299).contains(&status) {
                    let cause = format!("status {status}");
                    span.fail(status.to_string(), &cause);
                    self.telemetry.attempt_failed(FUNCTION, number, &cause);
                }
                Ok(status)
            }
            Err(error) => {
                let why = error.without_url().to_string();
                span.fail("unanswered", &why);
                self.telemetry.attempt_failed(FUNCTION, number, &why);
                Err(why)
            }
        }
    }
}
