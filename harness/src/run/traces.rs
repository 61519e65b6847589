//! Spans of single attempts, to a collector: `--otlp`.
//!
//! Invariant: a collector that is slow or absent costs spans, never the run: what is lost is counted
//! and said.
//! Invariant: spans carry what the journal has: no header, no body, no secret.
//! Not here: which attempts have spans (`record::spans`), the wire (crate assay-backend).

use crate::clock::{self, Clock};
use crate::plan::traced::Tracing;
use crate::record::journal::Header;
use crate::record::{Batch, Span};
use assay_backend::{Call, Calls};
use assay_slo::{At, Case, Outcome};
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
    left_out: u64,
}

impl Traces {
    /// # Errors
    /// When the endpoint cannot be used.
    pub(super) fn start(otlp: &Otlp, header: &Header, clock: &Clock) -> std::io::Result<Traces> {
        let attributes = vec![
            ("service.version", crate::TOOL.to_owned()),
            ("assay.scenario", header.scenario.name.clone()),
            ("assay.run", header.run.clone()),
        ];
        let calls = Calls::start(&otlp.endpoint, "assay", attributes, PATIENCE);
        let calls = calls.map_err(|why| {
            std::io::Error::other(format!("cannot send spans to {}: {why}", otlp.endpoint))
        })?;
        let epoch = SystemTime::from(clock::wall()) - Duration::from_micros(clock.now().0);
        Ok(Traces { calls, endpoint: otlp.endpoint.clone(), epoch, left_out: 0 })
    }

    /// Takes what a generator thread handed over.
    pub(super) fn batch(&mut self, batch: &Batch, case: &Case) {
        self.left_out += batch.spans_left_out;
        for span in &batch.spans {
            self.calls.give(self.call(span, case));
        }
    }

    fn call(&self, span: &Span, case: &Case) -> Call {
        let date = |at: At| self.epoch + Duration::from_micros(at.0);
        let load = case.loads.get(span.load);
        let request = load.and_then(|load| load.requests.get(span.request));
        let text = |name: Option<&String>| name.cloned().unwrap_or_default();
        let name = text(request.map(|request| &request.name));
        let mut attributes = vec![
            ("assay.load", text(load.map(|load| &load.name))),
            ("assay.outcome", span.outcome.name().to_owned()),
            ("assay.late_us", span.begun.0.saturating_sub(span.due.0).to_string()),
        ];
        if span.status != 0 {
            attributes.push(("http.response.status_code", span.status.to_string()));
        }
        let error = (span.outcome != Outcome::Ok).then(|| span.outcome.name().to_owned());
        Call {
            trace: span.traced.trace,
            span: span.traced.span,
            name,
            start: date(span.begun),
            end: date(span.done),
            attributes,
            error,
        }
    }

    /// Sends what waits; what became of all, in a sentence.
    pub(super) async fn close(self) -> String {
        let sent = self.calls.close(PATIENCE).await;
        let lost = sent.failed + sent.dropped;
        let left_out = match self.left_out {
            0 => String::new(),
            n => format!("; {n} more had no room"),
        };
        let lost = if lost == 0 { String::new() } else { format!(", {lost} lost on the way") };
        format!("{} spans sent to {}{lost}{left_out}", sent.exported, self.endpoint)
    }
}
