//! What the page shows, folded from events and batches.
//!
//! Invariant: counters only grow; memory depends on how many kinds of requests there are.
//! Not here: how it is written (`page`).

use crate::plan::Fleet as Planned;
use crate::record::Batch;
use crate::record::journal::Header;
use assay_slo::case::{Clock, LoadKind, Shows};
use assay_slo::event::{BreakerState, EdgeKind, GateTime, Health, ServiceState};
use assay_slo::{At, Case, Entry, Event, Outcome};
use std::collections::BTreeMap;

/// Upper ends of the buckets of times, µs: those of the platform's own histograms, so that both can
/// be laid over each other.
pub(super) const BUCKETS_US: [u64; 11] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// Times of one kind of request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Of each of [`BUCKETS_US`], how many lie in it and in none before.
    pub(super) buckets: [u64; BUCKETS_US.len()],
    pub(super) count: u64,
    pub(super) sum_us: u128,
}

/// One load as it goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    pub(super) due: u64,
    pub(super) in_flight: u64,
    pub(super) lag_p99_us: u64,
}

/// One fleet as it goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Fleet {
    pub(super) generated: u64,
    pub(super) acknowledged: u64,
    pub(super) backlog: u64,
}

/// Everything that is shown.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) case: Case,
    /// Run, scenario, seed, version.
    pub(super) info: [(&'static str, String); 4],
    pub(super) zero: Option<At>,
    pub(super) now: At,
    /// Load, request, outcome.
    pub(super) requests: BTreeMap<(usize, usize, Outcome), u64>,
    /// Load, request.
    pub(super) times: BTreeMap<(usize, usize), Times>,
    pub(super) loads: BTreeMap<usize, Load>,
    pub(super) fleets: BTreeMap<usize, Fleet>,
    /// On just now; every declared fault has one.
    pub(super) faults: Vec<bool>,
    pub(super) applied: Vec<u64>,
    pub(super) injected: Vec<u64>,
    /// Fleet and gateway.
    pub(super) breakers: BTreeMap<(usize, u32), BreakerState>,
    pub(super) changes: BTreeMap<(usize, u32, BreakerState, BreakerState), u64>,
    /// Whether they were last said to be ready.
    pub(super) services: BTreeMap<String, bool>,
    pub(super) gates: BTreeMap<&'static str, bool>,
    pub(super) findings: u64,
}

impl Board {
    /// Of a run that has not begun, with these fleets.
    pub(crate) fn new(header: &Header, fleets: &[Planned]) -> Board {
        let case = &header.case;
        let info = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("scenario", header.scenario.name.clone()),
            ("run", header.run.clone()),
            ("seed", header.seed.to_string()),
        ];
        let mut board = Board::of(case, info);
        for (place, fleet) in fleets.iter().enumerate() {
            let gateway = fleet.gateway.as_ref().filter(|gateway| gateway.breaker.is_some());
            board.guarded(place, gateway.map_or(0, |gateway| gateway.count));
        }
        board
    }

    /// So many gateways of a fleet have breakers, all closed as yet.
    pub(super) fn guarded(&mut self, fleet: usize, gateways: u32) {
        let closed = (0..gateways).map(|gateway| ((fleet, gateway), BreakerState::Closed));
        self.breakers.extend(closed);
    }

    /// Of a case.
    pub(super) fn of(case: &Case, info: [(&'static str, String); 4]) -> Board {
        let faults = case.faults.len();
        let kinds = case.loads.iter().enumerate();
        let kinds = kinds.flat_map(|(load, of)| (0..of.requests.len()).map(move |r| (load, r)));
        // From 0 on: `rate()` sees no rise in a series that begins with the first failures.
        let born = kinds.clone().flat_map(|(load, request)| {
            let gated = case.fleets.iter().any(|fleet| fleet.load == load && fleet.gateway);
            let may = move |outcome: &Outcome| match outcome {
                Outcome::FastFail => gated,
                // The run ends with them.
                Outcome::Cut => false,
                _ => true,
            };
            Outcome::ALL.into_iter().filter(may).map(move |outcome| ((load, request, outcome), 0))
        });
        Board {
            case: case.clone(),
            info,
            zero: None,
            now: At(0),
            requests: born.collect(),
            times: kinds.map(|kind| (kind, Times::default())).collect(),
            loads: (0..case.loads.len()).map(|load| (load, Load::default())).collect(),
            fleets: (0..case.fleets.len()).map(|fleet| (fleet, Fleet::default())).collect(),
            faults: vec![false; faults],
            applied: vec![0; faults],
            injected: vec![0; faults],
            breakers: BTreeMap::new(),
            changes: BTreeMap::new(),
            services: BTreeMap::new(),
            gates: BTreeMap::new(),
            findings: 0,
        }
    }

    /// Takes an event in.
    pub(crate) fn event(&mut self, entry: &Entry) {
        self.now = self.now.max(entry.at);
        match &entry.event {
            Event::Zero { zero } => self.zero = Some(*zero),
            Event::Edge(edge) => self.edge(edge.fault, edge.edge, edge.effect.map(|e| e.injected)),
            Event::Health(health) => self.health(health),
            Event::Breaker(change) => {
                let gateway = (change.fleet, change.gateway);
                self.breakers.insert(gateway, change.to);
                let change = (change.fleet, change.gateway, change.from, change.to);
                *self.changes.entry(change).or_default() += 1;
            }
            Event::Backlog(backlog) => {
                let fleet = self.fleets.entry(backlog.fleet).or_default();
                fleet.generated = backlog.generated;
                fleet.acknowledged = backlog.acknowledged;
                fleet.backlog = backlog.peak;
            }
            Event::Service(service) => {
                let up = service.state == ServiceState::Ready;
                self.services.insert(service.name.clone(), up);
            }
            Event::Gate(gate) => {
                let when = match gate.when {
                    GateTime::Before => "before",
                    GateTime::After => "after",
                };
                self.gates.insert(when, gate.open);
            }
            Event::Finding { .. } => self.findings += 1,
            _ => {}
        }
    }

    fn edge(&mut self, fault: usize, edge: EdgeKind, injected: Option<u64>) {
        let Some(on) = self.faults.get_mut(fault) else { return };
        match edge {
            EdgeKind::Applied => {
                *on = true;
                self.applied[fault] += 1;
            }
            EdgeKind::Cleared => *on = false,
            EdgeKind::Asked | EdgeKind::FirstAffected | EdgeKind::FirstUnaffected => {}
        }
        self.injected[fault] += injected.unwrap_or(0);
    }

    /// Whether a service is up: ready, and not just now taken away by a fault of ours.
    pub(super) fn is_up(&self, service: &str) -> bool {
        let mut on = self.case.faults.iter().zip(&self.faults).filter(|(_, on)| **on);
        let taken = on.any(|(fault, _)| fault.link == service && fault.shows == Shows::Gone);
        !taken && self.services.get(service).is_some_and(|ready| *ready)
    }

    fn health(&mut self, health: &Health) {
        let load = self.loads.entry(health.load).or_default();
        load.due += health.due;
        load.in_flight = health.in_flight;
        load.lag_p99_us = health.lag_p99_us;
    }

    /// Takes in what a generator thread handed over.
    pub(crate) fn batch(&mut self, batch: &Batch, now: At) {
        self.now = self.now.max(now);
        for cell in &batch.cells {
            let key = (cell.load, cell.request, cell.outcome);
            *self.requests.entry(key).or_default() += cell.n;
        }
        for interval in &batch.intervals {
            let series = interval.series;
            let kind = self.case.loads.get(series.load).map(|load| load.kind);
            // As callers of an open load see it; others have only the time of the service.
            let shown = if kind == Some(LoadKind::Open) { Clock::Response } else { Clock::Service };
            if series.clock == shown {
                self.times.entry((series.load, series.request)).or_default().add(&interval.times);
            }
        }
    }
}

impl Times {
    fn add(&mut self, times: &hdrhistogram::Histogram<u32>) {
        for value in times.iter_recorded() {
            let (us, n) = (value.value_iterated_to(), u64::from(value.count_at_value()));
            if let Some(bucket) = BUCKETS_US.iter().position(|most| us <= *most) {
                self.buckets[bucket] += n;
            }
            self.count += n;
            self.sum_us += u128::from(us) * u128::from(n);
        }
    }
}
