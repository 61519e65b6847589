//! Names to addresses, with consent before anything is sent.
//!
//! Invariant: consent is asked about the very addresses that are used; the name is not looked
//! up again.
//! Not here: the decision (`consent`).

use super::consent::{Deny, bare, consent};
use super::{Refused, ServiceError};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};

/// How long a look-up may take.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);
/// How long a first connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// All addresses of a host, in the resolver's order, each once.
///
/// # Errors
/// [`ServiceError::NoAddress`], within 5 s.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ServiceError> {
    let name = bare(host);
    let failed = |why: String| ServiceError::NoAddress { host: name.clone(), why };
    let found = tokio::time::timeout(LOOK_UP_WITHIN, lookup_host((name.as_str(), port)))
        .await
        .map_err(|_| failed("no answer within 5 s".to_owned()))?
        .map_err(|why| failed(why.to_string()))?;
    let mut addrs: Vec<SocketAddr> = Vec::new();
    for addr in found {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() {
        return Err(failed("the resolver knows none".to_owned()));
    }
    Ok(addrs)
}

/// Looks a host up, asks for consent to load it and chooses the address to use. `deny` is the
/// value of `ASSAY_DENY`, if set; its hosts are looked up too.
///
/// # Errors
/// [`ServiceError::NoAddress`] or [`ServiceError::Refused`]; nothing was sent then.
pub async fn target(
    host: &str,
    port: u16,
    allow: &[String],
    deny: Option<&str>,
) -> Result<SocketAddr, ServiceError> {
    let addrs = consented(host, port, allow, deny).await?;
    choose(&addrs).await.ok_or_else(|| Refused::NoAddress { host: bare(host) }.into())
}

/// All addresses of a host that may receive load; looked up only, nothing is sent there.
///
/// # Errors
/// As [`target`].
pub async fn consented(
    host: &str,
    port: u16,
    allow: &[String],
    deny: Option<&str>,
) -> Result<Vec<SocketAddr>, ServiceError> {
    let mut denied = Deny::parse(deny.unwrap_or_default())?;
    for name in denied.hosts().to_vec() {
        // A denied name without an address denies no address; the name itself stays denied.
        for addr in resolve(&name, port).await.into_iter().flatten() {
            denied.add(&name, addr.ip());
        }
    }
    let addrs = resolve(host, port).await?;
    let ips: Vec<IpAddr> = addrs.iter().map(SocketAddr::ip).collect();
    consent(host, &ips, allow, &denied)?;
    Ok(addrs)
}

/// Looks a host up, asks for consent to load it and gives the addresses to use, and those left out:
/// used are those that accept a connection now, or all where none does. An address that is `known` is
/// used without a try.
///
/// # Errors
/// As [`target`].
pub async fn targets(
    host: &str,
    port: u16,
    allow: &[String],
    deny: Option<&str>,
    known: &[SocketAddr],
) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), ServiceError> {
    let addrs = consented(host, port, allow, deny).await?;
    let (mut accepting, mut silent) = (Vec::new(), Vec::new());
    for addr in &addrs {
        if known.contains(addr) || accepts(*addr).await {
            accepting.push(*addr);
        } else {
            silent.push(*addr);
        }
    }
    Ok(if accepting.is_empty() { (addrs, Vec::new()) } else { (accepting, silent) })
}

async fn accepts(addr: SocketAddr) -> bool {
    let connected = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(addr)).await;
    matches!(connected, Ok(Ok(_)))
}

/// The first address that accepts a connection, else the first: `localhost` often is `::1`
/// before 127.0.0.1, where a server may listen on the latter only. None for none.
pub async fn choose(addrs: &[SocketAddr]) -> Option<SocketAddr> {
    let accepting = if addrs.len() > 1 { accepting(addrs).await } else { None };
    accepting.or_else(|| addrs.first().copied())
}

/// The first address that accepts a connection.
pub async fn accepting(addrs: &[SocketAddr]) -> Option<SocketAddr> {
    for addr in addrs {
        if accepts(*addr).await {
            return Some(*addr);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn addresses_need_no_resolver() {
        let found = resolve("127.0.0.1", 80).await.unwrap();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 80))]);
        assert_eq!(resolve("[::1]", 80).await.unwrap(), ["[::1]:80".parse().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_without_address_is_named() {
        for host in ["no-such-host.invalid", "", "a b", "x\0y"] {
            let said = resolve(host, 80).await.unwrap_err().to_string();
            assert!(said.starts_with(&format!("host `{host}` has no address")), "{said}");
        }
    }

    #[tokio::test]
    async fn takes_the_address_that_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let dead = SocketAddr::from(([127, 0, 0, 2], live.port()));
        assert_eq!(choose(&[dead, live]).await, Some(live));
        assert_eq!(choose(&[dead]).await, Some(dead));
        assert_eq!((accepting(&[dead]).await, accepting(&[dead, live]).await), (None, Some(live)));
        assert_eq!(choose(&[]).await, None);
    }

    #[tokio::test]
    async fn all_addresses_that_accept_are_used() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let port = live.port();
        // Where ::1 is an address of it too, nobody listens there.
        assert_eq!(targets("localhost", port, &[], None, &[]).await.unwrap().0, [live]);
        drop(listener);
        let all = resolve("localhost", port).await.unwrap();
        assert_eq!(targets("localhost", port, &[], None, &[]).await.unwrap().0, all);
        assert_eq!(targets("localhost", port, &[], None, &[live]).await.unwrap().0, [live]);
        assert!(targets("localhost", port, &[], Some("localhost"), &[]).await.is_err());
    }

    #[tokio::test]
    async fn denied_names_are_denied_by_address() {
        assert!(target("127.0.0.1", 80, &[], None).await.is_ok());
        let refused = target("127.0.0.1", 80, &[], Some("localhost")).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Refused(Refused::Denied { .. })), "{refused}");
        let refused = target("192.0.2.1", 80, &[], None).await.unwrap_err();
        assert!(refused.to_string().contains("allow: [192.0.2.1]"), "{refused}");
    }
}
