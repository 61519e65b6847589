//! What a thread waits for: news of its connections, an instant, an order.
//!
//! Invariant: never late by a grain of milliseconds: instants are a timerfd's, set anew for each and
//! never read, which edges allow. Linux only.
//! Not here: what is done then (`mod`).

use crate::client::AWAY_US;
use crate::clock::Clock;
use crate::load::away::{Away, BEAT_US};
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

/// Where more news come than are taken at once, those of an instant are taken within so long, µs.
const BEHIND_US: u64 = 100_000;

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
    /// When it was last looked for news.
    returned: Option<At>,
    /// When it was looked for much later than asked.
    pub(super) away: Away,
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
        let (looked, returned, away) = (At(0), None, Away::default());
        Ok(Poll { epoll, timer, set: None, orders, events, looked, returned, away })
    }

    /// Asks for news of a connection, under this number.
    ///
    /// # Errors
    /// What the kernel said: too many are watched.
    pub(super) fn watch(&self, connection: impl AsFd, id: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, connection, EventData::new_u64(id as u64), flags)?)
    }

    /// Waits until there are news, or this instant or the next beat has come; looks only if it has.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn wait(&mut self, clock: &Clock, until: At) -> io::Result<()> {
        let now = Instant::now();
        let entered = clock.stamp(now);
        // A beat is an instant of a grid, so that the timer is set for it once.
        let beat = At((entered.0 / BEAT_US + 1).saturating_mul(BEAT_US));
        let until = if until.0.saturating_sub(entered.0) > BEAT_US { beat } else { until };
        let left = clock.instant(until).saturating_duration_since(now);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut timeout = if left.is_zero() { Some(&at_once) } else { None };
        if !left.is_zero() && self.set != Some(until) {
            let it_value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let once = Itimerspec { it_interval: at_once, it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            self.set = Some(until);
        }
        self.events.clear();
        loop {
            let room = rustix::buffer::spare_capacity(&mut self.events);
            match epoll::wait(&self.epoll, room, timeout) {
                Ok(_) => break,
                // Whoever was stopped and goes on hears this first, and nothing of what has come meanwhile.
                Err(rustix::io::Errno::INTR) => timeout = Some(&at_once),
                Err(error) => return Err(error.into()),
            }
        }
        let now = clock.now();
        if let Some(away) = self.was_away(entered, until, now) {
            self.away.note(away, now);
        }
        self.returned = Some(now);
        if self.events.len() < MOST {
            self.looked = now;
        }
        Ok(())
    }

    /// Since when the thread did not look, if it is back much later than it had asked, or came late to
    /// asking.
    fn was_away(&self, entered: At, until: At, now: At) -> Option<At> {
        let returned = self.returned?;
        let (busy, overslept) = (entered.since(returned), now.since(until.max(entered)).max(0));
        (busy.saturating_add(overslept) >= AWAY_US.cast_signed()).then_some(returned)
    }

    /// Who was answered by then has been heard. Where more come than are taken at once, those that have
    /// come first are the first to be taken.
    pub(super) fn heard_by(&self) -> At {
        let returned = self.returned.unwrap_or_default();
        self.looked.max(At(returned.0.saturating_sub(BEHIND_US)))
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
