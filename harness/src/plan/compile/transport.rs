//! Connections: TLS with what its files hold.
//!
//! Not here: speaking it (`client`), when it is due (`arrivals`).

use super::loads::Given;
use super::notes::Notes;
use super::{MOST_WAIT_US, positive};
use crate::plan::text::literal;
use crate::plan::{Files, Identity, Link, Service, ServiceKind, Target, Tls, Transport, Upstream};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Words};
use crate::spec::types;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// As browsers do.
const MOST_REDIRECTS: u64 = 20;

/// The longest file of certificates, in bytes.
const LONGEST_FILE: u64 = 4 << 20;

/// The connections of one load; `client` leads to its settings.
pub(super) fn compile(
    settings: &types::Client,
    to: &Target,
    given: Given<'_>,
    client: &Trail,
    notes: &mut Notes<'_>,
) -> Transport {
    let trail = client.key("tls");
    let written = settings.tls.as_ref().map(|tls| self::tls(tls, given.folder, &trail, notes));
    let written = Arc::new(written.unwrap_or_default());
    let secure = is_secure(to, given.services, given.links);
    let beyond = is_secure_beyond(to, given.services, given.links);
    if let (Some(false), false, true) = (secure, beyond, settings.tls.is_some()) {
        let place = match to {
            Target::Service(name) | Target::Link(name) => name,
        };
        let message = format!("`{place}` is not reached over TLS, so these settings say nothing");
        notes.entry(&trail, message, "write `url: \"https://…\"` for it, or leave `tls` out");
    }
    let http2 = settings.protocol == Some(types::Protocol::Http2);
    let reads = |link: &String| given.links.iter().any(|one| one.name == *link && !one.tcp);
    if let (true, Target::Link(link)) = (http2, to)
        && reads(link)
    {
        let message = format!("the link `{link}` speaks only HTTP/1.1");
        let help = "leave `protocol` out, or let the load go to the service itself";
        notes.value(&client.key("protocol"), message, help);
    }
    let mut length = |given: Duration, trail: Trail| positive(given, MOST_WAIT_US, &trail, notes);
    let reconnect_us = settings.reconnect.as_ref();
    let reconnect_us = reconnect_us.map(|r| length(r.every, client.key("reconnect").key("every")));
    let dns_refresh_us = settings.dns_refresh.map(|every| length(every, client.key("dns-refresh")));
    let sources = sources(&settings.source_addresses, &client.key("source-addresses"), notes);
    if let Some(to) = address(to, given.services, given.links)
        && !sources.is_empty()
        && sources.iter().all(|source| source.is_ipv4() != to.is_ipv4())
    {
        let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
        let message = format!("from none of these addresses is there a way to {to}");
        let help = format!("write one of {family}, or leave it out");
        notes.value(&client.key("source-addresses"), message, help);
    }
    let redirects = settings.redirects.map_or(0, |redirects| redirects.0);
    if redirects > MOST_REDIRECTS {
        let message = format!("{redirects} redirects are too many");
        let help = format!("write at most {MOST_REDIRECTS}");
        notes.value(&client.key("redirects"), message, help);
    }
    Transport {
        redirects: u32::try_from(redirects.min(MOST_REDIRECTS)).unwrap_or(0),
        cookies: settings.cookies.is_some_and(|cookies| cookies.0),
        retries_idle: settings.idle_reset == Some(types::IdleReset::RetryOnce),
        http2,
        reconnect_us,
        dns_refresh_us,
        sources,
        beyond: beyond.then(|| Arc::clone(&written)),
        tls: (secure == Some(true)).then_some(written),
    }
}

fn sources(written: &[Words], trail: &Trail, notes: &mut Notes<'_>) -> Vec<IpAddr> {
    let one = |(at, words): (usize, &Words)| {
        let text = literal(words);
        let addr = text
            .parse()
            .ok()
            .filter(|addr: &IpAddr| !addr.is_unspecified() && !addr.is_multicast());
        if addr.is_none() {
            let message = format!("`{}` is no address of a machine", text.escape_debug());
            notes.value(
                &trail.index(at),
                message,
                "write one of this machine's, such as 127.0.0.2",
            );
        }
        addr
    };
    written.iter().enumerate().filter_map(one).collect()
}

/// Where a load connects to, if that is written.
fn address(to: &Target, services: &[Service], links: &[Link]) -> Option<IpAddr> {
    match to {
        Target::Link(name) => {
            let listen = links.iter().find(|link| link.name == *name)?.listen;
            Some(listen.map_or(IpAddr::from([127, 0, 0, 1]), |addr| addr.ip()))
        }
        Target::Service(name) => {
            match &services.iter().find(|service| service.name == *name)?.kind {
                ServiceKind::Url { host, .. } => host.trim_matches(['[', ']']).parse().ok(),
                _ => None,
            }
        }
    }
}

/// Whether a load speaks TLS; none where nobody knows where it goes.
fn is_secure(to: &Target, services: &[Service], links: &[Link]) -> Option<bool> {
    let name = match to {
        Target::Service(name) => name,
        // What such a link passes on untouched is the service's own.
        Target::Link(name) => match links.iter().find(|link| link.name == *name)? {
            Link { tcp: true, to: Upstream::Service(name), .. } => name,
            _ => return Some(false),
        },
    };
    let service = services.iter().find(|service| service.name == *name)?;
    Some(matches!(service.kind, ServiceKind::Url { secure: true, .. }))
}

/// Whether a link that reads stands between, and speaks TLS to its far end in the load's stead.
fn is_secure_beyond(to: &Target, services: &[Service], links: &[Link]) -> bool {
    let Target::Link(name) = to else { return false };
    match links.iter().find(|link| link.name == *name) {
        Some(Link { tcp: false, to: Upstream::Service(name), .. }) => {
            is_secure(&Target::Service(name.clone()), services, links) == Some(true)
        }
        _ => false,
    }
}

fn tls(settings: &types::Tls, folder: &Path, trail: &Trail, notes: &mut Notes<'_>) -> Tls {
    let insecure = settings.insecure.is_some_and(|insecure| insecure.0);
    if insecure && settings.ca.is_some() {
        let message = "any certificate is accepted, so no authority is asked".to_owned();
        notes.value(&trail.key("insecure"), message, "leave `insecure` out, or `ca`");
    }
    let authorities = settings.ca.as_ref().map_or_else(Vec::new, |ca| {
        let trail = trail.key("ca");
        let found = certificates(ca, folder, &trail, notes);
        let mut store = RootCertStore::empty();
        if let Some(Err(why)) = found.iter().map(|one| store.add(one.clone())).find(Result::is_err)
        {
            let message = format!("`{ca}` holds what is no certificate: {why}");
            notes.value(&trail, message, "write a file with the authority's certificate, in PEM");
        }
        found
    });
    let identity = match (&settings.cert, &settings.key) {
        (None, None) => None,
        (Some(cert), Some(key)) => identity(cert, key, folder, trail, notes),
        (cert, _) => {
            let (one, other) = if cert.is_some() { ("cert", "key") } else { ("key", "cert") };
            let message = format!("`{one}` without `{other}` proves nothing");
            notes.value(&trail.key(one), message, format!("write `{other}: FILE` beside it"));
            None
        }
    };
    let place = |file: &Words| folder.join(literal(file)).display().to_string();
    let files = Files {
        ca: settings.ca.as_ref().map(place),
        cert: settings.cert.as_ref().map(place),
        key: settings.key.as_ref().map(place),
    };
    Tls { authorities, identity, insecure, files }
}

fn identity(
    cert: &Words,
    key: &Words,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Identity> {
    let chain = certificates(cert, folder, &trail.key("cert"), notes);
    let way = trail.key("key");
    let text = read(key, folder, &way, notes)?;
    let Ok(key_read) = PrivateKeyDer::from_pem_slice(&text) else {
        let message = format!("`{key}` holds no private key");
        notes.value(&way, message, "write a file with a key in PEM, without a password");
        return None;
    };
    if chain.is_empty() {
        return None;
    }
    let pair = CertifiedKey::from_der(chain.clone(), key_read.clone_key(), &default_provider());
    if let Err(why) = pair {
        let message = format!("`{key}` is not the key of `{cert}`: {why}");
        notes.value(&way, message, "write the key that the certificate was made for");
        return None;
    }
    Some(Identity { chain, key: key_read })
}

/// The certificates of a file; that there is none is told.
fn certificates(
    file: &Words,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<CertificateDer<'static>> {
    let Some(text) = read(file, folder, trail, notes) else { return Vec::new() };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => found,
        _ => {
            let message = format!("`{file}` holds no certificate");
            let help = "write a file in PEM, with `-----BEGIN CERTIFICATE-----`";
            notes.value(trail, message, help);
            Vec::new()
        }
    }
}

fn read(file: &Words, folder: &Path, trail: &Trail, notes: &mut Notes<'_>) -> Option<Vec<u8>> {
    let path = folder.join(literal(file));
    let read = std::fs::metadata(&path).map_err(|error| error.to_string()).and_then(|found| {
        match found.len() {
            _ if !found.is_file() => Err("it is no file".to_owned()),
            bytes if bytes > LONGEST_FILE => Err("it is longer than 4 MiB".to_owned()),
            _ => std::fs::read(&path).map_err(|error| error.to_string()),
        }
    });
    let told = |why: String| {
        let message = format!("cannot read `{}`: {why}", path.display());
        notes.value(trail, message, "the path is relative to the scenario's folder");
    };
    read.map_err(told).ok()
}
