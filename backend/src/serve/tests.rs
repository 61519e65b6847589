//! The service over real sockets: its life, from a free port to an orderly stop.

mod locked;

use std::time::Duration;

use super::{ServeError, Server, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), ServeError>>,
}

async fn start(database_url: &str, mutant: Option<&str>) -> Running {
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        database_url: database_url.to_owned(),
        mutants: mutant.iter().map(|m| m.parse().unwrap()).collect(),
        ..Settings::default()
    };
    let server = Server::bind(settings).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Running { address, stop, ended }
}

impl Running {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.ended).await.unwrap().unwrap().unwrap();
    }

    async fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        send(&mut stream, head, body).await;
        let mut text = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        text
    }

    /// Waits until the gauge tells that one ingest has arrived and is not answered.
    async fn until_ingesting(&self) {
        let open = r#"http_requests_in_progress{endpoint="/ingest/raw",method="POST"} 1"#;
        let deadline = Instant::now() + PATIENCE;
        while !self.ask("GET /metrics", "").await.contains(open) {
            assert!(Instant::now() < deadline, "the request never arrived");
        }
    }
}

async fn send(stream: &mut TcpStream, head: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

fn sample(number: u32) -> String {
    format!(
        r#"{{"machine_id":"TRUCK-21","timestamp":"2024-06-11T10:00:00Z","sample_number":{number},"metrics":{{"rpm":1500}}}}"#
    )
}

#[tokio::test]
async fn what_was_acknowledged_before_a_stop_is_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/data/b.db", folder.path().display());
    let running = start(&url, None).await;
    for number in 1..=5 {
        let answer = running.ask("POST /ingest/raw", &sample(number)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("x-request-id: "), "{answer}");
    }
    running.stop().await;
    let running = start(&url, None).await;
    let answer = running.ask("GET /samples/TRUCK-21", "").await;
    assert!(answer.contains("\"sample_numbers\":[[1,5]]"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/b.db", folder.path().display());
    let running = start(&url, Some("slow=500ms")).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    send(&mut stream, "POST /ingest/raw", &sample(1)).await;
    running.until_ingesting().await;
    running.stop().await;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let running = start(&url, None).await;
    assert!(running.ask("GET /samples/TRUCK-21", "").await.contains("[[1,1]]"));
    running.stop().await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_stop() {
    let running = start("sqlite::memory:", None).await;
    let _silent = TcpStream::connect(running.address).await.unwrap();
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let started = Instant::now();
    running.stop().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_taken_port_is_told_and_leaves_no_database_behind() {
    let folder = tempfile::tempdir().unwrap();
    let running = start("sqlite::memory:", None).await;
    let file = folder.path().join("b.db");
    let settings = Settings {
        listen: running.address,
        database_url: format!("sqlite://{}", file.display()),
        ..Settings::default()
    };
    let error = Server::bind(settings).await.err().unwrap();
    assert!(matches!(error, ServeError::PortTaken(address) if address == running.address));
    assert!(error.to_string().contains("choose another port"), "{error}");
    assert!(!file.exists());
    running.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_made_is_told() {
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        database_url: "sqlite:///proc/none/b.db".to_owned(),
        ..Settings::default()
    };
    let error = Server::bind(settings).await.err().unwrap().to_string();
    assert!(error.contains("sqlite:///proc/none/b.db"), "{error}");
}
