//! Consent to load and to faults, asked about resolved addresses.
//!
//! Not here: the decision about an address (`service`), what a scenario may say (`plan`).

use super::names::host_of;
use crate::plan::Link;
use crate::service;
use std::net::{IpAddr, SocketAddr};

/// All addresses of a host that may receive load; those known are not tried.
///
/// # Errors
/// A sentence: it has none, or may not.
pub(super) async fn all_consented(
    host: &str,
    port: u16,
    allow: &[String],
    known: &[SocketAddr],
) -> Result<Vec<SocketAddr>, String> {
    Ok(all_and_silent(host, port, allow, known).await?.0)
}

/// The same, and those of its addresses that are left out since they accepted no connection.
///
/// # Errors
/// As [`all_consented`].
pub(super) async fn all_and_silent(
    host: &str,
    port: u16,
    allow: &[String],
    known: &[SocketAddr],
) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), String> {
    let deny = std::env::var("ASSAY_DENY").ok();
    let found = service::targets(host, port, allow, deny.as_deref(), known).await;
    found.map_err(|e| e.to_string())
}

/// What is to be told of a service's addresses that are left out. That `localhost` answers on one of
/// its two is usual.
pub(super) fn silence(service: &str, host: &str, silent: &[SocketAddr]) -> Option<String> {
    let named = silent.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!silent.is_empty() && !host.eq_ignore_ascii_case("localhost")).then(|| {
        format!(
            "service {service}: {named} of `{host}` accepted no connection when the run began, so \
             nothing of this run's load went there then"
        )
    })
}

/// The address of a host that may receive load.
///
/// # Errors
/// As [`all_consented`].
pub(super) async fn consented(
    host: &str,
    port: u16,
    allow: &[String],
) -> Result<SocketAddr, String> {
    let deny = std::env::var("ASSAY_DENY").ok();
    service::target(host, port, allow, deny.as_deref()).await.map_err(|e| e.to_string())
}

/// All addresses of a name of this machine on none of which anything answers yet: none of another name.
pub(super) async fn silent_here(host: &str, port: u16, allow: &[String]) -> Vec<SocketAddr> {
    let deny = std::env::var("ASSAY_DENY").ok();
    let found = service::consented(host, port, allow, deny.as_deref()).await;
    let addrs = found.unwrap_or_default();
    let here = addrs.len() > 1 && addrs.iter().all(|addr| is_here(addr.ip()));
    if here && service::accepting(&addrs).await.is_none() { addrs } else { Vec::new() }
}

/// Faults may reach an address beyond loopback only where that was allowed by name.
///
/// # Errors
/// A sentence that says how to allow it.
pub(super) fn consent_to_faults(authority: &str, allowed: &[String]) -> Result<(), String> {
    let host = host_of(authority);
    if allowed.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(format!(
        "faults would reach {host}, which is not loopback: add --allow-faults {host} if you may break it"
    ))
}

/// A link beyond loopback is open to the containers of this machine, and to nobody else.
///
/// # Errors
/// A sentence that says where it may listen.
pub(super) fn may_listen(link: &Link) -> Result<(), String> {
    match link.listen.map(|listen| listen.ip()) {
        Some(IpAddr::V4(ip)) if !ip.is_loopback() && !service::is_bridged(ip) => Err(format!(
            "link {}: {ip} is in no network of containers on this machine, and a fault proxy is \
             open to whoever reaches it: let it listen on 127.0.0.1, or on this machine's address \
             in such a network (`docker network inspect bridge` tells its gateway)",
            link.name
        )),
        _ => Ok(()),
    }
}

/// Whether an address is on this machine for certain: on loopback, or a container's in a network that
/// never leaves it.
pub(super) fn is_here(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || service::is_bridged(ip),
        IpAddr::V6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_accepts_nothing_is_told_unless_it_is_usual() {
        let dead = std::net::SocketAddr::from(([127, 0, 0, 2], 80));
        let told = silence("shop", "shop.test", &[dead]).unwrap();
        assert!(
            told.starts_with("service shop: 127.0.0.2:80 of `shop.test` accepted no"),
            "{told}"
        );
        assert_eq!(silence("shop", "shop.test", &[]), None);
        assert_eq!(silence("shop", "localhost", &[dead]), None);
    }

    #[test]
    fn this_machine_is_its_loopback_and_never_a_network_that_leaves_it() {
        for (ip, here) in [
            ("127.0.0.2", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.0.2.1", false),
            ("203.0.113.9", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_here(ip.parse().unwrap()), here, "{ip}");
        }
    }
}
