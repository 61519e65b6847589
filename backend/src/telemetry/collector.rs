//! The wire to a collector: OTLP over gRPC, without TLS.
//!
//! The exporter takes a batch for sent of which the collector rejected a part, and tells only its own log
//! what the collector said. So that log is listened to while it exports.
//!
//! Invariant: what the collector says it did not take is lost, also where it answers that all is well
//! but for these (OTLP's partial success).
//! Invariant: whatever is lost has a cause in words: refused, not this protocol, too slow, or what the collector said.
//! Not here: which spans there are, and who waits for whom (`spans`, `traces::export`).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// What the exporter calls itself in its log.
const EXPORTER: &str = "opentelemetry-otlp";
/// For one that does not keep to its own time.
const GRACE: Duration = Duration::from_millis(200);

/// Where spans go.
#[derive(Debug)]
pub(super) struct Collector {
    exporter: SpanExporter,
    log: Dispatch,
    heard: Arc<Mutex<Heard>>,
    /// For one batch, whatever is tried.
    patience: Duration,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) exported: u64,
    pub(super) failed: u64,
    /// Why some failed.
    pub(super) why: String,
}

impl Collector {
    /// The collector at `http://HOST:PORT`; it need not be there yet.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub(super) fn new(endpoint: &str, patience: Duration) -> Result<Collector, String> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(patience)
            .build()
            .map_err(|error| error.to_string())?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let log = Dispatch::new(Ear(Arc::clone(&heard)));
        Ok(Collector { exporter, log, heard, patience })
    }

    /// Whose spans these are.
    pub(super) fn of(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }

    /// Sends a batch; again for as long as there is time, where that may help.
    pub(super) async fn send(&self, batch: Vec<SpanData>) -> Taken {
        let all = batch.len() as u64;
        *lock(&self.heard) = Heard::default();
        let export = self.exporter.export(batch).with_subscriber(self.log.clone());
        let sent = tokio::time::timeout(self.patience + GRACE, export).await;
        let Heard { rejected, said } = std::mem::take(&mut *lock(&self.heard));
        let late = || format!("no answer within {} ms", self.patience.as_millis());
        let (failed, why) = match sent {
            Ok(Ok(())) => (rejected.min(all), refusal(&said)),
            Ok(Err(error)) => (all, cause(&error.to_string(), &said).unwrap_or_else(late)),
            Err(_) => (all, late()),
        };
        Taken { exported: all - failed, failed, why }
    }
}

fn refusal(said: &str) -> String {
    match said {
        "" => "the collector rejected them and does not say why".to_owned(),
        said => format!("the collector rejected them: {said}"),
    }
}

/// Why a batch did not arrive: what the collector said, or what happened on the way; none if there was
/// no answer. The exporter's error names the code, and what it was made of if nobody answered.
fn cause(error: &str, said: &str) -> Option<String> {
    let Some((_, told)) = error.split_once("gRPC code: ") else { return Some(error.to_owned()) };
    let Some((_, way)) = told.split_once(": ") else {
        return Some(format!("the collector answered {told}: {said}"));
    };
    let has = |words: &str| way.to_ascii_lowercase().contains(words);
    if has("timeout expired") || has("timed out") {
        return None;
    }
    if has("connect error") || has("dns error") {
        let hint = if has("refused") { "; nobody listens there" } else { "" };
        return Some(format!("no connection: {way}{hint}"));
    }
    Some(format!(
        "no OTLP over gRPC is spoken there, or the connection broke: {way}; TLS and OTLP over HTTP \
         (usually port 4318) are not spoken here, gRPC is usually at 4317"
    ))
}

/// What the exporter's log says of a batch.
#[derive(Debug, Default)]
struct Heard {
    /// Spans that the collector did not take.
    rejected: u64,
    /// In its words.
    said: String,
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Visit for Heard {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "rejected_spans" {
            self.rejected = u64::try_from(value).unwrap_or(0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if ["error_message", "grpc_message"].contains(&field.name()) {
            value.clone_into(&mut self.said);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Hears the exporter's log, and nothing else.
struct Ear(Arc<Mutex<Heard>>);

impl Subscriber for Ear {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.is_event() && of.target() == EXPORTER
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut *lock(&self.0));
    }

    // It is enabled for no span.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests;
