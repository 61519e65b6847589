//! TLS to a link's far end: the link reads what it passes on, so the seal ends here, and another begins.
//!
//! Invariant: the far end is asked for by the name in its service's URL (SNI, and what its certificate must
//! be for); nothing is written to one that could not prove it.
//! Not here: whom a scenario trusts (`plan`, `client::tls`), links that read nothing (`stream`), which pass
//! TLS on untouched.

use super::Links;
use super::conn::Stream;
use crate::client::TlsError;
use crate::client::tls::{config, host_of, why};
use crate::plan;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The way to a far end that speaks TLS.
#[derive(Clone)]
pub(crate) struct Seal {
    connector: TlsConnector,
    name: ServerName<'static>,
    host: Arc<str>,
    /// We show a certificate of our own.
    known: bool,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Seal").field(&self.name).finish()
    }
}

impl Seal {
    /// To the host of `authority` (`host:port`), to speak HTTP/1.1 there.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub(crate) fn new(settings: &plan::Tls, authority: &str) -> Result<Seal, TlsError> {
        let mut config = config(settings)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let host = host_of(authority);
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| TlsError::Name(host.to_owned()))?;
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Seal { connector, name, host: host.into(), known: settings.identity.is_some() })
    }

    /// Agrees on keys over this connection.
    ///
    /// # Errors
    /// Why that failed, and what to do.
    pub(crate) async fn over(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let sealed = self.connector.connect(self.name.clone(), stream).await;
        sealed.map_err(|error| why(&error, &self.host, self.known))
    }
}

impl Links {
    /// The request whose answer a link's far end first broke off without TLS's word for an end, and how many
    /// it did.
    #[must_use]
    pub fn torn(&self, name: &str) -> Option<(String, u64)> {
        self.of(name).ok()?.torn()
    }
}

impl Stream for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }

    fn peer_closed(&self) -> bool {
        self.get_ref().0.peer_closed()
    }
}
