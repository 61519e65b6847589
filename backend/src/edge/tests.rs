//! The edge over real sockets: what it promises, and what it refuses.

use std::net::SocketAddr;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::telemetry::traces::tests::{PATIENCE, Running};
use crate::{Server, Settings};

/// An address where nobody listens just now.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Quick to give up and to try again, with one failure too many at the first.
fn settings(to: SocketAddr, outbox: &str) -> Settings {
    Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        edge_backend: Some(format!("http://{to}")),
        edge_outbox: outbox.to_owned(),
        retry_attempts: 1,
        breaker_failures: 1,
        breaker_recovery: Duration::from_millis(50),
        ..Settings::default()
    }
}

async fn edge(settings: Settings) -> Running {
    Running::of(Server::bind_edge(settings).await.unwrap())
}

async fn backend() -> Running {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    Running::of(Server::bind(settings).await.unwrap())
}

async fn send(edge: &Running, machine: &str, number: u32) -> String {
    let body = format!(
        r#"{{"machine_id":"{machine}","timestamp":"2024-06-11T10:00:00Z","sample_number":{number},"metrics":{{"rpm":1500}},"more":1}}"#
    );
    edge.ask("POST /ingest/raw", "", &body).await
}

async fn until(service: &Running, path: &str, says: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = service.ask(&format!("GET {path}"), "", "").await;
        if answer.contains(says) {
            return;
        }
        assert!(Instant::now() < deadline, "{path} never said {says}: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_accepted_arrives_once_and_each_ten_have_features() {
    let backend = backend().await;
    let edge = edge(settings(backend.address, "sqlite::memory:")).await;
    for number in 1..=20 {
        for machine in ["TRUCK-21", "MILL-3-0001"] {
            let answer = send(&edge, machine, number).await;
            assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
            assert!(answer.contains(r#""status":"accepted""#), "{answer}");
        }
    }
    for machine in ["TRUCK-21", "MILL-3-0001"] {
        let said = r#""sample_numbers":[[1,20]],"duplicates":0"#;
        until(&backend, &format!("/samples/{machine}"), said).await;
        let said = format!(r#"{{data_type="features",machine_id="{machine}"}} 2"#);
        until(&backend, "/metrics", &said).await;
    }
    until(&edge, "/metrics", "\nedge_outbox_items 0\n").await;
    until(&edge, "/metrics", r#"edge_delivered_total{data_type="raw"} 40"#).await;
    until(&edge, "/metrics", r#"edge_delivered_total{data_type="features"} 4"#).await;
    until(&edge, "/health", r#""status":"healthy""#).await;
    until(&edge, "/", "there are /ingest/raw, /ingest/features, /health, /metrics").await;
    until(&backend, "/nowhere", "there is no such route; GET / lists them").await;
    edge.stop().await;
    backend.stop().await;
}

#[tokio::test]
async fn what_is_acknowledged_outlives_the_edge_and_is_told_while_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = format!("sqlite://{}/edge.db", folder.path().display());
    let first = edge(settings(nobody().await, &outbox)).await;
    for number in 1..=15 {
        let answer = send(&first, "TRUCK-21", number).await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
    // Fifteen samples and the features of ten.
    until(&first, "/metrics", "\nedge_outbox_items 16\n").await;
    let said = "circuit breaker `iot-backend-connection` is open";
    until(&first, "/health", said).await;
    until(&first, "/metrics", r#"from="closed",name="iot-backend-connection",to="open""#).await;
    first.stop().await;
    let backend = backend().await;
    let second = edge(settings(backend.address, &outbox)).await;
    let said = r#""sample_numbers":[[1,15]],"duplicates":0"#;
    until(&backend, "/samples/TRUCK-21", said).await;
    until(&second, "/metrics", "\nedge_outbox_items 0\n").await;
    second.stop().await;
    let third = edge(settings(backend.address, &outbox)).await;
    until(&third, "/metrics", "\nedge_outbox_items 0\n").await;
    third.stop().await;
    backend.stop().await;
}

#[tokio::test]
async fn a_full_outbox_refuses_and_what_is_wrong_is_refused_as_the_backend_does() {
    let most = Settings { edge_outbox_most: 2, ..settings(nobody().await, "sqlite::memory:") };
    let edge = edge(most).await;
    for number in 1..=2 {
        assert!(send(&edge, "TRUCK-21", number).await.starts_with("HTTP/1.1 202"));
    }
    let answer = send(&edge, "TRUCK-21", 3).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 503") && answer.contains("retry-after: "), "{answer}");
    assert!(answer.contains("the outbox is full"), "{answer}");
    let answer = send(&edge, "no such name", 1).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("invalid_machine_id"),
        "{answer}"
    );
    until(&edge, "/health", "the outbox is full").await;
    edge.stop().await;
}

#[tokio::test]
async fn a_disk_that_was_full_for_a_moment_is_told_and_got_over() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = format!("sqlite://{}/edge.db", folder.path().display());
    let edge = edge(settings(nobody().await, &outbox)).await;
    assert!(send(&edge, "TRUCK-21", 1).await.starts_with("HTTP/1.1 202"));
    // As SQLite itself does on a full disk, this rolls the transaction back before the edge can.
    let full = "CREATE TRIGGER full BEFORE INSERT ON outbox
        BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";
    let mut other = SqliteConnection::connect(&outbox).await.unwrap();
    sqlx::raw_sql(full).execute(&mut other).await.unwrap();
    for _ in 0..2 {
        let answer = send(&edge, "TRUCK-21", 2).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("the outbox cannot be written"), "{answer}");
    }
    until(&edge, "/health", "the outbox cannot be written").await;
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut other).await.unwrap();
    let answer = send(&edge, "TRUCK-21", 2).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let health = edge.ask("GET /health", "", "").await;
    assert!(!health.contains("the outbox cannot be written"), "{health}");
    until(&edge, "/metrics", "\nedge_outbox_items 2\n").await;
    edge.stop().await;
}

/// A far end that answers so, one request after another, and then takes everything.
async fn scripted(statuses: &'static [&'static str]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let peer = tokio::spawn(async move {
        for n in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut seen = Vec::new();
            let mut piece = [0; 4_096];
            while !seen.ends_with(b"\"more\":1}") {
                let n = stream.read(&mut piece).await.unwrap();
                assert!(n > 0, "the edge sends whole requests");
                seen.extend_from_slice(&piece[..n]);
            }
            let status = statuses.get(n).unwrap_or(&"200 OK");
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (to, peer)
}

#[tokio::test]
async fn what_the_backend_refuses_for_good_is_told_and_does_not_hold_up_the_rest() {
    let refusals = &["400 Bad Request", "413 Content Too Large", "422 Unprocessable Content"];
    let (to, peer) = scripted(refusals).await;
    let edge = edge(settings(to, "sqlite::memory:")).await;
    for number in 1..=5 {
        assert!(send(&edge, "TRUCK-21", number).await.starts_with("HTTP/1.1 202"));
    }
    until(&edge, "/metrics", r#"edge_discarded_total{reason="refused"} 3"#).await;
    until(&edge, "/metrics", r#"edge_delivered_total{data_type="raw"} 2"#).await;
    until(&edge, "/metrics", "\nedge_outbox_items 0\n").await;
    edge.stop().await;
    peer.abort();
}

#[tokio::test]
async fn an_answer_that_is_not_about_the_item_loses_nothing_and_counts_for_the_breaker() {
    let elsewhere = &["302 Found", "401 Unauthorized", "404 Not Found", "408 Request Timeout"];
    let (to, peer) = scripted(elsewhere).await;
    let edge = edge(settings(to, "sqlite::memory:")).await;
    assert!(send(&edge, "TRUCK-21", 1).await.starts_with("HTTP/1.1 202"));
    until(&edge, "/metrics", r#"edge_delivered_total{data_type="raw"} 1"#).await;
    let text = edge.ask("GET /metrics", "", "").await;
    for line in [
        r#"edge_discarded_total{reason="refused"} 0"#,
        r#"circuit_breaker_failures_total{name="iot-backend-connection"} 4"#,
        r#"circuit_breaker_transitions_total{from="closed",name="iot-backend-connection",to="open"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "missing: {line}\n{text}");
    }
    edge.stop().await;
    peer.abort();
}

#[tokio::test]
async fn an_outbox_has_one_edge_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = format!("sqlite://{}/edge.db", folder.path().display());
    let to = nobody().await;
    let first = edge(settings(to, &outbox)).await;
    assert!(send(&first, "TRUCK-21", 1).await.starts_with("HTTP/1.1 202"));
    let said = Server::bind_edge(settings(to, &outbox)).await.err().unwrap().to_string();
    assert!(
        said.contains("another edge has this outbox") && said.contains("EDGE_OUTBOX"),
        "{said}"
    );
    assert!(send(&first, "TRUCK-21", 2).await.starts_with("HTTP/1.1 202"));
    first.stop().await;
    let second = edge(settings(to, &outbox)).await;
    until(&second, "/metrics", "\nedge_outbox_items 2\n").await;
    second.stop().await;
}

#[tokio::test]
async fn a_backend_that_asks_to_be_left_alone_is() {
    let (to, peer) = scripted(&["429 Too Many Requests\r\nRetry-After: 2"]).await;
    let edge = edge(settings(to, "sqlite::memory:")).await;
    let begun = Instant::now();
    assert!(send(&edge, "TRUCK-21", 1).await.starts_with("HTTP/1.1 202"));
    until(&edge, "/metrics", r#"retry_failures_total{function="edge.deliver"} 1"#).await;
    // What comes meanwhile would wake its machine, or be sent for another.
    for machine in ["TRUCK-21", "MILL-3"] {
        assert!(send(&edge, machine, 2).await.starts_with("HTTP/1.1 202"));
    }
    until(&edge, "/metrics", r#"edge_delivered_total{data_type="raw"} 3"#).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    edge.stop().await;
    peer.abort();
}
