//! Spans that were made elsewhere, on their way to a collector: those of a run of Assay.
//!
//! Invariant: whoever gives spans never waits: what finds no room is counted as dropped.
//! Not here: which spans there are.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Spans that may wait for their export.
const QUEUE: usize = 65_536;
/// The most spans of one export.
const BATCH: usize = 512;

/// One call that has ended.
#[derive(Debug, Clone)]
pub struct Call {
    /// The trace.
    pub trace: u128,
    /// The span.
    pub span: u64,
    /// What was called.
    pub name: String,
    /// When it began.
    pub start: SystemTime,
    /// When its end was known.
    pub end: SystemTime,
    /// What is known of it.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What became of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// The collector took them.
    pub exported: u64,
    /// It did not, or not in time.
    pub failed: u64,
    /// There was no room.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// The way to a collector, by OTLP over gRPC.
#[derive(Debug)]
pub struct Calls {
    queue: mpsc::Sender<Call>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Calls {
    /// Starts exporting to `http://HOST:PORT`, on this runtime. The collector need not be there yet.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub fn start(
        endpoint: &str,
        service: &str,
        attributes: Vec<(&'static str, String)>,
        timeout: Duration,
    ) -> Result<Calls, String> {
        let mut exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(timeout)
            .build()
            .map_err(|error| error.to_string())?;
        let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
        let resource = Resource::builder().with_service_name(service.to_owned());
        exporter.set_resource(&resource.with_attributes(attributes).build());
        let counts = Arc::new(Counts::default());
        let (queue, calls) = mpsc::channel(QUEUE);
        let task = tokio::spawn(export(exporter, calls, Arc::clone(&counts), timeout));
        Ok(Calls { queue, counts, task })
    }

    /// Takes a call, or counts it as dropped.
    pub fn give(&self, call: Call) {
        if self.queue.try_send(call).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Exports what waits, for at most so long; what became of all.
    pub async fn close(self, within: Duration) -> Sent {
        let Calls { queue, counts, task } = self;
        let left = queue.max_capacity() - queue.capacity();
        drop(queue);
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let before = get(&counts.exported) + get(&counts.failed);
        let abort = task.abort_handle();
        if tokio::time::timeout(within, task).await.is_err() {
            abort.abort();
            let done = get(&counts.exported) + get(&counts.failed) - before;
            counts.dropped.fetch_add((left as u64).saturating_sub(done), Ordering::Relaxed);
        }
        Sent {
            exported: get(&counts.exported),
            failed: get(&counts.failed),
            dropped: get(&counts.dropped),
        }
    }
}

async fn export(
    exporter: SpanExporter,
    mut calls: mpsc::Receiver<Call>,
    counts: Arc<Counts>,
    timeout: Duration,
) {
    let mut batch = Vec::new();
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        let n = batch.len() as u64;
        let spans = batch.drain(..).map(data).collect();
        let sent = tokio::time::timeout(timeout, exporter.export(spans)).await;
        let count = if matches!(sent, Ok(Ok(()))) { &counts.exported } else { &counts.failed };
        count.fetch_add(n, Ordering::Relaxed);
    }
}

fn data(call: Call) -> SpanData {
    let context = SpanContext::new(
        TraceId::from(call.trace),
        SpanId::from(call.span),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: Cow::Owned(call.name),
        start_time: call.start,
        end_time: call.end,
        attributes: call.attributes.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: call.error.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("assay").build(),
    }
}
