//! Readiness shown, not shown, and cut short by death.
//!
//! Invariant: servers are ours, in this process: no tool has to be installed.
//! Not here: how services end (`process`).

use super::*;
use crate::service::How;
use crate::service::process::start;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

const LONG: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(1);

/// An address that nobody else gets; connections are refused until it listens.
fn held() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

fn launch(script: &str, ready: Ready, addr: SocketAddr) -> (tempfile::TempDir, Launch) {
    let folder = tempfile::tempdir().unwrap();
    let mut launch = Launch::example(&["sh", "-c", script], folder.path());
    (launch.ready, launch.addr) = (ready, addr);
    (folder, launch)
}

#[tokio::test]
async fn http_is_ready_with_the_first_2xx() {
    let (socket, addr) = held();
    let (_folder, launch) = launch("exec sleep 1000", Ready::Http("/health".into()), addr);
    let mut running = start(launch).unwrap();
    let listener = socket.listen(16).unwrap();
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
    for is_explicit in [false, true] {
        let (socket, addr) = held();
        let (_other, reserved) = held();
        let (ready, addr) = match is_explicit {
            true => (Ready::Port(Some(addr.port())), reserved),
            false => (Ready::Port(None), addr),
        };
        let (_folder, launch) = launch("exec sleep 1000", ready, addr);
        let mut running = start(launch).unwrap();
        let _listener = socket.listen(16).unwrap();
        running.ready().await.unwrap();
        running.stop(LONG).await;
    }
}

#[tokio::test]
async fn whoever_listens_before_the_start_is_a_stranger() {
    let (socket, addr) = held();
    let _listener = socket.listen(16).unwrap();
    let port = addr.port();
    for ready in [Ready::Port(None), Ready::Port(Some(port)), Ready::Http("/".into())] {
        let (_folder, launch) = launch("exec sleep 1000", ready, addr);
        let said = start(launch).unwrap_err().to_string();
        let wanted = format!("(pid {}) listens on {addr} already", std::process::id());
        assert!(said.contains(&wanted), "{said}");
        assert!(said.ends_with("use ${self.addr}"), "{said}");
    }
}

#[tokio::test]
async fn never_ready_shows_the_last_thing_seen() {
    let (_socket, addr) = held();
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exec sleep 1000";
    let (_folder, mut launch) = launch(script, Ready::Http("/up".into()), addr);
    launch.ready_within = SOON;
    let mut running = start(launch).unwrap();
    let said = running.ready().await.unwrap_err().to_string();
    let wanted = format!(
        "service `api` was not ready within 1 s: GET http://{addr}/up: connection refused; it \
         listens on no port; its last 10 lines:\n    | line 3\n"
    );
    assert!(said.starts_with(&wanted), "{said}");
    assert!(said.ends_with("| line 12"), "{said}");
    running.stop(LONG).await;
}

#[tokio::test]
async fn a_line_that_never_comes() {
    for (script, why) in [
        ("exec sleep 1000", "no line of its output contains \"up\"; it wrote nothing"),
        ("exec >/dev/null 2>&1; exec sleep 1000", "it closed its output before a line"),
    ] {
        let (_socket, addr) = held();
        let (_folder, mut launch) = launch(script, Ready::Log("up".into()), addr);
        launch.ready_within = SOON;
        let mut running = start(launch).unwrap();
        let said = running.ready().await.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
        running.stop(LONG).await;
    }
}

#[tokio::test]
async fn death_before_readiness_shows_its_last_words() {
    let (socket, addr) = held();
    let (_folder, launch) =
        launch("echo 'config: no such file' >&2; exit 3", Ready::Port(None), addr);
    let mut running = start(launch).unwrap();
    running.exited().await;
    // Somebody else answers at the address: that is not the service.
    let _listener = socket.listen(16).unwrap();
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
        let (_socket, addr) = held();
        let (_folder, launch) = launch(script, Ready::Log("ready".into()), addr);
        let mut running = start(launch).unwrap();
        running.ready().await.unwrap();
        running.stop(LONG).await;
    }
}
