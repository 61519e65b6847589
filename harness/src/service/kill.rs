//! A declared kill: a signal for the whole service, the proof that it is gone, and its restart.
//!
//! Invariant: who is signalled is the service's own process, its group, or marked as the
//! service's; never a number alone.
//! Invariant: an end that a kill caused is no death, see [`Running::exited`]; a death that came
//! before a kill stays one, and the kill says so.
//! Invariant: nothing here holds the service while it waits, so nobody else has to wait with it.
//! Not here: other ways to end it (`acts`), when a kill comes and ends (`run`), stopping for good
//! (`process`).

use super::ending::{Ended, Struck, marks, strike};
use super::life::Life;
use super::process::{Exit, LOG_WITHIN, Running, signal_name};
use super::table::{Entry, Id};
use super::{Hurry, ServiceError, command};
use rustix::process::Signal;
use tokio::sync::watch;

/// A process that was started again, and is not yet its service's.
#[derive(Debug)]
#[must_use]
pub struct Next(Life);

/// What became of the first process of a service that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KillEffect {
    /// It got the signal and was seen to be gone.
    Gone(Exit),
    /// It had ended before, so the signal had no effect on it.
    Before(Exit),
    /// It is still there 5 s later.
    StillThere,
}

/// What a kill came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// Of its first process.
    pub effect: KillEffect,
    /// Its other processes that got the signal too: `name (pid n)`.
    pub swept: Vec<String>,
    /// Its processes that are still there, the first one included.
    pub left: Vec<String>,
    /// Why nobody can know whether processes are left.
    pub blind: Option<String>,
}

/// How things stood before a service was made to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// Its end was meant already.
    was_meant: bool,
}

/// The first process of a service, for whoever waits for its end and must not hold the service.
#[derive(Debug)]
pub(super) struct First {
    id: Id,
    exit: watch::Receiver<Option<Exit>>,
    is_meant: watch::Sender<bool>,
}

impl First {
    /// Whether it is this one.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        entry.id() == self.id
    }

    /// What making the service end came to.
    pub(super) async fn what_became(
        mut self,
        before: Before,
        ended: Ended,
        is_gone: bool,
    ) -> Killed {
        let was_hit = ended.signalled().any(|entry| self.is(entry));
        if !was_hit && is_gone && !before.was_meant {
            self.is_meant.send_replace(false);
        }
        let effect = match (is_gone || self.exit.borrow().is_some(), was_hit) {
            (false, _) => KillEffect::StillThere,
            (true, false) => KillEffect::Before(self.ended().await),
            (true, true) => KillEffect::Gone(self.ended().await),
        };
        let others = ended.signalled().filter(|entry| !self.is(entry));
        Killed {
            effect,
            swept: others.map(Entry::label).collect(),
            left: ended.left.iter().map(Entry::label).collect(),
            blind: ended.blind.clone(),
        }
    }

    async fn ended(&mut self) -> Exit {
        let ended = self.exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| exit.clone()).unwrap_or(Exit::Unknown)
    }
}

impl Running {
    /// Sends a signal, by its number, to the service's process, its group and whoever left the
    /// group but carries the service's marks. The future resolves when all are gone; at the latest 1 s
    /// after the first process is, or after 5 s (one, when [`Hurry`] is said) if it is not. Its end is
    /// meant from now on.
    ///
    /// # Errors
    /// [`ServiceError::NotDeadly`]; nothing is sent then.
    pub fn kill(
        &self,
        signal: i32,
        hurry: &Hurry,
    ) -> Result<impl Future<Output = Killed> + Send + use<>, ServiceError> {
        let name = self.launch.name.clone();
        let Some(deadly) = signal_name(signal).and(Signal::from_named_raw(signal)) else {
            return Err(ServiceError::NotDeadly { name, signal });
        };
        let (before, first) = (self.before_the_end(), self.first());
        let marks = marks(&self.launch.run_id, Some(&name));
        let (own, hurry) = (self.life.leader.clone(), hurry.clone());
        Ok(async move {
            let struck =
                tokio::task::spawn_blocking(move || strike(&own, marks, deadly, &hurry)).await;
            let Struck { ended, is_gone } = struck.unwrap_or_else(|why| Struck {
                ended: Ended { blind: Some(why.to_string()), ..Ended::default() },
                is_gone: false,
            });
            first.what_became(before, ended, is_gone).await
        })
    }

    /// Marks its end as our doing. Before the signal: its effect must not look like a death.
    pub(super) fn before_the_end(&self) -> Before {
        let had_ended = self.life.exit.borrow().is_some();
        let was_meant = *self.life.is_meant.borrow();
        self.life.is_meant.send_replace(was_meant || !had_ended);
        Before { was_meant }
    }

    /// Its first process that runs now.
    pub(super) fn first(&self) -> First {
        First {
            id: (self.life.leader.pid, self.life.leader.start),
            exit: self.life.exit.clone(),
            is_meant: self.life.is_meant.clone(),
        }
    }

    /// Starts the service again after its first process has ended: the same launch at the same
    /// address, its log continued in the same file. Waits up to 5 s for its address to be free, but
    /// not when [`Hurry`] is said. Give what comes of it to [`Running::follow`].
    ///
    /// # Errors
    /// [`ServiceError::StillRuns`], [`ServiceError::NotFree`], or why it does not start. It
    /// still has to be stopped then, and may be restarted once more.
    pub fn restart(
        &self,
        hurry: &Hurry,
    ) -> impl Future<Output = Result<Next, ServiceError>> + Send + use<> {
        let (launch, hurry, pid) = (self.launch.clone(), hurry.clone(), self.pid());
        let (exit, mut capture) = (self.life.exit.borrow().clone(), self.life.capture.clone());
        async move {
            let Some(exit) = exit else {
                return Err(ServiceError::StillRuns { name: launch.name.clone(), pid });
            };
            // Its last words come before the next one's first. Who was left may still hold the pipe.
            let ended = capture.reached(|progress| progress.ended);
            let _ = tokio::time::timeout(LOG_WITHIN, ended).await;
            launch.unoccupied(&hurry).await?;
            let opening = format!("the process before {exit}; started again");
            Life::begin(&launch, Some(opening)).map(Next).map_err(command::not_again)
        }
    }

    /// Takes on the process that was started again. It is not ready yet, not guarded yet, and
    /// [`Running::exited`] must be asked anew: as after [`super::start`].
    pub fn follow(&mut self, next: Next) {
        self.before.push(std::mem::replace(&mut self.life, next.0));
    }
}

#[cfg(test)]
mod tests;
