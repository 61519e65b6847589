//! Fleets: devices that generate samples, gateways that store and forward them, and the ledger
//! of what became of each.
//!
//! One multi-thread runtime of its own, a task for each gateway; once a second one batch of
//! counts and events is handed over.
//!
//! Invariant: every sample is generated at a computed instant, and accounted for: acknowledged,
//! discarded, in an outbox, or lost.
//! Invariant: every attempt is recorded once, and none is made behind the policy's back.
//! Not here: when the run stops and why (`run`), what must hold (crate slo).

mod aim;
pub mod demo;
mod device;
mod driver;
mod key;
mod ledger;
mod log;
mod message;
mod policy;
mod read_back;
mod shared;
mod store;
mod teller;
mod template;
mod uplink;
mod values;
mod weight;

pub use aim::{Aimed, Drive, FleetBatch, StartError, start};
pub use template::{Known, UnknownPlaceholder};
pub use weight::remembering;

use crate::service::Address;
use aim::Reader;
use assay_slo::event::Ledger;
use std::io;
use std::path::Path;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Running fleets.
#[derive(Debug)]
pub struct Fleets {
    /// Always there until dropped.
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    posts: Vec<JoinHandle<io::Result<()>>>,
    told: watch::Sender<bool>,
    teller: Option<JoinHandle<io::Result<()>>>,
    readers: Vec<Reader>,
}

impl Fleets {
    /// Ends now: no more samples, no drain, nothing read back; attempts under way are recorded
    /// as [`assay_slo::Outcome::Cut`] and handed over.
    pub fn cut(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until all samples are generated and all outboxes empty, or their drains over, and
    /// the last batch handed over. May be dropped and called anew.
    ///
    /// # Errors
    /// A task died, or nobody takes the batches: what is missing is unknown, the run decides
    /// nothing.
    pub async fn generated_and_drained(&mut self) -> io::Result<()> {
        while let Some(post) = self.posts.last_mut() {
            let ended = post.await;
            self.posts.pop();
            ended.map_err(|_| io::Error::other("a fleet's task died"))??;
        }
        self.told.send_replace(true);
        if let Some(teller) = &mut self.teller {
            let ended = teller.await;
            self.teller = None;
            ended.map_err(|_| io::Error::other("a fleet's task died"))??;
        }
        Ok(())
    }

    /// How many samples are left in outboxes, once all have ended.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.readers.iter().map(|reader| shared::lock(&reader.ties.account).in_outbox()).sum()
    }

    /// Reads the far ends' stores back and closes the accounts, one line for each fleet. A fleet
    /// without gateway is read every 5 s until nothing is missing or its drain is over. `resolve`
    /// knows where a service answers; commands run in `folder`. A store that
    /// cannot be read is told in [`Ledger::problem`]. After [`Fleets::cut`] nothing is read.
    pub async fn read_back(
        &self,
        resolve: &(dyn Fn(&str) -> Option<Address> + Sync),
        folder: &Path,
    ) -> Vec<Ledger> {
        let mut ledgers = Vec::new();
        for reader in &self.readers {
            ledgers.push(if *self.stop.borrow() {
                reader.unread("the run was stopped before its store was read back")
            } else {
                reader.read(resolve, folder).await
            });
        }
        ledgers
    }
}

impl Drop for Fleets {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // A runtime must not be waited for where its owner may itself be a task.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;
