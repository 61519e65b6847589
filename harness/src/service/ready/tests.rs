//! Readiness shown, not shown, and cut short by death.
//!
//! Invariant: servers are ours, in this process: no tool has to be installed.
//! Not here: how services end (`process`).

use super::*;
use crate::service::process::{How, Launch, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(30);

/// A sleeping service that is ready when somebody at `addr` says so.
fn sleeper(ready: Ready, addr: SocketAddr) -> (tempfile::TempDir, Running) {
    service("exec sleep 1000", ready, addr, LONG)
}

fn service(
    script: &str,
    ready: Ready,
    addr: SocketAddr,
    within: Duration,
) -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let mut launch = Launch::example(&["sh", "-c", script], folder.path());
    (launch.ready, launch.addr, launch.ready_within) = (ready, addr, within);
    (folder, start(launch).unwrap())
}

async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn http_is_ready_with_the_first_2xx() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, mut running) =
        sleeper(Ready::Http("/health".into()), listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for status in [503, 404, 302, 204] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = [0; 4096];
            let read = stream.read(&mut text).await.unwrap();
            assert!(text[..read].starts_with(b"GET /health HTTP/1.1\r\n"));
            let answer = format!("HTTP/1.1 {status} X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    running.ready().await.unwrap();
    server.await.unwrap();
    assert_eq!(running.stop(LONG).await.how, How::Asked);
}

#[tokio::test]
async fn a_port_is_ready_when_it_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (_folder, mut running) = sleeper(Ready::Port(None), addr);
    running.ready().await.unwrap();
    running.stop(LONG).await;
    let (_folder, mut running) = sleeper(Ready::Port(Some(addr.port())), free().await);
    running.ready().await.unwrap();
    running.stop(LONG).await;
}

#[tokio::test]
async fn never_ready_shows_the_last_thing_seen() {
    let soon = Duration::from_millis(300);
    let addr = free().await;
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exec sleep 1000";
    let (_folder, mut running) = service(script, Ready::Http("/up".into()), addr, soon);
    let said = running.ready().await.unwrap_err().to_string();
    let wanted = format!(
        "service `api` was not ready within 300 ms: GET http://{addr}/up: connection refused; it \
         listens on no port; its last 10 lines:\n    | line 3\n"
    );
    assert!(said.starts_with(&wanted), "{said}");
    assert!(said.ends_with("| line 12"), "{said}");
    running.stop(LONG).await;
    let (_folder, mut running) =
        service("exec sleep 1000", Ready::Log("listening".into()), addr, soon);
    let said = running.ready().await.unwrap_err().to_string();
    assert!(said.contains("no line of its output contains \"listening\""), "{said}");
    assert!(said.ends_with("it wrote nothing"), "{said}");
    running.stop(LONG).await;
}

#[tokio::test]
async fn death_before_readiness_shows_its_last_words() {
    // Somebody else answers at the address: that is not the service.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let script = "echo 'config: no such file' >&2; exit 3";
    let (_folder, mut running) = service(script, Ready::Port(None), addr, LONG);
    running.exited().await;
    let said = running.ready().await.unwrap_err().to_string();
    assert_eq!(
        said,
        "service `api` exited with status 3 before it was ready; its last 1 line:\n    | config: \
         no such file"
    );
    running.stop(LONG).await;
}

#[tokio::test]
async fn a_line_is_found_in_either_stream() {
    for script in ["echo I am ready; exec sleep 1000", "printf ready >&2; exec sleep 1000"] {
        let (_folder, mut running) =
            service(script, Ready::Log("ready".into()), free().await, LONG);
        running.ready().await.unwrap();
        running.stop(LONG).await;
    }
}

#[tokio::test]
async fn closed_output_is_told_from_silence() {
    let (_folder, mut running) = service(
        "exec >/dev/null 2>&1; exec sleep 1000",
        Ready::Log("up".into()),
        free().await,
        Duration::from_millis(300),
    );
    let said = running.ready().await.unwrap_err().to_string();
    assert!(said.contains("it closed its output"), "{said}");
    running.stop(LONG).await;
}
