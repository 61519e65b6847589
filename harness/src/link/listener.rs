//! A listening socket that can refuse and accept again without giving its port away.
//!
//! Linux: `shutdown` for reading takes a socket out of LISTEN and resets what was waiting to be
//! accepted, but leaves it bound; `listen` on it again resumes. While it refuses, address reuse
//! is switched off, since two sockets that both allow it may share a port when neither listens.
//!
//! Invariant: from `bind` to drop nobody else can bind the port. Linux grants that only to a port
//! that was asked for by number.
//! Not here: what is done with a connection (`proxy`).

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Shutdown, SocketAddr};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted: as many as a load has at most by default, since all
/// of them come back at once when refusing ends, and one too many waits a second to try again.
const BACKLOG: i32 = 4096;

/// The socket; listens from the start.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
}

impl Listener {
    /// Binds and listens. Port 0 is refused: a port that the kernel chose it would also take back.
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<Listener> {
        if addr.port() == 0 {
            let why = "a link needs a port that is known beforehand, not 0";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener { socket })
    }

    /// The address it is bound to.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("the listening socket has no IP address"))
    }

    /// A handle to accept from until the next [`Listener::refuse`]; after it, another is needed,
    /// because the runtime remembers of a handle that reading was shut down.
    pub(crate) fn acceptor(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket.try_clone()?.into())
    }

    /// From here on connects are refused; those not accepted yet are reset.
    pub(crate) fn refuse(&self) -> io::Result<()> {
        self.socket.set_reuse_address(false)?;
        self.socket.shutdown(Shutdown::Read)
    }

    /// From here on connects are accepted again.
    pub(crate) fn resume(&self) -> io::Result<()> {
        self.socket.set_reuse_address(true)?;
        self.socket.listen(BACKLOG)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpStream;

    fn reuse_bind(addr: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        Ok(socket)
    }

    /// A port that nobody else has, and what keeps it so until a link has bound it.
    pub(crate) fn free_port() -> (SocketAddr, Socket) {
        let keeper = reuse_bind("127.0.0.1:0".parse().unwrap()).unwrap();
        (keeper.local_addr().unwrap().as_socket().unwrap(), keeper)
    }

    fn refused(addr: SocketAddr) -> bool {
        TcpStream::connect(addr).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    }

    #[tokio::test]
    async fn refusing_keeps_the_port_and_resuming_accepts_again() {
        let (addr, keeper) = free_port();
        let listener = Listener::bind(addr).unwrap();
        drop(keeper);
        assert_eq!(listener.addr().unwrap(), addr);
        let acceptor = listener.acceptor().unwrap();
        let kept = TcpStream::connect(addr).unwrap();
        let (accepted, _) = acceptor.accept().await.unwrap();
        let mut waiting = TcpStream::connect(addr).unwrap();
        for _ in 0..3 {
            listener.refuse().unwrap();
            assert!(refused(addr));
            let reset = waiting.read(&mut [0]).unwrap_err();
            assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
            // Ours still: neither a plain bind nor one that allows reuse gets it.
            assert!(std::net::TcpListener::bind(addr).is_err());
            assert!(reuse_bind(addr).is_err());
            listener.resume().unwrap();
            assert!(reuse_bind(addr).is_err());
            let acceptor = listener.acceptor().unwrap();
            let again = TcpStream::connect(addr).unwrap();
            let (_, peer) = acceptor.accept().await.unwrap();
            assert_eq!(peer, again.local_addr().unwrap());
            waiting = TcpStream::connect(addr).unwrap();
        }
        // A connection from before is none of the listener's business.
        assert_eq!(accepted.peer_addr().unwrap(), kept.local_addr().unwrap());
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let (addr, _keeper) = free_port();
        let _taken = Listener::bind(addr).unwrap();
        let error = Listener::bind(addr).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let any = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(any.kind(), io::ErrorKind::InvalidInput);
    }
}
