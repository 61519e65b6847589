//! The wire to a collector: OTLP over gRPC, without TLS.
//!
//! Invariant: what the collector says it did not take is lost, also where it answers that all is well
//! but for these (OTLP's partial success).
//! Invariant: whatever is lost has a cause in words: refused, not this protocol, too slow, or what the collector said.
//! Not here: which spans there are, and who waits for whom (`spans`, `traces::export`).

use std::error::Error;
use std::io;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// The wait before a batch is sent again; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// Where spans go.
#[derive(Debug)]
pub(super) struct Collector {
    client: TraceServiceClient<Channel>,
    resource: ResourceAttributesWithSchema,
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
        let endpoint = Endpoint::from_shared(endpoint.to_owned()).map_err(|e| e.to_string())?;
        let client = TraceServiceClient::new(endpoint.connect_lazy());
        Ok(Collector { client, resource: ResourceAttributesWithSchema::default(), patience })
    }

    /// Whose spans these are.
    pub(super) fn of(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }

    /// Sends a batch; again for as long as there is time, where that may help.
    pub(super) async fn send(&self, batch: Vec<SpanData>) -> Taken {
        let all = batch.len() as u64;
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let request = ExportTraceServiceRequest { resource_spans };
        let (ends, mut pause) = (Instant::now() + self.patience, PAUSE);
        let mut why = format!("no answer within {} ms", self.patience.as_millis());
        loop {
            let mut client = self.client.clone();
            let sent = client.export(request.clone());
            let status = match tokio::time::timeout_at(ends, sent).await {
                Ok(Ok(answer)) => {
                    let part = answer.into_inner().partial_success.unwrap_or_default();
                    let failed = u64::try_from(part.rejected_spans).unwrap_or(0).min(all);
                    return Taken {
                        exported: all - failed,
                        failed,
                        why: refusal(&part.error_message),
                    };
                }
                Ok(Err(status)) => status,
                Err(_) => return Taken { exported: 0, failed: all, why },
            };
            why = cause(&status);
            let again =
                matches!(status.code(), Code::Unavailable | Code::Aborted | Code::Cancelled);
            if !again || Instant::now() + pause >= ends {
                return Taken { exported: 0, failed: all, why };
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

fn refusal(message: &str) -> String {
    match message {
        "" => "the collector rejected them and does not say why".to_owned(),
        said => format!("the collector rejected them: {said}"),
    }
}

/// Why a batch did not arrive: what the collector said, or what happened on the way.
fn cause(status: &Status) -> String {
    let mut chain: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next = status.source();
    while let Some(error) = next {
        chain.push(error);
        next = error.source();
    }
    let Some(last) = chain.last() else {
        return format!("the collector answered {:?}: {}", status.code(), status.message());
    };
    let io = chain.iter().find_map(|error| error.downcast_ref::<io::Error>());
    if chain.iter().any(|error| error.is::<tonic::ConnectError>()) {
        let refused = io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        let hint = if refused { "; nobody listens there" } else { "" };
        return format!("no connection: {last}{hint}");
    }
    format!(
        "no OTLP over gRPC is spoken there, or the connection broke: {last}; TLS and OTLP over HTTP \
         (usually port 4318) are not spoken here, gRPC is usually at 4317"
    )
}

#[cfg(test)]
mod tests;
