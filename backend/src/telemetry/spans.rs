//! Spans that were made elsewhere, on their way to a collector: those of a run of Assay.
//!
//! Invariant: whoever gives spans never waits.
//! Invariant: every span given is counted once: exported, failed, or dropped.
//! Not here: which spans there are.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::collector::{Collector, Taken};

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
    pub attributes: Vec<KeyValue>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What became of spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// The collector took them.
    pub exported: u64,
    /// It did not, or not in time.
    pub failed: u64,
    /// There was no room, or no time to send it.
    pub dropped: u64,
    /// Why some are not exported: the first cause. Empty where all are.
    pub why: String,
}

#[derive(Debug, Default)]
struct Counts {
    given: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
    why: Mutex<Option<String>>,
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
        let mut collector = Collector::new(endpoint, timeout)?;
        let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
        let resource = Resource::builder().with_service_name(service.to_owned());
        collector.of(&resource.with_attributes(attributes).build());
        let counts = Arc::new(Counts::default());
        let (queue, calls) = mpsc::channel(QUEUE);
        let task = tokio::spawn(export(collector, calls, Arc::clone(&counts)));
        Ok(Calls { queue, counts, task })
    }

    /// Takes a call, if there is room.
    pub fn give(&self, call: Call) {
        self.counts.given.fetch_add(1, Ordering::Relaxed);
        // What comes to nothing is given and neither exported nor failed.
        let _ = self.queue.try_send(call);
    }

    /// Exports what waits, for at most so long; what became of all.
    pub async fn close(self, within: Duration) -> Sent {
        let Calls { queue, counts, mut task } = self;
        drop(queue);
        let late = tokio::time::timeout(within, &mut task).await.is_err();
        if late {
            task.abort();
            // Nothing is counted from here on.
            let _ = task.await;
        }
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (exported, failed) = (get(&counts.exported), get(&counts.failed));
        let dropped = get(&counts.given).saturating_sub(exported + failed);
        let known = counts.why.lock().unwrap_or_else(PoisonError::into_inner).take();
        let why = known.unwrap_or_else(|| match (failed + dropped, late) {
            (0, _) => String::new(),
            (_, true) => format!("no answer within {} s of the end", within.as_secs_f32()),
            (_, false) => format!("more than {QUEUE} waited at once"),
        });
        Sent { exported, failed, dropped, why }
    }
}

async fn export(collector: Collector, mut calls: mpsc::Receiver<Call>, counts: Arc<Counts>) {
    let mut batch = Vec::new();
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        let spans = batch.drain(..).map(data).collect();
        let Taken { exported, failed, why } = collector.send(spans).await;
        if failed > 0 {
            counts.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        }
        counts.exported.fetch_add(exported, Ordering::Relaxed);
        counts.failed.fetch_add(failed, Ordering::Relaxed);
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
        attributes: call.attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: call.error.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("assay").build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(span: u64) -> Call {
        let now = SystemTime::UNIX_EPOCH;
        Call {
            trace: 1,
            span,
            name: "look".to_owned(),
            start: now,
            end: now,
            attributes: vec![],
            error: None,
        }
    }

    #[tokio::test]
    async fn what_a_silent_collector_was_sent_is_lost_with_what_waited() {
        // It accepts connections, being listened on, and says nothing.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let calls = Calls::start(&endpoint, "x", vec![], Duration::from_secs(60)).unwrap();
        let all = BATCH as u64 + 88;
        for span in 1..=all {
            calls.give(call(span));
        }
        // The first batch is on its way.
        while calls.queue.max_capacity() - calls.queue.capacity() != 88 {
            tokio::task::yield_now().await;
        }
        let sent = calls.close(Duration::from_millis(50)).await;
        let why = "no answer within 0.05 s of the end".to_owned();
        assert_eq!(sent, Sent { exported: 0, failed: 0, dropped: all, why });
    }

    #[tokio::test]
    async fn what_is_refused_has_failed_and_what_finds_no_room_is_dropped() {
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let calls = Calls::start(&endpoint, "x", vec![], Duration::from_millis(100)).unwrap();
        // The one thread of this test exports nothing meanwhile.
        let all = QUEUE as u64 + 7;
        for span in 1..=all {
            calls.give(call(span));
        }
        let sent = calls.close(Duration::from_secs(2)).await;
        assert!(sent.failed > 0 && sent.failed.is_multiple_of(BATCH as u64), "{sent:?}");
        assert_eq!((sent.exported, sent.failed + sent.dropped), (0, all), "{sent:?}");
        assert!(sent.dropped >= 7, "{sent:?}");
        assert!(sent.why.contains("nobody listens there"), "{sent:?}");
    }
}
