//! Far ends that close TLS without saying so (`close_notify`): what was whole is whole, what was not is told.

use super::peers::*;
use crate::plan::Tls;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A link to a far end that gives each connection this and closes it, in words or without.
async fn link(answer: &'static str, says: bool) -> Api {
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
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            read_head(&mut stream).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            if says {
                stream.shutdown().await.unwrap();
            }
        }
    });
    let api = Api::to(addr).await;
    let trusts = Tls { insecure: true, ..Tls::default() };
    let authority = format!("localhost:{}", addr.port());
    api.links.seal_upstream("api", &trusts, &authority).unwrap();
    api
}

/// What a client gets before its connection ends in peace, and what is told.
async fn got(answer: &'static str, says: bool) -> (String, Option<(String, u64)>) {
    let api = link(answer, says).await;
    let mut client = api.raw().await;
    send(&mut client, "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut heard = String::new();
    within(client.read_to_string(&mut heard)).await.unwrap();
    (heard, api.links.torn("api"))
}

#[tokio::test]
async fn an_answer_that_is_whole_by_its_length_is_no_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        assert_eq!(got(answer, false).await, (answer.to_owned(), None));
        assert_eq!(got(answer, true).await, (answer.to_owned(), None));
    }
}

#[tokio::test]
async fn one_that_only_its_connection_ends_is_passed_on_as_not_whole_and_told() {
    let answer = "HTTP/1.1 200 OK\r\n\r\nhello";
    let (heard, told) = got(answer, false).await;
    assert!(heard.ends_with("\r\n\r\n5\r\nhello\r\n"), "no last chunk: {heard}");
    assert_eq!(told, Some(("GET `/a`".to_owned(), 1)));
    // The twin: one that says so is whole.
    let (heard, told) = got(answer, true).await;
    assert!(heard.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{heard}");
    assert_eq!(told, None);
}
