//! How a load's requests are sent: over which connections, to whom they are shown.
//!
//! Invariant: certificates and keys are read at plan time: nothing on disk decides later.
//! Not here: speaking TLS (`client`), what the files must hold (`compile`).

use super::{Plan, Service, ServiceKind, Target, Text, Upstream};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::IpAddr;
use std::sync::Arc;

/// Headers of one connection, which the client writes itself: RFC 9110, 7.6.1.
pub const OF_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How many requests an HTTP/2 connection carries at once: what RFC 9113 (6.5.2) asks servers to
/// allow at least.
const STREAMS: usize = 100;

/// How often a name is looked up anew unless a load says.
const DNS_REFRESH_US: u64 = 5_000_000;

/// How a load's requests are sent.
#[derive(Debug, Clone)]
pub struct Client {
    /// At most so many connections.
    pub connections: usize,
    /// From begun to the whole answer, µs, unless the request says otherwise.
    pub timeout_us: u64,
    /// To connect, µs.
    pub connect_timeout_us: u64,
    /// Sent with every request.
    pub headers: Vec<(String, Text)>,
    /// Over which connections.
    pub transport: Transport,
}

/// Over which connections requests are sent.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// How TLS is spoken; none to a service that is reached in the clear.
    pub tls: Option<Arc<Tls>>,
    /// How a link on the way speaks TLS to its far end; none where there is no such link.
    pub beyond: Option<Arc<Tls>>,
    /// HTTP/2, agreed on with TLS, from the first byte on without.
    pub http2: bool,
    /// A connection this old gets no more requests, µs.
    pub reconnect_us: Option<u64>,
    /// How often the service's name is looked up anew, µs; none where it does not say.
    pub dns_refresh_us: Option<u64>,
    /// So many redirects are followed.
    pub redirects: u32,
    /// Cookies that are set are sent back.
    pub cookies: bool,
    /// Idempotent requests are sent once more after a reset of a kept connection.
    pub retries_idle: bool,
    /// Our own addresses that connections are made from; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
}

impl Client {
    /// How many requests of an open load a connection carries at once.
    #[must_use]
    pub fn streams(&self) -> usize {
        if self.transport.http2 { STREAMS } else { 1 }
    }
}

/// Whom to trust, and who we are.
#[derive(Debug, Default)]
pub struct Tls {
    /// The only authorities that are trusted; those of the machine where there are none.
    pub authorities: Vec<CertificateDer<'static>>,
    /// What we show when the server asks who we are.
    pub identity: Option<Identity>,
    /// Any certificate will do.
    pub insecure: bool,
    /// Where all of this was read.
    pub files: Files,
}

/// The files of TLS settings, as a shell in the same folder reaches them.
#[derive(Debug, Default)]
pub struct Files {
    /// With the authorities.
    pub ca: Option<String>,
    /// With our certificate.
    pub cert: Option<String>,
    /// With its key.
    pub key: Option<String>,
}

/// A certificate with those that lead to its authority, and its key.
#[derive(Debug)]
pub struct Identity {
    /// Our own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

fn is_to(to: &Target, service: &str) -> bool {
    matches!(to, Target::Service(name) if name == service)
}

impl Plan {
    /// How TLS is spoken with a service by whatever has no settings of its own (probes, fleets,
    /// links, the look into a store): as by the first load that goes there, itself or through a
    /// link. None in the clear.
    #[must_use]
    pub fn tls_of(&self, service: &str) -> Option<Arc<Tls>> {
        let planned = self.services.iter().find(|planned| planned.name == service)?;
        if !matches!(planned.kind, ServiceKind::Url { secure: true, .. }) {
            return None;
        }
        let loads = self.loads.iter().map(|load| (&load.to, &load.client));
        let users = self.users.iter().map(|users| (&users.to, &users.client));
        let through = |to: &Target| {
            let link =
                self.links.iter().find(|link| matches!(to, Target::Link(l) if *l == link.name));
            link.is_some_and(|link| matches!(&link.to, Upstream::Service(name) if name == service))
        };
        let first = loads.chain(users).find(|(to, _)| is_to(to, service) || through(to));
        let settings = first.and_then(|(_, Client { transport, .. })| {
            transport.tls.as_ref().or(transport.beyond.as_ref()).cloned()
        });
        Some(settings.unwrap_or_default())
    }

    /// How often the name of a service is looked up anew, µs: as often as any load that goes there
    /// wants it.
    #[must_use]
    pub fn dns_refresh_us(&self, service: &str) -> u64 {
        let loads = self.loads.iter().map(|load| (&load.to, &load.client));
        let users = self.users.iter().map(|users| (&users.to, &users.client));
        let there = loads.chain(users).filter(|(to, _)| is_to(to, service));
        let wanted = there.map(|(_, client)| client.transport.dns_refresh_us);
        wanted.map(|us| us.unwrap_or(DNS_REFRESH_US)).min().unwrap_or(DNS_REFRESH_US)
    }

    /// Whether anything that is sent goes over TLS.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        let loads = self.loads.iter().map(|load| &load.client);
        let users = self.users.iter().map(|users| &users.client);
        let is_sealed =
            |planned: &Service| matches!(planned.kind, ServiceKind::Url { secure: true, .. });
        loads.chain(users).any(|client| client.transport.tls.is_some())
            || self.services.iter().any(is_sealed)
    }

    /// Loads that accept any certificate.
    pub fn insecure(&self) -> impl Iterator<Item = &str> {
        let loads = self.loads.iter().map(|load| (&load.name, &load.client));
        let users = self.users.iter().map(|users| (&users.name, &users.client));
        let insecure = |Client { transport: Transport { tls, beyond, .. }, .. }: &Client| {
            tls.as_ref().or(beyond.as_ref()).is_some_and(|tls| tls.insecure)
        };
        loads
            .chain(users)
            .filter(move |(_, client)| insecure(client))
            .map(|(name, _)| name.as_str())
    }
}
