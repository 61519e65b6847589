//! A run as it is kept for later ones.
//!
//! Invariant: a request belongs to the phase that it would be judged in; one that was under way when
//! a fault came, for at most a second, belongs to the fault.
//! Not here: holding two of them against each other (`change`).

use super::{Past, PastLoad, PastPart, PastRequest};
use crate::case::{Case, Clock, Mark, Of};
use crate::event::EndReason;
use crate::evidence::Evidence;
use crate::health::Punctuality;
use crate::phase::Kind;
use crate::tally::{Good, Tally};
use crate::timeline::Timeline;
use crate::window::{SLOW_US, Window};
use std::collections::{BTreeMap, BTreeSet};

/// `(lowest, highest, count)` of each bucket.
type Buckets = Vec<(u64, u64, u64)>;

impl Past {
    /// What a run came to. The timeline must have been folded with the same case.
    #[must_use]
    pub fn new(run: String, started: String, case: &Case, timeline: &Timeline) -> Past {
        Past { run, started, ..Past::of(&Evidence::new(case, timeline)) }
    }

    /// What its own counts say that cannot be, in a sentence; none if they add up: of each request
    /// as many times are kept as were ok, on every clock that was recorded.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let requests = self.loads.iter().flat_map(|load| {
            load.requests.iter().map(move |request| (load.name.as_str(), request))
        });
        requests.into_iter().find_map(|(load, request)| {
            let of = format!("of `{}` in load `{load}`", request.name);
            let parts = || request.parts.iter();
            if parts().any(|part| part.k > part.n) {
                return Some(format!("{of} more were not ok than there were"));
            }
            let ok = parts().fold(0u64, |sum, part| sum.saturating_add(part.n - part.k));
            let clocks: [fn(&PastPart) -> &Buckets; 3] =
                [|part| &part.response, |part| &part.service, |part| &part.first_byte];
            clocks.into_iter().find_map(|clock| {
                let buckets = || parts().flat_map(clock);
                if buckets().any(|(low, high, _)| low > high) {
                    return Some(format!("{of} a bucket of times ends before it begins"));
                }
                let n = buckets().fold(0u64, |sum, (_, _, n)| sum.saturating_add(*n));
                let adds_up = n == ok || buckets().next().is_none();
                (!adds_up).then(|| format!("{of} {ok} were ok, and {n} times are kept"))
            })
        })
    }

    pub(crate) fn of(evidence: &Evidence<'_>) -> Past {
        let case = evidence.case;
        let loads = case.loads.iter().enumerate().map(|(index, load)| PastLoad {
            name: load.name.clone(),
            kind: load.kind,
            planned: load.planned,
            starts_us: load.starts_us,
            ends_us: load.ends_us,
            traffic: load.traffic.clone(),
            lost: evidence.loads.get(index).map_or(0, |health| health.lost),
            requests: (load.requests.iter().enumerate())
                .map(|(request, one)| PastRequest {
                    name: one.name.clone(),
                    parts: parts(evidence, Of { load: index, request }),
                })
                .collect(),
        });
        Past {
            run: String::new(),
            started: String::new(),
            ill: ill(evidence),
            warmup_us: case.warmup_us,
            faults: case.faults.clone(),
            loads: loads.collect(),
        }
    }
}

/// Phases are told apart by their kind and their faults.
type Parts = BTreeMap<(Kind, Vec<usize>), PastPart>;

fn parts(evidence: &Evidence<'_>, of: Of) -> Vec<PastPart> {
    let mut parts = Parts::new();
    let segments = &evidence.phases.segments;
    let window = Window { of: BTreeSet::from([of]), during: &[], limit_us: SLOW_US, seconds: None };
    for (place, key, counts) in window.cells(evidence.case, &evidence.phases, evidence.timeline) {
        let Some(segment) = segments.get(key.segment) else { continue };
        let part = match key.straddle.filter(|_| place.moved) {
            Some(straddle) => parts.entry((Kind::Fault, vec![straddle.fault])).or_default(),
            None => parts.entry((segment.kind, segment.faults.clone())).or_default(),
        };
        let tally = Tally::of(Good::Ok, key, counts);
        part.n += tally.n;
        part.k += tally.k;
        part.unknown += tally.unknown;
    }
    for (key, buckets) in evidence.timeline.histograms.iter() {
        if key.of != of || !key.ok || key.segment == 0 {
            continue;
        }
        let Some(segment) = segments.get(key.segment) else { continue };
        let part = parts.entry((segment.kind, segment.faults.clone())).or_default();
        let times = match key.clock {
            Clock::Response => &mut part.response,
            Clock::Service => &mut part.service,
            Clock::FirstByte => &mut part.first_byte,
            Clock::ServiceSeen | Clock::ServiceFirstByte => continue,
        };
        times.extend(buckets.iter().map(|((low, high), n)| (*low, *high, *n)));
    }
    let named = |fault: &usize| evidence.case.faults.get(*fault).map(|one| one.name.clone());
    let named = parts.into_iter().map(|((kind, faults), part)| PastPart {
        phase: kind.name().to_owned(),
        faults: faults.iter().filter_map(named).collect(),
        response: joined(part.response),
        service: joined(part.service),
        first_byte: joined(part.first_byte),
        ..part
    });
    named.collect()
}

/// Equal buckets added up, ascending.
fn joined(buckets: Vec<(u64, u64, u64)>) -> Vec<(u64, u64, u64)> {
    let mut sums: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for (low, high, n) in buckets {
        let sum = sums.entry((low, high)).or_default();
        *sum = sum.saturating_add(n);
    }
    sums.into_iter().map(|((low, high), n)| (low, high, n)).collect()
}

/// Why its numbers say nothing of the service.
fn ill(evidence: &Evidence<'_>) -> Option<String> {
    if evidence.end() != Some(EndReason::Complete) {
        return Some("it was stopped before its timetable was over".to_owned());
    }
    let case = evidence.case;
    let kinds = || evidence.timeline.kinds();
    let all: BTreeSet<Of> = kinds().collect();
    if let Some(doubt) = evidence.load_doubt(&all) {
        return Some(doubt.reason);
    }
    // The most patient: what every objective on latency has is stricter.
    let late = |mark: &Mark| match mark {
        Mark::LateBy { us } => Some(*us),
        _ => None,
    };
    let marks = case.marks.iter().enumerate();
    let late_mark = marks.filter_map(|(at, mark)| Some((late(mark)?, at))).max()?.1;
    let mut punctuality = Punctuality::default();
    for of in kinds() {
        for (key, counts) in evidence.timeline.cells(of).filter(|(key, _)| key.segment > 0) {
            punctuality.add(case, late_mark, of, key, counts);
        }
    }
    let used: BTreeSet<usize> = all.iter().map(|of| of.load).collect();
    punctuality.ill(case, &evidence.loads, &used, late_mark).map(|doubt| doubt.reason)
}
