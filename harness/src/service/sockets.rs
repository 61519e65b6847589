//! Who listens where, read from `/proc/net/tcp` and the descriptors of processes.
//!
//! Invariant: what is read only explains; nothing is decided by it, so what cannot be read is left
//! out. [`is_free`] decides, and asks the kernel.
//! Not here: reservation (`ports`), the process table (`table`).

use super::descriptors::inodes;
use super::table::{self, Entry};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A listening TCP socket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listener {
    addr: SocketAddr,
    inode: u64,
}

/// False if somebody listens at this address, or holds it in another way that a service could not
/// get around. Whatever else is wrong with it shows when the service binds it. Never listens
/// itself: a client that connects meanwhile is refused as it should be.
pub(super) fn is_free(addr: SocketAddr) -> bool {
    let bound = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP)).and_then(
        |socket| {
            // As services do: a connection of one that has ended does not count.
            socket.set_reuse_address(true)?;
            socket.bind(&addr.into())
        },
    );
    !bound.is_err_and(|why| why.kind() == ErrorKind::AddrInUse)
}

/// Name and number of the process that listens on this port, if we may know.
pub(super) fn holder(port: u16) -> Option<String> {
    holders(port).first().map(Entry::label)
}

/// All processes that hold a socket which listens on this port, by number, as far as we may know.
pub(super) fn holders(port: u16) -> Vec<Entry> {
    let inodes: Vec<u64> =
        listeners().iter().filter(|l| l.addr.port() == port).map(|l| l.inode).collect();
    let mut table = table::all().unwrap_or_default();
    table.retain(|entry| sockets(entry.pid).any(|socket| inodes.contains(&socket)));
    table
}

/// Whether anybody listens on this port.
pub(super) fn is_listened_on(port: u16) -> bool {
    listeners().iter().any(|listener| listener.addr.port() == port)
}

/// Where these processes listen, in order, each once.
pub(super) fn listening(pids: &[i32]) -> Vec<SocketAddr> {
    let theirs: Vec<u64> = pids.iter().flat_map(|pid| sockets(*pid)).collect();
    let mut found: Vec<SocketAddr> =
        listeners().iter().filter(|l| theirs.contains(&l.inode)).map(|l| l.addr).collect();
    found.sort();
    found.dedup();
    found
}

fn listeners() -> Vec<Listener> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|text| text.lines().filter_map(parse).collect::<Vec<_>>())
        .collect()
}

/// A line's fields: sl, local address, remote address, state (`0A` listens), queues, timer,
/// retransmits, uid, timeout, inode.
fn parse(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != "0A" {
        return None;
    }
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(Listener { addr: (address(ip)?, port).into(), inode: fields.get(9)?.parse().ok()? })
}

/// The kernel prints addresses as 32-bit words in the machine's byte order.
fn address(text: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = text
        .as_bytes()
        .chunks(8)
        .map(|word| {
            let word = std::str::from_utf8(word).ok()?;
            (word.len() == 8).then_some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
        })
        .collect();
    let bytes = words?.concat();
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => Some(Ipv4Addr::from(four).into()),
        Err(_) => {
            let sixteen = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
            Some(IpAddr::from(Ipv6Addr::from(sixteen)).to_canonical())
        }
    }
}

/// Inodes of a process's sockets.
fn sockets(pid: i32) -> impl Iterator<Item = u64> {
    inodes(pid, "socket")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn reads_the_kernel_s_lines() {
        let four = "   0: 0100007F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33111 1 0000000000000000 100 0 0 10 0";
        let six = "   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0";
        if cfg!(target_endian = "little") {
            let listener = parse(four).unwrap();
            assert_eq!(listener, Listener { addr: ([127, 0, 0, 1], 20_000).into(), inode: 33_111 });
            assert_eq!(parse(six).unwrap().addr, (Ipv6Addr::LOCALHOST, 8080).into());
        }
        assert_eq!(parse(&four.replace(" 0A ", " 01 ")), None);
        for junk in ["", "sl local", "0: 01:1 0:0 0A", "0: 0100007é:1 0:0 0A 1 1 1 1 1 1"] {
            assert_eq!(parse(junk), None);
        }
    }

    #[test]
    fn finds_ourselves() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let own = std::process::id();
        assert!(listening(&[i32::try_from(own).unwrap()]).contains(&addr));
        assert!(holder(addr.port()).unwrap().contains(&format!("pid {own}")));
        assert!(!is_free(addr));
        drop(listener);
        assert_eq!(holder(addr.port()), None);
        assert!(is_free(addr));
    }
}
