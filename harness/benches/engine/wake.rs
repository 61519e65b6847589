//! The machine's own wake-ups: how late a timer that is set for an instant wakes a thread that does
//! nothing else. No generator can be better than this on the machine.
//!
//! Not here: sending anything (`bare`).

use super::Fallible;
use super::bare::now;
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::num::NonZeroU64;

/// `RATE SECONDS`; prints wake-ups, and p50 and p99 of how late they were, ms.
#[expect(clippy::print_stdout, reason = "who started it reads it")]
pub(crate) fn run(words: &[String]) -> Fallible<()> {
    let [rate, seconds] = words else { return Err("RATE SECONDS".into()) };
    let (rate, seconds): (i64, i64) = (rate.parse()?, seconds.parse()?);
    rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN))?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    epoll::add(&poll, &timer, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
    let mut late = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    let mut events: Vec<Event> = Vec::with_capacity(4);
    let zero = now();
    for k in 0..rate * seconds {
        let due = zero + k * 1_000_000_000 / rate;
        while now() < due {
            let value = Timespec { tv_sec: due / 1_000_000_000, tv_nsec: due % 1_000_000_000 };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Itimerspec { it_interval: never, it_value: value };
            timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once)?;
            events.clear();
            epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        }
        late.saturating_record(u64::try_from(now() - due).unwrap_or(0));
    }
    let ms = |q: f64| late.value_at_quantile(q) as f64 / 1e6;
    println!("{} {:.6} {:.6}", late.len(), ms(0.5), ms(0.99));
    Ok(())
}
