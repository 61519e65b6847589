//! A service that we start: its process group, its end, and what is left after it.
//!
//! Invariant: it runs in a process group of its own, so a Ctrl-C in the terminal does not
//! reach it behind our back; it reads nothing, and its output is captured.
//! Invariant: stopping ends the group and then whoever left the group but still carries the
//! service's marks; whoever is left after that is named.
//! Not here: readiness (`ready`), finding the program (`command`), the order of services
//! (`run`).

use super::capture::{Capture, Rules, Written};
use super::ending::{Ended, Leader, Scope, end, marks};
use super::{RUN_ID, SERVICE, ServiceError, command, table};
use crate::plan::Ready;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a process may take to end after SIGTERM when it left its service's group.
const SWEEP_WITHIN: Duration = Duration::from_secs(1);
/// How long the last output may take after the last process has ended.
const LOG_WITHIN: Duration = Duration::from_secs(1);

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
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}

/// How a service came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It had ended by itself.
    Already,
    /// After SIGTERM, in time.
    Asked,
    /// It needed SIGKILL.
    Killed,
}

/// A stopped service.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Its name.
    pub name: String,
    /// How its first process ended.
    pub exit: Exit,
    /// What it took.
    pub how: How,
    /// Processes that had left its group and were ended too: `name (pid n)`.
    pub swept: Vec<String>,
    /// Processes that are still there: the undo failed.
    pub left: Vec<String>,
    /// Why nobody can know whether processes are left: the undo is unproven.
    pub blind: Option<String>,
    /// What became of its output.
    pub written: Written,
}

/// A service that was started.
#[derive(Debug)]
pub struct Running {
    pub(super) launch: Launch,
    pub(super) leader: Leader,
    pub(super) exit: watch::Receiver<Option<Exit>>,
    pub(super) capture: Capture,
    pub(super) started: Instant,
}

/// Starts a service. It need not be ready yet. Call within a runtime.
///
/// # Errors
/// What is wrong with the command, its folder or the system; nothing runs then.
pub fn start(launch: Launch) -> Result<Running, ServiceError> {
    let program = command::find(&launch)?;
    if !launch.cwd.is_dir() {
        return Err(ServiceError::NoFolder { name: launch.name, cwd: launch.cwd });
    }
    let failed = |why: String| ServiceError::Start { name: launch.name.clone(), why };
    let find = match &launch.ready {
        Ready::Log(text) => Some(text.clone()),
        Ready::Http(_) | Ready::Port(_) => None,
    };
    let rules = Rules { find, secrets: launch.secrets.clone() };
    let log = launch.logs.join(log_name(&launch.name));
    let (capture, writer) =
        Capture::start(&log, rules).map_err(|why| failed(format!("no pipe for its log: {why}")))?;
    // One pipe for both streams keeps their order.
    let second = writer.try_clone().map_err(|why| failed(why.to_string()))?;
    let mut child = Command::new(&program);
    if let Some((word, arguments)) = launch.command.split_first() {
        child.arg0(word).args(arguments);
    }
    child
        .envs(launch.env.iter().map(|(key, value)| (key, value)))
        .env(RUN_ID, &launch.run_id)
        .env(SERVICE, &launch.name)
        .current_dir(&launch.cwd)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second);
    let spawned = child.spawn();
    // It holds our ends of the pipe, whose end would never be seen.
    drop(child);
    let mut child = spawned.map_err(|why| ServiceError::NotRunnable {
        name: launch.name.clone(),
        why: command::explain(&program, &why),
        path: program,
    })?;
    let started = Instant::now();
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
    // Nobody has waited for it yet, so its entry is there even if it has already ended.
    let entry = match table::entry(pid) {
        Ok(Some(entry)) => entry,
        unknown => {
            // Without its start time it could not be stopped safely later.
            let _ = child.start_kill();
            let why = unknown.err().map_or_else(|| "no entry".to_owned(), |why| why.to_string());
            return Err(failed(format!("/proc does not show it: {why}")));
        }
    };
    let (ended, exit) = watch::channel(None);
    tokio::spawn(async move {
        let exit = child.wait().await.map_or(Exit::Unknown, Exit::from);
        ended.send_replace(Some(exit));
    });
    let leader = Leader { pid, start: entry.start, pgid: pid };
    Ok(Running { launch, leader, exit, capture, started })
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
        self.leader.pid
    }

    /// When that process started, in clock ticks since boot: with the number its identity.
    #[must_use]
    pub fn start_time(&self) -> u64 {
        self.leader.start
    }

    /// Its last log lines, oldest first, at most 10.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.capture.last()
    }

    /// Waits for the end of its first process. The future does not borrow the service.
    pub fn exited(&self) -> impl Future<Output = Exit> + Send + use<> {
        let mut exit = self.exit.clone();
        async move {
            match exit.wait_for(Option::is_some).await {
                Ok(exit) => exit.clone().unwrap_or(Exit::Unknown),
                Err(_) => Exit::Unknown,
            }
        }
    }

    /// Ends the service: SIGTERM to its group, at most `grace`, SIGKILL to the group, and then
    /// the same within a second for processes that left the group.
    pub async fn stop(mut self, grace: Duration) -> Stopped {
        let name = self.launch.name.clone();
        let had_ended = self.exit.borrow().is_some();
        let group = Scope { leaders: vec![self.leader.clone()], marks: Vec::new() };
        let marks = marks(&self.launch.run_id, Some(&name));
        let strays = Scope { leaders: Vec::new(), marks };
        let first = end_off_thread(group, grace).await;
        let second = end_off_thread(strays, SWEEP_WITHIN).await;
        let is_gone = first.left.is_empty() && first.blind.is_none();
        let exit = if is_gone { self.exited().await } else { Exit::Unknown };
        let ended = self.capture.reached(|progress| progress.ended);
        // Whoever escaped every search may still hold the pipe.
        let _ = tokio::time::timeout(LOG_WITHIN, ended).await;
        let labels = |entries: &[table::Entry]| -> Vec<String> {
            entries.iter().map(table::Entry::label).collect()
        };
        let how = match (had_ended, first.killed.is_empty()) {
            (_, false) => How::Killed,
            (true, true) => How::Already,
            (false, true) => How::Asked,
        };
        Stopped {
            name,
            exit,
            how,
            swept: second.asked.iter().map(table::Entry::label).collect(),
            left: [labels(&first.left), labels(&second.left)].concat(),
            blind: first.blind.or(second.blind),
            written: self.capture.written(),
        }
    }
}

/// Ending blocks its thread; a runtime's threads must not wait.
async fn end_off_thread(scope: Scope, grace: Duration) -> Ended {
    match tokio::task::spawn_blocking(move || end(&scope, grace)).await {
        Ok(ended) => ended,
        Err(why) => Ended { blind: Some(why.to_string()), ..Ended::default() },
    }
}

/// The log's file name: a service's name cannot lead out of the folder.
fn log_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("{name}.log")
}

#[cfg(test)]
mod tests;
