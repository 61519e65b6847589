//! How a fault meets a fleet: how long an attempt takes to fail, and what follows from that.
//!
//! Invariant: bounds are lower bounds: nothing real could be faster.
//! Not here: what is said where a bound is broken (`breaker`, `backlog`).

use crate::plan::fleet::{Order, Retry};
use crate::plan::traffic::Traffic;
use crate::plan::{
    Affects, Fault, FaultKind, Fleet, Link, Match, OutageMode, Place, Target, Upstream,
};
use assay_slo::case::Case;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// All that feasibility is computed from.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct World<'p> {
    pub(in crate::plan) traffic: Traffic<'p>,
    pub(in crate::plan) faults: &'p [Fault],
    pub(in crate::plan) links: &'p [Link],
    pub(in crate::plan) case: &'p Case,
}

/// A fault on a fleet's way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting {
    /// From begun to failed, µs: f.
    pub(super) fail_us: u64,
    /// Whether every sample meets it.
    pub(super) whole: bool,
}

/// How a fault meets a fleet's samples; none if it does not, or fails none of them.
pub(super) fn meeting(fleet: &Fleet, fault: &Fault, links: &[Link]) -> Option<Meeting> {
    let behind = |link: &Link| link.to == Upstream::Service(fault.link.clone());
    let on_way = match (fault.kind.place(), &fleet.to) {
        (Place::Service, Target::Service(service)) => *service == fault.link,
        (Place::Service, Target::Link(name)) => {
            links.iter().any(|link| link.name == *name && behind(link))
        }
        (Place::Link, Target::Link(name)) => *name == fault.link,
        (Place::Link, Target::Service(_)) | (Place::Outside, _) => false,
    };
    let timeout_us = fleet.client.timeout_us;
    let fail_us = match &fault.kind {
        FaultKind::Outage(OutageMode::BlackHole) | FaultKind::Stall | FaultKind::Pause => {
            timeout_us
        }
        FaultKind::Outage(OutageMode::Refuse | OutageMode::Reset)
        | FaultKind::Abort
        | FaultKind::Garbage
        | FaultKind::Kill { .. }
        | FaultKind::Stop
        | FaultKind::Restart => 0,
        FaultKind::Error { status, .. } if *status >= 500 => 0,
        FaultKind::Latency(delay) if delay.least_us() >= timeout_us => timeout_us,
        // Whether an answer is long enough to be cut, or to come too late, nobody knows before.
        FaultKind::Error { .. }
        | FaultKind::Latency(_)
        | FaultKind::Truncate { .. }
        | FaultKind::SlowClose
        | FaultKind::HalfOpen
        | FaultKind::LimitBytes { .. }
        | FaultKind::Disconnect { .. }
        | FaultKind::Pressure(_)
        | FaultKind::Command(_)
        | FaultKind::Manual { .. }
        | FaultKind::Bandwidth { .. } => return None,
    };
    let whole = fault.affects == Affects::All && fault.matches == Match::default();
    on_way.then_some(Meeting { fail_us, whole })
}

/// How long a trial takes to fail during a fault, µs: T(mode).
pub(super) fn trial_fails_us(fleet: Option<&Fleet>, fault: &Fault) -> u64 {
    match (&fault.kind, fleet) {
        (
            FaultKind::Outage(OutageMode::BlackHole)
            | FaultKind::Stall
            | FaultKind::Pause
            | FaultKind::Latency(_),
            Some(fleet),
        ) => fleet.client.timeout_us,
        _ => 0,
    }
}

/// The waits between the attempts of one operation, jitter at its shortest, µs.
pub(super) fn waits_us(retry: &Retry) -> impl Iterator<Item = u64> {
    let retry = *retry;
    let shortest = move |us: u64| {
        let kept = u128::from(retry.jitter.rest().0) * u128::from(us);
        u64::try_from(kept / u128::from(assay_slo::Share::ONE.0)).unwrap_or(us)
    };
    let next = move |us: &u64| {
        let grown = u128::from(*us) * u128::from(retry.factor_milli) / 1000;
        Some(u64::try_from(grown).unwrap_or(u64::MAX).min(retry.max_us))
    };
    let waits = std::iter::successors(Some(retry.base_us.min(retry.max_us)), next);
    waits.take(retry.attempts.saturating_sub(1) as usize).map(shortest)
}

/// One device's course of failures.
struct Lane {
    /// When its first sample comes, µs.
    begins: u64,
    every_us: u64,
    fail_us: u64,
    /// Each attempt of an operation counts, or only the operation.
    each: bool,
    /// Waits between the attempts of an operation.
    waits: Vec<u64>,
}

impl Lane {
    /// The next failure after an attempt, or operation, that starts at `at`: when it is told, and
    /// which attempt starts then when.
    fn after(&self, at: u64, attempt: usize) -> (u64, (u64, usize)) {
        if !self.each {
            let attempts = self.waits.len() as u64 + 1;
            let waits = self.waits.iter().copied().fold(0, u64::saturating_add);
            let ends =
                at.saturating_add(self.fail_us.saturating_mul(attempts)).saturating_add(waits);
            return (ends, (self.next_sample(ends), 0));
        }
        let failed = at.saturating_add(self.fail_us);
        match self.waits.get(attempt) {
            Some(wait) => (failed, (failed.saturating_add(*wait), attempt + 1)),
            None => (failed, (self.next_sample(failed), 0)),
        }
    }

    /// What failed is tried again with the next sample.
    fn next_sample(&self, after: u64) -> u64 {
        let every = self.every_us.max(1);
        let passed = after.saturating_sub(self.begins) / every;
        self.begins.saturating_add(passed.saturating_add(1).saturating_mul(every))
    }
}

/// The longest that is looked for failures.
const MOST_FAILURES: u64 = 100_000;

/// When a gateway's breaker has counted so many failures at the earliest, µs after a fault that
/// fails every attempt: (F − 1)/λ + f where enough samples are under way at once, longer where
/// each device waits for its retries.
pub(super) fn opens_after_us(fleet: &Fleet, failures: u64, fail_us: u64) -> u64 {
    let Some(gateway) = &fleet.gateway else { return 0 };
    let devices = fleet.devices_of_one();
    let at_once = devices.min(u64::try_from(gateway.in_flight).unwrap_or(u64::MAX));
    let each = gateway.retry.as_ref().is_none_or(|retry| retry.order == Order::OutsideBreaker);
    let waits: Vec<u64> = gateway
        .retry
        .as_ref()
        .map_or_else(Vec::new, |retry| waits_us(retry).take(10_000).collect());
    let lanes: Vec<Lane> = (0..at_once.min(failures))
        .map(|lane| Lane {
            begins: fleet.every_us.saturating_mul(lane) / devices.max(1),
            every_us: fleet.every_us,
            fail_us,
            each,
            waits: waits.clone(),
        })
        .collect();
    let told = |lane: usize, at, attempt| {
        let (told, next) =
            lanes.get(lane).map_or((u64::MAX, (u64::MAX, 0)), |one| one.after(at, attempt));
        Reverse((told, lane, next))
    };
    let mut heap: BinaryHeap<_> =
        lanes.iter().enumerate().map(|(at, lane)| told(at, lane.begins, 0)).collect();
    let mut last = 0;
    for _ in 0..failures.min(MOST_FAILURES) {
        let Some(Reverse((at, lane, (next, attempt)))) = heap.pop() else { break };
        last = at;
        heap.push(told(lane, next, attempt));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Client;
    use crate::plan::fleet::{Delivery, Gateway, Profile, WhenFull};
    use assay_slo::Share;

    fn fleet(devices: u64, every_us: u64, retry: Option<Retry>) -> Fleet {
        let gateway = Gateway {
            count: 1,
            in_flight: 16,
            timeout_us: 2_000_000,
            buffer_max: 20_000,
            when_full: WhenFull::DropOldest,
            delivery: Delivery::StoreAndForward,
            breaker: None,
            retry,
            mutant: None,
        };
        Fleet {
            load: 0,
            name: "t".into(),
            to: Target::Link("l".into()),
            devices,
            every_us,
            jitter_us: 0,
            samples: 10,
            profile: Profile::Truck,
            send: None,
            key: Vec::new(),
            client: Client {
                connections: 1,
                timeout_us: 2_000_000,
                connect_timeout_us: 1,
                headers: Vec::new(),
                transport: crate::plan::Transport::default(),
            },
            gateway: Some(gateway),
            drain_us: 0,
            read_back: None,
        }
    }

    fn retry(order: Order) -> Option<Retry> {
        Some(Retry {
            attempts: 3,
            base_us: 1_000_000,
            factor_milli: 2000,
            max_us: 30_000_000,
            jitter: Share(0),
            order,
        })
    }

    /// Many devices at 200/s: 4/λ + f, and 4/λ + 3 + 3f with the retries inside. One device that
    /// waits for its retries: 4 + 5f, and 5 (3 + 3f) and what is left to the next sample.
    #[test]
    fn bounds_agree_with_the_formulas() {
        let second = 1_000_000;
        let many = |order| fleet(40, 200_000, retry(order));
        assert_eq!(opens_after_us(&many(Order::OutsideBreaker), 5, 0), 20_000);
        assert_eq!(opens_after_us(&many(Order::OutsideBreaker), 5, 2 * second), 2_020_000);
        assert_eq!(opens_after_us(&many(Order::InsideBreaker), 5, 0), 3_020_000);
        assert_eq!(opens_after_us(&many(Order::InsideBreaker), 5, 2 * second), 9_020_000);
        let one = |order| fleet(1, 10_000, retry(order));
        assert_eq!(opens_after_us(&one(Order::OutsideBreaker), 5, 0), 4_010_000);
        assert_eq!(opens_after_us(&one(Order::InsideBreaker), 5, 0), 15_040_000);
        // Without retries each sample is one attempt: 4/λ + f.
        assert_eq!(opens_after_us(&fleet(1, 100_000, None), 5, 0), 400_000);
        assert_eq!(opens_after_us(&fleet(1, 100_000, None), 5, 50_000), 450_000);
    }

    #[test]
    fn waits_grow_to_their_longest() {
        let Some(retry) = retry(Order::OutsideBreaker) else { panic!() };
        let waits = |retry: Retry| waits_us(&retry).collect::<Vec<_>>();
        assert_eq!(waits(retry), [1_000_000, 2_000_000]);
        let capped = Retry { attempts: 5, max_us: 3_000_000, ..retry };
        assert_eq!(waits(capped), [1_000_000, 2_000_000, 3_000_000, 3_000_000]);
        let jittered = Retry { jitter: Share(100_000_000), ..retry };
        assert_eq!(waits(jittered), [900_000, 1_800_000]);
    }
}
