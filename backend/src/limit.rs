//! Limits by client: so many requests a minute, then not until the minute is over.
//!
//! A client's minute begins with its first request. Fixed windows, as the platform has them: what
//! is allowed is easy to say and to test, at the price of up to twice the limit around an edge.
//!
//! Invariant: clients that are silent for a minute are forgotten, so that memory is bounded by the
//! clients of one minute.
//! Not here: who a client is, what is limited.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);

/// A limit for each client.
pub(crate) struct Limit {
    /// Requests a minute; 0 is no limit.
    most: u32,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    windows: BTreeMap<IpAddr, (Instant, u32)>,
    /// When the silent were last forgotten.
    swept: Option<Instant>,
}

impl Limit {
    pub(crate) fn new(most: u32) -> Limit {
        Limit { most, clients: Mutex::default() }
    }

    /// Counts a request of this client.
    ///
    /// # Errors
    /// How long the client should wait, when its minute is used up.
    pub(crate) fn admit(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        if self.most == 0 {
            return Ok(());
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let swept = *clients.swept.get_or_insert(now);
        if now.saturating_duration_since(swept) >= WINDOW {
            clients.windows.retain(|_, (since, _)| now.saturating_duration_since(*since) < WINDOW);
            clients.swept = Some(now);
        }
        let (since, count) = clients.windows.entry(client).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        if *count >= self.most {
            return Err((*since + WINDOW).saturating_duration_since(now));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_so_many_and_each_client_has_its_own() {
        let limit = Limit::new(3);
        let ask = |client| limit.admit(client, Instant::now());
        assert_eq!([ask(ONE), ask(ONE), ask(ONE)], [Ok(()); 3]);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(ask(ONE), Err(Duration::from_secs(40)));
        assert_eq!(ask(OTHER), Ok(()));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(ask(ONE), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_silent_are_forgotten_and_zero_limits_nobody() {
        let limit = Limit::new(1);
        for n in 0..200 {
            let _ = limit.admit(IpAddr::from([10, 0, 1, n]), Instant::now());
        }
        tokio::time::advance(WINDOW).await;
        assert_eq!(limit.admit(ONE, Instant::now()), Ok(()));
        assert_eq!(limit.clients.lock().unwrap().windows.len(), 1);
        let none = Limit::new(0);
        assert!((0..1_000).all(|_| none.admit(ONE, Instant::now()).is_ok()));
    }
}
