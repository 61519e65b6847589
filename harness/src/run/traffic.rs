//! Everything that sends: open arrivals, users, fleets; started, stopped and waited for together.
//!
//! Invariant: what any of them hands over comes through [`Traffic::next`], in one order.
//! Not here: what each sends (`load`, `fleet`), when the run ends (`conduct`).

use super::lanes;
use super::stage::Stage;
use crate::clock::Clock;
use crate::fleet::{self, FleetBatch, Fleets};
use crate::load::users::{self, Crowds};
use crate::load::{self, Engine};
use crate::plan::Plan;
use crate::plan::traced::Tracing;
use crate::record::{Batch, Edges};
use crate::service::Address;
use assay_slo::case::Evidence;
use assay_slo::event::Ledger;
use assay_slo::{At, Event};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// All senders of a run.
pub(super) struct Traffic {
    engine: Engine,
    crowds: Crowds,
    fleets: Fleets,
    batches: mpsc::UnboundedReceiver<Batch>,
    fleet_batches: mpsc::UnboundedReceiver<FleetBatch>,
    arriving: bool,
    crowding: bool,
    generating: bool,
    only_fleets: bool,
}

/// What the senders tell.
pub(super) enum News {
    /// Counts, and what fleets tell beside.
    Batch(Box<Batch>, Vec<Event>),
    /// One kind of sender has ended: by itself, or with an error.
    Ended(std::io::Result<()>),
}

impl Traffic {
    /// Starts all of them; the first request is due at `zero`, or in the warm-up before.
    ///
    /// # Errors
    /// A sentence that says what could not be started.
    pub(super) fn start(
        plan: &Plan,
        stage: &Stage,
        clock: Clock,
        zero: At,
        edges: &Arc<Edges>,
        run_id: &str,
        tracing: Option<Tracing>,
    ) -> Result<Traffic, String> {
        let (sink, batches) = mpsc::unbounded_channel();
        let (fleet_sink, fleet_batches) = mpsc::unbounded_channel();
        let marks = Arc::new(plan.case.marks.clone());
        let drive = load::Drive {
            clock,
            zero,
            edges: Arc::clone(edges),
            marks: Arc::clone(&marks),
            run_id: run_id.to_owned(),
            threads: load::default_threads(),
            secrets: plan.secrets.clone().into(),
            sink,
            tracing,
        };
        let fleet_drive = fleet::Drive {
            clock,
            zero,
            edges: Arc::clone(edges),
            marks,
            run_id: run_id.to_owned(),
            seed: plan.seed,
            threads: load::default_threads(),
            sink: fleet_sink,
            told: None,
            tracing,
        };
        let engine = load::start(lanes::aim(plan, stage)?, &drive).map_err(|e| e.to_string())?;
        let aimed = lanes::users(plan, stage)?;
        let crowds = users::start(aimed, &drive, plan.seed).map_err(|e| e.to_string())?;
        let aimed = lanes::fleets(plan, stage, |index| is_breaker_judged(plan, index))?;
        let fleets = fleet::start(aimed, &fleet_drive).map_err(|e| e.to_string())?;
        Ok(Traffic {
            engine,
            crowds,
            fleets,
            batches,
            fleet_batches,
            arriving: true,
            crowding: true,
            generating: true,
            only_fleets: plan.loads.is_empty() && plan.users.is_empty(),
        })
    }

    /// Whether anything may still be sent.
    pub(super) fn is_going(&self) -> bool {
        self.arriving || self.crowding || self.generating
    }

    /// Whether load, which a second look at the steady state needs, is still going; where there
    /// are only fleets, they are the load.
    pub(super) fn is_loading(&self) -> bool {
        self.arriving || self.crowding || (self.only_fleets && self.generating)
    }

    /// The next thing that one of them tells; never ends once all have ended.
    pub(super) async fn next(&mut self) -> News {
        tokio::select! {
            Some(batch) = self.batches.recv() => News::Batch(Box::new(batch), vec![]),
            Some(told) = self.fleet_batches.recv() => {
                News::Batch(Box::new(told.batch), told.events)
            }
            ended = self.engine.finished(), if self.arriving => {
                self.arriving = false;
                News::Ended(ended)
            }
            ended = self.crowds.finished(), if self.crowding => {
                self.crowding = false;
                News::Ended(ended)
            }
            ended = self.fleets.generated_and_drained(), if self.generating => {
                self.generating = false;
                News::Ended(ended)
            }
            else => std::future::pending().await,
        }
    }

    /// What has been told and not yet taken.
    pub(super) fn left(&mut self) -> Vec<(Batch, Vec<Event>)> {
        let mut left = vec![];
        while let Ok(batch) = self.batches.try_recv() {
            left.push((batch, vec![]));
        }
        while let Ok(told) = self.fleet_batches.try_recv() {
            left.push((told.batch, told.events));
        }
        left
    }

    /// Nothing of this open load is due from this instant on, which should lie ahead.
    pub(super) fn end_load(&self, index: usize, at: At) {
        self.engine.end_load(index, at);
    }

    /// Ends everything now; what is under way is cut off.
    pub(super) fn cut(&self) {
        self.engine.cut();
        self.crowds.cut();
        self.fleets.cut();
    }

    /// Reads back what arrived at the far ends.
    pub(super) async fn read_back(
        &self,
        resolve: &(dyn Fn(&str) -> Option<Address> + Sync),
        folder: &Path,
    ) -> Vec<Ledger> {
        self.fleets.read_back(resolve, folder).await
    }
}

/// Whether some breaker is judged by what this fleet's gateways tell.
fn is_breaker_judged(plan: &Plan, fleet: usize) -> bool {
    let evidence = plan.case.breakers.iter().flat_map(|breaker| &breaker.evidence);
    evidence.into_iter().any(|one| *one == Evidence::Gateway(fleet))
}
