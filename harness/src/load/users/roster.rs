//! Who is still at work: tells when the last user is done, and when all may go.
//!
//! Not here: what users do (`life`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{Notify, watch};

/// The users of a run, counted.
#[derive(Debug)]
pub(super) struct Roster {
    at_work: AtomicU64,
    lost: AtomicBool,
    changed: Notify,
    dismissed: watch::Sender<bool>,
}

impl Roster {
    pub(super) fn new(users: u64) -> Roster {
        Roster {
            at_work: AtomicU64::new(users),
            lost: AtomicBool::new(false),
            changed: Notify::new(),
            dismissed: watch::Sender::new(false),
        }
    }

    /// A user has nothing left to do.
    pub(super) fn leave(&self) {
        if self.at_work.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.changed.notify_one();
        }
    }

    /// A user ended before its time.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(super) fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    pub(super) fn at_work(&self) -> u64 {
        self.at_work.load(Ordering::Acquire)
    }

    /// Waits until the last user has left or one was lost.
    pub(super) async fn idle(&self) {
        while self.at_work() > 0 && !self.has_lost() {
            self.changed.notified().await;
        }
    }

    /// Lets all users go.
    pub(super) fn dismiss(&self) {
        self.dismissed.send_replace(true);
    }

    /// Waits until all users are let go.
    pub(super) async fn dismissed(&self) {
        let _ = self.dismissed.subscribe().wait_for(|dismissed| *dismissed).await;
    }
}
