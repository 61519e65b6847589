//! Reserves addresses, so that services and links of runs side by side do not meet.
//!
//! Invariant: two living [`Reservation`]s of one user never hold the same address, in whatever
//! processes they live: each holds the lock on its port's lock file. A lock dies with its
//! process, so nothing needs cleaning up after a crash.
//! Invariant: automatic ports lie in 20000-29999, which Linux does not use for outgoing
//! connections, so our own load cannot take a service's port while it restarts.
//! Not here: binding (`link`, and the services themselves).

use super::ServiceError;
use super::sockets;
use rustix::process::getuid;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// First automatic port.
const FIRST: u16 = 20_000;
/// How many there are.
const COUNT: u16 = 10_000;

/// An address that is ours until this is dropped, whether or not anybody listens on it.
#[derive(Debug)]
pub struct Reservation {
    addr: SocketAddr,
    _lock: File,
}

impl Reservation {
    /// The address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Hands out addresses.
#[derive(Debug)]
pub struct Ports {
    folder: PathBuf,
    next: u16,
    explicit: BTreeSet<u16>,
}

impl Ports {
    /// Opens the folder of lock files: `assay` in `XDG_RUNTIME_DIR`, else `/tmp/assay-<uid>`.
    /// Where automatic ports start follows from the run's id and our process number, so that
    /// runs that begin together do not try the same ports.
    ///
    /// # Errors
    /// [`ServiceError::LockFolder`] if the folder cannot be made, or is not ours alone.
    pub fn open(run_id: &str) -> Result<Ports, ServiceError> {
        let mut hasher = DefaultHasher::new();
        (run_id, std::process::id()).hash(&mut hasher);
        let fallback = PathBuf::from(format!("/tmp/assay-{}", getuid().as_raw()));
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        // The variable often outlives its folder (su, containers); then /tmp has to do.
        let folder = match runtime.filter(|dir| dir.is_absolute() && dir.is_dir()) {
            Some(dir) => secure(&dir.join("assay")).or_else(|_| secure(&fallback))?,
            None => secure(&fallback)?,
        };
        Ok(Ports::within(folder, hasher.finish()))
    }

    /// Lock files in this folder, the first port by this seed.
    fn within(folder: PathBuf, seed: u64) -> Ports {
        let next = FIRST + u16::try_from(seed % u64::from(COUNT)).unwrap_or(0);
        Ports { folder, next, explicit: BTreeSet::new() }
    }

    /// A free address on 127.0.0.1. Reserve explicit ones first: they are then left out.
    ///
    /// # Errors
    /// [`ServiceError::PortsExhausted`] if all 10 000 are taken.
    pub fn reserve(&mut self) -> Result<Reservation, ServiceError> {
        self.reserve_on(Ipv4Addr::LOCALHOST.into())
    }

    /// A free port at this address of the machine.
    ///
    /// # Errors
    /// As [`Ports::reserve`].
    pub fn reserve_on(&mut self, ip: IpAddr) -> Result<Reservation, ServiceError> {
        let mut last = "all are reserved".to_owned();
        for _ in 0..COUNT {
            let port = self.next;
            self.next = if port == FIRST + (COUNT - 1) { FIRST } else { port + 1 };
            if self.explicit.contains(&port) {
                continue;
            }
            let addr = SocketAddr::from((ip, port));
            match self.attempt(addr) {
                Ok(reservation) => return Ok(reservation),
                // Without a lock file every port fails alike.
                Err(why @ ServiceError::LockFolder { .. }) => return Err(why),
                Err(why) => last = why.to_string(),
            }
        }
        Err(ServiceError::PortsExhausted { last })
    }

    /// Exactly this address.
    ///
    /// # Errors
    /// [`ServiceError::PortTaken`] names who has it, if that can be known;
    /// [`ServiceError::PortRefused`] if this machine does not give it to us at all.
    pub fn reserve_at(&mut self, addr: SocketAddr) -> Result<Reservation, ServiceError> {
        if addr.port() == 0 {
            let why = "port 0 is no port; leave the address out to get a free one".to_owned();
            return Err(ServiceError::PortRefused { addr, why });
        }
        let reservation = self.attempt(addr)?;
        self.explicit.insert(addr.port());
        Ok(reservation)
    }

    fn attempt(&self, addr: SocketAddr) -> Result<Reservation, ServiceError> {
        let name = match addr {
            SocketAddr::V4(four) if *four.ip() == Ipv4Addr::LOCALHOST => addr.port().to_string(),
            _ => format!("{}-{}", addr.ip(), addr.port()),
        };
        let path = self.folder.join(format!("{name}.lock"));
        let lock = lock(&path, addr)?;
        // std binds with SO_REUSEADDR: a connection in TIME_WAIT does not count as taken.
        match TcpListener::bind(addr) {
            Ok(_) => Ok(Reservation { addr, _lock: lock }),
            Err(why) if why.kind() == ErrorKind::AddrInUse => {
                let by = sockets::holder(addr.port());
                Err(ServiceError::PortTaken {
                    addr,
                    by: by.unwrap_or_else(|| "another process".into()),
                })
            }
            Err(why) => {
                let why = match why.kind() {
                    ErrorKind::PermissionDenied => "ports below 1024 need privileges".to_owned(),
                    ErrorKind::AddrNotAvailable => {
                        format!("no network interface here has the address {}", addr.ip())
                    }
                    _ => why.to_string(),
                };
                Err(ServiceError::PortRefused { addr, why })
            }
        }
    }
}

/// Opens and locks a port's file, and writes our process number into it for others' messages.
/// The file stays: removing it would let two processes lock two files of one name.
fn lock(path: &Path, addr: SocketAddr) -> Result<File, ServiceError> {
    let unusable = |why: std::io::Error| ServiceError::LockFolder {
        folder: path.to_path_buf(),
        why: why.to_string(),
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {
            // Only for messages: a full disk does not forbid the reservation.
            let _ = file.set_len(0);
            let _ = write!(file, "{}", std::process::id());
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let by = match pid.trim() {
                "" => "another run of assay".to_owned(),
                pid if pid == std::process::id().to_string() => "this very run".to_owned(),
                pid => format!("another run of assay (pid {pid})"),
            };
            Err(ServiceError::PortTaken { addr, by })
        }
        Err(TryLockError::Error(why)) => Err(unusable(why)),
    }
}

/// Makes the folder, for us alone, or checks that it is: in `/tmp` another user could have put
/// a link or a folder of his own in its place.
fn secure(folder: &Path) -> Result<PathBuf, ServiceError> {
    let refuse = |why: String| ServiceError::LockFolder { folder: folder.to_path_buf(), why };
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
        Err(why) => return Err(refuse(why.to_string())),
    }
    let found = std::fs::symlink_metadata(folder).map_err(|why| refuse(why.to_string()))?;
    if !found.is_dir() {
        return Err(refuse("it is not a folder".to_owned()));
    }
    if found.uid() != getuid().as_raw() {
        return Err(refuse(format!("it belongs to user {}", found.uid())));
    }
    if found.mode() & 0o077 != 0 {
        return Err(refuse("others may use it; run `chmod 700` on it".to_owned()));
    }
    Ok(folder.to_path_buf())
}

/// A warning if this machine uses our ports for outgoing connections too, as tuning guides for
/// load generators advise; then a restarted service can find its port taken by our own load.
#[must_use]
pub fn ephemeral_overlap() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    overlap(&text)
}

fn overlap(text: &str) -> Option<String> {
    let mut ends = text.split_ascii_whitespace().map(str::parse::<u16>);
    let (Some(Ok(low)), Some(Ok(high))) = (ends.next(), ends.next()) else { return None };
    let last = FIRST + (COUNT - 1);
    (low <= last && high >= FIRST).then(|| {
        format!(
            "outgoing connections use ports {low}-{high} here, services use {FIRST}-{last}: a \
             service that restarts under load may find its port taken; set \
             net.ipv4.ip_local_port_range to begin at {}",
            last + 1
        )
    })
}

#[cfg(test)]
mod tests;
