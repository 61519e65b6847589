//! A service that we start: its process group, its end, and what is left after it.
//!
//! Invariant: stopping ends the group and then whoever left the group but still carries the
//! service's marks; whoever is left after that is named.
//! Not here: one process of it (`life`), readiness (`ready`), killing and restarting (`kill`), the
//! order of services (`run`).

use super::ending::{Ended, Leader, Patience, Scope, end_off_thread, marks};
use super::hurry::Hurry;
use super::life::Life;
use super::stopped::{How, Stopped};
use super::{ServiceError, Tap, table};
use crate::plan::Ready;
use rustix::process::Signal;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// How long the last output may take after the last process has ended.
pub(super) const LOG_WITHIN: Duration = Duration::from_secs(1);

/// A process to start, all placeholders filled.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The service's name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Added to our environment.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// The scenario's folder: a relative program starts here.
    pub folder: PathBuf,
    /// The address reserved for it.
    pub addr: SocketAddr,
    /// How readiness shows.
    pub ready: Ready,
    /// How long readiness may take, from the start.
    pub ready_within: Duration,
    /// The run's id.
    pub run_id: String,
    /// Folder of log files, which exists.
    pub logs: PathBuf,
    /// Texts that must not be written anywhere.
    pub secrets: Vec<String>,
    /// What is looked for in its output, if anything is.
    pub tap: Option<Tap>,
}

#[cfg(test)]
impl Launch {
    /// A launch that needs nothing: ready when a line says so, its log in the folder.
    pub(super) fn example(command: &[&str], folder: &std::path::Path) -> Launch {
        Launch {
            name: "api".to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
            cwd: folder.to_path_buf(),
            folder: folder.to_path_buf(),
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
            ready: Ready::Log("ready".to_owned()),
            ready_within: Duration::from_secs(30),
            run_id: format!("test-{}-{}", std::process::id(), folder.display()),
            logs: folder.to_path_buf(),
            secrets: Vec::new(),
            tap: None,
        }
    }
}

/// How a process ended. Reads after the process: `exited with status 3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// The system does not say.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with status {code}"),
            Exit::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "was ended by signal {number} ({name})"),
                None => write!(f, "was ended by signal {number}"),
            },
            Exit::Unknown => write!(f, "ended"),
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unknown,
        }
    }
}

/// Those that end processes in practice; numbers are Linux's on every architecture it shares.
pub(super) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        26 => "SIGVTALRM",
        27 => "SIGPROF",
        29 => "SIGIO",
        30 => "SIGPWR",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// A service that was started.
#[derive(Debug)]
pub struct Running {
    pub(super) launch: Launch,
    /// The process that runs now, or ran last.
    pub(super) life: Life,
    /// Those that ended before it was restarted, oldest first.
    pub(super) before: Vec<Life>,
}

/// Starts a service. It need not be ready yet. Call within a runtime.
///
/// # Errors
/// What is wrong with the command, its folder or the system; nothing runs then.
pub fn start(launch: Launch) -> Result<Running, ServiceError> {
    launch.check_unoccupied()?;
    let life = Life::begin(&launch, None)?;
    Ok(Running { launch, life, before: Vec::new() })
}

/// Starts a command that is no service: nothing waits for it at an address. It is watched, logged
/// and stopped as a service is. Call within a runtime.
///
/// # Errors
/// As [`start`].
pub fn errand(launch: Launch) -> Result<Running, ServiceError> {
    let life = Life::begin(&launch, None)?;
    Ok(Running { launch, life, before: Vec::new() })
}

impl Running {
    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// The address reserved for it.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.launch.addr
    }

    /// Process number of its first process, and of its group.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.life.leader.pid
    }

    /// When that process started, in clock ticks since boot: with the number its identity.
    #[must_use]
    pub fn start_time(&self) -> u64 {
        self.life.leader.start
    }

    /// Its last log lines, oldest first, at most 10.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.life.capture.last()
    }

    /// Reads the same later, and does not hold the service.
    pub fn words(&self) -> impl Fn() -> Vec<String> + Send + use<> {
        let capture = self.life.capture.clone();
        move || capture.last()
    }

    /// Waits for its first process to end without our doing. The future does not borrow the
    /// service and is about the process that runs now. If [`Running::kill`] ends that one, the
    /// future never ends; a death is told by it even when a kill came too late. After
    /// [`Running::restart`] ask again, for the new process.
    pub fn exited(&self) -> impl Future<Output = Exit> + Send + use<> {
        let (ended, mut is_meant) = (self.life.ended(), self.life.is_meant.subscribe());
        async move {
            let exit = ended.await;
            let is_death = is_meant.wait_for(|is_meant| !is_meant).await.is_ok();
            if is_death { exit } else { std::future::pending().await }
        }
    }

    /// Waits for its first process to end, whoever causes it. The future does not borrow the service
    /// and is about the process that runs now.
    pub fn ended(&self) -> impl Future<Output = Exit> + Send + use<> {
        self.life.ended()
    }

    /// Ends the service: SIGTERM to its group, at most `grace`, SIGKILL to the group, and then
    /// the same within a second for processes that left the group.
    pub async fn stop(self, grace: Duration) -> Stopped {
        self.stop_hearing(grace, &Hurry::default()).await
    }

    /// The same; when [`Hurry`] is said, whatever is left of `grace` is a second at most.
    pub async fn stop_hearing(self, grace: Duration, hurry: &Hurry) -> Stopped {
        let group = Scope { leaders: self.leaders(), ..Scope::default() };
        let first = end_off_thread(group, Patience::orderly(grace), hurry).await;
        let strays = Scope { marks: self.marks(), ..Scope::default() };
        let sweep = if hurry.is_said() { Patience::HURRIED_SWEEP } else { Patience::SWEEP };
        let second = end_off_thread(strays, sweep, hurry).await;
        self.stopped(first, second).await
    }

    /// Ends the service while somebody waits: its group and those that left it at the same time,
    /// SIGTERM, at most `grace`, SIGKILL. Returns at the latest half a second after `grace`.
    pub async fn stop_now(self, grace: Duration) -> Stopped {
        let (leaders, marks) = (self.leaders(), self.marks());
        let everybody = Scope { leaders, marks, ..Scope::default() };
        let ended = end_off_thread(everybody, Patience::hurried(grace), &Hurry::default()).await;
        let is_of_group = |entry: &table::Entry| self.lives().any(|l| l.leader.pgid == entry.pgid);
        let (first, second) = ended.parted(is_of_group);
        self.stopped(first, second).await
    }

    /// What ending came to, for the group and for those that left it.
    async fn stopped(self, group: Ended, strays: Ended) -> Stopped {
        let is_gone = group.left.is_empty() && group.blind.is_none();
        let exit = if is_gone { self.life.ended().await } else { Exit::Unknown };
        let how = match (self.had_ended(&group), group.killed.is_empty()) {
            (_, false) => How::Killed,
            (true, true) => How::Already,
            (false, true) => How::Asked,
        };
        let left = group.left.iter().chain(&strays.left);
        Stopped {
            name: self.launch.name.clone(),
            exit,
            how,
            swept: strays.asked.iter().map(table::Entry::label).collect(),
            left: left.map(table::Entry::remnant).collect(),
            blind: group.blind.or(strays.blind),
            captures: self.lives().map(|life| life.capture.clone()).collect(),
        }
    }

    /// Whether its first process had ended before anybody asked.
    fn had_ended(&self, group: &Ended) -> bool {
        let leader = &self.life.leader;
        !group.asked.iter().any(|entry| entry.id() == (leader.pid, leader.start))
    }

    fn leaders(&self) -> Vec<Leader> {
        self.lives().map(|life| life.leader.clone()).collect()
    }

    fn marks(&self) -> Vec<String> {
        marks(&self.launch.run_id, Some(&self.launch.name))
    }

    /// All its processes, first ones, oldest first.
    fn lives(&self) -> impl Iterator<Item = &Life> {
        self.before.iter().chain([&self.life])
    }
}

/// A service whose owner gave up, on an error or in a panic, is killed with its group; who left
/// the group is the guardian's then. After [`Running::stop`] nobody is there any more.
impl Drop for Running {
    fn drop(&mut self) {
        let leader = &self.life.leader;
        if matches!(table::entry(leader.pid), Ok(Some(now)) if now.start == leader.start) {
            table::signal_group(leader.pgid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests;
