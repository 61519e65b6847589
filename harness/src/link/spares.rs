//! The other addresses of a name that a link leads to, until one of all has answered.
//!
//! A link is bound before what the run starts, and that may listen on any of them: `localhost` is `::1`
//! and 127.0.0.1.
//!
//! Invariant: once a connection was made the far end is that address for good, whoever comes to another.
//! Not here: which addresses may be used (`run`), what is passed on (`relay`).

use super::counts::Counters;
use super::relay::connect;
use super::{LinkError, Links};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

impl Links {
    /// Where a link may lead as well, as long as nothing answers where it leads.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`].
    pub fn may_lead_to(&self, name: &str, addrs: Vec<SocketAddr>) -> Result<(), LinkError> {
        self.of(name)?.set_spares(addrs);
        Ok(())
    }

    /// Where a link may lead, as long as nothing has answered.
    #[must_use]
    pub fn may_lead(&self, name: &str) -> Vec<SocketAddr> {
        self.of(name).map(|counters| counters.spares()).unwrap_or_default()
    }

    /// This is where it answers.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`].
    pub fn settle(&self, name: &str, addr: SocketAddr) -> Result<(), LinkError> {
        let counters = self.of(name)?;
        counters.set_upstream(addr);
        counters.set_spares(Vec::new());
        Ok(())
    }
}

/// Connects to a link's far end.
pub(super) async fn reach(counters: &Counters, client: IpAddr) -> io::Result<TcpStream> {
    let upstream = counters.upstream().ok_or(io::ErrorKind::ConnectionRefused)?;
    let met = connect(upstream, client).await;
    let spares = counters.spares();
    match met {
        // Refused, or an address of a family that this machine has not.
        Err(why) => {
            for spare in spares.into_iter().filter(|spare| *spare != upstream) {
                if let Ok(stream) = connect(spare, client).await {
                    counters.set_upstream(spare);
                    counters.set_spares(Vec::new());
                    return Ok(stream);
                }
            }
            Err(why)
        }
        Ok(stream) => {
            if !spares.is_empty() {
                counters.set_spares(Vec::new());
            }
            Ok(stream)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_first_that_answers_is_the_far_end_for_good() {
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let dead = SocketAddr::from(([127, 0, 0, 2], live.port()));
        let counters = Counters::default();
        counters.set_upstream(dead);
        assert!(reach(&counters, client).await.is_err());
        counters.set_spares(vec![dead, live]);
        assert_eq!(reach(&counters, client).await.unwrap().peer_addr().unwrap(), live);
        assert_eq!(counters.upstream(), Some(live));
        // Whoever comes to another address now is a stranger.
        drop(listener);
        let _stranger = TcpListener::bind(dead).await.unwrap();
        assert!(reach(&counters, client).await.is_err());
        // Once it is said where it answers, nobody else is asked.
        let (links, _events) = Links::start(
            crate::clock::Clock::start(),
            std::sync::Arc::new(crate::record::Edges::new(crate::clock::Clock::start(), vec![])),
            "r",
        )
        .unwrap();
        let (at, _keeper) = crate::link::listener::tests::free_port();
        links.bind("api", at).await.unwrap();
        links.may_lead_to("api", vec![dead, live]).unwrap();
        assert_eq!(links.may_lead("api"), [dead, live]);
        links.settle("api", live).unwrap();
        assert_eq!(links.may_lead("api"), []);
        assert_eq!(links.of("api").unwrap().upstream(), Some(live));
        // One that answers at once needs no other.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        counters.set_upstream(live);
        counters.set_spares(vec![live, dead]);
        assert!(reach(&counters, client).await.is_ok());
        drop(listener);
        assert!(reach(&counters, client).await.is_err());
    }
}
