//! Traces over the wire: an in-process collector receives what a backend and its scorer export, and
//! one trace spans both.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::{Server, Settings};

/// Generous: the machine may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// What was received: each span with its service's name.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let name = attributes.into_iter().find(|a| a.key == "service.name").unwrap();
            let Some(Value::StringValue(name)) = name.value.unwrap().value else { panic!() };
            let spans = resource.scope_spans.into_iter().flat_map(|s| s.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (name.clone(), span)));
        }
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Collector, SocketAddr) {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let service = TraceServiceServer::new(collector.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        (collector, address)
    }

    /// The spans so far, as (service, name).
    fn names(&self) -> Vec<(String, String)> {
        let spans = self.0.lock().unwrap();
        spans.iter().map(|(service, span)| (service.clone(), span.name.clone())).collect()
    }

    /// The one span of this service with this name.
    fn one(&self, service: &str, name: &str) -> Span {
        let spans = self.0.lock().unwrap();
        let found: Vec<_> =
            spans.iter().filter(|(s, span)| s == service && span.name == name).collect();
        assert_eq!(found.len(), 1, "{service} {name}: {:?}", spans.iter().map(|s| &s.1.name));
        found[0].1.clone()
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    pub(crate) fn of(server: Server) -> Running {
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        Running { address, stop, ended }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.ended).await.unwrap().unwrap();
    }

    /// The page of metrics with its exemplars.
    async fn scraped(&self) -> String {
        self.ask("GET /metrics", "none\r\nAccept: application/openmetrics-text", "").await
    }

    pub(crate) async fn ask(&self, head: &str, traceparent: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: {traceparent}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }
}

fn settings(name: &str, collector: SocketAddr) -> Settings {
    Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        tracing_enabled: true,
        tracing_endpoint: format!("http://{collector}"),
        tracing_service_name: name.to_owned(),
        // What is not sent by then is sent at the stop.
        tracing_interval: Duration::from_secs(3_600),
        ..Settings::default()
    }
}

fn text(text: &str) -> Option<Value> {
    Some(Value::StringValue(text.to_owned()))
}

/// An attribute of a span.
fn told(span: &Span, key: &str) -> Option<Value> {
    span.attributes.iter().find(|a| a.key == key)?.value.clone()?.value
}

const SAMPLE: &str = r#"{"machine_id":"TRUCK-21","timestamp":"2024-06-11T10:00:00Z","sample_number":1,"metrics":{"rpm":1500}}"#;

#[tokio::test]
async fn one_trace_goes_from_the_caller_over_the_backend_to_the_scorer() {
    let (collector, address) = Collector::start().await;
    let scorer = Running::of(Server::bind_scorer(settings("scorer", address)).await.unwrap());
    let backend = Settings {
        scorer_url: Some(format!("http://{}", scorer.address)),
        ..settings("backend", address)
    };
    let backend = Running::of(Server::bind(backend).await.unwrap());
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let answer = backend.ask("POST /ingest/raw", &parent, SAMPLE).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let with_id = format!("{parent}\r\nX-Request-ID: asked");
    let answer = backend.ask("GET /predict?machine_id=TRUCK-21", &with_id, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let unsampled = format!("00-{}-{CALLER}-00", TRACE.replace('0', "1"));
    backend.ask("GET /machines/", &unsampled, "").await;
    backend.ask("GET /no/such/route", &parent, "").await;
    let scorer_port = i64::from(scorer.address.port());
    backend.stop().await;
    scorer.stop().await;

    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ingest = collector.one("backend", "POST /ingest/raw");
    let insert = collector.one("backend", "db.insert_samples");
    let predict = collector.one("backend", "GET /predict/");
    let call = collector.one("backend", "scorer.predict");
    let score = collector.one("scorer", "POST /score");
    for span in [&ingest, &insert, &predict, &call, &score] {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
    }
    assert_eq!(hex(&ingest.parent_span_id), CALLER);
    assert_eq!(insert.parent_span_id, ingest.span_id);
    assert_eq!(hex(&predict.parent_span_id), CALLER);
    assert_eq!(call.parent_span_id, predict.span_id);
    assert_eq!(score.parent_span_id, call.span_id);
    assert_eq!(told(&ingest, "machine_id"), text("TRUCK-21"));
    // OpenTelemetry's conventions, and what one request's id finds.
    for (span, key, value) in [
        (&ingest, "http.request.method", text("POST")),
        (&ingest, "http.route", text("/ingest/raw")),
        (&ingest, "url.path", text("/ingest/raw")),
        (&ingest, "url.scheme", text("http")),
        (&insert, "db.system.name", text("sqlite")),
        (&insert, "db.operation.name", text("INSERT")),
        (&call, "http.request.method", text("POST")),
        (&call, "server.address", text("127.0.0.1")),
        (&call, "server.port", Some(Value::IntValue(scorer_port))),
        (&predict, "request_id", text("asked")),
        (&score, "request_id", text("asked-s1")),
    ] {
        assert_eq!(told(span, key), value, "{}: {key}", span.name);
    }
    let nowhere = collector.one("backend", "GET");
    assert_eq!(told(&nowhere, "url.path"), text("/no/such/route"));
    assert_eq!(told(&nowhere, "http.route"), None);
    let names = collector.names();
    assert!(!names.iter().any(|(_, name)| name == "GET /machines/"), "the caller's no is followed");
}

#[tokio::test]
async fn a_probe_begins_no_trace_but_continues_its_callers() {
    let (collector, address) = Collector::start().await;
    let backend = Running::of(Server::bind(settings("backend", address)).await.unwrap());
    let mut known = String::new();
    for _ in 0..5 {
        backend.ask("GET /health", "none", "").await;
        backend.ask("GET /metrics", "none", "").await;
        known = backend.ask("GET /machines/", "none", "").await;
    }
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");
    backend.ask("GET /health", &format!("00-{TRACE}-{CALLER}-01"), "").await;
    backend.stop().await;

    let count = |wanted: &str| collector.names().iter().filter(|(_, name)| name == wanted).count();
    assert_eq!((count("GET /machines/"), count("GET /metrics"), count("GET /health")), (5, 0, 1));
    let health = collector.one("backend", "GET /health");
    // What lies under a probe is no trace of its own either.
    let spans = collector.0.lock().unwrap();
    let traces: std::collections::BTreeSet<_> = spans.iter().map(|(_, s)| &s.trace_id).collect();
    assert!(traces.contains(&health.trace_id) && traces.len() == 6, "{:?}", spans.len());
}

#[tokio::test]
async fn one_trace_goes_from_a_device_over_the_edge_to_the_backend() {
    let (collector, address) = Collector::start().await;
    let backend = Running::of(Server::bind(settings("backend", address)).await.unwrap());
    let edge = Settings {
        edge_backend: Some(format!("http://{}", backend.address)),
        edge_outbox: "sqlite::memory:".to_owned(),
        ..settings("edge", address)
    };
    let edge = Running::of(Server::bind_edge(edge).await.unwrap());
    let (devices, told) = Server::bind_devices(settings("devices", address)).await.unwrap();
    let devices = Running::of(devices);
    let sending = told.sending("TRUCK-21", 1);
    let answer = edge.ask("POST /ingest/raw", &sending.traceparent().unwrap(), SAMPLE).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    sending.attempted("ok", Duration::from_millis(7));
    sending.ended("ok", true, 1);
    let deadline = Instant::now() + PATIENCE;
    while !backend.ask("GET /samples/TRUCK-21", "", "").await.contains("[1,1]") {
        assert!(Instant::now() < deadline, "the edge does not deliver");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Each process's exemplar leads to that trace.
    let mut pages = Vec::new();
    for (process, series) in [
        (&devices, r#"device_send_duration_seconds_bucket{le="0.01"} 1 # "#),
        (&edge, "edge_delivery_age_seconds_bucket{"),
        (&backend, r#"data_ingestion_duration_seconds_bucket{data_type="raw""#),
    ] {
        loop {
            let page = process.scraped().await;
            let lines = page.lines().filter(|line| line.starts_with(series));
            let exemplar = lines.filter_map(|line| line.split_once("{trace_id=\"")).next();
            if let Some((_, exemplar)) = exemplar {
                pages.push(exemplar[..32].to_owned());
                break;
            }
            assert!(Instant::now() < deadline, "{series}: no exemplar\n{page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for process in [devices, edge, backend] {
        process.stop().await;
    }
    let send = collector.one("devices", "device.send");
    let trace: String = send.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(pages, [trace.as_str(); 3]);
    let take = collector.one("edge", "POST /ingest/raw");
    let deliver = collector.one("edge", "edge.deliver");
    let ingest = collector.one("backend", "POST /ingest/raw");
    let insert = collector.one("backend", "db.insert_samples");
    assert!(send.parent_span_id.is_empty());
    for (parent, child) in
        [(&send, &take), (&take, &deliver), (&deliver, &ingest), (&ingest, &insert)]
    {
        assert_eq!(child.parent_span_id, parent.span_id, "{}", child.name);
        assert_eq!(child.trace_id, send.trace_id, "{}", child.name);
    }
}

#[test]
fn a_tracestate_that_there_is_not_is_not_sent() {
    let headers = |more: &[(&str, &str)]| {
        let parent = format!("00-{TRACE}-{CALLER}-01");
        let all = [&[("traceparent", parent.as_str())], more].concat();
        let named = |(name, value): &(&str, &str)| {
            (axum::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap())
        };
        let given = axum::http::HeaderMap::from_iter(all.iter().map(named));
        let traces = super::Traces::default();
        traces.request(&super::caller(&given), "GET", None).headers()
    };
    assert!(headers(&[]).contains_key("traceparent"));
    assert!(!headers(&[]).contains_key("tracestate"));
    assert_eq!(headers(&[("tracestate", "a=1")])["tracestate"], "a=1");
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_spans_and_nothing_else() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let settings = Settings {
        tracing_interval: Duration::from_millis(20),
        tracing_timeout: Duration::from_secs(1),
        ..settings("backend", address)
    };
    let backend = Running::of(Server::bind(settings).await.unwrap());
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let answer = backend.ask("POST /ingest/raw", &parent, SAMPLE).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let deadline = Instant::now() + PATIENCE;
    // Counted from 0 on.
    let page = async || backend.ask("GET /metrics", &parent, "").await;
    assert!(page().await.contains("trace_spans_total{outcome=\"dropped\"} 0\n"));
    let none = "trace_spans_total{outcome=\"failed\"} 0\n";
    while page().await.contains(none) {
        assert!(Instant::now() < deadline, "the loss was not counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    backend.stop().await;
}
