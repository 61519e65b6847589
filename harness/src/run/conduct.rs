//! The run itself: one select loop over everything that can happen between the start of the
//! warm-up and the last answer.
//!
//! Invariant: the steady-state gate is decided just before the first fault, from what the journal
//! holds by then; closed, no fault is injected.
//! Invariant: whatever ends the loop, every fault that was injected has been cleared.
//! Not here: what is set up before and taken down after (`stage`), the gate (`look`), doing and
//! undoing faults (`faults`, `acts`), judgement (crate slo).

mod acts;
mod beside;
mod declared;
mod faults;

use super::accounts;
use super::guard::{Lookers, Stopped};
use super::marks::Marks;
use super::metrics;
use super::signals::{self, Stop};
use super::stage::{Lost, Stage};
use super::stream::Stream;
use super::timetable::{PROBES_US, Step, Timetable};
use super::traffic::{News, Traffic};
use crate::client::tls;
use crate::link::LinkEvent;
use crate::plan::Plan;
use crate::plan::traced::Tracing;
use crate::probe::Probed;
use crate::probe::metrics::Readers;
use crate::record::Edges;
use crate::service::Exit;
use assay_slo::event::{Attempts, AttemptsOf, Edge, EdgeKind, Effect, EndReason, GateTime, Looks};
use assay_slo::{At, Event};
use beside::Acting;
use declared::Away;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// From the fixing of time 0 to the first request that can be due: threads must be up by then.
const LEAD_US: u64 = 100_000;

/// A second's requests have ended and were handed over so long after its start.
pub(super) const HANDED_OVER_US: u64 = 2_200_000;

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
    /// Whether requests carry a trace on.
    pub(super) tracing: Option<Tracing>,
    /// The second from which on to ask again whether an objective is lost; none: not asked.
    pub(super) stop_early: Option<i64>,
    /// Faults whose applied edge was stamped, and not yet their cleared one.
    pub(super) applied: BTreeSet<usize>,
    /// Faults beside links that were seen to be done.
    pub(super) done: BTreeSet<usize>,
}

pub(super) struct State {
    pub(super) zero: At,
    pub(super) traffic: Traffic,
    timetable: Timetable,
    /// How often bytes had come at links when the warm-up began.
    pieces: BTreeMap<String, u64>,
    /// Faults that are on.
    on: Vec<bool>,
    gate_open: bool,
    /// What the probes said, as far as they have answered.
    pub(super) probes: JoinSet<(String, Probed)>,
    /// Metrics that are read.
    pub(super) metrics: Readers,
    /// Looks at services for guards.
    guarding: Lookers,
    /// Looks at services after faults.
    pub(super) looks: JoinSet<Looks>,
    /// The second in which load ended before the last look was due.
    pub(super) load_ended: Option<i64>,
    /// Services that a fault ended, started again and not yet ready: the fault, its end, and the address.
    waking: JoinSet<(usize, At, Result<SocketAddr, String>)>,
    /// What is said of faults that others make.
    marks: Marks,
    /// Commands of faults that run: the fault, and how it ended.
    errands: JoinSet<(usize, Exit)>,
    /// Acts of faults that are under way.
    acting: Acting,
    /// Services that others ended.
    away: Away,
    /// Why the run cannot go on.
    over: Option<Ending>,
}

impl Conduct<'_> {
    /// Drives load and faults to their end, or until something stops them.
    pub(super) async fn go(mut self, stop: &mut Stop) -> Ending {
        let mut state = match self.begin().await {
            Ok(state) => state,
            Err(problem) => return (EndReason::CouldNotRun, problem),
        };
        let mut ending = self.until_end(&mut state, stop).await;
        if ending.0 != EndReason::Complete {
            state.traffic.cut();
            self.forget_ended(&mut state);
            if matches!(ending.0, EndReason::Interrupted | EndReason::Terminated) {
                self.stage.hurry.say();
            }
        }
        self.end_all(&mut state).await;
        if ending.0 == EndReason::Complete {
            self.last_call(&mut state).await;
        }
        while state.traffic.is_going() {
            let news = state.traffic.next().await;
            self.hear(news);
        }
        if ending.0 == EndReason::Complete {
            ending = self.read_back(&state, stop).await;
        }
        if let Err(error) = self.stage.links.flush().await {
            self.stream.finding(error.to_string());
        }
        self.catch_up(&mut state);
        self.drain_link_events();
        accounts::unused(self.plan, self.stage, &state.pieces, self.stream);
        if ending.0 == EndReason::Complete {
            ending = self.reconcile(&mut state, stop).await;
        }
        if ending.0 == EndReason::Complete {
            self.finish_metrics(&mut state).await;
        }
        ending
    }

    /// Fixes time 0 and starts everything that sends.
    async fn begin(&mut self) -> Result<State, String> {
        let clock = self.stream.clock;
        let (readers, before) = metrics::readers(self.plan, self.stage, clock).await?;
        before.into_iter().for_each(|event| self.stream.note(event));
        if self.plan.is_sealed() {
            // Else the first handshake of each load is late.
            tokio::task::spawn_blocking(tls::warm).await.map_err(|e| e.to_string())?;
        }
        let zero = At(self.stream.clock.now().0 + LEAD_US + self.plan.case.warmup_us);
        self.edges.zero(zero);
        self.stream.note(Event::Zero { zero });
        for used_up in self.plan.loads.iter().filter_map(|load| load.used_up.as_ref()) {
            self.stream.finding(used_up.words.clone());
        }
        for load in self.plan.insecure() {
            self.stream.finding(format!(
                "load `{load}` accepts any certificate (`tls: {{insecure: true}}`): whoever answered \
                 may not have been the service"
            ));
        }
        for watched in &self.plan.watched {
            let links = &self.stage.links;
            let watching = links.watch(&watched.link, watched.each, zero).await;
            watching.map_err(|e| e.to_string())?;
        }
        let metrics = Readers::start(readers, clock, zero);
        let addresses = self.stage.addresses();
        let guarding =
            Lookers::start(&self.plan.guards, clock, |name| addresses.get(name).cloned());
        if let Some(traces) = &mut self.stream.traces {
            traces.aim(self.plan, self.stage)?;
        }
        let traffic = Traffic::start(
            self.plan,
            self.stage,
            clock,
            zero,
            &self.edges,
            &self.run_id,
            self.tracing,
        )?;
        Ok(State {
            zero,
            traffic,
            timetable: Timetable::of(self.plan),
            pieces: accounts::pieces(self.plan, self.stage),
            on: vec![false; self.plan.faults.len()],
            gate_open: true,
            probes: JoinSet::new(),
            metrics,
            guarding,
            looks: JoinSet::new(),
            load_ended: None,
            waking: JoinSet::new(),
            errands: JoinSet::new(),
            marks: Marks::of(&self.stage.names.dir),
            acting: Acting::default(),
            away: Away::default(),
            over: None,
        })
    }

    async fn until_end(&mut self, state: &mut State, stop: &mut Stop) -> Ending {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let clock = self.stream.clock;
        let (deadline, manual) = (self.deadline, self.takes_marks());
        loop {
            if let Some(problem) = self.stream.failure() {
                return (EndReason::CouldNotRun, problem.to_owned());
            }
            if let Some(ending) = state.over.take() {
                return ending;
            }
            let waits = state.timetable.next_due().is_some()
                || !state.waking.is_empty()
                || !state.acting.ended.is_empty()
                || !state.looks.is_empty();
            if !state.traffic.is_going() && !waits {
                return (EndReason::Complete, String::new());
            }
            let due = state.timetable.next_due();
            let step_at = due.map_or(self.deadline, |due| At(state.zero.0.saturating_add(due)));
            tokio::select! {
                reason = signals::stopped(stop) => return (reason, "stopped by a signal".into()),
                () = clock.sleep_until(deadline) => return self.out_of_time(),
                () = clock.sleep_until(step_at), if due.is_some() => tokio::select! {
                    () = self.steps(state) => {}
                    // A link or a guardian that does not answer holds up nobody who wants to leave.
                    reason = signals::stopped(stop) => return (reason, "stopped by a signal".into()),
                    () = clock.sleep_until(deadline) => return self.out_of_time(),
                },
                Some(Ok((fault, acted))) = state.acting.ended.join_next(), if !state.acting.ended.is_empty() => {
                    self.acted(state, fault, acted).await;
                }
                Some(Ok((fault, since, ready))) = state.waking.join_next(), if !state.waking.is_empty() => {
                    self.woken(fault, since, ready);
                }
                Some(Ok((fault, exit))) = state.errands.join_next(), if !state.errands.is_empty() => {
                    self.errand_ended(state, fault, &exit).await;
                }
                Some(Ok((name, again))) = state.away.coming.join_next(), if !state.away.coming.is_empty() => {
                    self.came_again(state, &name, again);
                }
                marks = state.marks.next(), if manual => self.marked(state, marks).await,
                news = state.traffic.next(), if state.traffic.is_going() => {
                    let ended = matches!(news, News::Ended(_));
                    self.hear(news);
                    self.stop_stairs(state);
                    if ended {
                        self.look_early(state);
                    }
                }
                Some(event) = self.link_events.recv() => self.link_event(event),
                event = state.metrics.next() => self.stream.note(event),
                Some(Ok(looks)) = state.looks.join_next(), if !state.looks.is_empty() => {
                    self.stream.note(Event::Looks(looks));
                }
                lost = self.stage.lost() => {
                    match lost {
                        Lost::Service { name, how } => self.service_ended(state, name, &how),
                        Lost::Guardian(text) | Lost::Name(text) => self.stream.finding(text),
                    }
                    self.stream.flush();
                }
                event = state.guarding.next() => self.stream.note(event),
                _ = ticks.tick() => {
                    self.stream.tick();
                    if let Some(Stopped { guard, text }) = self.stream.guards.stop(clock.now()) {
                        self.stream.note(Event::Guard { guard, text: text.clone() });
                        return (EndReason::Guard, text);
                    }
                    if let Some(text) = self.lost_early(state.zero) {
                        return (EndReason::Lost, text);
                    }
                }
            }
        }
    }

    /// Takes what a sender tells.
    fn hear(&mut self, news: News) {
        match news {
            News::Batch(batch, events) => {
                self.stream.batch(*batch);
                events.into_iter().for_each(|event| self.stream.note(event));
            }
            News::Ended(Ok(())) => {}
            News::Ended(Err(error)) => {
                self.stream.abandon(&format!("the load generator failed: {error}"));
            }
        }
    }

    /// Takes everything that was told and not yet taken.
    pub(super) fn catch_up(&mut self, state: &mut State) {
        for (batch, events) in state.traffic.left() {
            self.hear(News::Batch(Box::new(batch), events));
        }
    }

    /// Reads the far ends' stores back and notes the ledgers.
    async fn read_back(&mut self, state: &State, stop: &mut Stop) -> Ending {
        let services = self.stage.addresses();
        let resolve = |name: &str| services.get(name).cloned();
        let reading = state.traffic.read_back(&resolve, &self.plan.folder);
        let clock = self.stream.clock;
        tokio::select! {
            ledgers = reading => {
                ledgers.into_iter().for_each(|ledger| self.stream.note(Event::Ledger(ledger)));
                (EndReason::Complete, String::new())
            }
            reason = signals::stopped(stop) => (reason, "stopped by a signal".into()),
            () = clock.sleep_until(self.deadline) => self.out_of_time(),
        }
    }

    pub(super) fn out_of_time(&mut self) -> Ending {
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
                Step::Probe => self.probe(state),
                Step::GateBefore => state.gate_open = self.look(state, GateTime::Before),
                Step::GateAfter => {
                    self.look(state, GateTime::After);
                }
                Step::Inject(index) if state.gate_open => self.inject(state, index).await,
                Step::Inject(index) => {
                    let now = self.stream.clock.now();
                    self.end_loads(state, index, now);
                }
                Step::Clear(index) => match self.too_long(state, index) {
                    Some(ending) => state.over = Some(ending),
                    None => self.clear(state, index).await,
                },
            }
            self.stream.flush();
        }
    }

    /// Once no load is left there is no sense in waiting with the second look, but for its probes.
    fn look_early(&mut self, state: &mut State) {
        if state.traffic.is_loading() || !state.timetable.has_look() || state.load_ended.is_some() {
            return;
        }
        state.load_ended = Some(self.stream.clock.now().second(state.zero));
        let now = self.since_zero(state);
        state.timetable.clear();
        let wait = if self.plan.probes.is_empty() { 0 } else { PROBES_US };
        state.timetable.add_look(now.saturating_add(wait));
    }

    fn link_event(&mut self, event: LinkEvent) {
        let event = match event {
            LinkEvent::FirstAffected { fault, at } => {
                return self.edge(fault, EdgeKind::FirstAffected, at, None);
            }
            LinkEvent::FirstUnaffected { fault, at } => {
                return self.edge(fault, EdgeKind::FirstUnaffected, at, None);
            }
            LinkEvent::Arrivals { link, second, n } => Event::Arrivals { link, second, n },
            LinkEvent::Attempts { link, list, left_out } => {
                Event::Attempts(Attempts { of: AttemptsOf::Link(link), list, left_out })
            }
        };
        self.stream.note(event);
    }

    fn drain_link_events(&mut self) {
        while let Ok(event) = self.link_events.try_recv() {
            self.link_event(event);
        }
    }

    fn edge(&mut self, fault: usize, edge: EdgeKind, at: At, effect: Option<Effect>) {
        self.stream.note(Event::Edge(Edge { fault, edge, at, effect }));
    }

    fn since_zero(&self, state: &State) -> u64 {
        u64::try_from(self.stream.clock.now().since(state.zero)).unwrap_or(0)
    }
}
