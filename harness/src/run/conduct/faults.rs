//! Faults as the run does them: injected, cleared, and what was killed started again.
//!
//! Invariant: a fault's end is scheduled from its applied edge, so it lasts as long as planned each
//! time that it comes.
//! Not here: when a fault is due (`timetable`), how it acts (`link`, `service`).

use super::{Conduct, HANDED_OVER_US, State};
use crate::fault;
use crate::plan::FaultKind;
use crate::run::timetable::Step;
use assay_slo::At;
use assay_slo::event::{EdgeKind, Effect, ServiceState};
use assay_slo::time::SECOND_US;
use std::net::SocketAddr;

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
        let applied = if let FaultKind::Kill { signal } = planned.kind {
            self.kill(index, signal).await
        } else {
            self.inject_at_link(index).await
        };
        // From the edge on, not from the plan: a fault is as long as it should be.
        let ends = self.since_zero(state).saturating_add(planned.lasts_us);
        state.timetable.add(ends, Step::Clear(index));
        if let Err(error) = applied {
            self.stream.finding(format!("fault {}: {error}", planned.name));
        }
    }

    async fn inject_at_link(&mut self, index: usize) -> Result<(), String> {
        let planned = &self.plan.faults[index];
        let action = fault::action(planned, self.plan.seed).map_err(|e| e.to_string())?;
        let applied = self.stage.links.inject(index, &planned.link, action).await;
        self.edge(index, EdgeKind::Applied, applied.map_err(|e| e.to_string())?.at, None);
        Ok(())
    }

    async fn kill(&mut self, index: usize, signal: i32) -> Result<(), String> {
        let at = self.edges.apply(index, || {});
        self.edge(index, EdgeKind::Applied, at, None);
        let gone = self.stage.kill(&self.plan.faults[index].link, signal).await?;
        if gone {
            self.killed.insert(index);
            self.edge(index, EdgeKind::FirstAffected, self.stream.clock.now(), None);
        }
        Ok(())
    }

    pub(super) async fn clear(&mut self, state: &mut State, index: usize) {
        if !state.on[index] {
            return;
        }
        let planned = &self.plan.faults[index];
        let cleared = if let FaultKind::Kill { .. } = planned.kind {
            self.restart(state, index).await
        } else {
            self.clear_link(index).await
        };
        state.on[index] = false;
        let at = match cleared {
            Ok(at) => at,
            Err(error) => return self.stream.finding(format!("fault {}: {error}", planned.name)),
        };
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

    async fn clear_link(&mut self, index: usize) -> Result<At, String> {
        let planned = &self.plan.faults[index];
        let cleared = self.stage.links.clear(index, planned.recovery_us).await;
        let cleared = cleared.map_err(|e| e.to_string())?;
        self.drain_link_events();
        self.edge(index, EdgeKind::Cleared, cleared.at, Some(cleared.effect));
        if cleared.by_ordinal > 0 {
            self.stream.finding(format!(
                "fault {}: {} decisions were made by order of arrival, because those requests carried no id of ours",
                planned.name, cleared.by_ordinal
            ));
        }
        Ok(cleared.at)
    }

    /// Starts the killed service again; the fault ends with the start, readiness is recovery.
    async fn restart(&mut self, state: &mut State, index: usize) -> Result<At, String> {
        let planned = &self.plan.faults[index];
        let started = self.stage.restart(&planned.link, self.stream).await;
        let at = self.edges.clear(planned.recovery_us, || {});
        let injected = u64::from(self.killed.remove(&index));
        let effect = Effect { matched: 1, injected, ours: 0 };
        self.edge(index, EdgeKind::Cleared, at, Some(effect));
        started?;
        let ready = self.stage.ready(&planned.link);
        state.waking.spawn(async move { (index, ready.await) });
        Ok(at)
    }

    /// A service that was started again is ready, or will not be.
    pub(super) fn woken(&mut self, index: usize, ready: Result<SocketAddr, String>) {
        let planned = &self.plan.faults[index];
        match ready {
            Ok(addr) => {
                self.stream.service(&planned.link, ServiceState::Ready, &addr.to_string());
                self.edge(index, EdgeKind::FirstUnaffected, self.stream.clock.now(), None);
            }
            Err(error) => self.stream.finding(format!("fault {}: {error}", planned.name)),
        }
    }

    /// A run that is over starts nothing again: what was killed is to be ended anyway.
    pub(super) fn forget_killed(&mut self, state: &mut State) {
        for (planned, on) in self.plan.faults.iter().zip(&mut state.on) {
            *on &= !matches!(planned.kind, FaultKind::Kill { .. });
        }
        state.waking.abort_all();
    }
}
