//! Wakes up at an instant with the grain of microseconds: tokio's own timers have milliseconds,
//! and those would be reported as lag.
//!
//! Invariant: never early. Linux only: timerfd and prctl.
//! Not here: which instants (`arrivals`).

use crate::clock::Clock;
use assay_slo::At;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// One thread's exact timer.
#[derive(Debug)]
pub(super) struct Timer {
    fd: AsyncFd<OwnedFd>,
}

impl Timer {
    /// A timer on this runtime; also lets the kernel wake this thread without slack (its default
    /// is 50 µs).
    ///
    /// # Errors
    /// What the kernel said: no descriptor left, or not Linux.
    pub(super) fn new() -> io::Result<Timer> {
        rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN))?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Timer { fd: register(fd)? })
    }

    /// Waits until this instant has come; at once if it has. May be dropped and called anew.
    pub(super) async fn wait_until(&self, clock: &Clock, at: At) -> io::Result<()> {
        let target = clock.instant(at);
        loop {
            let left = target.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Itimerspec { it_interval: never, it_value: value };
            timerfd_settime(self.fd.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            let mut ready = self.fd.readable().await?;
            let mut expirations = [0_u8; 8];
            // WouldBlock is the readiness of an earlier, dropped wait: forgotten, waited anew.
            if let Ok(read) = ready
                .try_io(|fd| rustix::io::read(fd.get_ref(), &mut expirations).map_err(Into::into))
            {
                read?;
            }
        }
    }
}

#[expect(unsafe_code, reason = "tokio has no other constructor that is not deprecated")]
fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open and always gives the same descriptor; the AsyncFd owns it, and
    // nothing takes it out before both are dropped together.
    let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn never_early_also_after_a_dropped_wait() {
        let (clock, timer) = (Clock::start(), Timer::new().unwrap());
        for step in 1..20 {
            let at = At(clock.now().0 + 700 * step);
            tokio::select! {
                biased;
                woken = timer.wait_until(&clock, At(at.0 - 500)) => woken.unwrap(),
                () = tokio::task::yield_now() => {}
            }
            timer.wait_until(&clock, at).await.unwrap();
            assert!(clock.now() >= at);
        }
    }
}
