//! Time, injected: one monotonic clock per run, and the wall clock for names and dates.
//!
//! Invariant: everything that is measured reads [`Clock`], which tokio's paused runtime can move;
//! std's clocks are banned by lint everywhere else.
//! Not here: due times (see `load`), which are arithmetic.

use assay_slo::At;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Duration, Instant};

/// A run's clock: µs since its epoch.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock whose epoch is now.
    #[must_use]
    pub fn start() -> Clock {
        Clock { epoch: Instant::now() }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> At {
        self.stamp(Instant::now())
    }

    /// An instant as µs since the epoch; earlier ones are the epoch.
    #[must_use]
    pub fn stamp(&self, instant: Instant) -> At {
        let since = instant.saturating_duration_since(self.epoch);
        At(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// Sleeps until this instant has come; at once if it has. Millisecond grain.
    pub async fn sleep_until(&self, at: At) {
        tokio::time::sleep_until(self.instant(at)).await;
    }

    /// The runtime's instant of a stamp.
    #[must_use]
    pub fn instant(&self, at: At) -> Instant {
        self.epoch + Duration::from_micros(at.0)
    }
}

/// Processor time that this thread has used, µs.
#[must_use]
pub fn used_by_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000).saturating_add(nanos.unwrap_or(0) / 1000)
}

/// How late tokio's timers come in the mean: they round up to a whole millisecond, and so does the
/// kernel's wait for them. A little less, so that on a paused clock, whose instants are whole
/// milliseconds, nothing is early.
const LATE: Duration = Duration::from_micros(900);

/// For when to set a timer, so that what it is for happens so long after `from` in the mean, each
/// time within a millisecond; none if that is never.
#[must_use]
pub fn wake_after(from: Instant, after: Duration) -> Option<Instant> {
    from.checked_add(after.saturating_sub(early(after)))
}

/// How much less than this delay what [`wake_after`] times may take.
#[must_use]
pub fn early(after: Duration) -> Duration {
    LATE.min(after / 2)
}

/// The system's own clock, ms: all processes share it and nobody sets it. It stands still while the
/// machine is suspended, as [`Clock`] does.
#[must_use]
pub fn steady_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let ms = now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or(0)
}

/// The date, for directory names and report heads; nothing is measured with it.
#[must_use]
pub fn wall() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
