//! Who may receive load: decided by the addresses that a name leads to, not by the name.
//!
//! Invariant: an address on this machine's loopback needs no consent, every other needs its
//! host's name in `allow`; what is denied is never touched, allowed or not, loopback or not.
//! Invariant: a denial that cannot be read denies everything: it must not be lost by a typo.
//! Not here: looking names up (`resolve`).

use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;

/// The environment variable with what is never touched.
const DENY: &str = "ASSAY_DENY";

/// Why load may not go somewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It leaves this machine and nobody allowed it.
    #[error(
        "load may not leave this machine: `{host}` is {addr}; if you may load it, write \
         `allow: [{host}]` in the scenario"
    )]
    NotAllowed {
        /// The host.
        host: String,
        /// Its first address beyond loopback.
        addr: IpAddr,
    },
    /// It is on the list of what is never touched.
    #[error("`{host}` ({addr}) is never touched: ASSAY_DENY lists `{entry}`")]
    Denied {
        /// The host.
        host: String,
        /// The address.
        addr: IpAddr,
        /// The entry that denies it.
        entry: String,
    },
    /// The list cannot be read.
    #[error(
        "{DENY} has `{entry}`, which is no host, address or network (such as 10.0.0.0/8); \
         nothing is touched until it is corrected"
    )]
    Unreadable {
        /// The entry.
        entry: String,
    },
    /// A name without an address.
    #[error("`{host}` has no address")]
    NoAddress {
        /// The host.
        host: String,
    },
}

/// Hosts and networks that are never touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deny {
    hosts: Vec<String>,
    networks: Vec<(IpNet, String)>,
}

impl Deny {
    /// Reads `ASSAY_DENY`'s value: hosts, addresses and networks, separated by commas.
    ///
    /// # Errors
    /// [`Refused::Unreadable`] for the first entry that is none of these.
    pub fn parse(text: &str) -> Result<Deny, Refused> {
        let mut deny = Deny::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Ok(network) = entry.parse::<IpNet>() {
                deny.networks.push((canonical(network), entry.to_owned()));
            } else if let Some(addr) = literal(entry) {
                deny.networks.push((IpNet::from(addr), entry.to_owned()));
            } else if is_host(entry) {
                deny.hosts.push(bare(entry));
            } else {
                return Err(Refused::Unreadable { entry: entry.to_owned() });
            }
        }
        Ok(deny)
    }

    /// The denied host names.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Denies an address that a denied host leads to, under whatever name it is reached.
    pub fn add(&mut self, host: &str, addr: IpAddr) {
        self.networks.push((IpNet::from(addr.to_canonical()), host.to_owned()));
    }

    fn entry_for(&self, host: &str, addr: IpAddr) -> Option<String> {
        let network = self.networks.iter().find(|(network, _)| network.contains(&addr));
        network
            .map(|(_, entry)| entry.clone())
            .or_else(|| self.hosts.iter().find(|name| **name == host).cloned())
    }
}

/// Decides whether a host with these addresses may receive load. `allow` holds host names or
/// addresses.
///
/// # Errors
/// The first reason against it; the message says what to write.
pub fn consent(host: &str, addrs: &[IpAddr], allow: &[String], deny: &Deny) -> Result<(), Refused> {
    let name = bare(host);
    if addrs.is_empty() {
        return Err(Refused::NoAddress { host: name });
    }
    let addrs: Vec<IpAddr> = addrs.iter().map(IpAddr::to_canonical).collect();
    for addr in &addrs {
        if let Some(entry) = deny.entry_for(&name, *addr) {
            return Err(Refused::Denied { host: name, addr: *addr, entry });
        }
    }
    let is_allowed = allow.iter().any(|allowed| is_same(allowed, &name));
    match addrs.iter().find(|addr| !addr.is_loopback()) {
        Some(addr) if !is_allowed => Err(Refused::NotAllowed { host: name, addr: *addr }),
        _ => Ok(()),
    }
}

/// A host as it is compared: lower case, without the brackets of an IPv6 address and the dot
/// that ends a full name.
pub(super) fn bare(host: &str) -> String {
    let host = host.trim();
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    inner.strip_suffix('.').unwrap_or(inner).to_ascii_lowercase()
}

fn is_same(allowed: &str, name: &str) -> bool {
    match (literal(allowed), literal(name)) {
        (Some(one), Some(other)) => one == other,
        _ => bare(allowed) == name,
    }
}

fn literal(text: &str) -> Option<IpAddr> {
    bare(text).parse().ok().map(|addr: IpAddr| addr.to_canonical())
}

/// A network of IPv4 addresses written as IPv6 is one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    if let IpNet::V6(six) = network
        && let (Some(four), Some(prefix)) =
            (six.addr().to_ipv4_mapped(), six.prefix_len().checked_sub(96))
        && let Ok(four) = Ipv4Net::new(four, prefix)
    {
        return IpNet::V4(four);
    }
    network
}

/// Letters, digits, `-`, `_` and dots, and not a number in disguise: `10.0.0.300` is a typo.
fn is_host(text: &str) -> bool {
    let name = bare(text);
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.split('.').any(str::is_empty)
        && name.rsplit('.').next().is_some_and(|last| !last.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
