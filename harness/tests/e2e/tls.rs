//! Services over TLS as a user meets them: loads, users and probes, and what a wrong certificate
//! is told as.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, assay, in_turn, said, verdict};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A server called `localhost`, that answers everything with 200, until the test ends.
struct Server {
    addr: SocketAddr,
    /// Its certificate, which signed itself.
    pem: String,
    /// How many connections there were.
    connections: Arc<AtomicU64>,
}

fn server(http2: bool) -> Server {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        );
    let mut config = config.unwrap();
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let connections = Arc::<AtomicU64>::default();
    let seen = Arc::clone(&connections);
    let (told, addr) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                seen.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(acceptor.clone(), stream, http2));
            }
        });
    });
    Server { addr: addr.recv().unwrap(), pem: certificate.pem(), connections }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream, http2: bool) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    if http2 {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut body = respond.send_response(hyper::Response::new(()), false).unwrap();
            body.send_data(bytes::Bytes::from_static(b"ok"), true).unwrap();
        }
        return;
    }
    let mut seen = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        seen.push(byte);
        if seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(ok).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

fn figures(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("figures.json")).unwrap()).unwrap()
}

#[test]
fn a_url_over_tls_is_loaded_as_any_other() {
    let server = server(false);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &server.pem).unwrap();
    let url = format!("https://localhost:{}/", server.addr.port());
    let load = |out: &str, more: &[&str]| {
        let words = ["load", &url, "--rate", "50/s", "--for", "1s", "--out", out];
        let words = [&words[..], &["--json", "figures.json"], more].concat();
        in_turn(assay(&words).current_dir(folder.path()))
    };
    let output = load("right", &["--ca", "ca.pem", "--save-scenario", "saved.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(
        (&figures(folder.path())["errors"], figures(folder.path())["requests"].as_u64()),
        (&0.into(), Some(50))
    );
    let saved = std::fs::read_to_string(folder.path().join("saved.yaml")).unwrap();
    assert!(saved.contains(&format!("ca: {}", folder.path().join("ca.pem").display())), "{saved}");

    // Nobody that this machine trusts has signed it: all are errors, and the report says what to do.
    let output = load("strange", &["--error-rate", "50%"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(figures(folder.path())["errors"], 50);
    let findings = verdict(&folder.path().join("strange"))["findings"].to_string();
    assert!(findings.contains("signed by nobody that is trusted here"), "{findings}");

    let output = load("insecure", &["--insecure"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let findings = verdict(&folder.path().join("insecure"))["findings"].to_string();
    assert!(findings.contains("accepts any certificate"), "{findings}");
}

#[test]
fn loads_users_and_probes_trust_the_same() {
    let server = server(false);
    let plain = crate::common::Server::ok();
    let case = Case::new(&format!(
        "schema: 1
name: sealed
services:
  shop: {{url: \"https://localhost:{}\"}}
  other: {{url: \"http://{}\"}}
links:
  front: {{to: other}}
steady-state: {{probes: [{{http: {{service: shop, path: /health}}}}]}}
load:
  visitors:
    constant-arrival-rate: {{rate: 100/s, duration: 6s, to: shop, client: {{tls: {{ca: ca.pem}}}}, requests: [{{get: {{path: /}}}}]}}
  others:
    constant-arrival-rate: {{rate: 100/s, duration: 6s, to: front, requests: [{{get: {{path: /}}}}]}}
  crowd:
    constant-vus: {{vus: 2, duration: 6s, to: shop, client: {{tls: {{ca: ca.pem}}}}, journey: [{{get: {{path: /x}}}}, {{pause: 100ms}}]}}
faults:
  half: {{error: {{link: front, status: 503, at: 3s, duration: 1s, recovery: 1s}}}}
objectives:
  errors: {{error-rate: {{below: 5%, of: [visitors], during: [all]}}}}
",
        server.addr.port(),
        plain.addr
    ));
    std::fs::write(case.folder.path().join("ca.pem"), &server.pem).unwrap();
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let verdict = verdict(&case.out());
    let loads = verdict["loads"].to_string();
    assert!(!loads.contains("connect_error") && !loads.contains("protocol_error"), "{loads}");
    let journal = std::fs::read_to_string(case.out().join("journal.jsonl")).unwrap();
    assert!(journal.contains("GET /health of shop answered 200"), "{journal}");
}

#[test]
fn http2_shares_connections_where_nobody_waits_for_answers() {
    let server = server(true);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &server.pem).unwrap();
    let url = format!("https://localhost:{}/", server.addr.port());
    let load = |out: &str, more: &[&str]| {
        let words = ["load", &url, "--for", "1s", "--out", out, "--json", "figures.json"];
        let words = [&words[..], &["--ca", "ca.pem"], more].concat();
        let output = in_turn(assay(&words).current_dir(folder.path()));
        (output, server.connections.swap(0, Ordering::Relaxed))
    };
    let (output, connections) = load("open", &["--rate", "500/s", "--http2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let figures = figures(folder.path());
    assert_eq!((&figures["requests"], &figures["errors"]), (&500.into(), &0.into()));
    // The address of `localhost` that answers is looked for with one more.
    assert!((1..=8).contains(&connections), "{connections}");

    let (output, connections) = load("closed", &["--closed", "--connections", "5", "--http2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!((5..=6).contains(&connections), "{connections}");

    // A server that speaks only the other version is told apart.
    let (output, _) = load("other", &["--rate", "50/s", "--error-rate", "50%"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let findings = verdict(&folder.path().join("other"))["findings"].to_string();
    assert!(findings.contains("http1 or http2"), "{findings}");
}

#[test]
fn each_user_has_an_http2_connection_of_its_own() {
    let server = server(true);
    let case = Case::new(&format!(
        "schema: 1
name: users-http2
services: {{shop: {{url: \"https://localhost:{}\"}}}}
load:
  crowd:
    constant-vus: {{vus: 3, duration: 2s, client: {{protocol: http2, tls: {{ca: ca.pem}}}}, journey: [{{get: {{path: /x}}}}, {{pause: 20ms}}]}}
objectives: {{none: {{error-count: {{at-most: 0, during: [all]}}}}}}
",
        server.addr.port()
    ));
    std::fs::write(case.folder.path().join("ca.pem"), &server.pem).unwrap();
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let connections = server.connections.load(Ordering::Relaxed);
    assert!((3..=4).contains(&connections), "{connections}");
}

/// A link reads what it passes on to a service over TLS, so faults of single requests act on it; the
/// service is asked for by its own name, and trusted as the load says.
#[test]
fn a_link_takes_the_seal_off_and_puts_another_on() {
    let server = server(false);
    let scenario = |client: &str| {
        format!(
            "schema: 1
name: sealed
seed: 3
services: {{shop: {{url: \"https://localhost:{}\"}}}}
links: {{front: {{to: shop}}}}
load:
  visitors:
    constant-arrival-rate:
      {{rate: 50/s, duration: 11s, to: front, client: {{{client}}}, requests: [{{get: {{path: /}}}}]}}
faults: {{half: {{error: {{link: front, status: 503, affects: {{quota: 50%}}, at: 3s, duration: 2s, recovery: 1s}}}}}}
objectives: {{errors: {{error-rate: {{below: 5%}}}}}}
",
            server.addr.port()
        )
    };
    let case = Case::new(&scenario("tls: {ca: ca.pem}"));
    std::fs::write(case.folder.path().join("ca.pem"), &server.pem).unwrap();
    let output = case.run(&[]);
    // Whether the generator kept up on a busy machine is not the question.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", said(&output));
    let fault = &verdict(&case.out())["faults"][0];
    assert_eq!(fault["effect"], "took effect", "{fault}");
    let hit = fault["injected"].as_u64().unwrap();
    assert!((40..=60).contains(&hit), "{fault}");

    let strange = Case::new(&scenario(""));
    let output = strange.run(&[]);
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("link `front` could not reach its far end"),
        "{}",
        said(&output)
    );
}
