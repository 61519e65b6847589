//! Between which addresses connections are made, how old they may become, and how many were made.
//!
//! Invariant: addresses are used in turn, each as often as the others; a change of the far ends
//! concerns only connections that are opened after it.
//! Invariant: own addresses that were named are used, or nothing is sent.
//! Not here: looking names up (`service`), consent.

use super::unasked::Unasked;
use assay_slo::At;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Where a service answers: one address or several, which may change.
#[derive(Debug)]
pub struct Ends {
    addrs: RwLock<Vec<SocketAddr>>,
    next: AtomicUsize,
}

impl Ends {
    /// These; without any, nothing can be reached.
    #[must_use]
    pub fn new(addrs: Vec<SocketAddr>) -> Ends {
        Ends { addrs: RwLock::new(addrs), next: AtomicUsize::new(0) }
    }

    /// From now on these.
    pub fn set(&self, addrs: Vec<SocketAddr>) {
        *self.addrs.write().unwrap_or_else(PoisonError::into_inner) = addrs;
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<SocketAddr> {
        self.addrs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next one.
    fn next(&self) -> Option<SocketAddr> {
        let addrs = self.addrs.read().unwrap_or_else(PoisonError::into_inner);
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        addrs.get(at.checked_rem(addrs.len())?).copied()
    }
}

/// How the connections of a load are made.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// The far ends; none: there is only the address of the limits.
    pub ends: Option<Arc<Ends>>,
    /// Our own addresses; empty: the kernel chooses.
    pub sources: Arc<[IpAddr]>,
    /// A connection this old gets no more requests, µs.
    pub reconnect_us: Option<u64>,
    /// How many were opened, and how many of them talked unasked.
    pub unasked: Arc<Unasked>,
    turn: Arc<AtomicUsize>,
}

impl Ways {
    /// From these addresses, in turn.
    #[must_use]
    pub fn new(ends: Option<Arc<Ends>>, sources: &[IpAddr], reconnect_us: Option<u64>) -> Ways {
        Ways { ends, sources: sources.into(), reconnect_us, ..Ways::default() }
    }

    /// Between what the next connection is made; `only` is where there is no choice.
    ///
    /// # Errors
    /// A sentence: none of our own addresses can reach it.
    pub(super) fn next(&self, only: SocketAddr) -> Result<(Option<IpAddr>, SocketAddr), String> {
        let to = self.ends.as_ref().and_then(|ends| ends.next()).unwrap_or(only);
        let fits = |source: &&IpAddr| source.is_ipv4() == to.is_ipv4();
        let fitting = self.sources.iter().filter(fits).count();
        if fitting == 0 && !self.sources.is_empty() {
            let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(format!(
                "no address of `source-addresses` can reach {} (EADDRNOTAVAIL): name one of {family}",
                to.ip()
            ));
        }
        let at = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(fitting);
        let from = at.and_then(|at| self.sources.iter().filter(fits).nth(at)).copied();
        Ok((from, to))
    }

    /// Whether a connection opened then may get another request now.
    pub(super) fn is_young(&self, opened: At, now: impl FnOnce() -> At) -> bool {
        self.reconnect_us.is_none_or(|most| now().0.saturating_sub(opened.0) < most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 80))
    }

    #[test]
    fn addresses_take_turns() {
        let ends = Arc::new(Ends::new(vec![addr(1), addr(2), addr(3)]));
        let sources = [addr(7).ip(), "::1".parse().unwrap(), addr(8).ip()];
        let ways = Ways::new(Some(Arc::clone(&ends)), &sources, None);
        let pairs: Vec<_> = (0..6).map(|_| ways.next(addr(9)).unwrap()).collect();
        let to: Vec<_> = pairs.iter().map(|(_, to)| *to).collect();
        assert_eq!(to, [addr(1), addr(2), addr(3), addr(1), addr(2), addr(3)]);
        // One of another family cannot be used.
        let from: Vec<_> = pairs.iter().map(|(from, _)| from.unwrap()).collect();
        let [seven, eight] = [addr(7).ip(), addr(8).ip()];
        assert_eq!(from, [seven, eight, seven, eight, seven, eight]);
        ends.set(vec![addr(4)]);
        assert_eq!(ways.next(addr(9)).unwrap().1, addr(4));
        ends.set(vec![]);
        assert_eq!(ways.next(addr(9)).unwrap().1, addr(9));
        assert_eq!(Ways::default().next(addr(9)), Ok((None, addr(9))));
        let six = Ways::new(None, &["::1".parse().unwrap()], None);
        let why = six.next(addr(9)).unwrap_err();
        assert!(why.contains("`source-addresses`") && why.contains("IPv4"), "{why}");
    }

    #[test]
    fn a_connection_grows_old() {
        let ways = Ways::new(None, &[], Some(100));
        assert!(ways.is_young(At(50), || At(149)) && !ways.is_young(At(50), || At(150)));
        assert!(Ways::default().is_young(At(0), || At(u64::MAX)));
    }
}
