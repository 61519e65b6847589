//! The platform as processes: devices, edge and backend, one trace through all three at an OTLP receiver
//! in this process, and an edge that is killed with SIGKILL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{assay, said, signal, wait_for};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};

/// What was received: each span with its service's name.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
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

impl Receiver {
    /// Listens as long as the runtime lives.
    fn start() -> (Receiver, SocketAddr, tokio::runtime::Runtime) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let receiver = Receiver::default();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(receiver.clone());
        runtime.spawn(async move {
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        (receiver, address, runtime)
    }

    /// The spans of this service with this name.
    fn all(&self, service: &str, name: &str) -> Vec<Span> {
        let spans = self.0.lock().unwrap();
        let wanted = |(s, span): &&(String, Span)| s == service && span.name == name;
        spans.iter().filter(wanted).map(|(_, span)| span.clone()).collect()
    }
}

/// A process of the platform, ended with the test.
struct Process {
    child: Child,
    log: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Process {
    fn start(name: &str, words: &[&str], env: &[(&str, &str)]) -> Process {
        let mut command = assay(&[&[name, "--listen", "127.0.0.1:0"], words].concat());
        command.envs(env.iter().copied()).env("TRACING_SERVICE_NAME", name);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        log.read_line(&mut first).unwrap();
        let line: serde_json::Value = serde_json::from_str(&first).unwrap();
        let addr = line["address"].as_str().unwrap().parse().unwrap();
        Process { child, log, addr }
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn until(&self, path: &str, says: &str) {
        wait_for(says, || self.get(path).contains(says));
    }

    /// Ends it in order; what it logged.
    fn end(mut self) -> String {
        signal(self.child.id(), "TERM");
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap();
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn one_trace_through_three_processes() {
    let (receiver, collector, _runtime) = Receiver::start();
    let endpoint = format!("http://{collector}");
    let tracing = [
        ("TRACING_ENABLED", "true"),
        ("TRACING_OTLP_ENDPOINT", endpoint.as_str()),
        ("LOG_LEVEL", "debug"),
    ];
    let backend = Process::start("backend", &[], &tracing);
    let outbox = [("EDGE_OUTBOX", "sqlite::memory:")];
    let edge = Process::start("edge", &["--to", &backend.url()], &[&tracing[..], &outbox].concat());
    let words = ["devices", "--listen", "127.0.0.1:0", "--samples", "12", "--to", &edge.url()];
    let mut devices = assay(&words);
    devices.envs(tracing).env("TRACING_SERVICE_NAME", "devices");
    let output = devices.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    backend.until("/samples/TRUCK-21-0001", "[[1,12]]");
    backend.until("/metrics", r#"{data_type="features",machine_id="TRUCK-21-0001"} 1"#);
    let logs = [String::from_utf8(output.stdout).unwrap(), edge.end(), backend.end()];

    let sent = receiver.all("devices", "device.send");
    assert_eq!(sent.len(), 12);
    for send in &sent[..1] {
        let child = |service: &str, name: &str, of: &Span| {
            let all = receiver.all(service, name);
            let found: Vec<_> = all.iter().filter(|s| s.parent_span_id == of.span_id).collect();
            assert!(!found.is_empty(), "{service} {name}");
            assert!(found.iter().all(|span| span.trace_id == of.trace_id));
            found[0].clone()
        };
        let take = child("edge", "POST /ingest/raw", send);
        let deliver = child("edge", "edge.deliver", &take);
        let ingest = child("backend", "POST /ingest/raw", &deliver);
        child("backend", "db.insert_samples", &ingest);
        // Each process logs the trace, with the machine, and the first two with the sample's number.
        let trace: String = send.trace_id.iter().map(|b| format!("{b:02x}")).collect();
        for (process, log) in ["devices", "edge", "backend"].iter().zip(&logs) {
            let lines = log.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
            let of: Vec<_> = lines.filter(|line| line["trace_id"] == *trace).collect();
            assert!(!of.is_empty(), "{process} logs nothing of the trace\n{log}");
            assert!(of.iter().any(|line| line["machine_id"] == "TRUCK-21-0001"), "{of:?}");
            let numbered = of.iter().any(|line| line["sample_number"].is_u64());
            assert_eq!(numbered, *process != "backend", "{process}: {of:?}");
        }
    }
}

#[test]
fn health_is_one_question_and_one_exit_code() {
    let backend = Process::start("backend", &[], &[]);
    let health = |url: &str| assay(&["health", url]).output().unwrap().status.code();
    assert_eq!(health(&format!("{}/health", backend.url())), Some(0));
    assert_eq!(health(&format!("{}/nothing", backend.url())), Some(1));
    let url = backend.url();
    drop(backend);
    assert_eq!(health(&format!("{url}/health")), Some(1));
    for no in ["127.0.0.1:1", "ftp://x/", "http://"] {
        assert_eq!(health(no), Some(2), "{no}");
    }
}

#[test]
fn an_edge_without_a_backend_is_refused() {
    let output = assay(&["edge", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("EDGE_BACKEND_URL"), "{}", said(&output));
}

#[test]
fn a_run_sends_its_failed_attempts_as_spans_and_carries_their_traces_on() {
    let (receiver, collector, _runtime) = Receiver::start();
    let backend = Process::start("backend", &[], &[("LOG_LEVEL", "debug")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traced.yaml");
    let yaml = format!(
        "schema: 1\nname: traced\nhypothesis: Half of it is not there.\nservices: {{backend: {{url: \"{}\"}}}}\n\
         load: {{visits: {{constant-arrival-rate: {{rate: 50/s, duration: 2s, to: backend, requests: \
         [{{get: {{name: there, path: /machines/}}}}, {{get: {{name: nowhere, path: /nowhere}}}}]}}}}}}\n\
         objectives: {{errors: {{error-rate: {{below: 90%}}}}}}\n",
        backend.url()
    );
    std::fs::write(&file, yaml).unwrap();
    let (file, out) = (file.to_str().unwrap(), folder.path().join("run"));
    let endpoint = format!("http://{collector}");
    let words = ["run", file, "--otlp", &endpoint, "--otlp-sample", "0%", "--out"];
    let output = assay(&words).arg(&out).output().unwrap();
    assert!(said(&output).contains(&format!("spans sent to {endpoint}")), "{}", said(&output));
    let (url, port) = (backend.url(), i64::from(backend.addr.port()));
    let log = backend.end();

    let failed = receiver.all("assay", "nowhere");
    assert_eq!(failed.len(), 50, "every failed attempt, though none is sampled");
    let slow = receiver.all("assay", "there").len();
    assert!((1..=2).contains(&slow), "{slow}: of fifty that went well the slowest");
    assert!(failed.iter().all(|span| span.status.as_ref().unwrap().code == 2));
    let told = |key: &str| {
        let mut attributes = failed[0].attributes.iter();
        attributes.find(|of| of.key == key).and_then(|of| of.value.clone()?.value)
    };
    let text = |text: &str| Some(Value::StringValue(text.to_owned()));
    assert_eq!(told("http.response.status_code"), Some(Value::IntValue(404)));
    assert!(matches!(told("assay.late_us"), Some(Value::IntValue(_))));
    assert_eq!(told("http.request.method"), text("GET"));
    assert_eq!(told("url.full"), text(&format!("{url}/nowhere")));
    assert_eq!(told("server.address"), text("127.0.0.1"));
    assert_eq!(told("server.port"), Some(Value::IntValue(port)));
    assert_eq!(told("error.type"), text("404"));
    // The id that a kept exchange has leads to its span.
    let kept = std::fs::read_dir(out.join("failures")).unwrap().next().unwrap().unwrap();
    let kept = std::fs::read_to_string(kept.path()).unwrap().to_lowercase();
    let (_, id) = kept.split_once("x-request-id: ").expect("a kept exchange has its id");
    let id = text(id.lines().next().unwrap().trim());
    let has = |span: &&Span| {
        let mut attributes = span.attributes.iter();
        attributes.any(|of| of.key == "request_id" && of.value.clone().unwrap().value == id)
    };
    assert_eq!(failed.iter().filter(has).count(), 1, "{id:?}");
    // Its log says the same warning only now and then, so it knows some of them.
    let known = failed.iter().filter(|span| {
        let trace: String = span.trace_id.iter().map(|b| format!("{b:02x}")).collect();
        log.contains(&trace)
    });
    assert!(known.count() > 0, "the backend's log knows none of the traces:\n{log}");
}

/// A collector that accepts and never answers: whoever trusts the traces must know, and `-q` hides no finding.
#[test]
fn spans_that_a_silent_collector_swallows_are_told_wherever_findings_are() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let backend = Process::start("backend", &[], &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("untraced.yaml");
    let yaml = format!(
        "schema: 1\nname: untraced\nhypothesis: It answers.\nservices: {{backend: {{url: \"{}\"}}}}\n\
         load: {{visits: {{constant-arrival-rate: {{rate: 50/s, duration: 2s, to: backend, requests: \
         [{{get: {{name: there, path: /machines/}}}}]}}}}}}\n\
         objectives: {{errors: {{error-rate: {{below: 90%}}}}}}\n",
        backend.url()
    );
    std::fs::write(&file, yaml).unwrap();
    let (file, out) = (file.to_str().unwrap(), folder.path().join("run"));
    let words = ["run", file, "-q", "--otlp", &endpoint, "--otlp-sample", "100%", "--out"];
    let output = assay(&words).arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let verdict = std::fs::read_to_string(out.join("verdict.json")).unwrap();
    let told = format!("0 spans sent to {endpoint}, 100 lost on the way");
    assert!(verdict.contains(&format!("{told}: no answer within")), "{verdict}");
    let again = assay(&["verify"]).arg(&out).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains(&told), "{}", said(&again));
}
