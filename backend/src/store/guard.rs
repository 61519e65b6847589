//! The store behind timeout, retry and circuit breakers.
//!
//! Writing and reading have a breaker each: a database that is locked for writing, or full, reads as
//! ever, and each read that goes well would set the count of failures to zero.
//!
//! Each attempt asks its breaker and counts. What is retried is what failed for certain or may be
//! repeated without harm: numbered samples, reads.
//!
//! Invariant: while a breaker is open the database is not asked that; the answer is immediate.
//! Invariant: nothing is written twice by a retry that was not sent twice by its client.
//! Not here: time limits of single attempts; the store has them itself, by what they limit.

use std::sync::Arc;

use super::{Answer, Burned, Named, Predicted, Record, SamplePage, Store, StoreError, Written};
use crate::machine::MachineId;
use crate::resilience::{Breaker, CallError, Policy, RetrySettings, Verdict};
use crate::telemetry::Telemetry;
use crate::telemetry::traces::Kind;

/// The name of the breaker for writing in metrics, logs and `/health`.
pub(crate) const BREAKER: &str = "database";
/// The name of the one for reading.
pub(crate) const READ_BREAKER: &str = "database-read";

/// A store that is asked only while it answers.
pub(crate) struct Guarded {
    inner: Arc<dyn Store>,
    insert: Way,
    select: Way,
    named: Named,
    telemetry: Arc<Telemetry>,
}

/// How one kind of operation goes to the database.
struct Way {
    /// The operation's name in metrics and spans.
    function: &'static str,
    /// The statement, as spans have it.
    statement: &'static str,
    breaker: Breaker,
    policy: Policy,
}

impl Guarded {
    /// Guards a store, which spans name so, with these breakers, for writing and for reading, and these retries; attempts
    /// are counted in `telemetry`.
    pub(crate) fn new(
        (inner, named): (Arc<dyn Store>, Named),
        (writing, reading): (Breaker, Breaker),
        retry: RetrySettings,
        telemetry: Arc<Telemetry>,
    ) -> Guarded {
        let way = |function: &'static str, statement: &'static str, breaker: Breaker| {
            let hears = Arc::clone(&telemetry);
            hears.metrics.may_retry(function, retry.attempts());
            let policy = Policy::new()
                .with_breaker(breaker.clone())
                .with_retry(retry, 0)
                .with_on_retry(move |retrying| hears.metrics.retry(function, retrying.attempt + 1));
            Way { function, statement, breaker, policy }
        };
        Guarded {
            insert: way("db.insert_samples", "INSERT", writing),
            select: way("db.select", "SELECT", reading),
            inner,
            named,
            telemetry,
        }
    }

    async fn call<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        way: &Way,
        repeatable: bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        let function = way.function;
        let operation = |about: crate::resilience::Attempt| {
            let span = self.telemetry.traces.span(function, Kind::Client);
            span.set("attempt", i64::from(about.number));
            span.set("db.system.name", self.named.system);
            span.set("db.operation.name", way.statement);
            if let Some((host, port)) = &self.named.server {
                span.set("server.address", host.clone());
                span.set("server.port", i64::from(*port));
            }
            let attempt = attempt();
            async move {
                let result = attempt.await;
                if let Err(error) = &result {
                    let cause = error.to_string();
                    span.fail(error.kind(), &cause);
                    self.telemetry.attempt_failed(function, about.number.into(), &cause);
                }
                result
            }
        };
        let classify = |result: &Result<T, StoreError>| match result {
            Ok(_) => Verdict::Success,
            // Stopping says nothing about the database.
            Err(StoreError::Closed) => Verdict::Neutral,
            // It may have been stored all the same.
            Err(StoreError::Timeout) => Verdict::Failure { retry: repeatable },
            // Waiting again in a full queue makes it longer.
            Err(StoreError::Busy) => Verdict::Failure { retry: false },
            Err(_) => Verdict::Failure { retry: repeatable },
        };
        let result = way.policy.call(operation, classify).await;
        let error = match result {
            Ok(value) => return Ok(value),
            Err(CallError::Rejected { retry_after }) => {
                StoreError::Open { retry_after: way.breaker.ask_again(retry_after) }
            }
            Err(CallError::Failed(error)) => error,
            Err(CallError::Timeout(_)) => StoreError::Timeout,
        };
        if !matches!(error, StoreError::Closed | StoreError::Open { .. }) {
            self.telemetry.metrics.gave_up(function);
        }
        Err(error)
    }
}

impl Store for Guarded {
    fn write(&self, records: Arc<[Record]>) -> Answer<'_, Result<Vec<Written>, StoreError>> {
        let repeatable = records.iter().all(Record::is_idempotent);
        Box::pin(
            self.call(&self.insert, repeatable, move || self.inner.write(Arc::clone(&records))),
        )
    }

    fn note(&self, record: Record) -> bool {
        self.inner.note(record)
    }

    fn samples<'a>(
        &'a self,
        machine: &'a MachineId,
        after: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Result<SamplePage, StoreError>> {
        let read = move || self.inner.samples(machine, after, limit);
        Box::pin(self.call(&self.select, true, read))
    }

    fn predictions<'a>(
        &'a self,
        machine: &'a MachineId,
        limit: u32,
    ) -> Answer<'a, Result<Vec<Predicted>, StoreError>> {
        let read = move || self.inner.predictions(machine, limit);
        Box::pin(self.call(&self.select, true, read))
    }

    fn burned<'a>(
        &'a self,
        machine: &'a MachineId,
        limit: u32,
    ) -> Answer<'a, Result<Vec<Burned>, StoreError>> {
        let read = move || self.inner.burned(machine, limit);
        Box::pin(self.call(&self.select, true, read))
    }

    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    fn connections_active(&self) -> usize {
        self.inner.connections_active()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.inner.close()
    }
}
