//! TLS as a scenario wants it: whom to trust, who we are, under which name the peer is asked for.
//!
//! Invariant: without `insecure` nothing is written on a connection whose certificate was not
//! proved to be for the host of the URL.
//! Invariant: the provider of the cryptography is named: the tree holds more than one way to one,
//! and rustls would pick none.
//! Invariant: no session is resumed: the connections of a load stand for different clients.
//! Not here: reading the files (`plan`), the stream (`stream`), why a handshake failed (`reason`).

mod asked;
mod reason;
mod stream;
mod trust;

pub(super) use reason::Failed;
pub(super) use stream::Io;

use super::socket::{Socket, Wire};
use crate::plan;
use asked::{Asked, Asks};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;
use trust::Trust;

/// What HTTP/2 over TLS is called (RFC 9113 3.1).
const HTTP2: &[u8] = b"h2";

/// The way to one host.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    /// As the user wrote it.
    host: Arc<str>,
    /// We show a certificate of our own.
    known: bool,
    http2: bool,
    asked: Arc<Asked>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).field("known", &self.known).finish()
    }
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The host can stand in no certificate.
    #[error("`{0}` is neither a host name nor an address, so no certificate can be for it")]
    Name(String),
    /// What `plan` has let pass is refused after all.
    #[error("its TLS settings cannot be used: {0}")]
    Settings(#[from] rustls::Error),
}

impl Tls {
    /// To the host of `authority` (`host:port`), to speak HTTP/2 or HTTP/1.1 there.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(settings: &plan::Tls, authority: &str, http2: bool) -> Result<Tls, TlsError> {
        let host = host_of(authority);
        let name = ServerName::try_from(host.to_owned());
        let mut config = config(settings)?;
        let asked = Arc::new(Asked::default());
        let ours = Arc::clone(&config.client_auth_cert_resolver);
        config.client_auth_cert_resolver = Arc::new(Asks { ours, asked: Arc::clone(&asked) });
        config.alpn_protocols = vec![if http2 { HTTP2.to_vec() } else { b"http/1.1".to_vec() }];
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            name: name.map_err(|_| TlsError::Name(host.to_owned()))?,
            host: host.into(),
            known: settings.identity.is_some(),
            http2,
            asked,
        })
    }

    /// What is to be said of a handshake that took too long.
    pub(super) fn slow(&self) -> String {
        Failed::slow(&self.host)
    }

    /// Agrees on keys with whoever is at the other end.
    pub(super) async fn greet(&self, socket: &Arc<Socket>) -> io::Result<Io> {
        let wire = Wire(Arc::clone(socket));
        match self.connector.connect(self.name.clone(), wire).await {
            Ok(stream) if self.http2 && stream.get_ref().1.alpn_protocol() != Some(HTTP2) => {
                Err(io::Error::other(Failed::not_spoken(&self.host)))
            }
            Ok(stream) => Ok(Io::sealed(stream, socket)),
            Err(error) => Err(io::Error::other(Failed::of(&error, &self.host, self.known))),
        }
    }

    /// The same as the error of a connection that could not be made.
    pub(super) fn kept_out(&self, alert: &rustls::Error) -> Option<io::Error> {
        self.turned_away(alert).map(|why| io::Error::other(Failed(why)))
    }

    /// It answered, so it has let us in.
    pub(super) fn let_in(&self) {
        self.asked.let_in();
    }

    /// What is to be said of a connection that ended before an answer, if it may have ended because of our
    /// certificate, or because we have none.
    pub(super) fn in_vain(&self) -> Option<String> {
        self.asked.in_vain().then(|| reason::in_vain(&self.host, self.known))
    }

    /// What an alert of the peer says, if it means that we are not let in.
    pub(super) fn turned_away(&self, alert: &rustls::Error) -> Option<String> {
        reason::refused(alert, &self.host, self.known)
    }
}

/// The settings as rustls wants them; without ALPN.
///
/// # Errors
/// A certificate or key that it does not take.
pub fn config(settings: &plan::Tls) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()?;
    let builder =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier(settings)?));
    let mut config = match &settings.identity {
        Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key())?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Makes this process's random numbers ready: the first wait for its entropy, for up to some tenths
/// of a second, which must not be the time of a request.
pub fn warm() {
    // Who gets none here is told by its handshake.
    _ = provider().secure_random.fill(&mut [0; 32]);
}

fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider()))
}

fn verifier(settings: &plan::Tls) -> Result<Trust, rustls::Error> {
    let provider = Arc::clone(provider());
    let signed = WebPkiServerVerifier::builder_with_provider(roots(settings)?, provider).build();
    let signed = signed.map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(Trust { signed, named: settings.authorities.clone(), anyone: settings.insecure })
}

/// Whose signatures are trusted: only the scenario's own authorities where it names any, else the
/// machine's; where it has none (a bare container), those that Mozilla trusts.
fn roots(settings: &plan::Tls) -> Result<Arc<RootCertStore>, rustls::Error> {
    static MACHINE: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if settings.authorities.is_empty() {
        return Ok(Arc::clone(MACHINE.get_or_init(|| Arc::new(machine()))));
    }
    let mut own = RootCertStore::empty();
    for authority in &settings.authorities {
        own.add(authority.clone())?;
    }
    Ok(Arc::new(own))
}

fn machine() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

/// Why a handshake with this host failed, and what to do; `known`: we showed a certificate.
pub(crate) fn why(error: &io::Error, host: &str, known: bool) -> String {
    Failed::of(error, host, known).0
}

/// The host of it, without the brackets of an IPv6 address.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

#[cfg(test)]
mod tests;
