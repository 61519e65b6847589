//! What a run needs of its machine, looked at: `assay doctor`.
//!
//! Invariant: nothing is changed but a lock file and a socket that are gone afterwards.
//! Not here: what one scenario needs (`there`), printing (`cli`).

use super::directory::RUNS;
use crate::service::engine::{Engine, remote};
use crate::service::undo::left_behind;
use crate::service::{Orphans, Ports, ephemeral_overlap, is_our_own};
use rustix::process::{Resource, getrlimit};
use std::fmt;
use std::net::TcpListener;
use std::path::Path;

/// How many connections a load may use unless its scenario says.
const USUAL_CONNECTIONS: u64 = 4096;
/// How many processes and threads a run may have with its services.
const USUAL_PROCESSES: u64 = 128;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// Some scenarios would not work, or less well.
    Limited,
    /// No run would work.
    Bad,
}

/// One look, and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How well it is.
    pub health: Health,
    /// What was looked at.
    pub what: &'static str,
    /// What was seen; where it is not good, what would not work and what to do.
    pub seen: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.health {
            Health::Good => "ok     ",
            Health::Limited => "limited",
            Health::Bad => "BAD    ",
        };
        write!(f, "{word}  {:<17} {}", self.what, self.seen)
    }
}

/// Looks at everything, the basic things first.
///
/// # Errors
/// The system gave no runtime.
pub fn examine() -> Result<Vec<Found>, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = read("/proc/1/cgroup");
    Ok(vec![
        loopback(),
        ports(),
        outgoing(),
        processes(),
        runtime.block_on(async { orphans() }),
        guardian(),
        permission(rustix::process::getuid().as_raw()),
        descriptors(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum),
        processors(),
        memory(&memory_limit(read)),
        pids(&limit(read, "pids.max", "pids", "pids.max")),
        place(Path::new(".")),
        earlier(Path::new(RUNS)),
        inside(&first, is_marked()),
        runtime.block_on(engine(is_contained(&first, is_marked()))),
    ])
}

fn found(health: Health, what: &'static str, seen: impl Into<String>) -> Found {
    Found { health, what, seen: seen.into() }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

fn loopback() -> Found {
    let met = TcpListener::bind("127.0.0.1:0").and_then(|listener| {
        let addr = listener.local_addr()?;
        std::net::TcpStream::connect(addr)
    });
    match met {
        Ok(_) => found(Health::Good, "loopback", "127.0.0.1 accepts connections"),
        Err(why) => found(
            Health::Bad,
            "loopback",
            format!("127.0.0.1 does not work ({why}): links and services need it"),
        ),
    }
}

fn ports() -> Found {
    let reserved = Ports::open("doctor").and_then(|mut ports| ports.reserve());
    match reserved {
        Ok(one) => {
            let seen = format!("20000-29999 can be reserved; {} is free", one.addr().port());
            found(Health::Good, "ports", seen)
        }
        Err(why) => found(Health::Bad, "ports", format!("none for services and links: {why}")),
    }
}

fn outgoing() -> Found {
    match ephemeral_overlap() {
        None => found(Health::Good, "outgoing ports", "apart from those of services"),
        Some(why) => found(Health::Limited, "outgoing ports", why),
    }
}

fn processes() -> Found {
    let is_pid = |name: &str| name.chars().all(|c| c.is_ascii_digit());
    let names = std::fs::read_dir("/proc").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| is_pid(name)).collect::<Vec<_>>()
    });
    match names {
        Ok(names) if is_our_own() => {
            found(Health::Good, "process table", format!("/proc shows {} processes", names.len()))
        }
        Ok(_) => found(
            Health::Bad,
            "process table",
            "/proc is not that of this process namespace, and a signal would reach strangers: mount its own",
        ),
        Err(why) => found(
            Health::Bad,
            "process table",
            format!("/proc cannot be read ({why}): services could not be ended for sure"),
        ),
    }
}

fn orphans() -> Found {
    match Orphans::adopt("doctor") {
        Ok(_) => found(Health::Good, "orphans", "what a service leaves behind comes to us"),
        Err(why) => found(
            Health::Limited,
            "orphans",
            format!("they do not come to us ({why}): a daemon that clears its environment is lost"),
        ),
    }
}

fn guardian() -> Found {
    match std::env::current_exe() {
        Ok(exe) if exe.is_file() => {
            let seen = format!("{} can be started again as one", exe.display());
            found(Health::Good, "guardian", seen)
        }
        Ok(exe) => found(
            Health::Bad,
            "guardian",
            format!("{} is gone, so no guardian can be started: install it again", exe.display()),
        ),
        Err(why) => found(Health::Bad, "guardian", format!("this program is not found: {why}")),
    }
}

fn permission(user: u32) -> Found {
    match user {
        0 => {
            found(Health::Good, "permission", "root: processes of all users can be read and ended")
        }
        user => found(
            Health::Limited,
            "permission",
            format!(
                "user {user}: a `running-process` of another user is found by `pid-file` only, its open \
                 files cannot be counted, and no fault can signal it"
            ),
        ),
    }
}

fn descriptors(soft: Option<u64>, hard: Option<u64>) -> Found {
    let shown = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |limit| limit.to_string());
    let seen = format!("{} now, {} at most", shown(soft), shown(hard));
    match hard {
        Some(most) if most < USUAL_CONNECTIONS + 256 => found(
            Health::Limited,
            "descriptors",
            format!(
                "{seen}: a load cannot have its {USUAL_CONNECTIONS} connections; raise it \
                 (`ulimit -Hn`, a container's `--ulimit nofile=65536`)"
            ),
        ),
        _ => found(Health::Good, "descriptors", seen),
    }
}

fn processors() -> Found {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (health, more) = match all {
        1 => (
            Health::Limited,
            ": load and service share it; a generator that falls behind makes runs inconclusive",
        ),
        _ => (Health::Good, ""),
    };
    found(health, "processors", format!("{all} for this program{more}"))
}

fn memory_limit(read: impl Fn(&str) -> String) -> String {
    limit(read, "memory.max", "memory", "memory.limit_in_bytes")
}

/// A limit of our control group, or nothing that is a number; by a `read` of files. A container sees its
/// own group at the root, other programs theirs by its path.
fn limit(read: impl Fn(&str) -> String, named: &str, controller: &str, once: &str) -> String {
    let groups = read("/proc/self/cgroup");
    let path_of = |controller: &str| {
        let mut lines = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let of = lines.find(|(names, _)| names.split(',').any(|name| name == controller));
        of.map_or("", |(_, path)| path.trim_end_matches('/'))
    };
    let (second, first) = ("/sys/fs/cgroup", format!("/sys/fs/cgroup/{controller}"));
    let files = [
        format!("{second}{}/{named}", path_of("")),
        format!("{second}/{named}"),
        format!("{first}{}/{once}", path_of(controller)),
        format!("{first}/{once}"),
    ];
    let limits = files.iter().filter_map(|file| read(file).parse::<u64>().ok());
    // The first version says "none" by the largest whole number of pages.
    let least = limits.filter(|bytes| *bytes < 1 << 60).min();
    least.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string())
}

/// A limit in bytes, or `max`.
fn memory(limit: &str) -> Found {
    match limit.parse::<u64>() {
        Ok(bytes) if bytes < 512 << 20 => found(
            Health::Limited,
            "memory",
            format!("{} MiB for this program and what it starts: small loads only", bytes >> 20),
        ),
        Ok(bytes) => found(Health::Good, "memory", format!("{} MiB at most", bytes >> 20)),
        Err(_) => found(Health::Good, "memory", "no limit of its own"),
    }
}

/// A number of processes and threads, or `max`.
fn pids(limit: &str) -> Found {
    match limit.parse::<u64>() {
        Ok(most) if most < USUAL_PROCESSES => found(
            Health::Limited,
            "processes",
            format!(
                "{most} and their threads at most: a run, its guardian and its services need about \
                 {USUAL_PROCESSES}; raise it (a container's `--pids-limit`)"
            ),
        ),
        Ok(most) => found(Health::Good, "processes", format!("{most} and their threads at most")),
        Err(_) => found(Health::Good, "processes", "no limit of their own"),
    }
}

fn place(here: &Path) -> Found {
    let probe = tempfile_in(here);
    match probe {
        Ok(()) => found(Health::Good, "run directories", "can be made in this folder"),
        Err(why) => found(
            Health::Limited,
            "run directories",
            format!("cannot be made in this folder ({why}): write `--out DIR`"),
        ),
    }
}

/// Runs that died, and what nobody has undone of theirs.
fn earlier(runs: &Path) -> Found {
    let left: Vec<String> = left_behind(runs).iter().map(ToString::to_string).collect();
    match left.as_slice() {
        [] => {
            found(Health::Good, "earlier runs", format!("none below {RUNS}/ left anything broken"))
        }
        left => found(Health::Limited, "earlier runs", left.join("; ")),
    }
}

fn tempfile_in(here: &Path) -> std::io::Result<()> {
    let path = here.join(format!(".assay-doctor-{}", std::process::id()));
    std::fs::create_dir(&path)?;
    std::fs::remove_dir(&path)
}

/// The machine's own namespace of control groups, which the kernel numbers so.
const MACHINES_GROUPS: &str = "cgroup:[4026531835]";

/// Whether an engine has left a mark that we are in a container of its, or its namespace.
fn is_marked() -> bool {
    let groups = std::fs::read_link("/proc/self/ns/cgroup");
    let files = ["/.dockerenv", "/run/.containerenv"];
    files.iter().any(|file| Path::new(file).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
        || std::env::var_os("container").is_some()
        || groups.is_ok_and(|groups| groups.as_os_str() != MACHINES_GROUPS)
}

fn is_contained(first: &str, has_mark: bool) -> bool {
    let names = ["docker", "containerd", "kubepods", "lxc", "podman"];
    has_mark || names.iter().any(|name| first.contains(name))
}

/// Whether we are in a container, where another machine's limits may hold.
fn inside(first: &str, has_mark: bool) -> Found {
    if !is_contained(first, has_mark) {
        return found(Health::Good, "machine", "not in a container");
    }
    let as_first = std::process::id() == 1;
    let more = if as_first { ", as its first process" } else { "" };
    found(
        Health::Good,
        "machine",
        format!(
            "in a container{more}: `running-process` sees this container only, and 127.0.0.1 is its own"
        ),
    )
}

async fn engine(contained: bool) -> Found {
    let engine = match Engine::connect(None).await {
        Ok(engine) => engine,
        Err(why) => {
            return found(
                Health::Limited,
                "container engine",
                format!("{why}; services `container` and `running-container` would not work"),
            );
        }
    };
    let version = engine.version().await.unwrap_or_else(|why| why);
    let host = std::env::var("DOCKER_HOST").ok();
    match remote(host.as_deref()) {
        Some(host) => found(
            Health::Limited,
            "container engine",
            format!(
                "version {version} on {host}: its containers' ports are there, so they need \
                 `allow: [{host}]`, and links are not reached by them"
            ),
        ),
        None => {
            // Who can listen at its networks' gateway has its loopback as well.
            let gateway = engine.gateway("bridge").await.ok().flatten();
            let shares = gateway.is_none_or(|ip| TcpListener::bind((ip, 0)).is_ok());
            engine_here(&version, contained, shares)
        }
    }
}

/// An engine that is asked by a socket of this machine; whether we are in a container, and whether we share
/// the engine's network.
fn engine_here(version: &str, contained: bool, shares: bool) -> Found {
    if contained && !shares {
        return found(
            Health::Limited,
            "container engine",
            format!(
                "version {version}, outside this container: it publishes its containers' ports on its \
                 machine's 127.0.0.1, which is not ours, so `container` and `running-container` with a \
                 published port are not reached; start this container with `--network host`"
            ),
        );
    }
    found(Health::Good, "container engine", format!("version {version}, on this machine"))
}

#[cfg(test)]
mod tests;
