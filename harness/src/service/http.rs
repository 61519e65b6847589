//! One plain question by HTTP or HTTPS, for readiness and probes; never for measured traffic.
//!
//! Invariant: the question goes to the address given: no proxy of the environment, no redirect
//! and no name look-up can divert it.
//! Not here: what answer is good (`ready`, `probe`), measured requests (`client`).

use super::error::length;
use crate::client::{Ends, tls};
use crate::plan::Tls;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where a service answers.
#[derive(Debug, Clone)]
pub struct Address {
    /// Its socket address.
    pub addr: SocketAddr,
    /// As a client writes it: the `Host` header.
    pub authority: String,
    /// How TLS is spoken there; none in the clear.
    pub tls: Option<Arc<Tls>>,
    /// Where it answers now; none: only at its one address.
    pub ends: Option<Arc<Ends>>,
}

impl Address {
    /// In the clear, and called by its address.
    #[must_use]
    pub fn plain(addr: SocketAddr) -> Address {
        Address { addr, authority: addr.to_string(), tls: None, ends: None }
    }

    /// `https://shop.example:8443`, without a path; in the clear with the address for the host.
    #[must_use]
    pub fn base(&self) -> String {
        match &self.tls {
            Some(_) => format!("https://{}", self.authority),
            None => format!("http://{}", self.addr),
        }
    }

    /// A client of reqwest that reaches this address and no other, under the name of the service.
    ///
    /// # Errors
    /// TLS settings that cannot be used.
    pub fn client(&self) -> Result<reqwest::ClientBuilder, String> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // goose switches it on in reqwest for the whole program.
            .no_gzip();
        let Some(tls) = &self.tls else {
            // As well. Without a store of certificates this would refuse to start.
            return Ok(client.tls_certs_only([]));
        };
        let config = tls::config(tls).map_err(|why| why.to_string())?;
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        Ok(client.tls_backend_preconfigured(config).resolve(host, self.addr))
    }
}

/// The status that `GET` of this path (and query) answers with. The body is not read.
///
/// # Errors
/// Why there is no answer, as the end of a sentence: `connection refused`, `no answer within
/// 2 s`.
pub async fn get(at: &Address, path: &str, timeout: Duration) -> Result<u16, String> {
    let client = at.client()?.timeout(timeout).build().map_err(|why| reason(&why, timeout))?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let request = client
        .get(format!("{}{slash}{path}", at.base()))
        .header(reqwest::header::HOST, &at.authority)
        .header(reqwest::header::CONNECTION, "close");
    match request.send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(why) => Err(reason(&why, timeout)),
    }
}

fn reason(why: &reqwest::Error, timeout: Duration) -> String {
    if why.is_timeout() {
        return format!("no answer within {}", length(timeout));
    }
    innermost(why)
}

/// The innermost cause of an error says most: the outer ones repeat the URL, which may hold a secret.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.kind().to_string(),
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers one connection with this text and returns what was asked.
    async fn asked(answer: &'static str, path: &str) -> (Result<u16, String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = vec![0; 4096];
            let read = stream.read(&mut text).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(text[..read].to_vec()).unwrap()
        });
        let within = Duration::from_secs(20);
        let at = Address { authority: "shop.example:81".to_owned(), ..Address::plain(addr) };
        let status = get(&at, path, within).await;
        // A question that went elsewhere never comes.
        (status, tokio::time::timeout(within, server).await.unwrap().unwrap())
    }

    #[tokio::test]
    async fn asks_with_the_authority_and_returns_the_status() {
        let (status, text) = asked("HTTP/1.1 204 No Content\r\n\r\n", "/health?deep=1&x=%20").await;
        assert_eq!(status, Ok(204));
        assert!(text.starts_with("GET /health?deep=1&x=%20 HTTP/1.1\r\n"), "{text}");
        assert!(text.to_ascii_lowercase().contains("host: shop.example:81\r\n"), "{text}");
        assert!(!text.to_ascii_lowercase().contains("accept-encoding"), "{text}");
    }

    #[test]
    fn no_proxy_of_the_environment_diverts_it() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        for key in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            again.env(key, "http://127.0.0.1:1");
        }
        again.env_remove("NO_PROXY").env_remove("no_proxy").env_remove("REQUEST_METHOD");
        again.args(["service::http::tests::asks_with", "--nocapture"]);
        let output = again.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let answer =
            "HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(asked(answer, "health").await.0, Ok(302));
    }

    #[tokio::test]
    async fn says_why_there_is_none() {
        // Bound and not listening: refused, and nobody else can take it.
        let free = tokio::net::TcpSocket::new_v4().unwrap();
        free.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let free = Address::plain(free.local_addr().unwrap());
        let said = get(&free, "/", Duration::from_secs(20)).await;
        assert_eq!(said, Err("connection refused".into()));
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = Address::plain(silent.local_addr().unwrap());
        let said = get(&at, "/", Duration::from_millis(50)).await;
        assert_eq!(said, Err("no answer within 50 ms".into()));
        assert!(asked("SSH-2.0-OpenSSH_9.2\r\n", "/").await.0.is_err());
        let unspeakable = Address { authority: "a\nb".to_owned(), ..at };
        assert!(get(&unspeakable, "/", Duration::from_secs(20)).await.is_err());
    }
}
