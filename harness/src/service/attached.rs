//! A process that runs already: found by the port that it listens on, or by its pid file.
//!
//! Invariant: a process is known by its number and start time together, so a number that was used
//! again is never taken for it.
//! Invariant: it is never signalled here.
//! Not here: when it must be there (`run`), what faults do to it (`family`).

use super::sockets;
use super::table::{self, Entry};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Between two looks whether it is still there.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How much a file's time and a process's may differ though the file was written after it began, s.
const CLOCKS_S: i64 = 5;

/// A process that was found.
#[derive(Debug)]
pub struct Attached {
    entry: Entry,
    /// Where it answers.
    pub addr: SocketAddr,
    /// Why it may be another one that got the number in its pid file: no fault may mean it then.
    pub doubt: Option<String>,
}

impl Attached {
    /// Finds the process that listens on this port, or whose number is in this file; with both the
    /// file says who, and the port where it answers.
    ///
    /// # Errors
    /// A sentence without its beginning: why nobody, or not one alone, was found.
    pub fn find(port: Option<u16>, pid_file: Option<&Path>) -> Result<Attached, String> {
        let entry = match (pid_file, port) {
            (Some(file), _) => by_file(file)?,
            (None, Some(port)) => by_port(port)?,
            (None, None) => return Err("neither a port nor a pid file is known".to_owned()),
        };
        let addr = address(&entry, port)?;
        let doubt = pid_file.filter(|file| is_older(file, &entry)).map(|file| {
            format!(
                "{} is older than {}, which may have got the number of one that has ended: let it be \
                 written anew, or write only `port:`",
                file.display(),
                entry.label()
            )
        });
        Ok(Attached { entry, addr, doubt })
    }

    /// Name and number: `nginx (pid 12)`.
    #[must_use]
    pub fn label(&self) -> String {
        self.entry.label()
    }

    /// Who its family descends from.
    #[must_use]
    pub fn first(&self) -> (i32, u64) {
        self.entry.id()
    }

    /// Waits for its end; a tenth of a second late at most.
    pub async fn ended(self) {
        while is_there(&self.entry) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn is_there(known: &Entry) -> bool {
    matches!(table::entry(known.pid), Ok(Some(now)) if now.id() == known.id() && !now.is_gone())
}

/// Whether a file was written before this process began, but for what clocks may differ by.
fn is_older(file: &Path, entry: &Entry) -> bool {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime "));
    let booted = booted.and_then(|seconds| seconds.trim().parse::<i64>().ok());
    let written = std::fs::metadata(file).map(|meta| meta.mtime()).ok();
    let (Some(booted), Some(written)) = (booted, written) else { return false };
    // Start times are in hundredths of a second on every machine that we run on.
    let began = booted.saturating_add(i64::try_from(entry.start / 100).unwrap_or(i64::MAX));
    written.saturating_add(CLOCKS_S) < began
}

fn by_file(file: &Path) -> Result<Entry, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|why| format!("{} cannot be read: {}", file.display(), why.kind()))?;
    let pid: i32 =
        text.trim().parse().map_err(|_| format!("{} holds no process number", file.display()))?;
    let found = table::entry(pid).ok().flatten().filter(|entry| !entry.is_gone());
    found.ok_or_else(|| format!("no process {pid} runs, which {} names", file.display()))
}

/// Of several that share the socket, the one that the others descend from.
fn by_port(port: u16) -> Result<Entry, String> {
    let all = sockets::holders(port);
    if all.is_empty() {
        return Err(match sockets::is_listened_on(port) {
            true => format!("whoever listens on port {port} is closed to us: run as its user"),
            false => format!("nobody listens on port {port}"),
        });
    }
    let pids: Vec<i32> = all.iter().map(|entry| entry.pid).collect();
    let mut roots = all.iter().filter(|entry| !pids.contains(&entry.ppid));
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root.clone()),
        _ => {
            let labels: Vec<String> = all.iter().map(Entry::label).collect();
            Err(format!("several listen on port {port}: {}; name a pid file", labels.join(", ")))
        }
    }
}

/// Where it answers: at the port given, else at the only one that it listens on.
fn address(entry: &Entry, port: Option<u16>) -> Result<SocketAddr, String> {
    let own = sockets::listening(&[entry.pid]);
    let fits = |addr: &&SocketAddr| port.is_none_or(|port| addr.port() == port);
    let addrs: Vec<SocketAddr> = own.iter().filter(fits).map(|addr| reached(*addr)).collect();
    let mut ports: Vec<u16> = addrs.iter().map(SocketAddr::port).collect();
    ports.dedup();
    match (addrs.first(), ports.as_slice(), port) {
        (Some(addr), [_], _) => Ok(*addr),
        (_, _, Some(port)) => match strangers(entry, port) {
            None => Ok((Ipv4Addr::LOCALHOST, port).into()),
            Some(other) => Err(format!(
                "{} does not listen on port {port}, {other} does: is the pid file an old one? \
                 Write the right one, or only `port:`",
                entry.label()
            )),
        },
        (_, ports, None) => {
            Err(format!("{} listens on {} ports: write `port:`", entry.label(), ports.len()))
        }
    }
}

/// Who listens on this port, if none of them is of its family: below it, above it, or beside it.
/// None too if we may not know who does.
fn strangers(entry: &Entry, port: u16) -> Option<String> {
    let holders = sockets::holders(port);
    let all = table::all().unwrap_or_default();
    let line = |pid: i32| {
        let parent = |pid: &i32| all.iter().find(|one| one.pid == *pid).map(|one| one.ppid);
        // 1 is everybody's.
        std::iter::successors(Some(pid), parent).take_while(|pid| *pid > 1).take(64)
    };
    let own: Vec<i32> = line(entry.pid).collect();
    let is_kin =
        |other: &Entry| own.contains(&other.pid) || line(other.pid).any(|pid| pid == entry.pid);
    if holders.iter().any(is_kin) {
        return None;
    }
    holders.first().map(Entry::label)
}

/// Where whoever listens everywhere is reached from here.
fn reached(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // Linux gives such a listener both families.
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, addr.port()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_listener_is_found_by_its_port_and_a_process_by_its_file() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = i32::try_from(std::process::id()).unwrap();
        let found = Attached::find(Some(port), None).unwrap();
        assert_eq!((found.first().0, found.addr), (own, listener.local_addr().unwrap()));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        std::fs::write(&file, format!("{own}\n")).unwrap();
        assert_eq!(Attached::find(Some(port), Some(&file)).unwrap().first().0, own);
        let error =
            |port: Option<u16>, file: Option<&Path>| Attached::find(port, file).unwrap_err();
        std::fs::write(&file, "x").unwrap();
        assert!(error(None, Some(&file)).contains("holds no process number"));
        std::fs::write(&file, i32::MAX.to_string()).unwrap();
        assert!(error(None, Some(&file)).contains("no process 2147483647 runs"));
        let none = dir.path().join("none");
        assert!(error(None, Some(&none)).contains("cannot be read"));
        // A file that is older than who has its number now names somebody else.
        std::fs::write(&file, own.to_string()).unwrap();
        assert_eq!(Attached::find(Some(port), Some(&file)).unwrap().doubt, None);
        let old = std::fs::File::options().append(true).open(&file).unwrap();
        old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
        let doubt = Attached::find(Some(port), Some(&file)).unwrap().doubt.unwrap();
        assert!(doubt.contains("pid is older than"), "{doubt}");
        // Of a port that somebody else has, the file's process is none of ours to watch.
        let mut other = std::process::Command::new("cat");
        let mut other = other.stdin(std::process::Stdio::piped()).spawn().unwrap();
        std::fs::write(&file, other.id().to_string()).unwrap();
        let kin = Attached::find(Some(port), Some(&file)).map(|found| found.first().0);
        assert_eq!(kin, Ok(i32::try_from(other.id()).unwrap()), "a child of who listens");
        other.kill().unwrap();
        other.wait().unwrap();
        // The first process of all is nobody's kin.
        std::fs::write(&file, "1").unwrap();
        let told = error(Some(port), Some(&file));
        assert!(told.contains(&format!("does not listen on port {port}")), "{told}");
        drop(listener);
        assert_eq!(error(Some(port), None), format!("nobody listens on port {port}"));
    }

    #[tokio::test]
    async fn its_end_is_told_and_no_signal_sent() {
        let mut child = std::process::Command::new("cat");
        let mut child = child.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        std::fs::write(&file, child.id().to_string()).unwrap();
        let found = Attached::find(Some(1), Some(&file)).unwrap();
        assert_eq!(found.addr, SocketAddr::from(([127, 0, 0, 1], 1)));
        let ended = tokio::spawn(found.ended());
        assert_eq!(child.try_wait().unwrap(), None);
        drop(child.stdin.take());
        ended.await.unwrap();
        assert!(child.wait().unwrap().success());
    }
}
