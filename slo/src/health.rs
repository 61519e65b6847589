//! How the generator did. A generator that is late or short is our fault, not the target's.
//!
//! Ill for a question: more than 1 % of its requests began late (lag without the wait for a
//! connection), or waited because the limit of connections was reached, or less than 99 % of a
//! load's planned requests were begun, or of the journeys that its users were to share were made. Or if
//! answers may be other requests': on more than 1 % of its connections, or on any of a closed loop, the peer
//! said what nobody had asked for. Or if it stood still for more than a twentieth of a closed loop's time.
//!
//! Invariant: ill health never makes anything better than inconclusive.
//! Not here: what a service did.

use crate::case::{Case, LoadKind, Mark, Of};
use crate::event::{EndReason, Machine, Unasked, Unmade};
use crate::outcome::Outcome;
use crate::scorecard::HealthScore;
use crate::timeline::{Counts, Key, Timeline};
use crate::words;
use std::collections::BTreeSet;

pub(crate) mod stood;
use stood::Stood;

/// Why something cannot be decided, and what would decide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) reason: String,
    pub(crate) missing: String,
}

/// How complete one load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LoadHealth {
    /// Due from time 0 to the end of the plan, or of the run if that ended earlier.
    pub(crate) expected: u64,
    /// Of these, begun.
    pub(crate) begun: u64,
    /// Of these, without any record of their end.
    pub(crate) lost: u64,
    /// Of these, recorded as not sent.
    pub(crate) unsent: u64,
    /// Had to wait for a connection.
    pub(crate) blocked: u64,
    /// Its users did not make all their journeys.
    pub(crate) unmade: Option<Unmade>,
    /// Its peer said what nobody had asked for.
    pub(crate) unasked: Option<Unasked>,
    /// Its generator stood still.
    pub(crate) stood: Stood,
}

/// All loads, by index.
pub(crate) fn of_loads(case: &Case, timeline: &Timeline) -> Vec<LoadHealth> {
    let mut recorded = vec![0u64; case.loads.len()];
    let mut unsent = vec![0u64; case.loads.len()];
    for of in timeline.kinds() {
        for (key, counts) in timeline.cells(of).filter(|(key, _)| key.segment > 0) {
            if let (Some(recorded), Some(unsent)) =
                (recorded.get_mut(of.load), unsent.get_mut(of.load))
            {
                *recorded += counts.n;
                *unsent += if key.outcome == Outcome::NotSent { counts.n } else { 0 };
            }
        }
    }
    let reason = timeline.end.as_ref().map(|end| end.reason);
    let loads = case.loads.iter().zip(recorded.into_iter().zip(unsent)).enumerate();
    let loads = loads.map(|(index, (load, (recorded, unsent)))| {
        let health = timeline.health.get(&index).cloned().unwrap_or_default();
        let expected = match reason {
            // Users and fleets plan no arrivals: nothing of theirs can be missing.
            _ if load.kind != LoadKind::Open => 0,
            Some(EndReason::Complete) => planned(case, timeline, index),
            _ => health.due,
        };
        let sent = recorded - unsent;
        let begun = if reason.is_some() { sent } else { sent.max(health.begun.min(expected)) };
        let lost = expected.saturating_sub(recorded);
        let unmade = timeline.unmade.get(&index).copied();
        let unasked = timeline.unasked.get(&index).copied();
        let (blocked, stood) = (health.blocked, Stood::of(case, timeline, index));
        LoadHealth { expected, begun, lost, unsent, blocked, unmade, unasked, stood }
    });
    loads.collect()
}

/// Requests of the loads of these that were due, but left no record.
pub(crate) fn lost(loads: &[LoadHealth], of: &BTreeSet<Of>) -> u64 {
    let used: BTreeSet<usize> = of.iter().map(|of| of.load).collect();
    used.iter().filter_map(|load| loads.get(*load)).map(|load| load.lost).sum()
}

/// How many requests of an open load were to be due: of one that was stopped those until then.
pub(crate) fn planned(case: &Case, timeline: &Timeline, index: usize) -> u64 {
    let due = || timeline.health.get(&index).map_or(0, |sum| sum.due);
    let written = case.loads.get(index).map_or(0, |load| load.planned);
    let journeys = case.loads.get(index).is_some_and(|load| load.journeys);
    match (timeline.stopped.contains_key(&index), journeys) {
        (false, false) => written,
        (true, false) => due().min(written),
        // Their later requests are due when the earlier have ended, so only the run knows how many.
        (false, true) => due().max(written),
        (true, true) => due(),
    }
}

/// Of some requests: how many were begun, late, blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Punctuality {
    begun: u64,
    late: u64,
    blocked: u64,
    /// The lag was not counted for each of them: so many late there are at most.
    uncounted: bool,
}

impl Punctuality {
    /// Adds a cell.
    pub(crate) fn add(
        &mut self,
        case: &Case,
        late_mark: usize,
        of: Of,
        key: &Key,
        counts: &Counts,
    ) {
        if matches!(key.outcome, Outcome::NotSent | Outcome::FastFail) {
            return;
        }
        self.begun += counts.n;
        // Who is due when he begins cannot be late.
        let open = case.loads.get(of.load).is_some_and(|load| load.kind == LoadKind::Open);
        self.late += if open { counts.mark(late_mark) } else { 0 };
        let blocked = case.marks.iter().position(|mark| *mark == Mark::Blocked);
        self.blocked += blocked.map_or(0, |index| counts.mark(index));
    }

    /// Takes what is known of a lag that was not counted for each request.
    pub(crate) fn bound(&mut self, most_late: Option<u64>) {
        if let Some(most) = most_late {
            self.late = self.late.min(most);
            self.uncounted = true;
        }
    }

    /// What makes the generator ill for these requests of these loads.
    pub(crate) fn ill(
        self,
        case: &Case,
        loads: &[LoadHealth],
        used: &BTreeSet<usize>,
        late_mark: usize,
    ) -> Option<Doubt> {
        let many = |part: u64| u128::from(part) * 100 > u128::from(self.begun);
        if many(self.late) {
            let limit = match case.marks.get(late_mark) {
                Some(Mark::LateBy { us }) => words::duration(*us),
                _ => "?".to_owned(),
            };
            if self.uncounted {
                return Some(Doubt {
                    reason: format!(
                        "which of these requests began more than {limit} after they were due was not \
                         counted: up to {} may have (1 % is allowed)",
                        words::ratio(self.late, self.begun)
                    ),
                    missing: "a run whose own scenario asks for this limit".to_owned(),
                });
            }
            return Some(Doubt {
                reason: format!(
                    "the generator was late: {} of these requests began more than {limit} after \
                     they were due (1 % is allowed)",
                    words::ratio(self.late, self.begun)
                ),
                missing: KEEPS_UP.to_owned(),
            });
        }
        if many(self.blocked) {
            return Some(Doubt {
                reason: format!(
                    "the generator ran out of connections: {} of these requests had to wait for \
                     one (1 % is allowed)",
                    words::ratio(self.blocked, self.begun)
                ),
                missing: "a higher limit of `connections`, or fewer requests per second".to_owned(),
            });
        }
        used.iter().find_map(|index| {
            let (load, health) = (case.loads.get(*index)?, loads.get(*index)?);
            if let Some(Unmade { made, of, .. }) = health.unmade
                && u128::from(made) * 100 < u128::from(of) * 99
            {
                return Some(Doubt {
                    reason: format!(
                        "of the {} that the users of load `{}` were to make only {made} were made (99 \
                         % are needed)",
                        words::count(of, "journey"),
                        load.name
                    ),
                    missing: "a longer `max-duration`, more `vus`, or fewer `iterations`".to_owned(),
                });
            }
            if load.kind == LoadKind::Users
                && let Some(doubt) = health.stood.doubt(&load.name)
            {
                return Some(doubt);
            }
            if let Some(unasked) = health.unasked
                && may_be_others(load.kind, unasked)
            {
                return Some(Doubt {
                    reason: format!(
                        "answers may belong to other requests: on {} of {} of load `{}` the peer \
                         said what nobody had asked for ({} allowed)",
                        unasked.talked,
                        words::count(unasked.connections, "connection"),
                        load.name,
                        if load.kind == LoadKind::Open { "1 % is" } else { "none is" }
                    ),
                    missing: "a peer that answers each request once, and after it was asked"
                        .to_owned(),
                });
            }
            let short = u128::from(health.begun) * 100 < u128::from(health.expected) * 99;
            short.then(|| Doubt {
                reason: format!(
                    "the generator was short: of the {} of load `{}` only {} were begun (99 % are \
                     needed)",
                    words::count(health.expected, "planned request"),
                    load.name,
                    health.begun
                ),
                missing: health.missing(),
            })
        })
    }
}

/// Whether it happened too often. Who waits for each answer gets one for each request, so one that nobody
/// asked for is followed by answers that are all one ahead.
fn may_be_others(kind: LoadKind, unasked: Unasked) -> bool {
    let Unasked { connections, talked, .. } = unasked;
    match kind {
        LoadKind::Users => talked > 0,
        _ => u128::from(talked) * 100 > u128::from(connections),
    }
}

/// What a late generator lacks.
const KEEPS_UP: &str = "a generator that keeps up: fewer requests per second, or more cores";

impl Doubt {
    /// Names the other work of the machine, where a late generator shared its cores with much of it.
    pub(crate) fn beside(self, machine: Option<&Machine>) -> Doubt {
        let Some(machine) = machine.filter(|_| self.missing == KEEPS_UP) else { return self };
        // The most of each need not be of the same second, so this is the least that others used.
        let others = machine.all_milli.saturating_sub(machine.own_milli);
        if machine.cores == 0 || others.saturating_mul(4) < machine.cores.saturating_mul(1000) {
            return self;
        }
        let missing = format!(
            "{KEEPS_UP}, or an end to the other work on this machine, which used {}.{:02} of its {}",
            others / 1000,
            others % 1000 / 10,
            words::count(machine.cores, "core")
        );
        Doubt { missing, ..self }
    }
}

impl LoadHealth {
    /// What would let all be begun. What was not sent although none waited for a connection had a
    /// cause of its own, which the run has told.
    fn missing(&self) -> String {
        let keeps_up = "a generator that keeps up: fewer requests per second, more cores, or a higher \
                        limit of `connections`";
        let sent = format!(
            "an end to what kept {} from being sent: the findings name it",
            words::count(self.unsent, "request")
        );
        match (self.unsent, self.blocked) {
            (0, _) => keeps_up.to_owned(),
            (_, 0) => sent,
            _ => format!("{keeps_up}; or {sent}"),
        }
    }
}

/// What was taken from the machine, in words; what is not known is left out.
fn used(most: &Machine) -> String {
    let cores = |milli: u64| format!("{}.{:02}", milli / 1000, milli % 1000 / 10);
    // What is 0 could not be read.
    let known = |n: u64, text: String| if n > 0 { text } else { String::new() };
    let of = known(most.cores, format!(" of {}", words::count(most.cores, "core")));
    let all = known(most.all_milli, format!(", {} by all", cores(most.all_milli)));
    let own = format!("; at most {}{of} in use by this program{all}", cores(most.own_milli));
    let allowed = known(most.descriptors_allowed, format!(" of {}", most.descriptors_allowed));
    let descriptors =
        known(most.descriptors, format!("; {}{allowed} descriptors", most.descriptors));
    let ports = known(most.ports, format!(", for {} ports", most.ports));
    let sockets =
        known(most.sockets, format!("; {} TCP sockets on the machine{ports}", most.sockets));
    own + &descriptors + &sockets
}

/// How the generator did in all. `ill`: the questions that it was ill for, with the reasons.
pub(crate) fn score(
    case: &Case,
    timeline: &Timeline,
    loads: &[LoadHealth],
    ill: &[(String, String)],
) -> HealthScore {
    let sums = || timeline.health.values();
    let open = |index: usize| case.loads.get(index).is_some_and(|l| l.kind == LoadKind::Open);
    let planned = (0..case.loads.len()).filter(|index| open(*index));
    let planned = planned.map(|index| self::planned(case, timeline, index));
    let planned = planned.fold(0u64, u64::saturating_add);
    let count = |ours: bool| {
        let loads = loads.iter().enumerate().filter(|(index, _)| open(*index) == ours);
        loads.map(|(_, load)| load.begun).sum::<u64>()
    };
    let (begun, unplanned) = (count(true), count(false));
    let lag_max_us = sums().map(|sum| sum.max_us).max().unwrap_or(0);
    let blocked = sums().map(|sum| sum.blocked).sum();
    let waited = match blocked {
        0 => String::new(),
        _ => format!(", {} waited for a connection", words::count(blocked, "request")),
    };
    let others = match unplanned {
        0 => String::new(),
        n => format!(", {n} by users and fleets"),
    };
    let used = timeline.machine.as_ref().map_or(String::new(), used);
    let sentence = match ill.first() {
        Some((id, reason)) => format!("ill for `{id}`: {reason}{used}"),
        None => format!(
            "well: {begun} of {} begun{others}, the greatest lag was {}{waited}{used}",
            words::count(planned, "planned request"),
            words::about(lag_max_us)
        ),
    };
    HealthScore {
        well: ill.is_empty(),
        planned,
        begun,
        blocked,
        worst_lag_p50_us: sums().map(|sum| sum.worst_p50_us).max().unwrap_or(0),
        worst_lag_p99_us: sums().map(|sum| sum.worst_p99_us).max().unwrap_or(0),
        lag_max_us,
        machine: timeline.machine,
        sentence,
    }
}
