//! Spans of single attempts, to a collector: `--otlp`.
//!
//! Invariant: a collector that is slow or absent costs spans, never the run: what is lost is counted
//! and said.
//! Invariant: spans carry what the journal could have: no header but the request's id, no body, no secret.
//! Not here: which attempts may have spans (`record::spans`), the wire (crate assay-backend).

mod called;
mod slowest;

use super::stage::Stage;
use crate::clock::{self, Clock};
use crate::plan::Plan;
use crate::plan::traced::Tracing;
use crate::record::journal::Header;
use crate::record::{Batch, Span};
use assay_backend::{Call, Calls, KeyValue};
use assay_slo::{At, Case, Outcome};
use called::Called;
use slowest::Slowest;
use std::time::{Duration, SystemTime};

/// How long one sending may take, and the last at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans go, and how many.
#[derive(Debug, Clone)]
pub struct Otlp {
    /// `http://HOST:PORT` of a collector that speaks OTLP over gRPC.
    pub endpoint: String,
    /// Which requests are sampled.
    pub tracing: Tracing,
}

/// A run's spans on their way.
#[derive(Debug)]
pub(super) struct Traces {
    calls: Calls,
    endpoint: String,
    /// The date of the clock's epoch.
    epoch: SystemTime,
    called: Called,
    slowest: Slowest,
    left_out: u64,
}

impl Traces {
    /// # Errors
    /// When the endpoint cannot be used.
    pub(super) fn start(otlp: &Otlp, header: &Header, clock: &Clock) -> std::io::Result<Traces> {
        let attributes = vec![
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", header.run.clone()),
            ("assay.scenario", header.scenario.name.clone()),
            ("assay.run", header.run.clone()),
        ];
        let calls = Calls::start(&otlp.endpoint, "assay", attributes, PATIENCE);
        let calls = calls.map_err(|why| {
            std::io::Error::other(format!("cannot send spans to {}: {why}", otlp.endpoint))
        })?;
        let epoch = SystemTime::from(clock::wall()) - Duration::from_micros(clock.now().0);
        Ok(Traces {
            calls,
            endpoint: otlp.endpoint.clone(),
            epoch,
            called: Called::new(),
            slowest: Slowest::default(),
            left_out: 0,
        })
    }

    /// Learns where requests go.
    ///
    /// # Errors
    /// A sentence, if something has no address.
    pub(super) fn aim(&mut self, plan: &Plan, stage: &Stage) -> Result<(), String> {
        self.called = called::of(plan, stage)?;
        Ok(())
    }

    /// Takes what a generator thread handed over.
    pub(super) fn batch(&mut self, batch: &Batch, case: &Case) {
        self.left_out += batch.spans_left_out;
        for cell in batch.cells.iter().filter(|cell| cell.outcome == Outcome::Ok) {
            self.slowest.ended(cell.load, cell.request, cell.n);
        }
        for span in &batch.spans {
            if span.is_only_slow() {
                self.slowest.offer(span);
            } else {
                self.calls.give(self.call(span, case));
            }
        }
        for span in self.slowest.take() {
            self.calls.give(self.call(&span, case));
        }
    }

    fn call(&self, span: &Span, case: &Case) -> Call {
        let date = |at: At| self.epoch + Duration::from_micros(at.0);
        let load = case.loads.get(span.load);
        let request = load.and_then(|load| load.requests.get(span.request));
        let text = |name: Option<&String>| name.cloned().unwrap_or_default();
        let name = text(request.map(|request| &request.name));
        let late_us = span.begun.0.saturating_sub(span.due.0);
        let mut attributes = vec![
            KeyValue::new("assay.load", text(load.map(|load| &load.name))),
            KeyValue::new("assay.outcome", span.outcome.name()),
            KeyValue::new("assay.late_us", i64::try_from(late_us).unwrap_or(i64::MAX)),
            KeyValue::new("request_id", span.traced.id.to_string()),
        ];
        attributes
            .extend(self.called.get(&(span.load, span.request)).into_iter().flatten().cloned());
        if span.status != 0 {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(span.status)));
        }
        let failed = span.outcome != Outcome::Ok;
        if failed {
            // OpenTelemetry's word for it: the status, where that is what is wrong.
            let by_status =
                matches!(span.outcome, Outcome::Http5xx | Outcome::Http4xx | Outcome::Http429);
            let kind = if by_status { span.status.to_string() } else { span.outcome.name().into() };
            attributes.push(KeyValue::new("error.type", kind));
        }
        Call {
            trace: span.traced.trace,
            span: span.traced.span,
            name,
            start: date(span.begun),
            end: date(span.done),
            attributes,
            error: failed.then(|| span.outcome.name().to_owned()),
        }
    }

    /// Sends what waits; what became of all, in a sentence.
    ///
    /// # Errors
    /// The sentence, where some did not arrive.
    pub(super) async fn close(mut self, case: &Case) -> Result<String, String> {
        for span in std::mem::take(&mut self.slowest).rest() {
            self.calls.give(self.call(&span, case));
        }
        let sent = self.calls.close(PATIENCE).await;
        let lost = sent.failed + sent.dropped;
        let said = format!("{} spans sent to {}", sent.exported, self.endpoint);
        let left_out = match self.left_out {
            0 => String::new(),
            n => format!("; {n} more had no room"),
        };
        match lost {
            0 if self.left_out == 0 => Ok(said),
            0 => Err(format!("{said}{left_out}")),
            lost => Err(format!("{said}, {lost} lost on the way: {}{left_out}", sent.why)),
        }
    }
}
