//! A stream that is being opened, and an attempt that got none.
//!
//! Invariant: nothing blocks.
//! Not here: whether it is there (`mod`).

use crate::client::attempt::Exchange;
use crate::client::classify::{self, NoConnection};
use assay_slo::{At, Outcome};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

/// One that got no connection.
pub(super) fn unopened(begun: At, done: At, error: &io::Error) -> Exchange {
    let refused = classify::connect(error) == NoConnection::Refused;
    Exchange { refused, ..Exchange::unanswered(begun, done, Outcome::ConnectError) }
}

/// Begins to open a stream, from this address of ours if one is given.
pub(super) fn dial(from: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking().cloexec(), None)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(socket.into()),
    }
}
