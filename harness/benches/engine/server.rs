//! A server that costs next to nothing and whose truth is known: one thread, epoll, one fixed answer
//! for each request head; at once, after a delay, or never while it stands still.
//!
//! Not here: bodies of requests.

use super::Fallible;
use super::bare::now;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::thread::{Timespec, nanosleep};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use slab::Slab;
use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nhello world\n";
const DOOR: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const MS: i64 = 1_000_000;

/// How it answers.
#[derive(Debug, Clone, Copy)]
enum Manner {
    AtOnce,
    /// So long after the request, ns.
    After(i64),
    /// Not for so long, again and again, both ns, from the end of the first `every` after the first
    /// request on, less the stall.
    Stalls {
        lasts: i64,
        every: i64,
    },
}

impl Manner {
    fn of(words: &[String]) -> Fallible<Manner> {
        let number = |word: &String| word.parse::<i64>().map(|ms| ms * MS);
        Ok(match words {
            [] => Manner::AtOnce,
            [ms] => Manner::After(number(ms)?),
            [lasts, every] => Manner::Stalls { lasts: number(lasts)?, every: number(every)? },
            _ => return Err("serve [DELAY_MS | STALL_MS EVERY_MS]".into()),
        })
    }

    /// Sleeps while it stands still; `first` is when the first request came.
    fn stand_still(self, first: Option<i64>) {
        let (Manner::Stalls { lasts, every }, Some(first)) = (self, first) else { return };
        let into = (now() - first) % every;
        if into >= every - lasts {
            let left = every - into;
            // Interrupted or not: then it looks again.
            _ = nanosleep(&Timespec {
                tv_sec: left / 1_000_000_000,
                tv_nsec: left % 1_000_000_000,
            });
        }
    }
}

/// Serves until the process ends; says its address first.
#[expect(clippy::print_stdout, reason = "who started it reads it")]
pub(crate) fn serve(words: &[String]) -> Fallible<()> {
    let manner = Manner::of(words)?;
    let door = Socket::new(Domain::IPV4, Type::STREAM.cloexec(), None)?;
    door.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    // Whoever comes while it stands still must find room.
    door.listen(16 * 1024)?;
    let listener = TcpListener::from(door);
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &listener, EventData::new_u64(DOOR), EventFlags::IN)?;
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    epoll::add(&poll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
    let mut streams: Slab<(TcpStream, usize)> = Slab::new();
    let mut waiting: VecDeque<(i64, usize)> = VecDeque::new();
    let mut first = None;
    let mut bytes = vec![0; 64 * 1024];
    let mut events: Vec<Event> = Vec::with_capacity(256);
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        manner.stand_still(first);
        for event in &events {
            let id = event.data.u64();
            if id == DOOR {
                accept(&listener, &poll, &mut streams)?;
                continue;
            }
            if id == TIMER {
                continue;
            }
            let id = usize::try_from(id)?;
            let Some(heads) = heads(&mut streams, id, &mut bytes) else { continue };
            first = first.or_else(|| Some(now()));
            for _ in 0..heads {
                match manner {
                    Manner::After(delay) => waiting.push_back((now() + delay, id)),
                    _ => answer(&mut streams, id),
                }
            }
        }
        while let Some((due, id)) = waiting.front().copied() {
            let left = due - now();
            if left > 0 {
                let at = Timespec { tv_sec: due / 1_000_000_000, tv_nsec: due % 1_000_000_000 };
                let never = Timespec { tv_sec: 0, tv_nsec: 0 };
                let once = Itimerspec { it_interval: never, it_value: at };
                timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once)?;
                break;
            }
            waiting.pop_front();
            answer(&mut streams, id);
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &rustix::fd::OwnedFd,
    streams: &mut Slab<(TcpStream, usize)>,
) -> Fallible<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let place = streams.vacant_entry();
        let data = EventData::new_u64(place.key() as u64);
        epoll::add(poll, &stream, data, EventFlags::IN)?;
        place.insert((stream, 0));
    }
    Ok(())
}

/// How many heads of requests end in what has come; none from a connection that has ended.
fn heads(streams: &mut Slab<(TcpStream, usize)>, id: usize, bytes: &mut [u8]) -> Option<usize> {
    let (stream, matched) = streams.get_mut(id)?;
    let n = match stream.read(bytes) {
        Ok(n) => n,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
        Err(_) => 0,
    };
    if n == 0 {
        streams.remove(id);
        return None;
    }
    let mut heads = 0;
    for byte in bytes.iter().take(n) {
        *matched = match (*matched, byte) {
            (0 | 2, b'\r') | (1 | 3, b'\n') => *matched + 1,
            (_, b'\r') => 1,
            _ => 0,
        };
        if *matched == 4 {
            *matched = 0;
            heads += 1;
        }
    }
    Some(heads)
}

fn answer(streams: &mut Slab<(TcpStream, usize)>, id: usize) {
    // Whoever has gone is noticed where it is read from.
    if let Some((stream, _)) = streams.get_mut(id) {
        _ = stream.write_all(ANSWER);
    }
}
