//! Instants and shares as integers: what is compared must be equal on every machine.
//!
//! Not here: any clock. The harness stamps [`At`] from a monotonic clock.

use serde::{Deserialize, Serialize};

/// Microseconds in a second.
pub const SECOND_US: u64 = 1_000_000;

/// A generator that does not look for answers for so long stood still, µs: something has stopped it, and
/// perhaps its whole machine. A machine that is shared takes a thread's turn for some 10 ms again and
/// again, and users hardly notice.
pub const STANDSTILL_US: u64 = 50_000;

/// An instant of a run: microseconds since the run's epoch, a monotonic clock's reading.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct At(pub u64);

impl At {
    /// This instant moved by `us` microseconds; stops at the epoch and at the end of time.
    #[must_use]
    pub fn plus(self, us: i64) -> At {
        At(self.0.saturating_add_signed(us))
    }

    /// Microseconds from `earlier` to this instant, negative if it is the other way round.
    #[must_use]
    pub fn since(self, earlier: At) -> i64 {
        i64::try_from(i128::from(self.0) - i128::from(earlier.0)).unwrap_or(i64::MAX)
    }

    /// The whole second of this instant on the grid that starts at `zero`; negative before it.
    #[must_use]
    pub fn second(self, zero: At) -> i64 {
        self.since(zero).div_euclid(SECOND_US as i64)
    }
}

/// A share of a whole, in parts per billion: 0.1 % is 1 000 000. Exact where a float is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(pub u64);

impl Share {
    /// All of it.
    pub const ONE: Share = Share(1_000_000_000);

    /// The rest: 95 % becomes 5 %.
    #[must_use]
    pub fn rest(self) -> Share {
        Share(Share::ONE.0.saturating_sub(self.0))
    }

    /// As a fraction from 0 to 1: one division, so the nearest double to the decimal text.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0 as f64 / Share::ONE.0 as f64
    }
}

impl std::fmt::Display for Share {
    /// In percent, without trailing zeros: `99.9%`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        let digits = format!("{rest:07}");
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() { write!(f, "{whole}%") } else { write!(f, "{whole}.{digits}%") }
    }
}
