//! What can go wrong with services, in words that say what to do.
//!
//! Invariant: every message names the service or the address it is about, and shows what was
//! seen last.
//! Not here: exit codes (`cli`).

use super::consent::Refused;
use super::process::Exit;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// An error of a service, its address or its process.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The folder of lock files cannot be used.
    #[error(
        "cannot reserve ports: {}: {why}; set XDG_RUNTIME_DIR to a folder that only you can use",
        folder.display()
    )]
    LockFolder {
        /// The folder, or the file in it.
        folder: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing is free in 20000-29999.
    #[error("no port of 20000-29999 is free on 127.0.0.1; the last one tried: {last}")]
    PortsExhausted {
        /// What the last attempt said.
        last: String,
    },
    /// Somebody else has this address.
    #[error("{addr} is taken by {by}")]
    PortTaken {
        /// The address.
        addr: SocketAddr,
        /// Who has it.
        by: String,
    },
    /// The machine does not give us this address.
    #[error("{addr} cannot be used: {why}")]
    PortRefused {
        /// The address.
        addr: SocketAddr,
        /// The reason.
        why: String,
    },
    /// The command has no first word.
    #[error("service `{name}`: `command` is empty; write the program and its arguments")]
    NoCommand {
        /// The service.
        name: String,
    },
    /// The program is not where it was looked for.
    #[error("service `{name}`: there is no program `{program}` {looked}; {write}")]
    NoProgram {
        /// The service.
        name: String,
        /// The command's first word.
        program: String,
        /// Where it was looked for: `at …`, `in PATH (…)`.
        looked: String,
        /// What to write instead.
        write: String,
    },
    /// The program is there and cannot run.
    #[error("service `{name}`: `{}` cannot be run: {why}", path.display())]
    NotRunnable {
        /// The service.
        name: String,
        /// The file found.
        path: PathBuf,
        /// The reason and what to do.
        why: String,
    },
    /// The working directory is missing.
    #[error("service `{name}`: its working directory {} is not a folder", cwd.display())]
    NoFolder {
        /// The service.
        name: String,
        /// The directory.
        cwd: PathBuf,
    },
    /// Somebody listens where its readiness would show.
    #[error(
        "service `{name}` cannot be started: {by} listens on {addr} already, where its readiness \
         would show; end that, or let the service use ${{self.addr}}"
    )]
    Occupied {
        /// The service.
        name: String,
        /// The address.
        addr: SocketAddr,
        /// Who listens.
        by: String,
    },
    /// It was killed and is to be started again, and somebody still listens at its address.
    #[error("service `{name}` cannot be started again: {by} {}", taken(addr, *is_own))]
    NotFree {
        /// The service.
        name: String,
        /// The address.
        addr: SocketAddr,
        /// Who listens.
        by: String,
        /// It is a process of the service.
        is_own: bool,
    },
    /// What it was started from is not as it was.
    #[error(
        "service `{name}` cannot be started again: {why}. It could when the run began: whatever changed \
         that since, such as a build or a deployment, has to wait until the run is over"
    )]
    NotAgain {
        /// The service.
        name: String,
        /// What is there now, and what the system says.
        why: String,
    },
    /// No service ends by this signal.
    #[error(
        "service `{name}` cannot be killed with signal {signal}, which ends no process: use \
         KILL (9) or TERM (15)"
    )]
    NotDeadly {
        /// The service.
        name: String,
        /// The signal's number.
        signal: i32,
    },
    /// Its other processes could not be killed, or are not there again.
    #[error("service `{name}`: {why}")]
    Workers {
        /// The service.
        name: String,
        /// What was seen.
        why: String,
    },
    /// It was to stand still, or to go on.
    #[error("service `{name}`: {why}")]
    Still {
        /// The service.
        name: String,
        /// What was seen.
        why: String,
    },
    /// It was to be started again and has not ended.
    #[error("service `{name}` cannot be started again: its process {pid} still runs")]
    StillRuns {
        /// The service.
        name: String,
        /// Its first process.
        pid: i32,
    },
    /// Starting failed in the system.
    #[error("service `{name}` could not be started: {why}")]
    Start {
        /// The service.
        name: String,
        /// The system's reason.
        why: String,
    },
    /// It runs, and did not show readiness in time.
    #[error(
        "service `{name}` was not ready within {}: {last}{}{}",
        length(*within), hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default(), tail(lines)
    )]
    NotReady {
        /// The service.
        name: String,
        /// The time it had.
        within: Duration,
        /// The last thing seen.
        last: String,
        /// What may be the cause.
        hint: Option<String>,
        /// Its last log lines.
        lines: Vec<String>,
    },
    /// It ended before it was ready.
    #[error("service `{name}` {exit} before it was ready{}", tail(lines))]
    Died {
        /// The service.
        name: String,
        /// How it ended.
        exit: Exit,
        /// Its last log lines.
        lines: Vec<String>,
    },
    /// A host name without an address.
    #[error("host `{host}` has no address: {why}; check its spelling and this machine's DNS")]
    NoAddress {
        /// The host.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// Load may not go there.
    #[error(transparent)]
    Refused(#[from] Refused),
}

fn taken(addr: &SocketAddr, is_own: bool) -> String {
    match is_own {
        true => format!(
            "still listens on {addr}; the kill did not end it. Kill with signal KILL, or let the service \
             end its children too"
        ),
        false => format!(
            "listens on {addr} (EADDRINUSE), which it took while the service was down, and is no process \
             of it: end it, or let it use a port outside 20000-29999"
        ),
    }
}

/// A length of time as people write it.
pub(super) fn length(time: Duration) -> String {
    let ms = time.as_millis();
    if ms < 1000 || !ms.is_multiple_of(100) {
        format!("{ms} ms")
    } else if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    }
}

fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        return "; it wrote nothing".to_owned();
    }
    let mut text = format!("; its last {} line{}:", lines.len(), plural(lines.len()));
    for line in lines {
        text.push_str("\n    | ");
        text.push_str(line);
    }
    text
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (ms, text) in [(0, "0 ms"), (250, "250 ms"), (1500, "1.5 s"), (30_000, "30 s")] {
            assert_eq!(length(Duration::from_millis(ms)), text);
        }
        assert_eq!(length(Duration::from_millis(1234)), "1234 ms");
    }

    #[test]
    fn a_dead_service_shows_its_last_words() {
        let died = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            ServiceError::Died { name: "api".into(), exit: Exit::Code(3), lines }.to_string()
        };
        assert_eq!(
            died(&["config: no such file", "bye"]),
            "service `api` exited with status 3 before it was ready; its last 2 lines:\n    | \
             config: no such file\n    | bye"
        );
        assert!(died(&[]).ends_with("; it wrote nothing"));
    }
}
