//! Faults as the run does them: injected and cleared, at their links or elsewhere.
//!
//! Invariant: a fault's end is scheduled from its applied edge, so it lasts as long as planned each
//! time that it comes.
//! Not here: when a fault is due (`timetable`), those beside links (`acts`), how they act (`link`).

use super::beside::{Acted, Later};
use super::{Conduct, HANDED_OVER_US, State};
use crate::fault;
use crate::plan::{FaultKind, Place};
use crate::run::stage::ACTS_WITHIN;
use crate::run::timetable::Step;
use assay_slo::At;
use assay_slo::event::EdgeKind;
use assay_slo::time::SECOND_US;

/// How far a fault is.
pub(super) enum Begun {
    /// It is on.
    Done,
    /// It is being done beside the loop.
    Beside,
}

impl Conduct<'_> {
    pub(super) async fn inject(&mut self, state: &mut State, index: usize) {
        let planned = &self.plan.faults[index];
        if state.on[index] {
            let text = "was to come again, but the time before had not ended yet";
            return self.stream.finding(format!("fault {}: {text}", planned.name));
        }
        self.edge(index, EdgeKind::Asked, self.stream.clock.now(), None);
        // Even a fault that failed to show must be cleared.
        state.on[index] = true;
        self.begin_act(state, index).await;
    }

    /// Does what a fault that was asked for says.
    pub(super) async fn begin_act(&mut self, state: &mut State, index: usize) {
        let planned = &self.plan.faults[index];
        let applied = match planned.kind.place() {
            Place::Link => self.inject_at_link(index).await.map(|()| Begun::Done),
            Place::Service if self.is_busy(state, index) => {
                return state.acting.wait(Later::Begin(index));
            }
            Place::Service => self.act(state, index).await,
            Place::Outside => self.act_outside(state, index).await,
        };
        match applied {
            Ok(Begun::Beside) => return,
            Ok(Begun::Done) => {}
            Err(error) => self.stream.finding(format!("fault {}: {error}", planned.name)),
        }
        self.end_later(state, index);
    }

    /// Plans a fault's end: from the edge on, not from the plan, so that it is as long as it should be.
    pub(super) fn end_later(&self, state: &mut State, index: usize) {
        let planned = &self.plan.faults[index];
        let lasts_us = if planned.kind == FaultKind::Restart { 0 } else { planned.lasts_us };
        let ends = self.since_zero(state).saturating_add(lasts_us);
        state.timetable.add(ends, Step::Clear(index));
    }

    async fn inject_at_link(&mut self, index: usize) -> Result<(), String> {
        let planned = &self.plan.faults[index];
        let tcp = self.plan.links.iter().any(|link| link.name == planned.link && link.tcp);
        let make = if tcp { fault::action_on_connections } else { fault::action };
        let action = make(planned, self.plan.seed).map_err(|e| e.to_string())?;
        let applied = self.stage.links.inject(index, &planned.link, action).await;
        self.applied_at(index, applied.map_err(|e| e.to_string())?.at);
        Ok(())
    }

    pub(super) fn applied_at(&mut self, index: usize, at: At) {
        self.applied.insert(index);
        self.edge(index, EdgeKind::Applied, at, None);
    }

    pub(super) async fn clear(&mut self, state: &mut State, index: usize) {
        if !state.on[index] {
            return;
        }
        let planned = &self.plan.faults[index];
        if planned.kind.place() == Place::Service {
            self.stage.renew(index, ACTS_WITHIN);
        }
        let cleared = match planned.kind.place() {
            Place::Link => self.clear_link(index).await,
            Place::Outside => self.end_outside(state, index).await,
            Place::Service if self.is_busy(state, index) => {
                return state.acting.wait(Later::End(index));
            }
            Place::Service => {
                let was_done = self.done.contains(&index);
                match self.stage.mending(self.plan, (index, planned), was_done) {
                    Ok(Some(mending)) => {
                        let acted = async move { Acted::Mended(mending.await) };
                        return state.acting.begin(index, acted);
                    }
                    Ok(None) => self.off(state, index, Ok(())),
                    Err(why) => self.off(state, index, Err(why)),
                }
            }
        };
        self.cleared(state, index, cleared);
    }

    /// A fault is off, since when if it was on.
    pub(super) fn cleared(
        &mut self,
        state: &mut State,
        index: usize,
        cleared: Result<Option<At>, String>,
    ) {
        let planned = &self.plan.faults[index];
        state.on[index] = false;
        let at = match cleared {
            Ok(Some(at)) => at,
            Ok(None) => return self.end_loads(state, index, self.stream.clock.now()),
            Err(error) => {
                let told = self.stage.undo_failed(index, error);
                let told = told.map(|error| format!("fault {}: {error}", planned.name));
                return told.into_iter().for_each(|text| self.stream.finding(text));
            }
        };
        self.end_loads(state, index, at);
        self.look_after(state, index, at);
        let any_left = state.on.contains(&true) || state.timetable.has_faults();
        if let (false, true, Some(steady)) =
            (any_left, state.traffic.is_loading(), &self.plan.case.steady_state)
        {
            let since = u64::try_from(at.since(state.zero)).unwrap_or(0);
            // A whole second after the fault must have passed and been handed over.
            let least = since.div_ceil(SECOND_US).saturating_mul(SECOND_US) + HANDED_OVER_US;
            state.timetable.add_look(since.saturating_add(steady.after_us).max(least));
        }
    }

    /// None if it had never shown.
    async fn clear_link(&mut self, index: usize) -> Result<Option<At>, String> {
        let planned = &self.plan.faults[index];
        let cleared = self.stage.links.clear(index, planned.recovery_us).await;
        let cleared = cleared.map_err(|e| e.to_string())?;
        self.drain_link_events();
        if !self.applied.remove(&index) {
            return Ok(None);
        }
        self.edge(index, EdgeKind::Cleared, cleared.at, Some(cleared.effect));
        if cleared.by_ordinal > 0 {
            self.stream.finding(format!(
                "fault {}: {} decisions were made by order of arrival, because those requests carried no id of ours",
                planned.name, cleared.by_ordinal
            ));
        }
        Ok(Some(cleared.at))
    }
}
