//! The run itself: one select loop over everything that can happen between the start of the
//! warm-up and the last answer.
//!
//! Invariant: the steady-state gate is decided just before the first fault, from what the journal
//! holds by then; closed, no fault is injected.
//! Invariant: whatever ends the loop, every fault that was injected has been cleared.
//! Not here: what is set up before and taken down after (`stage`), judgement (crate slo).

use super::signals::{self, Stop};
use super::stage::Stage;
use super::stream::Stream;
use super::timetable::{Step, Timetable};
use crate::link::LinkEvent;
use crate::load::{self, Drive, Engine};
use crate::plan::Plan;
use crate::record::{Batch, Edges};
use crate::{fault, probe};
use assay_slo::event::{
    Attempts, AttemptsOf, Edge, EdgeKind, Effect, EndReason, GateTime, ServiceState,
};
use assay_slo::{At, Event, gate};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Duration;

/// From the fixing of time 0 to the first request that can be due: threads must be up by then.
const LEAD_US: u64 = 100_000;

/// How often the console is told.
const TICK: Duration = Duration::from_millis(250);

/// How a run ended, and more in words.
pub(super) type Ending = (EndReason, String);

/// What the loop works on.
pub(super) struct Conduct<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stage: &'a mut Stage,
    pub(super) stream: &'a mut Stream,
    pub(super) edges: Arc<Edges>,
    pub(super) link_events: mpsc::UnboundedReceiver<LinkEvent>,
    pub(super) run_id: String,
    pub(super) deadline: At,
}

struct State {
    zero: At,
    engine: Engine,
    batches: mpsc::UnboundedReceiver<Batch>,
    timetable: Timetable,
    /// Faults that are on.
    on: Vec<bool>,
    gate_open: bool,
    sending: bool,
}

impl Conduct<'_> {
    /// Drives load and faults to their end, or until something stops them.
    pub(super) async fn go(mut self, stop: &mut Stop) -> Ending {
        let mut state = match self.begin() {
            Ok(state) => state,
            Err(problem) => return (EndReason::CouldNotRun, problem),
        };
        let ending = self.until_end(&mut state, stop).await;
        if ending.0 == EndReason::Complete {
            state.engine.stop_arrivals();
        } else {
            state.engine.cut();
        }
        for index in 0..state.on.len() {
            self.clear(&mut state, index).await;
        }
        while state.sending {
            tokio::select! {
                Some(batch) = state.batches.recv() => self.stream.batch(batch),
                ended = state.engine.finished() => self.sent(&mut state, ended),
            }
        }
        self.last_words(&mut state);
        ending
    }

    /// Fixes time 0 and starts the generator.
    fn begin(&mut self) -> Result<State, String> {
        let zero = At(self.stream.clock.now().0 + LEAD_US + self.plan.case.warmup_us);
        self.edges.zero(zero);
        self.stream.note(Event::Zero { zero });
        let (sink, batches) = mpsc::unbounded_channel();
        let drive = Drive {
            clock: self.stream.clock,
            zero,
            edges: Arc::clone(&self.edges),
            marks: Arc::new(self.plan.case.marks.clone()),
            run_id: self.run_id.clone(),
            threads: load::default_threads(),
            sink,
        };
        let lanes = super::lanes::aim(self.plan, self.stage)?;
        let engine = load::start(lanes, &drive).map_err(|e| e.to_string())?;
        Ok(State {
            zero,
            engine,
            batches,
            timetable: Timetable::of(self.plan),
            on: vec![false; self.plan.faults.len()],
            gate_open: true,
            sending: true,
        })
    }

    async fn until_end(&mut self, state: &mut State, stop: &mut Stop) -> Ending {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let clock = self.stream.clock;
        loop {
            if let Some(problem) = self.stream.failure() {
                return (EndReason::CouldNotRun, problem.to_owned());
            }
            if !state.sending && state.timetable.next_due().is_none() {
                return (EndReason::Complete, String::new());
            }
            let due = state.timetable.next_due();
            let step_at = due.map_or(self.deadline, |due| At(state.zero.0.saturating_add(due)));
            tokio::select! {
                reason = signals::stopped(stop) => return (reason, "stopped by a signal".into()),
                () = clock.sleep_until(self.deadline) => return self.out_of_time(),
                () = clock.sleep_until(step_at), if due.is_some() => self.steps(state).await,
                Some(batch) = state.batches.recv() => self.stream.batch(batch),
                Some(event) = self.link_events.recv() => self.link_event(event),
                (name, how) = self.stage.died() => {
                    self.stream.service(&name, ServiceState::Died, &how);
                    self.stream.flush();
                }
                ended = state.engine.finished(), if state.sending => {
                    self.sent(state, ended);
                    self.look_early(state).await;
                }
                _ = ticks.tick() => self.stream.tick(),
            }
        }
    }

    /// All threads have ended.
    fn sent(&mut self, state: &mut State, ended: std::io::Result<()>) {
        state.sending = false;
        if let Err(error) = ended {
            self.stream.abandon(&format!("the load generator failed: {error}"));
        }
    }

    fn out_of_time(&mut self) -> Ending {
        let text = format!(
            "the run was still going after max-duration {}",
            crate::plan::words::time(self.plan.max_duration_us)
        );
        let guard = "max-duration".to_owned();
        self.stream.note(Event::Guard { guard, text: text.clone() });
        (EndReason::Guard, text)
    }

    /// Takes every step that is due.
    async fn steps(&mut self, state: &mut State) {
        while let Some(step) = state.timetable.take(self.since_zero(state)) {
            match step {
                Step::GateBefore => state.gate_open = self.look(state, GateTime::Before).await,
                Step::GateAfter => {
                    self.look(state, GateTime::After).await;
                }
                Step::Inject(index) if state.gate_open => self.inject(state, index).await,
                Step::Inject(_) => {}
                Step::Clear(index) => self.clear(state, index).await,
            }
            self.stream.flush();
        }
    }

    /// Once nothing is sent any more there is no sense in waiting with the second look.
    async fn look_early(&mut self, state: &mut State) {
        while let Ok(batch) = state.batches.try_recv() {
            self.stream.batch(batch);
        }
        if state.timetable.only_looks_left() && state.timetable.next_due().is_some() {
            state.timetable.clear();
            self.look(state, GateTime::After).await;
        }
    }

    async fn inject(&mut self, state: &mut State, index: usize) {
        let planned = &self.plan.faults[index];
        self.edge(index, EdgeKind::Asked, self.stream.clock.now(), None);
        let action = match fault::action(planned, self.plan.seed) {
            Ok(action) => action,
            Err(error) => return self.stream.finding(error.to_string()),
        };
        // Even a fault that failed to show must be cleared.
        state.on[index] = true;
        match self.stage.links.inject(index, &planned.link, action).await {
            Ok(applied) => self.edge(index, EdgeKind::Applied, applied.at, None),
            Err(error) => self.stream.finding(format!("fault {}: {error}", planned.name)),
        }
    }

    async fn clear(&mut self, state: &mut State, index: usize) {
        if !std::mem::take(&mut state.on[index]) {
            return;
        }
        let planned = &self.plan.faults[index];
        match self.stage.links.clear(index, planned.recovery_us).await {
            Ok(cleared) => {
                self.drain_link_events();
                self.edge(index, EdgeKind::Cleared, cleared.at, Some(cleared.effect));
                if cleared.by_ordinal > 0 {
                    self.stream.finding(format!(
                        "fault {}: {} decisions were made by order of arrival, because those requests carried no id of ours",
                        planned.name, cleared.by_ordinal
                    ));
                }
                let any_left = state.on.contains(&true) || state.timetable.has_clears();
                if let (false, true, Some(steady)) =
                    (any_left, state.sending, &self.plan.case.steady_state)
                {
                    let since = u64::try_from(cleared.at.since(state.zero)).unwrap_or(0);
                    state.timetable.add(since.saturating_add(steady.after_us), Step::GateAfter);
                }
            }
            Err(error) => self.stream.finding(format!("fault {}: {error}", planned.name)),
        }
    }

    /// Looks whether all is steady, and journals the decision.
    async fn look(&mut self, state: &mut State, when: GateTime) -> bool {
        let mut probed = vec![];
        for planned in &self.plan.probes {
            let Ok(address) = self.stage.service(&planned.service) else { continue };
            let answer = probe::http(planned, address.addr, &address.authority).await;
            self.stream.note(Event::Probe {
                name: planned.name.clone(),
                ok: answer.ok,
                detail: answer.detail.clone(),
            });
            if !answer.ok {
                probed.push(format!("{}: {}", planned.name, answer.detail));
            }
        }
        while let Ok(batch) = state.batches.try_recv() {
            self.stream.batch(batch);
        }
        let second = self.stream.clock.now().second(state.zero);
        let mut gate = gate::look(self.stream.case(), self.stream.timeline(), second, when);
        gate.open &= probed.is_empty();
        gate.reasons.extend(probed);
        let open = gate.open;
        self.stream.note(Event::Gate(gate));
        open
    }

    fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::FirstAffected { fault, at } => {
                self.edge(fault, EdgeKind::FirstAffected, at, None);
            }
            LinkEvent::FirstUnaffected { fault, at } => {
                self.edge(fault, EdgeKind::FirstUnaffected, at, None);
            }
            LinkEvent::Arrivals { link, second, n } => {
                self.stream.note(Event::Arrivals { link, second, n });
            }
            LinkEvent::Attempts { link, list, left_out } => {
                let of = AttemptsOf::Link(link);
                self.stream.note(Event::Attempts(Attempts { of, list, left_out }));
            }
        }
    }

    fn drain_link_events(&mut self) {
        while let Ok(event) = self.link_events.try_recv() {
            self.link_event(event);
        }
    }

    fn edge(&mut self, fault: usize, edge: EdgeKind, at: At, effect: Option<Effect>) {
        self.stream.note(Event::Edge(Edge { fault, edge, at, effect }));
    }

    /// What arrived while the last things were ended.
    fn last_words(&mut self, state: &mut State) {
        while let Ok(batch) = state.batches.try_recv() {
            self.stream.batch(batch);
        }
        self.drain_link_events();
    }

    fn since_zero(&self, state: &State) -> u64 {
        u64::try_from(self.stream.clock.now().since(state.zero)).unwrap_or(0)
    }
}
