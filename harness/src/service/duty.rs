//! A duty cycle: the processes of a service stand still for a share of each tenth of a second.
//!
//! Invariant: whoever stands still goes on when the cycle ends, and when nobody holds it any more.
//! Invariant: a cycle ends by itself when its longest time is over.
//! Not here: whose processes these are (`ending`), putting right what a dead run left (`undo`).

use super::ServiceError;
use super::ending::Scope;
use super::still::Processes;
use super::table::{self, Entry};
use crate::clock::Clock;
use assay_slo::Share;
use rustix::process::Signal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// One stretch of standing still and going on, as long as the kernel's period of processor time.
const PERIOD_US: u64 = 100_000;
/// Between two looks at who belongs to the service, in periods.
const LOOK_EVERY: u64 = 5;
/// How long the first stop may take to show.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// A cycle that goes on until it is ended or dropped.
#[derive(Debug)]
pub struct Duty {
    /// Dropped, it ends the cycle.
    stop: Sender<()>,
    thread: JoinHandle<Stood>,
}

/// How much of its time a service stood still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stood {
    /// So long, µs,
    pub still_us: u64,
    /// of this, µs.
    pub whole_us: u64,
}

impl Stood {
    /// The share of the time, to a thousandth.
    #[must_use]
    pub fn share(&self) -> Share {
        let mille = u128::from(self.still_us) * 1000 / u128::from(self.whole_us.max(1));
        Share(u64::try_from(mille).unwrap_or(0) * (Share::ONE.0 / 1000))
    }
}

impl Processes {
    /// Begins a cycle, at most this long; returns once its processes were seen to stand still.
    ///
    /// # Errors
    /// [`ServiceError::Still`]: none of them does.
    pub fn press(
        &self,
        share: Share,
        most: Duration,
    ) -> impl Future<Output = Result<Duty, ServiceError>> + Send + use<> {
        let Processes { name, scope } = self.clone();
        async move {
            let failed = |why: String| ServiceError::Still { name: name.clone(), why };
            let (stop, stopped) = channel();
            let (tell, told) = tokio::sync::oneshot::channel();
            let cycle = Cycle { scope, share, most, stopped };
            let thread = std::thread::Builder::new().name("duty".to_owned());
            let thread =
                thread.spawn(move || cycle.run(tell)).map_err(|e| failed(e.to_string()))?;
            let duty = Duty { stop, thread };
            match tokio::time::timeout(SEEN_WITHIN, told).await {
                Ok(Ok(Ok(()))) => Ok(duty),
                Ok(Ok(Err(why))) => Err(failed(why)),
                Ok(Err(_)) | Err(_) => Err(failed("nobody was seen to stand still".to_owned())),
            }
        }
    }
}

impl Duty {
    /// Ends the cycle; everybody goes on.
    pub async fn end(self) -> Stood {
        drop(self.stop);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        joined.ok().and_then(Result::ok).unwrap_or_default()
    }
}

struct Cycle {
    scope: Scope,
    share: Share,
    most: Duration,
    stopped: Receiver<()>,
}

impl Cycle {
    fn run(self, tell: tokio::sync::oneshot::Sender<Result<(), String>>) -> Stood {
        let still = u128::from(PERIOD_US) * u128::from(self.share.0) / u128::from(Share::ONE.0);
        let still_us = u64::try_from(still).unwrap_or(PERIOD_US);
        let clock = Clock::start();
        let now = || clock.now().0;
        let (mut stood, mut tell) = (Stood::default(), Some(tell));
        let mut members: Vec<Entry> = Vec::new();
        for period in 0_u64.. {
            if period % LOOK_EVERY == 0 {
                match self.scope.look() {
                    Ok((found, _)) => members = found,
                    Err(why) => {
                        tell.take().map(|tell| tell.send(Err(format!("no process table: {why}"))));
                        break;
                    }
                }
            }
            let from = now();
            members.iter().for_each(|member| _ = table::signal(member, Signal::STOP));
            let first = tell.take().map(|tell| tell.send(seen(&members)));
            let is_over =
                self.waits(from + still_us, now()) || first.is_some_and(|sent| sent.is_err());
            members.iter().for_each(|member| _ = table::signal(member, Signal::CONT));
            let gone = now();
            stood.still_us += gone.saturating_sub(from);
            // Counted from here: whoever wakes up late is late at both ends.
            let is_over = is_over || self.waits(gone + PERIOD_US - still_us, now());
            stood.whole_us = now();
            if is_over || Duration::from_micros(stood.whole_us) >= self.most {
                break;
            }
        }
        stood
    }

    /// Waits until an instant; true if the cycle is to end.
    fn waits(&self, until_us: u64, now_us: u64) -> bool {
        let left = Duration::from_micros(until_us.saturating_sub(now_us));
        !matches!(self.stopped.recv_timeout(left), Err(RecvTimeoutError::Timeout))
    }
}

/// Whether all of them stand still, or are gone.
fn seen(members: &[Entry]) -> Result<(), String> {
    if members.is_empty() {
        return Err("it has ended before".to_owned());
    }
    let runs = |member: &&Entry| {
        let now = table::entry(member.pid).ok().flatten();
        now.is_some_and(|now| {
            now.id() == member.id() && !matches!(now.state, 'T' | 't' | 'Z' | 'X')
        })
    };
    // A signal takes effect when its process is next about to run.
    for _ in 0..50 {
        if members.iter().find(runs).is_none() {
            return Ok(());
        }
        super::ending::pause(Duration::from_millis(1));
    }
    let left: Vec<String> = members.iter().filter(runs).map(Entry::label).collect();
    Err(format!("{} does not stand still", left.join(", ")))
}

#[cfg(test)]
mod tests;
