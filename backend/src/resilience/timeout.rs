//! Timeouts by what they limit, and a wrapper that says which one expired.
//!
//! Invariant: what finished in time is never called expired: the work is polled first.
//! Not here: which part of a call is which; whoever makes the call wraps its parts.

use std::time::Duration;

use thiserror::Error;

use super::invalid::{Invalid, at_least_a_microsecond};

/// What a timeout limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Connecting.
    Connect,
    /// Waiting for an answer.
    Read,
    /// Sending a request.
    Write,
    /// Waiting for a free connection of a pool.
    Pool,
    /// A database statement.
    Database,
}

impl Limit {
    /// `connect`, `read`, `write`, `pool` or `database`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Limit::Connect => "connect",
            Limit::Read => "read",
            Limit::Write => "write",
            Limit::Pool => "pool",
            Limit::Database => "database",
        }
    }
}

/// A timeout expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{} timeout: not done after {after:?}", .limit.name())]
pub struct Expired {
    /// Which.
    pub limit: Limit,
    /// The time it had.
    pub after: Duration,
}

/// A time for each [`Limit`]. The default is 5 s to connect and for a pool, 30 s otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    connect: Duration,
    read: Duration,
    write: Duration,
    pool: Duration,
    database: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(30));
        Timeouts { connect: short, read: long, write: long, pool: short, database: long }
    }
}

impl Timeouts {
    /// A time for each limit.
    ///
    /// # Errors
    ///
    /// A time under a microsecond.
    pub fn new(
        connect: Duration,
        read: Duration,
        write: Duration,
        pool: Duration,
        database: Duration,
    ) -> Result<Timeouts, Invalid> {
        let valid = |limit: Limit, time| {
            at_least_a_microsecond(limit.name(), time, "write how long it may take, such as 5s")
        };
        Ok(Timeouts {
            connect: valid(Limit::Connect, connect)?,
            read: valid(Limit::Read, read)?,
            write: valid(Limit::Write, write)?,
            pool: valid(Limit::Pool, pool)?,
            database: valid(Limit::Database, database)?,
        })
    }

    /// The time of a limit.
    #[must_use]
    pub fn of(&self, limit: Limit) -> Duration {
        match limit {
            Limit::Connect => self.connect,
            Limit::Read => self.read,
            Limit::Write => self.write,
            Limit::Pool => self.pool,
            Limit::Database => self.database,
        }
    }

    /// Does the work within a limit's time; what takes longer is dropped.
    ///
    /// # Errors
    ///
    /// [`Expired`], with the limit.
    pub async fn within<F: Future>(&self, limit: Limit, work: F) -> Result<F::Output, Expired> {
        let after = self.of(limit);
        tokio::time::timeout(after, work).await.map_err(|_| Expired { limit, after })
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep};

    use super::*;

    const ALL: [(Limit, u64); 5] = [
        (Limit::Connect, 5),
        (Limit::Read, 30),
        (Limit::Write, 30),
        (Limit::Pool, 5),
        (Limit::Database, 30),
    ];

    #[tokio::test(start_paused = true)]
    async fn each_default_expires_on_time_and_says_which() {
        let timeouts = Timeouts::default();
        for (limit, seconds) in ALL {
            let start = Instant::now();
            let after = Duration::from_secs(seconds);
            let end = timeouts.within(limit, pending::<()>()).await;
            assert_eq!(end, Err(Expired { limit, after }));
            assert_eq!(start.elapsed(), after);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn done_in_the_last_instant_is_done() {
        let timeouts = Timeouts::default();
        let end = timeouts.within(Limit::Connect, sleep(Duration::from_secs(5))).await;
        assert_eq!(end, Ok(()));
    }

    #[test]
    fn a_zero_is_refused_with_what_to_write() {
        let s = Duration::from_secs(1);
        let mistake = Timeouts::new(s, s, s, Duration::ZERO, s).unwrap_err().to_string();
        assert_eq!(mistake, "pool is 0ns: write how long it may take, such as 5s");
        let expired = Expired { limit: Limit::Read, after: 30 * s };
        assert_eq!(expired.to_string(), "read timeout: not done after 30s");
    }
}
