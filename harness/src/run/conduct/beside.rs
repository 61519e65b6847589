//! Acts of faults on services, beside the loop: nothing else may wait for them.
//!
//! A fault is asked for when it is due. If something is under way on its service then, it is done once that
//! has ended, and so is an end; whatever is on links, commands and other services goes on meanwhile.
//!
//! Invariant: on one service one thing is done at a time, in the order in which it came due, and a fault is
//! ended once it was begun.
//! Not here: what they do (`stage`), the others (`acts`).

use super::{Conduct, State};
use crate::run::stage::{Broke, Known, Mended};
use assay_slo::event::EdgeKind;
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// What an act came to.
pub(super) enum Acted {
    /// Whom it is going to break was found.
    Known(Result<Known, String>),
    /// A fault was begun.
    Broke(Broke, Result<(), String>),
    /// What it did was put right.
    Mended(Mended),
}

/// What is to be done once nothing is under way on a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    /// This fault is begun.
    Begin(usize),
    /// This fault is ended.
    End(usize),
}

/// Those under way.
#[derive(Default)]
pub(super) struct Acting {
    known: BTreeSet<usize>,
    later: Vec<Later>,
    /// The run is over: nothing is begun any more.
    is_over: bool,
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

    /// Keeps what must wait.
    pub(super) fn wait(&mut self, later: Later) {
        self.later.push(later);
    }
}

impl Conduct<'_> {
    /// Whether something is under way on a fault's service.
    pub(super) fn is_busy(&self, state: &State, index: usize) -> bool {
        let faults = &self.plan.faults;
        state.acting.known.iter().any(|other| faults[*other].link == faults[index].link)
    }

    /// An act has ended, and what waited for it may come.
    pub(super) async fn acted(&mut self, state: &mut State, index: usize, acted: Acted) {
        state.acting.known.remove(&index);
        self.take_act(state, index, acted).await;
        for later in std::mem::take(&mut state.acting.later) {
            match later {
                Later::Begin(index) => self.begin_act(state, index).await,
                Later::End(index) => self.clear(state, index).await,
            }
        }
        self.stream.flush();
    }

    /// Takes what an act came to. Of one that began a fault: from now on this lasts as long as planned.
    async fn take_act(&mut self, state: &mut State, index: usize, acted: Acted) {
        let done = match acted {
            Acted::Known(_) if state.acting.is_over => {
                state.on[index] = false;
                return;
            }
            Acted::Known(known) => {
                let begun = match known {
                    Ok(known) => self.do_to(state, index, known).await,
                    Err(why) => Err(why),
                };
                if begun.is_ok() {
                    return;
                }
                begun
            }
            Acted::Broke(broke, done) => {
                self.stage.broke(index, broke);
                let lasts_us = self.plan.faults[index].lasts_us;
                self.stage.renew(index, Duration::from_micros(lasts_us));
                self.follow_back(state, index);
                done
            }
            Acted::Mended(mended) => {
                let cleared = self.mended(state, index, mended).await;
                return self.cleared(state, index, cleared);
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
    }

    /// Ends all faults, and waits until they are: nothing is begun any more.
    pub(super) async fn end_all(&mut self, state: &mut State) {
        state.acting.is_over = true;
        for later in std::mem::take(&mut state.acting.later) {
            if let Later::Begin(index) = later {
                state.on[index] = false;
            }
        }
        for index in 0..state.on.len() {
            self.settle(state, index).await;
            self.clear(state, index).await;
            self.settle(state, index).await;
        }
        while self.is_torn_down()
            && let Some(Ok((fault, since, ready))) = state.waking.join_next().await
        {
            self.woken(fault, since, ready);
        }
    }

    /// Whether something is to be done with the services after the run.
    pub(super) fn is_torn_down(&self) -> bool {
        !self.plan.teardown.steps.is_empty()
    }

    /// Waits until nothing is under way on a fault's service.
    async fn settle(&mut self, state: &mut State, index: usize) {
        while self.is_busy(state, index) {
            match state.acting.ended.join_next().await {
                Some(Ok((ended, acted))) => self.acted(state, ended, acted).await,
                // It cannot end any more.
                Some(Err(_)) | None => return,
            }
        }
    }
}
