//! Servers with manners, on real sockets.

use super::certificates::{Authority, Own};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers every request.
    Good,
    /// Answers one request on each connection, and says farewell when told to.
    OneEach,
    /// Answers one request, reads another, then closes.
    AnswersOnce,
    /// Speaks another protocol over TLS.
    OtherProtocol,
    /// Asks for a certificate, and closes whatever it is.
    Deaf,
    /// Answers every request, over HTTP/2.
    Http2,
    /// Speaks HTTP in the clear.
    PlainHttp,
    /// Accepts and says nothing.
    Silent,
    /// Closes in the middle of the handshake.
    Closes,
    /// Resets there.
    Resets,
}

#[derive(Debug, Default)]
struct Seen {
    /// The names that clients asked for.
    greeted: Mutex<Vec<Option<String>>>,
    asked: Mutex<usize>,
    /// What a server waits for before it closes, and what it says then.
    close: Notify,
    closed: Notify,
}

/// A server; it ends with the test's runtime.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    /// A good one; `clients` is who must have signed the certificates of its clients.
    pub(super) async fn start(
        own: Own,
        clients: Option<&Authority>,
        version: &'static SupportedProtocolVersion,
    ) -> Server {
        Server::run(Manner::Good, config(own, clients, version)).await
    }

    pub(super) async fn with(manner: Manner, own: Own) -> Server {
        Server::run(manner, config(own, None, &rustls::version::TLS13)).await
    }

    /// One over HTTP/2 that lets in only whom this authority has signed.
    pub(super) async fn http2(own: Own, clients: &Authority) -> Server {
        Server::run(Manner::Http2, config(own, Some(clients), &rustls::version::TLS13)).await
    }

    /// One that asks for a certificate, and closes without a word.
    pub(super) async fn deaf(own: Own, clients: &Authority) -> Server {
        Server::run(Manner::Deaf, config(own, Some(clients), &rustls::version::TLS13)).await
    }

    async fn run(manner: Manner, mut config: ServerConfig) -> Server {
        if manner == Manner::OtherProtocol {
            config.alpn_protocols = vec![b"smtp".to_vec()];
        }
        if manner == Manner::Http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (acceptor, told) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(manner, stream, acceptor.clone(), Arc::clone(&told)));
            }
        });
        Server { addr, seen }
    }

    pub(super) fn greeted(&self) -> Vec<Option<String>> {
        self.seen.greeted.lock().unwrap().clone()
    }

    pub(super) fn asked(&self) -> usize {
        *self.seen.asked.lock().unwrap()
    }

    /// Lets it close a connection, and waits until it has.
    pub(super) async fn close(&self) {
        self.seen.close.notify_one();
        self.seen.closed.notified().await;
    }
}

fn config(
    (chain, key): Own,
    clients: Option<&Authority>,
    version: &'static SupportedProtocolVersion,
) -> ServerConfig {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = default_provider().key_provider.load_private_key(key).unwrap();
    // Whatever the certificate is: `with_single_cert` would look into it.
    builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}

async fn serve(manner: Manner, mut stream: TcpStream, acceptor: TlsAcceptor, seen: Arc<Seen>) {
    match manner {
        Manner::PlainHttp => {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            return;
        }
        Manner::Silent => {
            std::future::pending::<()>().await;
        }
        Manner::Closes | Manner::Resets => {
            let _ = stream.read(&mut [0; 4096]).await;
            if manner == Manner::Resets {
                socket2::SockRef::from(&stream)
                    .set_linger(Some(std::time::Duration::ZERO))
                    .unwrap();
            }
            return;
        }
        Manner::Good
        | Manner::OneEach
        | Manner::AnswersOnce
        | Manner::OtherProtocol
        | Manner::Deaf
        | Manner::Http2 => {}
    }
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    seen.greeted.lock().unwrap().push(name);
    if manner == Manner::Deaf {
        return;
    }
    if manner == Manner::Http2 {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            *seen.asked.lock().unwrap() += 1;
            let mut body = respond.send_response(hyper::Response::new(()), false).unwrap();
            body.send_data(bytes::Bytes::from_static(b"ok"), true).unwrap();
        }
        return;
    }
    while read_request(&mut stream).await {
        *seen.asked.lock().unwrap() += 1;
        if stream.write_all(OK).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match manner {
            Manner::OneEach => {
                seen.close.notified().await;
                stream.shutdown().await.unwrap();
                drop(stream);
                seen.closed.notify_one();
                return;
            }
            Manner::AnswersOnce => {
                read_request(&mut stream).await;
                let _ = stream.shutdown().await;
                return;
            }
            _ => {}
        }
    }
}

/// Reads one request without body; false at the end of the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => seen.push(byte),
            Err(_) => return false,
        }
    }
    true
}
