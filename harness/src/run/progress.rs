//! What the person who waits is told: derived from the same events as the journal.
//!
//! Invariant: reads only; nothing here changes a run or a verdict.
//! Not here: how it looks (`report::live`).

use crate::plan::Plan;
use crate::record::Batch;
use crate::report::{Live, Tick, Totals};
use assay_slo::event::{Edge, EdgeKind, Gate, GateTime, ServiceState};
use assay_slo::time::SECOND_US;
use assay_slo::{At, Case, Entry, Event, Outcome};
use std::collections::VecDeque;
use std::time::Duration;

/// Rates are told of the last so many hand-overs.
const WINDOW: usize = 5;

/// Counts of a stretch.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    due: u64,
    done: u64,
    bad: u64,
}

/// Tells a [`Live`] how the run does.
#[derive(Debug)]
pub(super) struct Progress {
    live: Live,
    ends_us: u64,
    warmup_us: u64,
    zero: Option<At>,
    /// Faults that are on, by index.
    on: Vec<usize>,
    /// Until when a recovery lasts.
    recovery: Option<At>,
    faults_left: usize,
    phase: Option<(String, At)>,
    phase_sum: Sum,
    /// The last hand-overs, oldest first, with their instants.
    recent: VecDeque<(At, Sum)>,
    in_flight: Vec<u64>,
    lag_p99_us: u64,
    p95_us: Option<u64>,
}

impl Progress {
    /// Nothing has happened yet.
    pub(super) fn new(live: Live, plan: &Plan) -> Progress {
        Progress {
            live,
            ends_us: plan.ends_us,
            warmup_us: plan.case.warmup_us,
            zero: None,
            on: vec![],
            recovery: None,
            faults_left: plan.faults.len(),
            phase: None,
            phase_sum: Sum::default(),
            recent: VecDeque::new(),
            in_flight: vec![0; plan.loads.len()],
            lag_p99_us: 0,
            p95_us: None,
        }
    }

    /// Says something that is no event.
    pub(super) fn note(&mut self, text: &str) {
        self.live.note(text);
    }

    /// Says an event.
    pub(super) fn event(&mut self, entry: &Entry, case: &Case) {
        match &entry.event {
            Event::Zero { zero } => self.zero = Some(*zero),
            Event::Service(service) => {
                let state = match service.state {
                    ServiceState::Started => "started",
                    ServiceState::Ready => "is ready",
                    ServiceState::Died => "DIED",
                    ServiceState::Stopped => "stopped",
                };
                let text = format!("service {} {state}: {}", service.name, service.detail);
                if service.state == ServiceState::Stopped {
                    self.live.detail(&text);
                } else {
                    self.live.note(&text);
                }
            }
            Event::NotBack(missed) => {
                let name = case.faults.get(missed.fault).map_or("?", |fault| fault.name.as_str());
                self.live.note(&format!("fault {name}: {}", missed.detail));
            }
            Event::Gate(gate) => self.gate(gate),
            Event::Edge(edge) => self.edge(edge, case),
            Event::Guard { text, .. } => self.live.note(&format!("guard: {text}")),
            Event::Stopped { load, text, .. } => {
                let name = case.loads.get(*load).map_or("?", |load| load.name.as_str());
                let steps = case.loads.get(*load).is_some_and(|load| !load.steps.is_empty());
                let what = if steps { "goes no higher: " } else { "ends " };
                self.live.note(&format!("load {name} {what}{text}"));
            }
            Event::Finding { text } => self.live.note(&format!("note: {text}")),
            _ => {}
        }
    }

    /// Adds what a generator thread handed over.
    pub(super) fn batch(&mut self, batch: &Batch, now: At) {
        let mut sum = Sum::default();
        for health in &batch.health {
            sum.due += health.due;
            if let Some(in_flight) = self.in_flight.get_mut(health.load) {
                *in_flight = health.in_flight;
            }
            self.lag_p99_us = health.lag_p99_us;
        }
        // As the verdict counts: what was rejected or never sent is no attempt.
        for cell in batch.cells.iter().filter(|cell| cell.outcome.is_known_attempt()) {
            let bad = if cell.outcome == Outcome::Ok { 0 } else { cell.n };
            for sum in [&mut sum, &mut self.phase_sum] {
                sum.done += cell.n;
                sum.bad += bad;
            }
        }
        self.recent.push_back((now, sum));
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }

    /// The last second's 95th percentile of response times.
    pub(super) fn p95(&mut self, us: Option<u64>) {
        self.p95_us = us.or(self.p95_us);
    }

    /// Tells how it does now.
    pub(super) fn tick(&mut self, now: At, case: &Case) {
        let Some(zero) = self.zero else { return };
        if self.warmup_us == 0 && now < zero {
            return;
        }
        self.enter(self.phase_now(now, zero, case), now);
        let (sum, over_us) = self.lately();
        let rate = |n: u64| n as f64 * SECOND_US as f64 / over_us as f64;
        let began = zero.plus(-i64::try_from(self.warmup_us).unwrap_or(0));
        let ends = zero.plus(i64::try_from(self.ends_us).unwrap_or(i64::MAX));
        let length = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0));
        self.live.tick(&Tick {
            phase: self.phase.as_ref().map_or(String::new(), |(name, _)| name.clone()),
            elapsed: length(now.since(began)),
            left: length(ends.since(now)),
            offered_rate: rate(sum.due),
            done_rate: rate(sum.done),
            p95_us: self.p95_us,
            errors_share: sum.bad as f64 / sum.done.max(1) as f64,
            in_flight: self.in_flight.iter().sum(),
            lag_p99_us: self.lag_p99_us,
        });
    }

    /// Nothing more comes.
    pub(super) fn finish(mut self, now: At) {
        self.enter(String::new(), now);
        self.live.finish();
    }

    /// What was handed over after the oldest of the recent instants, and in how many µs.
    fn lately(&self) -> (Sum, u64) {
        let mut sum = Sum::default();
        for (_, one) in self.recent.iter().skip(1) {
            sum.due += one.due;
            sum.done += one.done;
            sum.bad += one.bad;
        }
        let ends = self.recent.front().zip(self.recent.back());
        let over = ends.map_or(0, |((first, _), (last, _))| last.0.saturating_sub(first.0));
        (sum, over.max(1))
    }

    fn phase_now(&self, now: At, zero: At, case: &Case) -> String {
        let name = |index: &usize| case.faults.get(*index).map_or("?", |fault| fault.name.as_str());
        if now < zero {
            "warmup".to_owned()
        } else if !self.on.is_empty() {
            format!("fault ({})", self.on.iter().map(name).collect::<Vec<_>>().join(", "))
        } else if self.recovery.is_some_and(|until| now < until) {
            "recovery".to_owned()
        } else if self.recovery.is_some() && self.faults_left == 0 {
            "after".to_owned()
        } else {
            "steady".to_owned()
        }
    }

    fn enter(&mut self, phase: String, now: At) {
        if self.phase.as_ref().is_some_and(|(name, _)| *name == phase) {
            return;
        }
        let sum = std::mem::take(&mut self.phase_sum);
        let before = self.phase.replace((phase, now));
        let Some((name, since)) = before.filter(|(name, _)| !name.is_empty()) else { return };
        self.live.phase_end(&Totals {
            phase: name,
            lasted: Duration::from_micros(u64::try_from(now.since(since)).unwrap_or(0)),
            requests: sum.done,
            bad: sum.bad,
            p95_us: None,
        });
    }

    fn gate(&mut self, gate: &Gate) {
        let when = match gate.when {
            GateTime::Before => "before the first fault",
            GateTime::After => "after the last fault",
        };
        if gate.open {
            self.live.note(&format!("steady {when}"));
        } else {
            self.live.note(&format!("NOT steady {when}: {}", gate.reasons.join("; ")));
        }
    }

    fn edge(&mut self, edge: &Edge, case: &Case) {
        let Some(fault) = case.faults.get(edge.fault) else { return };
        match edge.edge {
            EdgeKind::Applied => {
                self.on.push(edge.fault);
                // A person does it, to nothing that we know.
                let of =
                    if fault.is_manual() { String::new() } else { format!(" of {}", fault.link) };
                self.live.note(&format!("fault {} is on: {}{of}", fault.name, fault.kind));
            }
            EdgeKind::Cleared => {
                self.on.retain(|index| *index != edge.fault);
                self.faults_left = self.faults_left.saturating_sub(1);
                let until = At(edge.at.0.saturating_add(fault.recovery_us));
                self.recovery = self.recovery.max(Some(until));
                // How many it affected is known when the callers have told: the verdict says it.
                self.live.note(&format!("fault {} is off", fault.name));
            }
            EdgeKind::FirstAffected | EdgeKind::FirstUnaffected | EdgeKind::Asked => {
                let kind = format!("{:?}", edge.edge);
                self.live.detail(&format!("fault {}: {kind}", fault.name));
            }
        }
    }
}
