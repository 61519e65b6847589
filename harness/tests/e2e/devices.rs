//! `assay devices` against `assay backend`: the platform's demo, as a user types it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{assay, said};
use assay::clock::Clock;
use assay_slo::At;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

/// The bundled backend, ended with the test.
struct Backend {
    child: Child,
    addr: SocketAddr,
}

impl Backend {
    fn start(folder: &std::path::Path) -> Backend {
        Backend::start_at(free(), folder)
    }

    fn start_at(addr: SocketAddr, folder: &std::path::Path) -> Backend {
        let child = assay(&["backend", "--listen", &addr.to_string()])
            .env("DATABASE_URL", format!("sqlite://{}/backend.db", folder.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let clock = Clock::start();
        while TcpStream::connect(addr).is_err() {
            assert!(clock.now() < At(30_000_000), "the backend does not listen");
            std::thread::yield_now();
        }
        Backend { child, addr }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port where nobody listens just now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn devices(to: SocketAddr, words: &[&str]) -> Output {
    let to = format!("http://{to}");
    let mut command: Command = assay(&["devices", "--to", &to]);
    command.args(words).output().unwrap()
}

#[test]
fn every_sample_arrives_and_progress_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(folder.path());
    let words = ["--samples", "150", "--devices", "4", "--every", "20ms"];
    for more in [&[][..], &["--gateway", "--seed", "2", "--profile", "MILL-3"]] {
        let output = devices(backend.addr, &[&words[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.starts_with("generated 600, acknowledged 600"), "{told}");
        let progress = String::from_utf8_lossy(&output.stderr);
        assert!(progress.contains(" of 600 acknowledged"), "{progress}");
    }
    for machine in ["TRUCK-21-0001", "TRUCK-21-0004", "MILL-3-0002"] {
        let answer = backend.get(&format!("/samples/{machine}"));
        assert!(answer.contains("[1,150]"), "{answer}");
    }
}

#[test]
fn what_did_not_arrive_is_exit_code_1_and_named() {
    let output = devices(free(), &["--samples", "3", "--every", "10ms"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.starts_with("generated 3, acknowledged 0; connect_error 3"), "{told}");
}

#[test]
fn what_is_no_target_is_refused() {
    for url in ["127.0.0.1:1", "https://127.0.0.1:1", "http://", "ftp://x"] {
        let output = assay(&["devices", "--to", url, "--samples", "1"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{url}: {}", said(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains("error: "), "{}", said(&output));
    }
    for none in ["--samples", "--devices"] {
        let to = free();
        assert_eq!(devices(to, &[none, "0"]).status.code(), Some(2));
    }
}

#[test]
fn a_gateway_goes_on_after_its_breaker_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let addr = free();
    let to = format!("http://{addr}");
    let words = ["--samples", "100", "--devices", "2", "--gateway", "--recovery", "2s"];
    let mut sending = assay(&["devices", "--to", &to])
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = [0];
    // A first line of progress: nobody has answered for a second.
    sending.stderr.as_mut().unwrap().read_exact(&mut told).unwrap();
    let _backend = Backend::start_at(addr, folder.path());
    let output = sending.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("acknowledged 200") && text.contains("connect_error"), "{text}");
}
