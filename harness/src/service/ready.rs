//! Waits until a service is ready.
//!
//! Invariant: it ends with readiness, with the service's death or at the deadline; the last two
//! come with the last thing seen and the service's last words.
//! Not here: the steady-state gate (`run`, with `probe`).

use super::capture::Capture;
use super::ending::{Leader, marks};
use super::process::{Exit, Launch, Running};
use super::{Hurry, ServiceError, error::length, http, sockets, table};
use crate::plan::Ready;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// How long an address may stay taken by a service that was killed.
const FREE_WITHIN: Duration = Duration::from_secs(5);
/// How long a dead service's last words may take to arrive.
const WORDS_WITHIN: Duration = Duration::from_millis(500);

impl Launch {
    /// Where readiness is looked for; none if its output shows it.
    fn ready_addr(&self) -> Option<SocketAddr> {
        match self.ready {
            Ready::Http(_) | Ready::Port(None) => Some(self.addr),
            Ready::Port(Some(port)) => Some((Ipv4Addr::LOCALHOST, port).into()),
            Ready::Log(_) => None,
        }
    }

    /// Nobody may listen there before the start: the service would seem ready at once, and the
    /// load would go to a stranger, such as what an earlier run left behind.
    ///
    /// # Errors
    /// [`ServiceError::Occupied`].
    pub(super) fn check_unoccupied(&self) -> Result<(), ServiceError> {
        self.ready_addr().map_or(Ok(()), |addr| self.check_free(addr))
    }

    /// Waits until nobody listens where readiness shows or the service is to listen: those that
    /// were killed may take a moment to go, unless somebody hurries.
    ///
    /// # Errors
    /// [`ServiceError::NotFree`] when somebody still does after 5 s.
    pub(super) async fn unoccupied(&self, hurry: &Hurry) -> Result<(), ServiceError> {
        let begun = Instant::now();
        loop {
            let free = self.check_unoccupied().and_then(|()| self.check_free(self.addr));
            if free.is_ok() || hurry.is_said() || begun.elapsed() >= FREE_WITHIN {
                return free.map_err(|why| match why {
                    ServiceError::Occupied { name, addr, by } => {
                        let marks = marks(&self.run_id, Some(&name));
                        let is_own = sockets::holders(addr.port())
                            .iter()
                            .any(|holder| table::carries(holder.pid, &marks).unwrap_or(false));
                        ServiceError::NotFree { name, addr, by, is_own }
                    }
                    other => other,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn check_free(&self, addr: SocketAddr) -> Result<(), ServiceError> {
        if sockets::is_free(addr) {
            return Ok(());
        }
        let by = sockets::holder(addr.port());
        let by = by.unwrap_or_else(|| "another process".to_owned());
        Err(ServiceError::Occupied { name: self.name.clone(), addr, by })
    }
}

impl Running {
    /// Waits until the process that runs now is ready; its time runs since its start. The future
    /// does not borrow the service.
    ///
    /// # Errors
    /// [`ServiceError::NotReady`] at the deadline, [`ServiceError::Died`] when it ends before.
    /// It still has to be stopped then.
    pub fn ready(&self) -> impl Future<Output = Result<(), ServiceError>> + Send + use<> {
        let wait = Wait {
            launch: self.launch.clone(),
            leader: self.life.leader.clone(),
            exit: self.life.exit.clone(),
            capture: self.life.capture.clone(),
            started: self.life.started,
        };
        let ended = self.life.ended();
        async move { wait.until_ready(ended).await }
    }
}

/// One process that is waited for.
struct Wait {
    launch: Launch,
    leader: Leader,
    exit: watch::Receiver<Option<Exit>>,
    capture: Capture,
    started: Instant,
}

impl Wait {
    async fn until_ready(&self, ended: impl Future<Output = Exit>) -> Result<(), ServiceError> {
        let time_left = self.launch.ready_within.saturating_sub(self.started.elapsed());
        let mut last = "nothing was tried".to_owned();
        let exit = tokio::select! {
            // A service that has ended is not ready, whoever else answers at its address.
            biased;
            exit = ended => exit,
            () = self.look(&mut last) => return self.still_alive().await,
            () = tokio::time::sleep(time_left) => return Err(self.not_ready(last)),
        };
        Err(self.died(exit).await)
    }

    /// Returns when readiness shows; `last` is what was seen last.
    async fn look(&self, last: &mut String) {
        let addr = self.launch.addr;
        match &self.launch.ready {
            Ready::Http(path) => loop {
                let asked = http::get(&http::Address::plain(addr), path, LOOK_WITHIN).await;
                *last = match asked {
                    Ok(status) if (200..300).contains(&status) => return,
                    Ok(status) => format!("GET http://{addr}{path} answered {status}"),
                    Err(why) => format!("GET http://{addr}{path}: {why}"),
                };
                tokio::time::sleep(LOOK_EVERY).await;
            },
            Ready::Port(_) => {
                let addr = self.launch.ready_addr().unwrap_or(addr);
                loop {
                    match connect(addr).await {
                        Ok(()) => return,
                        Err(why) => *last = format!("connecting to {addr}: {why}"),
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
            Ready::Log(text) => {
                *last = format!("no line of its output contains \"{text}\"");
                let mut capture = self.capture.clone();
                capture.reached(|progress| progress.found || progress.ended).await;
                if !capture.has_found() {
                    // Its output is closed: only its end or the deadline can come now.
                    *last = format!("it closed its output before a line contained \"{text}\"");
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Readiness of a service that died in the same moment is none.
    async fn still_alive(&self) -> Result<(), ServiceError> {
        let exit = self.exit.borrow().clone();
        match exit {
            None => Ok(()),
            Some(exit) => Err(self.died(exit).await),
        }
    }

    async fn died(&self, exit: Exit) -> ServiceError {
        let mut capture = self.capture.clone();
        let ended = capture.reached(|progress| progress.ended);
        // Its children may still hold the pipe.
        let _ = tokio::time::timeout(WORDS_WITHIN, ended).await;
        ServiceError::Died { name: self.launch.name.clone(), exit, lines: self.capture.last() }
    }

    fn not_ready(&self, last: String) -> ServiceError {
        ServiceError::NotReady {
            name: self.launch.name.clone(),
            within: self.launch.ready_within,
            last,
            hint: self.hint(),
            lines: self.capture.last(),
        }
    }

    /// The usual cause: it listens, but not where it was told to.
    fn hint(&self) -> Option<String> {
        let wanted = self.launch.ready_addr()?;
        let table = table::all().ok()?;
        let group = table.iter().filter(|entry| entry.pgid == self.leader.pgid);
        let pids: Vec<i32> = group.map(|entry| entry.pid).collect();
        let found = sockets::listening(&pids);
        let is_wanted = |addr: &SocketAddr| {
            addr.port() == wanted.port() && (addr.ip() == wanted.ip() || addr.ip().is_unspecified())
        };
        if found.iter().any(is_wanted) {
            return None;
        }
        if found.is_empty() {
            return Some("it listens on no port".to_owned());
        }
        let found: Vec<String> = found.iter().map(SocketAddr::to_string).collect();
        let found = found.join(" and ");
        Some(format!("it listens on {found}, not on {wanted}: pass it ${{self.addr}}"))
    }
}

async fn connect(addr: SocketAddr) -> Result<(), String> {
    match tokio::time::timeout(LOOK_WITHIN, TcpStream::connect(addr)).await {
        Err(_) => Err(format!("no answer within {}", length(LOOK_WITHIN))),
        Ok(Err(why)) => Err(why.kind().to_string()),
        // A port of the outgoing range can connect to itself while nobody listens.
        Ok(Ok(stream)) => match (stream.local_addr(), stream.peer_addr()) {
            (Ok(near), Ok(far)) if near != far => Ok(()),
            _ => Err("connection refused".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests;
