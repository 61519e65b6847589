//! One process of a service, from its start to its end: what a kill ends and a restart begins.
//!
//! Invariant: it runs in a process group of its own, so a Ctrl-C in the terminal does not
//! reach it behind our back; it reads nothing, and its output is captured.
//! Not here: the service as a whole (`process`), finding the program (`command`).

use super::capture::{Capture, Rules};
use super::ending::Leader;
use super::process::{Exit, Launch};
use super::{RUN_ID, SERVICE, ServiceError, command, orphans, table};
use crate::plan::Ready;
use std::process::Stdio;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::Instant;

/// One process with what it writes.
#[derive(Debug)]
pub(super) struct Life {
    /// It, and the group that it leads.
    pub(super) leader: Leader,
    /// How it ended; none: not yet.
    pub(super) exit: watch::Receiver<Option<Exit>>,
    /// True once its end is our doing.
    pub(super) is_meant: watch::Sender<bool>,
    /// Its output.
    pub(super) capture: Capture,
    /// When it was started.
    pub(super) started: Instant,
}

impl Life {
    /// Starts a process. `opening` is written to the log before its own lines.
    ///
    /// # Errors
    /// What is wrong with the command, its folder or the system; nothing runs then.
    pub(super) fn begin(launch: &Launch, opening: Option<String>) -> Result<Life, ServiceError> {
        let program = command::find(launch)?;
        if !launch.cwd.is_dir() {
            let (name, cwd) = (launch.name.clone(), launch.cwd.clone());
            return Err(ServiceError::NoFolder { name, cwd });
        }
        let failed = |why: String| ServiceError::Start { name: launch.name.clone(), why };
        let find = match &launch.ready {
            Ready::Log(text) => Some(text.clone()),
            Ready::Http(_) | Ready::Port(_) => None,
        };
        let (secrets, tap) = (launch.secrets.clone(), launch.tap.clone());
        let rules = Rules { find, secrets, opening, tap };
        let log = launch.logs.join(log_name(&launch.name));
        let (capture, writer) = Capture::start(&log, rules)
            .map_err(|why| failed(format!("no pipe for its log: {why}")))?;
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
        let spawned = orphans::spawn(&mut child);
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
                let why =
                    unknown.err().map_or_else(|| "no entry".to_owned(), |why| why.to_string());
                return Err(failed(format!("/proc does not show it: {why}")));
            }
        };
        let (ended, exit) = watch::channel(None);
        tokio::spawn(async move {
            let exit = child.wait().await.map_or(Exit::Unknown, Exit::from);
            ended.send_replace(Some(exit));
        });
        let leader = Leader { pid, start: entry.start, pgid: pid };
        Ok(Life { leader, exit, is_meant: watch::Sender::new(false), capture, started })
    }

    /// Waits for its end, whoever caused it. The future does not borrow it.
    pub(super) fn ended(&self) -> impl Future<Output = Exit> + Send + use<> {
        let mut exit = self.exit.clone();
        async move {
            match exit.wait_for(Option::is_some).await {
                Ok(exit) => exit.clone().unwrap_or(Exit::Unknown),
                Err(_) => Exit::Unknown,
            }
        }
    }
}

/// The log's file name: a service's name cannot lead out of the folder.
fn log_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("{name}.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_names_stay_in_their_folder() {
        assert_eq!(log_name("api-2.x_y"), "api-2.x_y.log");
        assert_eq!(log_name("../../etc/passwd"), ".._.._etc_passwd.log");
    }
}
