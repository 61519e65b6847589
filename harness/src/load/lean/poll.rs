//! What a thread waits for: news of its connections, an instant, an order.
//!
//! Invariant: never late by a grain of milliseconds: instants are a timerfd's, set anew for each and
//! never read, which edges allow. Linux only.
//! Not here: what is done then (`mod`).

use crate::clock::Clock;
use assay_slo::At;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use tokio::time::Instant;

const TIMER: u64 = u64::MAX;
const ORDERS: u64 = u64::MAX - 1;
/// News that are taken at once.
const MOST: usize = 256;

/// News of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    /// Its number.
    pub(super) id: usize,
    /// The peer has ended its side, or the connection is broken.
    pub(super) hung: bool,
}

/// The kernel's word for one thread.
pub(super) struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// For when it is set.
    set: Option<At>,
    /// Readable when there is an order, and when nobody is left to give one.
    orders: OwnedFd,
    events: Vec<Event>,
    /// When it was known that there were no more news.
    pub(super) looked: At,
}

impl Poll {
    /// Also lets the kernel wake this thread without slack (its default is 50 µs).
    ///
    /// # Errors
    /// What the kernel said: no descriptor left, or not Linux.
    pub(super) fn new(orders: OwnedFd) -> io::Result<Poll> {
        rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN))?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), edge)?;
        epoll::add(&epoll, &orders, EventData::new_u64(ORDERS), edge)?;
        let events = Vec::with_capacity(MOST);
        Ok(Poll { epoll, timer, set: None, orders, events, looked: At(0) })
    }

    /// Asks for news of a connection, under this number.
    ///
    /// # Errors
    /// What the kernel said: too many are watched.
    pub(super) fn watch(&self, connection: impl AsFd, id: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, connection, EventData::new_u64(id as u64), flags)?)
    }

    /// Waits until there are news or this instant has come; looks only if it has.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn wait(&mut self, clock: &Clock, until: Option<At>) -> io::Result<()> {
        let left = until.map(|at| clock.instant(at).saturating_duration_since(Instant::now()));
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = match left {
            Some(left) if left.is_zero() => Some(&at_once),
            Some(left) if self.set != until => {
                let it_value = Timespec {
                    tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                };
                let once = Itimerspec { it_interval: at_once, it_value };
                timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
                self.set = until;
                None
            }
            _ => None,
        };
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if self.events.len() < MOST {
            self.looked = clock.now();
        }
        Ok(())
    }

    /// Adds the news to these, in order.
    pub(super) fn take_news(&mut self, news: &mut Vec<News>) {
        for event in &self.events {
            match event.data.u64() {
                TIMER => self.set = None,
                // What is written there says nothing: the order stands elsewhere.
                ORDERS => _ = rustix::io::read(&self.orders, &mut [0_u8; 64]),
                id => {
                    let ends = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
                    // A packed struct: its fields are copied, not borrowed.
                    let flags = event.flags;
                    let hung = flags.intersects(ends);
                    if let Ok(id) = usize::try_from(id) {
                        news.push(News { id, hung });
                    }
                }
            }
        }
        self.events.clear();
    }
}
