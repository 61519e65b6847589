//! Collectors that do not take what they are sent, over real sockets.

use std::net::SocketAddr;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status as Ended, TraceFlags, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Status;

use super::*;

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

fn spans(n: u64) -> Vec<SpanData> {
    let one = |span: u64| SpanData {
        span_context: SpanContext::new(
            TraceId::from(1_u128),
            SpanId::from(span),
            TraceFlags::SAMPLED,
            false,
            Default::default(),
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: "look".into(),
        start_time: std::time::SystemTime::UNIX_EPOCH,
        end_time: std::time::SystemTime::UNIX_EPOCH,
        attributes: vec![],
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Ended::Unset,
        instrumentation_scope: InstrumentationScope::builder("assay").build(),
    };
    (1..=n).map(one).collect()
}

/// Answers every request so.
struct Says(Result<ExportTracePartialSuccess, Status>);

#[tonic::async_trait]
impl TraceService for Says {
    async fn export(
        &self,
        _: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let partial_success = Some(self.0.clone()?);
        Ok(tonic::Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

async fn saying(what: Result<ExportTracePartialSuccess, Status>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = TraceServiceServer::new(Says(what));
    tokio::spawn(async move {
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder().add_service(service);
        server.serve_with_incoming(incoming).await.unwrap();
    });
    address
}

async fn sent(to: SocketAddr, patience: Duration) -> Taken {
    let collector = Collector::new(&format!("http://{to}"), patience).unwrap();
    collector.send(spans(10)).await
}

#[tokio::test]
async fn what_a_collector_rejects_of_a_batch_is_lost() {
    let partial = |rejected_spans, said: &str| {
        Ok(ExportTracePartialSuccess { rejected_spans, error_message: said.to_owned() })
    };
    let some = sent(saying(partial(7, "too old")).await, PATIENCE).await;
    let why = "the collector rejected them: too old".to_owned();
    assert_eq!(some, Taken { exported: 3, failed: 7, why });
    // More than there were are all.
    let all = sent(saying(partial(99, "")).await, PATIENCE).await;
    assert_eq!((all.exported, all.failed), (0, 10));
    assert!(all.why.contains("does not say why"), "{}", all.why);
    let none = sent(saying(partial(0, "only a warning")).await, PATIENCE).await;
    assert_eq!((none.exported, none.failed), (10, 0));
}

#[tokio::test]
async fn what_is_lost_has_its_cause() {
    let denied = saying(Err(Status::permission_denied("no such tenant"))).await;
    let taken = sent(denied, PATIENCE).await;
    assert_eq!((taken.exported, taken.failed), (0, 10));
    assert_eq!(taken.why, "the collector answered PermissionDenied: no such tenant");

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let taken = sent(address, Duration::from_millis(300)).await;
    assert!(taken.why.contains("nobody listens there"), "{}", taken.why);

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = sent(silent.local_addr().unwrap(), Duration::from_millis(300)).await;
    assert_eq!(taken.why, "no answer within 300 ms");

    // OTLP over HTTP, by the wrong port.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 64];
            let _ = stream.read(&mut some).await;
            let _ =
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let taken = sent(address, Duration::from_secs(1)).await;
    assert!(taken.why.contains("gRPC is usually at 4317"), "{}", taken.why);
}
