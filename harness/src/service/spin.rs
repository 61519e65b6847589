//! Spinning: a thread that wants a share of its core's time, and nothing else.
//!
//! Invariant: never more of a period than the share, however long the thread had to wait for its core.
//! Not here: on which core, and for how long (`burner`).

/// One stretch of spinning and resting, as long as the kernel's period of processor time, µs.
pub(super) const PERIOD_US: u64 = 100_000;
/// Steps of one piece of work: some microseconds, so that a look at the clock is a small part of it.
const STEPS: u64 = 5_000;

/// Two clocks, µs: of the time that passes, and of what of it this thread was given.
pub(super) struct Clocks<N, U> {
    pub(super) now: N,
    pub(super) used: U,
}

/// Works until it was given this much of each period, or the period is over; rests until the next one.
/// `rest` gets how long, µs, and says whether to go on.
pub(super) fn spin<N: Fn() -> u64, U: Fn() -> u64>(
    want_us: u64,
    clocks: &Clocks<N, U>,
    mut work: impl FnMut(),
    mut rest: impl FnMut(u64) -> bool,
) {
    let since = |clock: u64, before: u64| clock.saturating_sub(before);
    loop {
        let (begun, before) = ((clocks.now)(), (clocks.used)());
        while since((clocks.used)(), before) < want_us && since((clocks.now)(), begun) < PERIOD_US {
            work();
        }
        if !rest(PERIOD_US.saturating_sub(since((clocks.now)(), begun))) {
            return;
        }
    }
}

/// A piece of work that nobody can leave out.
pub(super) fn piece() {
    let mut sum = 0_u64;
    for step in 0..STEPS {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(step));
    }
    std::hint::black_box(sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// What a thread that wants so much is given in ten periods, where of its own time `others` parts in a
    /// hundred pass as well; and how long that took.
    fn given(want_us: u64, others: u64) -> (u64, u64) {
        let (now, used, periods) = (Cell::new(7), Cell::new(3), Cell::new(0));
        let clocks = Clocks { now: || now.get(), used: || used.get() };
        let work = || {
            used.set(used.get() + 100);
            now.set(now.get() + 100 + others);
        };
        let rest = |left: u64| {
            now.set(now.get() + left);
            periods.set(periods.get() + 1);
            periods.get() < 10
        };
        spin(want_us, &clocks, work, rest);
        (used.get() - 3, now.get() - 7)
    }

    #[test]
    fn alone_it_gets_what_it_wants_and_no_more() {
        assert_eq!(given(80_000, 0), (800_000, 1_000_000));
        assert_eq!(given(1_000, 0), (10_000, 1_000_000));
        assert_eq!(given(PERIOD_US, 0), (1_000_000, 1_000_000));
    }

    #[test]
    fn one_of_two_gets_half_and_goes_on_wanting_for_the_whole_period() {
        assert_eq!(given(80_000, 100), (500_000, 1_000_000));
        // A small wish comes true all the same, only later.
        assert_eq!(given(30_000, 100), (300_000, 1_000_000));
    }

    #[test]
    fn work_takes_time() {
        let before = crate::clock::used_by_thread();
        (0..100).for_each(|_| piece());
        assert!(crate::clock::used_by_thread() > before);
    }
}
