//! From ended spans to the collector: a bounded queue and one task.
//!
//! Invariant: every ended span is counted once: exported, failed, or dropped for want of room.
//! Not here: the wire (see `collector`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::settings::Settings;
use crate::telemetry::collector::{Collector, Taken};
use crate::telemetry::metrics::Metrics;

/// Spans that may wait for their export.
const QUEUE: usize = 4_096;
/// The most spans of one export.
const BATCH: usize = 512;

/// The task that exports.
pub(super) struct Export {
    /// Taken by the one call that closes.
    closer: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Export {
    /// Starts the task.
    pub(super) fn start(
        collector: Collector,
        settings: &Settings,
        metrics: Arc<Metrics>,
    ) -> (Export, Processor) {
        let (spans, queue) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        metrics.may_export();
        let (resource, set) = oneshot::channel();
        let task =
            Task { collector, metrics: Arc::clone(&metrics), interval: settings.tracing_interval };
        let running = tokio::spawn(task.run(queue, set, stopped));
        let processor = Processor { spans, metrics, resource: Mutex::new(Some(resource)) };
        (Export { closer: Mutex::new(Some((stop, running))) }, processor)
    }

    /// Exports what waits, once, and ends the task.
    pub(super) async fn close(&self) {
        let closer = self.closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, task)) = closer {
            let _ = stop.send(());
            if let Err(error) = task.await {
                tracing::error!(function = "close", %error, "the exporter of traces ended badly");
            }
        }
    }
}

/// Takes ended spans from the tracer.
pub(super) struct Processor {
    spans: mpsc::Sender<SpanData>,
    metrics: Arc<Metrics>,
    resource: Mutex<Option<oneshot::Sender<Resource>>>,
}

impl std::fmt::Debug for Processor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processor").finish_non_exhaustive()
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            self.metrics.spans("dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        let sender = self.resource.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The task is gone only when the service is.
            let _ = sender.send(resource.clone());
        }
    }
}

struct Task {
    collector: Collector,
    metrics: Arc<Metrics>,
    interval: Duration,
}

impl Task {
    async fn run(
        mut self,
        mut spans: mpsc::Receiver<SpanData>,
        resource: oneshot::Receiver<Resource>,
        mut stop: oneshot::Receiver<()>,
    ) {
        if let Ok(resource) = resource.await {
            self.collector.of(&resource);
        }
        loop {
            let stopping = tokio::time::timeout(self.interval, &mut stop).await.is_ok();
            if stopping {
                spans.close();
            }
            loop {
                let mut batch = Vec::new();
                while batch.len() < BATCH
                    && let Ok(span) = spans.try_recv()
                {
                    batch.push(span);
                }
                if batch.is_empty() {
                    break;
                }
                self.export(batch).await;
            }
            if stopping {
                return;
            }
        }
    }

    async fn export(&self, batch: Vec<SpanData>) {
        let Taken { exported, failed, why } = self.collector.send(batch).await;
        self.metrics.spans("exported", exported);
        if failed > 0 {
            self.metrics.spans("failed", failed);
            tracing::warn!(function = "export", spans = failed, cause = why, "traces were lost");
        }
    }
}
