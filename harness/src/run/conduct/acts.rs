//! Faults beside links as the run does them: what happens to services, and commands.
//!
//! Invariant: applied is stamped before anything is done, cleared after nothing is done any more.
//! Invariant: a command that fails, or takes too long, ends the run.
//! Not here: faults on links, when a fault is due (`faults`), how it is done (`stage`, `service`).

use super::beside::Acted;
use super::faults::Begun;
use super::{Conduct, Ending, State};
use crate::plan::{Errand, Fault, FaultKind, RestartedBy, words};
use crate::run::marks::Mark;
use crate::run::stage::{Known, Mended, is_attached, is_contained, outlives};
use crate::service::{Exit, How};
use assay_slo::event::{EdgeKind, Effect, EndReason, NotBack, ServiceState};
use assay_slo::{At, Event, capacity};
use std::net::SocketAddr;

/// Threads learn of a load's end before it comes, so that all end at the same request.
const AHEAD_US: i64 = 100_000;

impl Conduct<'_> {
    /// Begins what a fault does to a service.
    pub(super) async fn act(&mut self, state: &mut State, index: usize) -> Result<Begun, String> {
        let planned = &self.plan.faults[index];
        if is_contained(self.plan, &planned.link) {
            let known = self.stage.known_containers(self.plan, planned);
            state.acting.begin(index, async move { Acted::Known(known.await) });
        } else if is_attached(self.plan, &planned.link) {
            let known = self.stage.known_family(planned);
            state.acting.begin(index, async move { Acted::Known(known.await) });
        } else {
            self.do_to(state, index, Known::Processes).await?;
        }
        Ok(Begun::Beside)
    }

    /// Does it, how it is undone written down before.
    pub(super) async fn do_to(
        &mut self,
        state: &mut State,
        index: usize,
        known: Known,
    ) -> Result<(), String> {
        let planned = &self.plan.faults[index];
        self.stage.plan_break((index, planned), known)?;
        self.apply(index);
        let breaking = self.stage.breaking((index, planned), &self.plan.secrets).await?;
        state.acting.begin(index, async move {
            let (broke, done) = breaking.await;
            Acted::Broke(broke, done)
        });
        Ok(())
    }

    /// Starts a fault's command, or asks somebody to begin.
    pub(super) async fn act_outside(
        &mut self,
        state: &mut State,
        index: usize,
    ) -> Result<Begun, String> {
        let planned = &self.plan.faults[index];
        match &planned.kind {
            FaultKind::Command(errand) => {
                self.apply(index);
                self.send(state, index, errand).await?;
            }
            FaultKind::Manual { prompt } => {
                let dir = crate::run::shown(&self.stage.names.dir);
                let name = &planned.name;
                let text = format!("{prompt} (assay mark {dir} {name} start, and then end)");
                self.stream.progress.note(&text);
            }
            _ => {}
        }
        Ok(Begun::Done)
    }

    fn apply(&mut self, index: usize) -> At {
        let at = self.edges.apply(index, || {});
        self.applied_at(index, at);
        at
    }

    /// Ends a command, or what somebody did by hand; none if that never came to be.
    pub(super) async fn end_outside(
        &mut self,
        state: &mut State,
        index: usize,
    ) -> Result<Option<At>, String> {
        let planned = &self.plan.faults[index];
        // What a command that has ended left running goes with the run.
        if matches!(planned.kind, FaultKind::Command(_))
            && !self.done.contains(&index)
            && let Some(stopped) = self.stage.call_back(index).await
        {
            let (name, exit) = (&planned.name, &stopped.exit);
            match (stopped.how, exit) {
                // It came to its end in the same moment as the run.
                (How::Already, Exit::Code(0)) => _ = self.done.insert(index),
                (How::Already, _) => {
                    self.stream.finding(format!("fault {name}: its command {exit}"));
                }
                (How::Asked | How::Killed, _) => self.stream.finding(format!(
                    "fault {name}: its command was still running when the run ended, so we ended \
                     it: it {exit}"
                )),
            }
        }
        if matches!(planned.kind, FaultKind::Manual { .. }) && self.done.contains(&index) {
            self.stream.finding(format!(
                "fault `{}` was begun by hand, and nobody said that it is over: whoever made it must undo it, \
                 for nobody else can",
                planned.name
            ));
        }
        self.off(state, index, Ok(()))
    }

    /// What did not last, or was too little, did not take effect as it was asked to.
    fn not_as_asked(&mut self, index: usize, short: Option<String>) {
        if let Some(why) = short
            && self.done.remove(&index)
        {
            self.stream.finding(format!("fault {}: {why}", self.plan.faults[index].name));
        }
    }

    /// What was on for longer than it may be, or was ended by somebody else, is not what was asked.
    fn lapsed(&mut self, index: usize, why: &str) {
        self.done.remove(&index);
        self.stream.finding(format!("fault {}: {why}", self.plan.faults[index].name));
    }

    /// What a fault did was put right, beside the loop.
    pub(super) async fn mended(
        &mut self,
        state: &mut State,
        index: usize,
        mut mended: Mended,
    ) -> Result<Option<At>, String> {
        let planned = &self.plan.faults[index];
        match self.stage.lapsed(index) {
            Some(why) => self.lapsed(index, &why),
            None => self.not_as_asked(index, mended.short(planned)),
        }
        if let Some(told) = mended.told(planned) {
            self.stream.finding(format!("fault {}: {told}", planned.name));
        }
        if let Some(why) = mended.unstarted() {
            // A container of ours is to be removed anyway.
            self.stage.forget_container(index);
            // The fault is over all the same, though nothing is as it was.
            let _told = self.off(state, index, Err(String::new()));
            self.not_back(index, self.stream.clock.now(), why, true);
            return Ok(None);
        }
        let ended = self.stage.mended(self.plan, (index, planned), mended, self.stream).await;
        if let (
            Err(why),
            FaultKind::Kill { by: RestartedBy::Supervisor | RestartedBy::Others, .. },
        ) = (&ended, &planned.kind)
        {
            let within = words::time(planned.lasts_us);
            let how = format!("{why}, {within} after fault `{}`", planned.name);
            self.stream.service(&planned.link, ServiceState::Died, &how);
        }
        self.off(state, index, ended)
    }

    /// A fault is over, and how; none if it never came to be.
    pub(super) fn off(
        &mut self,
        state: &mut State,
        index: usize,
        ended: Result<(), String>,
    ) -> Result<Option<At>, String> {
        let planned = &self.plan.faults[index];
        let name = planned.link.as_str();
        if !self.applied.remove(&index) {
            return ended.map(|()| None);
        }
        let at = self.edges.clear(planned.recovery_us, || {});
        let injected = u64::from(self.done.remove(&index));
        let effect = Effect { matched: 1, injected, ours: 0 };
        self.edge(index, EdgeKind::Cleared, at, Some(effect));
        if matches!(planned.kind, FaultKind::Command(_) | FaultKind::Manual { .. }) {
            state.away.end(index, at);
        }
        ended?;
        match &planned.kind {
            FaultKind::Pause | FaultKind::Disconnect { .. } | FaultKind::Pressure(_) => {
                self.edge(index, EdgeKind::FirstUnaffected, self.stream.clock.now(), None);
            }
            FaultKind::Command(_) | FaultKind::Manual { .. } => {}
            _ if is_contained(self.plan, name) || is_attached(self.plan, name) => {
                let ready = self.stage.answers_again(self.plan, name);
                state.waking.spawn(async move { (index, at, ready.await) });
            }
            _ => {
                let ready = self.stage.ready(name);
                state.waking.spawn(async move { (index, at, ready.await) });
            }
        }
        Ok(Some(at))
    }

    async fn send(
        &mut self,
        state: &mut State,
        index: usize,
        errand: &Errand,
    ) -> Result<(), String> {
        match self.stage.send(self.plan, index, errand).await {
            Ok(ended) => {
                state.errands.spawn(async move { (index, ended.await) });
                Ok(())
            }
            Err(why) => {
                let name = &self.plan.faults[index].name;
                state.over = Some((EndReason::CouldNotRun, format!("fault `{name}`: {why}")));
                Err(why)
            }
        }
    }

    /// A fault's command has ended.
    pub(super) async fn errand_ended(&mut self, state: &mut State, index: usize, exit: &Exit) {
        let name = &self.plan.faults[index].name;
        if *exit == Exit::Code(0) {
            self.done.insert(index);
            state.timetable.drop_clear(index);
            self.clear(state, index).await;
            self.stream.flush();
            return;
        }
        let said = self.stage.last_words(index);
        let said = said.map_or_else(String::new, |line| format!(", saying {line:?}"));
        let text = format!("the command of fault `{name}` {exit}{said}");
        state.over = Some((EndReason::CouldNotRun, text));
    }

    /// How the run must end if a fault is to be cleared whose command still runs.
    pub(super) fn too_long(&self, state: &State, index: usize) -> Option<Ending> {
        let planned = self.plan.faults.get(index)?;
        let (name, within) = (&planned.name, words::time(planned.lasts_us));
        let text = match &planned.kind {
            FaultKind::Command(_) => format!(
                "the command of fault `{name}` was still running after its timeout {within}"
            ),
            // One that was never started is over now, and without effect.
            FaultKind::Manual { .. } if self.done.contains(&index) => {
                format!("nobody had marked the end of fault `{name}` within its timeout {within}")
            }
            _ => return None,
        };
        state.on[index].then_some((EndReason::CouldNotRun, text))
    }

    /// Whether marks are looked for: also while none is due, lest one that came too early is taken later.
    pub(super) fn takes_marks(&self) -> bool {
        self.plan.faults.iter().any(|fault| matches!(fault.kind, FaultKind::Manual { .. }))
    }

    /// Somebody has said that faults start or end.
    pub(super) async fn marked(&mut self, state: &mut State, marks: Vec<(String, Mark)>) {
        for (name, mark) in marks {
            let is_meant = |fault: &Fault| {
                fault.name == name && matches!(fault.kind, FaultKind::Manual { .. })
            };
            let Some(index) = self.plan.faults.iter().position(is_meant) else { continue };
            let (on, started) = (state.on[index], self.done.contains(&index));
            match mark {
                Mark::Start if on && !started => {
                    let at = self.apply(index);
                    self.edge(index, EdgeKind::FirstAffected, at, None);
                    self.done.insert(index);
                }
                Mark::End if on && started => {
                    state.timetable.drop_clear(index);
                    let off = self.off(state, index, Ok(()));
                    self.cleared(state, index, off);
                }
                Mark::Start | Mark::End => {}
            }
            self.stream.flush();
        }
    }

    /// Ends the loads that wait for the end of this fault, which came then, or will not come.
    pub(super) fn end_loads(&mut self, state: &State, index: usize, at: At) {
        let untils = self.plan.untils.iter().filter(|until| until.fault == index);
        for until in untils {
            let ahead = self.stream.clock.now().plus(AHEAD_US);
            let at = at.plus(i64::try_from(until.after_us).unwrap_or(i64::MAX)).max(ahead);
            // A step that broke may have stopped it before.
            let stopped = capacity::ends(self.stream.timeline(), until.load);
            if stopped.is_some_and(|before| before <= at) {
                continue;
            }
            let name = &self.plan.faults[index].name;
            let after = words::time(until.after_us);
            let text = format!("{after} after the end of fault `{name}`");
            self.stream.note(Event::Stopped { load: until.load, at, text });
            state.traffic.end_load(until.load, at);
        }
        self.stream.flush();
    }

    /// A service that was started again is ready, or will not be.
    pub(super) fn woken(&mut self, index: usize, since: At, ready: Result<SocketAddr, String>) {
        let planned = &self.plan.faults[index];
        match ready {
            Ok(addr) => {
                // Of a container without an address its engine says that it runs.
                let is_known = !addr.ip().is_unspecified();
                let at = if is_known { addr.to_string() } else { "it runs again".to_owned() };
                self.stream.service(&planned.link, ServiceState::Ready, &at);
                self.edge(index, EdgeKind::FirstUnaffected, self.stream.clock.now(), None);
            }
            Err(detail) => {
                self.not_back(index, since, detail, false);
            }
        }
    }

    fn not_back(&mut self, fault: usize, since: At, detail: String, unstarted: bool) {
        self.stream.note(Event::NotBack(NotBack { fault, since, detail, unstarted }));
    }

    /// A run that is over starts nothing again: what was ended is to be ended anyway. Only a teardown still
    /// needs it.
    pub(super) fn forget_ended(&mut self, state: &mut State) {
        if self.is_torn_down() {
            return;
        }
        for (index, (planned, on)) in self.plan.faults.iter().zip(&mut state.on).enumerate() {
            // What was there before is to be there after.
            if outlives(self.plan, &planned.link) {
                continue;
            }
            self.stage.forget_container(index);
            let starts = matches!(
                planned.kind,
                FaultKind::Kill { .. } | FaultKind::Stop | FaultKind::Restart
            );
            *on &= !starts;
        }
        state.waking.abort_all();
    }
}
