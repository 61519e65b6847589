//! Acts of faults that take their time, beside the loop: nothing else may wait for them.
//!
//! Invariant: on one service one thing is done at a time, and a fault is ended once it was begun.
//! Not here: what they do (`stage`), the others (`acts`).

use super::{Conduct, State};
use crate::run::stage::{Broken, Mended};
use assay_slo::event::EdgeKind;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// What an act came to.
pub(super) enum Acted {
    /// To processes.
    Halted(Result<(), String>),
    /// To containers: which were broken.
    Broke(Broken, Result<(), String>),
    /// Containers were put right.
    Mended(Mended),
}

/// Those under way.
#[derive(Default)]
pub(super) struct Acting {
    known: BTreeSet<usize>,
    pub(super) ended: JoinSet<(usize, Acted)>,
}

impl Acting {
    /// Begins a fault's act.
    pub(super) fn begin(
        &mut self,
        fault: usize,
        act: impl Future<Output = Acted> + Send + 'static,
    ) {
        self.known.insert(fault);
        self.ended.spawn(async move { (fault, act.await) });
    }
}

impl Conduct<'_> {
    /// An act has ended. Of one that began a fault: from now on this lasts as long as planned.
    pub(super) fn acted(&mut self, state: &mut State, index: usize, acted: Acted) {
        state.acting.known.remove(&index);
        let done = match acted {
            Acted::Halted(done) => done,
            Acted::Broke(broken, done) => {
                self.stage.broke(index, broken);
                done
            }
            Acted::Mended(mended) => {
                let cleared = self.mended(state, index, mended);
                self.cleared(state, index, cleared);
                return self.stream.flush();
            }
        };
        match done {
            Ok(()) => {
                self.done.insert(index);
                self.edge(index, EdgeKind::FirstAffected, self.stream.clock.now(), None);
            }
            Err(why) => {
                let name = &self.plan.faults[index].name;
                self.stream.finding(format!("fault {name}: {why}"));
            }
        }
        self.end_later(state, index);
        self.stream.flush();
    }

    /// Waits until nothing is under way on a fault's service.
    pub(super) async fn settle(&mut self, state: &mut State, index: usize) {
        let faults = &self.plan.faults;
        let same = |other: &usize| faults[*other].link == faults[index].link;
        while state.acting.known.iter().any(same) {
            match state.acting.ended.join_next().await {
                Some(Ok((ended, acted))) => self.acted(state, ended, acted),
                // It cannot end any more.
                Some(Err(_)) | None => return,
            }
        }
    }
}
