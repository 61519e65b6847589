//! The smallest open load client there can be: one thread, epoll, one write and one read a
//! request, a look at the status, a histogram. What a request costs when nothing else is done.
//!
//! Not here: timeouts, errors, reports: it stops at the first surprise.

use super::Fallible;
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;

/// More connections than this wait for one; descriptors are few.
const MOST: usize = 900;
const TIMER: u64 = u64::MAX;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// The monotonic clock, ns.
pub(crate) fn now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// `ADDR RATE SECONDS`; prints requests, and p50 and p99 of how late they began, ms.
#[expect(clippy::print_stdout, reason = "who started it reads it")]
pub(crate) fn run(words: &[String]) -> Fallible<()> {
    let [addr, rate, seconds] = words else { return Err("ADDR RATE SECONDS".into()) };
    let (addr, rate, seconds): (SocketAddr, i64, i64) =
        (addr.parse()?, rate.parse()?, seconds.parse()?);
    rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN))?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    // Edge-triggered, it needs no read: setting it anew makes it ready anew.
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    epoll::add(&poll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
    let (mut all, mut idle): (Vec<(TcpStream, i64)>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut lags = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    let mut times = lags.clone();
    let (mut sent, mut done, zero) = (0_i64, 0_i64, now());
    let mut bytes = vec![0; 64 * 1024];
    let mut events: Vec<Event> = Vec::with_capacity(256);
    while done < rate * seconds {
        let at = now();
        while sent < rate * seconds && zero + sent * 1_000_000_000 / rate <= at {
            let due = zero + sent * 1_000_000_000 / rate;
            let place = match idle.pop() {
                Some(place) => place,
                None if all.len() >= MOST => break,
                None => {
                    let stream = TcpStream::connect(addr)?;
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    let data = EventData::new_u64(all.len() as u64);
                    epoll::add(&poll, &stream, data, EventFlags::IN)?;
                    all.push((stream, 0));
                    all.len() - 1
                }
            };
            let Some((stream, since)) = all.get_mut(place) else { continue };
            *since = due;
            lags.saturating_record(u64::try_from(now() - due).unwrap_or(0));
            stream.write_all(REQUEST)?;
            sent += 1;
        }
        let next = zero + sent * 1_000_000_000 / rate;
        let wait = (next - now()).max(1);
        if sent < rate * seconds && !(idle.is_empty() && all.len() >= MOST) {
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let it_value = Timespec { tv_sec: wait / 1_000_000_000, tv_nsec: wait % 1_000_000_000 };
            let once = Itimerspec { it_interval: never, it_value };
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        }
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in events.iter().filter(|event| event.data.u64() != TIMER) {
            let place = usize::try_from(event.data.u64())?;
            let Some((stream, since)) = all.get_mut(place) else { continue };
            let n = stream.read(&mut bytes)?;
            if !bytes.get(..n).is_some_and(|bytes| bytes.starts_with(b"HTTP/1.1 200")) {
                return Err("no good answer".into());
            }
            times.saturating_record(u64::try_from(now() - *since).unwrap_or(0));
            done += 1;
            idle.push(place);
        }
    }
    let ms = |q: f64| lags.value_at_quantile(q) as f64 / 1e6;
    println!("{done} {:.4} {:.4}", ms(0.5), ms(0.99));
    Ok(())
}
