//! A server that costs next to nothing: one thread, epoll, one fixed answer for each request head.
//!
//! Not here: bodies of requests.

use super::Fallible;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use slab::Slab;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nhello world\n";
const DOOR: u64 = u64::MAX;

/// Serves until the process ends; says its address first.
#[expect(clippy::print_stdout, reason = "who started it reads it")]
pub(crate) fn serve() -> Fallible<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &listener, EventData::new_u64(DOOR), EventFlags::IN)?;
    let mut streams: Slab<(TcpStream, usize)> = Slab::new();
    let (mut bytes, mut out) = (vec![0; 64 * 1024], Vec::new());
    let mut events: Vec<Event> = Vec::with_capacity(256);
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let id = event.data.u64();
            if id == DOOR {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let place = streams.vacant_entry();
                let data = EventData::new_u64(place.key() as u64);
                epoll::add(&poll, &stream, data, EventFlags::IN)?;
                place.insert((stream, 0));
                continue;
            }
            let id = usize::try_from(id)?;
            let Some((stream, matched)) = streams.get_mut(id) else { continue };
            let n = match stream.read(&mut bytes) {
                Ok(0) => 0,
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(_) => 0,
            };
            if n == 0 {
                streams.remove(id);
                continue;
            }
            out.clear();
            for byte in bytes.iter().take(n) {
                *matched = match (*matched, byte) {
                    (0 | 2, b'\r') | (1 | 3, b'\n') => *matched + 1,
                    (_, b'\r') => 1,
                    _ => 0,
                };
                if *matched == 4 {
                    *matched = 0;
                    out.extend_from_slice(ANSWER);
                }
            }
            if stream.write_all(&out).is_err() {
                streams.remove(id);
            }
        }
    }
}
