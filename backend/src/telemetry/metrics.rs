//! Metrics in one registry, with the platform's names and labels.
//!
//! Invariant: every declared family is updated somewhere; a test drives the API and fails on one
//! that stays empty.
//! Invariant: labels are bounded: routes by template, methods and codes by lists, machines by
//! registration.
//! Not here: what is counted from 0 on (see `births`), when a breaker changes (see `breakers`), which spans there are (see `traces`).

mod births;
mod in_progress;

use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Error, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use tokio::time::Instant;

use super::exemplars::{Exemplars, Family, Timed};
use super::format::Format;
use super::openmetrics;
use crate::resilience::{State, Statistics};
use in_progress::InProgress;

const HTTP_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const DB_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// The rules take microseconds; a scorer of another kind would take milliseconds.
const MODEL_SECONDS: [f64; 9] = [1e-5, 1e-4, 5e-4, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0];
const TENTHS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Each series of an error has its last request as exemplar, which a histogram's bucket would not keep.
const REQUESTS: Family = Family {
    name: "http_requests_total",
    help: "Requests answered.",
    labels: &["method", "endpoint", "status_code"],
};
const ERRORS: Family = Family {
    name: "errors_total",
    help: "Errors answered.",
    labels: &["error_type", "error_code"],
};

/// All families of the backend.
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    exemplars: Arc<Exemplars>,
    /// Whether what happens for every request is counted.
    on: bool,
    http_requests: IntCounterVec,
    http_duration: Timed,
    http_in_progress: IntGaugeVec,
    db_queries: IntCounterVec,
    db_duration: Timed,
    db_connections: IntGauge,
    predictions: IntCounterVec,
    prediction_duration: Timed,
    prediction_risk: Timed,
    ingested: IntCounterVec,
    duplicates: IntCounterVec,
    ingest_errors: IntCounterVec,
    ingest_duration: Timed,
    breaker_state: IntGaugeVec,
    breaker_failures: IntCounterVec,
    breaker_successes: IntCounterVec,
    breaker_transitions: IntCounterVec,
    retry_attempts: IntCounterVec,
    retry_failures: IntCounterVec,
    rate_limited: IntCounterVec,
    spans: IntCounterVec,
    predictions_unkept: IntCounter,
    errors: IntCounterVec,
    validation_errors: IntCounterVec,
    #[cfg(test)]
    declared: Vec<String>,
}

/// Registers families and remembers their names.
struct Declare<'a> {
    registry: &'a Registry,
    exemplars: Arc<Exemplars>,
    #[cfg(test)]
    names: Vec<String>,
}

impl Declare<'_> {
    fn add<C: Collector + Clone + 'static>(&mut self, made: C) -> Result<C, Error> {
        self.registry.register(Box::new(made.clone()))?;
        #[cfg(test)]
        self.names.extend(made.desc().iter().map(|d| d.fq_name.clone()));
        Ok(made)
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> Result<Timed, Error> {
        #[cfg(test)]
        self.names.push(name.to_owned());
        Timed::declare(self.registry, &self.exemplars, Family { name, help, labels }, bounds)
    }
}

impl Metrics {
    /// Declares every family in the registry.
    ///
    /// # Errors
    /// When the registry holds one of the names already.
    pub(crate) fn new(
        registry: Arc<Registry>,
        version: &str,
        environment: &str,
    ) -> Result<Metrics, Error> {
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let mut d = Declare {
            registry: &registry,
            exemplars: Arc::default(),
            #[cfg(test)]
            names: Vec::new(),
        };
        let info = d.gauge("system_info", "Constant 1.", &["version", "environment"])?;
        info.with_label_values(&[version, environment]).set(1);
        Ok(Metrics {
            http_requests: d.counter(REQUESTS.name, REQUESTS.help, REQUESTS.labels)?,
            http_duration: d.histogram(
                "http_request_duration_seconds",
                "From a request's head read to its answer made.",
                &["method", "endpoint"],
                &HTTP_SECONDS,
            )?,
            http_in_progress: d.gauge(
                "http_requests_in_progress",
                "Requests being served.",
                &["method", "endpoint"],
            )?,
            db_queries: d.counter("db_queries_total", "Statements done.", &["operation", "table"])?,
            db_duration: d.histogram(
                "db_query_duration_seconds",
                "Time of one statement.",
                &["operation", "table"],
                &DB_SECONDS,
            )?,
            db_connections: d.add(IntGauge::new(
                "db_connections_active",
                "Connections in use at the scrape.",
            )?)?,
            predictions: d.counter(
                "ml_predictions_total",
                "Predictions made.",
                &["machine_type", "model_version"],
            )?,
            prediction_duration: d.histogram(
                "ml_prediction_duration_seconds",
                "Time of one prediction.",
                &["machine_type"],
                &MODEL_SECONDS,
            )?,
            prediction_risk: d.histogram(
                "ml_prediction_risk_score",
                "Risk predicted, 0 to 1.",
                &["machine_type"],
                &TENTHS,
            )?,
            ingested: d.counter(
                "data_ingestion_total",
                "Records acknowledged, repeats included.",
                &["machine_id", "data_type"],
            )?,
            duplicates: d.counter(
                "data_ingestion_duplicates_total",
                "Samples acknowledged that were stored already.",
                &["machine_id"],
            )?,
            ingest_errors: d.counter(
                "data_ingestion_errors_total",
                "Records not acknowledged; machine_id is `unknown` where none is registered.",
                &["machine_id", "error_type"],
            )?,
            ingest_duration: d.histogram(
                "data_ingestion_duration_seconds",
                "From a body read to its commit.",
                &["data_type"],
                &HTTP_SECONDS,
            )?,
            breaker_state: d.gauge(
                "circuit_breaker_state",
                "0 closed, 1 open, 2 half-open, at the scrape.",
                &["name"],
            )?,
            breaker_failures: d.counter(
                "circuit_breaker_failures_total",
                "Calls through the breaker that failed.",
                &["name"],
            )?,
            breaker_successes: d.counter(
                "circuit_breaker_successes_total",
                "Calls through the breaker that succeeded.",
                &["name"],
            )?,
            breaker_transitions: d.counter(
                "circuit_breaker_transitions_total",
                "Changes of state.",
                &["name", "from", "to"],
            )?,
            retry_attempts: d.counter(
                "retry_attempts_total",
                "Attempts after the first.",
                &["function", "attempt_number"],
            )?,
            retry_failures: d.counter(
                "retry_failures_total",
                "Calls given up after their last attempt.",
                &["function"],
            )?,
            rate_limited: d.counter(
                "rate_limited_total",
                "Requests answered 429.",
                &["endpoint"],
            )?,
            spans: d.counter(
                "trace_spans_total",
                "Ended spans: exported, failed to export, or dropped for want of room.",
                &["outcome"],
            )?,
            predictions_unkept: d.add(IntCounter::new(
                "ml_predictions_unkept_total",
                "Predictions answered and left out of the history: the write queue was full, or the write failed.",
            )?)?,
            errors: d.counter(ERRORS.name, ERRORS.help, ERRORS.labels)?,
            validation_errors: d.counter(
                "validation_errors_total",
                "Requests refused for their content.",
                &["field", "constraint"],
            )?,
            #[cfg(test)]
            declared: d.names,
            on: true,
            exemplars: d.exemplars,
            registry: Arc::clone(&registry),
        })
    }

    /// The same, counting what happens for every request or not.
    pub(crate) fn counting(self, on: bool) -> Metrics {
        Metrics { on, ..self }
    }

    /// The names of all families, without the process collector's.
    #[cfg(test)]
    pub(crate) fn declared(&self) -> &[String] {
        &self.declared
    }

    /// The registry, for families of one kind of process.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A histogram with exemplars, for one kind of process.
    ///
    /// # Errors
    /// When the registry holds the name already.
    pub(crate) fn timed(&self, family: Family, bounds: &'static [f64]) -> Result<Timed, Error> {
        Timed::declare(&self.registry, &self.exemplars, family, bounds)
    }

    /// Marks a request as being served until the returned value is dropped.
    pub(crate) fn request(&self, method: &'static str, endpoint: &'static str) -> InProgress<'_> {
        if self.on {
            self.http_in_progress.with_label_values(&[method, endpoint]).inc();
        }
        InProgress { metrics: self, method, endpoint, started: Instant::now() }
    }

    /// Counts a statement.
    pub(crate) fn query(&self, operation: &str, table: &str, time: Duration) {
        if !self.on {
            return;
        }
        self.db_queries.with_label_values(&[operation, table]).inc();
        self.db_duration.observe(&[operation, table], time.as_secs_f64());
    }

    /// Counts a prediction.
    pub(crate) fn prediction(&self, kind: &str, version: &str, risk: f64, time: Duration) {
        if !self.on {
            return;
        }
        self.predictions.with_label_values(&[kind, version]).inc();
        self.prediction_duration.observe(&[kind], time.as_secs_f64());
        self.prediction_risk.observe(&[kind], risk);
    }

    /// Counts an acknowledged record.
    pub(crate) fn ingested(&self, machine: &str, data_type: &str, repeat: bool, time: Duration) {
        if !self.on {
            return;
        }
        let all = self.ingested.with_label_values(&[machine, data_type]);
        if all.get() == 0 {
            self.may_lose(machine);
        }
        all.inc();
        self.ingest_duration.observe(&[data_type], time.as_secs_f64());
        if repeat {
            self.duplicates.with_label_values(&[machine]).inc();
        }
    }

    /// Counts a record that was not acknowledged.
    pub(crate) fn ingest_error(&self, machine: &str, error_type: &str) {
        self.ingest_errors.with_label_values(&[machine, error_type]).inc();
    }

    /// Counts a retry: the attempt with this number, from 2, follows.
    pub(crate) fn retry(&self, function: &str, attempt: u32) {
        self.retry_attempts.with_label_values(&[function, &attempt.to_string()]).inc();
    }

    /// Counts a call that failed for good.
    pub(crate) fn gave_up(&self, function: &str) {
        self.retry_failures.with_label_values(&[function]).inc();
    }

    /// Counts a breaker's change.
    pub(crate) fn transition(&self, name: &str, from: &str, to: &str) {
        self.breaker_transitions.with_label_values(&[name, from, to]).inc();
    }

    /// Brings a breaker's state and counts up to date.
    pub(crate) fn breaker(&self, name: &str, state: State, counts: &Statistics) {
        self.may_change(name);
        self.breaker_state.with_label_values(&[name]).set(i64::from(state.code()));
        let raise = |counter: &IntCounterVec, to: u64| {
            let counter = counter.with_label_values(&[name]);
            counter.inc_by(to.saturating_sub(counter.get()));
        };
        raise(&self.breaker_failures, counts.failures);
        raise(&self.breaker_successes, counts.successes);
    }

    /// Counts a request answered 429.
    pub(crate) fn rate_limited(&self, endpoint: &str) {
        self.rate_limited.with_label_values(&[endpoint]).inc();
    }

    /// Counts ended spans.
    pub(crate) fn spans(&self, outcome: &str, count: u64) {
        self.spans.with_label_values(&[outcome]).inc_by(count);
    }

    /// Counts a prediction that its history does not have.
    pub(crate) fn prediction_unkept(&self) {
        self.predictions_unkept.inc();
    }

    /// Counts an error answer. It is an exemplar only if it has a line in the log: whoever follows one
    /// shall find it there.
    pub(crate) fn error(&self, error_type: &str, error_code: &str, logged: bool) {
        let values = [error_type, error_code];
        self.errors.with_label_values(&values).inc();
        if logged {
            self.exemplars.keep(&ERRORS, &values, 0, 1.0);
        }
    }

    /// Counts a request refused for its content.
    pub(crate) fn validation_error(&self, field: &str, constraint: &str) {
        self.validation_errors.with_label_values(&[field, constraint]).inc();
    }

    /// All families as text.
    ///
    /// # Errors
    /// When a family cannot be written.
    pub(crate) fn text(&self, format: Format, connections: usize) -> Result<String, Error> {
        self.db_connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        let families = self.registry.gather();
        match format {
            Format::Plain => TextEncoder::new().encode_to_string(&families),
            Format::Open => Ok(openmetrics::text(&families, &self.exemplars)),
        }
    }
}
